"""``coread correct``: a reading corrected by a person's score sheet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coread.cli.say import say_json

if TYPE_CHECKING:
    from coread.reading import Before, Finding
    from coread.run_person import Revision


def correct(
    reading: Annotated[Path, typer.Argument(help="The reading to correct: reading.json or an SR (.dcm).")],
    sheet: Annotated[Path, typer.Argument(help="A copy of its readings.csv (or .xlsx) with the changed grades.")],
    reader: Annotated[str, typer.Option("--reader", help="Name of the person who corrects.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the outputs, or one file: .html, .pdf, .dcm, .csv, .json.")],
    exam: Annotated[Path | None, typer.Option("--exam", help="The exam that was read, where it lies elsewhere now.")] = None,
    write: Annotated[str | None, typer.Option(help="Outputs in the folder, out of json,csv,sr,seg,page,pdf.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Correct a reading: the changed rows of a copy of its score sheet make a new reading, with its own page and SR."""
    from coread.output import parse_kinds
    from coread.run_person import correct as corrected
    from coread.run_person import write_revision

    kinds = parse_kinds(write) if write is not None else None
    revision = corrected(reading, sheet, reader, exam)
    files = write_revision(revision, output, kinds)
    if as_json:
        say_revision(revision, files)
        return
    changed = [finding for finding in revision.reading.findings if finding.was is not None]
    typer.echo(f"{output}: {len(changed)} finding{'s' if len(changed) > 1 else ''} corrected by {revision.reading.reader.id}")
    for finding in changed:
        typer.echo(f"  {finding.label}: {_before(finding.was)} -> {_before(finding)}")
    for name in dict.fromkeys((*revision.basis.totals, *revision.reading.totals)):
        old, new = (r.totals.get(name) for r in (revision.basis, revision.reading))
        if (old and old.value) != (new and new.value):
            said = " -> ".join("none" if total is None else f"{total.value:g}" for total in (old, new))
            typer.echo(f"  total {name.replace('_', ' ')}: {said}")
    say_missing(revision, files)


def say_revision(revision: Revision, files: list[Path]) -> None:
    """The record of a revision and its files as JSON."""
    say_json({**revision.record, "reading": revision.reading.uid, "files": [str(file) for file in files]})


def say_missing(revision: Revision, files: list[Path]) -> None:
    """A line where there is no SR because the exam is not at hand."""
    if revision.study is None and len(files) > 1:
        typer.echo("  no SR and no pixels on the page: the exam does not lie where it was read; give it with --exam")


def _before(said: Finding | Before | None) -> str:
    if said is None or (said.grade is None and said.value is None and said.unreadable is None):
        return "no finding"
    if said.grade is not None:
        return f"{said.grade:g}"
    return f"{said.value:g} {said.unit}" if said.value is not None else f"unreadable, {said.unreadable}"
