import os
import signal
import time
from pathlib import Path

import pytest

from coread.run_pool import Helpers, shared


def slow(number: int) -> tuple[int, int]:
    time.sleep(0.02)
    return number, os.getpid()


def fails(number: int) -> tuple[int, int]:
    raise ValueError(f"task {number}")


def dies(number: int) -> tuple[int, int]:
    os.kill(os.getpid(), signal.SIGKILL)
    return slow(number)


def waits_until_it_is_there(number: int) -> tuple[int, int]:
    """In this process: the first task ends once a helper has begun, however slowly that starts."""
    time.sleep(1.0 if number == 0 else 0.02)
    return number, os.getpid()


def test_results_come_in_order_from_here_and_there() -> None:
    results = list(shared(waits_until_it_is_there, slow, range(30), Helpers(1, "json")))
    assert [number for number, _ in results] == list(range(30))
    pids = {pid for _, pid in results}
    assert os.getpid() in pids
    assert len(pids) == 2


def test_what_a_helper_raises_is_raised_here() -> None:
    with pytest.raises(ValueError, match="task 1"):
        list(shared(waits_until_it_is_there, fails, range(3), Helpers(1, "json")))


def test_a_helper_that_is_killed_costs_no_result() -> None:
    results = list(shared(waits_until_it_is_there, dies, range(6), Helpers(1, "json")))
    assert [number for number, _ in results] == list(range(6))


def test_stopping_early_begins_nothing_more(tmp_path: Path) -> None:
    results = shared(slow, slow, range(10_000), Helpers(1, "json"))
    assert next(results)[0] == 0
    start = time.monotonic()
    results.close()
    assert time.monotonic() - start < 10
