"""How mature the skeleton of a hand is, from its growth plates: narrowing means nothing while they are open.

One small network looks at square patches about single joints (the knuckles, the middle and thumb joints, the distal
radius), where an open plate is a dark line beside the joint, and says for each how far the skeleton has come. So a wrist
crop without fingers is judged too, and the outline of the hand, its size and its background play no part.

The scale is *relative skeletal age*: bone age (Greulich and Pyle) over the bone age at which the plates of fingers and
palm have closed, 186 months in girls and 210 in boys. It is what can be seen: sex need not be known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from coread.errors import InputError
from coread.vision.network import Network
from coread.vision.patches import Square, cut, standardised

CLOSURE_MONTHS: Mapping[str, float] = {"F": 186.0, "M": 210.0}
FINGER_JOINTS = ("MCP 1", "MCP 2", "MCP 3", "MCP 4", "MCP 5", "PIP 2", "PIP 3", "PIP 4", "PIP 5", "IP thumb")
JOINTS = (*FINGER_JOINTS, "radius")
KINDS = ("MCP", "PIP", "radius")
HALF_SIDE = {"MCP": 0.085, "PIP": 0.075, "radius": 0.14}
CLOSING_AGE_YEARS = 17.5
CARPUS = "capitate-scaphoid-lunate"
RADIUS_SHIFT = 0.065
PATCH = 48
WEIGHTS = Path(__file__).parents[1] / "models" / "hand_maturity.onnx"

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where a joint lies and which way its finger points.

    Attributes:
        center_px: column and row.
        axis: unit vector (columns, rows) from the palm towards the finger tip.
    """

    center_px: Point
    axis: Point


@dataclass(frozen=True, slots=True)
class Maturity:
    """How mature a hand is.

    Attributes:
        open_probability: calibrated probability that growth plates of fingers, palm or radius are still open.
        relative_age: bone age over the bone age of closure. The few mature hands of the training data pull it to the middle: held-out
            mature hands read 0.81 to 0.94, so judge by ``open_probability``, which is calibrated on held-out children.
        low: lower end of the 90 % interval of ``relative_age``.
        high: upper end.
        joints: the joints that were looked at.
    """

    open_probability: float
    relative_age: float
    low: float
    high: float
    joints: tuple[str, ...]

    def given_age(self, age_years: float | None) -> Maturity:
        """The same judgement once the patient's age is known: the odds of open plates are multiplied by the odds at that age.

        Plates of the hand close between 15 and 20 years, the radius last (Greulich and Pyle 1959): even odds at 17.5 years, times e for
        each 0.8 years less. Without an age nothing changes.
        """
        if age_years is None:
            return self
        chance = min(max(self.open_probability, 1e-9), 1 - 1e-9)
        odds = float(np.log(chance / (1 - chance))) + min(max((CLOSING_AGE_YEARS - age_years) / 0.8, -12.0), 12.0)
        return replace(self, open_probability=1.0 / (1.0 + float(np.exp(-odds))))

    def bone_age_months(self, sex: Literal["F", "M"] | None = None) -> tuple[float, float, float]:
        """Bone age in months with its 90 % interval (value, low, high); with unknown sex the interval holds both.

        From closure on bone age cannot be read any further: the value is then a lower bound.
        """
        if sex is not None:
            months = CLOSURE_MONTHS[sex]
            return self.relative_age * months, self.low * months, self.high * months
        girls, boys = CLOSURE_MONTHS["F"], CLOSURE_MONTHS["M"]
        return self.relative_age * (girls + boys) / 2, self.low * girls, self.high * boys


@dataclass(frozen=True, slots=True)
class Calibration:
    """What held-out children say about the network's raw output; the weights file carries it as a second output.

    Attributes:
        spread: standard deviation of the error of the relative age that remains when every joint was seen.
        spread_single: the same for one joint alone.
        open_slope: slope of the log odds of open plates over (1 - relative age).
        open_offset: log odds of open plates at a relative age of 1.
    """

    spread: float
    spread_single: float
    open_slope: float
    open_offset: float


class MaturityReader:
    """Judges the maturity of a hand with the shipped network.

    Args:
        weights: ONNX file of the growth plate network.
        threads: threads for the network; None leaves the choice to the engine.
    """

    def __init__(self, weights: Path = WEIGHTS, threads: int | None = None) -> None:
        self._network = Network(weights, threads)

    def judge(self, pixels: npt.NDArray[np.float32], anchors: Mapping[str, Anchor], length_px: float) -> Maturity | None:
        """The maturity of one hand; None where no joint of :data:`JOINTS` lies well inside the image.

        Args:
            pixels: [y, x], bone bright.
            anchors: joints by name; names that are not looked at are passed over.
            length_px: length of the hand, wrist to tip of the middle finger.

        Raises:
            InputError: the pixels are not one image, or the length is not positive.
        """
        if pixels.ndim != 2 or not length_px > 0:
            raise InputError(
                f"maturity is judged on one image [y, x] and a hand of positive length, got the shape {pixels.shape}, {length_px} px"
            )
        names = [name for name in JOINTS if name in anchors and inside(pixels, anchors[name], kind(name), length_px)]
        if not names:
            return None
        planes = np.stack([patch(pixels, anchors[name], kind(name), length_px) for name in names])
        out, numbers = self._network.run(both_views(planes))
        return combine(names, mean_of_views(out), Calibration(*(float(value) for value in numbers[0])))


