"""The bone ends at one joint as the image shows them: frame, bone, flesh beside it, joint space, point spread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_fill_holes, binary_opening, gaussian_filter, map_coordinates
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

    def grid(self) -> tuple[Array, Array]:
        """(u, v) of every pixel of the window."""
        rows, columns = np.mgrid[self.box].astype(float)
        return self.uv(columns, rows)

    def uv(self, columns: Array, rows: Array) -> tuple[Array, Array]:
        """(u, v) of points in the image."""
        x, y = columns - self.center[0], rows - self.center[1]
        return (x * self.side[0] + y * self.side[1]) / self.width, (x * self.axis[0] + y * self.axis[1]) / self.width

    def moved(self, center: Array) -> BoneEnd:
        """The same place after its surroundings moved."""
        return replace(self, center=(float(center[0]), float(center[1])))

    def part(self, end: str) -> Mask:
        """The bone's end on one side of the joint, half a bone width deep; all of it for a bone of the wrist."""
        u, v = self.grid()
        if not self.finger:
            out: Mask = self.bone & (np.hypot(u, v) < 0.5)
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


def _spread(window: Array) -> float:
    steps = np.hypot(*np.gradient(window))
    range_ = float(np.percentile(window, 95) - np.percentile(window, 5))
    return float(np.clip(0.5 * range_ / (np.sqrt(2 * np.pi) * max(float(np.percentile(steps, 99.5)), 1e-6)), 0.5, 2.0))


def _mean(values: Array, where: Mask, sigma: float) -> Array:
    """Gaussian mean over a mask, carried on beyond it."""
    out: Array = gaussian_filter(np.where(where, values, 0.0), sigma) / np.maximum(gaussian_filter(where.astype(float), sigma), 1e-9)
    return out


def _find_space(pixels: Pixels, end: BoneEnd) -> Space | None:
    """The dark line between two bone ends: half-height crossings on seven lines, its course a parabola."""
    v = np.arange(-0.45, 0.4501, 0.01)
    middles, widths, at = [], [], []
    for u in LINES:
        profiles = []
        for off in (-0.05, 0.0, 0.05):
            x = end.center[0] + end.width * ((u + off) * end.side[0] + v * end.axis[0])
            y = end.center[1] + end.width * ((u + off) * end.side[1] + v * end.axis[1])
            profiles.append(map_coordinates(pixels, [y, x], order=1, mode="nearest"))
        p = np.mean(profiles, axis=0)
        low = 20 + int(np.argmin(p[20:71]))
        near, far = (
            low - 25 + int(np.argmax(p[max(low - 25, 0) : low])) if low > 25 else int(np.argmax(p[:low])),
            low + int(np.argmax(p[low : low + 26])),
        )
        if min(p[near], p[far]) - p[low] < 0.012:
            continue
        left = low - int(np.argmax(p[low::-1] > (p[low] + p[near]) / 2))
        right = low + int(np.argmax(p[low:] > (p[low] + p[far]) / 2))
        at.append(float(u))
        middles.append((v[left] + v[right]) / 2)
        widths.append((right - left) * 0.01 * end.width)
    if len(at) < 4:
        return None
    c2, c1, c0 = np.polyfit(at, middles, 2)
    if np.abs(np.polyval([c2, c1, c0], at) - middles).max() > 0.12:
        return None
    return Space((float(c2), float(c1), float(c0)), np.interp(LINES, at, widths))


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
    end = BoneEnd((float(c), float(r)), axis, side, width, box, empty > 0, empty, _spread(window), None, finger)
    u, v = end.grid()
    near = (np.abs(u) < 0.75) & (np.abs(v) < 1.1) if finger else np.hypot(u, v) < 0.75
    if near.sum() < 30 or np.ptp(window[near]) < 0.03:
        return None
    bone = window > threshold_otsu(window[near])
    for _ in range(2):
        light = _mean(window, bone & near, 0.3 * width)
        # Air would pull the flesh down: only the brighter half of what is not bone counts.
        rest = ~bone & near
        if not rest.any() or not bone.any():
            return None
        rest &= window > np.percentile(window[rest], 35)
        flesh = _mean(window, rest, 0.3 * width)
        bone = window > flesh + 0.42 * (light - flesh)
    bone = binary_fill_holes(binary_opening(bone & near))
    if (bone & near).sum() < 0.15 * width**2:
        return None
    end = replace(end, bone=np.asarray(bone, dtype=bool), flesh=np.minimum(flesh, window))
    return replace(end, space=_find_space(pixels, end))
