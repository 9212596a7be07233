"""Grades of damage at every site of the hands, by one network that sees all sites of a patient at once.

The network (``train/networks/site_grader.py``) is given each site's patch in the site's own frame, right hands mirrored, and what was
measured of the joint's space. It gives the probability of each erosion and narrowing grade, of subluxation and ankylosis, and a map of
where erosion is suspected, all out of one pass.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from coread.errors import DefinitionError
from coread.vision.narrowing import Narrowing
from coread.vision.network import Network
from coread.vision.patches import Pixels, Point, Square, cut, inside_share, standardised
from coread.vision.spaces import Space

WEIGHTS = Path(__file__).parents[1] / "models" / "hand_damage.onnx"
PATCH, MAP = 64, 32
"""Samples along a side of a patch and of an evidence map."""
FACTS = 10
EROSION_GRADES, NARROWING_GRADES = 6, 5
LEAST_INSIDE = 0.6
"""Share of a patch that must lie in the image for its site to be graded."""

HALF_SIDE: Mapping[str, float] = {
    **{f"MCP {k}": 0.085 for k in range(1, 6)},
    **{f"PIP {k}": 0.068 for k in range(2, 6)},
    "IP thumb": 0.075,
    "metacarpal 1 base": 0.095,
    "radius": 0.130,
    "ulna": 0.100,
    "trapezium-trapezoid": 0.095,
    "scaphoid": 0.085,
    "lunate": 0.085,
    "CMC 3": 0.070,
    "CMC 4": 0.065,
    "CMC 5": 0.065,
    "scaphotrapeziotrapezoid": 0.075,
    "capitate-scaphoid-lunate": 0.080,
    "radiocarpal": 0.110,
}
"""Half a patch's side as a share of the hand's length, by site, in the order in which the network knows them."""
SITES = tuple(HALF_SIDE)
EROSION_SITES = SITES[:16]
NARROWING_SITES = (*SITES[:9], *SITES[16:])


class Placed(Protocol):
    """A place that the hand locator found."""

    @property
    def center_px(self) -> Point:
        """Column and row."""

    @property
    def axis(self) -> Point:
        """Unit vector across the joint, distally."""


@dataclass(frozen=True, slots=True)
class HandView:
    """One hand as it goes into the grader.

    Attributes:
        pixels: [y, x], 0..1, bone bright.
        places: by name; those of :data:`SITES` are looked at.
        length_px: length of the hand.
        mirrored: True where the image shows the mirror image of a left hand.
        right: True for a right hand.
        spaces: what was measured of the joint spaces, by site, with their narrowing.
    """

    pixels: Pixels
    places: Mapping[str, Placed]
    length_px: float
    mirrored: bool
    right: bool
    spaces: Mapping[str, tuple[Space, Narrowing]]


@dataclass(frozen=True, slots=True)
class SiteDamage:
    """What the network says of one site.

    Attributes:
        erosion: probability of the grades 0-5; empty at a site that is not graded for erosion.
        narrowing: probability of the grades 0-4; empty as above.
        subluxation: probability of subluxation or luxation.
        ankylosis: probability of bony ankylosis.
        evidence: probability of erosion at each cell of the square, [MAP, MAP].
        square: where the patch lies in the image.
    """

    erosion: tuple[float, ...]
    narrowing: tuple[float, ...]
    subluxation: float
    ankylosis: float
    evidence: Pixels
    square: Square


@dataclass(frozen=True, slots=True)
class DamageCalibration:
    """What held-out hands say about the network's logits; kept in its file.

    Attributes:
        erosion, narrowing, bony: (slope, offset of each output): log odds = slope * logit + offset.
        outline: probability at which a suspected erosion is outlined.
    """

    erosion: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    narrowing: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 0.0)
    bony: tuple[float, ...] = (1.0, 0.0, 0.0)
    outline: float = 0.5


def site_square(site: str, place: Placed, length_px: float, mirrored: bool, size: int = PATCH, wider: float = 1.0) -> Square:
    """Where the patch of a site lies; ``wider`` stretches it, with ``size`` samples, for training."""
    return Square(place.center_px, place.axis, HALF_SIDE[site] * length_px * wider, size, mirrored)


def space_facts(space: Space | None, narrowing: Narrowing | None) -> npt.NDArray[np.float32]:
    """What was measured of a joint's space as the network takes it, (FACTS,); zeros where nothing was.

    In order: measured at all, share of the expected width left, quality, depth of the gap, sideways offset, and the log odds (capped)
    of each narrowing grade by the measurement alone.
    """
    out = np.zeros(FACTS, dtype=np.float32)
    if space is None or narrowing is None or narrowing.grade is None:
        return out
    chances = np.clip(np.array(narrowing.probabilities), 0.005, 0.995)
    offset = abs(space.offset) if np.isfinite(space.offset) else 0.0
    out[:5] = 1.0, min(narrowing.left, 2.0), space.quality, np.clip(space.contrast, -1, 2), min(offset, 1.5)
    out[5:] = np.log(chances / (1 - chances)) / 3
    return out


def told(site: str, right: bool, facts: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The numbers that the network is told of one site: one of :data:`SITES`, the side, the facts."""
    out = np.zeros(len(SITES) + 1 + FACTS, dtype=np.float32)
    out[SITES.index(site)] = 1.0
    out[len(SITES)] = right
    out[len(SITES) + 1 :] = facts
    return out


