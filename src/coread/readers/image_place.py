"""A part of an image to grade."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Place:
    """A part of an image to grade.

    Attributes:
        pixels: (y, x) of the part.
        left, top: column and row of its first pixel in the image.
        side: ``left`` or ``right`` where the finder knows it.
        side_source: what said so.
        guessed: the side is told by shape alone, so that one that is stated anywhere wins over it.
    """

    pixels: npt.NDArray[np.float32]
    left: int = 0
    top: int = 0
    side: str | None = None
    side_source: str | None = None
    guessed: bool = False
