"""Silence for the codecs written in C, which complain on the terminal about damaged data instead of to their caller."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

STDERR_LOCK = threading.RLock()


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Keeps what the codecs write to the C library's stderr off the terminal while one image is decoded."""
    with STDERR_LOCK:
        try:
            kept = os.dup(2)
        except OSError:  # there is no stderr
            yield
            return
        try:
            with Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
