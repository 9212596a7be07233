"""Silence for what complains on the terminal about damaged data instead of to its caller: pydicom, nibabel, codecs in C."""

from __future__ import annotations

import contextlib
import os
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

STDERR_LOCK = threading.RLock()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps the remarks of pydicom and its codecs off stderr; what matters of them is checked by Coread itself."""
    with contextlib.suppress(ImportError):
        import gdcm  # type: ignore[import-untyped]

        gdcm.Trace.WarningOff()
        gdcm.Trace.ErrorOff()
        gdcm.Trace.DebugOff()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


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
