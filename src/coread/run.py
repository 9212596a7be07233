"""Exams into folders of outputs: one folder an exam, whole or not at all, with a record of what was done."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from coread.errors import CoreadError, InputError, OutOfScopeError, not_written
from coread.formats.open import Exam, find_exams, open_study
from coread.output import NAMES, write_all
from coread.output_target import refuse_folder
from coread.readers import Reader
from coread.reading import Reading
from coread.run_folder import BusyError, claimed, empty, publish, record_of, refuse_edited, refuse_foreign, sha256_of, taken_by
from coread.run_pool import Helpers, shared
from coread.study import Study

HELPER = "coread.run_helper"
MAX_NAME = 200
"""Bytes of a folder's name; file systems allow 255, of which the hash and the name while writing need some."""
RECORDED_VERSIONS = ("coread", "numpy", "scipy", "onnxruntime", "pydicom", "highdicom")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one exam: ``read``, ``kept`` (already there) or ``refused`` with its reason.

    ``stopped`` tells a refusal that says nothing about the exam, because its files or its folder could not be had; no record is kept.
    """

    exam: str
    folder: Path
    status: str
    reason: str | None = None
    reading: Reading | None = None
    seconds: float = 0.0
    stopped: bool = False


Task = tuple[Exam, Path, tuple[str, ...], bool]
"""An exam, the folder for its outputs, what to write, and whether to read it again."""


def read_exam(path: str | Path, reader: Reader, out: str | Path, kinds: Sequence[str] = tuple(NAMES)) -> Outcome:
    """Read the one exam at a path and write its outputs into the folder ``out`` itself, again where it was read before.

    Raises:
        InputError: the exam cannot be opened, or ``out`` holds the reading of another exam or what Coread did not write.
        OutOfScopeError: the exam is refused; the record says why, nothing else is left.
    """
    folder = Path(out)
    if not folder.name:
        raise InputError(f"{folder}: the outputs take the place of their folder as a whole; name a new one with -o")
    _make(folder.parent)
    exam = Exam(Path(path), open_study(path))
    outcome = read_task(reader, (exam, folder, tuple(kinds), True))
    if outcome.status == "refused":
        raise (InputError if outcome.stopped else OutOfScopeError)(outcome.reason or "refused")
    return outcome


def read_exams(
    exams: Sequence[Exam],
    reader: Reader,
    out: str | Path,
    kinds: Sequence[str] = tuple(NAMES),
    again: bool = False,
    jobs: int | Helpers = 1,
) -> Iterator[Outcome]:
    """Read many exams, each into its own folder under ``out``; a bad one is an outcome, not the end.

    An exam whose folder holds a record of the same files, card and program is kept as it is, so that a run that was
    cut short goes on where it stopped.

    Args:
        exams: what was found; see `coread.find_exams`.
        reader: who reads them.
        out: folder of folders; made where it is missing.
        kinds: outputs to write, out of json, csv, sr, seg, page, pdf.
        again: read again what was already read.
        jobs: exams read at the same time, one here, each other in a process with a reader of its own; or the helpers for that, where
            they were started before.

    Raises:
        InputError: ``out`` cannot be made, or an exam's folder under it holds what Coread did not write.
    """
    root = Path(out)
    _make(root)
    tasks = [(exam, root / name, tuple(kinds), again) for exam, name in zip(exams, exam_names(exams), strict=True)]
    here = partial(read_task, reader)
    if isinstance(jobs, int):
        jobs = min(jobs, len(tasks))
        if jobs < 2:
            yield from map(here, tasks)
            return
        jobs = Helpers(jobs - 1, HELPER)
    helper = import_module(HELPER)
    yield from shared(here, partial(helper.read_there, reader.card.path), tasks, jobs)


def read_task(reader: Reader, task: Task) -> Outcome:
    """One exam read into its folder, which is ours alone meanwhile; what stops it is an outcome."""
    exam, folder, kinds, again = task
    source, start = str(exam.path), time.perf_counter()
    try:
        record = _record(source, exam.study, reader, _hashes(exam.study))
    except OSError as error:
        return Outcome(source, folder, "refused", f"{source}: cannot be read: {error.strerror or error}", stopped=True)
    hashes = {i["path"]: i["sha256"] for i in record["inputs"]}
    refuse_foreign(folder)
    if not again and exam.study is not None and _is_done(folder, record, kinds):
        return Outcome(source, folder, "kept")
    try:
        refuse_folder(folder, hashes)
        refuse_edited(folder)
    except InputError as error:
        return Outcome(source, folder, "refused", f"{source}: {error}", stopped=True)
    try:
        with claimed(folder) as part:
            other = taken_by(folder, source, hashes)
            if other is not None:
                reason = f"{source}: {folder} holds the reading of another exam, {other}; choose another folder with -o"
                return Outcome(source, folder, "refused", reason, stopped=True)
            reading = None
            try:
                if exam.study is None:
                    raise InputError(exam.error or "cannot be opened")
                reading, record = _read(exam.study, reader, part, kinds, record)
            except CoreadError as error:
                if isinstance(error.__cause__, OSError) and error.__cause__.errno is not None:
                    return Outcome(source, folder, "refused", str(error), stopped=True)
                empty(part)
                record |= {"status": "refused", "reason": str(error)}
            publish(part, folder, record)
    except BusyError:
        reason = f"{source}: another run is writing {folder} at this moment; wait for it, or choose another folder with -o"
        return Outcome(source, folder, "refused", reason, stopped=True)
    except OSError as error:
        raise not_written(folder, error) from None
    return Outcome(source, folder, record["status"], record.get("reason"), reading, time.perf_counter() - start)


def exams_for(paths: Iterable[str | Path], out: str | Path) -> list[Exam]:
    """The exams of many files and folders; a path that cannot be opened is an exam with an error.

    Raises:
        InputError: ``out`` lies inside one of the folders, so that the next run would read its own outputs.
    """
    exams: list[Exam] = []
    for path in map(Path, paths):
        if path.is_dir() and Path(out).resolve().is_relative_to(path.resolve()):
            raise InputError(f"{out}: the output folder lies inside the exam {path}; choose one outside it with -o")
        try:
            exams += find_exams(path)
        except InputError as error:
            exams.append(Exam(path, None, str(error)))
    return exams


def exam_names(exams: Iterable[Exam]) -> list[str]:
    """A folder name for each exam: the stem of its file or folder, with a short hash where two would be the same or one too long."""
    exams = list(exams)
    stems = [re.sub(r"[^\w.-]+", "_", Path(e.path).resolve().stem).strip(".") or "exam" for e in exams]
    counts = Counter(s.casefold() for s in stems)
    names = []
    for exam, stem in zip(exams, stems, strict=True):
        if counts[stem.casefold()] > 1 or len(stem.encode()) > MAX_NAME:
            key = f"{Path(exam.path).resolve()}|{exam.study.uid if exam.study else ''}"
            stem = stem.encode()[:MAX_NAME].decode(errors="ignore")
            stem = f"{stem}-{hashlib.sha256(os.fsencode(key)).hexdigest()[:8]}"
        names.append(stem)
    return names


def _read(study: Study, reader: Reader, folder: Path, kinds: tuple[str, ...], record: dict[str, Any]) -> tuple[Reading, dict[str, Any]]:
    """The reading of a study, its outputs written into a folder, and the record with what was done."""
    start = time.perf_counter()
    reading = reader.read(study)
    seconds = {"read": round(time.perf_counter() - start, 3)}
    reading, written = write_all(reading, folder, study, kinds)
    seconds["total"] = round(time.perf_counter() - start, 3)
    return reading, record | {
        "status": "read",
        "reading": reading.uid,
        "seconds": seconds,
        "warnings": list(reading.warnings),
        "outputs": {n: sha256_of(folder / n) for names in written.values() for n in names},
        "secondary_capture": written.get("secondary_capture", []),
        "segmentation": written.get("seg"),
    }


def _record(source: str, study: Study | None, reader: Reader, hashes: dict[str, str]) -> dict[str, Any]:
    images = study.images if study else ()
    return {
        "schema": "coread.run/1",
        "status": "started",
        "exam": source,
        "study": study.uid if study else None,
        "inputs": [{"path": path, "sha256": digest} for path, digest in hashes.items()],
        "images": [{"source": i.source, "uid": i.uid, "frame": i.frame} for i in images],
        "card": {"id": reader.card.id, "version": reader.card.version, "sha256": reader.card.sha256},
        "device": "cpu",
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Versions of Python and the packages that a record names."""
    found = {"python": platform.python_version()}
    for name in RECORDED_VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _hashes(study: Study | None) -> dict[str, str]:
    images = study.images if study else ()
    return {source: sha256_of(Path(source)) for source in dict.fromkeys(file for i in images for file in i.files)}


def _is_done(folder: Path, record: dict[str, Any], kinds: tuple[str, ...]) -> bool:
    old = record_of(folder)
    same = ("inputs", "card", "study", "versions")
    segmentation = old.get("segmentation")
    return (
        old.get("status") == "read"
        and all(old.get(key) == record[key] for key in same)
        and all((folder / NAMES[kind]).is_file() for kind in kinds if kind != "seg")
        and ("seg" not in kinds or (isinstance(segmentation, list) and all((folder / str(name)).is_file() for name in segmentation)))
    )


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: the output folder cannot be made: {error.strerror or error}; choose another with -o") from None
