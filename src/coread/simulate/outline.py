"""Closed outlines in mm: resampling, smoothing, distance maps, and the gap between two facing outlines.

An outline is an (n, 2) array of (x, y) points without a repeated last point. Axes of a film: x to the right, y down.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt, gaussian_filter1d

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
REACH_MM = 30.0


def arc(points: npt.ArrayLike) -> Array:
    """Cumulative length along a closed outline, with the closing step: (n + 1,) in the outline's unit."""
    p = np.asarray(points, dtype=float)
    step = np.linalg.norm(np.roll(p, -1, axis=0) - p, axis=1)
    return np.concatenate([[0.0], np.cumsum(step)])


def resample(points: npt.ArrayLike, step: float) -> Array:
    """The outline with points about ``step`` apart, linear between the given ones."""
    p = np.asarray(points, dtype=float)
    length = arc(p)
    n = max(int(np.ceil(length[-1] / step)), 8)
    at = np.arange(n) * length[-1] / n
    closed = np.vstack([p, p[:1]])
    return np.column_stack([np.interp(at, length, closed[:, 0]), np.interp(at, length, closed[:, 1])])


def smooth(points: npt.ArrayLike, sigma: float, step: float = 0.12) -> Array:
    """The outline resampled and its corners rounded by a Gaussian of ``sigma`` mm along its length."""
    p = resample(points, step)
    spacing = arc(p)[-1] / len(p)
    out: Array = gaussian_filter1d(p, sigma / spacing, axis=0, mode="wrap")
    return out


def area(points: npt.ArrayLike) -> float:
    """Signed area; positive when the points run clockwise on a film (x right, y down)."""
    p = np.asarray(points, dtype=float)
    q = np.roll(p, -1, axis=0)
    return float((p[:, 0] * q[:, 1] - q[:, 0] * p[:, 1]).sum() / 2)


def inside_mask(points: Array, shape: tuple[int, int]) -> Mask:
    """Pixels whose centre lies inside an outline (even-odd rule); points in (column, row), at any distance from each other."""
    start, stop = points, np.roll(points, -1, axis=0)
    low = np.ceil(np.minimum(start[:, 1], stop[:, 1]))
    count = (np.ceil(np.maximum(start[:, 1], stop[:, 1])) - low).astype(int)
    edge = np.repeat(np.arange(len(points)), count)
    row = low[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
    a, b = start[edge], stop[edge]
    column = np.ceil(a[:, 0] + (row - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0]))
    flips = np.zeros((shape[0], shape[1] + 1), dtype=np.int32)
    keep = (row >= 0) & (row < shape[0])
    np.add.at(flips, (row[keep].astype(int), np.clip(column[keep], 0, shape[1]).astype(int)), 1)
    out: Mask = (np.cumsum(flips, axis=1)[:, :-1] % 2).astype(bool)
    return out


def _segment_distance2(px: Array, py: Array, a: Array, b: Array) -> Array:
    dx, dy = b[:, 0] - a[:, 0], b[:, 1] - a[:, 1]
    u = ((px - a[:, 0]) * dx + (py - a[:, 1]) * dy) / np.maximum(dx * dx + dy * dy, 1e-12)
    u = np.clip(u, 0.0, 1.0)
    ex, ey = px - a[:, 0] - u * dx, py - a[:, 1] - u * dy
    out: Array = ex * ex + ey * ey
    return out


def nearest_distance(points: Array, outline: Array, reach: float = 8.0) -> Array:
    """Distance of each point to an outline without sign, exact up to ``reach``; infinite where the outline is farther off."""
    if not len(points):
        return np.zeros(0)
    low, high = points.min(axis=0) - reach, points.max(axis=0) + reach
    a, b = outline, np.roll(outline, -1, axis=0)
    near = ((np.maximum(a, b) >= low) & (np.minimum(a, b) <= high)).all(axis=1)
    if not near.any():
        return np.full(len(points), np.inf)
    d2 = _segment_distance2(points[:, 0][:, None], points[:, 1][:, None], a[near], b[near])
    distance = np.sqrt(d2.min(axis=1))
    out: Array = np.where(distance <= reach, distance, np.inf)
    return out


