"""How commands that take long show how far they are."""

from __future__ import annotations

from pathlib import Path


class Progress:
    """A progress bar on standard error where that is a terminal and there is more than one exam; else nothing."""

    def __init__(self, count: int, silent: bool) -> None:
        import sys

        self.bar = None
        if count > 1 and not silent and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self.bar = Progress(*columns, console=Console(stderr=True), redirect_stdout=True, redirect_stderr=True)
            self.task = self.bar.add_task("reading", total=count)

    def __enter__(self) -> Progress:
        if self.bar:
            self.bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self.bar:
            self.bar.stop()

    def __call__(self, name: str) -> None:
        """One more is done: the exam of this name."""
        if self.bar:
            self.bar.update(self.task, advance=1, description=Path(name).name)
