"""Where in an image stands what is graded: the finders that a card may name in ``[input] locate``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from coread.readers.image_place import Place
from coread.readers.knee_places import knees

Plane = npt.NDArray[np.float32]
Finder = Callable[[Plane, Mapping[str, str]], tuple[tuple[Place, ...], str]]
"""Image and its acquisition facts to places; where there is none, the reason as one sentence."""


def whole(pixels: Plane, facts: Mapping[str, str]) -> tuple[tuple[Place, ...], str]:
    """All of the image."""
    return (Place(pixels),), ""


FINDERS: Mapping[str, Finder] = {"whole": whole, "knees": knees}
