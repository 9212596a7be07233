"""Simulated damage painted on a real radiograph whose joints are known: the picture, its grades, and the erosions' outlines.

Grades follow Sharp/van der Heijde (van der Heijde, J Rheumatol 1999;26:743); the cuts that make its words sharp are ours and
stand at :func:`erosion_grade` and :func:`coread.simulate.truth.narrowing_grade`. The radiograph is taken to be healthy: damage
that it had before is not in the grades. Contours of carpal bones are approximate (:mod:`coread.simulate.damage_scene`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from skimage.measure import find_contours

from coread.errors import InputError
from coread.simulate.damage_paint import Canvas
from coread.simulate.damage_record import EROSION_SITES, NARROWING_SITES, BiteKind, DamageRecord, Joint, Narrowed, Part, Subluxed
from coread.simulate.damage_scene import ACROSS, ALONG, STEP, Contour, Scene, orientation, scene
from coread.simulate.damage_warp import MEASURED, Warp, apply_warp, lost_at
from coread.simulate.truth import narrowing_grade

Array = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Outline:
    """One erosion in the damaged image.

    Attributes:
        site, part, kind: as in the record's ``Bite``.
        grade: what it adds at its site.
        contrast: mean loss of brightness within it, in standard deviations of the bone's own pattern: below 1 it can hardly be seen.
        polygon_px: (n, 2) what of the bone it takes, (column, row).
    """

    site: str
    part: Part
    kind: BiteKind
    grade: int
    contrast: float
    polygon_px: Array


@dataclass(frozen=True, slots=True)
class Damaged:
    """A damaged radiograph and its truth.

    Attributes:
        pixels: as given, damaged.
        grades: by (site, feature), feature ``erosion`` or ``joint_space_narrowing``, for every site of the score among the joints
            whose bones were found; 0 where nothing was done.
        subluxation: offset across in bone widths, + towards the thumb, for every site with a narrowing grade.
        ankylosis: whether bone bridges the space, for the same sites.
        outlines: one an erosion.
        skipped: sites whose bones were not found (outside the image): nothing was done there and nothing is said.
    """

    pixels: Pixels
    grades: Mapping[tuple[str, str], int]
    subluxation: Mapping[str, float]
    ankylosis: Mapping[str, bool]
    outlines: tuple[Outline, ...]
    skipped: tuple[str, ...]


def erosion_grade(taken: Array, bone: Contour, kind: BiteKind) -> int:
    """What one erosion counts.

    5: the end has collapsed. 3: it reaches over the bone's middle, seen from the edge where it began, or takes half of the joint surface or
    more. 2: it takes a quarter of the way across the bone, or more than 0.06 of the squared bone width. 1: smaller. 0: it takes
    nothing that could be seen (under 0.004).

    Args:
        taken: signed distance to what of the bone is gone, on the frame's grid, positive inside.
        bone: the bone.
        kind: of the bite.
    """
    if kind == "collapse":
        return 5
    gone, whole = taken > 0, bone.inside > 0
    area = float(gone.sum()) * STEP**2
    if area < 0.004:
        return 0
    share = _share_across(gone, whole, bone, kind)
    if share >= 0.5:
        return 3
    return 2 if share >= 0.25 or area > 0.06 else 1


def _share_across(gone: npt.NDArray[np.bool_], whole: npt.NDArray[np.bool_], bone: Contour, kind: BiteKind) -> float:
    """Share of the bone's extent that the loss takes: across the bone, or for a short bone from its edge inwards."""
    v, u = np.meshgrid(ALONG, ACROSS, indexing="ij")
    centre = np.array([u[gone].mean(), v[gone].mean()])
    if bone.short:
        way = np.array([u[whole].mean(), v[whole].mean()]) - centre
        way = way / max(float(np.linalg.norm(way)), 1e-9)
        near = np.abs((u - centre[0]) * way[1] - (v - centre[1]) * way[0]) < 0.1
    else:
        way = np.array([1.0, 0.0])
        near = np.abs(v - centre[1]) < 0.1
        if kind == "surface":
            near = np.abs(v - bone.middle[1]) < 0.1
    place = u * way[0] + v * way[1]
    extent = place[whole & near] if (whole & near).any() else place[whole]
    return float((np.ptp(place[gone]) + STEP) / (np.ptp(extent) + STEP))


