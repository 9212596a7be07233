"""The folder of one exam's outputs: claimed by one run at a time, whole or not there, never taken from another exam."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from coread.errors import InputError

try:
    import fcntl
except ImportError:  # Windows has no such lock; there nothing stops two runs that share a folder
    fcntl = None  # type: ignore[assignment]

RECORD = "run.json"
LOCK = ".lock"
RUBBISH = (".DS_Store", "Thumbs.db", "desktop.ini")
"""What file managers leave where someone only looked."""
NAMED = 3


class BusyError(Exception):
    """Another run works on the folder at this moment."""


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[Path]:
    """An empty folder beside ``folder`` to write into, ours alone until the block ends; then it is gone, or has become ``folder``.

    What a run that was killed left there is removed. The lock goes with the process that holds it, however that ends.

    Raises:
        BusyError: another run holds it.
        OSError: it cannot be made.
    """
    part = folder.with_name(f".{folder.name}.part")
    lock = _locked(part)
    try:
        empty(part)
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)
        os.close(lock)


def empty(part: Path) -> None:
    """Remove what was written into a claimed folder so far."""
    for old in part.iterdir():
        if old.name != LOCK:
            shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()


def _locked(part: Path) -> int:
    """The open lock file of a folder, which is made."""
    while True:
        part.mkdir(parents=True, exist_ok=True)
        try:
            lock = os.open(part / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # the run that held it has just finished
            continue
        try:
            if fcntl is not None:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(lock), (part / LOCK).stat()):
                return lock
        except BlockingIOError:
            os.close(lock)
            raise BusyError from None
        except FileNotFoundError:
            pass
        os.close(lock)


def publish(part: Path, folder: Path, record: Mapping[str, Any]) -> None:
    """Put the record into a claimed folder and let it take the place of ``folder``.

    Raises:
        InputError: ``folder`` holds what Coread did not write.
        OSError: it cannot be written.
    """
    refuse_foreign(folder)
    refuse_edited(folder)
    # A byte of a file name that is no UTF-8 becomes an escape of JSON, which gives the same name back.
    (part / RECORD).write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", errors="backslashreplace")
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
    (folder / LOCK).unlink()


def record_of(folder: Path) -> Mapping[str, Any]:
    """The record in a folder; empty where there is none that can be read."""
    try:
        old = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return old if isinstance(old, dict) else {}


def refuse_foreign(folder: Path) -> None:
    """A folder that is about to be replaced must be one of ours: it is missing, empty, or holds our record.

    Raises:
        InputError: it is not.
    """
    if folder.exists() and not (folder.is_dir() and ((folder / RECORD).is_file() or not any(folder.iterdir()))):
        raise InputError(
            f"{folder}: exists and was not written by Coread, so it is not replaced; move it away or choose another folder with -o"
        )


def refuse_edited(folder: Path) -> None:
    """A folder of ours that is about to be replaced holds nothing but what its record says was written, unchanged.

    Raises:
        InputError: someone put something into it or changed an output; the message names what.
    """
    outputs = record_of(folder).get("outputs")
    known = outputs if isinstance(outputs, dict) else {}
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    held = [path for path in found if path.name not in (RECORD, LOCK, *RUBBISH) and not _is_as_written(path, known.get(path.name))]
    if held:
        more = f" and {len(held) - NAMED} more" if len(held) > NAMED else ""
        raise InputError(
            f"{folder}: holds {', '.join(p.name for p in held[:NAMED])}{more}, which Coread did not write or which was changed since, "
            "so the folder is not replaced; move that away or choose another folder with -o"
        )


def _is_as_written(path: Path, sha256: object) -> bool:
    return path.is_file() and not path.is_symlink() and sha256_of(path) == sha256


def sha256_of(path: Path) -> str:
    """Hash of a file, for a record."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def taken_by(folder: Path, exam: str, hashes: Mapping[str, str]) -> str | None:
    """The other exam that a folder of ours holds the reading of; None where it is free or holds this one's.

    An exam is the same where its path is, or where all its files are the same by content.

    Args:
        folder: where the outputs would go.
        exam: path of the exam that is to be read.
        hashes: SHA-256 of each of its files; empty where it could not be opened.
    """
    old = record_of(folder)
    other, inputs = old.get("exam"), old.get("inputs")
    if old.get("status") != "read" or not isinstance(other, str) or Path(other).resolve() == Path(exam).resolve():
        return None
    known = {str(i.get("sha256")) for i in inputs if isinstance(i, dict)} if isinstance(inputs, list) else set()
    return None if hashes and known == set(hashes.values()) else other
