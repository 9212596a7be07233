"""The bone ends at one joint as the image shows them: frame, bone, flesh beside it, joint space, point spread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_fill_holes, binary_opening, distance_transform_edt, gaussian_filter, map_coordinates
from skimage.filters import threshold_otsu

Array = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
LINES = np.linspace(-0.3, 0.3, 7)
"""Places across the joint, in widths of the bone, at which its space is measured."""


class Joint(Protocol):
    """A place of a hand, as the landmarks give it."""

    @property
    def name(self) -> str:
        """Site name."""

    @property
    def center_px(self) -> tuple[float, float]:
        """(column, row)."""

    @property
    def axis(self) -> tuple[float, float]:
        """Unit vector (columns, rows), distally."""

    @property
    def width_px(self) -> float:
        """Width of the bone."""


@dataclass(frozen=True, slots=True)
class Space:
    """A joint space: ``middle`` (c2, c1, c0) its course v(u) in bone widths, ``widths_px`` (7,) at :data:`LINES`."""

    middle: tuple[float, float, float]
    widths_px: Array

    def course(self, u: Array) -> Array:
        """Where the middle of the space lies along the axis; beyond the bone as at its rim."""
        out: Array = np.polyval(np.array(self.middle), np.clip(u, -0.45, 0.45))
        return out


@dataclass(frozen=True, slots=True)
class BoneEnd:
    """One site in its own frame; (u, v) = across (towards the thumb) and along (distally), in widths of the bone.

    Attributes:
        center: (column, row).
        axis, side: unit vectors of v and u.
        width: px.
        box: rows and columns of the window that ``bone`` and ``flesh`` cover.
        bone: where bone is.
        flesh: brightness expected without bone.
        blur: standard deviation of the image's point spread, px.
        space: None where none was found.
        finger: two bone ends facing each other, not a bone of the wrist.
        span: (v, v) between which a wrist bone's own site lies, so that its neighbour across the joint is not taken for it.
    """

    center: tuple[float, float]
    axis: Array
    side: Array
    width: float
    box: tuple[slice, slice]
    bone: Mask
    flesh: Array
    blur: float
    space: Space | None
    finger: bool
    span: tuple[float, float] = (-1.0, 1.0)

    def grid(self) -> tuple[Array, Array]:
        """(u, v) of every pixel of the window."""
        rows, columns = np.mgrid[self.box].astype(float)
        return self.uv(columns, rows)

    def uv(self, columns: Array, rows: Array) -> tuple[Array, Array]:
        """(u, v) of points in the image."""
        x, y = columns - self.center[0], rows - self.center[1]
        return (x * self.side[0] + y * self.side[1]) / self.width, (x * self.axis[0] + y * self.axis[1]) / self.width

    def moved(self, center: tuple[float, float]) -> BoneEnd:
        """The same place after its surroundings moved."""
        return replace(self, center=center)

    def part(self, end: str) -> Mask:
        """The bone's end on one side of the joint, half a bone width deep; for a wrist bone what lies near its centre."""
        u, v = self.grid()
        if not self.finger:
            out: Mask = self.bone & (np.hypot(u, v) < 0.46) & (v > self.span[0]) & (v < self.span[1])
            return out
        along = v - (self.space.course(u) if self.space else 0.0)
        deep = along if end == "distal" else -along
        return np.asarray(self.bone & (deep > 0) & (deep < 0.5) & (np.abs(u) < 0.62), dtype=bool)


def handedness(places: Mapping[str, Joint]) -> float:
    """+1 or -1, so that ``side`` points to the thumb whichever hand it is; +1 where the knuckles do not say."""
    if "MCP 2" not in places or "MCP 5" not in places:
        return 1.0
    one, other = places["MCP 2"], places["MCP 5"]
    across = np.array(one.center_px) - np.array(other.center_px)
    return 1.0 if -one.axis[1] * across[0] + one.axis[0] * across[1] >= 0 else -1.0


def _spread(window: Array, most: float) -> float:
    steps = np.hypot(*np.gradient(window))
    range_ = float(np.percentile(window, 95) - np.percentile(window, 5))
    return float(np.clip(0.5 * range_ / (np.sqrt(2 * np.pi) * max(float(np.percentile(steps, 99.5)), 1e-6)), 0.5, most))


def _mean(values: Array, where: Mask, sigma: float) -> Array:
    """Gaussian mean over a mask, carried on beyond it."""
    out: Array = gaussian_filter(np.where(where, values, 0.0), sigma) / np.maximum(gaussian_filter(where.astype(float), sigma), 1e-9)
    return out


