"""The content tree of an SR after TID 1500: what stands around the measurement groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from coread.formats import sr_codes as c
from coread.formats import sr_items as put
from coread.formats.sr_groups import Groups
from coread.formats.uids import derived_uid
from coread.reading import ImageRef, ReaderRef, Reading
from coread.scoring import ScoringSystem
from coread.study import Image, Study

RESEARCH_TEXT = "Research use, unverified: made by {reader}; no person has checked it."
LINE_CHARACTERS = 64


def plain_line(text: str) -> str:
    """Text that DICOM's short strings and names hold; where that loses something the whole stands in the content tree."""
    plain = "".join(" " if character in "\\=^" or not character.isprintable() else character for character in text)
    return plain.strip()[:LINE_CHARACTERS].strip() or "unnamed"


def report(reading: Reading, study: Study, scored: ScoringSystem, references: Sequence[bytes]) -> Iterator[bytes]:
    """TID 1500: language, observer, procedure and method, image library, measurement groups, and what a person should know."""
    modality = study.images[0].facts.get("modality", "")
    yield put.coded(put.HAS_MODIFIER, c.LANGUAGE, c.ENGLISH)
    yield from _observer(reading.reader)
    yield from _context(reading)
    yield put.coded(put.HAS_MODIFIER, c.PROCEDURE_REPORTED, c.RADIOGRAPH_PROCEDURE if modality in c.RADIOGRAPHS else c.IMAGING_PROCEDURE)
    yield put.coded(put.HAS_MODIFIER, c.METHOD, scored.method)
    entries = [_entry(ref, image, reference) for ref, image, reference in zip(reading.study.images, study.images, references, strict=True)]
    yield put.container(put.CONTAINS, c.LIBRARY, [put.container(put.CONTAINS, c.LIBRARY_GROUP, entries)])
    groups = Groups(reading, scored, references)
    measured = [groups.finding(finding) for finding in reading.findings]
    measured += [groups.total(name, total) for name, total in reading.totals.items()]
    yield put.container(put.CONTAINS, c.MEASUREMENTS, measured)
    if reading.reader.kind != "person" and reading.status == "unverified":
        yield put.text(put.CONTAINS, c.RESEARCH_USE, RESEARCH_TEXT.format(reader=f"the {reading.reader.kind} {reading.reader.id}"))
    if reading.signature is not None:
        yield put.text(put.CONTAINS, c.SIGNED_BY, reading.signature.by)
        yield put.text(put.CONTAINS, c.SIGNED_AT, reading.signature.at)
        yield put.text(put.CONTAINS, c.SIGNED_SHA256, reading.signature.sha256)
    for warning in reading.warnings:
        yield put.text(put.CONTAINS, c.WARNING, warning)


def _observer(reader: ReaderRef) -> Iterator[bytes]:
    """TID 1002: a person by name, a model as a device whose UID comes from the hash of its card."""
    if reader.kind == "person":
        yield put.coded(put.HAS_OBSERVATION, c.OBSERVER_TYPE, c.PERSON)
        yield put.person(put.HAS_OBSERVATION, c.PERSON_NAME, plain_line(reader.id))
        yield put.text(put.HAS_OBSERVATION, c.PERSON_LOGIN, reader.id)
    else:
        yield put.coded(put.HAS_OBSERVATION, c.OBSERVER_TYPE, c.DEVICE)
        yield put.uid_reference(
            put.HAS_OBSERVATION, c.DEVICE_UID, derived_uid("device", reader.card_sha256 or f"{reader.id} {reader.version}")
        )
        yield put.text(put.HAS_OBSERVATION, c.DEVICE_NAME, reader.id)
        yield put.text(put.HAS_OBSERVATION, c.DEVICE_MANUFACTURER, "Coread")
        yield put.text(put.HAS_OBSERVATION, c.DEVICE_MODEL, reader.id)
    if reader.card_sha256 is not None:
        yield put.text(put.HAS_OBSERVATION, c.DEVICE_SERIAL, reader.card_sha256)
    if reader.version is not None:
        yield put.text(put.HAS_OBSERVATION, c.ALGORITHM_VERSION, reader.version)
    if reader.kind == "panel":
        yield put.coded(put.HAS_OBSERVATION, c.READER_KIND, c.PANEL)


def _context(reading: Reading) -> Iterator[bytes]:
    yield put.text(put.HAS_OBSERVATION, c.CREATED, reading.created)
    if reading.study.source:
        yield put.text(put.HAS_OBSERVATION, c.STUDY_SOURCE, reading.study.source)
    if reading.study.side_source is not None:
        yield put.text(put.HAS_OBSERVATION, c.SIDE_SOURCE, reading.study.side_source)
    if reading.study.timepoint_days is not None:
        yield put.number(put.HAS_OBSERVATION, c.TIME_OFFSET, reading.study.timepoint_days, c.DAYS)
    if reading.read != 1:
        yield put.number(put.HAS_OBSERVATION, c.REPEAT, reading.read, c.NO_UNITS)


def _entry(ref: ImageRef, image: Image, reference: bytes) -> bytes:
    """TID 1601 to 1603: an image with what describes it."""
    facts = []
    modality = c.MODALITIES.get(image.facts.get("modality", ""))
    if modality is not None:
        facts.append(put.coded(put.HAS_ACQUISITION, c.MODALITY, modality))
    side = c.SIDES.get(
        {"l": "left", "r": "right"}.get(image.facts.get("laterality", "").lower(), image.facts.get("laterality", "").lower())
    )
    if side is not None:
        facts.append(put.coded(put.HAS_ACQUISITION, c.IMAGE_LATERALITY, side))
    facts += [
        put.number(put.HAS_ACQUISITION, name, size, c.PIXELS)
        for name, size in ((c.ROWS, ref.rows), (c.COLUMNS, ref.columns))
        if size is not None
    ]
    if image.grid is not None and not image.grid.in_patient:
        down, right = image.grid.spacing_mm[-2:]
        facts.append(put.number(put.HAS_ACQUISITION, c.HORIZONTAL_SPACING, right, c.MILLIMETRE))
        facts.append(put.number(put.HAS_ACQUISITION, c.VERTICAL_SPACING, down, c.MILLIMETRE))
    if ref.source:
        facts.append(put.text(put.HAS_ACQUISITION, c.IMAGE_SOURCE, ref.source))
    return put.image(put.CONTAINS, c.SOURCE, reference, facts)
