import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from importlib.resources import files
from pathlib import Path

import pytest

from coread.errors import InputError
from coread.formats.open import Exam
from coread.formats.reading_json import read_json
from coread.formats.sr import read_sr
from coread.formats.table import open_readings
from coread.output import NAMES
from coread.readers import Reader, reader
from coread.run import exam_names, exams_for, read_exam, read_exams

ALL = set(NAMES.values())  # the bundled exam has erosions, which a segmentation outlines
EXAM = Path(str(files("coread").joinpath("examples", "hand.dcm")))


@pytest.fixture(scope="module")
def hands() -> Reader:
    return reader("hand_svdh")


@pytest.fixture(scope="module")
def done(hands: Reader, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over a good exam and a bad one."""
    desk = tmp_path_factory.mktemp("desk")
    shutil.copy(EXAM, desk / "good.dcm")
    (desk / "bad.png").write_bytes(b"not a picture")
    list(read_exams(exams_for([desk / "bad.png", desk / "good.dcm"], desk / "out"), hands, desk / "out"))
    return desk


def test_every_output_tells_the_same_reading(done: Path) -> None:
    folder = done / "out" / "good"
    assert {p.name for p in folder.iterdir()} == {*ALL, "run.json"}
    whole = read_json(folder / NAMES["json"])
    coded = read_sr(folder / NAMES["sr"])
    table = open_readings(folder / NAMES["csv"])[0]
    assert coded.findings == whole.findings
    assert coded.totals == whole.totals
    grades = {(f.site, f.side, f.feature): f.grade for f in whole.findings if f.grade is not None}
    assert grades
    assert {(f.site, f.side, f.feature): f.grade for f in table.findings if f.grade is not None} == grades
    page = (folder / NAMES["page"]).read_text()
    for total in whole.totals.values():
        assert f"{total.value:g}" in page


@pytest.mark.parametrize(("feature", "name", "most"), [("erosion", "erosion", 80), ("joint_space_narrowing", "narrowing", 60)])
def test_totals_add_up(done: Path, feature: str, name: str, most: int) -> None:
    whole = read_json(done / "out" / "good" / NAMES["json"])
    for side in ("left", "right"):
        graded = [f.grade for f in whole.findings if f.side == side and f.feature == feature and f.grade is not None]
        total = whole.total(f"hand_{side}_{name}")
        assert total.value == sum(graded)
        assert total.low is not None
        assert total.high is not None
        assert 0 <= total.low <= total.value <= total.high <= total.maximum == most
    assert whole.total("hands").value == whole.total("hands_erosion").value + whole.total("hands_narrowing").value


def test_the_record_says_what_was_done(done: Path) -> None:
    record = json.loads((done / "out" / "good" / "run.json").read_text())
    assert record["status"] == "read"
    assert record["card"]["id"] == "hand_svdh"
    assert set(record["outputs"]) == ALL
    assert record["segmentation"] == ["seg.dcm"]
    assert record["inputs"][0]["path"].endswith("good.dcm")
    assert record["seconds"]["total"] >= record["seconds"]["read"] > 0


def test_a_bad_exam_is_refused_with_its_reason_and_leaves_only_the_record(done: Path) -> None:
    folder = done / "out" / "bad"
    assert [p.name for p in folder.iterdir()] == ["run.json"]
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "refused"
    assert "bad.png" in record["reason"]
    assert not list((done / "out").glob(".*"))


def test_a_second_run_keeps_what_was_read_and_tries_the_rest_again(done: Path, hands: Reader) -> None:
    paths = [done / "bad.png", done / "good.dcm"]
    before = (done / "out" / "good" / "reading.json").stat().st_mtime_ns
    outcomes = list(read_exams(exams_for(paths, done / "out"), hands, done / "out"))
    assert [o.status for o in outcomes] == ["refused", "kept"]
    assert (done / "out" / "good" / "reading.json").stat().st_mtime_ns == before
    (done / "out" / "good" / "sr.dcm").unlink()
    outcomes = list(read_exams(exams_for(paths[1:], done / "out"), hands, done / "out", ("json", "sr")))
    assert [o.status for o in outcomes] == ["read"]


def test_a_folder_of_someone_else_is_never_replaced(tmp_path: Path, hands: Reader) -> None:
    shutil.copy(EXAM, tmp_path / "hand.dcm")
    (tmp_path / "hand").mkdir()
    (tmp_path / "hand" / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="was not written by Coread"):
        list(read_exams(exams_for([tmp_path / "hand.dcm"], tmp_path), hands, tmp_path))
    assert (tmp_path / "hand" / "thesis.txt").read_text() == "years of work"


def test_outputs_inside_the_exam_are_refused(tmp_path: Path) -> None:
    shutil.copy(EXAM, tmp_path / "hand.dcm")
    with pytest.raises(InputError, match="lies inside the exam"):
        exams_for([tmp_path], tmp_path / "out")


def test_names_stay_apart() -> None:
    names = exam_names([Exam(Path("a/hand.dcm"), None, "x"), Exam(Path("b/hand.dcm"), None, "x"), Exam(Path("c/fo ot.png"), None, "x")])
    assert len(set(names)) == 3
    assert names[0].startswith("hand-")
    assert names[2] == "fo_ot"


def test_two_processes_read_what_one_reads(tmp_path: Path, hands: Reader, done: Path) -> None:
    from PIL import Image

    shutil.copy(EXAM, tmp_path / "a.dcm")
    Image.new("L", (300, 300), 9).save(tmp_path / "b.png")
    exams = exams_for([tmp_path / "a.dcm", tmp_path / "b.png"], tmp_path / "out")
    outcomes = list(read_exams(exams, hands, tmp_path / "out", ("json",), jobs=2))
    assert [o.status for o in outcomes] == ["read", "refused"]
    alone = read_json(done / "out" / "good" / NAMES["json"])
    beside = read_json(tmp_path / "out" / "a" / NAMES["json"])
    assert [(f.label, f.grade) for f in beside.findings] == [(f.label, f.grade) for f in alone.findings]
    assert beside.totals == alone.totals


def test_a_long_name_leaves_room_for_what_is_added_to_it() -> None:
    names = exam_names([Exam(Path("x" * 250 + end), None, "x") for end in ("1.png", "2.png")] + [Exam(Path("手" * 80 + ".png"), None, "x")])
    assert len(set(names)) == 3
    assert all(len(f".{name}.part".encode()) < 255 for name in names)


def test_another_exam_of_the_same_name_takes_no_folder(tmp_path: Path, hands: Reader) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    shutil.copy(EXAM, tmp_path / "a" / "hand.dcm")
    (tmp_path / "b" / "hand.dcm").write_bytes(b"broken")
    out = tmp_path / "out"
    assert [o.status for o in read_exams(exams_for([tmp_path / "a" / "hand.dcm"], out), hands, out, ("json",))] == ["read"]
    second = list(read_exams(exams_for([tmp_path / "b" / "hand.dcm"], out), hands, out, ("json",)))
    assert second[0].status == "refused"
    assert "holds the reading of another exam" in str(second[0].reason)
    assert (out / "hand" / "reading.json").is_file()


def test_one_rule_for_what_a_folder_holds(tmp_path: Path, hands: Reader) -> None:
    """Reading one exam into a folder of its own refuses what reading many refuses, and may replace its own reading."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    shutil.copy(EXAM, tmp_path / "a" / "hand.dcm")
    shutil.copy(EXAM, tmp_path / "a" / "copy.dcm")
    out = tmp_path / "out"
    first = read_exam(tmp_path / "a" / "hand.dcm", hands, out, ("json",))
    assert read_exam(tmp_path / "a" / "hand.dcm", hands, out, ("json",)).status == "read"
    assert read_exam(tmp_path / "a" / "copy.dcm", hands, out, ("json",)).status == "read", "the same file under another name"
    other = bytearray(EXAM.read_bytes())
    other[:128] = b"another exam".ljust(128)
    (tmp_path / "b" / "hand.dcm").write_bytes(other)
    before = (out / "reading.json").read_bytes()
    with pytest.raises(InputError, match="holds the reading of another exam"):
        read_exam(tmp_path / "b" / "hand.dcm", hands, out, ("json",))
    assert (out / "reading.json").read_bytes() == before
    assert first.folder == out
    with pytest.raises(InputError, match="name a new one"):
        read_exam(EXAM, hands, "")


@pytest.mark.parametrize("damage", ["added", "changed", "folder"])
def test_what_a_person_put_into_the_folder_or_changed_there_is_never_deleted(tmp_path: Path, hands: Reader, damage: str) -> None:
    shutil.copy(EXAM, tmp_path / "hand.dcm")
    exams, out = exams_for([tmp_path / "hand.dcm"], tmp_path / "out"), tmp_path / "out"
    list(read_exams(exams, hands, out, ("json", "csv")))
    (out / "hand" / ".DS_Store").write_bytes(b"looked at")
    assert [o.status for o in read_exams(exams, hands, out, ("json", "csv"), again=True)] == ["read"]
    mine = {"added": "mychanges.csv", "changed": "readings.csv", "folder": "mine/notes.txt"}[damage]
    (out / "hand" / mine).parent.mkdir(exist_ok=True)
    (out / "hand" / mine).write_text("years of work")
    for again, kinds in ((True, ("json", "csv")), (False, ("json", "csv", "page"))):
        outcome = next(iter(read_exams(exams, hands, out, kinds, again=again)))
        assert (outcome.status, outcome.stopped) == ("refused", True)
        assert mine.split("/")[0] in str(outcome.reason)
        assert "choose another folder with -o" in str(outcome.reason)
    assert (out / "hand" / mine).read_text() == "years of work"
    assert (out / "hand" / "reading.json").is_file()


COUNT = 7


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Several exams to read."""
    for number in range(COUNT):
        shutil.copy(EXAM, tmp_path / f"exam{number}.dcm")
    return tmp_path


def started(desk: Path, *words: str) -> "subprocess.Popen[str]":
    """`coread read` of all exams of a desk, in two processes that form a group of their own, as a terminal would start them."""
    exams = [f"exam{number}.dcm" for number in range(COUNT)]
    return subprocess.Popen(
        [sys.executable, "-m", "coread", "read", *exams, "-o", "out", "--write", "json,csv", "--jobs", "2", *words],
        cwd=desk,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell starts what runs in the background with Ctrl-C ignored, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def whole(out: Path) -> list[str]:
    """The names of the exam folders, each holding what its record says, to the byte."""
    folders = sorted(p for p in out.iterdir() if not p.name.startswith("."))
    for folder in folders:
        record = json.loads((folder / "run.json").read_text())
        assert record["status"] == "read"
        assert {p.name for p in folder.iterdir()} == {"reading.json", "readings.csv", "run.json"}
        for name, digest in record["outputs"].items():
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    return [folder.name for folder in folders]


def finished(desk: Path) -> None:
    """A second run reads the rest, keeps what is there, and leaves nothing else."""
    kept = {name: (desk / "out" / name / "reading.json").stat().st_mtime_ns for name in whole(desk / "out")}
    assert 0 < len(kept) < COUNT
    again = started(desk)
    said, wrong = again.communicate(timeout=120)
    assert again.returncode == 0, wrong
    assert said.count("already read") == len(kept)
    assert len(whole(desk / "out")) == COUNT
    assert all((desk / "out" / name / "reading.json").stat().st_mtime_ns == at for name, at in kept.items())
    assert not list((desk / "out").glob(".*"))


def test_ctrl_c_leaves_whole_exams_and_the_same_command_goes_on(desk: Path) -> None:
    run = started(desk)
    assert run.stdout is not None
    run.stdout.readline()
    os.killpg(run.pid, signal.SIGINT)
    _, wrong = run.communicate(timeout=60)
    assert run.returncode == 130
    assert wrong == "coread: stopped; what was finished is kept, the same command goes on from there\n"
    assert not list((desk / "out").glob(".*"))
    finished(desk)


@pytest.mark.parametrize("everyone", [False, True])
def test_a_terminated_run_clears_up_as_after_ctrl_c(everyone: bool, desk: Path) -> None:
    """As a job scheduler ends it: the first process alone, or all of them."""
    run = started(desk)
    assert run.stdout is not None
    run.stdout.readline()
    (os.killpg if everyone else os.kill)(run.pid, signal.SIGTERM)
    _, wrong = run.communicate(timeout=60)
    assert run.returncode == 143
    assert wrong == "coread: stopped; what was finished is kept, the same command goes on from there\n"
    assert not list((desk / "out").glob(".*"))
    finished(desk)


def test_ctrl_c_before_the_helper_stands_is_as_quiet(desk: Path) -> None:
    run = started(desk)
    deadline = time.monotonic() + 60
    while not list(desk.glob("out/.*.part")) and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(run.pid, signal.SIGINT)
    _, wrong = run.communicate(timeout=60)
    assert run.returncode == 130
    assert wrong == "coread: stopped; what was finished is kept, the same command goes on from there\n"
    assert not list((desk / "out").glob(".*"))


def test_a_killed_run_takes_its_helpers_along_and_the_next_one_clears_up(desk: Path) -> None:
    run = started(desk)
    assert run.stdout is not None
    run.stdout.readline()
    deadline = time.monotonic() + 60
    while not list((desk / "out").glob(".*.part/*")) and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(run.pid, signal.SIGKILL)
    # The pipes close once nobody holds them any more, so this waits for the helpers too.
    run.communicate(timeout=30)
    assert list((desk / "out").glob(".*.part")), "killed in the middle of an exam"
    finished(desk)


def test_two_runs_on_one_output_do_not_mix(desk: Path) -> None:
    runs = [started(desk), started(desk)]
    for run in runs:
        _, wrong = run.communicate(timeout=120)
        lines = [line for line in wrong.splitlines() if line]
        assert all("another run is writing" in line and "wait for it" in line for line in lines), wrong
        assert run.returncode == (1 if lines else 0)
    assert len(whole(desk / "out")) == COUNT
    assert not list((desk / "out").glob(".*"))
