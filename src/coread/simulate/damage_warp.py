"""Narrowing, ankylosis and subluxation of a real joint: the distal bone's end moved, and the space filled.

The picture is pulled back along a smooth map: where the space was it shrinks, the distal bone's end moves as a whole, its shaft and
the flesh beside it take the change up. The film's grain, which interpolation smooths away, is filled in again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, map_coordinates

from coread.simulate.damage_record import WRIST_SPACES, Narrowed, Subluxed
from coread.simulate.damage_scene import ACROSS, Scene

Array = npt.NDArray[np.float64]
FOCAL_SPREAD = 0.12
"""Standard deviation of a focal loss across the joint, bone widths."""
MEASURED = np.linspace(-0.42, 0.42, 43)
"""Where across the joint its width is told, bone widths."""


def smoothstep(x: Array) -> Array:
    """0 below 0, 1 above 1, smooth between."""
    t = np.clip(x, 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def lost_at(loss: Narrowed, across: Array) -> Array:
    """Share of the space that is lost at places across the joint (bone widths)."""
    if loss.focal_at is None:
        return np.full(np.shape(across), loss.lost)
    return np.asarray(loss.lost * np.exp(-0.5 * ((across - loss.focal_at) / FOCAL_SPREAD) ** 2))


@dataclass(frozen=True, slots=True)
class Warp:
    """Where each place of a joint's frame takes its brightness from.

    Attributes:
        proximal, gap: (ACROSS,) end of the proximal bone along the axis and the space's width, bone widths.
        narrowed, subluxed: what happens; either may be missing.
        wrist: the neighbours are close: the change dies out sooner.
    """

    proximal: Array
    gap: Array
    narrowed: Narrowed | None
    subluxed: Subluxed | None
    wrist: bool

    @classmethod
    def of(cls, scene: Scene, narrowed: Narrowed | None, subluxed: Subluxed | None) -> Warp:
        """The warp of a joint whose bones were found."""
        site = narrowed.site if narrowed is not None else subluxed.site if subluxed is not None else ""
        return cls(scene.proximal, np.clip(scene.distal - scene.proximal, 0.03, 0.4), narrowed, subluxed, site in WRIST_SPACES)

    def source(self, points: Array) -> Array:
        """For places (..., 2) of the frame the places that they show."""
        x, y = points[..., 0], points[..., 1]
        end, gap = np.interp(x, ACROSS, self.proximal), np.interp(x, ACROSS, self.gap)
        lateral = smoothstep((0.85 - np.abs(x)) / 0.35) if self.wrist else smoothstep((0.95 - np.abs(x)) / 0.35)
        room = 0.7 if self.wrist else 1.3
        if self.subluxed is not None:
            # The bones slide on each other within the space; the flesh beside them follows gently; farther out the shaft bends back.
            rest = gap * (1 - (0.0 if self.narrowed is None else min(self.narrowed.lost, 0.85)))
            # The proximal bone's blurred edge stays with it: sheared, it would draw a streak into the flesh.
            slide = smoothstep((y - end - 0.025) / rest)
            beside = smoothstep((np.minimum(np.abs(x), np.abs(x - self.subluxed.offset)) - 0.5) / 0.1)
            slide = slide * (1 - beside) + smoothstep((y - end + 0.55) / 1.1) * beside
            bend = slide * smoothstep((end + gap + room - y) / (0.75 * room)) * smoothstep((1.2 - np.abs(x)) / 0.65)
            x = x - self.subluxed.offset * bend
        if self.narrowed is not None:
            lost = np.minimum(lost_at(self.narrowed, x) * lateral, 0.93)
            left = gap * (1 - lost)
            beyond = y - end
            back = np.where(beyond < left, np.maximum(beyond, 0) * lost / (1 - lost), lost * gap)
            y = y + back * np.where(beyond > left, smoothstep((left + room - beyond) / (room - 0.15)), 1.0)
        return np.stack([x, y], axis=-1)

    def forward(self, points: Array) -> Array:
        """Where places (n, 2) of the frame come to lie."""
        out = points.copy()
        for _ in range(25):
            out = out - 0.7 * (self.source(out) - points)
        return out


def apply_warp(out: Array, scene: Scene, warp: Warp, grain: Array) -> None:
    """Warp the scene's part of an image in place.

    Args:
        out: the image.
        scene: the joint.
        warp: what moves.
        grain: (rows, columns) of the image, white, of unit deviation.
    """
    before = out[scene.rows, scene.columns].copy()
    points = np.stack([scene.x, scene.y], axis=-1)
    after = pulled(before, scene, warp.source(points) - points, grain[scene.rows, scene.columns])
    if warp.subluxed is not None and warp.subluxed.overlap > 0 and "distal" in scene.bones:
        after = _overlapped(after, before, scene, warp)
    if warp.narrowed is not None and warp.narrowed.ankylosis:
        after = _bridged(after, scene, warp)
    out[scene.rows, scene.columns] = after


def pulled(before: Array, scene: Scene, by: Array, grain: Array) -> Array:
    """An image part with each pixel taken from its place plus ``by`` (rows, columns, 2; frame), its grain as strong as before."""
    step = scene.width_px * (by @ scene.frame)
    moved = np.abs(step).max(axis=-1) > 0.02
    if not moved.any():
        return before.copy()
    rows, columns = np.indices(before.shape).astype(float)
    after = np.asarray(map_coordinates(before, [rows + step[..., 1], columns + step[..., 0]], order=3, mode="nearest"), dtype=float)
    fine = [spread((image - gaussian_filter(image, 1.0))[moved]) for image in (before, after)]
    white = grain - gaussian_filter(grain, 1.0)
    missing = np.sqrt(max(fine[0] ** 2 - fine[1] ** 2, 0.0)) / max(float(white.std()), 1e-9)
    return np.where(moved, after + missing * white, before)


def spread(values: Array) -> float:
    """Standard deviation by the median: edges count little."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _overlapped(after: Array, before: Array, scene: Scene, warp: Warp) -> Array:
    """The distal bone's base pushed over the proximal one: where they overlap both attenuate."""
    assert warp.subluxed is not None
    end, gap = (np.interp(scene.x, ACROSS, v) for v in (warp.proximal, warp.gap))
    overlap = warp.subluxed.overlap
    x, y = scene.x - warp.subluxed.offset, scene.y + gap + overlap
    inside = map_coordinates(scene.bones["distal"].inside, [(y + 1.5) * 40, (x + 1.0) * 40], order=1, mode="nearest")
    source = scene.width_px * (np.stack([x - scene.x, y - scene.y], axis=-1) @ scene.frame)
    rows, columns = np.indices(before.shape).astype(float)
    soft = scene.on_pixels(scene.soft)
    base = map_coordinates(before, [rows + source[..., 1], columns + source[..., 0]], order=3, mode="nearest") - soft
    band = smoothstep((scene.y - end + overlap + 0.05) / 0.08) * smoothstep((end + gap + 0.12 - scene.y) / 0.12)
    add = 0.65 * np.maximum(base, 0) * smoothstep(0.5 + inside / 0.06) * band
    limit = np.maximum(after, float(np.percentile(before, 99.7)))
    return np.asarray(np.minimum(after + add, limit))


