"""Path lengths: how many mm of mineral and of bone a ray crosses at each pixel."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, gaussian_filter1d, map_coordinates

from coread.simulate.bones import Bone
from coread.simulate.outline import distance_map

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.float32]

_X = np.linspace(0.0, 1.0, 1025)
# integral of sqrt(1 - (1 - x)^2) from 0 to x
_PHI = np.pi / 4 - 0.5 * ((1 - _X) * np.sqrt(1 - (1 - _X) ** 2) + np.arcsin(1 - _X))


def _integral(x: Array) -> Array:
    inner = np.interp(np.clip(x, 0, 1), _X, _PHI)
    out: Array = inner + np.maximum(x - 1, 0)
    return out


def rounded(distance: Array, round_mm: Array, pixel_mm: float) -> Array:
    """Share of a body's full depth at a distance from its edge, averaged over a pixel: a quarter ellipse, then 1."""
    a = np.maximum(round_mm, 0.05)
    high = a * _integral((distance + pixel_mm / 2) / a)
    low = a * _integral((distance - pixel_mm / 2) / a)
    out: Array = (high - low) / pixel_mm
    return out


TILE = 384
TILE_STEP_MM = 0.11


@functools.lru_cache(maxsize=4)
def texture_tile(seed: int) -> Image:
    """A periodic tile of trabecular texture, mean 0, deviation 1, stretched along its rows (the bone's axis)."""
    white = np.random.default_rng([seed, 7]).standard_normal((2, TILE, TILE), dtype=np.float32)
    fine = gaussian_filter(white[0], (3.0, 1.1), mode="wrap") - gaussian_filter(white[0], (9, 4), mode="wrap")
    coarse = gaussian_filter(white[1], (9, 5), mode="wrap")
    tile = fine / fine.std() + 0.45 * coarse / coarse.std()
    out: Image = (tile / tile.std()).astype(np.float32)
    return out


def texture(points_s: Array, points_t: Array, seed: int, shift: float) -> Array:
    """The texture at positions along and across a bone, mm."""
    tile = texture_tile(seed)
    at = np.stack([points_s / TILE_STEP_MM + 97.0 * shift, points_t / TILE_STEP_MM + 41.0 * shift])
    out: Array = map_coordinates(tile, at, order=1, mode="grid-wrap")
    return out


@dataclass(frozen=True, slots=True)
class Patch:
    """One bone's part of the film.

    Attributes:
        rows, columns: where the patch lies.
        mineral: mm of compact bone along the ray.
        body: mm of the whole bone, marrow included.
    """

    rows: slice
    columns: slice
    mineral: Array
    body: Array


def bone_patch(bone: Bone, pixel_mm: float, shape: tuple[int, int], seed: int, mineral: float = 1.0, grain: float = 1.0) -> Patch | None:
    """Path lengths through one bone; its outline is in film mm, the centre of the first pixel at (0, 0).

    Args:
        bone: the bone.
        pixel_mm: distance of neighbouring pixels.
        shape: (rows, columns) of the film.
        seed: of the texture.
        mineral: multiplies the trabecular filling.
        grain: strength of the texture.

    Returns:
        The patch, or None where the bone lies wholly off the film.
    """
    points = bone.outline / pixel_mm
    low = np.floor(points.min(axis=0)).astype(int) - 4
    high = np.ceil(points.max(axis=0)).astype(int) + 5
    # a bone that leaves the film keeps a margin outside, so that its edge there is right
    room = 8 + int(6 / pixel_mm)
    low = np.maximum(low, -room)
    high = np.minimum(high, [shape[1] + room, shape[0] + room])
    if (high - low < 3).any():
        return None
    distance, near, number = distance_map(points - low, (high[1] - low[1], high[0] - low[0]))
    c0, r0 = max(low[0], 0), max(low[1], 0)
    c1, r1 = min(high[0], shape[1]), min(high[1], shape[0])
    if c1 <= c0 or r1 <= r0:
        return None
    cut = (slice(r0 - low[1], r1 - low[1]), slice(c0 - low[0], c1 - low[0]))
    distance, near = distance[cut] * pixel_mm, near[cut]
    outline_s = bone.along(bone.outline)
    tangent = np.roll(bone.outline, -3, axis=0) - np.roll(bone.outline, 3, axis=0)
    slope = (tangent @ bone.across) ** 2 / np.maximum((tangent**2).sum(axis=1), 1e-9)
    # share of "end" against "side" for each point of the outline, smooth along it
    end = gaussian_filter1d(np.clip(1.6 * slope - 0.25, 0, 1), 5, mode="wrap")
    far = outline_s > 0.5
    round_end, shell = np.where(far, bone.ends[2], bone.ends[0]), np.where(far, bone.ends[3], bone.ends[1])
    curve_at = (1 - end) * np.interp(outline_s, bone.at, bone.round) + end * round_end
    cortex_at = (1 - end) * np.interp(outline_s, bone.at, bone.cortex) + end * shell
    for which, at in (("proximal", 0.0), ("distal", 1.0)):
        if which in bone.fused:
            here = (np.abs(outline_s - at) * bone.length < 2.5) & (end > 0.3)
            cortex_at, curve_at = np.where(here, 0.0, cortex_at), np.where(here, 0.25, curve_at)
    order = np.arange(len(bone.outline))
    row, col = np.nonzero(distance > -pixel_mm)
    distance = distance[row, col]
    at_point = number[near[row, col]]
    curve, cortex = np.interp(at_point, order, curve_at), np.interp(at_point, order, cortex_at)
    x = (c0 + col) * pixel_mm - bone.origin[0]
    y = (r0 + row) * pixel_mm - bone.origin[1]
    s = x * bone.axis[0] + y * bone.axis[1]
    own = s / bone.length
    depth = np.interp(own, bone.at, bone.depth)
    fill = np.interp(own, bone.at, bone.fill) * mineral
    wall = np.interp(own, bone.at, bone.cortex)
    outer = 2 * depth * rounded(distance, curve, pixel_mm)
    inner = 2 * np.maximum(depth - wall, 0.0) * rounded(distance - cortex, np.maximum(curve - cortex, np.minimum(curve, 0.3)), pixel_mm)
    inner = np.minimum(inner, outer)
    if grain > 0:
        t = x * bone.across[0] + y * bone.across[1]
        strength = 0.24 * grain * np.sqrt(4.0 / np.maximum(depth, 1.0))
        fill = np.clip(fill * (1 + strength * texture(s, t, seed, float(sum(map(ord, bone.name)) % 89))), 0, 0.85)
    compact = outer - inner + inner * fill
    if bone.rim > 0 and "proximal" not in bone.fused:
        base = np.interp(at_point, order, end * ~far)
        compact += bone.rim * base * np.exp(-(((distance - 1.5) / 0.4) ** 2)) * (distance > 0)
        compact = np.minimum(compact, outer)
    for plate in bone.plates:
        off = s - plate + 0.5 * np.cos(2.4 / float(bone.depth.max()) * (x * bone.across[0] + y * bone.across[1]))
        compact = np.minimum(compact + 0.25 * depth * np.exp(-(((np.abs(off) - 1.15) / 0.35) ** 2)) * (distance > 0.4), outer)
        compact = compact * (1 - 0.93 * np.exp(-((off / 0.75) ** 4)))
    shape_here = (r1 - r0, c1 - c0)
    mineral_map, body_map = np.zeros(shape_here), np.zeros(shape_here)
    mineral_map[row, col], body_map[row, col] = compact, outer
    return Patch(slice(r0, r1), slice(c0, c1), mineral_map, body_map)
