"""An output never takes the place of what it is made from, nor of a file that Coread did not write."""

import os
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

import coread
from coread.formats.open import open_study
from coread.formats.table import open_readings, score_sheet, write_table
from coread.output import save, with_images
from coread.output_target import refuse_folder, refuse_target
from coread.reading import Reading
from coread.study import Study

EXAM = Path(str(files("coread").joinpath("examples", "hand.dcm")))


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """The bundled exam and a person's score sheet of it."""
    shutil.copy(EXAM, tmp_path / "g.dcm")
    rows = score_sheet("svdh")
    filled = [row | {"study": "exam1", "reader": "Dr A", "grade": "0"} for row in rows if row["side"] == "left"]
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in filled)]
    (tmp_path / "filled.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


@pytest.fixture
def read(desk: Path) -> tuple[Reading, Study]:
    study = open_study(desk / "g.dcm")
    return with_images(open_readings(desk / "filled.csv")[0], study), study


def run(desk: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "coread", *words], cwd=desk, capture_output=True, text=True, timeout=120, check=False)


def held(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize(
    "words",
    [
        ("report", "filled.csv", "-o", "g.dcm", "--exam", "g.dcm"),
        ("report", "filled.csv", "-o", "filled.csv"),
        ("report", "filled.csv", "-o", "link.csv"),
        ("sign", "filled.csv", "--reader", "Dr B", "-o", "g.dcm", "--exam", "g.dcm"),
        ("sign", "filled.csv", "--reader", "Dr B", "-o", "filled.csv"),
        ("correct", "filled.csv", "changed.csv", "--reader", "Dr B", "-o", "changed.csv"),
        ("correct", "filled.csv", "changed.csv", "--reader", "Dr B", "-o", "g.dcm", "--exam", "g.dcm"),
    ],
)
def test_the_command_line_never_writes_over_an_input(desk: Path, words: tuple[str, ...]) -> None:
    os.link(desk / "filled.csv", desk / "link.csv")
    sheet = (desk / "filled.csv").read_text().replace("exam1", "").replace("MCP 2,left,erosion,,0", "MCP 2,left,erosion,,3")
    (desk / "changed.csv").write_text(sheet)
    before = held(desk)
    done = run(desk, *words)
    assert done.returncode == 1
    assert "is what the output is made from" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert held(desk) == before


def test_the_library_never_writes_over_the_radiograph(desk: Path, read: tuple[Reading, Study]) -> None:
    reading, study = read
    with pytest.raises(coread.InputError, match="is what the output is made from"):
        save(reading, desk / "g.dcm", study)
    assert (desk / "g.dcm").read_bytes() == EXAM.read_bytes()


@pytest.mark.parametrize("name", ["a.html", "a.pdf", "a.json", "a.dcm"])
def test_our_own_file_of_the_same_kind_is_replaced_and_any_other_is_not(desk: Path, read: tuple[Reading, Study], name: str) -> None:
    reading, study = read
    for _ in range(2):
        save(reading, desk / name, study)
    own = held(desk)
    for foreign in (b"years of work", b"", EXAM.read_bytes(), b'{"name": "hand"}', b"%PDF-1.4 of another", b"<html>mine</html>"):
        (desk / name).write_bytes(foreign)
        with pytest.raises(coread.InputError, match=r"exists and is not an? .* of Coread, so it is not replaced"):
            save(reading, desk / name, study)
        assert (desk / name).read_bytes() == foreign
    assert {n: c for n, c in held(desk).items() if n != name} == {n: c for n, c in own.items() if n != name}, "nothing else is left"


def test_a_table_may_hold_what_a_person_filled_in_so_only_the_same_table_is_replaced(desk: Path, read: tuple[Reading, Study]) -> None:
    reading, study = read
    for _ in range(2):
        save(reading, desk / "a.csv", study)
    filled = (desk / "a.csv").read_text().replace("erosion,,0", "erosion,,1", 1)
    (desk / "a.csv").write_text(filled)
    with pytest.raises(coread.InputError, match="may hold what a person filled in"):
        save(reading, desk / "a.csv", study)
    assert (desk / "a.csv").read_text() == filled


def test_the_image_that_an_sr_needs_replaces_no_image_of_others(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("L", (60, 80), 9).save(tmp_path / "hand.png")
    study = open_study(tmp_path / "hand.png")
    write_table([], tmp_path / "sheet.csv")
    (tmp_path / "sheet.csv").write_text("study,reader,system,site,side,feature,grade\nhand,Dr A,svdh,MCP 2,left,erosion,1\n")
    reading = with_images(open_readings(tmp_path / "sheet.csv")[0], study)
    for _ in range(2):
        save(reading, tmp_path / "sr.dcm", study)
    shutil.copy(EXAM, tmp_path / "sr.image1.dcm")
    with pytest.raises(coread.InputError, match="exists and is not an image that Coread wrote"):
        save(reading, tmp_path / "sr.dcm", study)
    assert (tmp_path / "sr.image1.dcm").read_bytes() == EXAM.read_bytes()


def test_a_folder_that_holds_an_input_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "reading.json").write_text("{}")
    (tmp_path / "link").symlink_to(tmp_path / "out")
    for folder in (tmp_path / "out", tmp_path / "link"):
        with pytest.raises(coread.InputError, match="which the output is made from"):
            refuse_folder(folder, [tmp_path / "out" / "reading.json"])
    refuse_folder(tmp_path / "out", [tmp_path / "gone.json", tmp_path])


def test_a_folder_or_a_broken_link_is_no_file_to_write(tmp_path: Path) -> None:
    (tmp_path / "a.html").mkdir()
    (tmp_path / "b.html").symlink_to("gone.html")
    for name in ("a.html", "b.html"):
        with pytest.raises(coread.InputError, match="choose another file with -o"):
            refuse_target(tmp_path / name, "page", ())