def _find_space(pixels: Pixels, end: BoneEnd) -> Space | None:
    """The dark line between two bone ends: half-height crossings on seven lines, its course a parabola."""
    v = np.arange(-0.45, 0.4501, 0.01)
    lines = []
    for u in LINES:
        off = u + np.array([-0.05, 0.0, 0.05])[:, None]
        x = end.center[0] + end.width * (off * end.side[0] + v * end.axis[0])
        y = end.center[1] + end.width * (off * end.side[1] + v * end.axis[1])
        lines.append(map_coordinates(pixels, [y, x], order=1, mode="nearest").mean(axis=0))
    # A valley counts by how far it lies under the lower of its two banks, so that marrow beside a thin cortex does not win.
    heights = np.array([_banks(p) for p in lines])
    common = int(np.argmax(np.median(heights, axis=0)))
    found = [(u, *_crossings(p, h, common)) for u, p, h in zip(LINES, lines, heights, strict=True)]
    contrast = 0.05 * float(np.ptp(np.array(lines)))
    kept = np.array([(u, v[i], v[k]) for u, i, k, height in found if height > contrast])
    if len(kept) < 4:
        return None
    middle = (kept[:, 1] + kept[:, 2]) / 2
    for _ in range(2):
        fit = np.polyfit(kept[:, 0], middle, 2)
        good = np.abs(np.polyval(fit, kept[:, 0]) - middle) < 0.06
        if good.sum() < 4:
            return None
        kept, middle = kept[good], middle[good]
    widths = np.interp(LINES, kept[:, 0], (kept[:, 2] - kept[:, 1]) * end.width)
    c2, c1, c0 = (float(c) for c in np.polyfit(kept[:, 0], middle, 2))
    return Space((c2, c1, c0), widths)


def _banks(profile: Array) -> Array:
    """How deep each point of a profile lies under the lower of the highest points within 0.2 bone widths on either side."""
    out = np.zeros(profile.size)
    for k in range(15, profile.size - 15):
        out[k] = min(profile[max(k - 20, 0) : k].max(), profile[k + 1 : k + 21].max()) - profile[k]
    return out


def _crossings(profile: Array, heights: Array, common: int) -> tuple[int, int, float]:
    """The half-height crossings on either side of the valley near a common place, and the valley's depth."""
    first = max(common - 15, 15)
    low = first + int(np.argmax(heights[first : common + 16]))
    near, far = profile[max(low - 20, 0) : low].max(), profile[low + 1 : low + 21].max()
    left = low - int(np.argmax(profile[low::-1] > (profile[low] + near) / 2))
    right = low + int(np.argmax(profile[low:] > (profile[low] + far) / 2))
    return left, right, float(heights[low])


def own_span(name: str, joint: Joint, places: Mapping[str, Joint]) -> tuple[float, float]:
    """Limits along the axis of the site of the radius, ulna or first metacarpal: their joint surfaces, as far as the places tell."""
    if name == "metacarpal 1 base":
        return -0.12, 1.0
    if name == "ulna":
        return -1.0, 0.35
    if name == "radius" and "radiocarpal" in places:
        away = np.array(places["radiocarpal"].center_px) - np.array(joint.center_px)
        return -1.0, float(away @ np.array(joint.axis)) / joint.width_px - 0.02
    return -1.0, 1.0


def bone_end(pixels: Pixels, joint: Joint, hand: float, finger: bool) -> BoneEnd | None:
    """Find bone, flesh and space at a joint; None where the image shows no bone there (outside, or without contrast)."""
    axis = np.array(joint.axis, dtype=float)
    side = np.array([-axis[1], axis[0]]) * hand
    width = float(joint.width_px)
    reach = (1.25 if finger else 0.85) * width
    c, r = joint.center_px
    if not (0 <= c < pixels.shape[1] and 0 <= r < pixels.shape[0]) or width < 6:
        return None
    box = (
        slice(max(int(r - reach), 0), min(int(r + reach) + 2, pixels.shape[0])),
        slice(max(int(c - reach), 0), min(int(c + reach) + 2, pixels.shape[1])),
    )
    window = pixels[box].astype(float)
    empty = np.zeros(window.shape)
    end = BoneEnd((float(c), float(r)), axis, side, width, box, empty > 0, empty, _spread(window, max(1.0, 0.03 * width)), None, finger)
    u, v = end.grid()
    near = (np.abs(u) < 0.75) & (np.abs(v) < 1.1) if finger else np.hypot(u, v) < 0.75
    if near.sum() < 30 or np.ptp(window[near]) < 0.01:
        return None
    bone = window > threshold_otsu(window[near])
    for _ in range(2):
        light = _mean(window, bone & near, 0.3 * width)
        # Air would pull the flesh down: only the brighter half of what is not bone counts.
        rest = ~bone & near
        if not rest.any() or not bone.any():
            return None
        away = np.asarray(distance_transform_edt(~bone), dtype=float)
        rest &= (away > 1.5) & (away < max(4.0, 0.28 * width))
        if not rest.any():
            return None
        rest &= window > np.percentile(window[rest], 30)
        flesh = _mean(window, rest, 0.3 * width)
        bone = window > flesh + 0.42 * (light - flesh)
    bone = binary_fill_holes(binary_opening(bone & near))
    if (bone & near).sum() < 0.15 * width**2:
        return None
    end = replace(end, bone=np.asarray(bone, dtype=bool), flesh=np.minimum(flesh, window))
    return replace(end, space=_find_space(pixels, end))
