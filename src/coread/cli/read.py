"""``coread read``: exams to outputs."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from coread.cli.say import say_json
from coread.reading import Reading, Total

ALL_KINDS = "json,csv,sr,seg,page,pdf"
HEADLINES = ("hands_narrowing", "hand_left_narrowing", "hand_right_narrowing")


def read(
    exam: Annotated[list[Path], typer.Argument(help="DICOM or image files, or folders of them.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the outputs, one folder an exam.")],
    model: Annotated[str, typer.Option("-m", "--model", help="A model of `coread list models`, or the path of a card.")] = "hand_svdh",
    write: Annotated[str, typer.Option(help="Outputs to write, out of json,csv,sr,seg,page,pdf.")] = ALL_KINDS,
    again: Annotated[bool, typer.Option("--again", help="Read again what was already read.")] = False,
    jobs: Annotated[int, typer.Option(help="Exams read at the same time; 0: one a processor.", min=0)] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read exams and write page, DICOM SR, table and JSON for each. Goes on past a bad exam, and on where it was stopped."""
    from coread.run_pool import Helpers

    # Where the paths alone tell that there is work for several, the others start before this process loads what it needs itself.
    expected = min(jobs or _jobs(len(exam)), len(exam))
    early = Helpers(expected - 1, "coread.run_helper") if expected > 1 else None
    from coread.output import parse_kinds
    from coread.readers import reader
    from coread.run import exams_for, read_exams

    kinds = parse_kinds(write)
    exams = exams_for(exam, output)
    jobs = jobs or _jobs(len(exams))
    chosen = reader(model, threads=1 if early or jobs > 1 else None)
    outcomes = []
    with _progress(len(exams), silent=as_json) as step:
        for outcome in read_exams(exams, chosen, output, kinds, again, early or jobs):
            outcomes.append(outcome)
            step(outcome.exam)
            if as_json:
                continue
            if outcome.status == "read" and outcome.reading is not None:
                typer.echo(f"{outcome.exam}: {summary(outcome.reading)} -> {outcome.folder}")
            elif outcome.status == "kept":
                typer.echo(f"{outcome.exam}: already read -> {outcome.folder}")
            else:
                typer.echo(f"{outcome.exam}: refused: {_without_path(outcome.reason or '', outcome.exam)}", err=True)
    refused = sum(o.status == "refused" for o in outcomes)
    if as_json:
        say_json(
            [
                {"exam": o.exam, "folder": str(o.folder), "status": o.status, "reason": o.reason, "seconds": round(o.seconds, 3)}
                for o in outcomes
            ]
        )
    elif len(outcomes) > 1:
        done = sum(o.status == "read" for o in outcomes)
        typer.echo(f"{done} read, {len(outcomes) - done - refused} already there, {refused} refused -> {output}")
    if refused:
        raise typer.Exit(1)


def _jobs(exams: int) -> int:
    """How many exams are read at the same time: as many as there are processors, where each has three to read."""
    return min(os.cpu_count() or 1, exams // 3) or 1


def summary(reading: Reading) -> str:
    """The headline of a reading in one line."""
    totals = [(name, reading.totals[name]) for name in HEADLINES if name in reading.totals] or list(reading.totals.items())[:1]
    if not totals:
        asked = [f.unreadable for f in reading.findings if f.unreadable and not f.unreadable.startswith("not assessed")]
        reasons = ", ".join(f"{reason} ({n})" for reason, n in Counter(asked).most_common(3))
        return f"no total, too many sites unreadable: {reasons or 'none was assessed'}"
    return ", ".join(f"{name.replace('_', ' ')} {total_text(total)}" for name, total in totals)


def total_text(total: Total) -> str:
    """A total with its interval and maximum in words."""
    bounds = f" ({total.low:g}-{total.high:g}, {total.level:.0%})" if total.low is not None and total.level is not None else ""
    missing = f", {total.sites_unreadable} unreadable" if total.sites_unreadable else ""
    return f"{total.value:g}{bounds} of {total.maximum:g}{missing}"


def _without_path(reason: str, exam: str) -> str:
    return reason.removeprefix(f"{exam}: ")


class _progress:  # noqa: N801 - used as a word
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

    def __enter__(self) -> _progress:
        if self.bar:
            self.bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self.bar:
            self.bar.stop()

    def __call__(self, name: str) -> None:
        if self.bar:
            self.bar.update(self.task, advance=1, description=Path(name).name)
