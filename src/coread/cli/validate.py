"""``coread validate``: a model against the reference readings of a cohort."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from coread.cli.progress import Progress
from coread.cli.say import estimate_text, say_json, say_table


def validate(
    model: Annotated[str, typer.Argument(help="A model of `coread list models`, the path of a card, or with --readings any reader's id.")],
    cohort: Annotated[Path, typer.Argument(help="Folder with cohort.csv and readings.csv (the reference).")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for readings, tables and page.")],
    readings: Annotated[
        Path | None, typer.Option("--readings", help="Readings already made: a table, or the output folder of `coread read`.")
    ] = None,
    by: Annotated[list[str] | None, typer.Option("--by", help="A column of cohort.csv to group by; may be given several times.")] = None,
    reference: Annotated[str | None, typer.Option("--reference", help="Whose readings are the reference, where there are several.")] = None,
    split: Annotated[str | None, typer.Option("--split", help="Part of a split cohort; 'test' where nothing is said.")] = None,
    report_card: Annotated[bool, typer.Option("--report-card", help="Write figures.toml, the measured part of the model's card.")] = False,
    simulated: Annotated[bool, typer.Option("--simulated", help="The exams are simulated; the card's figures will say so.")] = False,
    jobs: Annotated[int, typer.Option(help="Exams read at the same time.", min=1)] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare a model with the reference: agreement, discrimination, calibration, coverage and refusals, by group."""
    from coread.run_validation import Order, validate_model
    from coread.validation import Asked
    from coread.validation_groups import FOUND

    words = ["coread", "validate", model, str(cohort), "-o", str(output)]
    words += ["--readings", str(readings)] if readings else []
    words += [word for column in by or () for word in ("--by", column)]
    words += ["--reference", reference] if reference else []
    words += ["--split", split] if split else []
    words += ["--simulated"] if simulated else []
    order = Order(
        model=model,
        cohort=cohort,
        out=output,
        readings=readings,
        split=split,
        simulated=simulated,
        report_card=report_card,
        command=shlex.join(words),
        asked=Asked(tuple(by or ()), reference),
    )
    with ExitStack() as stack:
        bars: list[Progress] = []

        def step(name: str, count: int) -> None:
            if not bars:
                bars.append(stack.enter_context(Progress(count, silent=as_json)))
            bars[0](name)

        validation, written = validate_model(order, jobs, step)
    if as_json:
        say_json({"model": validation.model, "patients": validation.patients, "written": [str(path) for path in written]})
        return
    level = validation.everything.measures[0].value.level
    rows = [(m.measure, m.of, str(m.patients), estimate_text(m.value)) for m in validation.everything.measures]
    say_table([("MEASURE", "OF", "PATIENTS", f"VALUE ({level:.0%} INTERVAL)"), *rows])
    found = [gap for gap in validation.gaps if gap.p_adjusted is not None and gap.p_adjusted < FOUND]
    for gap in found:
        alike = "" if gap.p_alike is None else f"; {gap.p_alike:.2g} among patients of like damage"
        said = f"{gap.measure} differs by {gap.difference:.3g} from the others (p {gap.p_adjusted:.2g}, Holm{alike})"
        typer.echo(f"gap: {gap.column} {gap.value}: {said}")
    tested = sum(gap.p is not None for gap in validation.gaps)
    typer.echo(f"{tested} gaps between groups tested, {len(found)} found")
    for note in validation.notes:
        typer.echo(f"note: {note}")
    for path in written:
        typer.echo(str(path))
