"""Finding hands: every place of the score in the image's own coordinates, whichever way the hand lies.

Two networks. The coarse one looks at the whole image, small, and at its mirror image: it knows left hands only, in any turn, size
and polarity, so that side, turn and polarity all come from anatomy. Its candidates are joined to hands by the shape
model (:func:`coread.vision.peaks.find_hand`). The fine one places 37 landmarks in the upright crop of each hand, twice,
the second time in the crop that the first time suggests. The shape model repairs what cannot be part of a hand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from coread.errors import DefinitionError, InputError
from coread.vision.hand_search import Candidate, CoarseEye, alike, distinct, overlap
from coread.vision.network import Network
from coread.vision.peaks import sigmoid, soft_places
from coread.vision.pose import HAND_FRAME, Array, Pixels, Pose, canonical_crop, reductions
from coread.vision.shape import ShapeFit, hand_length, shape_model
from coread.vision.sites import SITES, SiteRule, site_axis, site_centre

Point = tuple[float, float]
_MODELS = Path(__file__).parents[1] / "models"
COARSE = _MODELS / "hand_coarse.onnx"
FINE = _MODELS / "hand_fine.onnx"
NEAR = 0.04
"""Share of hand length within which a place counts as found."""
_STRIDE = 4
_ZOOMS = (1.0, 1.7)
_FURTHER = ((0.7, 0.0), (0.7, 180.0), (1.0, 90.0), (1.0, 180.0), (1.0, 270.0))
_CLEAR = 0.58
_FIRM = 0.9
# Where the fine network places less than this, there is no hand: of 100 halves of tuning hands 95 are firmer than .80.
_LEAST_FIRM = 0.7
_UPRIGHT_LOOKS = 4
_JUDGED = 6
_TOLD_APART = 0.7
_RIVAL_POWER = 16
_BORDER = 0.03


@dataclass(frozen=True, slots=True)
class Place:
    """One place of a hand in the image.

    Attributes:
        name: site name, or ``DIP 2``-``DIP 5``, ``tip 1``-``tip 5``, ``wrist``.
        center_px: (column, row); for a joint the middle of its space.
        confidence: calibrated probability that the place lies within 4 % of the hand's length of the truth.
        axis: unit vector (columns, rows) across the joint, distally.
        width_px: width of the bone there, as usual for a hand of this length.
        inside: False where the place lies outside the image (its centre is then what the rest of the hand suggests).
    """

    name: str
    center_px: Point
    confidence: float
    axis: Point
    width_px: float
    inside: bool


@dataclass(frozen=True, slots=True)
class Hand:
    """One hand in the image.

    Attributes:
        chirality: ``left`` or ``right`` by anatomy, if the image is unmirrored and shows the hand palm down.
        places: every place by name, see :data:`coread.vision.sites.SITES`.
        length_px: from the radiocarpal joint to the tip of the middle finger.
        score: 0..1, how surely this is a hand: agreement of the coarse network's candidates with one hand's shape.
        pose: where it lies.
        landmarks_px: (37, 2) landmarks, (column, row), numbered as in :mod:`coread.vision.sites`.
        landmark_confidence: (37,) as ``Place.confidence``.
        inverted: True where bones are darker than their surroundings.
        warnings: what a person should know, one sentence each.
    """

    chirality: Literal["left", "right"]
    places: Mapping[str, Place]
    length_px: float
    score: float
    pose: Pose
    landmarks_px: Array
    landmark_confidence: Array
    inverted: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Calibration:
    """What held-out hands say about the networks' raw numbers; kept in the fine network's file.

    Attributes:
        bias, mass, gap: confidence = sigmoid(bias + mass * log-odds of the map's share at the landmark + gap * distance from
            where the rest of the hand expects it, in shares of hand length).
        least_score: a hand below this score is not reported.
    """

    bias: float = 0.0
    mass: float = 1.0
    gap: float = -40.0
    least_score: float = 0.25


@dataclass(frozen=True, slots=True)
class _Read:
    points: Array
    confidence: Array
    fit: ShapeFit
    repaired: int


@dataclass(frozen=True, slots=True)
class _Seen:
    """A candidate of the coarse network and what the fine one reads there."""

    candidate: Candidate
    read: _Read
    shape: tuple[int, ...]
    rivalry: float = 0.0

    @property
    def told_apart(self) -> float:
        """0.5..1, how surely the hand lies so and not as the best other candidate at the same place has it."""
        return 1 / (1 + self.rivalry**_RIVAL_POWER)

    @property
    def firmness(self) -> float:
        """Mean confidence of the landmarks expected inside the image, 0..1."""
        points = self.read.fit.points_px
        inside = ((points >= -0.5) & (points <= np.array([self.shape[1], self.shape[0]]) - 0.5)).all(axis=1)
        return float(self.read.confidence[inside].mean()) if inside.any() else 0.0

    @property
    def merit(self) -> float:
        """Only the coarse network knows a left hand from a right one, only the fine one a hand placed well from one a row off."""
        return self.candidate.share * self.firmness**4


class HandLocator:
    """Finds the hands of a radiograph.

    Args:
        coarse: ONNX file of the coarse network.
        fine: ONNX file of the fine network.
        threads: threads for each network; None leaves the choice to the engine.
    """

    def __init__(self, coarse: Path = COARSE, fine: Path = FINE, threads: int | None = None) -> None:
        self._eye = CoarseEye(Network(coarse, threads), shape_model())
        self._fine = Network(fine, threads)
        self._calibration: Calibration | None = None

    @property
    def calibration(self) -> Calibration:
        """The calibration kept in the fine network's file.

        Raises:
            DefinitionError: the file holds none that can be read.
        """
        if self._calibration is None:
            try:
                self._calibration = Calibration(**json.loads(self._fine.facts["calibration"]))
            except (KeyError, TypeError, ValueError) as error:
                raise DefinitionError(f"{self._fine.path}: holds no calibration that can be read ({error!r})") from error
        return self._calibration

    def locate(self, pixels: npt.NDArray[np.floating]) -> tuple[Hand, ...]:
        """The hands of one radiograph, at most one left and one right, the surest first.

        Args:
            pixels: (rows, columns), any scale and polarity.

        Raises:
            InputError: not a plane of finite numbers, or smaller than 16 px.
        """
        image = np.asarray(pixels, dtype=np.float32)
        if image.ndim != 2 or min(image.shape) < 16:
            raise InputError(f"a radiograph has rows and columns, 16 px or more each, got an array of shape {image.shape}")
        if not np.isfinite(image).all():
            raise InputError("the radiograph holds pixels that are not finite numbers")
        low, high = float(image.min()), float(image.max())
        if high - low <= 0:
            return ()
        levels = reductions((image - np.float32(low)) / np.float32(high - low))
        hands = [self._hand(levels, seen) for seen in self._look(levels)]
        return tuple(sorted(hands, key=lambda hand: -hand.score))

    def _look(self, levels: tuple[Pixels, ...]) -> list[_Seen]:
        """The hands of an image, each read once.

        Part of a hand that fills the image is seen better from farther away, as part of a hand in a collimated field. Where either
        network doubts what it saw, the hand is looked for again from nearer and in other turns, upright at each place that
        comes into question, and the fine network judges the places.
        """
        pool: list[Candidate] = []
        for zoom in _ZOOMS:
            pool += self._eye.look(levels, zoom)
            clear = self._chosen(levels, [one for one in pool if one.share >= _CLEAR])
            if clear and all(one.firmness >= _FIRM for one in clear):
                return clear if len(clear) == 2 else self._with_second(levels, clear, pool)
        for zoom, turn in _FURTHER:
            pool += self._eye.look(levels, zoom, float(np.deg2rad(turn)))
        for one in distinct(pool, _UPRIGHT_LOOKS):
            pool += self._eye.look_upright(levels, one.pose)
        return self._chosen(levels, distinct(pool, _JUDGED))

    def _chosen(self, levels: tuple[Pixels, ...], candidates: Sequence[Candidate]) -> list[_Seen]:
        """The best candidate after a look of the fine network, and the best of the other side of the body that lies elsewhere."""
        least = self.calibration.least_score
        seen = [_Seen(one, self._read(levels, one.pose, one.inverted), levels[0].shape) for one in candidates if one.share >= least]
        seen = [one for one in seen if one.firmness >= _LEAST_FIRM]
        seen.sort(key=lambda one: -one.merit)
        if not seen:
            return []
        best = seen[0]
        apart = [one for one in seen if not overlap(one.candidate.pose, best.candidate.pose)]
        others = [one for one in apart if one.candidate.pose.mirrored != best.candidate.pose.mirrored]
        rival = max((one.merit for one in seen if one not in apart and not alike(one.candidate, best.candidate)), default=0.0)
        return [replace(best, rivalry=rival / max(best.merit, 1e-9)), *others[:1]]

    def _with_second(self, levels: tuple[Pixels, ...], clear: list[_Seen], pool: Sequence[Candidate]) -> list[_Seen]:
        """Beside one hand seen clearly, one that was seen with doubt elsewhere and is looked at again upright."""
        pose = clear[0].candidate.pose
        rest = [one for one in pool if one.pose.mirrored != pose.mirrored and not overlap(one.pose, pose)]
        for one in distinct(rest, 1):
            again = [two for two in [one, *self._eye.look_upright(levels, one.pose)] if two.pose.mirrored != pose.mirrored]
            again = [two for two in again if not overlap(two.pose, pose)]
            return clear + self._chosen(levels, distinct(again, 2))[:1]
        return clear

    def _hand(self, levels: tuple[Pixels, ...], seen: _Seen) -> Hand:
        read = self._read(levels, seen.read.fit.pose, seen.candidate.inverted)
        read = replace(read, confidence=read.confidence * seen.told_apart)
        mirrored = seen.candidate.pose.mirrored
        rows, columns = levels[0].shape
        length = hand_length(read.points)
        chirality: Literal["left", "right"] = "right" if mirrored else "left"
        places = {name: _place(name, rule, read, length, (rows, columns), mirrored) for name, rule in SITES.items()}
        warnings = []
        if read.repaired:
            warnings.append(f"{read.repaired} of 37 landmarks of the {chirality} hand were placed from the shape of the rest")
        if seen.told_apart < _TOLD_APART:
            warnings.append(
                f"the {chirality} hand was found with doubt: it may be turned, mirrored or placed otherwise; check the places and the side"
            )
        return Hand(
            chirality,
            MappingProxyType(places),
            length,
            seen.candidate.share,
            read.fit.pose,
            read.points,
            read.confidence,
            seen.candidate.inverted,
            tuple(warnings),
        )

    def _read(self, levels: tuple[Pixels, ...], pose: Pose, inverted: bool) -> _Read:
        """Landmarks by the fine network in the crop of this pose, repaired by the shape model."""
        crop = canonical_crop(levels, pose)
        logits = self._fine.run((1 - crop if inverted else crop)[None, None])[0][0]
        cells, mass = soft_places(logits)
        points = pose.to_image(HAND_FRAME.to_canonical((cells + 0.5) * _STRIDE - 0.5))
        return join(points, mass, pose, self.calibration, levels[0].shape)


def odds_of(mass: Array) -> Array:
    """Log-odds of shares of a map."""
    return np.asarray(np.log(np.clip(mass, 1e-4, 0.9999) / np.clip(1 - mass, 1e-4, 1)))


def join(points: Array, mass: Array, pose: Pose, calibration: Calibration, shape: tuple[int, ...]) -> _Read:
    """Landmarks and their shares of the map joined to one hand: what contradicts the rest is placed by the shape model.

    Args:
        points: (37, 2) in the image.
        mass: (37,) share of the map at the landmark.
        pose: the crop that they were read in.
        calibration: of the fine network.
        shape: (rows, columns) of the image; what the network places outside is not believed.
    """
    model = shape_model()
    inside = (points >= -0.5).all(axis=1) & (points[:, 0] <= shape[1] - 0.5) & (points[:, 1] <= shape[0] - 0.5)
    trust = np.where(inside, mass, 0.0)
    doubt = np.where(trust > 0.15, 0.008 + 0.05 * (1 - trust) ** 2, np.inf)
    if np.isfinite(doubt).sum() < 4:
        doubt = np.where(mass >= np.sort(mass)[-6], 0.08, np.inf)
    fit = model.fit(points, doubt, pose.mirrored)
    for limit in (0.12, 0.07, 0.05):
        gap = np.linalg.norm(points - fit.points_px, axis=1) / fit.pose.length_px
        kept = np.isfinite(doubt) & (gap < limit)
        if kept.sum() < 4:
            break
        fit = model.fit(points, np.where(kept, doubt, np.inf), pose.mirrored)
    gap = np.linalg.norm(points - fit.points_px, axis=1) / fit.pose.length_px
    confidence = sigmoid(calibration.bias + calibration.mass * odds_of(mass) + calibration.gap * gap)
    # A joint cut by the border looks like one that lies just inside it.
    border = np.minimum(points + 0.5, np.array([shape[1], shape[0]]) - 0.5 - points).min(axis=1) / fit.pose.length_px
    confidence = confidence * np.clip(border / _BORDER, 0.3, 1.0)
    believed = inside & (trust > 0.1) & (gap < 0.06)
    # What the shape alone says is off by its own deviation; within 4 % with the probability of a planar normal error.
    expected = 1 - np.exp(-(NEAR**2) / np.maximum((fit.deviation_px / fit.pose.length_px) ** 2, 1e-8))
    out = np.where(believed[:, None], points, fit.points_px)
    return _Read(out, np.where(believed, confidence, 0.6 * expected), fit, int((~believed & inside).sum()))


def _place(name: str, rule: SiteRule, read: _Read, length: float, shape: tuple[int, int], mirrored: bool) -> Place:
    centre = site_centre(read.points, rule, mirrored)
    axis = site_axis(read.points, rule)
    inside = bool(-0.5 <= centre[0] <= shape[1] - 0.5 and -0.5 <= centre[1] <= shape[0] - 0.5)
    weights = np.array(list(rule.landmarks.values()))
    confidence = float(weights @ read.confidence[list(rule.landmarks)]) if inside else 0.0
    return Place(name, (float(centre[0]), float(centre[1])), confidence, (float(axis[0]), float(axis[1])), rule.width * length, inside)
