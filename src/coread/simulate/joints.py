"""Joints between simulated bones: set a gap, and measure the true one.

The width of a joint space is the distance between the two geometric bone edges **along the joint's axis** (the mean
direction of the two bones), line by line across the joint's extent, before any blur. The perpendicular distance (from
each point of the distal edge to the nearest point of the proximal one) is given beside it: a few hundredths of a mm less
where the edges lie across the axis, about a tenth of a mm less on the round MCP joints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d, grey_closing, grey_opening

from coread.simulate.bones import Bone
from coread.simulate.outline import envelope, nearest_distance

Array = npt.NDArray[np.float64]
LINE_STEP_MM = 0.05
CLEFT_MM = 0.35


@dataclass(frozen=True, slots=True)
class Joint:
    """Where a joint lies: names of its bones, centre and axis in mm, half of the measured extent across."""

    name: str
    proximal: tuple[str, ...]
    distal: tuple[str, ...]
    centre: Array
    axis: Array
    half: float

    @property
    def across(self) -> Array:
        """Unit vector across the joint."""
        return np.array([-self.axis[1], self.axis[0]])


@dataclass(frozen=True, slots=True)
class Gap:
    """A measured joint space.

    Attributes:
        positions: (m,) place of each line across the joint, mm from its centre.
        proximal, distal: (m, 2) the two bone edges on each line, mm.
        widths: (m,) along the axis, mm; negative where the bones overlap.
        perpendicular: (m,) from each point of the distal edge to the nearest point of the proximal edge, mm, without sign.
    """

    positions: Array
    proximal: Array
    distal: Array
    widths: Array
    perpendicular: Array


def lines_of(joint: Joint) -> Array:
    """Positions of the lines across a joint."""
    n = max(int(np.ceil(2 * joint.half / LINE_STEP_MM)), 4)
    out: Array = (np.arange(n) + 0.5) / n * 2 * joint.half - joint.half
    return out


def _edge(bones: Sequence[Bone], joint: Joint, lines: Array, *, far: bool) -> Array:
    stack = np.array([envelope(b.outline, joint.centre, joint.axis, joint.across, lines, far=far) for b in bones])
    missing = np.isnan(stack).all(axis=0)
    stack = np.where(np.isnan(stack), -np.inf if far else np.inf, stack)
    edge = stack.max(axis=0) if far else stack.min(axis=0)
    return np.where(missing, np.nan, edge)


def _closed(edge: Array, step: float, *, far: bool) -> Array:
    """An edge with the clefts between neighbouring bones bridged."""
    size = 2 * round(2.2 / step) + 1
    known = np.isfinite(edge)
    if not known.any():
        return edge
    filled = np.where(known, edge, edge[known].min() if far else edge[known].max())
    out = grey_closing(filled, size, mode="nearest") if far else grey_opening(filled, size, mode="nearest")
    return np.where(known, out, np.nan)


def measure(joint: Joint, bones: dict[str, Bone], *, shortest: bool = True) -> Gap:
    """The true joint space between the bones as they stand; lines that miss a bone are left out.

    Without ``shortest`` the perpendicular distances are not computed (NaN).
    """
    lines = lines_of(joint)
    low = _edge([bones[n] for n in joint.proximal], joint, lines, far=True)
    high = _edge([bones[n] for n in joint.distal], joint, lines, far=False)
    keep = np.isfinite(low) & np.isfinite(high)
    # lines into the cleft between two neighbouring bones say nothing of the joint
    if len(joint.proximal) > 1:
        keep &= np.nan_to_num(_closed(low, LINE_STEP_MM, far=True) - low, nan=9.0) < CLEFT_MM
    if len(joint.distal) > 1:
        keep &= np.nan_to_num(high - _closed(high, LINE_STEP_MM, far=False), nan=9.0) < CLEFT_MM
    t, low, high = lines[keep], low[keep], high[keep]
    base = joint.centre + t[:, None] * joint.across
    proximal, distal = base + low[:, None] * joint.axis, base + high[:, None] * joint.axis
    nearest = np.full(len(distal), np.inf if shortest else np.nan)
    for name in joint.proximal if shortest else ():
        nearest = np.minimum(nearest, nearest_distance(distal, bones[name].outline))
    return Gap(t, proximal, distal, high - low, nearest)


def _taper(t: Array, half: float, soft: float) -> Array:
    x = np.clip((half + soft - np.abs(t)) / soft, 0, 1)
    out: Array = x * x * (3 - 2 * x)
    return out


def fit(joint: Joint, bones: dict[str, Bone], moving: str, width: float, soft: float = 3.5) -> Bone:
    """Reshape the facing edge of one bone so that its gap to the opposite bones is ``width`` mm along the axis.

    Args:
        joint: the joint; ``moving`` is one of its bones.
        bones: all bones.
        moving: name of the bone to reshape.
        width: wanted gap in mm.
        soft: mm beyond the joint's extent over which the change dies out.
    """
    bone = bones[moving]
    is_distal = moving in joint.distal
    fixed = [bones[n] for n in (joint.proximal if is_distal else joint.distal)]
    t = (bone.outline - joint.centre) @ joint.across
    grid = np.arange(t.min(), t.max() + 0.1, 0.1)
    bridged = _edge(fixed, joint, grid, far=is_distal)
    if len(fixed) > 1:
        bridged = _closed(bridged, 0.1, far=is_distal)
    known = np.isfinite(bridged)
    if not known.any():
        return bone
    filled = gaussian_filter1d(np.interp(grid, grid[known], bridged[known]), 9.0 if len(fixed) > 1 else 1.5)
    steep = np.abs(np.gradient(filled, 0.1))
    sign = 1.0 if is_distal else -1.0
    outline = bone.outline
    for last in (False, True):
        t = (outline - joint.centre) @ joint.across
        s = (outline - joint.centre) @ joint.axis
        other = np.interp(t, grid, filled)
        close = np.flatnonzero(
            (np.abs(t) < joint.half + soft) & (t > max(grid[known][0], t.min() + 1e-6)) & (t < min(grid[known][-1], t.max() - 1e-6))
        )
        facing = np.zeros(len(t))
        if len(close):
            own = _edge([replace(bone, outline=outline)], joint, t[close], far=not is_distal)
            facing[close] = np.abs(s[close] - np.nan_to_num(own, nan=1e3)) < 0.08
        flat = facing * np.clip((1.5 - np.interp(t, grid, steep)) / 0.6, 0, 1)
        change = np.clip(other + sign * width - s, -4, 4) * flat * _taper(t, joint.half, soft)
        outline = outline + change[:, None] * joint.axis
        # rounds the corners where the change ends; leaves the joint's own edge, and the rest of the bone, as they are
        kept = flat * _taper(t, joint.half + 0.1, 0.6) if last else np.zeros(len(t))
        blend = ((1 - kept) * _taper(t, joint.half + soft, 2.0) * _taper(s, 6.0, 2.0))[:, None]
        outline = outline + blend * (gaussian_filter1d(outline, 8.0 if last else 5.0, axis=0, mode="wrap") - outline)
    return replace(bone, outline=outline)


def on_pole(joint: Joint, bones: dict[str, Bone]) -> Joint:
    """The joint shifted across to the middle of the proximal bone's pole (what lies within 1 mm of its farthest point)."""
    t = np.arange(-6.0, 6.0, 0.1)
    edge = _edge([bones[n] for n in joint.proximal], joint, t, far=True)
    pole = t[np.nan_to_num(edge, nan=-np.inf) > np.nanmax(edge) - 1.0]
    return replace(joint, centre=joint.centre + (pole[0] + pole[-1]) / 2 * joint.across)


def dent(joint: Joint, bone: Bone, position: float, depth: float, spread: float) -> Bone:
    """Push the proximal edge of the distal bone towards the joint by ``depth`` mm around ``position`` mm across: focal loss."""
    t = (bone.outline - joint.centre) @ joint.across
    s = (bone.outline - joint.centre) @ joint.axis
    near = _edge([bone], joint, np.clip(t, t.min() + 1e-6, t.max() - 1e-6), far=False)
    facing = np.abs(s - np.nan_to_num(near, nan=1e3)) < 0.08
    change = np.where(facing, -depth * np.exp(-(((t - position) / spread) ** 2) / 2), 0.0)
    return replace(bone, outline=bone.outline + change[:, None] * joint.axis)