def _bridged(after: Array, scene: Scene, warp: Warp) -> Array:
    """The space filled by trabecular bone: brightness from both bones' ends, texture from the proximal one."""
    end, gap = (np.interp(scene.x, ACROSS, v) for v in (warp.proximal, warp.gap))
    left = 0.07 * gap
    width = scene.width_px
    coarse = gaussian_filter(after, 0.07 * width, mode="nearest")
    rows, columns = np.indices(after.shape).astype(float)

    def shifted(image: Array, along: Array) -> Array:
        by = width * along[..., None] * scene.frame[1]
        return np.asarray(map_coordinates(image, [rows + by[..., 1], columns + by[..., 0]], order=1, mode="nearest"))

    texture = shifted(after - coarse, np.full(after.shape, -0.3))
    below, above = shifted(coarse, end - 0.24 - scene.y), shifted(coarse, end + left + 0.24 - scene.y)
    part = np.clip((scene.y - end + 0.12) / (left + 0.24), 0, 1)
    fill = below * (1 - part) + above * part + texture
    band = smoothstep((scene.y - end + 0.14) / 0.12) * smoothstep((end + left + 0.14 - scene.y) / 0.12)
    band *= smoothstep((0.5 - np.abs(scene.x)) / 0.12)
    return np.asarray(after * (1 - 0.93 * band) + fill * 0.93 * band)
