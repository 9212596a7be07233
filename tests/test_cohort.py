from pathlib import Path

import pytest

from coread.cohort import open_cohort
from coread.errors import InputError

SHEET = "study,reader,system,site,side,feature,grade\n"


def cohort(folder: Path, table: str, readings: str = "a.png,Dr A,svdh,MCP 2,left,joint_space_narrowing,1\n") -> Path:
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(b"")
    (folder / "cohort.csv").write_text(table)
    (folder / "readings.csv").write_text(SHEET + readings)
    return folder


def test_a_cohort_is_read_with_its_facts_and_splits(tmp_path: Path) -> None:
    table = "study,patient,centre,sex,age,split,kvp\na.png,p1,north,female,61.5,test,50\n\nb.png,p2,south,,,train,\n"
    found = open_cohort(cohort(tmp_path, table))
    first, second = found.members
    assert (first.study, first.path, first.patient, first.sex, first.age_years) == ("a.png", tmp_path / "a.png", "p1", "F", 61.5)
    assert (second.row, second.sex, second.age_years, second.facts["kvp"]) == (4, "", None, "")
    assert found.splits == ("test", "train")
    assert found.patients == ("p1", "p2")
    assert [m.patient for m in found.part("test").members] == ["p1"]
    assert len(found.part("test").references) == 1
    assert not found.part("train").references
    assert found.shared_centres == ()


def test_a_centre_in_two_splits_is_found(tmp_path: Path) -> None:
    table = "study,patient,centre,split\na.png,p1,north,test\nb.png,p2,north,train\n"
    assert open_cohort(cohort(tmp_path, table)).shared_centres == ("north",)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("study,patient,split\na.png,p1,test\nb.png,p1,train\n", "row 3, column split: patient p1 is in train here and in test in row 2; "),
        ("study,patient\na.png,p1\nc.png,p2\n", "row 3, column study: .*c.png does not exist"),
        ("study,patient\na.png,p1\na.png,p1\n", "row 3, column study: a.png stands already in row 2"),
        ("study,patient\na.png,p1\n./a.png,p1\n", r"row 3, column study: \./a\.png stands already in row 2"),
        ("study,patient,sex\na.png,p1,F\nb.png,p1,M\n", "row 3, column sex: patient p1 is M here and F in row 2"),
        ("study,patient,sex\na.png,p1,X\n", "row 2, column sex: expected F, M, O or nothing, got 'X'"),
        ("study,patient,age\na.png,p1,old\n", "row 2, column age: expected years from 0 to 130 or nothing, got 'old'"),
        ("study,patient,age\na.png,p1,nan\n", "row 2, column age: expected years from 0 to 130"),
        ("study,patient\na.png,\n", "row 2, column patient: is empty"),
        ("study,patient\n../a.png,p1\n", "row 2, column study: ../a.png does not lie in the cohort's folder"),
        ("study,centre\na.png,north\n", "row 1: the header lacks patient; it has study, centre"),
        ("study,patient,sex,sex\na.png,p1,F,F\n", "row 1: the column sex stands twice"),
        ("study,,patient\na.png,,p1\n", "row 1: column 2 has no name"),
        ("study,patient\na.png,p1,extra\n", "row 2 has 3 cells, the header has 2"),
        ("study,patient\n", "holds no study"),
    ],
)
def test_a_bad_table_is_told_with_row_and_column(tmp_path: Path, table: str, said: str) -> None:
    with pytest.raises(InputError, match=rf"cohort.csv: {said}"):
        open_cohort(cohort(tmp_path, table))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("c.png,Dr A,svdh,MCP 2,left,joint_space_narrowing,1\n", "readings.csv: column study: 'c.png' is no study of cohort.csv"),
        ("a.png,Dr A,svdh,MCP 2,left,joint_space_narrowing,7\n", "readings.csv: row 2, column grade: .* is 7, expected 0 to 4"),
        ("a.png,Dr A,svdh,MCP 2,left,joint_space_narrowing,1\n" * 2, "readings.csv: row 3, column site: .* stands already in row 2"),
    ],
)
def test_bad_reference_readings_are_told(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        open_cohort(cohort(tmp_path, "study,patient\na.png,p1\nb.png,p2\n", row))


def test_a_reading_of_another_patient_is_refused(tmp_path: Path) -> None:
    folder = cohort(tmp_path, "study,patient\na.png,p1\n")
    (folder / "readings.csv").write_text(
        "study,patient,reader,system,site,side,feature,grade\na.png,p9,A,svdh,MCP 2,left,joint_space_narrowing,1\n"
    )
    with pytest.raises(InputError, match=r"column patient: a\.png is of patient p9 here and of p1 in cohort.csv"):
        open_cohort(folder)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cohort\.csv: there is no such file; a cohort is a folder"):
        open_cohort(tmp_path)
    folder = cohort(tmp_path, "study,patient,split\na.png,p1,test\n")
    found = open_cohort(folder)
    with pytest.raises(InputError, match="unknown column 'centr'"):
        found.check_columns(["centr"])
    with pytest.raises(InputError, match="column split: no study is in 'tests'; did you mean test"):
        found.part("tests")
    (folder / "a.png").unlink()
    assert open_cohort(folder, exams=False).members
    (folder / "readings.csv").unlink()
    with pytest.raises(InputError, match=r"readings\.csv: there is no such file; it holds the reference readings"):
        open_cohort(folder, exams=False)
