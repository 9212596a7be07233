import json
import shutil
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
from coread.run import exam_names, exams_for, read_exams

ALWAYS = {name for kind, name in NAMES.items() if kind != "seg"}  # there is no segmentation of nothing
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
    assert {p.name for p in folder.iterdir()} == {*ALWAYS, "run.json"}
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


def test_totals_add_up_and_erosion_is_not_assessed(done: Path) -> None:
    whole = read_json(done / "out" / "good" / NAMES["json"])
    for side in ("left", "right"):
        graded = [f.grade for f in whole.findings if f.side == side and f.grade is not None]
        assert whole.total(f"hand_{side}_narrowing").value == sum(graded)
        total = whole.total(f"hand_{side}_narrowing")
        assert total.low is not None
        assert total.high is not None
        assert 0 <= total.low <= total.value <= total.high <= total.maximum == 60
    erosions = [f for f in whole.findings if f.feature == "erosion"]
    assert len(erosions) == 32
    assert all(f.grade is None and str(f.unreadable).startswith("not assessed") for f in erosions)
    assert not [name for name in whole.totals if "erosion" in name or name in ("hand_left", "hands", "all")]


def test_the_record_says_what_was_done(done: Path) -> None:
    record = json.loads((done / "out" / "good" / "run.json").read_text())
    assert record["status"] == "read"
    assert record["card"]["id"] == "hand_svdh"
    assert set(record["outputs"]) == ALWAYS
    assert record["segmentation"] == []
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
