"""What a person makes of a reading, a corrected or a signed copy, into files: a folder whole or not at all, with its record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from coread.errors import CoreadError, InputError
from coread.formats.any_reading import open_any_readings
from coread.formats.corrected import open_correction
from coread.formats.open import open_study
from coread.formats.uids import derived_uid
from coread.output import NAMES, SUFFIXES, save, with_images, write_all
from coread.output_target import refuse_folder, sources_of
from coread.reading import Reading
from coread.reading_signature import signed
from coread.run import versions
from coread.run_folder import RECORD, BusyError, claimed, publish, record_of, refuse_edited, sha256_of
from coread.study import Study

NEED_EXAM = ("sr", "seg")
STATUSES = ("corrected", "signed")


@dataclass(frozen=True, slots=True)
class Revision:
    """A reading that a person corrected or signed.

    Attributes:
        reading: the new reading.
        basis: what it was made from.
        study: the exam; None where it was not given and does not lie where it was read.
        record: what ``run.json`` says of it beside the outputs.
        inputs: the files it was made from; no output ever takes the place of one.
    """

    reading: Reading
    basis: Reading
    study: Study | None
    record: Mapping[str, Any]
    inputs: tuple[Path, ...] = ()


def correct(reading: str | Path, sheet: str | Path, reader: str, exam: str | Path | None = None) -> Revision:
    """The reading in a file, corrected by a person's changed score sheet; see `open_correction`.

    Args:
        reading: reading.json or SR.
        sheet: .csv or .xlsx.
        reader: name of the person.
        exam: the exam that was read; None looks for it where it was read.

    Raises:
        InputError: the files cannot be used, or do not belong together.
    """
    basis, study = _bound(reading, exam)
    corrected = open_correction(sheet, basis, reader)
    changed = [finding.label for finding in corrected.findings if finding.was is not None]
    record = _record("corrected", basis, corrected, reading)
    return Revision(
        corrected,
        basis,
        study,
        record | {"sheet": {"path": str(sheet), "sha256": sha256_of(Path(sheet))}, "changed": changed},
        _given(reading, sheet, exam),
    )


def sign(reading: str | Path, reader: str, exam: str | Path | None = None) -> Revision:
    """The signed copy of the reading in a file; arguments and errors as for `correct`."""
    basis, study = _bound(reading, exam)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    copy = signed(basis, derived_uid("signed", basis.uid, reader, at), reader, at)
    return Revision(copy, basis, study, _record("signed", basis, copy, reading), _given(reading, exam))


def write_revision(revision: Revision, out: str | Path, kinds: Sequence[str] | None = None) -> list[Path]:
    """Write a revision as one file where ``out`` has the suffix of one, else into the folder ``out`` with its ``run.json``.

    Args:
        revision: from `correct` or `sign`.
        out: file (.json, .csv, .dcm, .html, .pdf), or folder, which must be new, empty, or hold an earlier revision.
        kinds: outputs for a folder, out of ``output.NAMES``; None: all, without SR and SEG where the exam is not at hand.

    Returns:
        The files that were written.

    Raises:
        InputError: the folder holds something else, an SR or SEG is asked for without the exam, or something cannot be written; then
            nothing is.
    """
    target, study = Path(out), revision.study
    if target.suffix.lower() in SUFFIXES:
        return [save(revision.reading, target, study, revision.inputs)]
    asked = tuple(kinds) if kinds is not None else tuple(kind for kind in NAMES if study is not None or kind not in NEED_EXAM)
    if study is None and (lacking := [kind for kind in asked if kind in NEED_EXAM]):
        raise InputError(f"{target}: {' and '.join(lacking)} refer to the images that were read: give the exam with --exam")
    _refuse_others(target)
    refuse_folder(target, [*revision.inputs, *sources_of(revision.reading, study)])
    try:
        with claimed(target) as part:
            reading, written = write_all(revision.reading, part, study, asked)
            names = [name for files in written.values() for name in files]
            record = dict(revision.record) | {
                "reading": reading.uid,
                "outputs": {name: sha256_of(part / name) for name in names},
                "secondary_capture": written.get("secondary_capture", []),
                "segmentation": written.get("seg"),
            }
            publish(part, target, record)
    except BusyError:
        raise InputError(f"{target}: another run is writing there; wait for it or choose another folder with -o") from None
    except OSError as error:
        raise InputError(f"{target}: the outputs cannot be written: {error.strerror or error}") from None
    return [target / name for name in (*names, RECORD)]


def _given(*paths: str | Path | None) -> tuple[Path, ...]:
    return tuple(Path(path) for path in paths if path is not None)


def _bound(path: str | Path, exam: str | Path | None) -> tuple[Reading, Study | None]:
    """The one reading in a file, and its exam."""
    readings = open_any_readings(path)
    if len(readings) != 1:
        raise InputError(f"{path}: holds {len(readings)} readings; give the file of one, such as its reading.json")
    reading = readings[0]
    if exam is not None:
        study = open_study(exam)
        return with_images(reading, study), study
    if not Path(reading.study.source).exists():
        return reading, None
    try:
        study = open_study(reading.study.source)
        return with_images(reading, study), study
    except CoreadError:
        return reading, None  # another exam lies there now: as if there was none


def _record(status: str, basis: Reading, reading: Reading, path: str | Path) -> dict[str, Any]:
    return {
        "schema": "coread.run/1",
        "status": status,
        "exam": reading.study.source,
        "study": reading.study.uid,
        "basis": {"reading": basis.uid, "path": str(path), "sha256": sha256_of(Path(path))},
        "by": reading.signature.by if reading.signature else reading.reader.id,
        "at": reading.created,
        "versions": versions(),
    }


def _refuse_others(folder: Path) -> None:
    """A folder that is replaced must be missing, empty, or an earlier revision: never the reading that was corrected."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    refuse_edited(folder)
    if record_of(folder).get("status") not in STATUSES:
        raise InputError(f"{folder}: holds no corrected or signed reading, so it is not replaced; choose another folder with -o")
