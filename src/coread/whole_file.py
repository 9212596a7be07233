"""Files that are there as a whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coread.errors import not_written


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """A hidden path beside ``target`` to write to; it becomes ``target`` when the block ends well, and is gone otherwise.

    Raises:
        InputError: it cannot be written; the message names ``target``.
    """
    part = target.with_name(f".{target.name}.part")
    try:
        yield part
        part.replace(target)
    except OSError as error:
        raise not_written(target, error) from None
    finally:
        part.unlink(missing_ok=True)


def write_whole(target: Path, text: str) -> Path:
    """A text file in UTF-8 with the line ends of the text.

    Raises:
        InputError: it cannot be written; then what was there stays.
    """
    with whole_file(target) as part:
        part.write_text(text, encoding="utf-8", newline="")
    return target
