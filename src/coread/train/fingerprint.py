"""What a cohort's images are, before anything is learned: sizes, intensities, classes, centres, what stands twice and what leaks.

Copies are found by the hash of the pixels; near copies by the correlation of thumbnails, mirrored ones too.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from coread.cohort import Cohort
from coread.errors import CoreadError, InputError
from coread.formats.open import open_study
from coread.study import Study
from coread.train.cases import Case
from coread.vision.scope import grey

THUMBNAIL = 32
NEAR = 0.995
"""Correlation of two thumbnails from which one image is taken as a near copy of the other."""
ROWS = 512
UNREADABLE_ALLOWED = 0.1
"""A cohort with a larger share of studies that do not open is refused: something is wrong with all of it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An image of a case: its size, spacing, darkest, middle and brightest grey, hash, thumbnail, and what the file states."""

    case: int
    rows: int
    columns: int
    spacing_mm: tuple[float, ...]
    greys: tuple[float, float, float]
    sha256: str
    thumbnail: npt.NDArray[np.float32]
    modality: str


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The images of a cohort's cases and what was found about them.

    Attributes:
        cases: the cases whose images all open.
        images: every image, with its case's position in ``cases``.
        groups: for each case the number of its group: patients, and patients who share a copy, which no split may part.
        copies: pairs of cases with the same pixels; near: pairs that look the same.
        notes: what a person should know, one sentence each.
    """

    cases: tuple[Case, ...]
    images: tuple[Seen, ...]
    groups: tuple[int, ...]
    copies: tuple[tuple[int, int], ...]
    near: tuple[tuple[int, int], ...]
    notes: tuple[str, ...]

    def told(self, grades: Sequence[float]) -> Mapping[str, Any]:
        """The fingerprint in plain values."""

        def spread(values: Sequence[float]) -> Mapping[str, float]:
            low, middle, high = np.percentile(np.asarray(values, dtype=np.float64), (0, 50, 100))
            return {"least": float(low), "median": float(middle), "most": float(high)}

        labels = Counter(grades[case.grade] for case in self.cases)
        spacings = [min(image.spacing_mm) for image in self.images if image.spacing_mm]
        return {
            "studies": len(self.cases),
            "images": len(self.images),
            "patients": len({case.patient for case in self.cases}),
            "rows": spread([image.rows for image in self.images]),
            "columns": spread([image.columns for image in self.images]),
            "spacing_mm": spread(spacings) if spacings else "not stated",
            "grey": {name: spread([image.greys[k] for image in self.images]) for k, name in enumerate(("dark", "middle", "bright"))},
            "grades": {f"{grade:g}": labels.get(grade, 0) for grade in grades},
            "centres": dict(Counter(case.centre or "not stated" for case in self.cases)),
            "splits": dict(Counter(case.split or "none" for case in self.cases)),
            "modalities": dict(Counter(image.modality or "not stated" for image in self.images)),
            "copies": [[self.cases[a].study, self.cases[b].study] for a, b in self.copies],
            "near_copies": [[self.cases[a].study, self.cases[b].study] for a, b in self.near],
            "notes": list(self.notes),
        }


def flat_images(study: Study) -> list[npt.NDArray[np.float32]]:
    """The study's images as (y, x) planes.

    Raises:
        InputError: an image cannot be decoded, is empty, or is a volume or a series.
    """
    planes = []
    for image in study.images:
        if set(image.axes) - {"y", "x", "c"}:
            raise InputError(f"{image.source}: has the axes {', '.join(image.axes)}; single images are learned, no volumes or series")
        plane = grey(image.pixels)
        if not np.isfinite(plane).all() or float(np.ptp(plane)) < 1e-6:
            raise InputError(f"{image.source}: is empty, all of it has one grey value, or it holds values that are no numbers")
        planes.append(plane)
    return planes


