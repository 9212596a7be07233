"""What a helper process does. Its imports are all that reading an exam needs: they are made while the first process makes its own."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import coread.formats.sr
import coread.readers.joints
import coread.report.page
import coread.report.pdf  # noqa: F401
from coread.readers import Reader, reader
from coread.run import Outcome, Task, read_task


@cache
def _reader(card: Path) -> Reader:
    return reader(card, threads=1)


def read_there(card: Path, task: Task) -> Outcome:
    """One exam read here with the reader of a card."""
    return read_task(_reader(card), task)
