"""The bones of a hand as outlines with fields of depth, cortical thickness and filling.

Widths and depths of adult metacarpals and phalanges are typical values chosen to look right beside radiographs of
grown hands, not a published table; the caller varies them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.interpolate import PchipInterpolator

from coread.simulate.outline import arc, smooth

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bone:
    """One bone: its projected outline and what lies behind it.

    The fields (``depth`` ...) are given at the knots ``at`` along the axis, 0 at the origin and 1 at ``length``.

    Attributes:
        name: ``proximal phalanx 2``, ``metacarpal 3``, ``scaphoid``, ...
        outline: (n, 2) mm.
        origin: point where the axis starts (centre of the proximal end).
        axis: unit vector pointing distally.
        length: mm along the axis.
        at: (k,) knots.
        depth: half extent from front to back, mm.
        cortex: thickness of the cortical shell, mm.
        round: distance from the edge over which the full depth is reached at the sides, mm.
        ends: the same and the thickness of the plate at the proximal and the distal end: (round, plate, round, plate), mm.
        rim: mineral of the second line that the far rim of a concave base throws, mm.
        fill: volume fraction of trabecular bone inside the shell.
        plates: open growth plates, mm along the axis.
        fused: ends without a subchondral plate, ``proximal`` or ``distal``.
    """

    name: str
    outline: Array
    origin: Array
    axis: Array
    length: float
    at: Array
    depth: Array
    cortex: Array
    round: Array
    fill: Array
    ends: tuple[float, float, float, float]
    rim: float = 0.0
    fused: tuple[str, ...] = ()
    plates: tuple[float, ...] = ()

    @property
    def across(self) -> Array:
        """Unit vector across the axis, to the right when the axis points up the film."""
        return np.array([-self.axis[1], self.axis[0]])

    def moved(self, shift: npt.ArrayLike, turn: float = 0.0, about: npt.ArrayLike | None = None) -> Bone:
        """The bone turned by ``turn`` radians about a point, then shifted by ``shift`` mm."""
        c, s = np.cos(turn), np.sin(turn)
        matrix = np.array([[c, -s], [s, c]])
        pivot = self.origin if about is None else np.asarray(about, dtype=float)
        shift = np.asarray(shift, dtype=float)
        return replace(
            self,
            outline=(self.outline - pivot) @ matrix.T + pivot + shift,
            origin=(self.origin - pivot) @ matrix.T + pivot + shift,
            axis=matrix @ self.axis,
        )

    def along(self, points: npt.ArrayLike) -> Array:
        """Position along the axis of points, as a fraction of the length."""
        out: Array = (np.asarray(points, dtype=float) - self.origin) @ self.axis / self.length
        return out


# base, middle, head (full widths in mm) and the depth (half) at base, middle, head
_TUBES: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "metacarpal 1": ((15.5, 10.8, 15.0), (7.0, 4.4, 6.5)),
    "metacarpal 2": ((15.6, 9.0, 14.8), (7.0, 4.5, 7.0)),
    "metacarpal 3": ((13.2, 9.0, 14.6), (7.5, 4.6, 7.0)),
    "metacarpal 4": ((11.5, 7.6, 12.8), (6.0, 4.0, 6.3)),
    "metacarpal 5": ((12.8, 8.2, 12.4), (5.5, 3.7, 5.8)),
    "proximal phalanx 1": ((15.0, 9.4, 12.2), (5.6, 3.5, 4.0)),
    "proximal phalanx 2": ((15.0, 9.4, 11.2), (5.8, 3.6, 4.0)),
    "proximal phalanx 3": ((15.2, 9.6, 11.6), (6.0, 3.8, 4.2)),
    "proximal phalanx 4": ((14.2, 8.8, 10.9), (5.6, 3.5, 4.0)),
    "proximal phalanx 5": ((12.8, 7.4, 9.3), (4.8, 3.0, 3.4)),
    "middle phalanx 2": ((12.2, 7.6, 9.4), (4.6, 2.9, 3.1)),
    "middle phalanx 3": ((12.8, 8.2, 10.0), (4.8, 3.1, 3.3)),
    "middle phalanx 4": ((12.0, 7.6, 9.5), (4.6, 2.9, 3.1)),
    "middle phalanx 5": ((10.2, 6.4, 8.0), (3.8, 2.4, 2.7)),
    "distal phalanx 1": ((14.0, 7.2, 10.2), (4.6, 2.6, 2.3)),
    "distal phalanx 2": ((10.4, 4.7, 7.6), (3.5, 1.9, 1.8)),
    "distal phalanx 3": ((11.0, 5.0, 8.2), (3.7, 2.0, 1.9)),
    "distal phalanx 4": ((10.4, 4.8, 7.9), (3.5, 1.9, 1.8)),
    "distal phalanx 5": ((8.9, 4.0, 6.6), (3.0, 1.6, 1.6)),
}
HEAD_RADIUS = 0.52
"""Radius of a metacarpal's head as a share of its width."""
HEAD_END = 0.36
"""Half of the width at a metacarpal's very end as a share of the head's width."""
PART = ("metacarpal", "proximal phalanx", "middle phalanx", "distal phalanx")


