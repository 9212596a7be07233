"""``coread compare``: the change between readings of one patient."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coread.cli.say import say_json
from coread.errors import InputError

if TYPE_CHECKING:
    from coread.change import Change, TotalChange
    from coread.reading import Reading

CALLS = {
    "new": "new",
    "worse": "worse",
    "better": "better",
    "within_error": "within measurement error",
    "error_unknown": "changed, measurement error not known",
    "unchanged": "unchanged",
    "untold": "cannot be told",
}


def compare(
    readings: Annotated[
        list[Path],
        typer.Argument(
            help="BASELINE FOLLOWUP [MORE...]: reading.json, score sheets (.csv, .xlsx) or SR (.dcm); a table may hold several."
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the outputs, or one file: .html, .json, .csv.")],
    sdc: Annotated[
        list[str] | None,
        typer.Option(help="Smallest detectable change of who read: TOTAL=POINTS or site.FEATURE=POINTS, or a table (.csv).", metavar="SDC"),
    ] = None,
    model: Annotated[str | None, typer.Option("-m", "--model", help="Card of the model that read, where it is not one of ours.")] = None,
    exam: Annotated[list[Path] | None, typer.Option("--exam", help="The exams that were read, where they lie elsewhere now.")] = None,
    patient: Annotated[str | None, typer.Option(help="Only the readings of this patient, out of tables with several.")] = None,
    reader: Annotated[str | None, typer.Option(help="Only the readings of this reader, out of tables with several.")] = None,
    mean: Annotated[bool, typer.Option("--mean", help="Several readers read each visit: compare the mean of their grades.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the change as JSON.")] = False,
) -> None:
    """Compare readings of one patient: site by site and in total what is new, worse, better, unchanged or within measurement error."""
    from coread.change_sdc import read_sdc
    from coread.formats.any_reading import open_any_readings
    from coread.run_compare import Comparison, exams_of, judged, with_dates, write_change

    found = _chosen([one for path in readings for one in open_any_readings(path)], patient, reader)
    if mean:
        from coread.change_panel import mean_of_readers

        found = list(mean_of_readers(found))
    made = judged(found, [one for text in sdc or () for one in read_sdc(text)], model)
    studies = exams_of(made.visits, exam or ()) if exam or output.suffix.lower() not in (".json", ".csv") else ()
    made = with_dates(made, studies)
    files = write_change(Comparison(made, studies, tuple(readings)), output)
    if as_json:
        from coread.change_json import change_object

        say_json(change_object(made) | {"files": [str(file) for file in files]})
        return
    say_change(made, output)


def _chosen(readings: list[Reading], patient: str | None, reader: str | None) -> list[Reading]:
    from coread.change_sdc import reader_name

    kept = [one for one in readings if patient is None or one.study.patient == patient]
    if patient is not None and not kept:
        raise InputError(
            f"--patient {patient}: no reading is of this patient; there are {_listed(one.study.patient or 'none' for one in readings)}"
        )
    chosen = [one for one in kept if reader is None or reader in (one.reader.id, reader_name(one.reader))]
    if reader is not None and not chosen:
        raise InputError(f"--reader {reader}: no reading is by this reader; there are {_listed(reader_name(one.reader) for one in kept)}")
    return chosen


def _listed(names: Iterable[str]) -> str:
    found = list(dict.fromkeys(names))
    return ", ".join(found[:6]) + (", …" if len(found) > 6 else "")


def say_change(made: Change, output: Path) -> None:
    """The change in a few lines."""
    typer.echo(f"{output}: {made.patient or 'a patient without id'}, {len(made.visits)} visits, {made.system}")
    for total in made.totals:
        typer.echo(f"  {total.name.replace('_', ' ')}: {_total(total)}")
    counts = [f"{count} {CALLS[call]}" for call, count in made.counts.items() if count]
    typer.echo(f"  sites: {', '.join(counts)}")
    for note in made.notes:
        typer.echo(f"  note: {note}")


def _total(total: TotalChange) -> str:
    values = " -> ".join("none" if one is None else f"{one.value:g}" for one in total.totals)
    whole = total.whole
    if whole.difference is None:
        return f"{values}, cannot be told: {whole.reason}"
    error = f" (smallest detectable change {whole.error.value:g})" if whole.error else ""
    lacking = f", {whole.left_out} site{'s' if whole.left_out > 1 else ''} left out" if whole.left_out else ""
    difference = f"{whole.difference:+g}" if whole.difference else "0"
    return f"{values}, {difference}: {CALLS[whole.call]}{error}{lacking}"
