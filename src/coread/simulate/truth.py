"""What is known of a simulated radiograph: landmarks, sites, joint spaces, erosions, outlines, in its pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from coread.simulate.anatomy import Anatomy
from coread.simulate.bones import Bone, head_width
from coread.simulate.joints import Gap, Joint, measure
from coread.simulate.outline import area, inside_mask
from coread.simulate.record import Erosion, HandRecord
from coread.study import Side

Array = npt.NDArray[np.float64]

EROSION_SITES = ("metacarpal 1 base", "radius", "ulna", "trapezium-trapezoid", "scaphoid", "lunate")


@dataclass(frozen=True, slots=True)
class JointTruth:
    """One joint space as it was built.

    Widths are distances between the geometric bone edges along the joint's axis, before blur, on lines 0.05 mm apart
    over the joint's extent (finger joints: the central 70 % of the proximal bone's head; wrist joints: see ``carpus``).

    Attributes:
        name: joint.
        centre_px: middle of the space, (column, row).
        axis: unit vector (column, row) pointing distally.
        bone_width_mm: width of the proximal bone's end (finger joints) or of the measured extent (wrist).
        positions_mm: place of each line across the joint, the thumb's side positive.
        widths_mm: width on each line, never below 0.
        proximal_px, distal_px: (m, 2) the two edges.
        mean_mm, minimum_mm: over the lines.
        perpendicular_mm: mean of the shortest distances from the distal to the proximal edge.
        normal_mm: mean width before damage.
        grade: narrowing 0-4 by ``narrowing_grade``.
        subluxation: offset across as a fraction of the bone's width (thumb's side positive) and angle in degrees.
    """

    name: str
    centre_px: tuple[float, float]
    axis: tuple[float, float]
    bone_width_mm: float
    positions_mm: Array
    widths_mm: Array
    proximal_px: Array
    distal_px: Array
    mean_mm: float
    minimum_mm: float
    perpendicular_mm: float
    normal_mm: float
    grade: int
    subluxation: tuple[float, float]


@dataclass(frozen=True, slots=True)
class ErosionTruth:
    """One erosion as it was built: the polygon of the bite (it may reach over the bone's edge) and the area inside the bone."""

    erosion: Erosion
    centre_px: tuple[float, float]
    polygon_px: Array
    area_mm2: float


@dataclass(frozen=True, slots=True)
class HandTruth:
    """One hand on the film.

    Attributes:
        side: anatomical side.
        landmarks_px: (37, 2), numbered as in ``shape``.
        sites_px: centre of every site of the hand's score (22), of ``DIP 2``-``DIP 5``, ``tip 1``-``tip 5`` and ``wrist``.
        joints: joint spaces by name (20: the scored ones and the DIP joints).
        erosions: bites.
        outlines_px: outline of every bone, (n, 2).
        record: what the hand was built from.
    """

    side: Side
    landmarks_px: Array
    sites_px: Mapping[str, tuple[float, float]]
    joints: Mapping[str, JointTruth]
    erosions: tuple[ErosionTruth, ...]
    outlines_px: Mapping[str, Array]
    record: HandRecord

    def mask(self, bone: str, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
        """The pixels of one bone on a film of (rows, columns)."""
        return inside_mask(self.outlines_px[bone], shape)


@dataclass(frozen=True, slots=True)
class View:
    """The rigid map from a hand's mm to pixels: pixel = (turn @ mm + shift) / pixel_mm."""

    turn: Array
    shift: Array
    pixel_mm: float

    def px(self, points: npt.ArrayLike) -> Array:
        """Points in mm as (column, row)."""
        out: Array = (np.asarray(points, dtype=float) @ self.turn.T + self.shift) / self.pixel_mm
        return out

    def bone(self, bone: Bone) -> Bone:
        """The bone in film mm."""
        return replace(
            bone, outline=bone.outline @ self.turn.T + self.shift, origin=self.turn @ bone.origin + self.shift, axis=self.turn @ bone.axis
        )


def narrowing_grade(typical_mm: float, minimum_mm: float, normal_mm: float, offset: float = 0.0, focal: bool = False) -> int:
    """Narrowing grade by the definitions of Sharp/van der Heijde, with the cuts that make them sharp.

    4: no space left, or luxation (offset of the whole bone's width); 3: less than 50 % left, or subluxation (offset of a
    quarter of the width or more); 2: less than 80 % left; 1: 80-90 % left, or focal loss to under 80 %; 0 otherwise.

    Args:
        typical_mm: the mean width; where the loss is focal the median, which says what is left of the rest of the joint.
        minimum_mm: the least width.
        normal_mm: the mean width before damage.
        offset: of the two bones across the joint as a fraction of the bone's width.
        focal: whether there is a focal loss.
    """
    left = typical_mm / normal_mm
    if left <= 0.02 or abs(offset) >= 1:
        return 4
    if left < 0.5 or abs(offset) >= 0.25:
        return 3
    if left < 0.8:
        return 2
    if left < 0.9 or (focal and minimum_mm / normal_mm < 0.8):
        return 1
    return 0


def _pair(p: Array) -> tuple[float, float]:
    return float(p[0]), float(p[1])


def _joint_truth(joint: Joint, gap: Gap, record: HandRecord, view: View) -> JointTruth:
    fused = record.narrowing.get(joint.name, 1.0) <= 0
    widths = np.zeros_like(gap.widths) if fused else np.maximum(gap.widths, 0)
    normal = record.normal_mm[joint.name]
    offset, angle = record.subluxation.get(joint.name, (0.0, 0.0))
    axis = view.turn @ joint.axis
    proximal, distal = view.px(gap.proximal), view.px(gap.distal)
    width = 2 * joint.half
    name = joint.proximal[0]
    if name.startswith(("metacarpal", "proximal", "middle")):
        width = head_width(name, record.scale)
    focal = joint.name in record.focal
    mean, minimum = float(widths.mean()), float(widths.min())
    middle = (proximal[len(proximal) // 2] + distal[len(distal) // 2]) / 2
    return JointTruth(
        name=joint.name,
        centre_px=_pair(middle),
        axis=_pair(axis),
        bone_width_mm=width,
        positions_mm=gap.positions,
        widths_mm=widths,
        proximal_px=proximal,
        distal_px=distal,
        mean_mm=mean,
        minimum_mm=minimum,
        perpendicular_mm=0.0 if fused else float(gap.perpendicular.mean()),
        normal_mm=normal,
        grade=narrowing_grade(float(np.median(widths)) if focal else mean, minimum, normal, offset, focal),
        subluxation=(offset, angle),
    )


def bite(erosion: Erosion, anatomy: Anatomy, seed: int) -> Array:
    """Polygon (48, 2) of an erosion in the hand's mm: an uneven ellipse centred on the bone's edge."""
    bone = anatomy.bones[erosion.bone]
    centre = bone.outline.mean(axis=0)
    if erosion.bone in ("radius", "ulna"):
        centre = bone.origin + bone.axis * (bone.length - 9)
    elif erosion.site in anatomy.joints and erosion.bone in anatomy.joints[erosion.site].proximal and " " in erosion.bone:
        centre = bone.origin + bone.axis * (bone.length - 5.5)
    elif " " in erosion.bone:
        centre = bone.origin + bone.axis * 5.0
    angle = np.radians(erosion.angle_deg)
    direction = np.cos(angle) * bone.axis + np.sin(angle) * bone.across
    away = bone.outline - centre
    heading = away @ direction / np.linalg.norm(away, axis=1)
    close = np.flatnonzero(heading > heading.max() - 2e-4)
    hit = int(close[np.argmin(np.linalg.norm(away[close], axis=1))])
    n = len(bone.outline)
    tangent = bone.outline[(hit + 5) % n] - bone.outline[(hit - 5) % n]
    tangent /= np.linalg.norm(tangent)
    inward = np.array([-tangent[1], tangent[0]])
    if inward @ direction > 0:
        inward = -inward
    phi = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    rng = np.random.default_rng([seed, 11, hit])
    uneven = np.ones_like(phi)
    for k in (2, 3, 4, 5):
        uneven += 0.07 / k * rng.normal() * np.cos(k * phi + rng.uniform(0, 2 * np.pi))
    out: Array = bone.outline[hit] + uneven[:, None] * (
        np.cos(phi)[:, None] * tangent * erosion.width_mm / 2 + np.sin(phi)[:, None] * inward * erosion.depth_mm
    )
    return out


def _area_inside(polygon: Array, outline: Array) -> float:
    low = polygon.min(axis=0) - 0.2
    step = 0.05
    size = np.ceil((polygon.max(axis=0) + 0.2 - low) / step).astype(int)
    shape = (int(size[1]), int(size[0]))
    both = inside_mask((polygon - low) / step, shape) & inside_mask((outline - low) / step, shape)
    return float(both.sum() * step * step)


def hand_truth(record: HandRecord, anatomy: Anatomy, view: View) -> HandTruth:
    """Measure everything that is to be known of a built hand and bring it to pixels."""
    joints = {name: _joint_truth(j, measure(j, anatomy.bones), record, view) for name, j in anatomy.joints.items()}
    bones = anatomy.bones
    landmarks = view.px(anatomy.landmarks)
    sites = {name: j.centre_px for name, j in joints.items()}
    thumb = bones["metacarpal 1"]
    sites["metacarpal 1 base"] = _pair(view.px(thumb.origin + thumb.axis * 1.5))
    for name in ("radius", "ulna"):
        bone = bones[name]
        end = bone.outline[(bone.outline - bone.origin) @ bone.axis > bone.length - 16]
        sites[name] = _pair(view.px((end.min(axis=0) + end.max(axis=0)) / 2))
    sites["trapezium-trapezoid"] = _pair(view.px((_middle(bones["trapezium"]) + _middle(bones["trapezoid"])) / 2))
    for name in ("scaphoid", "lunate"):
        sites[name] = _pair(view.px(_middle(bones[name])))
    for ray, tip in zip(range(1, 6), (20, 24, 28, 32, 36), strict=True):
        sites[f"tip {ray}"] = _pair(landmarks[tip])
    sites["wrist"] = sites["radiocarpal"]
    erosions = []
    for erosion in record.erosions:
        polygon = bite(erosion, anatomy, record.texture_seed)
        inside = _area_inside(polygon, bones[erosion.bone].outline)
        px = view.px(polygon)
        erosions.append(ErosionTruth(erosion, _pair(px.mean(axis=0)), px, inside))
    outlines = {name: view.px(b.outline) for name, b in bones.items()}
    return HandTruth(record.side, landmarks, sites, joints, tuple(erosions), outlines, record)


def _middle(bone: Bone) -> Array:
    p, q = bone.outline, np.roll(bone.outline, -1, axis=0)
    cross = (p[:, 0] * q[:, 1] - q[:, 0] * p[:, 1])[:, None]
    out: Array = ((p + q) * cross).sum(axis=0) / (6 * area(p))
    return out
