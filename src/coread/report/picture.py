"""Pixels to compressed pictures for the page and the PDF: overviews made smaller, crops at native resolution."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from coread.study import Image

OVERVIEW_PX = 1600
CROP_PX = 420
QUALITY = 85
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Picture:
    """A compressed picture of a rectangle of an image.

    Attributes:
        data: JPEG bytes.
        left, top: first column and row shown; with pixel centres on whole numbers the picture begins at left - 0.5.
        width, height: columns and rows shown, in pixels of the image (not of the picture, which may be smaller).
        columns, rows: size of the picture itself.
    """

    data: bytes
    left: int
    top: int
    width: int
    height: int
    columns: int
    rows: int

    @property
    def uri(self) -> str:
        """The picture as a ``data:`` URI."""
        return "data:image/jpeg;base64," + base64.b64encode(self.data).decode("ascii")

    @property
    def native(self) -> bool:
        """Whether a pixel of the picture is a pixel of the image."""
        return self.columns == self.width


def flat(image: Image) -> Bytes:
    """An image as one picture, uint8, axes (y, x) or (y, x, c): the middle of a volume, the first of a series.

    A radiograph's 0..1 is kept as it is; anything else is stretched between its 0.5 and 99.5 percentile.

    Raises:
        InputError: the file cannot be decoded.
    """
    pixels = image.pixels
    axes = list(image.axes)
    for axis in ("t", "z"):
        if axis in axes:
            at = axes.index(axis)
            pixels = np.take(pixels, pixels.shape[at] // 2 if axis == "z" else 0, axis=at)
            axes.remove(axis)
    order = [axes.index(axis) for axis in ("y", "x", "c") if axis in axes]
    pixels = np.transpose(pixels, order)
    if pixels.ndim == 3 and pixels.shape[2] not in (1, 3):
        pixels = pixels.mean(axis=2)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    low, high = (float(pixels.min()), float(pixels.max())) if pixels.size else (0.0, 1.0)
    if low >= 0.0 and high <= 1.0:
        return np.multiply(pixels, 255.0).astype(np.uint8)
    return _stretched(pixels)


def _stretched(pixels: npt.NDArray[Any]) -> Bytes:
    """The pixels between their 0.5 and 99.5 percentile as 0..255."""
    low, high = (float(q) for q in np.percentile(pixels, (0.5, 99.5)))
    scale = 255.0 / (high - low) if high > low else 0.0
    shown: Bytes = np.clip((pixels.astype(np.float32) - low) * scale, 0, 255).astype(np.uint8)
    return shown


def overview(pixels: Bytes, box: tuple[int, int, int, int], longest: int = OVERVIEW_PX) -> Picture:
    """The rectangle ``box`` (left, top, right, bottom; ends excluded), at most ``longest`` px along its longer side."""
    return _compressed(pixels, box, longest, stretch=False)


def crop(pixels: Bytes, box: tuple[int, int, int, int], longest: int = CROP_PX) -> Picture:
    """The rectangle ``box`` with its own contrast, at native resolution unless it is larger than ``longest``."""
    return _compressed(pixels, box, longest, stretch=True)


def _compressed(pixels: Bytes, box: tuple[int, int, int, int], longest: int, stretch: bool) -> Picture:
    from PIL import Image as Pillow

    left, top, right, bottom = box
    part = np.ascontiguousarray(pixels[top:bottom, left:right])
    if stretch and part.size:
        part = _stretched(part)
    picture = Pillow.fromarray(part)
    if max(part.shape[:2]) > longest:
        scale = longest / max(part.shape[:2])
        size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
        picture = picture.resize(size, Pillow.Resampling.BILINEAR, reducing_gap=2.0)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY)
    return Picture(out.getvalue(), left, top, right - left, bottom - top, picture.width, picture.height)


def square_around(
    points: Iterable[tuple[float, float]], pad: float, least: float, shape: tuple[int, int]
) -> tuple[int, int, int, int] | None:
    """A square (left, top, right, bottom; ends excluded) around points (column, row), cut to an image of (rows, columns).

    ``pad`` widens the points' extent by that share on every side, ``least`` is the smallest side in px. None where the
    points lie outside the image.
    """
    where = np.array([p for p in points if np.isfinite(p).all()], dtype=float).reshape(-1, 2)
    if not len(where):
        return None
    low, high = where.min(axis=0), where.max(axis=0)
    center = (low + high) / 2
    half = max(float((high - low).max()) * (0.5 + pad), least / 2)
    rows, columns = shape
    left, right = max(0, round(center[0] - half)), min(columns, round(center[0] + half) + 1)
    top, bottom = max(0, round(center[1] - half)), min(rows, round(center[1] + half) + 1)
    return (left, top, right, bottom) if right - left >= 4 and bottom - top >= 4 else None
