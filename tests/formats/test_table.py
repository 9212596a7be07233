"""Score sheets: read, totalled by the paper's rule, written back; every fault a person can type is told with row and column."""

from __future__ import annotations

import csv
import random
import re
import zipfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coread.errors import InputError
from coread.formats.table import COLUMNS, open_readings, score_sheet, write_score_sheet, write_table
from coread.reading import Evidence, Finding, ReaderRef, Reading, StudyRef
from coread.scoring import system

HEADER = ",".join(COLUMNS)
ROW = "s1,p1,0,1,anna,svdh,MCP 2,left,erosion,,3,,,"


def write(folder: Path, text: str, name: str = "sheet.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def filled(grade: str = "0", **wanted: str) -> list[dict[str, str]]:
    """The rows of a hand-only sheet, all boxes graded, some of them otherwise ('MCP 2 left erosion' -> text)."""
    rows = [dict(row, study="s1", reader="anna") for row in score_sheet("svdh") if not row["site"].startswith(("MTP", "IP hallux"))]
    for row in rows:
        row["grade"] = wanted.get(f"{row['site']} {row['side']} {row['feature']}", grade)
    return rows


def sheet_of(rows: list[dict[str, str]], folder: Path, name: str = "sheet.csv") -> Path:
    with (folder / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return folder / name


def test_a_filled_sheet_gives_the_totals_of_the_paper(tmp_path: Path) -> None:
    # by hand: 4 joints of the left hand graded 3, 1, 2 and 4, everything else in both hands 0
    rows = filled(
        **{
            "MCP 2 left erosion": "3",
            "ulna left erosion": "1",
            "PIP 3 left joint_space_narrowing": "2",
            "CMC 4 left joint_space_narrowing": "4",
        }
    )
    (reading,) = open_readings(sheet_of(rows, tmp_path))
    assert reading.total("hand_left").value == 3 + 1 + 2 + 4
    assert reading.total("hand_left_erosion").value == 4
    assert reading.total("hand_left").maximum == 140
    assert reading.total("hands").value == 10
    assert reading.total("hand_right").value == 0
    assert "all" not in reading.totals  # the feet were not imaged
    assert any("all" in warning and "foot left" in warning for warning in reading.warnings)
    assert reading.reader == ReaderRef("person", "anna")


def test_an_empty_grade_is_not_scored_and_never_a_zero(tmp_path: Path) -> None:
    rows = filled(**{"MCP 2 left erosion": "", "MCP 3 left erosion": "5"})
    (reading,) = open_readings(sheet_of(rows, tmp_path))
    assert not [f for f in reading.at("MCP 2", "left") if f.feature == "erosion"]
    assert reading.total("hand_left_erosion").sites_unreadable == 1
    assert any("MCP 2 left" in warning for warning in reading.warnings)
    few = [dict(row, grade="") if row["side"] == "left" and row["site"].startswith("PIP") else row for row in rows]
    (reading,) = open_readings(sheet_of(few, tmp_path))
    assert "hand_left_erosion" not in reading.totals
    assert "hand_right" in reading.totals
    assert any("PIP 4 left" in warning and "at most" in warning for warning in reading.warnings)


def test_unreadable_keeps_its_reason(tmp_path: Path) -> None:
    text = f"{HEADER}\n{ROW}\ns1,p1,0,1,anna,svdh,MCP 3,left,erosion,,,,,outside the image\n"
    (reading,) = open_readings(write(tmp_path, text))
    assert reading.unreadable == ("MCP 3 left erosion: outside the image",)


def test_one_reading_per_study_reader_read_and_system(tmp_path: Path) -> None:
    rows = [
        ROW,
        ROW.replace("anna", "bert"),
        ROW.replace(",1,anna", ",2,anna"),
        ROW.replace("s1,", "s2,", 1),
        ROW.replace("MCP 2", "MCP 3"),
    ]
    readings = open_readings(write(tmp_path, "\n".join([HEADER, *rows])))
    assert [(r.study.source, r.reader.id, r.read, len(r.findings)) for r in readings] == [
        ("s1", "anna", 1, 2),
        ("s1", "bert", 1, 1),
        ("s1", "anna", 2, 1),
        ("s2", "anna", 1, 1),
    ]
    assert len({r.uid for r in readings}) == 4
    assert all(re.fullmatch(r"2\.25\.\d+", r.uid) and len(r.uid) <= 64 for r in readings)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32),  # a sheet is drawn at once; box by box takes hypothesis a minute
    width=st.floats(0, 50),
    timepoint=st.none() | st.floats(0, 1e4),
    study=st.text("abc,;\"'é 1", min_size=1).filter(lambda t: t == t.strip() and t),
)
def test_round_trip_is_exact(
    tmp_path_factory: pytest.TempPathFactory, seed: int, width: float, timepoint: float | None, study: str
) -> None:
    chance = random.Random(seed)
    findings = []
    for item in system("svdh").items:
        said = chance.choice([*item.grades, "too coarse", None])
        if isinstance(said, str):
            findings.append(Finding(*item.key, unreadable=said))
        elif said is not None:
            findings.append(Finding(*item.key, grade=said))
    findings.append(Finding("MCP 2", "left", "joint_space_width", value=width, unit="mm"))
    reading = Reading(
        "2.25.1",
        ReaderRef("model", "hand_svdh", "0.1.0"),
        "svdh",
        StudyRef(study, patient="7", timepoint_days=timepoint),
        tuple(findings),
        {},
        "x",
    )
    folder = tmp_path_factory.mktemp("table")
    first = write_table([reading], folder / "a.csv")
    (back,) = open_readings(first)
    assert back.findings == reading.findings
    assert back.reader == reading.reader
    assert back.study == reading.study
    second = write_table([back], folder / "b.csv")
    assert second.read_bytes() == first.read_bytes()
    (again,) = open_readings(second)
    assert (again.totals, again.uid, again.warnings) == (back.totals, back.uid, back.warnings)


