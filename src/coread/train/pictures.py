"""Prepared images as small pictures for the training's report."""

from __future__ import annotations

import base64
import io

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow


def picture_uri(plane: npt.NDArray[np.float32]) -> str:
    """A plane (rows, columns) in 0..1 as the ``data:`` URI of a grey JPEG."""
    out = io.BytesIO()
    Pillow.fromarray(np.round(np.clip(plane, 0, 1) * 255).astype(np.uint8)).save(out, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode("ascii")
