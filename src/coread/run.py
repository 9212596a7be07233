"""Exams into folders of outputs: one folder an exam, whole or not at all, with a record of what was done."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from coread.errors import CoreadError, InputError, OutOfScopeError
from coread.formats.open import Exam, find_exams, open_study
from coread.output import NAMES, write_all
from coread.readers import Reader
from coread.readers import reader as load_reader
from coread.reading import Reading
from coread.study import Study

RECORD = "run.json"
MAX_NAME = 200
"""Bytes of a folder's name; file systems allow 255, of which the hash and the name while writing need some."""
RECORDED_VERSIONS = ("coread", "numpy", "scipy", "onnxruntime", "pydicom", "highdicom")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one exam: ``read``, ``kept`` (already there) or ``refused`` with its reason."""

    exam: str
    folder: Path
    status: str
    reason: str | None = None
    reading: Reading | None = None
    seconds: float = 0.0


def read_exam(path: str | Path, reader: Reader, out: str | Path, kinds: Sequence[str] = tuple(NAMES)) -> Outcome:
    """Read the one exam at a path and write its outputs into the folder ``out`` itself.

    Raises:
        CoreadError: the exam cannot be opened or is refused; the record says why, nothing else is left.
    """
    folder = Path(out)
    _make(folder.parent)
    study = open_study(path)
    outcome = _read(str(path), study, reader, folder, tuple(kinds), again=True)
    if outcome.status == "refused":
        raise OutOfScopeError(outcome.reason or "refused")
    return outcome


def read_exams(
    exams: Sequence[Exam],
    reader: Reader,
    out: str | Path,
    kinds: Sequence[str] = tuple(NAMES),
    again: bool = False,
    jobs: int = 1,
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
        jobs: exams read at the same time, each in a process with a reader of its own.

    Raises:
        InputError: ``out`` cannot be made, or an exam's folder under it holds what Coread did not write.
    """
    root = Path(out)
    _make(root)
    tasks = [(exam, root / name, tuple(kinds), again) for exam, name in zip(exams, exam_names(exams), strict=True)]
    if jobs < 2:
        for task in tasks:
            yield _outcome(reader, *task)
        return
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _start_worker, (reader.card.path,))
    try:
        yield from pool.map(_in_worker, tasks)
    finally:
        pool.shutdown(cancel_futures=True)


_WORKER: list[Reader] = []


def _start_worker(card: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _WORKER.append(load_reader(card, threads=1))


def _in_worker(task: tuple[Exam, Path, tuple[str, ...], bool]) -> Outcome:
    return _outcome(_WORKER[0], *task)


def _outcome(reader: Reader, exam: Exam, folder: Path, kinds: tuple[str, ...], again: bool) -> Outcome:
    taken = _taken_by_another(folder, str(exam.path))
    if taken is not None:
        reason = f"{exam.path}: {folder} holds the reading of another exam, {taken}; choose another folder with -o"
        return Outcome(str(exam.path), folder, "refused", reason)
    if exam.study is None:
        reason = exam.error or "cannot be opened"
        _write_record(folder, _record(str(exam.path), None, reader, {}) | {"status": "refused", "reason": reason})
        return Outcome(str(exam.path), folder, "refused", reason)
    return _read(str(exam.path), exam.study, reader, folder, kinds, again)


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
            stem = f"{stem}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
        names.append(stem)
    return names


def _read(source: str, study: Study, reader: Reader, folder: Path, kinds: tuple[str, ...], again: bool) -> Outcome:
    start = time.perf_counter()
    _refuse_foreign(folder)
    try:
        record = _record(source, study, reader, _hashes(study))
    except OSError as error:
        return Outcome(source, folder, "refused", f"{source}: cannot be read: {error.strerror or error}")
    if not again and _is_done(folder, record, kinds):
        return Outcome(source, folder, "kept")
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        reading = reader.read(study)
        seconds = {"read": round(time.perf_counter() - start, 3)}
        part.mkdir()
        reading, written = write_all(reading, part, study, kinds)
        seconds["total"] = round(time.perf_counter() - start, 3)
        record |= {
            "status": "read",
            "reading": reading.uid,
            "seconds": seconds,
            "warnings": list(reading.warnings),
            "outputs": {n: sha256_of(part / n) for names in written.values() for n in names},
            "secondary_capture": written.get("secondary_capture", []),
            "segmentation": written.get("seg"),
        }
        (part / RECORD).write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        _clear(folder)
        part.rename(folder)
    except CoreadError as error:
        _write_record(folder, record | {"status": "refused", "reason": str(error)})
        return Outcome(source, folder, "refused", str(error), seconds=time.perf_counter() - start)
    except OSError as error:
        raise InputError(f"{folder}: the outputs cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Outcome(source, folder, "read", None, reading, time.perf_counter() - start)


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


def _hashes(study: Study) -> dict[str, str]:
    return {source: sha256_of(Path(source)) for source in dict.fromkeys(i.source for i in study.images) if source}


def sha256_of(path: Path) -> str:
    """Hash of a file, for a record."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_done(folder: Path, record: dict[str, Any], kinds: tuple[str, ...]) -> bool:
    try:
        old = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    same = ("inputs", "card", "study", "versions")
    segmentation = old.get("segmentation") if isinstance(old, dict) else None
    return (
        isinstance(old, dict)
        and old.get("status") == "read"
        and all(old.get(key) == record[key] for key in same)
        and all((folder / NAMES[kind]).is_file() for kind in kinds if kind != "seg")
        and ("seg" not in kinds or (isinstance(segmentation, list) and all((folder / str(name)).is_file() for name in segmentation)))
    )


def _refuse_foreign(folder: Path) -> None:
    """A folder that is about to be replaced must be one of ours: it is missing, empty, or holds our record."""
    if folder.exists() and not (folder.is_dir() and ((folder / RECORD).is_file() or not any(folder.iterdir()))):
        raise InputError(
            f"{folder}: exists and was not written by Coread, so it is not replaced; move it away or choose another folder with -o"
        )


def _taken_by_another(folder: Path, exam: str) -> str | None:
    """The other exam that a folder of ours holds the reading of; None where it is free or holds this one's."""
    try:
        old = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    other = old.get("exam") if isinstance(old, dict) and old.get("status") == "read" else None
    return other if isinstance(other, str) and Path(other).resolve() != Path(exam).resolve() else None


def _clear(folder: Path) -> None:
    _refuse_foreign(folder)
    shutil.rmtree(folder, ignore_errors=True)


def _write_record(folder: Path, record: dict[str, Any]) -> None:
    _clear(folder)
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{RECORD}.part"
    part.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(folder / RECORD)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: the output folder cannot be made: {error.strerror or error}; choose another with -o") from None