def test_evidence_does_not_disturb_the_table(tmp_path: Path) -> None:
    finding = Finding("MCP 2", "left", "erosion", grade=1.0, probabilities=(0.5, 0.5, 0, 0, 0, 0), evidence=Evidence(0, (1.5, 2.5)))
    reading = Reading("2.25.1", ReaderRef("person", "anna"), "svdh", StudyRef("s1"), (finding,), {}, "x")
    (back,) = open_readings(write_table([reading], tmp_path / "t.csv"))
    assert back.findings == (Finding("MCP 2", "left", "erosion", grade=1.0),)


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.replace(",", ";").encode(),
        lambda text: ("sep=;\n" + text.replace(",", ";")).encode(),
        lambda text: text.replace(",", "\t").encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("study,", "Study ,").encode(),
        lambda text: text.replace("\n", "\n\n,,,,,,,,,,,,,\n").encode(),
    ],
    ids=["byte order mark", "semicolon", "excel sep line", "tab", "windows lines", "header case", "blank rows"],
)
def test_what_spreadsheets_write_is_read(tmp_path: Path, encode) -> None:
    path = tmp_path / "sheet.csv"
    path.write_bytes(encode(f"{HEADER}\n{ROW}\n"))
    (reading,) = open_readings(path)
    assert reading.findings == (Finding("MCP 2", "left", "erosion", grade=3.0),)


def test_decimal_comma_in_a_semicolon_sheet(tmp_path: Path) -> None:
    text = HEADER.replace(",", ";") + "\ns1;;;;anna;svdh;MCP 2;L;joint_space_width;;;1,25;mm;\n"
    (reading,) = open_readings(write(tmp_path, text))
    assert reading.findings[0].value == 1.25
    assert reading.findings[0].side == "left"


