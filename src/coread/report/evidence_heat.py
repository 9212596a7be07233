"""Evidence maps as coloured pictures that lie over the image: clear where there is nothing, stronger where more speaks for the grade."""

from __future__ import annotations

import base64
import io

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from coread.report.palette import STEPS, rgb
from coread.vision.evidence_map import map_values

ENLARGED = 8
OPAQUE = 0.6


def heat_uri(text: str | None) -> str | None:
    """The ``data:`` URI of the picture of a map as a reading carries it; None for anything that is no such map."""
    values = map_values(text)
    return None if values is None else "data:image/png;base64," + base64.b64encode(heat_png(values)).decode("ascii")


def heat_png(values: npt.NDArray[np.float64]) -> bytes:
    """A map (rows, columns) in 0..1 as a PNG with transparency, enlarged smoothly."""
    grey = Pillow.fromarray(np.round(values * 255).astype(np.uint8))
    size = (grey.width * ENLARGED, grey.height * ENLARGED)
    fine = np.asarray(grey.resize(size, Pillow.Resampling.BICUBIC), dtype=np.float64) / 255
    colours = np.array([rgb(colour) for colour in STEPS], dtype=np.uint8)
    picture = np.dstack(
        [colours[np.clip((fine * len(STEPS)).astype(int), 0, len(STEPS) - 1)], np.round(255 * OPAQUE * fine).astype(np.uint8)]
    )
    out = io.BytesIO()
    Pillow.fromarray(picture).save(out, "PNG", optimize=True)
    return out.getvalue()
