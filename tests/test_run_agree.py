"""coread agree from the command line: a sheet of two readers in, page, tables and JSON out; bad input is one sentence."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from coread.agreement_tables import TABLES
from coread.errors import InputError
from coread.formats.table import write_table
from coread.run_agree import agree, write_agreement
from coread.stats.resampling import Plan
from tests.score_sheets import simulated

FAST = Plan(resamples=200)


def coread(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([sys.executable, "-m", "coread", *map(str, words)], cwd=cwd, capture_output=True, text=True, timeout=120)
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture(scope="module")
def sheet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(simulated(8, ("anna", "ben"), (0, 365)), tmp_path_factory.mktemp("sheet") / "readers.csv")


def test_from_a_sheet_to_page_tables_and_json(sheet: Path, tmp_path: Path) -> None:
    done = coread("agree", sheet, "-o", "out", "--resamples", "200", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "anna and ben (between readers): 16 exams of 8 patients" in done.stdout
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"page.html", "agreement.json", "run.json", *TABLES}
    for name, columns in TABLES.items():
        with (tmp_path / "out" / name).open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert tuple(rows[0]) == columns
        assert all((row["low"] == "") == (row["reason"] != "") for row in rows), name
        assert not any(cell.casefold() in ("nan", "inf", "none") for row in rows for cell in row.values())
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["plan"] == {"level": 0.95, "resamples": 200, "seed": 20260101}
    assert len(record["inputs"][0]["sha256"]) == 64


def test_json_says_what_the_tables_say(sheet: Path, tmp_path: Path) -> None:
    done = coread("agree", sheet, "--json", "--resamples", "200", "-o", "out", cwd=tmp_path)
    said = json.loads(done.stdout)
    assert said == json.loads((tmp_path / "out" / "agreement.json").read_text())
    totals = {(t["total"], t["scored"]): t["estimates"] for t in said["systems"][0]["comparisons"][0]["totals"]}
    with (tmp_path / "out" / "totals.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["estimate"]]
    assert rows
    for row in rows:
        assert float(row["estimate"]) == totals[row["total"], row["scored"]][row["measure"]]["estimate"]


def test_one_folder_is_replaced_only_by_the_same_kind(sheet: Path, tmp_path: Path) -> None:
    found = agree([sheet], FAST)
    write_agreement(found, [sheet], tmp_path / "out")
    write_agreement(found, [sheet], tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="holds something other than an agreement, so it is not replaced"):
        write_agreement(found, [sheet], tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_files_together_are_one_comparison(sheet: Path, tmp_path: Path) -> None:
    readings = simulated(8, ("anna", "ben"), (0, 365))
    halves = [write_table([r for r in readings if r.reader.id == who], tmp_path / f"{who}.csv") for who in ("anna", "ben")]
    apart, together = agree(halves, FAST), agree([sheet], FAST)
    assert apart.systems[0].comparisons[0].totals[0].estimates == together.systems[0].comparisons[0].totals[0].estimates


def test_a_trialist_with_totals_alone(tmp_path: Path) -> None:
    """Six patients, two readers, one total at two visits, in the columns that a spreadsheet would have."""
    scores = {
        "anna": [(10, 14), (0, 0), (33, 40), (5, 5), (18, 22), (60, 66)],
        "ben": [(12, 15), (1, 0), (30, 40), (5, 8), (17, 20), (64, 69)],
    }
    lines = ["patient;timepoint;reader;total"]
    lines += [f"p{i};{day};{who};{pair[day > 0]}" for who, pairs in scores.items() for i, pair in enumerate(pairs) for day in (0, 365)]
    (tmp_path / "totals.csv").write_text("\n".join(lines))
    done = coread("agree", "totals.csv", "--system", "svdh", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (comparison,) = json.loads(done.stdout)["systems"][0]["comparisons"]
    assert (comparison["grades"], comparison["sites"]) == ([], [])
    change = comparison["totals"][1]["estimates"]
    # by hand: changes anna 4 0 7 0 4 6, ben 3 -1 10 3 3 5; differences 1 1 -3 -3 1 1, mean -1/3, SD sqrt(64/15)
    assert change["bias"]["estimate"] == pytest.approx(-1 / 3)
    assert change["sdc_95"]["estimate"] == pytest.approx(1.959964 * (64 / 15) ** 0.5 / 2**0.5, rel=1e-6)
    assert change["sdc_95_mean"]["estimate"] == pytest.approx(1.959964 * (64 / 15) ** 0.5 / 2, rel=1e-6)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["absent.csv"], "absent.csv: cannot be read"),
        (["one.csv"], "one.csv: there is one reader only, anna, who read each exam once"),
        (["twice.csv"], "twice.csv: row 3, column site: MCP 2 left erosion stands already in row 2"),
        (["strange.csv"], "strange.csv: row 1: unknown column 'joint'"),
        (["one.csv", "--level", "95"], "--level 95: give a level between 0 and 1"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path: Path, words: list[str], said: str) -> None:
    head, row = "study,reader,system,site,side,feature,grade", "s1,anna,svdh,MCP 2,left,erosion,3"
    (tmp_path / "one.csv").write_text(f"{head}\n{row}\n")
    (tmp_path / "twice.csv").write_text(f"{head}\n{row}\n{row}\n")
    (tmp_path / "strange.csv").write_text(f"{head.replace('site', 'joint')}\n{row}\n")
    done = coread("agree", *words, cwd=tmp_path)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