def test_a_damaged_xlsx_is_told_in_a_sentence(tmp_path: Path) -> None:
    openpyxl.Workbook().save(tmp_path / "whole.xlsx")
    with zipfile.ZipFile(tmp_path / "whole.xlsx") as whole, zipfile.ZipFile(tmp_path / "cut.xlsx", "w") as cut:
        for name in whole.namelist():
            cut.writestr(name, whole.read(name)[:-9] if name.endswith(".xml") else whole.read(name))
    with pytest.raises(InputError, match="cannot be read as an"):
        open_readings(tmp_path / "cut.xlsx")


def test_xlsx(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(COLUMNS)
    book.active.append(["s1", "p1", 0, 1, "anna", "svdh", "MCP 2", "left", "erosion", None, 3, None, None, None])
    book.save(tmp_path / "sheet.xlsx")
    (reading,) = open_readings(tmp_path / "sheet.xlsx")
    assert reading.findings == (Finding("MCP 2", "left", "erosion", grade=3.0),)
    assert reading.study == StudyRef("s1", patient="p1", timepoint_days=0.0)
    with pytest.raises(InputError, match="cannot be read as an"):
        open_readings(write(tmp_path, "no zip", "bad.xlsx"))


def test_the_template_is_complete_and_can_be_filled_in(tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    text = write_score_sheet("svdh", path)
    assert path.read_text() == text
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == 86  # 44 boxes for erosion and 42 for narrowing: van der Heijde 1999
    with pytest.raises(InputError, match="row 2, column study: is empty"):
        open_readings(path)
    rows[0] |= {"study": "s1", "reader": "anna"}  # the identity is written once, on the first row
    for row in rows:
        row["grade"] = "0"
    (reading,) = open_readings(sheet_of(rows, tmp_path))
    assert reading.total("all").value == 0
    assert reading.total("all").maximum == 448
    assert reading.warnings == ()


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (ROW.replace(",3,", ",6,"), "row 2, column grade: svdh: MCP 2 left erosion is 6, expected 0 to 5 in steps of 1"),
        (ROW.replace(",3,", ",2.5,"), "column grade"),
        (ROW.replace(",3,", ",-1,"), "column grade"),
        (ROW.replace(",3,", ",nan,"), "column grade: expected a number, got 'nan'"),
        (ROW.replace(",3,", ",three,"), "column grade: expected a number, got 'three'"),
        (ROW.replace("MCP 2", "MPC 2"), "column site: unknown site 'MPC 2'; did you mean"),
        (ROW.replace("MCP 2", "MTP 1").replace(",left", ",middle"), "column side: expected left, right or nothing, got 'middle'"),
        (ROW.replace(",left", ","), "column side: svdh: site 'MCP 2' has side left or right, got no side"),
        (ROW.replace("erosion", "erosions"), "column feature: unknown feature 'erosions'; did you mean erosion"),
        (ROW.replace("MCP 2", "CMC 3"), "column feature: svdh: erosion is not scored at CMC 3"),
        (ROW.replace("svdh", "sharp"), "column system: unknown system 'sharp'"),
        (ROW.replace("anna", ""), "column reader: is empty"),
        (ROW.replace(",1,anna", ",0,anna"), "column read: expected a whole number from 1"),
        (ROW.replace("p1,0", "p1,soon"), "column timepoint: expected a number, got 'soon'"),
        (ROW.replace("p1,0", "p1,-5"), "column timepoint: expected days since the first exam, from 0, got -5"),
        (ROW.replace(",3,", ",1_0,"), "column grade: expected a number, got '1_0'"),
        (ROW.replace(",3,", ",٣,"), "column grade: expected a number, got '٣'"),
        (ROW.replace(",3,", "," + "9" * 5000 + ","), "column grade: expected a number, got '999999999999"),
        (ROW.replace("anna", '"an\nna"'), "column reader: reader 'an\\nna': a name is one line of text"),
        (ROW.replace("anna", "Model:hand_svdh"), "column reader: reader 'Model:hand_svdh': give the name of the person who reads"),
        (ROW.replace("erosion", "joint_space_width").replace(",3,,", ",,-9,mm"), "column value: joint space width is -9 mm"),
        (ROW.replace("erosion", "joint_space_width").replace(",3,,", ",,1e308,mm"), "column value: joint space width is 1e+308 mm"),
        (ROW[:-1] + ",outside the image", "one of grade, value and unreadable"),
        (ROW.replace(",3,,", ",,3,mm"), "column value: erosion is graded"),
        (ROW.replace("erosion", "joint_space_width"), "column grade: joint_space_width is measured"),
        (ROW.replace("erosion", "joint_space_width").replace(",3,,", ",,3,inch"), "column unit: expected mm or %, got 'inch'"),
        (f"{ROW}\n{ROW}", "row 3, column site: MCP 2 left erosion stands already in row 2"),
        (f"{ROW}\n{ROW.replace('p1', 'p2').replace('MCP 2', 'MCP 3')}", "row 3, column patient: is p2, but p1 in row 2"),
        (f"{ROW}\n{ROW.replace('p1,0', 'p1,9').replace('MCP 2', 'MCP 3')}", "row 3, column timepoint"),
        (ROW + ",,extra", "row 2 has 16 cells"),
        (ROW.replace(",3,", ",,"), "no row holds a grade"),
    ],
)
def test_each_fault_is_told_in_one_sentence(tmp_path: Path, row: str, says: str) -> None:
    path = write(tmp_path, f"{HEADER}\n{row}\n")
    with pytest.raises(InputError) as caught:
        open_readings(path)
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_several_faults_are_told_at_once_and_counted(tmp_path: Path) -> None:
    rows = [ROW.replace(",3,", f",{grade},").replace("MCP 2", f"MCP {1 + grade % 5}") for grade in range(10, 18)]
    with pytest.raises(InputError, match=r"row 2, .*row 3, .*row 6, .*and 3 more faults$") as caught:
        open_readings(write(tmp_path, "\n".join([HEADER, *rows])))
    assert "row 7" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (f"{HEADER}\n".encode(), "no row holds a grade"),
        (f"{HEADER}\n{ROW}\n".replace("anna", "Zoë").encode("latin-1"), "row 2 is not UTF-8 text"),
        (f"{HEADER}\n{ROW}\n".encode("utf-16"), "not UTF-8"),
        (HEADER.replace("grade", "score").encode(), "unknown column 'score'"),
        (HEADER.replace("site,", "").encode(), "lacks site"),
        (f"{HEADER},grade".encode(), "the column grade stands twice"),
        (b"\x00\x01\x02", "not a text file"),
        (f'{HEADER}\n{ROW}\n"s1'.encode(), "not a table"),
        (b"hello\n", "unknown column 'hello'"),
    ],
)
def test_files_that_are_no_score_sheet(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "sheet.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=re.escape(says)):
        open_readings(path)


def test_the_template_never_replaces_a_sheet_that_may_be_filled_in(tmp_path: Path) -> None:
    write_score_sheet("svdh", tmp_path / "scores.csv")
    (tmp_path / "scores.csv").write_text("an hour of grading")
    with pytest.raises(InputError, match="exists already and may be filled in"):
        write_score_sheet("svdh", tmp_path / "scores.csv")
    assert (tmp_path / "scores.csv").read_text() == "an hour of grading"


def test_a_full_disk_leaves_no_half_a_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Path.write_text

    def full(self: Path, text: str, **how: str) -> int:
        whole(self, text[:100], **how)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(InputError, match=r"scores\.csv: cannot be written: No space left"):
        write_score_sheet("svdh", tmp_path / "scores.csv")
    assert list(tmp_path.iterdir()) == []


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        open_readings(tmp_path / "absent.csv")
    with pytest.raises(InputError, match="cannot be written"):
        write_score_sheet("svdh", tmp_path / "absent" / "sheet.csv")
