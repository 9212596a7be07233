"""Movements of the second family: everything distal to a joint is moved by one smooth warp, flesh included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.ndimage import map_coordinates

from coread.simulate.second_damage_erode import Lesion, poisson_fill
from coread.simulate.second_damage_frame import LINES, Array, BoneEnd, Joint, Pixels
from coread.simulate.truth import narrowing_grade

_TOUCH = 0.97
"""Share of the space closed before two bones are fused."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A place after its surroundings moved."""

    name: str
    center_px: tuple[float, float]
    axis: tuple[float, float]
    width_px: float


@dataclass(frozen=True, slots=True)
class Warp:
    """A rigid movement of what lies distal to a joint, fading out beside the digit and beyond its tip.

    Attributes:
        end: the joint.
        shift: px in (u, v).
        turn: radians about ``pivot`` (u, v), positive from u to v.
        pivot: in bone widths.
        path: (k, 2) points (column, row) of the digit from the joint to where the movement starts to fade.
        beyond: px over which it fades after the path's end.
        spread: px from the path's side to where the movement has faded out, at most.
        others: the other digits' bones, which stay.
    """

    end: BoneEnd
    shift: tuple[float, float]
    turn: float
    pivot: tuple[float, float]
    path: Array
    beyond: float
    spread: float
    others: tuple[Array, ...]

    def displacement(self, points: Array) -> Array:
        """Where what shows at a point afterwards came from, less the point: (n, 2) px."""
        end = self.end
        space = end.space
        assert space is not None
        out = np.zeros(points.shape)
        u, v = end.uv(points[:, 0], points[:, 1])
        gap = float(space.widths_px.mean()) / end.width
        # The space alone is pressed together: the ramp runs from the near bone to the far bone where that comes to lie. Beside the
        # bones the flesh takes the step over a longer way.
        lost = -self.shift[1] / end.width - self.turn * (np.clip(u, -0.6, 0.6) - self.pivot[0])
        start = space.course(u) - gap / 2 - 1.6 * np.maximum(np.abs(u) - 0.5, 0)
        stop = np.maximum(space.course(u - self.shift[0] / end.width) + gap / 2 - lost, start + 0.35 / end.width)
        ramp = np.clip((v - start) / (stop - start), 0, 1)
        away, past = _from_path(points, self.path)
        su = self.shift[0] - self.turn * (v - self.pivot[1]) * end.width
        sv = self.shift[1] + self.turn * (u - self.pivot[0]) * end.width
        far = np.hypot(su, sv)
        spread = np.maximum(0.34 * end.width, np.minimum(1.8 * far, self.spread))
        # The bone lies beside its old path by as much as it moved, and moves as one piece.
        weight = (
            ramp
            * _smooth((0.6 * end.width + np.minimum(far, 0.5 * end.width) + spread - away) / spread)
            * np.clip(1 - past / self.beyond, 0, 1)
        )
        active = weight > 0
        for other in self.others:
            weight[active] *= _smooth((_from_path(points[active], other)[0] / end.width - 0.5) / 0.3)
        out[active] = -weight[active, None] * (su[active, None] * end.side + sv[active, None] * end.axis)
        return out

    def carry(self, points: Array) -> Array:
        """Where points of the image lie afterwards (fixed-point inverse)."""
        out = points.astype(float)
        for _ in range(25):
            out = 0.4 * out + 0.6 * (points - self.displacement(out))
        return out

    def apply(self, image: Pixels) -> None:
        """Warp the image in place, by cubic splines; pixels that do not move stay as they are."""
        rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
        margin = 1.2 * self.end.width + self.spread + self.beyond
        low, high = self.path.min(axis=0) - margin, self.path.max(axis=0) + margin
        box = (
            slice(max(int(low[1]), 0), min(int(high[1]) + 1, image.shape[0])),
            slice(max(int(low[0]), 0), min(int(high[0]) + 1, image.shape[1])),
        )
        points = np.column_stack([columns[box].ravel(), rows[box].ravel()]).astype(float)
        near = _from_path(points, self.path)[0] < margin
        step = np.zeros(points.shape)
        step[near] = self.displacement(points[near])
        window = image[box].astype(float)
        active = np.hypot(step[:, 0], step[:, 1]) > 1e-3
        from_ = points[active] + step[active] - np.array([box[1].start, box[0].start])
        out = window.ravel().copy()
        out[active] = map_coordinates(window, [from_[:, 1], from_[:, 0]], order=3, mode="nearest")
        image[box] = np.clip(out, 0, 1).reshape(window.shape)


@dataclass(frozen=True, slots=True)
class Moved:
    """What a movement did: grade of narrowing, mean share of space left, offset across in bone widths."""

    grade: int
    left: float
    offset: float
    warp: Warp

    def carry(self, points: Array) -> Array:
        """Where points lie afterwards."""
        return self.warp.carry(points)

    def carry_joints(self, places: Mapping[str, Joint]) -> dict[str, Joint]:
        """The places afterwards."""
        centres = np.array([p.center_px for p in places.values()])
        ahead = centres + np.array([0.5 * p.width_px * np.array(p.axis) for p in places.values()])
        ends = self.warp.carry(np.concatenate([centres, ahead])).reshape(2, -1, 2)
        out: dict[str, Joint] = {}
        for place, centre, tip in zip(places.values(), *ends, strict=True):
            axis = (tip - centre) / max(float(np.linalg.norm(tip - centre)), 1e-9)
            out[place.name] = Spot(place.name, (float(centre[0]), float(centre[1])), (float(axis[0]), float(axis[1])), place.width_px)
        return out


