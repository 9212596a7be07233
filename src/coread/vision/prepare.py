"""An image as a network that grades whole images takes it: the same steps when it is trained and when it reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from coread.errors import DefinitionError
from coread.vision.scope import grey

Plane = npt.NDArray[np.float32]
Box = tuple[float, float, float, float]
FITS = ("pad", "stretch")


@dataclass(frozen=True, slots=True)
class Preparation:
    """How an image becomes the network's input.

    Attributes:
        rows, columns: size of the input.
        fit: ``pad`` keeps the proportions and fills up with the darkest value, ``stretch`` does not keep them.
        border: share of the height and width cut off at each side.
        low, high: percentiles of the pixels that become 0 and 1.
    """

    rows: int
    columns: int
    fit: str = "pad"
    border: float = 0.0
    low: float = 0.5
    high: float = 99.5

    def __post_init__(self) -> None:
        if self.fit not in FITS:
            raise DefinitionError(f"fit: expected {' or '.join(FITS)}, got {self.fit!r}")
        if not (16 <= self.rows <= 2048 and 16 <= self.columns <= 2048):
            raise DefinitionError(f"rows and columns: expected 16 to 2048 pixels, got {self.rows} x {self.columns}")
        if not 0 <= self.border < 0.45:
            raise DefinitionError(f"border: expected a share from 0 to 0.45, got {self.border:g}")
        if not 0 <= self.low < self.high <= 100:
            raise DefinitionError(f"low and high: expected percentiles with low below high, got {self.low:g} and {self.high:g}")


@dataclass(frozen=True, slots=True)
class Prepared:
    """An image ready for the network.

    Attributes:
        plane: (rows, columns) in 0..1.
        box_px: (left, top, right, bottom) of the plane in pixels of the image; with ``pad`` it may reach beyond the image.
    """

    plane: Plane
    box_px: Box


def prepare(pixels: Plane, how: Preparation) -> Prepared:
    """The input made of an image.

    Args:
        pixels: (y, x) or (y, x, colour), any scale.
        how: size, fit, border and window.
    """
    from PIL import Image as Pillow  # here, so that looking at a card costs no imaging library

    image = grey(pixels)
    cut_rows, cut_columns = (int(n * how.border) for n in image.shape)
    image = image[cut_rows : image.shape[0] - cut_rows, cut_columns : image.shape[1] - cut_columns]
    rows, columns = image.shape
    low, high = (float(q) for q in np.percentile(image, (how.low, how.high)))
    image = np.clip((image - low) / max(high - low, 1e-6), 0.0, 1.0).astype(np.float32)
    if how.fit == "stretch":
        inner = (how.rows, how.columns)
    else:
        scale = min(how.rows / rows, how.columns / columns)
        inner = (max(1, min(how.rows, round(rows * scale))), max(1, min(how.columns, round(columns * scale))))
    small = np.asarray(Pillow.fromarray(image).resize((inner[1], inner[0]), Pillow.Resampling.BILINEAR), dtype=np.float32)
    top, left = (how.rows - inner[0]) // 2, (how.columns - inner[1]) // 2
    plane = np.zeros((how.rows, how.columns), dtype=np.float32)
    plane[top : top + inner[0], left : left + inner[1]] = small
    down, across = rows / inner[0], columns / inner[1]
    first_row, first_column = cut_rows - 0.5 - top * down, cut_columns - 0.5 - left * across
    return Prepared(plane, (first_column, first_row, first_column + how.columns * across, first_row + how.rows * down))
