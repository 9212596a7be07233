"""Soft tissue: the hand's skin, flesh and fat as smoothly joined tapered rods."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

from coread.simulate.anatomy import Anatomy, bone_name

Array = npt.NDArray[np.float64]
GRID_MM = 1.25
FAT_MM = 2.2
_FINGER = {2: 1.0, 3: 1.04, 4: 0.97, 5: 0.85}


@dataclass(frozen=True, slots=True)
class Rod:
    """A tapered rod between two points (mm), its radii across and the ratio of depth to width."""

    start: Array
    stop: Array
    radius_start: float
    radius_stop: float
    ratio: float = 0.95


def rods(anatomy: Anatomy, flesh: float) -> list[Rod]:
    """The rods of one hand, in the anatomy's own mm."""
    k = anatomy.skeleton.scale * flesh
    bones, marks = anatomy.bones, anatomy.landmarks
    out: list[Rod] = []
    for ray, f in _FINGER.items():
        pp, mp, dp = (bones[bone_name(ray, i)] for i in (1, 2, 3))
        tip = dp.origin + dp.axis * (dp.length - 3.2 * k)
        out.append(Rod(pp.origin, mp.origin, 10.6 * f * k, 9.6 * f * k, 0.93))
        out.append(Rod(mp.origin, dp.origin, 9.6 * f * k, 8.2 * f * k, 0.9))
        out.append(Rod(dp.origin, tip, 8.2 * f * k, 7.1 * f * k, 0.86))
        mc = bones[bone_name(ray, 0)]
        head = mc.origin + mc.axis * mc.length
        out.append(Rod(mc.origin, head, 13.0 * k, 11.5 * k, 1.02))
        out.append(Rod(head, pp.origin + pp.axis * 0.25 * pp.length, 11.5 * k, 10.2 * f * k, 0.98))
    for a, b in ((2, 3), (3, 4), (4, 5)):
        p, q = (bones[bone_name(r, 1)] for r in (a, b))
        out.append(Rod(p.origin + p.axis * 0.14 * p.length, q.origin + q.axis * 0.14 * q.length, 8.0 * k, 8.0 * k, 1.05))
        p, q = bones[bone_name(a, 0)], bones[bone_name(b, 0)]
        ends = [(p.origin + p.axis * f * p.length + q.origin + q.axis * f * q.length) / 2 for f in (0.1, 1.05)]
        out.append(Rod(ends[0], ends[1], 13.0 * k, 11.0 * k, 1.0))
    mc, pp, dp = (bones[bone_name(1, i)] for i in range(3))
    head = mc.origin + mc.axis * mc.length
    out.append(Rod(mc.origin, head, 15.5 * k, 13.0 * k, 1.0))
    out.append(Rod(head, dp.origin, 13.0 * k, 10.8 * k, 0.92))
    out.append(Rod(dp.origin, dp.origin + dp.axis * (dp.length - 3.5 * k), 10.8 * k, 8.6 * k, 0.82))
    index = bones["metacarpal 2"]
    for part in np.linspace(0, 1, 11):
        thumb_at = mc.origin + mc.axis * (0.15 + 0.77 * part) * mc.length
        index_at = index.origin + index.axis * (0.05 + 0.63 * part) * index.length
        radius = (14.0 - 8.5 * part**1.3) * k
        out.append(Rod(thumb_at, index_at, radius, radius, 0.95))
    little = bones["metacarpal 5"]
    out.append(
        Rod(
            little.origin - little.across * 3 * k,
            little.origin + little.axis * 0.7 * little.length - little.across * 2.5 * k,
            13.5 * k,
            11.5 * k,
            1.0,
        )
    )
    radius_bone, ulna = bones["radius"], bones["ulna"]
    r_end = radius_bone.origin + radius_bone.axis * (radius_bone.length - 10)
    u_end = ulna.origin + ulna.axis * (ulna.length - 10)
    out.append(Rod(marks[17] + (marks[16] - marks[17]) * 0.3, r_end, 17.0 * k, 16.5 * k, 1.05))
    out.append(Rod(marks[13], u_end, 16.0 * k, 14.0 * k, 1.05))
    out.append(Rod((marks[15] + marks[14]) / 2, (r_end + u_end) / 2, 17.0 * k, 17.0 * k, 1.08))
    out.append(Rod(r_end, r_end - radius_bone.axis * 118 * k, 16.5 * k, 22.0 * k, 1.05))
    out.append(Rod(u_end, u_end - ulna.axis * 118 * k, 14.0 * k, 21.0 * k, 1.05))
    return out


def moved_rods(items: list[Rod], move: Array, shift: Array) -> list[Rod]:
    """The rods under a rigid map x -> move @ x + shift."""
    return [Rod(move @ r.start + shift, move @ r.stop + shift, r.radius_start, r.radius_stop, r.ratio) for r in items]


def extent(items: list[Rod]) -> tuple[Array, Array]:
    """Lowest and highest (x, y) of the rods in mm."""
    low = np.min([np.minimum(r.start - r.radius_start, r.stop - r.radius_stop) for r in items], axis=0)
    high = np.max([np.maximum(r.start + r.radius_start, r.stop + r.radius_stop) for r in items], axis=0)
    return low, high


def _spline_matrix(n_out: int, pixel_mm: float, grid: Array) -> npt.NDArray[np.float32]:
    out: npt.NDArray[np.float32] = CubicSpline(grid, np.eye(len(grid)), axis=0)(np.arange(n_out) * pixel_mm).astype(np.float32)
    return out


def thickness(items: list[Rod], pixel_mm: float, shape: tuple[int, int]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Soft tissue along the ray in mm, whole and without the layer of fat under the skin: two (rows, columns) arrays."""
    margin = 4
    step = float(max(GRID_MM if pixel_mm < 0.4 else 1.8, pixel_mm))
    gx = (np.arange(int(np.ceil(shape[1] * pixel_mm / step)) + 2 * margin, dtype=float) - margin) * step
    gy = (np.arange(int(np.ceil(shape[0] * pixel_mm / step)) + 2 * margin, dtype=float) - margin) * step
    x, y = gx[None, :], gy[:, None]
    beta = 0.07
    total = np.full((len(gy), len(gx)), 1e-12)
    core = total.copy()
    for rod in items:
        d = rod.stop - rod.start
        u = np.clip(((x - rod.start[0]) * d[0] + (y - rod.start[1]) * d[1]) / float(d @ d), 0, 1)
        r = rod.radius_start + u * (rod.radius_stop - rod.radius_start)
        dist2 = (x - rod.start[0] - u * d[0]) ** 2 + (y - rod.start[1] - u * d[1]) ** 2
        k2 = rod.ratio**2
        total += np.exp(beta * k2 * np.maximum(r * r - dist2, -250))
        core += np.exp(beta * k2 * np.maximum((r - FAT_MM) ** 2 - dist2, -250))
    a, b = _spline_matrix(shape[0], pixel_mm, gy), _spline_matrix(shape[1], pixel_mm, gx)
    whole, lean = (2 * np.sqrt(np.maximum(a @ (np.log(q) / beta).astype(np.float32) @ b.T, 0)) for q in (total, core))
    return whole.astype(np.float32), lean.astype(np.float32)
