"""``coread train``: a recipe and a cohort into a reader."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import Annotated

import typer

from coread.cli.say import a_path, say, say_json, say_table
from coread.errors import MissingDependencyError


def train(
    recipe: Annotated[str, typer.Argument(help="A recipe of `coread list recipes`, or the path of a recipe or plan (.toml).")],
    cohort: Annotated[Path, typer.Option("--cohort", help="Folder with cohort.csv and readings.csv.", parser=a_path)],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the run; one that was begun goes on.", parser=a_path)],
    plan: Annotated[Path | None, typer.Option("--plan", help="A plan to follow in place of the recipe's.", parser=a_path)] = None,
    plan_only: Annotated[bool, typer.Option("--plan-only", help="Look at the cohort, write the plan and stop.")] = False,
    folds: Annotated[int, typer.Option(help="Folds of patients that the figures and the calibration come from.", min=0, max=50)] = 0,
    leave_out: Annotated[str, typer.Option("--leave-out", help="A column of cohort.csv, such as centre: each value is a fold.")] = "",
    init: Annotated[
        Path | None, typer.Option("--init", help="Weights to start from: of `coread pretrain` or another training.", parser=a_path)
    ] = None,
    simulated: Annotated[bool, typer.Option("--simulated", help="The images are simulated; the card's figures will say so.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train a reader: look at the cohort, plan, learn, calibrate on held-out patients, and write model, card and report."""
    try:
        from coread.train.image_reader import train_reader
        from coread.train.order import Order, Reporter
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in ("torch", "onnx", "safetensors"):
            raise MissingDependencyError(f"training needs {error.name}: pip install 'coread[train]'") from None
        raise
    from coread.report.training_page import write_training_page

    words = ["coread", "train", str(plan or recipe), "--cohort", str(cohort), "-o", str(output)]
    words += ["--folds", str(folds)] if folds else []
    words += ["--leave-out", leave_out] if leave_out else []
    words += ["--init", str(init)] if init else []
    words += ["--simulated"] if simulated else []
    order = Order(str(plan or recipe), cohort, output, plan_only, simulated, shlex.join(words), folds, leave_out, init)
    with Bar(as_json) as bar:
        outcome = train_reader(order, Reporter(bar.stage, bar.tick, (lambda _line: None) if as_json else bar.say))
    written = [*outcome.written]
    if not plan_only and written:
        written.append(write_training_page(output))
    if as_json:
        figures = {figure.name: figure.value for figure in outcome.figures}
        say_json({"written": [str(path) for path in written], "figures": figures, "notes": list(outcome.notes)})
        return
    for note in outcome.notes:
        say(f"note: {note}")
    if outcome.figures:
        rows = [(f.name, str(f.n), _said(f.value, f.low, f.high, f.why)) for f in outcome.figures]
        say_table([("ON HELD-OUT PATIENTS", "N", "VALUE (95% INTERVAL)"), *rows])
    for path in written:
        say(str(path))


def _said(value: float | None, low: float | None, high: float | None, why: str) -> str:
    if value is None:
        return f"none: {why}"
    return f"{value:.3g}" + (f" ({low:.3g} to {high:.3g})" if low is not None and high is not None else "")


class Bar:
    """How far a training is, with the time left: a bar on a terminal, else a line now and then."""

    def __init__(self, silent: bool) -> None:
        import sys

        self.bar = None
        self.start = time.monotonic()
        self.first = self.done = self.count = 0
        if not silent and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self.bar = Progress(*columns, console=Console(stderr=True), redirect_stdout=True, redirect_stderr=True)
            self.task = self.bar.add_task("train", total=None)

    def __enter__(self) -> Bar:
        if self.bar:
            self.bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self.bar:
            self.bar.stop()

    def stage(self, name: str, count: int) -> None:
        """What begins now, and its steps."""
        self.start, self.first, self.done, self.count = time.monotonic(), 0, 0, count
        if self.bar:
            self.bar.reset(self.task, total=count, description=name)

    def tick(self, done: int) -> None:
        """Steps done; the first call of a training that goes on tells where it was stopped."""
        if not self.first:
            self.first, self.start = done, time.monotonic()
        self.done = done
        if self.bar:
            self.bar.update(self.task, completed=done)

    def say(self, line: str) -> None:
        """A line, with the time left where there is no bar."""
        worked = self.done - self.first
        if self.bar or worked < 1:
            say(line, err=True)
            return
        left = (time.monotonic() - self.start) / worked * (self.count - self.done)
        say(f"{line}, {self.done} of {self.count}, {_time(left)} left at most", err=True)


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