def _smooth(x: Array) -> Array:
    """0 to 1 with level ends."""
    t = np.clip(x, 0, 1)
    out: Array = t * t * (3 - 2 * t)
    return out


def _from_path(points: Array, path: Array) -> tuple[Array, Array]:
    """Distance to a line of points, and how far past its end (0 before it)."""
    best = np.full(len(points), np.inf)
    for a, b in pairwise(path):
        d = b - a
        t = np.clip((points - a) @ d / max(float(d @ d), 1e-9), 0, 1)
        best = np.minimum(best, np.hypot(*(points - a - t[:, None] * d).T))
    way = path[-1] - path[-2]
    past = np.maximum((points - path[-1]) @ (way / max(float(np.linalg.norm(way)), 1e-9)), 0)
    # Past the end the corridor goes straight on.
    side = np.abs((points - path[-1]) @ np.array([-way[1], way[0]]) / max(float(np.linalg.norm(way)), 1e-9))
    return np.where(past > 0, np.minimum(best, side), best), past


def _path(name: str, end: BoneEnd, places: Mapping[str, Joint]) -> tuple[Array, float]:
    """The digit from a joint to its tip, or a straight piece where the tip is not given."""
    digit = name.split()[-1]
    digit = "1" if digit == "thumb" else digit
    onward = {"MCP 1": ("IP thumb",), "MCP": (f"PIP {digit}", f"DIP {digit}"), "PIP": (f"DIP {digit}",)}
    names = (*onward.get(name, onward.get(name.split()[0], ())), f"tip {digit}")
    points = [np.array(end.center)]
    if end.finger and f"tip {digit}" in places:
        points += [np.array(places[n].center_px) for n in names if n in places]
        way = points[-1] - points[-2]
        points.append(points[-1] + way / max(float(np.linalg.norm(way)), 1e-9) * 0.3 * end.width)
        return np.array(points), 1.2 * end.width
    points.append(points[0] + (1.4 if end.finger else 0.5) * end.width * end.axis)
    return np.array(points), (1.3 if end.finger else 1.6) * end.width


def _others(name: str, end: BoneEnd, places: Mapping[str, Joint]) -> tuple[Array, ...]:
    """The other digits as lines from the metacarpal to the tip; none for a joint of the wrist."""
    if not end.finger:
        return ()
    mine = {"thumb": "1"}.get(name.split()[-1], name.split()[-1])
    lines = []
    for digit in "12345":
        names = (f"MCP {digit}", "IP thumb" if digit == "1" else f"PIP {digit}", f"DIP {digit}", f"tip {digit}")
        known = [places[n] for n in names if n in places]
        if digit != mine and len(known) > 1:
            first = np.array(known[0].center_px) - 1.5 * known[0].width_px * np.array(known[0].axis)
            lines.append(np.array([first, *(p.center_px for p in known)]))
    return tuple(lines)


def _bridge(image: Pixels, end: BoneEnd) -> None:
    """A piece of the shaft or of the nearer bone, laid over the closed space with its own gradients."""
    u, v = end.grid()
    window = image[end.box].astype(float)
    space = end.space
    assert space is not None
    gap = float(space.widths_px.mean()) / end.width
    near = v - space.course(u) + gap / 2
    region = (np.abs(u) < 0.42) & (np.abs(near) < 0.16 + gap / 2)
    region[[0, -1], :] = False
    region[:, [0, -1]] = False
    if region.sum() < 6:
        return
    shift = (0.62 if end.finger else 0.34) * end.width
    rows, columns = np.indices(window.shape).astype(float)
    guide = map_coordinates(window, [rows - shift * end.axis[1], columns - shift * end.axis[0]], order=1, mode="nearest")
    image[end.box] = np.clip(np.where(region, poisson_fill(window, region, guide, ~region), window), 0, 1)


def move(image: Pixels, end: BoneEnd, act: Lesion, places: Mapping[str, Joint]) -> Moved | None:
    """Move what is distal to a joint, in place; None where the space is too small to lose anything.

    The grade follows from the widths that are left on the seven lines where the space was measured.
    """
    space = end.space
    if space is None or space.widths_px.mean() < 0.8:
        return None
    widths = space.widths_px
    normal = float(widths.mean())
    direction = 1.0 if act.angle < np.pi / 2 else -1.0
    path, beyond = _path(act.site, end, places)
    shift, turn, pivot = (0.0, 0.0), 0.0, (0.0, 0.0)
    if act.kind in ("narrow", "fuse"):
        shift = (0.0, -(act.size if act.kind == "narrow" else _TOUCH) * normal)
    elif act.kind == "tilt":
        pivot = (-0.42 * direction, float(space.course(np.array([0.0]))[0]))
        turn = -direction * act.size * normal / (0.72 * end.width)
    else:
        shift = (direction * act.size * end.width, -0.15 * normal)
    most = float(np.hypot(*shift)) + abs(turn) * float(np.linalg.norm(path[-1] - path[0]))
    warp = Warp(end, shift, turn, pivot, path, max(beyond, 1.8 * most), max(0.45 * end.width, 1.8 * most), _others(act.site, end, places))
    warp.apply(image)
    if act.kind == "fuse":
        _bridge(image, end)
        return Moved(4, 0.0, 0.0, warp)
    lost = -shift[1] - turn * (LINES - pivot[0]) * end.width
    share = np.clip(1 - lost / normal, 0, None)
    focal = act.kind == "tilt"
    typical = float(np.median(share) if focal else share.mean())
    offset = shift[0] / end.width
    return Moved(narrowing_grade(max(typical, 0.021), float(share.min()), 1.0, offset, focal), float(share.mean()), offset, warp)
