"""Tables and document of agreement: read back, they are what was found, and nothing is missing without its reason."""

import csv
import io
import json
import math

import pytest

from coread.agreement_comparison import Agreement, agreement
from coread.agreement_tables import ESTIMATE, TABLES, document, estimate_row, tables
from coread.stats.estimate import Estimate, undefined
from coread.stats.resampling import Plan
from tests.score_sheets import left_foot, reading, simulated

PLAN = Plan(resamples=100, seed=3)


@pytest.fixture(scope="module")
def found() -> Agreement:
    return agreement(simulated(6, ("anna", "ben", 'cléo; "c"'), days=(0, 365), seed=2), plan=PLAN)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_every_estimate_has_its_row_and_comes_back_to_the_last_digit(found: Agreement) -> None:
    read = {name: rows(text) for name, text in tables(found).items()}
    assert {name: tuple(found[0]) for name, found in read.items()} == dict(TABLES)
    compared = [c for s in found.systems for c in s.comparisons]
    expected = {
        ("; ".join(c.readers), t.total, t.what, key): e.estimate for c in compared for t in c.totals for key, e in t.estimates.items()
    }
    told = {
        (r["readers"], r["total"], r["scored"], r["measure"]): float(r["estimate"]) if r["estimate"] else None for r in read["totals.csv"]
    }
    assert told == expected
    assert len(read["grades.csv"]) == sum(len(g.estimates) for c in compared for g in c.grades)
    sites = {(r["readers"], r["site"], r["side"], r["feature"]): float(r["points"]) for r in read["sites.csv"]}
    assert sites == {("; ".join(c.readers), d.item.site, d.item.side, d.item.feature): d.points for c in compared for d in c.drivers}


def test_the_document_is_json_and_says_the_same(found: Agreement) -> None:
    made = json.loads(json.dumps(document(found), allow_nan=False))
    assert (made["schema"], made["seed"], made["resamples"]) == ("coread.agreement/1", 3, 100)
    (under,) = made["systems"]
    assert (under["patients"], under["exams"]) == (6, 12)
    for told, comparison in zip(under["comparisons"], found.systems[0].comparisons, strict=True):
        assert told["readers"] == list(comparison.readers)
        for one, total in zip(told["totals"], comparison.totals, strict=True):
            assert {key: e["estimate"] for key, e in one["estimates"].items()} == {k: e.estimate for k, e in total.estimates.items()}
        assert [d["points"] for d in told["sites"]] == [d.points for d in comparison.drivers]


def test_nothing_is_missing_without_its_reason() -> None:
    """Few patients, constant scores: many numbers have no value, and none is an empty cell without words beside it."""
    same = [reading(f"p{i}", who, left_foot({"MTP 1": 2})) for i in range(3) for who in ("anna", "ben")]
    lacking = 0
    for text in tables(agreement(same, plan=PLAN)).values():
        for row in rows(text):
            assert "nan" not in row.values()
            empty = not all(row[key] for key in ("estimate", "low", "high"))
            assert empty == bool(row["reason"]), row
            lacking += empty
    assert lacking > 10


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (Estimate(1.5, 1.0, 2.0, 0.95, 9, "m"), (1.5, 1.0, 2.0, 0.95, 9, "m", "")),
        (Estimate(1.5, -math.inf, 2.0, 0.95, 9, "m"), (1.5, None, 2.0, 0.95, 9, "m", "the interval has no bound there")),
        (undefined("too few", 1, 0.95, "m"), (None, None, None, 0.95, 1, "m", "too few")),
    ],
)
def test_an_estimate_as_a_row(made: Estimate, expected: tuple[object, ...]) -> None:
    assert estimate_row(made) == dict(zip(ESTIMATE, expected, strict=True))
