"""What a person makes of a reading, from the command line: corrected and signed copies, whole or not at all."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pydicom
import pytest

from coread.errors import InputError
from coread.formats.reading_json import read_json, write_json
from coread.formats.sr import read_sr
from coread.output import save
from coread.readers import reader
from coread.run import read_exam
from coread.run_person import correct, sign, write_revision

PLACE = "MCP 2,left,joint_space_narrowing"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled exam, read by the model, with a changed copy of its sheet."""
    folder = tmp_path_factory.mktemp("desk")
    shutil.copy(Path(str(files("coread").joinpath("examples", "hand.dcm"))), folder / "hand.dcm")
    read_exam(folder / "hand.dcm", reader("hand_svdh"), folder / "out", ("json", "csv"))
    lines = (folder / "out" / "readings.csv").read_text().splitlines()
    for number, line in enumerate(lines):
        head, _, tail = line.partition(f",{PLACE},,")
        if tail:
            lines[number] = f"{head},{PLACE},,{'0' if tail[0] != '0' else '1'}{tail[1:]}"
    (folder / "sheet.csv").write_text("\n".join(lines) + "\n")
    return folder


def coread(desk: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "coread", *words], cwd=desk, capture_output=True, text=True, timeout=120, check=False)


def test_correct_then_sign_leaves_two_readings_that_follow_the_first(desk: Path, tmp_path: Path) -> None:
    model = read_json(desk / "out" / "reading.json")
    done = coread(desk, "correct", "out/reading.json", "sheet.csv", "--reader", "Dr A", "-o", str(tmp_path / "corrected"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 finding corrected by Dr A" in done.stdout
    assert "MCP 2 left joint space narrowing: " in done.stdout
    assert "total hand left narrowing: " in done.stdout
    corrected = read_json(tmp_path / "corrected" / "reading.json")
    assert corrected.basis == model.uid
    assert read_sr(tmp_path / "corrected" / "sr.dcm") == corrected
    record = json.loads((tmp_path / "corrected" / "run.json").read_text())
    assert (record["status"], record["by"], record["basis"]["reading"]) == ("corrected", "Dr A", model.uid)
    assert record["changed"] == ["MCP 2 left joint space narrowing"]
    assert set(record["outputs"]) == {"reading.json", "readings.csv", "sr.dcm", "seg.dcm", "page.html", "page.pdf"}

    done = coread(desk, "sign", str(tmp_path / "corrected" / "reading.json"), "--reader", "Dr B", "-o", str(tmp_path / "signed"))
    assert (done.returncode, done.stderr) == (0, "")
    copy = read_json(tmp_path / "signed" / "reading.json")
    assert (copy.basis, copy.status, copy.reader.id, copy.findings) == (corrected.uid, "signed", "Dr A", corrected.findings)
    assert copy.signature is not None
    assert copy.signature.by == "Dr B"
    ds = pydicom.dcmread(tmp_path / "signed" / "sr.dcm")
    assert (ds.VerificationFlag, ds.VerifyingObserverSequence[0].VerifyingObserverName) == ("VERIFIED", "Dr B")
    page = (tmp_path / "signed" / "page.html").read_text()
    assert "unverified" not in page
    assert "Dr B" in page


def test_a_signed_reading_that_is_altered_is_refused_in_one_sentence(desk: Path, tmp_path: Path) -> None:
    path = write_json(sign(desk / "out" / "reading.json", "Dr B").reading, tmp_path / "reading.json")
    path.write_text(path.read_text().replace('"grade": 0,', '"grade": 1,', 1))
    done = coread(desk, "report", str(path), "-o", str(tmp_path / "page.html"))
    assert done.returncode == 1
    assert "is not what Dr B signed" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "page.html").exists()


def test_one_file_by_its_suffix(desk: Path, tmp_path: Path) -> None:
    revision = correct(desk / "out" / "reading.json", desk / "sheet.csv", "Dr A", desk / "hand.dcm")
    for name in ("page.html", "sr.dcm", "reading.json"):
        assert write_revision(revision, tmp_path / name) == [tmp_path / name]
    assert read_sr(tmp_path / "sr.dcm") == revision.reading


def test_nothing_is_left_of_a_refused_one(desk: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text((desk / "sheet.csv").read_text().replace(f"{PLACE},,", f"{PLACE},,7", 1))
    done = coread(desk, "correct", "out/reading.json", str(tmp_path / "bad.csv"), "--reader", "Dr A", "-o", str(tmp_path / "new"))
    assert done.returncode == 1
    assert "column grade" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert {p.name for p in tmp_path.iterdir()} == {"bad.csv"}


def test_the_folder_of_the_model_is_never_replaced_but_an_earlier_revision_is(desk: Path, tmp_path: Path) -> None:
    revision = sign(desk / "out" / "reading.json", "Dr B")
    with pytest.raises(InputError, match="holds no corrected or signed reading"):
        write_revision(revision, desk / "out", ("json",))
    for _ in range(2):
        write_revision(revision, tmp_path / "signed", ("json",))
    assert {p.name for p in (tmp_path / "signed").iterdir()} == {"reading.json", "run.json"}


def test_the_folder_that_holds_the_reading_or_what_a_person_put_there_is_not_replaced(desk: Path, tmp_path: Path) -> None:
    write_revision(correct(desk / "out" / "reading.json", desk / "sheet.csv", "Dr A"), tmp_path / "c1", ("json", "csv"))
    before = (tmp_path / "c1" / "reading.json").read_bytes()
    done = coread(desk, "sign", str(tmp_path / "c1" / "reading.json"), "--reader", "Dr B", "-o", str(tmp_path / "c1"))
    assert done.returncode == 1
    assert "which the output is made from" in done.stderr
    assert (tmp_path / "c1" / "reading.json").read_bytes() == before
    (tmp_path / "c1" / "mine.csv").write_text("my grades")
    with pytest.raises(InputError, match=r"holds mine\.csv, which Coread did not write"):
        write_revision(sign(desk / "out" / "reading.json", "Dr B"), tmp_path / "c1", ("json",))
    assert (tmp_path / "c1" / "mine.csv").read_text() == "my grades"


def test_without_the_exam_there_is_no_sr_and_with_another_a_refusal(desk: Path, tmp_path: Path) -> None:
    whole = read_json(desk / "out" / "reading.json")
    away = write_json(replace(whole, study=replace(whole.study, source="gone/hand.dcm")), tmp_path / "reading.json")
    revision = sign(away, "Dr B")
    assert revision.study is None
    assert {p.name for p in write_revision(revision, tmp_path / "out")} == {
        "reading.json",
        "readings.csv",
        "page.html",
        "page.pdf",
        "run.json",
    }
    with pytest.raises(InputError, match="give the exam with --exam"):
        write_revision(revision, tmp_path / "out2", ("json", "sr"))
    assert sign(away, "Dr B", desk / "hand.dcm").study is not None
    ds = pydicom.dcmread(desk / "hand.dcm")
    ds.StudyInstanceUID = "2.25.99"
    ds.save_as(tmp_path / "other.dcm")
    with pytest.raises(InputError, match="give the exam that was read"):
        sign(away, "Dr B", tmp_path / "other.dcm")


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SOPInstanceUID", "PatientID"])
def test_every_command_refuses_another_exam_and_the_right_one_passes(desk: Path, tmp_path: Path, keyword: str) -> None:
    ds = pydicom.dcmread(desk / "hand.dcm")
    setattr(ds, keyword, "2.25.99")
    if keyword == "SOPInstanceUID":
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.save_as(tmp_path / "other.dcm")
    shutil.copy(desk / "hand.dcm", tmp_path / "moved.dcm")
    for words in (
        ("report", "out/reading.json"),
        ("sign", "out/reading.json", "--reader", "Dr B"),
        ("correct", "out/reading.json", "sheet.csv", "--reader", "Dr B"),
    ):
        for exam, code in (("other.dcm", 1), ("moved.dcm", 0)):
            done = coread(desk, *words, "--exam", str(tmp_path / exam), "-o", str(tmp_path / f"{words[0]}.html"))
            assert done.returncode == code, done.stderr
            assert (tmp_path / f"{words[0]}.html").exists() is (code == 0)
        assert "give the exam that was read" in coread(desk, *words, "--exam", str(tmp_path / "other.dcm"), "-o", "x.html").stderr


def test_a_sheet_that_names_a_patient_on_an_exam_that_names_none_says_so_on_the_page(tmp_path: Path) -> None:
    ds = pydicom.dcmread(str(files("coread").joinpath("examples", "hand.dcm")))
    ds.PatientID = ""
    ds.save_as(tmp_path / "hand.dcm")
    (tmp_path / "sheet.csv").write_text("study,patient,reader,system,site,side,feature,grade\nx,P-1,Dr A,svdh,MCP 2,left,erosion,1\n")
    done = coread(tmp_path, "report", "sheet.csv", "--exam", "hand.dcm", "-o", "page.html")
    assert done.returncode == 0, done.stderr
    assert "he exam states no patient: that it is of patient P-1" in (tmp_path / "page.html").read_text()


def test_a_signed_reading_is_not_signed_again_and_can_be_corrected(desk: Path, tmp_path: Path) -> None:
    path = write_json(sign(desk / "out" / "reading.json", "Dr B").reading, tmp_path / "reading.json")
    with pytest.raises(InputError, match="is signed already, by Dr B"):
        sign(path, "Dr C")
    corrected = correct(path, desk / "sheet.csv", "Dr C").reading
    assert (corrected.status, corrected.signature, corrected.basis) == ("unverified", None, read_json(path).uid)


def test_an_sr_is_signed_as_well(desk: Path, tmp_path: Path) -> None:
    revision = sign(desk / "out" / "reading.json", "Dr B")
    save(revision.basis, tmp_path / "sr.dcm", revision.study)
    assert sign(tmp_path / "sr.dcm", "Dr B").reading.findings == revision.reading.findings