def fingerprint(cohort: Cohort, cases: Sequence[Case], step: Callable[[], None] = lambda: None) -> Fingerprint:
    """Opens every image of the cases once.

    Raises:
        InputError: so many studies do not open that the cohort cannot be meant; the message names the first.
    """
    paths = {member.study: member.path for member in cohort.members}
    kept: list[Case] = []
    images: list[Seen] = []
    broken: list[str] = []
    for case in cases:
        try:
            study = open_study(paths[case.study])
            planes = flat_images(study)
        except CoreadError as error:
            broken.append(str(error))
        else:
            for image, plane in zip(study.images, planes, strict=True):
                spacing = image.grid.spacing_mm if image.grid else ()
                images.append(_seen(len(kept), plane, tuple(float(mm) for mm in spacing), image.facts.get("modality", "")))
            kept.append(case)
        step()
    if len(broken) > UNREADABLE_ALLOWED * len(cases):
        raise InputError(f"{len(broken)} of {len(cases)} studies cannot be learned from; the first: {broken[0]}")
    copies, near = _doubles(images)
    notes = [f"left out: {why}" for why in broken]
    notes += _leaks(kept, copies, "the same image")
    notes += _leaks(kept, near, "nearly the same image")
    return Fingerprint(tuple(kept), tuple(images), _groups(kept, (*copies, *near)), copies, near, tuple(notes))


def _seen(case: int, plane: npt.NDArray[np.float32], spacing: tuple[float, ...], modality: str) -> Seen:
    small = np.asarray(Pillow.fromarray(plane).resize((THUMBNAIL, THUMBNAIL), Pillow.Resampling.BILINEAR), dtype=np.float32)
    small = (small - small.mean()) / max(float(small.std()), 1e-6)
    dark, middle, bright = (float(q) for q in np.percentile(plane[:: max(1, plane.shape[0] // 256)], (1, 50, 99)))
    digest = hashlib.sha256(np.ascontiguousarray(plane).tobytes() + str(plane.shape).encode()).hexdigest()
    return Seen(case, plane.shape[0], plane.shape[1], spacing, (dark, middle, bright), digest, small, modality)


def _doubles(images: Sequence[Seen]) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
    """Pairs of cases with equal pixels, and pairs of others whose thumbnails nearly agree."""
    first: dict[str, int] = {}
    copies = {(first[i.sha256], i.case) for i in images if first.setdefault(i.sha256, i.case) != i.case}
    table = np.stack([image.thumbnail for image in images])
    near: set[tuple[int, int]] = set()
    for other in (table, table[:, :, ::-1]):
        flat, turned = (side.reshape(len(images), -1) / THUMBNAIL for side in (table, other))
        for start in range(0, len(images), ROWS):
            alike = flat[start : start + ROWS] @ turned.T
            for a, b in zip(*np.nonzero(alike > NEAR), strict=True):
                pair = images[start + int(a)].case, images[int(b)].case
                if pair[0] < pair[1] and pair not in copies:
                    near.add(pair)
    return tuple(sorted(copies)), tuple(sorted(near))


def _leaks(cases: Sequence[Case], pairs: Sequence[tuple[int, int]], words: str) -> list[str]:
    if not pairs:
        return []
    split = [p for p in pairs if cases[p[0]].split != cases[p[1]].split]
    strange = [p for p in pairs if cases[p[0]].patient != cases[p[1]].patient]
    graded = [p for p in pairs if cases[p[0]].grade != cases[p[1]].grade]
    notes = [f"{len(pairs)} pairs of studies show {words}, such as {_named(cases, pairs[0])}"]
    if strange:
        notes.append(
            f"{len(strange)} of these pairs are of two patients, such as {_named(cases, strange[0])}: they are kept together as one"
        )
    if split:
        notes.append(
            f"LEAK: {len(split)} of these pairs stand in two splits, such as {_named(cases, split[0])}: those outside the test are left out"
        )
    if graded:
        notes.append(f"{len(graded)} of these pairs have two grades, such as {_named(cases, graded[0])}")
    return notes


def _named(cases: Sequence[Case], pair: tuple[int, int]) -> str:
    return f"{cases[pair[0]].study} and {cases[pair[1]].study}"


def _groups(cases: Sequence[Case], pairs: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """Patients, joined where they share an image."""
    names = list(dict.fromkeys(case.patient for case in cases))
    of = {name: number for number, name in enumerate(names)}
    parent = list(range(len(names)))

    def root(k: int) -> int:
        while parent[k] != k:
            k = parent[k]
        return k

    for a, b in pairs:
        one, two = sorted((root(of[cases[a].patient]), root(of[cases[b].patient])))
        parent[two] = one
    return tuple(root(of[case.patient]) for case in cases)
