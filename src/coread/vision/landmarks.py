"""Finding hands: every place of the score in the image's own coordinates, whichever way the hand lies.

Two networks. The coarse one looks at the whole image, small, and at its mirror image: it knows left hands only, in any turn, size
and polarity, so that side, turn and polarity all come from anatomy. Its candidates are joined to hands by the shape
model (:func:`coread.vision.peaks.find_hand`). The fine one places 37 landmarks in the upright crop of each hand, twice,
the second time in the crop that the first time suggests. The shape model repairs what cannot be part of a hand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from coread.errors import DefinitionError, InputError
from coread.vision.network import Network
from coread.vision.peaks import Found, find_hand, find_peaks, sigmoid, soft_places
from coread.vision.pose import HAND_FRAME, Array, CropFrame, Pixels, Pose, canonical_crop, reductions
from coread.vision.shape import N_LANDMARKS, ShapeFit, hand_length, shape_model
from coread.vision.sites import SITES, SiteRule, site_axis, site_centre

Point = tuple[float, float]
_MODELS = Path(__file__).parents[1] / "models"
COARSE = _MODELS / "hand_coarse.onnx"
FINE = _MODELS / "hand_fine.onnx"
NEAR = 0.04
"""Share of hand length within which a place counts as found."""
_STRIDE = 4
_ZOOMS = (1.0, 1.7)
_CLEAR = 0.58
_UPRIGHT = 0.72
_RIVAL = 0.6
"""A place that looks like a left hand and, this many times as much, like a right one is decided by the fine network: on hands of
tuning that was right each time, where the coarse one took some small children's hands for the other side (n = 22 hands, 11 turns)."""
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
    pose: Pose
    found: Found
    inverted: bool

    @property
    def merit(self) -> float:
        return self.found.support * self.found.share


