"""Evidence maps as text: a small grey picture that lies over the box of its evidence and travels inside the reading."""

from __future__ import annotations

import base64
import binascii
import io

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

PREFIX = "data:image/png;base64,"
MOST = 128
"""Rows and columns that a map may have; it comes from a network's last features, which are few."""
MOST_TEXT = 40_000


def relief(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Maps (..., rows, columns) with the median of their places as 0: what stands out from the rest of the same image."""
    maps = np.asarray(values, dtype=np.float64)
    return maps - np.median(maps, axis=(-2, -1), keepdims=True)


def map_uri(values: npt.ArrayLike) -> str:
    """A map (rows, columns), 0 nothing and 1 the most that is shown, as the ``data:`` URI of a grey PNG."""
    grey = np.round(np.clip(np.asarray(values, dtype=np.float64), 0, 1) * 255).astype(np.uint8)
    if grey.ndim != 2 or max(grey.shape) > MOST:
        raise ValueError(f"a map has up to {MOST} rows and columns, got the shape {grey.shape}")
    out = io.BytesIO()
    Pillow.fromarray(grey).save(out, "PNG", optimize=True)
    return PREFIX + base64.b64encode(out.getvalue()).decode("ascii")


def map_values(uri: str | None) -> npt.NDArray[np.float64] | None:
    """The map (rows, columns) in 0..1 of `map_uri`; None for any other text, since a reading may come from anywhere."""
    if uri is None or not uri.startswith(PREFIX) or len(uri) > MOST_TEXT:
        return None
    try:
        with Pillow.open(io.BytesIO(base64.b64decode(uri.removeprefix(PREFIX), validate=True)), formats=("PNG",)) as picture:
            if picture.mode != "L" or max(picture.size) > MOST:
                return None
            return np.asarray(picture, dtype=np.float64) / 255
    except (binascii.Error, UnidentifiedImageError, OSError, ValueError, SyntaxError, Pillow.DecompressionBombError):
        return None
