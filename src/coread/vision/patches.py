"""Square patches about places of a hand, each in the place's own frame: what the small networks look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Point = tuple[float, float]
Pixels = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Square:
    """Where a patch lies in its image.

    Attributes:
        center_px: (column, row) of its middle.
        axis: unit vector (columns, rows) that points up in the patch.
        half_px: half a side, from the middle to the outermost samples, in image pixels.
        size: samples along a side.
        mirrored: True where the patch shows the mirror image, so that left and right hands look alike.
    """

    center_px: Point
    axis: Point
    half_px: float
    size: int
    mirrored: bool = False

    def to_image(self, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Points of the patch, (..., 2) as (column, row) of samples, in the image as (column, row)."""
        p = np.asarray(points, dtype=float) * (2 * self.half_px / (self.size - 1)) - self.half_px
        across, up = (-p[..., 0] if self.mirrored else p[..., 0]), -p[..., 1]
        ax, ay = self.axis
        return np.stack([self.center_px[0] + up * ax - across * ay, self.center_px[1] + up * ay + across * ax], axis=-1)

    def to_patch(self, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Points of the image, (..., 2) as (column, row), as (column, row) of samples of the patch."""
        p = np.asarray(points, dtype=float) - np.asarray(self.center_px)
        ax, ay = self.axis
        up, across = p[..., 0] * ax + p[..., 1] * ay, -p[..., 0] * ay + p[..., 1] * ax
        across = -across if self.mirrored else across
        return (np.stack([across, -up], axis=-1) + self.half_px) * ((self.size - 1) / (2 * self.half_px))


def cut(pixels: Pixels, square: Square) -> Pixels:
    """The patch, [size, size]; beyond the image the border value goes on.

    Args:
        pixels: [y, x].
        square: where it lies.
    """
    samples = np.mgrid[0 : square.size, 0 : square.size][::-1].transpose(1, 2, 0)
    places = square.to_image(samples)
    columns, rows = places[..., 0], places[..., 1]
    step = 2 * square.half_px / (square.size - 1)
    pad = int(3 * step) + 2
    top, left = (max(0, int(np.floor(v.min())) - pad) for v in (rows, columns))
    bottom, right = int(rows.max()) + pad + 1, int(columns.max()) + pad + 1
    window = pixels[top:bottom, left:right]
    if window.size == 0:
        return np.zeros((square.size, square.size), dtype=np.float32)
    if step > 1.2:
        window = ndimage.gaussian_filter(window, 0.45 * step, mode="nearest")
    patch: Pixels = ndimage.map_coordinates(window, (rows - top, columns - left), order=1, mode="nearest", output=np.float32)
    return patch


def standardised(patches: Pixels) -> Pixels:
    """Grey values with mean 0 and deviation 1 over the last two axes."""
    mean = patches.mean(axis=(-2, -1), keepdims=True)
    deviation = patches.std(axis=(-2, -1), keepdims=True)
    out: Pixels = ((patches - mean) / np.maximum(deviation, 1e-4)).astype(np.float32)
    return out


def inside_share(square: Square, shape: Sequence[int]) -> float:
    """Share of the patch's samples that lie in an image of (rows, columns)."""
    samples = np.mgrid[0 : square.size : 4, 0 : square.size : 4][::-1].transpose(1, 2, 0)
    places = square.to_image(samples)
    return float(((places >= -0.5).all(axis=-1) & (places[..., 0] <= shape[1] - 0.5) & (places[..., 1] <= shape[0] - 0.5)).mean())
