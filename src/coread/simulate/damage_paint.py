"""Painting erosions, and what only looks like them, into one joint of a real radiograph.

The image is split into soft tissue, bone over it and grain: ``pixels = soft + bone + grain``. A loss takes a share of the bone
part alone, so nothing gets darker than soft tissue beside the joint would be, and the grain of the film stays where it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from coread.simulate.damage_record import Bite, Mimic, Osteopenic
from coread.simulate.damage_scene import ACROSS, ALONG, Contour, Scene
from coread.simulate.damage_warp import pulled, smoothstep, spread

Array = npt.NDArray[np.float64]
_GRID = np.stack(np.meshgrid(ACROSS, ALONG), axis=-1)


@dataclass(frozen=True, slots=True)
class Shape:
    """An uneven superellipse on a bone: centre, its unit vectors along the edge and inwards, half sizes; bone widths."""

    centre: Array
    tangent: Array
    inward: Array
    half: tuple[float, float]
    square: float
    wobble: tuple[float, ...]

    def distance(self, points: Array) -> Array:
        """About the signed distance of points (..., 2) to the outline, positive inside; exact in sign."""
        away = points - self.centre
        a, b = away @ self.tangent / self.half[0], away @ self.inward / self.half[1]
        angle = np.arctan2(b, a)
        bound = np.ones_like(angle)
        for k in range(len(self.wobble) // 2):
            bound += self.wobble[2 * k] * np.cos((k + 2) * angle) + self.wobble[2 * k + 1] * np.sin((k + 2) * angle)
        radius = (np.abs(a) ** self.square + np.abs(b) ** self.square) ** (1 / self.square)
        out: Array = (1 - radius / np.maximum(bound, 0.3)) * min(self.half)
        return out


def hit(bone: Contour, angle_deg: float) -> tuple[Array, Array, Array]:
    """Where a ray from the middle of the bone's end meets its contour, with the contour's tangent and the way inwards there."""
    angle = np.radians(angle_deg)
    way = np.array([np.sin(angle), bone.facing * np.cos(angle)])
    away = bone.outline - bone.middle
    heading = away @ way / np.maximum(np.linalg.norm(away, axis=1), 1e-9)
    index = int(np.argmax(heading))
    n = len(bone.outline)
    span = max(3, n // 40)
    tangent = bone.outline[(index + span) % n] - bone.outline[(index - span) % n]
    tangent = tangent / max(float(np.linalg.norm(tangent)), 1e-9)
    inward = np.array([-tangent[1], tangent[0]])
    if inward @ way > 0:
        inward = -inward
    # Whichever way the outline runs, the tangent follows from the way inwards.
    return bone.outline[index], np.array([inward[1], -inward[0]]), inward


def shape_of(bite: Bite, bone: Contour) -> Shape:
    """Where a bite lies on a bone."""
    point, tangent, inward = hit(bone, bite.angle_deg)
    half = bite.depth
    if bite.kind == "pocket":
        # The ellipse is cut by the bone's edge near its pole: a breach narrower than the pocket behind it.
        half = bite.depth / 1.75
        point = point + inward * 0.75 * half
    return Shape(point, tangent, inward, (bite.width / 2, half), bite.square, bite.wobble)


def on_grid(shape: Shape, bone: Contour) -> Array:
    """Signed distance to what of the bone the shape takes, on the frame's grid; positive inside."""
    out: Array = np.minimum(shape.distance(_GRID), bone.inside)
    return out