class Placed(Protocol):
    """A joint that the hand locator placed."""

    @property
    def center_px(self) -> Point:
        """Column and row."""

    @property
    def axis(self) -> Point:
        """Unit vector across the joint, distally."""


def anchors_of_places(places: Mapping[str, Placed], length_px: float) -> dict[str, Anchor]:
    """The anchors of a located hand; the radius is looked at a little proximal of the carpus, on the line to the middle knuckle.

    Args:
        places: as in :attr:`coread.vision.landmarks.Hand.places`.
        length_px: length of the hand.
    """
    anchors = {name: Anchor(places[name].center_px, places[name].axis) for name in FINGER_JOINTS if name in places}
    if CARPUS in places and "MCP 3" in places:
        anchors["radius"] = radius_anchor(places[CARPUS].center_px, places["MCP 3"].center_px, length_px)
    return anchors


def radius_anchor(carpus: Point, knuckle: Point, length_px: float) -> Anchor:
    """Where the distal radius and ulna lie, from the middle of the carpus and the middle finger's knuckle."""
    way = np.subtract(knuckle, carpus)
    way = way / max(float(np.linalg.norm(way)), 1e-6)
    column, row = np.asarray(carpus) - RADIUS_SHIFT * length_px * way
    return Anchor((float(column), float(row)), (float(way[0]), float(way[1])))


def kind(name: str) -> str:
    """The kind of patch that a joint needs."""
    return "radius" if name == "radius" else "MCP" if name.startswith("MCP") else "PIP"


def inside(pixels: npt.NDArray[np.float32], anchor: Anchor, of: str, length_px: float) -> bool:
    """Whether the middle two thirds of a patch lie in the image."""
    reach = 0.66 * HALF_SIDE[of] * length_px
    column, row = anchor.center_px
    rows, columns = pixels.shape
    return bool(reach <= column <= columns - 1 - reach and reach <= row <= rows - 1 - reach)


def square(anchor: Anchor, half_px: float, size: int) -> Square:
    """Where the square about an anchor lies, the finger tip upward; see `coread.vision.patches.Square`."""
    return Square(anchor.center_px, anchor.axis, half_px, size)


def patch(pixels: npt.NDArray[np.float32], anchor: Anchor, of: str, length_px: float) -> npt.NDArray[np.float32]:
    """The network's input for one joint: grey values, and one constant plane for each kind of joint, [4, PATCH, PATCH]."""
    grey = standardised(cut(pixels, square(anchor, HALF_SIDE[of] * length_px, PATCH)))
    flags = np.zeros((len(KINDS), PATCH, PATCH), dtype=np.float32)
    flags[KINDS.index(of)] = 1.0
    return np.concatenate([grey[None], flags])


def both_views(planes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The inputs [joint, ...] and then their mirror images: left and right hands mirror each other, and are to be judged alike."""
    return np.concatenate([planes, planes[..., ::-1]])


def mean_of_views(out: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """The outputs [joint, ...] as the mean over those of both views."""
    views: npt.NDArray[np.float64] = out.astype(np.float64).reshape(2, len(out) // 2, *out.shape[1:]).mean(axis=0)
    return views


def pooled(out: npt.NDArray[np.float64]) -> float:
    """The relative age of a hand from its joints' outputs [joint, (relative age, log of its variance)]: the mean by precision."""
    precision = np.exp(-out[:, 1])
    return float((out[:, 0] * precision).sum() / precision.sum())


def combine(names: list[str], out: npt.NDArray[np.float64], calibration: Calibration) -> Maturity:
    """Joins the joints' outputs and calibrates them; fewer joints widen the interval."""
    value = pooled(out)
    count = len(names)
    alone = max(0.0, calibration.spread_single**2 - calibration.spread**2)
    missing = (1 / count - 1 / len(JOINTS)) / (1 - 1 / len(JOINTS))
    spread = float(np.sqrt(calibration.spread**2 + alone * missing))
    odds = calibration.open_slope * (1.0 - value) * calibration.spread / spread + calibration.open_offset
    probability = 1.0 / (1.0 + float(np.exp(-np.clip(odds, -30, 30))))
    return Maturity(probability, value, value - 1.645 * spread, value + 1.645 * spread, tuple(names))
