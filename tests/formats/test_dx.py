"""DX objects: valid for dciodvfy, read back as the same radiograph."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes

from coread.errors import InputError
from coread.formats.dicom_modules import REGIONS, VIEWS
from coread.formats.dx import write_dx
from coread.formats.open import open_study
from coread.geometry import Grid
from coread.study import Image, Study
from tests.formats.radiographs import ramp

Program = Callable[[str], str]
FACTS = {"modality": "DX", "body_part": "HAND", "view": "PA", "laterality": "L", "manufacturer": "Coread simulator", "kvp": "50"}


def simulated(**facts: str) -> Study:
    pixels = (ramp() / 4095).astype(np.float32)
    said = {key: value for key, value in (FACTS | facts).items() if value}
    image = Image(
        axes=("y", "x"), shape=pixels.shape, load=lambda: pixels, grid=Grid((0.1, 0.12), "simulated"), source="simulated", facts=said
    )
    return Study(uid="2.25.17", images=(image,), source="simulated", patient="SIMULATED", age_years=54, sex="F", date="2024-03-31")


def complaints(program: Program, path: Path) -> list[str]:
    """The lines of dciodvfy that begin with Error; its exit status says nothing."""
    done = subprocess.run([program("dciodvfy"), path], capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).splitlines()
    assert any("DXImageForPresentation" in line for line in said)
    return [line for line in said if line.startswith("Error")]


@pytest.mark.parametrize("bits", [8, 12, 14, 16])
@pytest.mark.parametrize("compress", [False, True])
def test_dciodvfy_finds_no_error(tmp_path: Path, program: Program, bits: int, compress: bool) -> None:
    write_dx(simulated(), 0, tmp_path / "dx.dcm", bits, compress)
    assert complaints(program, tmp_path / "dx.dcm") == []


@pytest.mark.parametrize(
    "facts",
    [
        {"laterality": "R"},
        {"laterality": "B"},
        {"laterality": ""},
        {"body_part": "FOOT", "view": "AP", "patient_orientation": "L\\F"},
        {"body_part": "a part with a long name", "view": "", "patient_orientation": "L\\F"},
        {"kvp": "about fifty", "manufacturer": "", "burned_in": "YES"},
    ],
)
def test_dciodvfy_finds_no_error_whatever_the_facts(tmp_path: Path, program: Program, facts: dict[str, str]) -> None:
    write_dx(simulated(**facts), 0, tmp_path / "dx.dcm")
    assert complaints(program, tmp_path / "dx.dcm") == []


@pytest.mark.parametrize("keyword", ["ImageLaterality", "PresentationLUTShape", "PixelIntensityRelationshipSign", "WindowCenter"])
def test_dciodvfy_notices_a_broken_one(tmp_path: Path, program: Program, keyword: str) -> None:
    write_dx(simulated(), 0, tmp_path / "dx.dcm")
    dataset = pydicom.dcmread(tmp_path / "dx.dcm")
    del dataset[keyword]
    dataset.save_as(tmp_path / "broken.dcm")
    assert complaints(program, tmp_path / "broken.dcm")


@pytest.mark.parametrize("bits", [8, 12, 14, 16])
@pytest.mark.parametrize("compress", [False, True])
def test_read_back_it_is_the_same_radiograph(tmp_path: Path, bits: int, compress: bool) -> None:
    study = simulated()
    uid = write_dx(study, 0, tmp_path / "dx.dcm", bits, compress)
    back = open_study(tmp_path / "dx.dcm")
    image = back.images[0]
    np.testing.assert_allclose(image.pixels, study.images[0].pixels, atol=0.51 / (2**bits - 1))
    assert image.uid == uid
    assert image.grid.spacing_mm == pytest.approx((0.1, 0.12))
    assert FACTS.items() <= image.facts.items()
    assert (back.uid, back.patient, back.side, back.side_source) == ("2.25.17", "SIMULATED", "left", "tag")
    assert (back.age_years, back.sex, back.date) == (54, "F", "2024-03-31")
    assert back.warnings == ()


def test_dcmtk_sees_the_same_picture(tmp_path: Path, program: Program) -> None:
    write_dx(simulated(), 0, tmp_path / "dx.dcm")
    subprocess.run([program("dcm2pnm"), "+op", "+Wi", "1", tmp_path / "dx.dcm", tmp_path / "dx.pgm"], check=True, capture_output=True)
    header, _, rest = (tmp_path / "dx.pgm").read_bytes().partition(b"\n255\n")
    assert header.startswith(b"P5")
    seen = np.frombuffer(rest, np.uint8).reshape(48, 64) / 255
    np.testing.assert_allclose(seen, simulated().images[0].pixels, atol=1.1 / 255)


def test_the_uid_follows_from_the_content(tmp_path: Path) -> None:
    first = write_dx(simulated(), 0, tmp_path / "1.dcm")
    assert write_dx(simulated(), 0, tmp_path / "2.dcm") == first
    assert (tmp_path / "1.dcm").read_bytes() == (tmp_path / "2.dcm").read_bytes()
    assert write_dx(simulated(laterality="R"), 0, tmp_path / "3.dcm") != first
    assert write_dx(simulated(), 0, tmp_path / "4.dcm", 14) != first


def test_codes_are_those_of_the_code_lists() -> None:
    for body_part, concept in (("HAND", codes.SCT.Hand), ("FOOT", codes.SCT.Foot), ("WRIST", codes.SCT.WristJoint)):
        assert REGIONS[body_part] == (concept.value, concept.meaning)
    for view, concept in (("PA", codes.cid4010.PosteroAnterior), ("AP", codes.cid4010.AnteroPosterior)):
        assert VIEWS[view] == (concept.value, concept.meaning)


def test_what_cannot_become_one_is_refused(tmp_path: Path) -> None:
    study = simulated()
    bare = replace(study, images=(replace(study.images[0], grid=None),))
    with pytest.raises(InputError, match="has no pixel spacing"):
        write_dx(bare, 0, tmp_path / "dx.dcm")
    with pytest.raises(InputError, match="bits must be 8 to 16, got 7"):
        write_dx(study, 0, tmp_path / "dx.dcm", 7)
    with pytest.raises(InputError, match="patient_orientation"):
        write_dx(simulated(body_part="FOOT"), 0, tmp_path / "dx.dcm")
    with pytest.raises(InputError, match="cannot be written"):
        write_dx(study, 0, tmp_path / "no" / "dx.dcm")
    colour = Image(axes=("y", "x", "c"), shape=(2, 2, 3), load=lambda: np.zeros((2, 2, 3), np.float32), source="photo.png")
    with pytest.raises(InputError, match=r"photo\.png: has the axes y, x, c"):
        write_dx(replace(study, images=(colour,)), 0, tmp_path / "dx.dcm")
