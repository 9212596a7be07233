"""Drawn images that are no exam, to see that the out-of-scope check refuses them: noise, stripes, ramps, tubes, plates, checkers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from coread.train.hand_scope import textures, tubes
from coread.vision.prepare import Preparation, prepare

COUNT = 60


def drawn_images(how: Preparation, count: int = COUNT) -> npt.NDArray[np.float16]:
    """Prepared drawings (count, rows, columns), half textures and half tubes; always the same ones."""
    rng = np.random.default_rng(77)
    planes = [prepare((textures if k % 2 else tubes)(rng), how).plane for k in range(count)]
    return np.stack(planes).astype(np.float16)
