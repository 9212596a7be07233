"""A change between visits as a table in long form: one row for each score and each pair of visits, for statistics programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from coread.change import Change, SiteChange, Step, TotalChange

COLUMNS = (
    "patient", "system", "score", "site", "side", "feature", "from", "to", "from_day", "to_day", "before", "after", "difference",
    "direction", "call", "sdc", "sdc_source", "left_out", "reason",
)  # fmt: skip


def change_table(change: Change) -> str:
    """Comma separated text: totals first, then sites; each visit to the next, and for a series first to last behind them.

    ``score`` is ``total.NAME`` or ``site.FEATURE``; visits are numbered from 1; an empty difference has its ``reason``.
    """
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_rows(change))
    return buffer.getvalue()


def _rows(change: Change) -> Iterator[dict[str, str]]:
    for total in change.totals:
        values = tuple(one.value if one else None for one in total.totals)
        for step in _steps(total):
            yield _row(change, step, values) | {"score": f"total.{total.name}"}
    for site in change.sites:
        where = {"score": f"site.{site.feature}", "site": site.site, "side": site.side or "", "feature": site.feature}
        for step in _steps(site):
            yield _row(change, step, site.grades) | where


def _steps(of: TotalChange | SiteChange) -> tuple[Step, ...]:
    return of.steps if len(of.steps) == 1 else (*of.steps, of.whole)


def _row(change: Change, step: Step, values: tuple[float | None, ...]) -> dict[str, str]:
    start, end = change.visits[step.start], change.visits[step.end]
    return {
        "patient": change.patient or "",
        "system": change.system,
        "from": str(step.start + 1),
        "to": str(step.end + 1),
        "from_day": _number(start.study.timepoint_days),
        "to_day": _number(end.study.timepoint_days),
        "before": _number(values[step.start]),
        "after": _number(values[step.end]),
        "difference": _number(step.difference),
        "direction": step.direction or "",
        "call": step.call,
        "sdc": _number(step.error.value) if step.error else "",
        "sdc_source": step.error.source if step.error else "",
        "left_out": str(step.left_out),
        "reason": step.reason or "",
    }


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.12g}"
