"""``coread calibrate``: a model's card made anew for one hospital."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from coread.cli.progress import Progress
from coread.cli.say import estimate_text, say, say_json, say_table


def calibrate(
    model: Annotated[str, typer.Argument(help="A model of `coread list models`, or the path of a card.")],
    cohort: Annotated[Path, typer.Argument(help="Folder with cohort.csv and readings.csv (the reference).")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the new card, its figures and the readings.")],
    readings: Annotated[
        Path | None, typer.Option("--readings", help="Readings already made: a table, or the output folder of `coread read`.")
    ] = None,
    by: Annotated[str, typer.Option("--by", help="Intervals of totals for each group by itself: sex or scanner.")] = "",
    reference: Annotated[str | None, typer.Option("--reference", help="Whose readings are the reference, where there are several.")] = None,
    split: Annotated[str | None, typer.Option("--split", help="Part of a split cohort; 'calibration' where nothing is said.")] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the hospital in the card's id; else that of the output folder.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed by which patients are dealt into folds.", min=0)] = None,
    simulated: Annotated[bool, typer.Option("--simulated", help="The exams are simulated; the card's figures will say so.")] = False,
    jobs: Annotated[int, typer.Option(help="Exams read at the same time.", min=1)] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Calibrate a model's probabilities and intervals to a hospital's own patients, into a new card for `coread read --model`."""
    from coread.calibration import SEED, Wanted
    from coread.report.calibration_card import carried
    from coread.run_calibrate import Order, calibrate_model

    words = ["coread", "calibrate", model, str(cohort), "-o", str(output)]
    for option, value in (("--readings", readings), ("--by", by), ("--reference", reference), ("--split", split), ("--name", name)):
        words += [option, str(value)] if value else []
    words += ["--seed", str(seed)] if seed is not None else []
    words += ["--simulated"] if simulated else []
    order = Order(
        model=model,
        cohort=cohort,
        out=output,
        readings=readings,
        split=split,
        name=name,
        simulated=simulated,
        command=shlex.join(words),
        wanted=Wanted(by, reference, SEED if seed is None else seed),  # type: ignore[arg-type]
    )
    with ExitStack() as stack:
        bars: list[Progress] = []

        def step(study: str, count: int) -> None:
            if not bars:
                bars.append(stack.enter_context(Progress(count, silent=as_json)))
            bars[0](study)

        done, written = calibrate_model(order, jobs, step)
    if as_json:
        say_json({"card": str(written[0]), "patients": done.calibration.patients, "written": [str(path) for path in written]})
        return
    after = {(m.measure, m.of): m for m in done.after.measures}
    rows = [
        (m.measure, m.of, str(m.patients), estimate_text(m.value), estimate_text(after[m.measure, m.of].value))
        for m in carried(done.before)
        if (m.measure, m.of) in after
    ]
    say_table([("MEASURE", "OF", "PATIENTS", "BEFORE", "AFTER, PATIENTS LEFT OUT IN TURN"), *rows])
    for note in done.notes:
        say(f"note: {note}")
    for path in written:
        say(str(path))