@dataclass(slots=True)
class Canvas:
    """The image part of a scene while it is painted.

    Attributes:
        scene: the joint.
        pixels: what is painted on.
        soft: soft tissue's brightness.
        bone: brightness of bone over it, before this damage.
        texture: the bone's own trabecular pattern, of about unit deviation.
        pattern: the deviation of that pattern in brightness.
        points: (rows, columns, 2) place of the pixels in the frame.
        rest: share of the bone that is left; where two losses meet, never more than all of it is gone.
        grain: white noise for pixels that are moved.
    """

    scene: Scene
    pixels: Array
    soft: Array
    bone: Array
    texture: Array
    pattern: float
    points: Array
    rest: Array
    grain: Array

    @classmethod
    def of(cls, scene: Scene, pixels: Array, grain: Array) -> Canvas:
        """The canvas of a scene on its image part."""
        smooth = gaussian_filter(pixels, max(0.012 * scene.width_px, 0.6), mode="nearest")
        soft = np.minimum(scene.on_pixels(scene.soft), np.maximum(smooth, 0))
        fine, broad = (
            gaussian_filter(pixels, max(share * scene.width_px, least), mode="nearest") for share, least in ((0.02, 1.0), (0.05, 2.2))
        )
        # Coarser than the film's grain, which must not be mistaken for trabeculae.
        band = fine - broad
        core = np.hypot(scene.x, scene.y) < 0.7
        pattern = max(float(band[core].std()), 1e-6)
        texture = np.clip(band / pattern, -2.5, 2.5)
        points = np.stack([scene.x, scene.y], axis=-1)
        return cls(scene, pixels.copy(), soft, np.maximum(smooth - soft, 0), texture, pattern, points, np.ones_like(soft), grain)

    def inside(self, part: str) -> Array:
        """Signed distance to a bone's contour at the pixels, bone widths."""
        return self.scene.on_pixels(self.scene.bones[part].inside)

    @property
    def pixel(self) -> float:
        """A pixel in bone widths."""
        return 1 / self.scene.width_px

    def bite(self, bite: Bite) -> Array:
        """Take an erosion out of its bone; gives its signed distance on the frame's grid (positive inside)."""
        bone = self.scene.bones[bite.part]
        shape = shape_of(bite, bone)
        # The edge of a defect follows the trabeculae that stand at it.
        distance = shape.distance(self.points) + 0.012 * self.texture
        soft = max(bite.softness, 0.8 * self.pixel)
        gone = smoothstep(0.5 + distance / (2 * soft))
        inside = self.inside(bite.part)
        gone *= smoothstep(1 + (inside + 0.12) / 0.05)
        left = bite.residue * np.clip(0.5 + 0.5 * self.texture, 0, 1)
        # The remaining wall is thinner at the bone's rim than deep within.
        wall = 1 - 0.25 * np.clip(inside / max(bite.depth, 0.05), 0, 1)
        if bite.kind == "pocket":
            wall = np.full_like(wall, 0.9)
        lost = bite.through * gone * wall * (1 - left)
        self._lose(lost)
        self._regrain(lost)
        if bite.rim > 0:
            thick = max(0.028, 1.0 * self.pixel)
            line = np.exp(-(((distance + soft + 0.5 * thick) / thick) ** 2)) * smoothstep((inside + 0.01) / 0.06)
            self.pixels += bite.rim * line * self._level * (1 + 0.25 * np.clip(self.texture, -1, 1))
        return on_grid(shape, bone)

    def _lose(self, share: Array) -> None:
        self.pixels -= share * self.rest * self.bone
        self.rest *= 1 - share

    def _regrain(self, share: Array) -> None:
        """Fine detail of lost trabeculae replaced by grain as strong as over soft tissue."""
        detail = self.pixels - gaussian_filter(self.pixels, 1.0, mode="nearest")
        within = np.maximum.reduce([self.inside(part) for part in self.scene.bones])
        flesh = (within < -0.12) & (np.hypot(self.scene.x, self.scene.y) < 1.2)
        if flesh.sum() < 50:
            return
        white = self.grain - gaussian_filter(self.grain, 1.0, mode="nearest")
        strength = spread(detail[flesh]) / max(float(white.std()), 1e-9)
        self.pixels += -share * detail + strength * white * np.sqrt(1 - (1 - share) ** 2)

    @property
    def _level(self) -> float:
        return self.scene.bone_level

    def osteopenia(self, loss: Osteopenic) -> None:
        """Mineral lost around the joint, within the bones alone."""
        inside = np.maximum.reduce([self.inside(part) for part in self.scene.bones])
        near = np.exp(-0.5 * (np.hypot(self.scene.x, self.scene.y) / 0.55) ** 2) * smoothstep(0.5 + inside / 0.08)
        coarse = gaussian_filter(self.bone, max(0.06 * self.scene.width_px, 1.5), mode="nearest")
        # Trabeculae fade and the cortex thins before the whole gets darker.
        self.pixels -= near * (loss.strength * coarse + loss.coarse * (self.bone - coarse))

    def mimic(self, mimic: Mimic) -> None:
        """Something without a grade."""
        _MIMICS[mimic.kind](self, mimic)

    def _blob(self, mimic: Mimic, sunk: float, flat: float = 1.0) -> tuple[Array, Array]:
        """Distance to an uneven disc sunk into the bone from its edge, and the bone's own distance, at the pixels."""
        point, tangent, inward = hit(self.scene.bones[mimic.part], mimic.angle_deg)
        shape = Shape(point + sunk * inward, tangent, inward, (mimic.size / 2, flat * mimic.size / 2), 2.0, mimic.wobble)
        return shape.distance(self.points), self.inside(mimic.part)

    def _cyst(self, mimic: Mimic) -> None:
        distance, inside = self._blob(mimic, 0.5 * mimic.size + 0.09)
        whole = smoothstep((inside - 0.05) / 0.04)
        self._lose(mimic.strength * smoothstep(0.5 + distance / 0.07) * whole)
        self.pixels += 0.35 * mimic.strength * np.exp(-(((distance + 0.04) / 0.03) ** 2)) * whole * self._level

    def _notch(self, mimic: Mimic) -> None:
        """A shallow recess whose cortex is whole: the edge lies deeper, nothing is broken."""
        point, tangent, inward = hit(self.scene.bones[mimic.part], mimic.angle_deg)
        away = self.points - point
        a, b = away @ tangent, away @ inward
        push = mimic.strength * np.exp(-0.5 * (a / (0.32 * mimic.size)) ** 2) * np.exp(-0.5 * (b / 0.16) ** 2)
        self._moved(-push[..., None] * inward)

    def _osteophyte(self, mimic: Mimic) -> None:
        """A spur: the bone's margin drawn outwards."""
        point, tangent, inward = hit(self.scene.bones[mimic.part], mimic.angle_deg)
        away = self.points - point
        a, b = away @ tangent, away @ inward
        push = mimic.strength * np.exp(-0.5 * (a / (0.22 * mimic.size)) ** 2) * np.exp(-0.5 * (b / 0.14) ** 2)
        self._moved(push[..., None] * inward)

    def _vessel(self, mimic: Mimic) -> None:
        """A channel through the cortex, dark, thin and slanting, with fine walls."""
        point, tangent, inward = hit(self.scene.bones[mimic.part], mimic.angle_deg)
        way = inward + (mimic.wobble[0] * 6 + 0.6) * tangent
        way = way / np.linalg.norm(way)
        away = self.points - point
        along, beside = away @ way, away @ np.array([-way[1], way[0]])
        beside = beside + 0.12 * mimic.wobble[1] * np.sin(9 * along)
        thin = max(0.02, 0.8 * self.pixel)
        part = smoothstep((along + 0.02) / 0.05) * smoothstep((mimic.size - along) / 0.1)
        self._lose(mimic.strength * np.exp(-0.5 * (beside / thin) ** 2) * part)
        self.pixels += 0.3 * mimic.strength * np.exp(-0.5 * ((np.abs(beside) - 2.2 * thin) / thin) ** 2) * part * self.bone

    def _sesamoid(self, mimic: Mimic) -> None:
        """A small bone beside or over the joint, its rim brighter than its middle."""
        distance, _ = self._blob(mimic, -0.1, 0.75)
        body = smoothstep(0.5 + distance / 0.05)
        rim = np.exp(-(((distance - 0.025) / 0.025) ** 2))
        self.pixels += mimic.strength * self._level * (0.7 * body * (1 + 0.15 * self.texture) + 0.35 * rim)

    def _overlap(self, mimic: Mimic) -> None:
        """The straight shadow of a fold of skin or a dressing."""
        point, tangent, inward = hit(self.scene.bones[mimic.part], mimic.angle_deg)
        way = inward + 3 * mimic.wobble[0] * tangent
        beside = (self.points - point) @ np.array([-way[1], way[0]]) / np.linalg.norm(way)
        away = np.hypot(self.scene.x, self.scene.y)
        step = smoothstep(0.5 + beside / 0.06) * smoothstep(1.2 - beside / mimic.size) * smoothstep((1.4 - away) / 0.5)
        self.pixels += mimic.strength * self._level * step * np.clip(self.bone / self._level + 0.4, 0, 1)

    def _sham(self, mimic: Mimic) -> Array:
        """Where a sham edit lies: a region of the same kind as a bite's."""
        distance, _ = self._blob(mimic, 0.2 * mimic.size)
        return smoothstep(0.5 + distance / 0.06)

    def _smoothed(self, mimic: Mimic) -> None:
        """Detail of the trabeculae damped, nothing lost."""
        detail = gaussian_filter(self.pixels, max(0.012 * self.scene.width_px, 0.6)) - gaussian_filter(self.pixels, 1.5)
        self.pixels -= abs(mimic.strength) * self._sham(mimic) * detail

    def _contrast(self, mimic: Mimic) -> None:
        """A soft shadow over a region that does not respect the bone's edge."""
        distance, _ = self._blob(mimic, 0.2 * mimic.size)
        self.pixels += mimic.strength * self._level * smoothstep(0.5 + distance / (0.5 * mimic.size))

    def _resampled(self, mimic: Mimic) -> None:
        """Pixels moved by a fraction of a pixel and the like of a warp, nothing lost."""
        push = self._sham(mimic) * mimic.strength * 0.02
        self._moved(push[..., None] * np.array([0.6, 0.8]))

    def _moved(self, source: Array) -> None:
        """The image with each pixel taken from its place plus ``source`` (bone widths, frame)."""
        self.pixels = pulled(self.pixels, self.scene, source, self.grain)


_MIMICS = {
    "cyst": Canvas._cyst,
    "notch": Canvas._notch,
    "osteophyte": Canvas._osteophyte,
    "vessel": Canvas._vessel,
    "sesamoid": Canvas._sesamoid,
    "overlap": Canvas._overlap,
    "smoothed": Canvas._smoothed,
    "contrast": Canvas._contrast,
    "resampled": Canvas._resampled,
}
