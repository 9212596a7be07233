"""Plain images as Secondary Captures: the same pixels, the same patient, the same UIDs each time, valid for dciodvfy."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image as Pillow

from coread.errors import InputError
from coread.formats.open import open_study
from coread.formats.secondary_capture import write_secondary_capture
from coread.study import Image, Study
from tests.formats.radiographs import radiograph, ramp, write

Program = Callable[[str], str]
SIDECAR = (
    'patient = "Ärztin 7"\nside = "left"\nspacing_mm = [0.1, 0.12]\nage_years = 61.5\nsex = "F"\ndate = 2024-03-31\nbody_part = "HAND"'
)
KINDS = {
    "8 bits": ramp(highest=255).astype(np.uint8),
    "16 bits": ramp(highest=65535),
    "12 bits": ramp(),
    "colour": np.random.default_rng(4).integers(0, 256, (48, 63, 3), dtype=np.uint8),
    "odd": ramp(45, 63, 255).astype(np.uint8),
}


def plain(folder: Path, kind: str = "8 bits", sidecar: str = SIDECAR) -> Study:
    Pillow.fromarray(KINDS[kind]).save(folder / "hand.png")
    (folder / "hand.toml").write_text(sidecar, encoding="utf-8")
    return open_study(folder / "hand.png")


def complaints(program: Program, path: Path) -> list[str]:
    """The lines of dciodvfy that begin with Error; its exit status says nothing."""
    done = subprocess.run([program("dciodvfy"), path], capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).splitlines()
    assert any("SCImage" in line for line in said)
    return [line for line in said if line.startswith("Error")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sidecar", [SIDECAR, "", 'side = "both"\nspacing_mm = 0.1'])
def test_dciodvfy_finds_no_error(tmp_path: Path, program: Program, kind: str, sidecar: str) -> None:
    write_secondary_capture(plain(tmp_path, kind, sidecar), 0, tmp_path / "sc.dcm")
    assert complaints(program, tmp_path / "sc.dcm") == []


def test_dciodvfy_notices_a_broken_one(tmp_path: Path, program: Program) -> None:
    write_secondary_capture(plain(tmp_path), 0, tmp_path / "sc.dcm")
    dataset = pydicom.dcmread(tmp_path / "sc.dcm")
    del dataset.ConversionType
    dataset.save_as(tmp_path / "broken.dcm")
    assert any("ConversionType" in line for line in complaints(program, tmp_path / "broken.dcm"))


@pytest.mark.parametrize("kind", KINDS)
def test_read_back_it_is_the_same_exam(tmp_path: Path, kind: str) -> None:
    study = plain(tmp_path, kind)
    capture = write_secondary_capture(study, 0, tmp_path / "sc.dcm")
    back = open_study(capture.path)
    np.testing.assert_allclose(back.images[0].pixels, study.images[0].pixels, atol=1e-6)
    assert back.images[0].axes == study.images[0].axes
    assert (back.uid, back.patient, back.date, back.sex, back.side) == (study.uid, "Ärztin 7", "2024-03-31", "F", "left")
    assert back.age_years == 61
    assert back.images[0].grid.spacing_mm == pytest.approx((0.1, 0.12))
    assert back.images[0].facts["body_part"] == "HAND"
    assert (back.images[0].uid, back.images[0].sop_class) == (capture.uid, capture.sop_class)
    dataset = pydicom.dcmread(capture.path)
    assert (dataset.StudyInstanceUID, dataset.SeriesInstanceUID) == (capture.study_uid, capture.series_uid)
    assert dataset.BitsStored == {"16 bits": 16, "12 bits": 12}.get(kind, 8)
    assert str(dataset.PatientName) == ""


def test_dcmtk_sees_the_same_picture(tmp_path: Path, program: Program) -> None:
    write_secondary_capture(plain(tmp_path), 0, tmp_path / "sc.dcm")
    subprocess.run([program("dcm2pnm"), "+op", "+Wi", "1", tmp_path / "sc.dcm", tmp_path / "sc.pgm"], check=True, capture_output=True)
    seen = np.asarray(Pillow.open(tmp_path / "sc.pgm"))
    np.testing.assert_array_equal(seen, KINDS["8 bits"])


def test_the_same_image_is_the_same_object_and_another_is_not(tmp_path: Path) -> None:
    first = write_secondary_capture(plain(tmp_path), 0, tmp_path / "1.dcm")
    again = write_secondary_capture(plain(tmp_path), 0, tmp_path / "2.dcm")
    assert (first.uid, first.series_uid, first.study_uid) == (again.uid, again.series_uid, again.study_uid)
    assert (tmp_path / "1.dcm").read_bytes() == (tmp_path / "2.dcm").read_bytes()
    (tmp_path / "other").mkdir()
    assert write_secondary_capture(plain(tmp_path / "other"), 0, tmp_path / "3.dcm").uid == first.uid
    others = [
        write_secondary_capture(plain(tmp_path, sidecar=SIDECAR.replace("left", "right")), 0, tmp_path / "4.dcm"),
        write_secondary_capture(plain(tmp_path, sidecar=SIDECAR.replace("7", "8")), 0, tmp_path / "5.dcm"),
        write_secondary_capture(plain(tmp_path, "16 bits"), 0, tmp_path / "6.dcm"),
    ]
    assert len({first.uid, *(other.uid for other in others)}) == 4


def test_images_of_one_study_are_one_series(tmp_path: Path) -> None:
    for name, values in (("a", KINDS["8 bits"]), ("b", KINDS["8 bits"][::-1])):
        Pillow.fromarray(values).save(tmp_path / f"{name}.png")
    (tmp_path / "study.toml").write_text('patient = "7"')
    study = open_study(tmp_path)
    (tmp_path / "out").mkdir()
    captures = [write_secondary_capture(study, index, tmp_path / "out" / f"{index}.dcm") for index in (0, 1)]
    assert captures[0].uid != captures[1].uid
    assert captures[0].series_uid == captures[1].series_uid
    assert len(open_study(tmp_path / "out").images) == 2


def test_what_cannot_become_one_is_refused(tmp_path: Path) -> None:
    dicom = open_study(write(tmp_path / "a.dcm", radiograph()))
    with pytest.raises(InputError, match="is a DICOM object already"):
        write_secondary_capture(dicom, 0, tmp_path / "sc.dcm")
    volume = Image(axes=("z", "y", "x"), shape=(2, 2, 2), load=lambda: np.zeros((2, 2, 2), np.float32), source="v.nii")
    with pytest.raises(InputError, match=r"v\.nii: has the axes z, y, x"):
        write_secondary_capture(replace(dicom, images=(volume,)), 0, tmp_path / "sc.dcm")
    with pytest.raises(InputError, match="cannot be written"):
        write_secondary_capture(plain(tmp_path), 0, tmp_path / "no" / "where" / "sc.dcm")
