"""From the 37 landmarks of a hand to the places that are scored: centre, axis across the joint, width of the bone.

Landmarks (Digital Hand Atlas): 0-2 ulna (edge, styloid, corner at the radius), 3-5 radius (corner at the ulna, edge, styloid),
6 triquetrum, 7 lunate and 8 scaphoid at the radius, 9 where lunate, triquetrum, hamate and capitate meet, 10 where capitate, scaphoid and
lunate meet, 11 and 12 scaphoid at trapezoid and trapezium, 13-17 metacarpal bases 5 to 1, 18-20 thumb MCP, IP, tip, then MCP, PIP,
DIP, tip of index (21-24), middle (25-28), ring (29-32) and little finger (33-36).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from coread.vision.pose import Array


@dataclass(frozen=True, slots=True)
class SiteRule:
    """How a place follows from landmarks.

    Attributes:
        landmarks: weight of each landmark in the centre.
        way: the place's axis points from the mean of the first landmarks to the mean of the second.
        width: width of the bone at the place, as a share of hand length.
        shift: the centre moved along the hand (towards the radial side, towards the fingers), as a share of hand length.
    """

    landmarks: Mapping[int, float]
    way: tuple[tuple[int, ...], tuple[int, ...]]
    width: float
    shift: tuple[float, float] = (0.0, 0.0)


def _at(landmark: int, start: int, end: int, width: float) -> SiteRule:
    return SiteRule({landmark: 1.0}, ((start,), (end,)), width)


def _mean(landmarks: tuple[int, ...], way: tuple[tuple[int, ...], tuple[int, ...]], width: float) -> SiteRule:
    return SiteRule({k: 1 / len(landmarks) for k in landmarks}, way, width)


SITES: Mapping[str, SiteRule] = {
    "MCP 1": _at(18, 17, 18, 0.079),
    "MCP 2": _at(21, 16, 21, 0.078),
    "MCP 3": _at(25, 15, 25, 0.077),
    "MCP 4": _at(29, 14, 29, 0.068),
    "MCP 5": _at(33, 13, 33, 0.066),
    "PIP 2": _at(22, 21, 22, 0.059),
    "PIP 3": _at(26, 25, 26, 0.061),
    "PIP 4": _at(30, 29, 30, 0.058),
    "PIP 5": _at(34, 33, 34, 0.049),
    "IP thumb": _at(19, 18, 19, 0.065),
    "CMC 3": _at(15, 10, 15, 0.042),
    "CMC 4": _at(14, 9, 14, 0.030),
    "CMC 5": _at(13, 9, 13, 0.032),
    "metacarpal 1 base": SiteRule({17: 1.0}, ((17,), (18,)), 0.085, (0.004, 0.006)),
    "scaphotrapeziotrapezoid": _mean((11, 12), ((8, 10), (11, 12)), 0.042),
    "capitate-scaphoid-lunate": _mean((10,), ((7, 8), (15,)), 0.049),
    "radiocarpal": SiteRule({7: 0.5, 8: 0.5}, ((3, 4), (7, 8)), 0.090, (0.006, 0.0)),
    "radius": SiteRule({3: 0.3, 4: 0.3, 5: 0.2, 7: 0.1, 8: 0.1}, ((3, 4), (7, 8)), 0.165),
    "ulna": _mean((0, 1, 2), ((0, 2), (1,)), 0.080),
    "trapezium-trapezoid": _mean((11, 12, 16, 17), ((11, 12), (16, 17)), 0.110),
    "scaphoid": _mean((5, 8, 10, 11, 12), ((8,), (11, 12)), 0.080),
    "lunate": SiteRule({7: 0.45, 9: 0.35, 10: 0.2}, ((7,), (9, 10)), 0.075),
    "DIP 2": _at(23, 22, 23, 0.050),
    "DIP 3": _at(27, 26, 27, 0.053),
    "DIP 4": _at(31, 30, 31, 0.050),
    "DIP 5": _at(35, 34, 35, 0.042),
    "tip 1": _at(20, 19, 20, 0.050),
    "tip 2": _at(24, 23, 24, 0.040),
    "tip 3": _at(28, 27, 28, 0.042),
    "tip 4": _at(32, 31, 32, 0.042),
    "tip 5": _at(36, 35, 36, 0.035),
    "wrist": _mean((7, 8), ((3, 4), (7, 8)), 0.280),
}
"""Every place by name: the 22 sites of the hand's score, the distal joints, the finger tips, and ``wrist``, from which with
``tip 3`` the hand's length is measured. Widths are means of adult hands as :mod:`coread.simulate` builds them."""


def site_centre(points: Array, rule: SiteRule, mirrored: bool) -> Array:
    """Centre of a place from landmarks (37, 2), in their unit; ``mirrored`` as in :class:`coread.vision.pose.Pose`."""
    centre = sum((weight * points[k] for k, weight in rule.landmarks.items()), np.zeros(2))
    if rule.shift != (0.0, 0.0):
        up = points[28] - (points[7] + points[8]) / 2
        radial = np.array([-up[1], up[0]]) * (-1.0 if mirrored else 1.0)
        centre = centre + rule.shift[0] * radial + rule.shift[1] * up
    return np.asarray(centre, dtype=float)


def site_axis(points: Array, rule: SiteRule) -> Array:
    """Unit vector across the joint, distally. At a joint of a finger it follows the bone on the near side."""
    start, end = rule.way
    way = points[list(end)].mean(axis=0) - points[list(start)].mean(axis=0)
    return np.asarray(way / max(float(np.linalg.norm(way)), 1e-9), dtype=float)
