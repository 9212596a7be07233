"""``coread agree``: who agrees with whom, and where they do not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coread.cli.say import say_json, say_table
from coread.errors import InputError

if TYPE_CHECKING:
    from coread.agreement_comparison import Comparison, SystemAgreement
    from coread.stats.estimate import Estimate

DRIVERS_SHOWN = 5


def agree(
    readings: Annotated[list[Path], typer.Argument(help="Score sheets (CSV, .xlsx), reading.json or SR files, together one comparison.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Folder for page, tables and JSON.")] = None,
    system: Annotated[str | None, typer.Option(help="Scoring system of a wide sheet that has no column system.")] = None,
    total: Annotated[str | None, typer.Option(help="The total in a sheet where every reader has a column of totals.")] = None,
    resamples: Annotated[int, typer.Option(help="How often patients are resampled for the intervals.", min=100)] = 2000,
    seed: Annotated[int, typer.Option(help="Seed of the resampling.", min=0)] = 20260101,
    level: Annotated[float, typer.Option(help="Level of the intervals, between 0 and 1.")] = 0.95,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Agreement of every pair of readers, of repeats by one reader, and of all: totals, grades, smallest detectable change, and by site."""
    from coread import run_agree
    from coread.agreement_tables import document
    from coread.stats.resampling import Plan

    if not 0 < level < 1:
        raise InputError(f"--level {level:g}: give a level between 0 and 1, such as 0.95")
    found = run_agree.agree(readings, Plan(resamples=resamples, seed=seed, level=level), system, total)
    written = run_agree.write_agreement(found, readings, output) if output else []
    if as_json:
        say_json(document(found))
        return
    for under in found.systems:
        _say_system(under)
    for path in written:
        typer.echo(str(path))


def _say_system(under: SystemAgreement) -> None:
    typer.echo(f"{under.system}: {len(under.readers)} readers, {under.exams} exams of {under.patients} patients")
    for note in under.notes:
        typer.echo(f"  note: {note}")
    for comparison in under.comparisons:
        typer.echo(f"\n{comparison.name} ({comparison.kind}): {comparison.exams} exams of {comparison.patients} patients")
        for note in comparison.notes:
            typer.echo(f"  note: {note}")
        _say_comparison(comparison)
    typer.echo()


def _say_comparison(comparison: Comparison) -> None:
    rows: list[tuple[str, ...]] = [("TOTAL", "SCORED", "N", "ICC(2,1)", "ICC(3,1)", "SDD OR SDC, ONE READER", "MEAN OF THE READERS")]
    reasons: dict[str, None] = {}
    for total in comparison.totals:
        errors = ("sdd_95", "sdd_95_mean") if total.what == "status" else ("sdc_95", "sdc_95_mean")
        shown = [total.estimates[key] for key in ("icc_2_1", "icc_3_1", *errors)]
        reasons |= {f"{total.total}, {total.what}: {each.undefined}": None for each in shown if each.undefined}
        rows.append((total.total, total.what, str(len(total.scores)), *(spoken(each) for each in shown)))
    say_table(rows)
    rows = [("FEATURE", "BOXES", "KAPPA, QUADRATIC", "KAPPA, LINEAR", "EXACT", "WITHIN ONE POINT")]
    for grades in comparison.grades:
        if grades.level == "feature":
            reasons |= {f"{grades.feature}: {each.undefined}": None for each in grades.estimates.values() if each.undefined}
            rows.append((grades.feature, str(grades.n), *(spoken(each) for each in grades.estimates.values())))
    if len(rows) > 1:
        say_table(rows)
    worst = [driver for driver in comparison.drivers if driver.points > 0][:DRIVERS_SHOWN]
    if worst:
        say_table([("MOST DISAGREEMENT AT", "SHARE"), *((d.item.label, spoken(d.share)) for d in worst)])
    for reason in reasons:
        typer.echo(f"  {reason}")


def spoken(made: Estimate) -> str:
    """``0.93 (0.90-0.95)``; a dash where there is no number, whose reason is told below the table."""
    if made.estimate is None:
        return "-"
    bounds = f" ({made.low:.2f} to {made.high:.2f})" if made.low is not None and made.high is not None else ""
    return f"{made.estimate:.2f}{bounds}"
