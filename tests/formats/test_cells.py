"""Cells of sheets as spreadsheets write them, on this system and others; another program writes the .xlsx."""

import csv
from datetime import date
from pathlib import Path

import openpyxl
import pytest

from coread.errors import InputError
from coread.formats.cells import number_text, sheet_records

ROWS = [["study", "reader", "grade"], ["a,b;c", 'Dr "A"', "2"], ["", "", ""], ["ü\nline two", "B", "0.5"]]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_what_another_program_wrote_comes_back(tmp_path: Path, separator: str, encoding: str, newline: str) -> None:
    path = tmp_path / "sheet.csv"
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=separator, lineterminator=newline).writerows(ROWS)
    assert sheet_records(path) == ROWS


def test_an_xlsx_by_another_program_comes_back(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["study", "grade", "seen"], ["a", 2, True], [None, 2.5, None], ["b", 1e20, date(2026, 1, 2)]):
        book.active.append(row)
    book.create_sheet("second").append(["not this one"])
    book.save(tmp_path / "sheet.xlsx")
    records = sheet_records(tmp_path / "sheet.xlsx")
    assert records[:3] == [["study", "grade", "seen"], ["a", "2", "True"], ["", "2.5", ""]]
    assert records[3][:2] == ["b", "100000000000000000000"]
    assert records[3][2].startswith("2026-01-02")


def test_a_line_that_names_the_separator_is_obeyed_and_rows_keep_their_numbers(tmp_path: Path) -> None:
    (tmp_path / "sheet.csv").write_text("sep=;\nstudy;note\na;x,y,z\n")
    assert sheet_records(tmp_path / "sheet.csv") == [[], ["study", "note"], ["a", "x,y,z"]]


def test_decimal_commas_of_a_sheet_with_semicolons(tmp_path: Path) -> None:
    """Numbers only: a name with a comma stays, and so do commas of a sheet that separates by commas."""
    (tmp_path / "sheet.csv").write_text("study;value\na;1,5\nb;-0,25\nLee, Ann;1,5 mm\n")
    assert [row[1] for row in sheet_records(tmp_path / "sheet.csv")] == ["value", "1.5", "-0.25", "1,5 mm"]
    assert sheet_records(tmp_path / "sheet.csv")[3][0] == "Lee, Ann"
    (tmp_path / "plain.csv").write_text('study,value\na,"1,5"\n')
    assert sheet_records(tmp_path / "plain.csv")[1] == ["a", "1,5"]


@pytest.mark.parametrize("value", [0.0, 3.0, -2.0, 0.1, 1 / 3, 1e-7, 12345678.25, 1e15])
def test_numbers_come_back_to_the_last_digit(value: float) -> None:
    assert float(number_text(value)) == value


def test_numbers_as_people_write_them() -> None:
    assert [number_text(value) for value in (2.0, 0.5, None)] == ["2", "0.5", ""]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("absent.csv", None, "absent.csv: cannot be read: No such file"),
        ("latin.csv", "study,note\na,ä\n".encode("latin-1"), "row 2 is not UTF-8 text; save the sheet as 'CSV UTF-8'"),
        ("picture.csv", b"study\0\n", "is not a text file; give a score sheet as .csv or .xlsx"),
        ("quote.csv", b'study,note\na,"never closed\n', "is not a table of separated values"),
        ("text.xlsx", b"study,note\n", "cannot be read as an .xlsx file"),
        ("absent.xlsx", None, "absent.xlsx: cannot be read as an .xlsx file: No such file"),
    ],
)
def test_what_is_no_sheet_is_refused_in_a_sentence(tmp_path: Path, name: str, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=said):
        sheet_records(tmp_path / name)


def test_an_empty_file_holds_no_row(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    assert sheet_records(tmp_path / "empty.csv") == []
