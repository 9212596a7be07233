"""Where an output may go: never onto an input, and onto an existing file only where that is Coread's own output of the same kind."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from coread.errors import InputError
from coread.formats.ours import is_ours
from coread.reading import Reading
from coread.study import Study

WORDS = {
    "json": "a reading.json of Coread",
    "csv": "this very table, and it may hold what a person filled in",
    "sr": "an SR of Coread",
    "page": "a page of Coread",
    "pdf": "a PDF of Coread",
    "capture": "an image that Coread wrote",
}


def refuse_target(target: Path, kind: str, inputs: Iterable[str | Path], text: str | None = None) -> None:
    """Nothing where a file may be written.

    Args:
        target: the file to write.
        kind: as for `is_ours`.
        inputs: the files that the output is made from.
        text: what a table would hold.

    Raises:
        InputError: it is one of the inputs, or would replace what Coread did not write.
    """
    for source in inputs:
        if same_file(target, source):
            raise InputError(f"{target}: is what the output is made from, and would be lost; choose another file with -o")
    if not target.exists():
        if target.is_symlink():
            raise InputError(f"{target}: is a link to a file that does not exist; choose another file with -o")
        return
    try:
        ours = target.is_file() and is_ours(target, kind, text)
    except OSError as error:
        raise InputError(f"{target}: exists and cannot be read: {error.strerror or error}; choose another file with -o") from None
    if not ours:
        raise InputError(f"{target}: exists and is not {WORDS[kind]}, so it is not replaced; move it away or choose another file with -o")


def refuse_folder(folder: Path, inputs: Iterable[str | Path]) -> None:
    """Nothing where none of the inputs lies in a folder that is to be replaced as a whole.

    Raises:
        InputError: one does.
    """
    place = folder.resolve()
    for source in map(Path, inputs):
        if source.exists() and source.resolve().is_relative_to(place):
            raise InputError(f"{folder}: holds {source}, which the output is made from; choose another folder with -o")


def sources_of(reading: Reading, study: Study | None) -> list[str]:
    """The files that were read, as far as reading and study name them."""
    named = [reading.study.source, *(image.source for image in reading.study.images)]
    if study is not None:
        named += [study.source, *(image.source for image in study.images)]
    return [source for source in dict.fromkeys(named) if source]


def same_file(a: str | Path, b: str | Path) -> bool:
    """Whether two paths are one existing file, by whatever name or link."""
    try:
        return Path(a).samefile(b)
    except (OSError, ValueError):
        return False