def grades_from(at_least: npt.NDArray[np.floating]) -> tuple[float, ...]:
    """Probabilities of the grades 0, 1, ... from those of reaching 1, 2, ...; made to fall."""
    falling = np.minimum.accumulate(np.concatenate([[1.0], np.asarray(at_least, dtype=float), [0.0]]))
    return tuple(float(v) for v in falling[:-1] - falling[1:])


@dataclass(frozen=True, slots=True)
class SiteInput:
    """One site as the network takes it: of which hand, where its patch lies, and the plane [2, PATCH, PATCH] (see `told`)."""

    hand: int
    site: str
    square: Square
    plane: Pixels


def site_inputs(hands: Sequence[HandView]) -> list[SiteInput]:
    """Every site of each hand whose patch lies well inside the image."""
    inputs = []
    for index, hand in enumerate(hands):
        for site in SITES:
            if site not in hand.places:
                continue
            square = site_square(site, hand.places[site], hand.length_px, hand.mirrored)
            if inside_share(square, hand.pixels.shape) < LEAST_INSIDE:
                continue
            plane = np.zeros((2, PATCH, PATCH), dtype=np.float32)
            plane[0] = standardised(cut(hand.pixels, square))
            numbers = told(site, hand.right, space_facts(*hand.spaces.get(site, (None, None))))
            plane[1].flat[: numbers.size] = numbers
            inputs.append(SiteInput(index, site, square, plane))
    return inputs


class DamageGrader:
    """Grades the hands of a patient with the shipped network.

    Args:
        weights: ONNX file.
        threads: threads of the network; None leaves the choice to the engine.
    """

    def __init__(self, weights: Path = WEIGHTS, threads: int | None = None) -> None:
        self._network = Network(weights, threads)
        self._calibration: DamageCalibration | None = None

    @property
    def calibration(self) -> DamageCalibration:
        """The calibration kept in the network's file.

        Raises:
            DefinitionError: the file holds none that can be read.
        """
        if self._calibration is None:
            try:
                kept = json.loads(self._network.facts["calibration"])
                erosion, narrowing, bony = (tuple(float(v) for v in kept[key]) for key in ("erosion", "narrowing", "bony"))
                self._calibration = DamageCalibration(erosion, narrowing, bony, float(kept["outline"]))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise DefinitionError(f"{self._network.path}: holds no calibration that can be read ({error!r})") from error
        return self._calibration

    def grade(self, hands: Sequence[HandView]) -> tuple[Mapping[str, SiteDamage], ...]:
        """Every site of each hand whose patch lies well inside the image; all hands are of one patient and see each other."""
        inputs = site_inputs(hands)
        found: tuple[dict[str, SiteDamage], ...] = tuple({} for _ in hands)
        if not inputs:
            return found
        reached, evidence = self._run(np.stack([one.plane for one in inputs]))
        for one, row, cells in zip(inputs, reached, evidence, strict=True):
            found[one.hand][one.site] = _site(one, row, cells)
        return found

    def chances(self, planes: Pixels) -> npt.NDArray[np.float64]:
        """Calibrated probabilities for a patient's sites, (n, 11): of reaching erosion 1-5, narrowing 1-4, of subluxation, ankylosis.

        Args:
            planes: (n, 2, PATCH, PATCH), of :func:`site_inputs`.
        """
        return self._run(planes)[0]

    def _run(self, planes: Pixels) -> tuple[npt.NDArray[np.float64], Pixels]:
        known = self.calibration
        logits, evidence = self._network.run(planes)
        slope = np.repeat([known.erosion[0], known.narrowing[0], known.bony[0]], [5, 4, 2])
        offset = np.concatenate([known.erosion[1:], known.narrowing[1:], known.bony[1:]])
        return _sigmoid(slope * logits.astype(np.float64) + offset), np.asarray(_sigmoid(evidence), dtype=np.float32)


def _site(one: SiteInput, reached: npt.NDArray[np.float64], evidence: Pixels) -> SiteDamage:
    return SiteDamage(
        erosion=grades_from(reached[:5]) if one.site in EROSION_SITES else (),
        narrowing=grades_from(reached[5:9]) if one.site in NARROWING_SITES else (),
        subluxation=float(reached[9]),
        ankylosis=float(reached[10]),
        evidence=evidence,
        square=one.square,
    )


def _sigmoid(x: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.clip(np.asarray(x, dtype=float), -40, 40))))


def outlines(damage: SiteDamage, level: float) -> tuple[tuple[Point, ...], ...]:
    """Outlines of suspected erosions in the image, (column, row), closed without repeating the first corner; the largest first.

    Args:
        damage: of one site.
        level: probability at the outline.
    """
    from skimage.measure import find_contours

    padded = np.pad(damage.evidence, 1)
    found = []
    for contour in find_contours(padded, level):
        cells = contour[:-1, ::-1] - 1
        if len(cells) < 4:
            continue
        # A cell of the map stands for two samples of the patch: the middle of cell k lies at 2 k + 0.5.
        points = damage.square.to_image(cells * (PATCH / MAP) + 0.5)
        found.append((_area(points), points))
    found.sort(key=lambda one: -one[0])
    return tuple(tuple((round(float(x), 2), round(float(y), 2)) for x, y in points) for _, points in found)


def _area(points: npt.NDArray[np.float64]) -> float:
    x, y = points[:, 0], points[:, 1]
    return 0.5 * abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)))
