"""``coread compare`` as a person runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from coread.formats.reading_json import write_json
from coread.formats.table import write_table
from coread.reading import ReaderRef
from tests.visits import AFTER, BEFORE, hand


def coread(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([sys.executable, "-m", "coread", *map(str, words)], cwd=cwd, capture_output=True, text=True, timeout=300)
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Two visits as files, and a trial's table of two readers and two patients."""
    before, after = hand(BEFORE, day=0), hand(AFTER, day=365)
    write_json(before, tmp_path / "before.json")
    write_json(after, tmp_path / "after.json")
    write_table([before, after], tmp_path / "both.csv")
    others = [
        hand(grades, day=day, patient=patient, exam=f"{patient} {day}", reader=ReaderRef("person", who))
        for patient in ("P 1", "P 2")
        for who in ("Dr A", "Dr B")
        for day, grades in ((0, BEFORE), (365, AFTER))
    ]
    write_table(others, tmp_path / "trial.csv")
    return tmp_path


def test_it_says_what_changed_and_what_the_error_is(desk: Path) -> None:
    done = coread("compare", "before.json", "after.json", "--sdc", "hand_left_narrowing=2", "-o", "out", cwd=desk)
    assert done.returncode == 0, done.stderr
    assert "out: P 1, 2 visits, svdh" in done.stdout
    assert "hand left narrowing: 7 -> 14, +3: worse (smallest detectable change 2), 1 site left out" in done.stdout
    assert "4 changed, measurement error not known" in done.stdout
    assert "1 cannot be told" in done.stdout
    assert "note: Measurement error not known" in done.stdout
    assert {path.name for path in (desk / "out").iterdir()} == {"change.json", "change.csv", "page.html", "run.json"}


def test_one_table_may_hold_all_visits_and_json_is_one_document(desk: Path) -> None:
    done = coread("compare", "both.csv", "-o", "change.json", "--json", cwd=desk)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said.pop("files") == ["change.json"]
    assert said == json.loads((desk / "change.json").read_text())


def test_a_trials_table_is_chosen_from_by_patient_and_reader(desk: Path) -> None:
    done = coread("compare", "trial.csv", "--patient", "P 2", "--reader", "Dr B", "-o", "change.csv", cwd=desk)
    assert done.returncode == 0, done.stderr
    assert "change.csv: P 2, 2 visits" in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("trial.csv",), "readings of different patients cannot be compared"),
        (("trial.csv", "--patient", "P 1"), "are readings of one exam"),
        (("trial.csv", "--patient", "P 3"), "--patient P 3: no reading is of this patient; there are P 1, P 2"),
        (("trial.csv", "--reader", "Dr C"), "--reader Dr C: no reading is by this reader; there are Dr A, Dr B"),
        (("before.json",), "a change needs readings of two visits or more, got 1"),
        (("before.json", "before.json"), "are readings of one exam"),
        (("before.json", "absent.json"), "absent.json: cannot be read"),
        (("before.json", "after.json", "--sdc", "hand=2"), "svdh has no score 'hand'"),
        (("before.json", "after.json", "--sdc", "hands"), "expected NAME=VALUE"),
    ],
)
def test_refusals_are_one_sentence_and_exit_1(desk: Path, words: tuple[str, ...], says: str) -> None:
    done = coread("compare", *words, "-o", "out", cwd=desk)
    assert done.returncode == 1
    assert done.stderr.startswith("coread: ")
    assert done.stderr.count("\n") == 1
    assert says in done.stderr
    assert not (desk / "out").exists()


def test_the_mean_of_two_readers(desk: Path) -> None:
    """Without --mean, both readers of a visit are refused and the way out is named; with it, half points are told and drawn."""
    refused = coread("compare", "trial.csv", "--patient", "P 1", "-o", "out", cwd=desk)
    assert refused.returncode == 1
    assert "take the mean of its readers with --mean" in refused.stderr
    text = (desk / "trial.csv").read_text()
    (desk / "trial.csv").write_text(
        text.replace(
            "P 1 365,P 1,365,1,Dr B,svdh,MCP 2,left,joint_space_narrowing,,2",
            "P 1 365,P 1,365,1,Dr B,svdh,MCP 2,left,joint_space_narrowing,,3",
        )
    )
    done = coread("compare", "trial.csv", "--patient", "P 1", "--mean", "--sdc", "hand_left_narrowing=2", "-o", "out", cwd=desk)
    assert done.returncode == 0, done.stderr
    assert "hand left narrowing: 7 -> 14.5, +3.5: worse" in done.stdout
    change = json.loads((desk / "out" / "change.json").read_text())
    assert {visit["reader"]["id"] for visit in change["visits"]} == {"mean of Dr A; Dr B"}
    assert "2.5" in (desk / "out" / "page.html").read_text()
