"""The five exceptions that Coread raises on purpose.

Each message is one sentence that names the file or field, what was expected, what came, and the way out.
The command line prints the message alone and exits with 1; a traceback means a defect of ours.
"""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path


class CoreadError(Exception):
    """Root of every error that Coread raises on purpose; the command line catches this one."""


class InputError(CoreadError):
    """A file, folder, sheet or argument that cannot be used as it is."""


class OutOfScopeError(CoreadError):
    """An exam that was opened but that the reader was not made for: a refusal with its reason, never a score."""


class DefinitionError(CoreadError):
    """A scoring system, card or recipe that contradicts itself; the message names file and key."""


class MissingDependencyError(CoreadError):
    """An optional package or program that the request needs and that is not installed."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the near names, or all of them."""
    names = list(known)
    folded = {other.casefold(): other for other in names}
    near = [folded[n] for n in difflib.get_close_matches(name.casefold(), list(folded), n=3, cutoff=0.6)]
    return f"; did you mean {' or '.join(near)}?" if near else f"; known: {', '.join(names) or 'none'}"


def not_written(path: str | Path, error: BaseException) -> InputError:
    """What to raise where a file cannot be written: names the target, not the hidden name it is written under, and the system's cause."""
    target = Path(*(re.sub(r"^\.(.+)\.part$", r"\1", part) for part in Path(path).parts))
    cause: BaseException | None = error
    while cause is not None and not getattr(cause, "strerror", None):  # a library's own OSError has none; the system's stands behind it
        cause = cause.__cause__ or cause.__context__
    return InputError(f"{target}: cannot be written: {cause.strerror if isinstance(cause, OSError) else error}")


def brief_text(value: object, characters: int = 40) -> str:
    """A value as it stands in a message: in quotes, on one line, without what a terminal cannot print, and cut where it is long."""
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return text if len(text) <= characters else f"{text[: characters - 3]}..."
