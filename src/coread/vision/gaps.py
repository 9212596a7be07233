"""Where the gap of a joint runs and where its bones' sides are, found in a coarse patch around a place that is only roughly known.

All lengths are in bone widths of the place, so that one set of numbers fits a little finger and a wrist.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from coread.vision.profiles import Array, best_path, refine_peak, sample, slope, smooth_curve

# Half size of the patch along and across, and its sampling.
_ALONG, _ACROSS, _STEP = 1.5, 1.0, 1 / 54
# How far from its place a joint is looked for, along: fingers stand alone, carpal joints have others beside them.
_REACH = 0.8
_DOUBT, _DOUBT_CARPAL = 0.48, 0.12


class PlaceLike(Protocol):
    """What measuring needs of a place: ``coread.vision.landmarks.Place`` has it."""

    @property
    def name(self) -> str:
        """Site name."""

    @property
    def center_px(self) -> tuple[float, float]:
        """(column, row)."""

    @property
    def axis(self) -> tuple[float, float]:
        """(dcol, drow) pointing distally across the joint."""

    @property
    def width_px(self) -> float:
        """Bone width at the joint."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Where each joint lies and how it is turned: ``along`` points distally, ``across`` to its side; both as long as the bone is wide."""

    center: Array
    along: Array
    across: Array
    width: Array

    @classmethod
    def of(cls, places: Sequence[PlaceLike], scale: Array) -> Frame:
        """The frames of places, each array (joints, ...), their unit ``scale`` times the place's width."""
        axis = np.array([p.axis for p in places], dtype=float)
        axis /= np.linalg.norm(axis, axis=1, keepdims=True)
        width = np.array([p.width_px for p in places], dtype=float) * scale
        side = np.stack([-axis[:, 1], axis[:, 0]], axis=1)
        return cls(np.array([p.center_px for p in places], dtype=float), axis * width[:, None], side * width[:, None], width)

    def points(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Image columns and rows at ``x`` across and ``y`` along; both (joints or 1, ...), broadcast against each other."""
        spread = (slice(None),) + (None,) * (x.ndim - 1)
        column, row = ((self.center[:, k][spread] + x * self.across[:, k][spread]) + y * self.along[:, k][spread] for k in (0, 1))
        return column, row


@dataclass(frozen=True, slots=True)
class Gap:
    """The gaps of a batch of joints as the coarse patch shows them.

    Attributes:
        columns: (n,) positions across.
        middle: (joints, n) height of the gap's middle at each column.
        left: (joints,) where the two bones begin to overlap, across.
        right: (joints,) where they end.
        bone: (joints,) mean width of the two bones' ends.
        offset: (joints,) shift of the distal bone's axis against the proximal one's at the gap.
        angle_deg: (joints,) angle between the two axes, positive where the distal bone leans to the right.
        sided: (joints,) how clearly the bones' sides were seen, 0 to 1.
        step: (joints,) brightness of bone over soft tissue beside it.
    """

    columns: Array
    middle: Array
    left: Array
    right: Array
    bone: Array
    offset: Array
    angle_deg: Array
    sided: Array
    step: Array


def find_gaps(pixels: NDArray[np.float32], frame: Frame, extent: Array) -> Gap:
    """The gap nearest to each place that is clear enough.

    Args:
        pixels: radiograph, axes (y, x), bone bright.
        frame: where the joints should be.
        extent: (joints,) for a joint that lies among other bones, so that neither sides nor a far gap can be trusted, how long it is;
            NaN for one that stands alone.
    """
    across = np.arange(-round(_ACROSS / _STEP), round(_ACROSS / _STEP) + 1) * _STEP
    along = np.arange(-round(_ALONG / _STEP), round(_ALONG / _STEP) + 1) * _STEP
    carpal = np.isfinite(extent)
    patch = sample(pixels, *frame.points(across[None, :, None], along[None, None, :]))
    rise = slope(patch, 1.5, axis=1)
    shafts = (np.abs(along) > 0.1) & (np.abs(along) < 0.6)
    centre = np.where(carpal, 0.0, _centre(rise[:, :, shafts].transpose(0, 2, 1), across, np.zeros(len(patch)), 0.9))
    near = np.abs(along) <= _REACH
    rows = along[near]
    valley = _valley(patch)[:, :, near]
    core = np.abs(across - centre[:, None]) <= np.where(carpal, 0.5 * extent, 0.25)[:, None]
    scale = _clearest(valley, core)[:, None, None]
    clear = np.minimum(valley / scale, 2.0)
    reward = clear - 0.35 * (rows / np.where(carpal, _DOUBT_CARPAL, _DOUBT)[:, None, None]) ** 2
    path = best_path(reward * core[:, :, None], 2, 0.05)
    height = _middle(rows[path], core)
    sides = _sides(rise, height, centre, across, along)
    left, right = np.where(carpal, -extent / 2, sides.left), np.where(carpal, extent / 2, sides.right)
    short = np.maximum(0.3 - (right - left), 0) / 2
    left, right = left - short, right + short
    # Outside the bones there is no gap to follow: the path may go straight on there.
    inside = np.abs(across - (left + right)[:, None] / 2) <= 0.425 * (right - left)[:, None]
    again = (clear - 0.5 * ((rows - height[:, None, None]) / 0.15) ** 2) * np.where(inside, 1.0, 0.02)[:, :, None]
    path = best_path(again, 2, 0.04)
    middle = smooth_curve(_heights(again, path, rows), np.where(inside, 1.0, 0.005), 20.0)
    bone = np.where(carpal, extent, sides.bone)
    step = _step(patch, height, left, right, across, along)
    return Gap(across, middle, left, right, bone, sides.offset, sides.angle_deg, sides.sure, step)


def _valley(patch: Array) -> Array:
    """How steeply a patch (joints, across, along) rises to both sides of each point: large in a dark gap between two bright bones."""
    rise = slope(patch, 1.0, axis=2)
    response = np.zeros_like(patch)
    for half in range(1, 7):
        pair = np.minimum(-rise[:, :, : -2 * half], rise[:, :, 2 * half :])
        np.maximum(response[:, :, half:-half], pair, out=response[:, :, half:-half])
    return response


def _centre(rise: Array, across: Array, expected: Array, width: float) -> Array:
    """Where a bone lies across, from the two sides that stand about ``width`` apart.

    Args:
        rise: (bones, rows, across) slope of brightness across.
        across: positions.
        expected: (bones,) where the bone should lie.
        width: of the bone at these rows.
    """
    tops = []
    near, far = round(0.1 / _STEP), round(0.3 / _STEP)
    for sign in (1, -1):
        edge = maximum_filter1d(np.clip(sign * rise, 0, None), 5, axis=2)
        edge = edge / (np.percentile(edge, 95, axis=2, keepdims=True) + 1e-6)
        top = np.minimum(edge, 1.0).mean(axis=1)
        # The skin falls off as a bone does, but has the bone's side within it.
        within = np.roll(maximum_filter1d(top, far - near + 1, axis=1), -sign * ((near + far) // 2), axis=1)
        tops.append(top - 0.6 * within)
    centres, widths = np.arange(-0.5, 0.501, _STEP), np.arange(width - 0.25, width + 0.3, _STEP)
    c, w = np.meshgrid(centres, widths, indexing="ij")
    c = c + expected[:, None, None]
    low, high = (np.clip(np.rint((c + k * w / 2) / _STEP).astype(int) + across.size // 2, 0, across.size - 1) for k in (-1, 1))
    each = np.arange(len(rise))[:, None, None]
    score = tops[0][each, low] + tops[1][each, high] - 0.12 * ((c - expected[:, None, None]) / 0.3) ** 2 - 0.15 * ((w - width) / 0.15) ** 2
    best = np.argmax(score.reshape(len(score), -1), axis=1)
    return np.asarray(c.reshape(len(c), -1)[np.arange(len(c)), best])


def _clearest(valley: Array, core: NDArray[np.bool_]) -> Array:
    """The response of the clearest gap: the largest over heights of the median across the core."""
    wide = maximum_filter1d(valley, 9, axis=2)
    return np.array([np.median(one[inside], axis=0).max() for one, inside in zip(wide, core, strict=True)]) + 1e-6


def _middle(values: Array, core: NDArray[np.bool_]) -> Array:
    """Median of each row of values within its core."""
    return np.array([np.median(one[inside]) for one, inside in zip(values, core, strict=True)])


def _heights(reward: Array, path: NDArray[np.intp], rows: Array) -> Array:
    """Heights of a path, between the rows."""
    return np.asarray(np.interp(refine_peak(reward, path), np.arange(rows.size), rows))


@dataclass(frozen=True, slots=True)
class _Sides:
    left: Array
    right: Array
    bone: Array
    offset: Array
    angle_deg: Array
    sure: Array


def _sides(rise: Array, height: Array, centre: Array, across: Array, along: Array) -> _Sides:
    """Both sides of both bones near the joint, and from their middles how the bones' axes stand to each other."""
    joints, n = rise.shape[0], 56
    offsets = 0.10 + np.arange(n) * (1.1 / n)
    strips = []
    for sign in (-1, 1):
        at = np.clip(np.rint((height[:, None] + sign * offsets) / _STEP).astype(int) + along.size // 2, 0, along.size - 1)
        strips.append(np.take_along_axis(rise, at[:, None, :], axis=2).transpose(0, 2, 1))
    both = np.concatenate(strips)
    both = both / (np.percentile(np.abs(both), 97, axis=(1, 2))[:, None, None] + 1e-6)
    close, far = offsets < 0.5, offsets > 0.6
    start = _centre(both[:, close], across, np.concatenate([centre, centre]), 0.9)
    end = _centre(both[:, far], across, start, 0.7)
    lean = np.clip((end - start) / (offsets[far].mean() - offsets[close].mean()), -0.7, 0.7)
    expected = start[:, None] + lean[:, None] * (offsets - offsets[close].mean())
    from_middle = across - expected[:, :, None]
    half = np.interp(offsets, [0.3, 0.8], [0.45, 0.36])[:, None]
    lag = round(0.1 / _STEP)
    sought, seen = [], []
    for sign in (-1, 1):
        edge = np.minimum(-sign * both, 1.2)
        outer = np.where(sign * from_middle > 0.2, uniform_filter1d(np.clip(edge, 0, None), 15, axis=1), 0.0)
        within = np.roll(np.maximum.accumulate(outer[:, :, ::sign], axis=2)[:, :, ::sign], sign * lag, axis=2)
        sought.append(edge - 0.9 * within - ((from_middle - sign * half) / 0.2) ** 2)
        seen.append(-sign * both)
    wanted = np.concatenate(sought)
    path = best_path(wanted, 1, 0.05)
    low, high = _heights(wanted, path, across).reshape(2, 2, joints, n)
    strength = np.clip(np.take_along_axis(np.concatenate(seen), path[..., None], axis=2)[..., 0], 0, 1)
    sure = strength.reshape(2, 2, joints, n).min(axis=0)
    shaft = offsets > 0.25
    proximal, distal = (_line(sign * offsets[shaft], ((low + high) / 2)[k][:, shaft], sure[k][:, shaft]) for k, sign in enumerate((-1, 1)))
    tip = (offsets > 0.12) & (offsets < 0.42)
    left, right = np.percentile(low[:, :, tip], 30, axis=2), np.percentile(high[:, :, tip], 70, axis=2)
    return _Sides(
        left.max(axis=0),
        right.min(axis=0),
        (right - left).mean(axis=0),
        distal[0] - proximal[0],
        np.degrees(np.arctan(distal[1]) - np.arctan(proximal[1])),
        np.median(sure, axis=(0, 2)),
    )


def _line(x: Array, y: Array, weight: Array) -> tuple[Array, Array]:
    """Value at 0 and slope of the weighted straight line through each row of (joints, points), outliers weighed down."""
    w = weight + 1e-3
    for _ in range(3):
        total = w.sum(axis=1)
        mx, my = (w * x).sum(axis=1) / total, (w * y).sum(axis=1) / total
        s = (w * (x - mx[:, None]) * (y - my[:, None])).sum(axis=1) / (w * (x - mx[:, None]) ** 2).sum(axis=1)
        off = y - my[:, None] - s[:, None] * (x - mx[:, None])
        w = (weight + 1e-3) / (1 + (off / 0.02) ** 2)
    return my - s * mx, s


def _step(patch: Array, height: Array, left: Array, right: Array, across: Array, along: Array) -> Array:
    """Brightness of bone over the soft tissue beside it, at the bone ends."""
    steps = np.empty(len(patch))
    for j, one in enumerate(patch):
        rows = (np.abs(along - height[j]) > 0.12) & (np.abs(along - height[j]) < 0.45)
        middle, half = (left[j] + right[j]) / 2, (right[j] - left[j]) / 2
        off = np.abs(across - middle)
        inner, outer = one[off < 0.5 * half][:, rows], one[(off > half + 0.10) & (off < half + 0.22)][:, rows]
        steps[j] = np.median(inner) - np.median(outer) if inner.size and outer.size else 0.0
    return steps
