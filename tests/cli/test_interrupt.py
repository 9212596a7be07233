"""Ctrl-C that a library swallows, as Python itself does in a destructor, still ends the run at the next step."""

import signal
import subprocess
import sys

import pytest

SWALLOWS = """
import os, signal
from coread.cli import interrupt
interrupt.listen()
class Careless:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(100):
            pass
Careless()
print("still running", flush=True)
interrupt.stop_if_asked()
print("never printed", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
def test_an_interrupt_that_was_swallowed_stops_the_next_step() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SWALLOWS],
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert done.stdout == "still running\n"
    assert done.stderr.rstrip().endswith("KeyboardInterrupt")


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
def test_a_run_that_was_told_to_ignore_it_goes_on() -> None:
    """As shells start what stands behind an ampersand."""
    done = subprocess.run(
        [sys.executable, "-c", SWALLOWS.replace("never printed", "went on")],
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "still running\nwent on\n"
