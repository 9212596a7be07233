"""A validation as tables and as JSON; a missing number leaves an empty cell and its reason beside it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

from coread.stats.estimate import Estimate
from coread.validation import Validation
from coread.validation_groups import Gap, Group
from coread.validation_measures import Measured

SCHEMA = "coread.validation/1"
Record = Mapping[str, Any]


def tables(validation: Validation) -> dict[str, str]:
    """File name -> CSV text: measures, gaps, reliability, reasons."""
    return {
        "measures.csv": measures_text(validation.groups),
        "gaps.csv": table_text([_gap(gap) for gap in validation.gaps], GAP_COLUMNS),
        "reliability.csv": table_text(list(_reliability(validation)), ("of", "bin_low", "bin_high", "predicted", "observed", *ESTIMATE)),
        "reasons.csv": table_text(
            [{"what": r.what, "reason": r.reason, "count": r.count} for r in validation.reasons], ("what", "reason", "count")
        ),
    }


def measures_text(groups: Sequence[Group]) -> str:
    """Every figure of every group as CSV text."""
    return table_text([_measure(group, measured) for group in groups for measured in group.measures])


def document(validation: Validation, run: Record) -> str:
    """The whole validation as one JSON document; ``run`` holds what a record of the run adds, such as versions and the command."""
    content = {
        "schema": SCHEMA,
        "model": {"id": validation.model, "version": validation.version},
        "system": validation.system,
        "reference": validation.reference,
        "patients": validation.patients,
        "studies": validation.studies,
        "run": run,
        "notes": list(validation.notes),
        "groups": [
            {
                "column": group.column,
                "value": group.value,
                "patients": group.patients,
                "studies": group.studies,
                "small": group.small,
                "measures": [_plain(_figure(m)) for m in group.measures],
            }
            for group in validation.groups
        ],
        "gaps": [_gap(gap) for gap in validation.gaps],
        "reliability": list(_reliability(validation)),
        "reasons": [{"what": r.what, "reason": r.reason, "count": r.count} for r in validation.reasons],
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def table_text(rows: Sequence[Record], columns: Sequence[str] = ()) -> str:
    """Rows as CSV text with a header; ``columns`` gives it where there may be no row."""
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, columns or list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: "" if value is None else value for key, value in row.items()} for row in rows)
    return buffer.getvalue()


ESTIMATE = ("low", "high", "level", "n", "method", "missing_because")
GAP_COLUMNS = (
    "column", "group", "measure", "of", "difference", "p", "p_adjusted_holm", "p_among_patients_of_like_damage",
    "patients_in_group", "patients_outside", "not_tested_because",
)  # fmt: skip


def _measure(group: Group, measured: Measured) -> Record:
    return {"column": group.column, "group": group.value} | _figure(measured) | {"small_group": "yes" if group.small else ""}


def _figure(measured: Measured) -> dict[str, Any]:
    value = measured.value
    return {
        "part": measured.part,
        "measure": measured.measure,
        "of": measured.of,
        "estimate": value.estimate,
        "low": value.low,
        "high": value.high,
        "level": value.level,
        "patients": measured.patients,
        "cases": measured.cases,
        "method": value.method,
        "missing_because": value.undefined,
    }


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    """Bounds that are infinite as words, since JSON has no number for them."""
    return {k: ("infinite" if v > 0 else "-infinite") if isinstance(v, float) and not isfinite(v) else v for k, v in record.items()}


def _gap(gap: Gap) -> Record:
    cells = (gap.column, gap.value, gap.measure, gap.of, gap.difference, gap.p, gap.p_adjusted, gap.p_alike, *gap.patients, gap.undefined)
    return dict(zip(GAP_COLUMNS, cells, strict=True))


def _reliability(validation: Validation) -> Iterator[Record]:
    for row in validation.reliability:
        observed: Estimate = row.bin.observed
        bounds = (observed.low, observed.high, observed.level, observed.n, observed.method, observed.undefined)
        yield {
            "of": row.of,
            "bin_low": row.bin.low,
            "bin_high": row.bin.high,
            "predicted": row.bin.predicted,
            "observed": observed.estimate,
        } | dict(zip(ESTIMATE, bounds, strict=True))