def apply_damage(pixels: npt.NDArray[np.floating], joints: Sequence[Joint], record: DamageRecord) -> Damaged:
    """Paint a record's damage; the same arguments give the same picture.

    Args:
        pixels: radiograph, axes (y, x), 0..1, bone bright.
        joints: the hand's located sites.
        record: what to paint; what it names must be among the joints.

    Raises:
        InputError: not a plane of finite numbers within 0..1, or the record names a site that is not among the joints.
    """
    image = np.asarray(pixels, dtype=np.float32)
    if image.ndim != 2 or not np.isfinite(image).all() or image.min() < 0 or image.max() > 1:
        raise InputError("apply_damage: pixels must be one plane (y, x) of finite numbers from 0 to 1")
    by_name = {j.name: j for j in joints}
    named = _named(record)
    for site in named:
        if site not in by_name:
            raise InputError(f"apply_damage: the record damages '{site}', which is not among the joints given")
    thumb = orientation(joints)
    scored = [n for n in by_name if n in EROSION_SITES or n in NARROWING_SITES]
    scenes = {n: scene(image, by_name[n], thumb) for n in scored if n in named}
    skipped = [n for n, s in scenes.items() if s is None or not s.bones]
    skipped += [n for n in scored if n not in named and not _inside(by_name[n], image.shape)]
    found = {n: s for n, s in scenes.items() if s is not None and n not in skipped}
    out = image.astype(np.float64)
    grain = np.random.default_rng(record.seed).normal(size=image.shape)
    if thumb < 0:
        # The mirror image of a hand gets the mirror image of its grain.
        grain = grain[:, ::-1]
    outlines: list[Outline] = []
    for name, place in found.items():
        outlines += _paint(out, (place, grain), name, record)
    for name, place in found.items():
        warp = _warp(place, name, record)
        if warp is not None:
            apply_warp(out, place, warp, grain)
            outlines = [replace(o, polygon_px=_carried(o.polygon_px, place, warp)) for o in outlines]
    kept = replace(
        record,
        narrowed=tuple(one for one in record.narrowed if one.site in found),
        subluxed=tuple(one for one in record.subluxed if one.site in found),
    )
    told = [n for n in scored if n not in skipped]
    spaces = [n for n in told if n in NARROWING_SITES]
    offsets = {one.site: one.offset for one in kept.subluxed}
    fused = {one.site for one in kept.narrowed if one.ankylosis}
    return Damaged(
        pixels=np.clip(out, 0, 1).astype(np.float32),
        grades=_grades(told, outlines, kept),
        subluxation={n: offsets.get(n, 0.0) for n in spaces},
        ankylosis={n: n in fused for n in spaces},
        outlines=tuple(outlines),
        skipped=tuple(skipped),
    )


def _named(record: DamageRecord) -> list[str]:
    parts = (record.bites, record.narrowed, record.subluxed, record.osteopenic, record.mimics)
    return list(dict.fromkeys(one.site for group in parts for one in group))


def _inside(joint: Joint, shape: tuple[int, ...]) -> bool:
    column, row = joint.center_px
    return 0 <= column <= shape[1] - 1 and 0 <= row <= shape[0] - 1


def _paint(out: Array, at: tuple[Scene, Array], name: str, record: DamageRecord) -> list[Outline]:
    """All of one site that needs no warp; what was taken."""
    place, grain = at
    bites = [b for b in record.bites if b.site == name and b.part in place.bones]
    mimics = [m for m in record.mimics if m.site == name and m.part in place.bones]
    losses = [o for o in record.osteopenic if o.site == name]
    if not bites and not mimics and not losses:
        return []
    canvas = Canvas.of(place, out[place.rows, place.columns], grain[place.rows, place.columns])
    for mimic in mimics:
        canvas.mimic(mimic)
    for loss in losses:
        canvas.osteopenia(loss)
    outlines = []
    for bite in bites:
        before = canvas.pixels.copy()
        taken = canvas.bite(bite)
        lines = find_contours(np.pad(taken, 1, constant_values=-STEP), 0.0)
        if lines:
            line = max(lines, key=len) - 1
            polygon = place.to_px(np.stack([line[:, 1] * STEP + ACROSS[0], line[:, 0] * STEP + ALONG[0]], axis=1))
            inside = place.on_pixels(taken) > 0
            taken_away = float((before - canvas.pixels)[inside].mean()) if inside.any() else 0.0
            grade = erosion_grade(taken, place.bones[bite.part], bite.kind)
            outlines.append(Outline(name, bite.part, bite.kind, grade, taken_away / canvas.pattern, polygon))
    out[place.rows, place.columns] = canvas.pixels
    return outlines


def _warp(place: Scene, name: str, record: DamageRecord) -> Warp | None:
    narrowed = next((one for one in record.narrowed if one.site == name), None)
    subluxed = next((one for one in record.subluxed if one.site == name), None)
    return None if narrowed is None and subluxed is None else Warp.of(place, narrowed, subluxed)


def _carried(polygon: Array, place: Scene, warp: Warp) -> Array:
    """An outline where the warp of a joint brings it."""
    if np.abs(polygon - place.centre).max() > 2.2 * place.width_px:
        return polygon
    frame = (polygon - place.centre) @ place.frame.T / place.width_px
    return place.to_px(warp.forward(frame))


def _grades(sites: Sequence[str], outlines: Sequence[Outline], record: DamageRecord) -> dict[tuple[str, str], int]:
    grades = {}
    losses = {one.site: one for one in record.narrowed}
    shifts = {one.site: one for one in record.subluxed}
    for site in sites:
        if site in EROSION_SITES:
            grades[site, "erosion"] = min(sum(o.grade for o in outlines if o.site == site), 5)
        if site in NARROWING_SITES:
            grades[site, "joint_space_narrowing"] = space_grade(losses.get(site), shifts.get(site))
    return grades


def space_grade(narrowed: Narrowed | None, subluxed: Subluxed | None) -> int:
    """Narrowing grade of a joint by :func:`coread.simulate.truth.narrowing_grade`; bones that overlap count as subluxed."""
    left, focal = np.ones(len(MEASURED)), False
    if narrowed is not None:
        left, focal = 1 - lost_at(narrowed, MEASURED), narrowed.focal_at is not None
    offset = 0.0 if subluxed is None else max(abs(subluxed.offset), 0.25 if subluxed.overlap > 0 else 0.0)
    return narrowing_grade(float(np.median(left)), float(left.min()), 1.0, offset, focal)
