"""Ctrl-C is never lost: libraries may swallow the exception that Python raises for it, so that it is also kept in mind."""

from __future__ import annotations

import signal
import threading

_asked = threading.Event()


def listen() -> None:
    """From now on Ctrl-C raises KeyboardInterrupt, as ever, and is remembered. A parent's wish to ignore it is left alone."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupted)


def asked() -> bool:
    """Whether Ctrl-C was pressed."""
    return _asked.is_set()


def stop_if_asked() -> None:
    """Between two steps of long work.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed, and whoever was at work then went on all the same.
    """
    if asked():
        raise KeyboardInterrupt


def _interrupted(number: int, frame: object) -> None:
    _asked.set()
    raise KeyboardInterrupt