def distance_map(points: Array, shape: tuple[int, int]) -> tuple[Array, npt.NDArray[np.intp], Array]:
    """Signed distance to an outline on a pixel grid, positive inside; all in pixels.

    Args:
        points: (n, 2) outline in (column, row), centre of the first pixel = (0, 0); it should lie well inside the grid.
        shape: (rows, columns) of the grid.

    Returns:
        distance (rows, columns), exact to the segments of the outline; the index of the nearest point of the refined
        outline for each pixel; and that refined outline's position along the given one in point numbers.
    """
    length = arc(points)
    n = max(int(np.ceil(length[-1] / 0.5)), 16)
    at = np.arange(n) * length[-1] / n
    number = np.interp(at, length, np.arange(len(points) + 1))
    closed = np.vstack([points, points[:1]])
    fine = np.column_stack([np.interp(at, length, closed[:, 0]), np.interp(at, length, closed[:, 1])])
    inside = inside_mask(fine, shape)
    index = np.zeros(shape, dtype=np.intp)
    seeds = np.ones(shape, dtype=bool)
    col, row = np.rint(fine[:, 0]).astype(int), np.rint(fine[:, 1]).astype(int)
    here = np.flatnonzero((col >= 0) & (col < shape[1]) & (row >= 0) & (row < shape[0]))
    index[row[here], col[here]] = here
    seeds[row[here], col[here]] = False
    nearest_row, nearest_col = distance_transform_edt(seeds, return_distances=False, return_indices=True)
    near = index[nearest_row, nearest_col]
    yy, xx = np.mgrid[: shape[0], : shape[1]].astype(float)
    d2 = (xx - fine[near, 0]) ** 2 + (yy - fine[near, 1]) ** 2
    # the seeds lie on whole pixels: near the outline and inside it the foot of the perpendicular is found exactly
    exact = inside | (d2 < 16.0)
    bx, by, bi = xx[exact], yy[exact], near[exact]
    ahead = np.roll(fine, -1, axis=0) - np.roll(fine, 1, axis=0)
    ahead /= np.maximum(np.linalg.norm(ahead, axis=1), 1e-9)[:, None] * length[-1] / n
    for _ in range(2):
        slide = (bx - fine[bi, 0]) * ahead[bi, 0] + (by - fine[bi, 1]) * ahead[bi, 1]
        trial = (bi + np.rint(np.clip(0.8 * slide, -5, 5)).astype(np.intp)) % n
        closer = (bx - fine[trial, 0]) ** 2 + (by - fine[trial, 1]) ** 2 < (bx - fine[bi, 0]) ** 2 + (by - fine[bi, 1]) ** 2
        bi = np.where(closer, trial, bi)
    best, best_index = np.full(len(bx), np.inf), bi
    for k in range(-2, 2):
        a = (bi + k) % n
        cand = _segment_distance2(bx, by, fine[a], fine[(a + 1) % n])
        best_index = np.where(cand < best, a, best_index)
        best = np.minimum(cand, best)
    d2[exact] = best
    near[exact] = best_index
    distance = np.sqrt(d2)
    return np.where(inside, distance, -distance), near, number


def envelope(outline: Array, origin: Array, axis: Array, across: Array, lines: Array, *, far: bool) -> Array:
    """Where lines parallel to ``axis`` leave (``far``) or enter an outline.

    Args:
        outline: (n, 2).
        origin, axis, across: the frame: a point, and two unit vectors.
        lines: positions of the lines along ``across``.
        far: True for the largest coordinate along ``axis``, False for the smallest.

    Returns:
        coordinate along ``axis`` from the origin for each line; NaN where the line misses the outline.
    """
    t = (outline - origin) @ across
    s = (outline - origin) @ axis
    t1, s1 = np.roll(t, -1), np.roll(s, -1)
    near = (np.minimum(t, t1) <= lines.max()) & (np.maximum(t, t1) >= lines.min()) & (np.minimum(np.abs(s), np.abs(s1)) < REACH_MM)
    if not near.any():
        return np.full(lines.shape, np.nan)
    t, s, t1, s1 = t[near], s[near], t1[near], s1[near]
    low, high = np.minimum(t, t1)[:, None], np.maximum(t, t1)[:, None]
    hit = (lines >= low) & (lines < high)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = s[:, None] + (lines - t[:, None]) * ((s1 - s) / (t1 - t))[:, None]
    fill = -np.inf if far else np.inf
    at = np.where(hit, at, fill)
    out: Array = at.max(axis=0) if far else at.min(axis=0)
    return np.where(np.isfinite(out), out, np.nan)
