"""Grids laid over a radiograph, best paths through them and smooth curves: what measuring edges along a joint is made of.

All functions take a batch of joints at once (first axis ``joints``), because a hand has fifteen and a loop over them would cost
ten times as much.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded
from scipy.ndimage import gaussian_filter1d, map_coordinates

Array = NDArray[np.floating[Any]]


def sample(pixels: NDArray[np.float32], column: Array, row: Array, order: int = 1) -> Array:
    """Radiograph values at points between the pixels.

    Args:
        pixels: radiograph, axes (y, x).
        column: positions in pixels, the centre of the first pixel being 0; any shape.
        row: the same, with the same shape.
        order: 1 for linear, 3 for cubic spline interpolation.

    Returns:
        Values with the shape of ``column``; beyond the border the nearest pixel's value.
    """
    if order == 1:
        return np.asarray(map_coordinates(pixels, [row, column], output=np.float32, order=1, mode="nearest"))
    # A spline needs prefiltering: of the neighbourhood alone, since a whole film would take longer than all the rest.
    margin = 8
    low_c, high_c = _span(column, pixels.shape[1], margin)
    low_r, high_r = _span(row, pixels.shape[0], margin)
    part = pixels[low_r:high_r, low_c:high_c]
    return np.asarray(map_coordinates(part, [row - low_r, column - low_c], output=np.float32, order=order, mode="nearest"))


def _span(values: Array, size: int, margin: int) -> tuple[int, int]:
    """First and last + 1 pixel around the values, within an image of this size."""
    low = min(max(int(np.floor(values.min())) - margin, 0), size - 1)
    return low, max(min(int(np.ceil(values.max())) + margin + 1, size), low + 1)


def slope(values: Array, sigma: float, axis: int) -> Array:
    """First derivative per sample along ``axis`` after Gaussian smoothing with ``sigma`` samples."""
    return np.asarray(gaussian_filter1d(values, sigma, axis=axis, order=1, mode="nearest"))


def best_path(reward: Array, reach: int, penalty: float) -> NDArray[np.intp]:
    """The connected path across a grid that gathers the largest reward (dynamic programming).

    Args:
        reward: (joints, columns, rows).
        reach: largest step between neighbouring columns, in rows.
        penalty: cost of a step of one row; it grows with the square.

    Returns:
        (joints, columns): the row of the path in each column.
    """
    joints, columns, rows = reward.shape
    reward = np.ascontiguousarray(reward.transpose(1, 0, 2), dtype=np.float32)
    came = np.zeros((columns, joints, rows), dtype=np.int8)
    padded = np.full((joints, rows + 2 * reach), -np.inf, dtype=np.float32)
    inner = padded[:, reach : reach + rows]
    inner[:] = reward[0]
    steps = sorted((s for s in range(-reach, reach + 1) if s), key=abs)
    for column in range(1, columns):
        best, choice = inner.copy(), came[column]
        for step in steps:
            other = padded[:, reach + step : reach + step + rows] - np.float32(penalty * step * step)
            better = other > best
            np.copyto(best, other, where=better)
            choice[better] = step
        np.add(best, reward[column], out=inner)
    path = np.empty((joints, columns), dtype=np.intp)
    path[:, -1] = np.argmax(inner, axis=1)
    everyone = np.arange(joints)
    for column in range(columns - 1, 0, -1):
        path[:, column - 1] = path[:, column] + came[column, everyone, path[:, column]]
    return path


def refine_peak(values: Array, path: NDArray[np.intp]) -> Array:
    """Sub-sample position of a maximum near each path point by a parabola through three samples.

    Args:
        values: (joints, columns, rows).
        path: (joints, columns) rows.

    Returns:
        (joints, columns) rows as fractions; moved by half a row at most.
    """
    middle = np.clip(path, 1, values.shape[2] - 2)
    left, here, right = (np.take_along_axis(values, (middle + k)[..., None], axis=2)[..., 0] for k in (-1, 0, 1))
    bend = left - 2 * here + right
    shift = np.where(bend < -1e-12, 0.5 * (left - right) / np.where(bend < -1e-12, bend, -1.0), 0.0)
    return np.asarray(middle + np.clip(shift, -0.5, 0.5))


def take(values: Array, rows: Array) -> Array:
    """Values (joints, columns, rows) at fractional rows, one (joints, columns) or several (joints, columns, n), linear between samples."""
    several = rows if rows.ndim == 3 else rows[..., None]
    low = np.clip(np.floor(several).astype(np.intp), 0, values.shape[2] - 2)
    part = np.clip(several - low, 0.0, 1.0)
    a = np.take_along_axis(values, low, axis=2)
    b = np.take_along_axis(values, low + 1, axis=2)
    between = a * (1 - part) + b * part
    return np.asarray(between if rows.ndim == 3 else between[..., 0])


def smooth_curve(curve: Array, weight: Array, stiffness: float, rounds: int = 3) -> Array:
    """Smooth curve through noisy points that does not follow outliers (Whittaker smoother, Tukey weights).

    Args:
        curve: (joints, points).
        weight: (joints, points), how far each point is trusted, 0 = not at all.
        stiffness: penalty on the squared second difference; the shortest wave that passes grows with its fourth root.
        rounds: times the outliers' weights are set anew.

    Returns:
        (joints, points).

    Source: Eilers, Analytical Chemistry 2003;75:3631.
    """
    # The system is symmetric with two side diagonals: solved as such, joint by joint, it needs no threads.
    n = curve.shape[1]
    d = np.diff(np.eye(n), n=2, axis=0)
    rough = stiffness * d.T @ d
    bands = np.zeros((3, n))
    for k in range(3):
        bands[2 - k, k:] = np.diagonal(rough, k)
    robust = np.ones_like(curve)
    smooth = curve
    for _ in range(rounds):
        w = weight * robust + 1e-6
        smooth = np.empty_like(curve)
        for joint in range(len(curve)):
            system = bands.copy()
            system[2] += w[joint]
            smooth[joint] = solveh_banded(system, w[joint] * curve[joint], overwrite_ab=True, check_finite=False)
        off = np.abs(curve - smooth)
        scale = 4.685 * 1.4826 * np.median(off, axis=1, keepdims=True) + 1e-9
        robust = np.clip(1 - (off / scale) ** 2, 0, 1) ** 2
    return np.asarray(smooth)