def head_width(name: str, scale: float = 1.0) -> float:
    """Width of the distal end of a metacarpal or phalanx in mm."""
    return _TUBES[name][0][2] * scale


def _half_width(kind: str, length: float, widths: tuple[float, float, float]) -> PchipInterpolator:
    base, middle, head = (w / 2 for w in widths)
    if kind == "metacarpal":
        knots = [(0, 0.86 * base), (2.5, 0.99 * base), (6, 0.97 * base), (12, 0.80 * base + 0.10 * middle), (0.36 * length, middle * 1.08)]
        knots += [
            (0.52 * length, middle),
            (0.68 * length, middle * 1.08),
            (length - 14, 0.45 * middle + 0.52 * head),
            (length - 9, 0.98 * head),
        ]
        knots += [(length - 6.5, head), (length - 3.8, 0.96 * head), (length - 1.9, 0.86 * head), (length, 2 * HEAD_END * head)]
    elif kind == "distal phalanx":
        knots = [(0, 0.93 * base), (1.3, base), (3, 0.9 * base), (0.45 * length, 1.12 * middle), (0.62 * length, middle)]
        knots += [(0.73 * length, 0.45 * middle + 0.52 * head), (0.82 * length, 0.98 * head), (0.9 * length, head), (length, 0.66 * head)]
    else:
        knots = [
            (0, 0.93 * base),
            (1.6, base),
            (4, 0.95 * base),
            (0.25 * length, 0.5 * base + 0.46 * middle),
            (0.5 * length, middle * 1.03),
        ]
        knots += [(0.66 * length, middle), (length - 6.5, 0.55 * middle + 0.43 * head), (length - 3.6, 0.97 * head), (length - 2.2, head)]
        knots += [(length, 0.86 * head)]
    s, w = np.array(sorted(knots)).T
    keep = np.concatenate([[True], np.diff(s) > 0.2])
    return PchipInterpolator(s[keep], w[keep])


def _base_curve(kind: str, u: Array) -> Array:
    if kind == "metacarpal":
        return -0.5 * u**2
    if kind == "proximal phalanx":
        return -1.75 * np.abs(u) ** 2.1
    return 0.55 * (1 - np.exp(-((u / 0.3) ** 2))) - 1.25 * u**2


def _head_curve(kind: str, u: Array, half: float) -> Array:
    if kind == "metacarpal":
        radius = HEAD_RADIUS / HEAD_END * half
        out: Array = np.sqrt(np.maximum(radius**2 - (u * half) ** 2, 0)) - radius
        return out
    if kind == "distal phalanx":
        return -1.7 * np.abs(u) ** 2.4
    return 0.5 * (1 - np.exp(-((u / 0.33) ** 2))) - 1.15 * np.abs(u) ** 3.2