class HandLocator:
    """Finds the hands of a radiograph.

    Args:
        coarse: ONNX file of the coarse network.
        fine: ONNX file of the fine network.
        threads: threads for each network; None leaves the choice to the engine.
    """

    def __init__(self, coarse: Path = COARSE, fine: Path = FINE, threads: int | None = None) -> None:
        self._coarse = Network(coarse, threads)
        self._fine = Network(fine, threads)
        self._model = shape_model()
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
        hands = [self._hand(levels, *seen) for seen in self._look(levels)]
        return tuple(sorted(hands, key=lambda hand: -hand.score))

    def _look(self, levels: tuple[Pixels, ...]) -> list[tuple[Pose, float, bool]]:
        """Pose, score and polarity of each hand that the coarse network sees.

        Part of a hand that fills the image is seen better from farther away, as part of a hand in a collimated field; and a hand seen
        with doubt is looked at again upright and in the size that the network knows best.
        """
        rows, columns = levels[0].shape
        middle = ((columns - 1) / 2, (rows - 1) / 2)
        best: list[_Seen] = []
        for zoom in _ZOOMS:
            seen = self._look_from(levels, Pose(middle, zoom * max(rows, columns) / self._side, 0.0, False))
            if max((one.found.share for one in seen), default=0.0) > max((one.found.share for one in best), default=0.0):
                best = seen
            if best and best[0].found.share >= _CLEAR:
                break
        best = [self._look_again(levels, one) if one.found.share < _CLEAR else one for one in best]
        best.sort(key=lambda one: -one.merit)
        if len(best) == 2 and (best[0].pose.mirrored == best[1].pose.mirrored or _overlap(best[0].pose, best[1].pose)):
            rivals = best[0].pose.mirrored != best[1].pose.mirrored and best[1].found.share > _RIVAL * best[0].found.share
            best = [max(best, key=lambda one: self._clearness(levels, one))] if rivals else best[:1]
        return [(one.pose, min(1.0, one.found.share), one.inverted) for one in best if one.found.share >= self.calibration.least_score]

    def _look_again(self, levels: tuple[Pixels, ...], one: _Seen) -> _Seen:
        """The better of what was seen and what an upright view of the same place shows, as either hand."""
        upright = replace(one.pose, length_px=one.pose.length_px / (_UPRIGHT * self._side), mirrored=False)
        return max([one, *self._look_from(levels, upright)], key=lambda seen: seen.merit)

    def _clearness(self, levels: tuple[Pixels, ...], one: _Seen) -> float:
        """How surely the fine network places the landmarks of a hand taken for this one, 0..1."""
        return float(self._read(levels, one.pose, one.inverted).confidence.mean())

    @property
    def _side(self) -> int:
        return int(self._coarse.facts["side"])

    def _look_from(self, levels: tuple[Pixels, ...], view: Pose) -> list[_Seen]:
        """What the coarse network sees in a square view and in its mirror image, the best supported first.

        Args:
            levels: the image.
            view: carries pixels of the view, counted from its middle, to the image.
        """
        frame = CropFrame((self._side, self._side), 1.0)
        views = [replace(view, mirrored=mirrored) for mirrored in (False, True)]
        logits = self._coarse.run(np.stack([canonical_crop(levels, one, frame) for one in views])[:, None])[0]
        seen = []
        for one, out in zip(views, logits, strict=True):
            chance = np.asarray(sigmoid(out), dtype=np.float32)
            found = find_hand(find_peaks(chance[:N_LANDMARKS]), (out.shape[1], out.shape[2]), self._model)
            if found is not None:
                seen.append(_Seen(_compose(one, frame, found.pose), found, _polarity(chance[N_LANDMARKS], found.points)))
        return sorted(seen, key=lambda one: -one.merit)

    def _hand(self, levels: tuple[Pixels, ...], pose: Pose, score: float, inverted: bool) -> Hand:
        read = self._read(levels, pose, inverted)
        read = self._read(levels, read.fit.pose, inverted)
        rows, columns = levels[0].shape
        length = hand_length(read.points)
        chirality: Literal["left", "right"] = "right" if pose.mirrored else "left"
        places = {name: _place(name, rule, read, length, (rows, columns), pose.mirrored) for name, rule in SITES.items()}
        warnings = []
        if read.repaired:
            warnings.append(f"{read.repaired} of 37 landmarks of the {chirality} hand were placed from the shape of the rest")
        return Hand(
            chirality,
            MappingProxyType(places),
            length,
            score,
            read.fit.pose,
            read.points,
            read.confidence,
            inverted,
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


def _compose(view: Pose, frame: CropFrame, found: Pose) -> Pose:
    """A pose in cells of a view's heat map as a pose in the image."""
    origin = view.to_image(frame.to_canonical((np.array(found.origin_px) + 0.5) * _STRIDE - 0.5))
    angle = view.angle_rad + (-found.angle_rad if view.mirrored else found.angle_rad)
    angle = float(np.angle(np.exp(1j * angle)))
    return Pose((float(origin[0]), float(origin[1])), found.length_px * _STRIDE * view.length_px, angle, view.mirrored)


def _polarity(chance: npt.NDArray[np.float32], points: Array) -> bool:
    """Whether bones are dark, by the coarse network's last map at the landmarks."""
    cells = np.round(points).astype(int)
    inside = (cells >= 0).all(axis=1) & (cells[:, 0] < chance.shape[1]) & (cells[:, 1] < chance.shape[0])
    cells = cells[inside]
    return bool(len(cells) and float(np.median(chance[cells[:, 1], cells[:, 0]])) > 0.5)


def _overlap(one: Pose, other: Pose) -> bool:
    """Whether two poses are two readings of one hand: their middles closer than a hand's width."""
    distance = float(np.hypot(one.origin_px[0] - other.origin_px[0], one.origin_px[1] - other.origin_px[1]))
    return distance < 0.4 * max(one.length_px, other.length_px)


def _place(name: str, rule: SiteRule, read: _Read, length: float, shape: tuple[int, int], mirrored: bool) -> Place:
    centre = site_centre(read.points, rule, mirrored)
    axis = site_axis(read.points, rule)
    inside = bool(-0.5 <= centre[0] <= shape[1] - 0.5 and -0.5 <= centre[1] <= shape[0] - 0.5)
    weights = np.array(list(rule.landmarks.values()))
    confidence = float(weights @ read.confidence[list(rule.landmarks)]) if inside else 0.0
    return Place(name, (float(centre[0]), float(centre[1])), confidence, (float(axis[0]), float(axis[1])), rule.width * length, inside)
