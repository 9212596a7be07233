"""Slices of a DICOM series as volumes: which belong together, in which order, and why some do not make one.

The order is that of their positions along the normal of their plane, never that of file names or instance numbers
(DICOM PS3.3 C.7.6.2.1.1). A series with slices missing, or at uneven distances, stays a set of single slices and says so.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from coread.formats.dicom import SECTIONS, load_frames
from coread.formats.sequence import sequence_of
from coread.geometry import FloatArray, Grid
from coread.study import Image, Part

Array = npt.NDArray[np.float32]
SAME_DIRECTION = 1e-3
SAME_PLACE_MM = 0.02
UNEVEN_SHARE, UNEVEN_MM = 0.05, 0.05
"""Two neighbours may lie further from the usual distance than neither share of it nor mm: rounded positions, not a missing slice."""
TILT_DEG = 0.5
GAP_SHARE = 0.05
KINDS = ("image_kind", "echo_time_ms", "inversion_time_ms", "contrast_agent", "acquisition_contrast")
"""What tells several images at one place apart as volumes of their own."""
TIMES = ("temporal_position", "b_value", "acquisition_number", "acquisition_time")
"""What tells them apart as moments (or weightings) of one series."""
PER_SLICE = frozenset({"acquisition_time", "temporal_position", "acquisition_number", "slices_stated"})


def assembled(images: Sequence[Image], notes: list[str]) -> tuple[Image, ...]:
    """The images of a study with the slices of each series joined to volumes; everything else stays as and where it is.

    A volume has the axes ``("z", "y", "x")``, z running along the normal of its plane (row direction x column direction), or
    ``("t", "z", "y", "x")`` where a series holds several moments. Its facts are those that all slices share, with ``slices`` and,
    where it can be told, ``sequence``. Slices that make no volume keep the reason in ``facts["no_volume"]``.

    Args:
        images: in the order of the exam.
        notes: remarks are added, one sentence each.
    """
    series: dict[str, list[Image]] = {}
    for image in images:
        if _is_section(image):
            series.setdefault(image.facts.get("series_uid", ""), []).append(image)
    made = {uid: _volumes(slices, notes) for uid, slices in series.items()}
    result: list[Image] = []
    for image in images:
        if _is_section(image):
            result += made.pop(image.facts.get("series_uid", ""), [])
        else:
            result.append(image)
    return tuple(result)


def _is_section(image: Image) -> bool:
    return image.facts.get("modality") in SECTIONS and image.axes == ("y", "x")


def _volumes(slices: list[Image], notes: list[str]) -> list[Image]:
    """The volumes and single slices of one series."""
    result: list[Image] = []
    unplaced = [s for s in slices if s.grid is None or not s.grid.in_patient]
    if unplaced:
        reason = "its slices do not state their position and orientation in the patient; export the series again with them"
        result += _refused(unplaced, reason, notes)
    for stack in _parallel([s for s in slices if s.grid is not None and s.grid.in_patient]):
        result += _stacked(stack, notes) if len(stack) > 1 else [_named(stack[0], notes)]
    return result


def _parallel(slices: Sequence[Image]) -> list[list[Image]]:
    """Slices of one shape, spacing and orientation each."""
    groups: list[list[Image]] = []
    for image in slices:
        for group in groups:
            first = group[0]
            if (
                first.shape == image.shape
                and np.allclose(_of(first).spacing_mm, _of(image).spacing_mm, rtol=1e-4)
                and np.allclose(_of(first).directions or 0, _of(image).directions or 0, atol=SAME_DIRECTION)
            ):
                group.append(image)
                break
        else:
            groups.append([image])
    return groups


def _of(image: Image) -> Grid:
    if image.grid is None:
        raise ValueError(f"{image.source}: has no grid")
    return image.grid


def _stacked(slices: list[Image], notes: list[str]) -> list[Image]:
    """One volume or several from parallel slices, or the slices with the reason why not."""
    places = _places(slices)
    if len(set(places)) == len(slices):
        return _one_volume([slices], places, notes)
    for key in KINDS:
        parts = _split(slices, key)
        if len(parts) > 1:
            return [volume for part in parts.values() for volume in _stacked(part, notes)]
    for key in TIMES:
        parts = _split(slices, key)
        moments = [_ordered(part) for part in parts.values()]
        if len(moments) > 1 and all(len(set(_places(part))) == len(part) for part in moments):
            if len({tuple(sorted(places[slices.index(s)] for s in part)) for part in moments}) == 1:
                return _one_volume(moments, _places(slices), notes, key)
            return [volume for part in moments for volume in _one_volume([part], _places(part), notes)]
    reason = "several of its images lie at one place and nothing in them tells why; export the series again"
    return _refused(slices, reason, notes)


def _split(slices: Iterable[Image], key: str) -> dict[str, list[Image]]:
    parts: dict[str, list[Image]] = {}
    for image in slices:
        parts.setdefault(image.facts.get(key, ""), []).append(image)
    return dict(sorted(parts.items(), key=lambda item: (float(item[0]) if _is_number(item[0]) else np.inf, item[0])))


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _normal(grid: Grid) -> FloatArray:
    """Unit vector along which slices are counted: row direction x column direction."""
    down, right = np.asarray(grid.directions, dtype=float)
    normal = np.cross(right, down)
    return np.asarray(normal / np.linalg.norm(normal))


def _places(slices: Sequence[Image]) -> list[int]:
    """Place of each slice along the normal; slices closer than SAME_PLACE_MM share one."""
    depth = np.array([np.dot(_of(s).origin_mm or (0, 0, 0), _normal(_of(slices[0]))) for s in slices])
    order = np.argsort(depth, kind="stable")
    steps = np.concatenate([[0], np.diff(depth[order]) > SAME_PLACE_MM]).astype(int)
    places = np.empty(len(slices), dtype=int)
    places[order] = np.cumsum(steps)
    return [int(p) for p in places]


def _ordered(slices: Sequence[Image]) -> list[Image]:
    places = _places(slices)
    return [slices[i] for i in sorted(range(len(slices)), key=lambda i: places[i])]


def _one_volume(moments: Sequence[Sequence[Image]], places: Sequence[int], notes: list[str], time_key: str = "") -> list[Image]:
    """A volume from the slices of each moment, or the slices with the reason why not."""
    stacks = [_ordered(moment) for moment in moments]
    first, count = stacks[0], len(stacks[0])
    every = [image for stack in stacks for image in stack]
    origins = np.array([_of(s).origin_mm for s in first], dtype=float)
    normal = _normal(_of(first[0]))
    steps = np.diff(origins, axis=0)
    along = steps @ normal
    usual = float(np.median(along))
    reason = _uneven(along, usual) or _tilted(origins, normal)
    stated = max((int(s.facts["slices_stated"]) for s in every if s.facts.get("slices_stated", "").isdigit()), default=0)
    if not reason and len(stacks) == 1 and stated > count:
        reason = f"{stated - count} of its {stated} slices are missing at its ends; copy or export the whole series"
    if reason:
        return _refused(every, reason, notes)
    down, right = _of(first[0]).directions or ((0, 1, 0), (1, 0, 0))
    step = (origins[-1] - origins[0]) / (count - 1)
    length = float(np.linalg.norm(step))
    axis = step / length
    grid = Grid(
        (length, *_of(first[0]).spacing_mm),
        _of(first[0]).source,
        (float(origins[0][0]), float(origins[0][1]), float(origins[0][2])),
        ((float(axis[0]), float(axis[1]), float(axis[2])), down, right),
    )
    facts = {k: v for k, v in first[0].facts.items() if k not in PER_SLICE and all(s.facts.get(k) == v for s in every)}
    thickness = float(facts.get("slice_thickness_mm", "nan"))
    facts |= {"slices": str(count)}
    times = len(stacks) > 1
    if times:
        facts["moments_by"] = time_key
    parts = tuple(Part(s.source, s.uid, s.sop_class, s.frame) for s in every)
    files = {part.source for part in parts}
    same = len(files) == 1
    shape = first[0].shape
    volume = Image(
        axes=("t", "z", "y", "x") if times else ("z", "y", "x"),
        shape=(len(stacks), count, *shape) if times else (count, *shape),
        load=_loader(every, (len(stacks), count, *shape) if times else (count, *shape)),
        grid=grid,
        source=parts[0].source if same else os.path.commonpath([str(Path(file).parent) for file in files]),
        uid=parts[0].uid if same else None,
        sop_class=parts[0].sop_class,
        facts=facts,
        parts=parts,
    )
    named = _named(volume, notes)
    if length - thickness > GAP_SHARE * length:
        notes.append(
            f"{series_name(named)}: slices of {thickness:.3g} mm lie {length:.3g} mm apart; what lies in the gaps of "
            f"{length - thickness:.2g} mm was not imaged."
        )
    if times:
        notes.append(f"{series_name(named)}: holds {len(stacks)} volumes, told apart by their {time_key.replace('_', ' ')}.")
    return [named]


def _uneven(along: FloatArray, usual: float) -> str | None:
    off = np.abs(along - usual)
    if (off <= max(UNEVEN_SHARE * usual, UNEVEN_MM)).all():
        return None
    at = int(np.argmax(along))
    missing = round(float(along[at]) / usual) - 1
    if missing >= 1 and abs(along[at] / usual - missing - 1) < 0.1:
        what = "a slice is" if missing == 1 else f"{missing} slices are"
        return (
            f"{what} missing between the slices {at + 1} and {at + 2} of {len(along) + 1}, which lie {along[at]:.3g} mm apart instead of "
            f"{usual:.3g} mm; copy or export the whole series"
        )
    return f"its slices lie {along.min():.3g} to {along.max():.3g} mm apart, not evenly; export the series as it was acquired"


def _tilted(origins: FloatArray, normal: FloatArray) -> str | None:
    step = origins[-1] - origins[0]
    angle = float(np.degrees(np.arccos(np.clip(step @ normal / np.linalg.norm(step), -1, 1))))
    if angle <= TILT_DEG:
        return None
    return f"its slices are stacked at {angle:.1f} degrees to their own plane (a tilted gantry); resample it to a straight volume first"


def _refused(slices: Sequence[Image], reason: str, notes: list[str]) -> list[Image]:
    kept = [replace(_named(s, []), facts={**_named(s, []).facts, "no_volume": reason}) for s in slices]
    notes.append(f"{series_name(kept[0])}: {len(slices)} slices were not joined to a volume: {reason}.")
    return kept


def _named(image: Image, notes: list[str]) -> Image:
    """The image with the name of its sequence, where its header tells it."""
    if image.facts.get("modality") != "MR":
        return image
    name, doubt = sequence_of(image.facts)
    if name is None:
        return image
    named = replace(image, facts={**image.facts, "sequence": name})
    if doubt:
        notes.append(f"{series_name(named)}: {doubt}.")
    return named


def series_name(image: Image) -> str:
    """A series in words for messages: its number and description, else its file."""
    number, words = image.facts.get("series_number"), image.facts.get("series_description")
    told = f"Series {number}" if number else f"The series of {Path(image.source).name}"
    return f"{told} ({words})" if words else told


def _loader(slices: Sequence[Image], shape: tuple[int, ...]) -> Callable[[], Array]:
    """Reads all slices; a multi-frame object is decoded once for all of its frames."""
    if all(s.frame is not None for s in slices) and len({s.source for s in slices}) == 1:
        return partial(_from_frames, Path(slices[0].source), tuple(s.frame or 1 for s in slices), shape)
    return partial(_from_slices, tuple(s.load for s in slices), shape)


def _from_frames(path: Path, frames: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    return load_frames(path, frames).reshape(shape)


def _from_slices(loads: Sequence[Callable[[], Array]], shape: tuple[int, ...]) -> Array:
    pixels = np.empty((len(loads), *shape[-2:]), np.float32)
    for place, load in zip(pixels, loads, strict=True):
        place[:] = load()
    return pixels.reshape(shape)
