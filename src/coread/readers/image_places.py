"""Where in an image stands what is graded: the finders that a card may name in ``[input] locate``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Place:
    """A part of an image to grade.

    Attributes:
        pixels: (y, x) of the part.
        left, top: column and row of its first pixel in the image.
        side: ``left`` or ``right`` where the finder knows it.
        side_source: what said so.
    """

    pixels: Plane
    left: int = 0
    top: int = 0
    side: str | None = None
    side_source: str | None = None


Finder = Callable[[Plane, Mapping[str, str]], tuple[tuple[Place, ...], str]]
"""Image and its acquisition facts to places; where there is none, the reason as one sentence."""


def whole(pixels: Plane, facts: Mapping[str, str]) -> tuple[tuple[Place, ...], str]:
    """All of the image."""
    return (Place(pixels),), ""


FINDERS: Mapping[str, Finder] = {"whole": whole}
