"""Agreement as tables and as one JSON document; every number that is missing has its reason beside it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

from coread.agreement_comparison import Agreement, Comparison
from coread.agreement_grades import Driver
from coread.stats.estimate import Estimate

SCHEMA = "coread.agreement/1"
ESTIMATE = ("estimate", "low", "high", "level", "n", "method", "reason")
COMPARED = ("system", "comparison", "readers")
TABLES: Mapping[str, tuple[str, ...]] = {
    "totals.csv": (*COMPARED, "total", "scored", "measure", *ESTIMATE, "left_out"),
    "grades.csv": (*COMPARED, "over", "name", "feature", "measure", *ESTIMATE, "boxes"),
    "sites.csv": (*COMPARED, "site", "side", "feature", "points", "pairs_of_grades", "mean_difference", *ESTIMATE),
}
"""File -> its columns: one row an estimate in the first two, one row a box of the score sheet in the third."""

Row = dict[str, Any]


def tables(found: Agreement) -> dict[str, str]:
    """The text of each file of `TABLES`, comma separated with a header."""
    rows: dict[str, list[Row]] = {name: [] for name in TABLES}
    for under in found.systems:
        for comparison in under.comparisons:
            compared = {"system": under.system, "comparison": comparison.kind, "readers": "; ".join(comparison.readers)}
            for name, made in _rows(comparison):
                rows[name].append(compared | made)
    return {name: _text(TABLES[name], made) for name, made in rows.items()}


def document(found: Agreement) -> dict[str, Any]:
    """Everything that was found as plain values for JSON."""
    return {
        "schema": SCHEMA,
        "level": found.plan.level,
        "resamples": found.plan.resamples,
        "seed": found.plan.seed,
        "systems": [
            {
                "system": under.system,
                "readers": list(under.readers),
                "exams": under.exams,
                "patients": under.patients,
                "notes": list(under.notes),
                "comparisons": [_comparison(comparison) for comparison in under.comparisons],
            }
            for under in found.systems
        ],
    }


def estimate_row(made: Estimate) -> Row:
    """An estimate as plain values; ``reason`` is empty where nothing is missing."""
    bounds = {name: value if value is not None and isfinite(value) else None for name, value in (("low", made.low), ("high", made.high))}
    reason = made.undefined or ("the interval has no bound there" if None in bounds.values() else "")
    return {"estimate": made.estimate, **bounds, "level": made.level, "n": made.n, "method": made.method, "reason": reason}


def _comparison(made: Comparison) -> Row:
    return {
        "kind": made.kind,
        "readers": list(made.readers),
        "exams": made.exams,
        "patients": made.patients,
        "notes": list(made.notes),
        "totals": [
            {
                "total": total.total,
                "scored": total.what,
                "left_out": total.left_out,
                "estimates": {key: estimate_row(each) for key, each in total.estimates.items()},
            }
            for total in made.totals
        ],
        "grades": [
            {
                "over": grades.level,
                "name": grades.name,
                "feature": grades.feature,
                "boxes": grades.n,
                "estimates": {key: estimate_row(each) for key, each in grades.estimates.items()},
            }
            for grades in made.grades
        ],
        "sites": [_driver(driver) for driver in made.drivers],
    }


def _rows(made: Comparison) -> Iterator[tuple[str, Row]]:
    for total in made.totals:
        for key, each in total.estimates.items():
            named = {"total": total.total, "scored": total.what, "measure": key, "left_out": total.left_out}
            yield "totals.csv", named | estimate_row(each)
    for grades in made.grades:
        for key, each in grades.estimates.items():
            named = {"over": grades.level, "name": grades.name, "feature": grades.feature, "measure": key, "boxes": grades.n}
            yield "grades.csv", named | estimate_row(each)
    for driver in made.drivers:
        yield "sites.csv", _driver(driver)


def _driver(driver: Driver) -> Row:
    return {
        "site": driver.item.site,
        "side": driver.item.side,
        "feature": driver.item.feature,
        "points": driver.points,
        "pairs_of_grades": driver.n,
        "mean_difference": driver.mean_difference,
    } | estimate_row(driver.share)


def _text(columns: Sequence[str], rows: Sequence[Row]) -> str:
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
