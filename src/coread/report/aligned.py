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

    The frame of the region looked at tells centre and size. The ends of both bones tell the direction, a frame that stands straight in
    every image tells none; a frame that lies turned, whose corners are given in one order, tells it where a view lacks the ends of its
    bones. Where a view lacks the frame, views are centred and take the size of their crops, unturned.
    """
    pictured = [view for view in views if view.picture is not None]
    framed = bool(pictured) and all(len(view.outline) == 4 for view in pictured)
    directions = iter(_directions(pictured) if framed else ())
    first: float | None = None
    placed: list[Placed | None] = []
    for view in views:
        if view.picture is None:
            placed.append(None)
        elif framed:
            direction = next(directions)
            first = direction if first is None else first
            turn = (first - direction + 180.0) % 360.0 - 180.0
            placed.append(Placed(_middle(view.outline), FILLED / _diagonal(view.outline), turn))
        else:
            box = view.picture
            center = view.center or (box.left + (box.width - 1) / 2, box.top + (box.height - 1) / 2)
            placed.append(Placed(center, 2 * HALF / max(box.width, box.height), 0.0))
    return tuple(placed)


def _directions(views: Sequence[Closeup]) -> list[float]:
    """How each joint lies, in degrees from the image's columns, by the same sign in all of them."""
    if all(len(view.proximal) > 1 and len(view.distal) > 1 for view in views):
        return [_angle(_sum(_chord(view.proximal), _chord(view.distal))) for view in views]
    return [_angle(_chord(view.outline[:2])) for view in views]


def _middle(frame: Points) -> tuple[float, float]:
    return sum(x for x, _ in frame) / len(frame), sum(y for _, y in frame) / len(frame)


def _diagonal(frame: Points) -> float:
    return max(math.dist(frame[0], frame[2]), math.dist(frame[1], frame[3]), 1.0)


def _chord(line: Points) -> tuple[float, float]:
    return line[-1][0] - line[0][0], line[-1][1] - line[0][1]


def _sum(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return one[0] + other[0], one[1] + other[1]


def _angle(way: tuple[float, float]) -> float:
    return math.degrees(math.atan2(way[1], way[0]))
