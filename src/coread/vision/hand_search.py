"""Looking for hands with the coarse network: what it sees in one square view of an image, and how candidates are told apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from coread.vision.network import Network
from coread.vision.peaks import Found, find_hand, find_peaks, sigmoid
from coread.vision.pose import Array, CropFrame, Pixels, Pose, canonical_crop
from coread.vision.shape import N_LANDMARKS, ShapeModel

_STRIDE = 4
_UPRIGHT = 0.72
_NEAR = 0.15
_SCALE = 1.2
_TURN = 0.35


@dataclass(frozen=True, slots=True)
class Candidate:
    """A hand that the coarse network may have seen.

    Attributes:
        pose: in the image.
        found: what supports it, in cells of the view's map.
        inverted: True where bones are darker than their surroundings.
    """

    pose: Pose
    found: Found
    inverted: bool

    @property
    def share(self) -> float:
        """Support of the landmarks expected inside the image, 0..1."""
        return min(1.0, self.found.share)


class CoarseEye:
    """The coarse network over square views of an image.

    Args:
        network: knows left hands, in any turn, size and polarity.
        model: joins its candidates of landmarks to hands.
    """

    def __init__(self, network: Network, model: ShapeModel) -> None:
        self._network = network
        self._model = model

    @property
    def _side(self) -> int:
        return int(self._network.facts["side"])

    def look(self, levels: tuple[Pixels, ...], zoom: float = 1.0, turn_rad: float = 0.0) -> list[Candidate]:
        """What is seen in a view around the image's middle and in its mirror image, the best supported share first.

        Args:
            levels: :func:`coread.vision.pose.reductions` of the image.
            zoom: side of the view over the image's longer side.
            turn_rad: turn of the view.
        """
        rows, columns = levels[0].shape
        length = zoom * max(rows, columns) / self._side
        return self._look_from(levels, Pose(((columns - 1) / 2, (rows - 1) / 2), length, turn_rad, False))

    def look_upright(self, levels: tuple[Pixels, ...], pose: Pose) -> list[Candidate]:
        """What is seen, as either hand, where a hand is believed to lie: upright and in the size that the network knows best."""
        return self._look_from(levels, replace(pose, length_px=pose.length_px / (_UPRIGHT * self._side), mirrored=False))

    def _look_from(self, levels: tuple[Pixels, ...], view: Pose) -> list[Candidate]:
        frame = CropFrame((self._side, self._side), 1.0)
        views = [replace(view, mirrored=mirrored) for mirrored in (False, True)]
        logits = self._network.run(np.stack([canonical_crop(levels, one, frame) for one in views])[:, None])[0]
        seen = []
        for one, out in zip(views, logits, strict=True):
            chance = np.asarray(sigmoid(out), dtype=np.float32)
            found = find_hand(find_peaks(chance[:N_LANDMARKS]), (out.shape[1], out.shape[2]), self._model)
            if found is not None:
                seen.append(Candidate(_compose(one, frame, found.pose), found, _polarity(chance[N_LANDMARKS], found.points)))
        return sorted(seen, key=lambda one: -one.share)


def overlap(one: Pose, other: Pose) -> bool:
    """Whether two poses are two readings of one hand: their middles closer than a hand's width."""
    distance = float(np.hypot(one.origin_px[0] - other.origin_px[0], one.origin_px[1] - other.origin_px[1]))
    return distance < 0.4 * max(one.length_px, other.length_px)


def distinct(candidates: Iterable[Candidate], most: int) -> list[Candidate]:
    """The best supported candidates, none nearly the pose of a better one."""
    kept: list[Candidate] = []
    for one in sorted(candidates, key=lambda candidate: -candidate.share):
        if len(kept) == most:
            break
        if not any(alike(one, other) for other in kept):
            kept.append(one)
    return kept


def alike(one: Candidate, other: Candidate) -> bool:
    """Whether the fine network would see the same crop for both."""
    a, b = one.pose, other.pose
    if a.mirrored != b.mirrored or one.inverted != other.inverted:
        return False
    apart = float(np.hypot(a.origin_px[0] - b.origin_px[0], a.origin_px[1] - b.origin_px[1]))
    turn = abs(float(np.angle(np.exp(1j * (a.angle_rad - b.angle_rad)))))
    return (
        apart < _NEAR * min(a.length_px, b.length_px)
        and max(a.length_px / b.length_px, b.length_px / a.length_px) < _SCALE
        and turn < _TURN
    )


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
