"""Wide sheets: one row a reading; the same readings as the long sheet, and every fault with its row and column."""

import csv
from pathlib import Path

import openpyxl
import pytest

from coread.errors import InputError
from coread.formats.table import open_readings, write_score_sheet, write_table
from coread.formats.wide_table import _plain, _spellings
from coread.scoring import system, systems
from tests.score_sheets import simulated


def write(folder: Path, text: str, name: str = "wide.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_wide_and_long_say_the_same(tmp_path: Path) -> None:
    readings = simulated(3, ("anna", "ben"), (0, 365))
    long = open_readings(write_table(readings, tmp_path / "long.csv"))
    boxes = [f.label for f in readings[0].findings]
    with (tmp_path / "wide.csv").open("w", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["study", "patient", "timepoint", "reader", "system", *boxes, "hands"])
        for r in readings:
            identity = [r.study.source, r.study.patient, r.study.timepoint_days, r.reader.id, r.system]
            writer.writerow([*identity, *(f.grade for f in r.findings), r.total("hands").value])
    wide = open_readings(tmp_path / "wide.csv")
    assert [(r.study, r.reader, r.findings, r.totals, r.warnings, r.uid) for r in wide] == [
        (r.study, r.reader, r.findings, r.totals, r.warnings, r.uid) for r in long
    ]


def test_a_sheet_of_totals_alone(tmp_path: Path) -> None:
    readings = open_readings(write(tmp_path, "patient,timepoint,reader,Total,hands_erosion\np1,0,anna,37,12\np1,365,anna,NA,14\n"), "svdh")
    assert [(r.study.source, r.study.timepoint_days) for r in readings] == [("p1, day 0", 0), ("p1, day 365", 365)]
    assert {name: t.value for name, t in readings[0].totals.items()} == {"all": 37, "hands_erosion": 12}
    assert "all" not in readings[1].totals
    assert readings[0].total("all").maximum == 448


def test_a_column_for_each_reader(tmp_path: Path) -> None:
    path = write(tmp_path, "patient,timepoint,anna,ben\np1,0,37,40\np1,365,NA,41\n")
    readings = open_readings(path, "svdh", "Total")
    said = {(r.study.source, r.reader.id): r.total("all").value for r in readings}
    assert said == {("p1, day 0", "anna"): 37, ("p1, day 0", "ben"): 40, ("p1, day 365", "ben"): 41}
    for text, total, wrong in [
        ("patient,anna,ben\np1,3,x\n", "all", "row 2, column ben: expected a number"),
        ("patient,anna,ben\np1,3,999\n", "all", "row 2, column ben: all is 999, expected 0 to 448"),
        ("patient,anna\np1,3\n", "all", "a column for each of two readers or more, it has anna"),
        ("patient,reader,hands\np1,anna,3\n", "all", "has a column reader"),
        ("patient,anna,ben\np1,3,4\n", "handz", "svdh has no total 'handz'; did you mean hands"),
        ("patient,anna,ben\np1,3,4\n\np1,3,4\n", "all", "row 4, column reader: anna read p1 already in row 2"),
    ]:
        with pytest.raises(InputError, match=wrong):
            open_readings(write(tmp_path, text), "svdh", total)


def test_a_workbook(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in [["patient", "reader", "knee L", "Right knee"], ["p1", "anna", 3, 0], ["p2", "anna", None, 1]]:
        book.active.append(row)
    book.save(tmp_path / "knees.xlsx")
    one, two = open_readings(tmp_path / "knees.xlsx", "kellgren_lawrence")
    assert {(f.site, f.side): f.grade for f in one.findings} == {("knee", "left"): 3, ("knee", "right"): 0}
    assert [f.side for f in two.findings] == ["right"]


@pytest.mark.parametrize("name", ["MCP 2 left erosion", "mcp2_L_erosion", "erosion MCP 2 (left)", "Left MCP2: Erosion", "L.MCP2.EROSION"])
def test_a_box_by_any_order_of_its_words(tmp_path: Path, name: str) -> None:
    (reading,) = open_readings(write(tmp_path, f"study,reader,system,{name}\ns1,anna,svdh,3\n"))
    assert [f.label for f in reading.findings] == ["MCP 2 left erosion"]


@pytest.mark.parametrize("name", systems())
def test_every_box_of_every_system_has_a_column_name(name: str) -> None:
    of = system(name)
    spellings = _spellings(of)
    assert all(spellings[_plain(item.label)] == item for item in of.items)
    for total, rule in of.totals.items():
        if _plain(total) in spellings:
            assert rule.items == (spellings[_plain(total)],)


@pytest.mark.parametrize("name", systems())
def test_an_empty_sheet_can_be_filled_in(tmp_path: Path, name: str) -> None:
    head, row = write_score_sheet(name, wide=True).splitlines()
    assert row.count(",") == head.count(",")
    filled = row.replace(f",,,,{name}", f"p1,0,anna,,{name}", 1)
    with pytest.raises(InputError, match="no row holds a grade or a total"):
        open_readings(write(tmp_path, f"{head}\n{filled}\n"))
    (reading,) = open_readings(write(tmp_path, f"{head}\n{filled[:-1]},0\n"))
    assert reading.findings[0].label == system(name).items[-1].label


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("study,reader,MCP 2 left erosion\ns,a,1\n", "does not say its scoring system"),
        ("study,reader,system,MCP 2 left erosion\ns,a,svhd,1\n", "unknown system 'svhd'; did you mean svdh"),
        ("study,reader,system,MPC 2 left erosion\ns,a,svdh,1\n", "unknown column 'MPC 2 left erosion'; did you mean .*MCP 2 left erosion"),
        ("study,reader,system,weight\ns,a,svdh,1\n", "unknown column 'weight'; a column is a box such as 'MCP 1 left erosion', or a total"),
        (
            "study,reader,system,MCP 2 left erosion\ns,a,svdh,7\n",
            r"row 2, column MCP 2 left erosion: .* is 7, expected 0 to 5 in steps of 1",
        ),
        ("study,reader,system,MCP 2 left erosion\ns,a,svdh,x\n", "row 2, column MCP 2 left erosion: expected a number, got 'x'"),
        ("study,reader,system,hands\ns,a,svdh,300\n", "row 2, column hands: hands is 300, expected 0 to 280"),
        ("study,reader,system,hands\ns,a,svdh,3\n\ns,a,svdh,4\n", "row 4, column reader: a read s already in row 2"),
        ("study,reader,system,hands\ns,,svdh,3\n", "row 2, column reader: is empty"),
        ("patient,reader,system,hands\n,a,svdh,3\n", "row 2, column patient: is empty"),
        ("study,reader,read,system,hands\ns,a,0,svdh,3\n", "row 2, column read: expected a whole number from 1"),
        ("study,reader,system,timepoint,hands\ns,a,svdh,week 4,3\n", "row 2, column timepoint: expected a number"),
        ("study,reader,system,hands\ns,a,svdh,3\nt,a,larsen,3\n", "of one scoring system, this one has svdh in row 2 and larsen in row 3"),
        ("study,reader,system,all,total\ns,a,svdh,3,3\n", "two columns stand for the total all"),
        ("study,reader,system,hands,hands\ns,a,svdh,3,3\n", "the column hands stands twice"),
        ("patient,system,anna,ben\np1,svdh,3,4\n", "has no column reader; add one, or name the total with --total"),
        ("study,reader,system\ns,a,svdh\n", "no column for a box or a total"),
        ("study,reader,system,hands\n", "a header and no row"),
        ("study,reader,system,hands\ns,a,svdh,\n", "no row holds a grade or a total"),
        ("study,reader,system,hands\ns,a,svdh,3,4\n", "row 2 has 5 cells, the header has 4"),
    ],
)
def test_faults_are_told_with_row_and_column(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        open_readings(write(tmp_path, text))


def test_a_total_that_its_grades_contradict_is_told(tmp_path: Path) -> None:
    boxes = [item.label for item in system("svdh").items if item.region == "foot_left"]
    header = ",".join(["study", "reader", "system", *boxes, "foot_left"])
    good, bad = (",".join(["s", "a", "svdh", *["1"] * len(boxes), total]) for total in (str(len(boxes)), "13"))
    assert open_readings(write(tmp_path, f"{header}\n{good}\n"))[0].total("foot_left").value == len(boxes)
    with pytest.raises(InputError, match=r"row 2, column foot_left: foot_left is 13, but the grades of this row give 12"):
        open_readings(write(tmp_path, f"{header}\n{bad}\n"))


def test_system_asked_for_and_said_must_be_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="its column system says svdh, asked for was larsen"):
        open_readings(write(tmp_path, "study,reader,system,hands\ns,a,svdh,3\n"), "larsen")
