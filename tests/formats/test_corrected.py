"""A corrected reading: only what was changed counts as changed, the totals follow, and a wrong sheet is refused by row and column."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest

from coread.errors import InputError
from coread.formats.corrected import open_correction
from coread.formats.reading_json import read_json, write_json
from coread.formats.sr import read_sr, with_identity, write_sr
from coread.formats.table import write_table
from coread.reading import Before, Finding, Reading
from coread.reading_totals import with_totals
from tests.formats.sr_examples import reading, study

Rows = list[dict[str, str]]
Place = tuple[str, str, str]
JSN = "joint_space_narrowing"
OUTLINED = next(f for f in reading(study()).findings if f.evidence and f.evidence.lesions_px)


def basis() -> Reading:
    """A model's reading with totals whose intervals a person did not measure."""
    whole = with_identity(reading(study()), study())
    totals = with_totals(whole).totals
    return replace(whole, totals={n: replace(t, low=0.0, high=t.value + 1, level=0.9) for n, t in totals.items()})


def sheet(path: Path, change: Callable[[Rows], Rows | None]) -> Path:
    """The sheet of the reading, changed."""
    write_table([basis()], path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows = change(rows) or rows
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return path


def at(rows: Rows, *place: str) -> dict[str, str]:
    return next(row for row in rows if (row["site"], row["side"], row["feature"]) == place)


def put(place: Place, **cells: str) -> Callable[[Rows], None]:
    return lambda rows: at(rows, *place).update(cells)


def found(of: Reading, *place: str | None) -> Finding:
    return next(f for f in of.findings if (f.site, f.side, f.feature) == place)


PLACE: Place = (OUTLINED.site, str(OUTLINED.side), OUTLINED.feature)


def test_one_changed_grade_is_one_change(tmp_path: Path) -> None:
    old = basis()
    before = found(old, *PLACE)
    grade = 4.0 if before.grade != 4 else 3.0
    new = open_correction(sheet(tmp_path / "s.csv", put(PLACE, grade=f"{grade:g}")), old, " Dr A ")
    assert (new.reader.kind, new.reader.id, new.basis, new.status) == ("person", "Dr A", old.uid, "unverified")
    assert new.uid != old.uid
    assert new.study == old.study
    after = found(new, *PLACE)
    assert (after.grade, after.was, after.probabilities, after.interval) == (grade, Before(grade=before.grade), (), None)
    assert after.evidence == before.evidence
    assert [f for f in new.findings if f.was] == [after]
    assert [f for f in new.findings if not f.was] == [f for f in old.findings if f is not before]
    assert [f.label for f in new.findings] == [f.label for f in old.findings]


def test_the_totals_of_the_other_side_keep_their_interval_and_those_touched_are_summed_anew(tmp_path: Path) -> None:
    old = basis()
    before = found(old, *PLACE)
    assert before.grade is not None
    new = open_correction(sheet(tmp_path / "s.csv", put(PLACE, grade="0")), old, "Dr A")
    side, other = ("left", "right") if OUTLINED.side == "left" else ("right", "left")
    assert new.totals[f"hand_{other}_narrowing"] == old.totals[f"hand_{other}_narrowing"]
    for name in (f"hand_{side}_narrowing", "hands_narrowing"):
        assert new.totals[name].value == old.totals[name].value - before.grade
        assert (new.totals[name].low, new.totals[name].level) == (None, None)
        assert new.totals[name].sites_unreadable == old.totals[name].sites_unreadable
    assert set(new.totals) == set(old.totals)


def test_a_finding_taken_back_loses_its_outline_but_not_its_place(tmp_path: Path) -> None:
    for cells in ({"grade": "0"}, {"grade": "", "unreadable": "the bones overlap"}):
        new = found(open_correction(sheet(tmp_path / "s.csv", put(PLACE, **cells)), basis(), "Dr A"), *PLACE)
        assert new.evidence is not None
        assert OUTLINED.evidence is not None
        assert new.evidence == replace(OUTLINED.evidence, lesions_px=())


def test_a_grade_takes_the_place_of_the_reason_that_the_model_gave(tmp_path: Path) -> None:
    new = open_correction(sheet(tmp_path / "s.csv", put(("MCP 2", "left", "erosion"), grade="3")), basis(), "Dr A")
    assert found(new, "MCP 2", "left", "erosion").was == Before(unreadable="not assessed by this model")
    assert found(new, "MCP 2", "left", "erosion").grade == 3


def test_a_whole_new_feature_brings_its_totals(tmp_path: Path) -> None:
    def score_all(rows: Rows) -> None:
        for row in rows:
            if row["feature"] == "erosion":
                row |= {"grade": "1", "unreadable": ""}

    new = open_correction(sheet(tmp_path / "s.csv", score_all), basis(), "Dr A")
    assert new.totals["hand_left_erosion"].value == new.totals["hand_right_erosion"].value == 16
    assert sum(f.was is not None for f in new.findings) == 32


def test_a_box_that_the_reading_left_out_is_added(tmp_path: Path) -> None:
    added = {"site": "MTP 1", "side": "left", "feature": "erosion", "instance": "", "grade": "2", "value": "", "unit": "", "unreadable": ""}
    path = sheet(tmp_path / "s.csv", lambda rows: [rows[0] | added, *rows])
    new = open_correction(path, basis(), "Dr A")
    assert new.findings[-1] == Finding("MTP 1", "left", "erosion", grade=2.0, was=Before())


def test_a_sheet_that_a_spreadsheet_saved_again_changes_only_what_a_person_changed(tmp_path: Path) -> None:
    old = basis()

    def rounded(rows: Rows) -> None:
        for row in rows:
            if row["value"]:
                row["value"] = f"{float(row['value']):.9g}"
        at(rows, *PLACE)["grade"] = "0"

    path = sheet(tmp_path / "s.csv", rounded)
    assert [f.label for f in open_correction(path, old, "Dr A").findings if f.was] == [OUTLINED.label]
    book = openpyxl.Workbook()
    assert book.active is not None
    with path.open(newline="") as file:
        for number, cells in enumerate(csv.reader(file)):
            book.active.append([float(c) if number and c.replace(".", "", 1).isdigit() else c for c in cells])
    book.save(tmp_path / "s.xlsx")
    again = open_correction(tmp_path / "s.xlsx", old, "Dr A")
    assert [f.label for f in again.findings if f.was] == [OUTLINED.label]
    semicolons = path.read_text().replace(",", ";").replace("0.", "0,").replace("1.", "1,")
    (tmp_path / "german.csv").write_text("sep=;\n" + semicolons)
    assert open_correction(tmp_path / "german.csv", old, "Dr A").findings == again.findings


def test_a_measurement_can_be_corrected(tmp_path: Path) -> None:
    place = (OUTLINED.site, str(OUTLINED.side), "joint_space_width")
    old = found(basis(), *place)
    new = found(open_correction(sheet(tmp_path / "s.csv", put(place, value="1.23")), basis(), "Dr A"), *place)
    assert (new.value, new.unit, new.interval, new.was) == (1.23, "mm", None, Before(value=old.value, unit="mm"))


def test_a_corrected_reading_survives_json_and_sr_and_can_be_corrected_again(tmp_path: Path) -> None:
    exam = study()
    new = open_correction(sheet(tmp_path / "s.csv", put(("MCP 2", "left", "erosion"), grade="3")), basis(), "Dr A")
    assert read_json(write_json(new, tmp_path / "r.json")) == new
    write_sr(new, tmp_path / "sr.dcm", exam)
    assert read_sr(tmp_path / "sr.dcm") == new
    write_table([new], tmp_path / "t.csv")
    text = (tmp_path / "t.csv").read_text()
    (tmp_path / "t.csv").write_text(text.replace("MCP 3,left,erosion,,,,,not assessed by this model", "MCP 3,left,erosion,,1,,,"))
    third = open_correction(tmp_path / "t.csv", new, "Dr B")
    assert third.basis == new.uid
    assert [f.label for f in third.findings if f.was] == ["MCP 3 left erosion"]
    assert found(third, "MCP 2", "left", "erosion").grade == 3


def _cell(column: str, text: str) -> Callable[[Rows], None]:
    return lambda rows: rows[4].update({column: text})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: None, "says what the reading says already"),
        (put(PLACE, grade="9"), rf"row \d+, column grade: svdh: {OUTLINED.label} is 9, expected 0 to 4"),
        (put(PLACE, grade="two"), r"row \d+, column grade: expected a number, got 'two'"),
        (put(PLACE, grade=""), rf"row \d+, column grade: is empty for {OUTLINED.label}; give a grade, or under unreadable"),
        (put((OUTLINED.site, str(OUTLINED.side), "joint_space_width"), value=""), r"row \d+, column value: is empty for"),
        (put(PLACE, unreadable="overlap"), r"row \d+, column unreadable: a finding has one of"),
        (put(("MCP 2", "left", "erosion"), grade="1", unreadable="other"), r"column unreadable: a finding has one of"),
        (_cell("site", "MCP 9"), "row 6, column site: unknown site 'MCP 9'"),
        (_cell("side", "middle"), "row 6, column side: expected left, right or nothing"),
        (_cell("side", ""), r"row 6, column side: .*side"),
        (_cell("feature", "oedema"), "row 6, column feature: unknown feature 'oedema'"),
        (_cell("patient", "P-18"), "row 6, column patient: is P-18, but the reading is of P-17"),
        (_cell("study", "exam2"), "row 6, column study: is exam2, but the reading is of exam"),
        (_cell("system", "sens"), "row 6, column system: is sens, but the reading is of svdh"),
        (lambda rows: [*rows, rows[0]], r"row \d+, column site: .* stands already in row 2"),
        (lambda rows: rows[1:], "column site: there is no row for .*; keep every row"),
        (lambda rows: rows[:4], "and 83 more; keep every row"),
        (put(("PIP 5", "left", JSN), grade="1"), None),
    ],
)
def test_a_wrong_sheet_is_refused_by_row_and_column(tmp_path: Path, change: Callable[[Rows], Rows | None], said: str | None) -> None:
    path = sheet(tmp_path / "s.csv", change)
    if said is None:
        assert found(open_correction(path, basis(), "Dr A"), "PIP 5", "left", JSN).grade == 1
        return
    with pytest.raises(InputError, match=said) as refusal:
        open_correction(path, basis(), "Dr A")
    assert str(refusal.value).startswith(f"{path}: ")


@pytest.mark.parametrize("name", ["", "  ", "model:hand_svdh"])
def test_a_person_corrects(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="give the name of the person"):
        open_correction(sheet(tmp_path / "s.csv", put(PLACE, grade="0")), basis(), name)
