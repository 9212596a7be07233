"""``coread calibrate`` as a person runs it."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from coread.formats.reading_json import write_json
from coread.readers.card import card
from coread.reading import ReaderRef
from coread.stats.recalibrate import OrdinalCalibration
from tests.miscalibrated import hospital


def coread(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([sys.executable, "-m", "coread", *map(str, words)], cwd=cwd, capture_output=True, text=True, timeout=300)
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables of a made-up hospital and readings of it by the shipped card."""
    folder, model = tmp_path_factory.mktemp("desk"), card("hand_svdh")
    here = hospital(32, 1, OrdinalCalibration(2.2, 0.8, 1))
    (folder / "north").mkdir()
    rows = [f"{m.study},{m.patient}" for m in here.cohort.members]
    (folder / "north" / "cohort.csv").write_text("\n".join(["study,patient", *rows, ""]))
    grades = [f"{r.study.source},truth,svdh,{f.site},{f.side},{f.feature},{f.grade:g}" for r in here.cohort.references for f in r.findings]
    (folder / "north" / "readings.csv").write_text("\n".join(["study,reader,system,site,side,feature,grade", *grades, ""]))
    for study, made in here.made.readings.items():
        (folder / "read" / study).mkdir(parents=True)
        who = ReaderRef("model", model.id, model.version, model.sha256)
        write_json(replace(made, uid="2.25.1", reader=who), folder / "read" / study / "reading.json")
    return folder


def test_it_says_what_was_before_and_after_and_where_the_card_lies(desk: Path) -> None:
    done = coread("calibrate", "hand_svdh", "north", "-o", "card of north", "--readings", "read", "--simulated", cwd=desk)
    assert done.returncode == 0, done.stderr
    head, *lines = done.stdout.splitlines()
    assert "BEFORE" in head
    assert "AFTER, PATIENTS LEFT OUT IN TURN" in head
    assert any(line.startswith("90% interval of the total holds the reference") for line in lines)
    assert lines[-2:] == ["card of north/card.toml", "card of north/before_after.csv"]
    command = card(desk / "card of north" / "card.toml").figures[0].command
    assert command == "coread calibrate hand_svdh north -o 'card of north' --readings read --simulated"


def test_json_is_one_document(desk: Path) -> None:
    done = coread("calibrate", "hand_svdh", "north", "-o", "json", "--readings", "read", "--json", cwd=desk)
    assert json.loads(done.stdout)["card"] == "json/card.toml"


def test_refusals_are_one_sentence_and_exit_1(desk: Path) -> None:
    for words, said in (
        (("hand_svdh", "south", "-o", "x"), "south/cohort.csv: there is no such file"),
        (("hand_svdh", "north", "-o", "x", "--readings", "read", "--by", "age"), "intervals cannot be conditional on age"),
        (("hand_svdh", "north", "-o", "north", "--readings", "read"), "holds files that `coread calibrate` did not write"),
    ):
        done = coread("calibrate", *words, cwd=desk)
        assert done.returncode == 1
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
