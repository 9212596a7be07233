"""Close views of one joint at several visits laid over each other: centred, of one size, turned as the first one lies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from coread.report.closeup import Closeup, Points

HALF = 100.0
FILLED = 190.0
"""Length that the diagonal of the frame has in a view of 2 x ``HALF``: the crop, which is half as wide again, covers the view."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a close view lies: scaled by ``scale``, turned by ``turn_deg``, with ``center`` of the image in the middle."""

    center: tuple[float, float]
    scale: float
    turn_deg: float

    @property
    def transform(self) -> str:
        """The same as an SVG transform from pixels of the image into a view from -``HALF`` to ``HALF``."""
        return f"rotate({self.turn_deg:.2f}) scale({self.scale:.5f}) translate({-self.center[0]:.2f} {-self.center[1]:.2f})"


def aligned(views: Sequence[Closeup]) -> tuple[Placed | None, ...]:
    """Where each close view of a joint lies so that all of them show it alike; None for one without a picture.

    The frame of the region looked at, whose corners are given in one order, tells centre, size and direction. Where one view lacks it,
    views are centred and take the size of their crops, unturned.
    """
    pictured = [view for view in views if view.picture is not None]
    framed = bool(pictured) and all(len(view.outline) == 4 for view in pictured)
    first = _direction(pictured[0].outline) if framed else 0.0
    placed: list[Placed | None] = []
    for view in views:
        if view.picture is None:
            placed.append(None)
        elif framed:
            turn = (first - _direction(view.outline) + 180.0) % 360.0 - 180.0
            placed.append(Placed(_middle(view.outline), FILLED / _diagonal(view.outline), turn))
        else:
            box = view.picture
            center = view.center or (box.left + (box.width - 1) / 2, box.top + (box.height - 1) / 2)
            placed.append(Placed(center, 2 * HALF / max(box.width, box.height), 0.0))
    return tuple(placed)


def _middle(frame: Points) -> tuple[float, float]:
    return sum(x for x, _ in frame) / len(frame), sum(y for _, y in frame) / len(frame)


def _diagonal(frame: Points) -> float:
    return max(math.dist(frame[0], frame[2]), math.dist(frame[1], frame[3]), 1.0)


def _direction(frame: Points) -> float:
    """Degrees from the image's columns to the frame's first edge."""
    return math.degrees(math.atan2(frame[1][1] - frame[0][1], frame[1][0] - frame[0][0]))
