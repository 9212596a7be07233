"""Where a hand lies in an image, and the upright picture of it that every later network looks at.

Canonical frame: a left hand, palm down, fingers up, thumb to the right; one unit is the hand's length (radiocarpal joint to
the tip of the middle finger), the origin is the centre of the mean hand, x to the right, y down. A right hand is the mirror
image of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Array = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Pose:
    """A similarity, with or without mirroring, from the canonical frame to the image.

    Attributes:
        origin_px: (column, row) of the canonical origin.
        length_px: pixels per hand length.
        angle_rad: turn from the canonical frame (after mirroring, if any) to the image, from x (columns) towards y (rows).
        mirrored: True where the image shows the mirror image of the canonical (left) hand.
    """

    origin_px: tuple[float, float]
    length_px: float
    angle_rad: float
    mirrored: bool

    @property
    def matrix(self) -> Array:
        """2 x 2 matrix from canonical vectors to pixel vectors (column, row)."""
        c, s = np.cos(self.angle_rad), np.sin(self.angle_rad)
        turn = np.array([[c, -s], [s, c]])
        flip = np.diag([-1.0 if self.mirrored else 1.0, 1.0])
        return np.asarray(self.length_px * turn @ flip)

    def to_image(self, points: npt.ArrayLike) -> Array:
        """Canonical points (..., 2) as (column, row)."""
        return np.asarray(np.asarray(points, dtype=float) @ self.matrix.T + np.asarray(self.origin_px))

    def to_canonical(self, points: npt.ArrayLike) -> Array:
        """Pixel points (..., 2), (column, row), in the canonical frame."""
        return np.asarray((np.asarray(points, dtype=float) - np.asarray(self.origin_px)) @ np.linalg.inv(self.matrix).T)


@dataclass(frozen=True, slots=True)
class CropFrame:
    """Which part of the canonical frame a crop shows.

    Attributes:
        size: (rows, columns) of the crop.
        length_px: pixels of the crop per hand length.
        centre: canonical point in the middle of the crop.
    """

    size: tuple[int, int]
    length_px: float
    centre: tuple[float, float] = (0.0, 0.0)

    def to_crop(self, points: npt.ArrayLike) -> Array:
        """Canonical points as (column, row) of the crop."""
        middle = np.array([(self.size[1] - 1) / 2, (self.size[0] - 1) / 2])
        return np.asarray((np.asarray(points, dtype=float) - np.asarray(self.centre)) * self.length_px + middle)

    def to_canonical(self, points: npt.ArrayLike) -> Array:
        """(column, row) of the crop as canonical points."""
        middle = np.array([(self.size[1] - 1) / 2, (self.size[0] - 1) / 2])
        return np.asarray((np.asarray(points, dtype=float) - middle) / self.length_px + np.asarray(self.centre))


HAND_FRAME = CropFrame(size=(256, 224), length_px=188.0)
"""The whole hand with its carpus and fingers spread, as the fine landmark network sees it."""


def fit_pose(canonical: npt.ArrayLike, image_px: npt.ArrayLike, weights: npt.ArrayLike, mirrored: bool) -> Pose:
    """The pose that carries canonical points onto image points with least weighted squares.

    Args:
        canonical: (n, 2), n of 2 or more.
        image_px: (n, 2), (column, row).
        weights: (n,), not negative, two or more positive.
        mirrored: whether the image shows the mirror image.

    Source: the complex-number solution of the planar Procrustes problem (Dryden & Mardia, Statistical Shape Analysis, 1998).
    """
    w = np.asarray(weights, dtype=float)
    w = w / w.sum()
    source = np.asarray(canonical, dtype=float) * np.array([-1.0 if mirrored else 1.0, 1.0])
    target = np.asarray(image_px, dtype=float)
    source_mean, target_mean = w @ source, w @ target
    a = (source - source_mean) @ np.array([1, 1j])
    b = (target - target_mean) @ np.array([1, 1j])
    factor = (w * np.conj(a) * b).sum() / max(float((w * np.abs(a) ** 2).sum()), 1e-12)
    turned = complex(source_mean @ np.array([1, 1j])) * factor
    origin = (float(target_mean[0] - turned.real), float(target_mean[1] - turned.imag))
    return Pose(origin, max(float(np.abs(factor)), 1e-6), float(np.angle(factor)), mirrored)


def _halved(pixels: Pixels) -> Pixels:
    rows, columns = pixels.shape[0] // 2 * 2, pixels.shape[1] // 2 * 2
    even = pixels[:rows, :columns]
    return np.asarray((even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4, dtype=np.float32)


def reductions(pixels: Pixels, least_side: int = 64) -> tuple[Pixels, ...]:
    """The image and its successive halvings (means of 2 x 2 px), so that a crop can be drawn from the fitting size without aliasing."""
    levels = [np.asarray(pixels, dtype=np.float32)]
    while min(levels[-1].shape) >= 2 * least_side:
        levels.append(_halved(levels[-1]))
    return tuple(levels)


def canonical_crop(pixels: Pixels | tuple[Pixels, ...], pose: Pose, frame: CropFrame = HAND_FRAME, outside: float = 0.0) -> Pixels:
    """The upright crop of a hand as a left hand.

    Args:
        pixels: (rows, columns), or :func:`reductions` of it where several crops are drawn from one image.
        pose: where the hand lies.
        frame: what the crop shows, and its size.
        outside: value given to what lies outside the image.

    Returns:
        float32, ``frame.size``. A point of the crop lies in the image at ``pose.to_image(frame.to_canonical(point))``, and a point
        of the image in the crop at ``frame.to_crop(pose.to_canonical(point))``.
    """
    levels = pixels if isinstance(pixels, tuple) else reductions(pixels)
    shrink = pose.length_px / frame.length_px
    level = int(np.clip(np.floor(np.log2(max(shrink, 1.0)) + 0.25), 0, len(levels) - 1))
    rows, columns = np.mgrid[0 : frame.size[0], 0 : frame.size[1]]
    points = pose.to_image(frame.to_canonical(np.stack([columns, rows], axis=-1)))
    points = (points + 0.5) / 2**level - 0.5
    crop = ndimage.map_coordinates(levels[level], [points[..., 1], points[..., 0]], order=1, mode="constant", cval=outside)
    return np.asarray(crop, dtype=np.float32)
