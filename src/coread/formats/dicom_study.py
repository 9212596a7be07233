"""DICOM objects of one exam as a study: copies passed over, slices of a series joined to volumes."""

from __future__ import annotations

import filecmp
from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np

from coread.errors import InputError
from coread.formats.dicom import DicomFile
from coread.formats.dicom_volume import assembled
from coread.study import Side, Study

SIDE_WORDS: Mapping[str, Side] = {"L": "left", "R": "right"}


def study_from(files: Sequence[DicomFile], source: str) -> Study:
    """One study from its objects; those that are no images are passed over with a warning.

    Raises:
        InputError: no image among them, images of several patients, or two images under one SOP Instance UID.
    """
    notes: list[str] = []
    seen: dict[str, DicomFile] = {}
    kept: list[DicomFile] = []
    _check_one_patient([file for file in files if file.images], source)
    for file in sorted(files, key=lambda f: f.order):
        if not file.images:
            notes.append(f"{file.path.name} is no image ({file.kind}) and was passed over.")
        elif file.object_uid is not None and file.object_uid in seen:
            notes.append(_repeats(file, seen[file.object_uid]))
        else:
            kept.append(file)
            seen[file.object_uid or str(file.path)] = file
    if not kept:
        kinds = ", ".join(sorted({file.kind for file in files}))
        raise InputError(f"{source}: holds no image ({kinds}); give the exam's radiographs")
    images = assembled([image for file in kept for image in file.images], notes)
    sides = {image.facts.get("laterality") for image in images}
    side = next(iter(sides)) if len(sides) == 1 else None
    stated = [[file.patient[part] for file in kept if file.patient[part] is not None] for part in range(4)]
    patient, date, age, sex = (values[0] if values else None for values in stated)
    notes.extend(note for file in kept for note in file.warnings)
    return Study(
        uid=kept[0].study,
        images=images,
        source=source,
        patient=cast("str | None", patient),
        date=cast("str | None", date),
        side=SIDE_WORDS.get(side or ""),
        side_source="tag" if side is not None else None,
        age_years=cast("float | None", age),
        sex=cast("str | None", sex),
        warnings=tuple(dict.fromkeys(notes)),
    )


def _check_one_patient(files: Sequence[DicomFile], source: str) -> None:
    patients: dict[str | None, str] = {}
    for file in files:
        patients.setdefault(file.patient[0], file.path.name)
    if len(patients) > 1:
        first, second = list(patients.values())[:2]
        raise InputError(
            f"{source}: the images of one study name {len(patients)} different patient ids ({first} and {second} differ); correct the files"
        )


def _repeats(file: DicomFile, first: DicomFile) -> str:
    """What to say of an object whose SOP Instance UID came before: a copy, to the byte or in its pixels, is passed over.

    Raises:
        InputError: the pixels differ; no rule tells which of the two is the object of that UID.
    """
    if filecmp.cmp(file.path, first.path, shallow=False):
        return f"{file.path.name} repeats an object of this exam ({first.path.name}) and was passed over."
    pairs = zip(file.images, first.images, strict=False)
    if len(file.images) != len(first.images) or any(a.axes != b.axes or not np.array_equal(a.load(), b.load()) for a, b in pairs):
        raise InputError(
            f"{file.path}: has the SOP Instance UID of {first.path} and another image; "
            "a UID names one object, so remove or correct one of the two"
        )
    return f"{file.path.name} has the SOP Instance UID and pixels of {first.path.name}, and another header; it was passed over."