def tube(name: str, length: float, scale: float = 1.0, slenderness: float = 1.0, cortex: float = 1.0) -> Bone:
    """A metacarpal or phalanx in its own frame: base at the origin, axis along +x, its radial side towards +y.

    Args:
        name: ``metacarpal 1`` .. ``distal phalanx 5``.
        length: mm from the centre of the base to the centre of the head.
        scale: multiplies all widths.
        slenderness: divides the width of the shaft.
        cortex: multiplies the thickness of the cortex.
    """
    kind = name.rsplit(" ", 1)[0]
    (base, middle, head), depths = _TUBES[name]
    widths = (base * scale, middle * scale / slenderness, head * scale)
    half = _half_width(kind, length, widths)
    u = np.linspace(-1, 1, 121)
    wb, wh = float(half(0)), float(half(length))
    bottom = np.column_stack([_base_curve(kind, u), u * wb])
    top = np.column_stack([length + _head_curve(kind, u[::-1], wh), u[::-1] * wh])
    s_right = np.linspace(bottom[-1, 0] + 0.4, top[0, 0] - 0.4, 160)
    right = np.column_stack([s_right, half(np.clip(s_right, 0, length))])
    left = np.column_stack([s_right[::-1], -half(np.clip(s_right[::-1], 0, length))])
    outline = smooth(np.vstack([bottom, right, top, left]), 0.9 if name == "metacarpal 1" else 0.6)
    ends = min(9.0, 0.3 * length) / length
    at = np.array([0.0, 0.5 * ends, ends, 0.38, 0.6, 1 - ends, 1 - 0.5 * ends, 1.0])
    db, dm, dh = (d * scale for d in depths)
    thick = cortex * 0.165 * widths[1]
    thin = 0.45 * cortex
    wide = 0.5 * np.array([widths[0], widths[1], widths[2]])
    head_round = {"metacarpal": 4.5, "proximal phalanx": 2.6, "middle phalanx": 2.2, "distal phalanx": 2.2}[kind]
    base_round = {"metacarpal": 2.4, "proximal phalanx": 1.9, "middle phalanx": 1.7, "distal phalanx": 1.5}[kind]
    marrow = 0.07 if kind != "distal phalanx" else 0.16
    return Bone(
        name=name,
        outline=outline,
        origin=np.zeros(2),
        axis=np.array([1.0, 0.0]),
        length=length,
        at=at,
        depth=np.array([0.94 * db, db, 0.85 * db + 0.1 * dm, dm, dm, 0.5 * (dm + dh), dh, 0.95 * dh]),
        cortex=np.array([thin, thin, 0.6 * thin + 0.35 * thick, thick, thick, 0.6 * thin + 0.35 * thick, thin, thin]),
        round=np.array([wide[0], wide[0], 0.5 * (wide[0] + wide[1]), wide[1], wide[1], wide[1], wide[2], wide[2]]),
        fill=np.array([0.27, 0.24, 0.18, marrow, marrow, 0.17, 0.25, 0.27]),
        ends=(base_round, 0.6 * cortex, head_round, 0.5 * cortex),
        rim=0.0 if kind == "metacarpal" else 0.28 * db,
    )


def block(name: str, outline: npt.ArrayLike, depth: float, cortex: float = 0.42) -> Bone:
    """A carpal or sesamoid bone from its outline: constant depth, shell and filling."""
    points = smooth(outline, 0.55)
    centre = points.mean(axis=0)
    size = float(np.sqrt(arc(points)[-1] ** 2 / (4 * np.pi)))
    one = np.ones(2)
    curve = min(0.75 * size, 5.5)
    return Bone(
        name=name,
        outline=points,
        origin=centre + np.array([0.0, size]),
        axis=np.array([0.0, -1.0]),
        length=2 * size,
        at=np.array([0.0, 1.0]),
        depth=depth * one,
        cortex=cortex * one,
        round=curve * one,
        fill=0.23 * one,
        ends=(0.8 * curve, cortex, 0.8 * curve, cortex),
    )


def forearm(name: str, outline: npt.ArrayLike, axis: Array, depth: float, cortex: float = 1.0) -> Bone:
    """Radius or ulna: the origin lies far down the shaft, the joint at the distal end."""
    points = smooth(outline, 0.6)
    s = points @ axis
    tip = float(s.max())
    length = 130.0
    middle = points.mean(axis=0)
    origin = middle + axis * (tip - length - float(middle @ axis))
    shaft = 6.6 if name == "radius" else 5.0
    return Bone(
        name=name,
        outline=points,
        origin=origin,
        axis=axis,
        length=length,
        at=np.array([0.0, 0.45, 0.65, 0.8, 0.9, 0.96, 1.0]),
        depth=np.array([0.60, 0.62, 0.66, 0.78, 0.92, 1.0, 0.9]) * depth,
        cortex=np.array([2.6, 2.4, 1.9, 1.0, 0.6, 0.5, 0.5]) * cortex,
        round=np.array([shaft, shaft, shaft + 0.6, shaft + 2.0, shaft + 2.0, 6.0, 5.0]),
        fill=np.array([0.05, 0.06, 0.09, 0.14, 0.18, 0.21, 0.24]),
        ends=(3.0, 0.7, 3.0 if name == "radius" else 4.0, 0.6),
    )
