import csv
import io
import json

import pytest

from coread.report.validation_card import figures_toml
from coread.report.validation_tables import document, tables
from coread.validation import Validation, validate
from coread.validation_pairs import Made
from tests.made_up import make_up, read_by


@pytest.fixture(scope="module")
def validation() -> Validation:
    # One severe patient and a perfect reader of few patients: missing intervals of several kinds.
    few = make_up(14, centre=lambda n: "NS"[n % 2], sex=lambda n: "F" if n else "")
    return validate(few.cohort, Made("m", "1", read_by(few, lambda member, grade: grade), {}))


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_no_cell_is_empty_without_its_reason(validation: Validation) -> None:
    made = tables(validation)
    measures = rows(made["measures.csv"])
    assert len(measures) == sum(len(group.measures) for group in validation.groups)
    for row in measures:
        assert (not row["low"]) == bool(row["missing_because"]), row
        assert "nan" not in ",".join(row.values()).lower().split(",")
    for row in rows(made["gaps.csv"]):
        assert (not row["p"]) == bool(row["not_tested_because"])
    assert {row["group"] for row in measures if row["column"] == "sex"} == {"F", "not known"}


def test_a_document_reads_back_as_the_tables_say(validation: Validation) -> None:
    content = json.loads(document(validation, {"command": "x"}), parse_constant=pytest.fail)
    told = [m["estimate"] for group in content["groups"] for m in group["measures"]]
    assert told == [float(row["estimate"]) if row["estimate"] else None for row in rows(tables(validation)["measures.csv"])]
    assert len(content["gaps"]) == len(validation.gaps)
    assert content["run"] == {"command": "x"}


def test_figures_without_a_value_are_comments(validation: Validation) -> None:
    text = figures_toml(validation, "a cohort", "real", "coread validate m c -o o")
    missing = [m for m in validation.everything.measures if m.value.estimate is None]
    assert missing
    for measured in missing:
        assert f"# {measured.measure}: {measured.of}: none, " in text
    assert text.count("[[figures]]") == len(validation.everything.measures) - len(missing)
    assert 'unit = "points"' in text
