"""Work shared between this process and helpers, which start while it goes on."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, ProcessPoolExecutor
from importlib import import_module
from multiprocessing import connection, get_context, parent_process
from typing import Generic, TypeVar

TERMINATED = 143
Task = TypeVar("Task")
Result = TypeVar("Result")


class Helpers:
    """Processes that start at once and wait for work; made early, they are ready when this process is.

    Args:
        count: how many, 1 or more.
        ready: the module that each imports at its start, with all that the work will need.
    """

    def __init__(self, count: int, ready: str) -> None:
        self.count = count
        self.pool = ProcessPoolExecutor(count, get_context("spawn"), _start, (ready,))
        with _deaf_to_interrupts():
            for _ in range(count):
                self.pool.submit(os.getpid)

    def stop(self) -> None:
        """End them once what they have begun is finished."""
        self.pool.shutdown(cancel_futures=True)


class _Board(Generic[Task, Result]):
    """Tasks that wait and results that are there, shared by threads."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self.waiting = deque(enumerate(tasks))
        self.done: dict[int, Result] = {}
        self.failed: list[BaseException] = []
        self.changed = threading.Condition()

    def take(self) -> tuple[int, Task] | None:
        with self.changed:
            return self.waiting.popleft() if self.waiting else None

    def give_back(self, number: int, task: Task) -> None:
        with self.changed:
            self.waiting.appendleft((number, task))
            self.changed.notify()

    def put(self, number: int, result: Result) -> None:
        with self.changed:
            self.done[number] = result
            self.changed.notify()

    def fail(self, error: BaseException) -> None:
        with self.changed:
            self.failed.append(error)
            self.changed.notify()

    def ready(self, number: int) -> bool:
        """Whether this result is there; raises what a helper raised.

        Raises:
            BaseException: as the helper raised it.
        """
        if self.failed:
            raise self.failed[0]
        return number in self.done


def shared(here: Callable[[Task], Result], there: Callable[[Task], Result], tasks: Sequence[Task], helpers: Helpers) -> Iterator[Result]:
    """The results of all tasks, in their order, worked off by this process and by helpers, which are stopped in the end.

    Each takes the next task when it is free. When the caller stops early, what a helper has begun is finished and nothing more begun;
    when this process is killed, the helpers end at once; when a helper is killed, its task is done here.

    Args:
        here: does a task in this process.
        there: does a task in a helper; it and the tasks can be sent there (pickled).
        tasks: what is to be done.
        helpers: the processes beside this one.
    """
    board: _Board[Task, Result] = _Board(tasks)

    def hand_over() -> None:
        while job := board.take():
            try:
                board.put(job[0], helpers.pool.submit(_unless_terminated, there, job[1]).result())
            except (BrokenExecutor, CancelledError, RuntimeError):
                board.give_back(*job)
                return
            except Exception as error:
                board.fail(error)
                return

    threads = [threading.Thread(target=hand_over, daemon=True) for _ in range(helpers.count)]
    try:
        own = board.take()
        for thread in threads:
            thread.start()
        number = 0
        while number < len(tasks):
            if own is not None:
                board.put(own[0], here(own[1]))
            while number < len(tasks) and board.ready(number):
                yield board.done.pop(number)
                number += 1
            own = board.take()
            if own is None and number < len(tasks):
                with board.changed:
                    board.changed.wait_for(lambda: board.waiting or board.ready(number))  # noqa: B023 - called before it changes
                own = board.take()
    finally:
        board.waiting.clear()
        helpers.stop()


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Processes that start inside ignore Ctrl-C from their first moment: the terminal sends it to all, and only the first shall act."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _start(ready: str) -> None:
    """In a helper: ignore Ctrl-C, clear up at SIGTERM, and end with the process that it helps, which cannot say so when it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(TERMINATED))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import_module(ready)


def _unless_terminated(there: Callable[[Task], Result], task: Task) -> Result:
    """In a helper: the task done; asked to end meanwhile, the helper ends once the task has cleared up behind itself."""
    try:
        return there(task)
    except SystemExit:
        os._exit(TERMINATED)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
