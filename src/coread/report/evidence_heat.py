"""Evidence maps as coloured pictures that lie over the image: clear where there is nothing, stronger where more speaks for the grade."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from coread.reading import Evidence
from coread.report.palette import STEPS, rgb
from coread.vision.evidence_map import map_values

LONGEST_PX = 256
OPAQUE = 0.6
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Heat:
    """A picture of an evidence map: PNG with transparency, and where it lies, in pixels of the image (edges, as in ``box_px``)."""

    data: bytes
    left: float
    top: float
    width: float
    height: float

    @property
    def uri(self) -> str:
        """The picture as a ``data:`` URI."""
        return _uri(self.data)


def heat(evidence: Evidence, part: Box) -> Heat | None:
    """The picture of a finding's map within a part (left, top, right, bottom) of its image; None where no map lies there."""
    values = map_values(evidence.map)
    if values is None or evidence.box_px is None:
        return None
    left, top, right, bottom = evidence.box_px
    inner = (max(left, part[0]), max(top, part[1]), min(right, part[2]), min(bottom, part[3]))
    if inner[2] - inner[0] < 1 or inner[3] - inner[1] < 1:
        return None
    rows, columns = values.shape
    across, down = columns / (right - left), rows / (bottom - top)
    source = ((inner[0] - left) * across, (inner[1] - top) * down, (inner[2] - left) * across, (inner[3] - top) * down)
    width, height = inner[2] - inner[0], inner[3] - inner[1]
    scale = min(1.0, LONGEST_PX / max(width, height))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    return Heat(_png(values, source, size), inner[0], inner[1], width, height)


def heat_uri(text: str | None) -> str | None:
    """The ``data:`` URI of the picture of a whole map as a reading carries it; None for anything that is no such map."""
    values = map_values(text)
    if values is None:
        return None
    rows, columns = values.shape
    scale = LONGEST_PX / max(rows, columns)
    return _uri(_png(values, (0, 0, columns, rows), (round(columns * scale), round(rows * scale))))


def _uri(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode("ascii")


def _png(values: npt.NDArray[np.float64], source: Box, size: tuple[int, int]) -> bytes:
    """A part of a map (rows, columns) in 0..1, enlarged smoothly to (width, height)."""
    fine = Pillow.fromarray(values.astype(np.float32)).resize(size, Pillow.Resampling.BICUBIC, box=source)
    strong = np.clip(np.asarray(fine, dtype=np.float64), 0, 1)
    colours = np.array([rgb(colour) for colour in STEPS], dtype=np.uint8)
    shades = colours[np.minimum((strong * len(STEPS)).astype(int), len(STEPS) - 1)]
    out = io.BytesIO()
    Pillow.fromarray(np.dstack([shades, np.round(255 * OPAQUE * strong).astype(np.uint8)])).save(out, "PNG", optimize=True)
    return out.getvalue()
