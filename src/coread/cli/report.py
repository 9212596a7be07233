"""``coread report``: readings that were made elsewhere, or corrected by a person, as a page, PDF, SR, table or JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coread.cli.read import summary
from coread.errors import InputError


def report(
    reading: Annotated[Path, typer.Argument(help="reading.json, a score sheet (CSV) or an SR (.dcm).")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write: .html, .pdf, .dcm, .csv or .json.")],
    exam: Annotated[Path | None, typer.Option("--exam", help="The exam that was read, for its pixels; an SR needs it.")] = None,
    number: Annotated[int | None, typer.Option("--number", help="Which reading of a table with several, from 1.")] = None,
) -> None:
    """Write a reading again in another format: a person's score sheet as a page or SR, a reading.json as a PDF."""
    from coread.formats.any_reading import open_any_readings
    from coread.output import save, with_images
    from coread.scoring import system

    readings = open_any_readings(reading)
    if number is None and len(readings) > 1:
        known = "; ".join(
            f"{i + 1} = {r.study.source}, {r.reader.id}, {r.system}{f', read {r.read}' if r.read > 1 else ''}"
            for i, r in enumerate(readings[:6])
        )
        raise InputError(
            f"{reading}: holds {len(readings)} readings; choose one with --number ({known}{'; …' if len(readings) > 6 else ''})"
        )
    if number is not None and not 1 <= number <= len(readings):
        raise InputError(f"--number {number}: {reading} holds readings 1 to {len(readings)}")
    chosen = readings[(number or 1) - 1]
    study = None
    if exam is not None:
        from coread.formats.open import open_study

        study = open_study(exam)
        chosen = with_images(chosen, study)
    saved = save(chosen, output, study, [path for path in (reading, exam) if path is not None])
    boxes = system(chosen.system).items
    empty = len(boxes) - len({item.key for item in boxes} & {(f.site, f.side, f.feature) for f in chosen.findings})
    left = f", {empty} of {len(boxes)} rows empty" if empty else ""
    typer.echo(f"{reading}: {summary(chosen)}{left} -> {saved}")
