"""Programs that are not ours judge a SEG, and each is shown to notice a broken one."""

import json
import subprocess
import urllib.error
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from coread.formats.seg import outlined, write_seg
from coread.readers import study_ref
from coread.reading import ReaderRef
from tests.formats.archive import Archive
from tests.formats.sr_examples import reading, study
from tests.programs import program

KINDS = ("model", "person", "without spacing", "colour film")


@pytest.fixture(params=KINDS)
def seg_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    exam = study(patient="Ж-12")
    if request.param == "without spacing":
        exam = replace(exam, images=(replace(exam.images[0], grid=None),))
    if request.param == "colour film":
        exam = replace(exam, images=(replace(exam.images[0], axes=("y", "x", "c"), shape=(301, 243, 3)),))
    whole = replace(reading(exam), study=study_ref(exam))
    if request.param == "person":
        whole = replace(whole, reader=ReaderRef("person", "Åsa Öberg"), basis="2.25.4000")
    write_seg(whole, tmp_path / "seg.dcm", exam)
    return tmp_path / "seg.dcm"


def _broken(seg_file: Path, damage: Callable[[Dataset], None]) -> Path:
    ds = pydicom.dcmread(seg_file)
    damage(ds)
    path = seg_file.with_name("broken.dcm")
    ds.save_as(path)
    return path


def _no_type(ds: Dataset) -> None:
    del ds.SegmentSequence[0].SegmentedPropertyTypeCodeSequence


def _no_kind(ds: Dataset) -> None:
    del ds.SegmentationType


def _no_frames(ds: Dataset) -> None:
    del ds.PerFrameFunctionalGroupsSequence


# dicom3tools


def _dciodvfy_errors(path: Path) -> list[str]:
    """It ends with 0 whatever it finds; what it finds stands in its lines."""
    done = subprocess.run([program("dciodvfy"), str(path)], capture_output=True, text=True, timeout=60, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    assert "Segmentation" in lines
    return [line for line in lines if line.startswith("Error")]


def test_dciodvfy_finds_no_error(seg_file: Path) -> None:
    assert _dciodvfy_errors(seg_file) == []


@pytest.mark.parametrize(
    ("damage", "missing"),
    [
        (_no_type, "SegmentedPropertyTypeCodeSequence"),
        (_no_kind, "SegmentationType"),
        (_no_frames, "PerFrameFunctionalGroupsSequence"),
    ],
)
def test_dciodvfy_notices_what_is_missing(seg_file: Path, damage: Callable[[Dataset], None], missing: str) -> None:
    assert any(missing in line for line in _dciodvfy_errors(_broken(seg_file, damage)))


# dcmtk


def _dcmdump(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program("dcmdump"), str(path)], capture_output=True, text=True, timeout=60, check=False)


def test_dcmdump_reads_it_to_its_end_and_notices_a_cut_one(seg_file: Path) -> None:
    done = _dcmdump(seg_file)
    assert (done.returncode, done.stderr) == (0, "")
    assert "=SegmentationStorage" in done.stdout
    assert done.stdout.count("TrackingUID") == len(pydicom.dcmread(seg_file).SegmentSequence)
    cut = seg_file.with_name("cut.dcm")
    cut.write_bytes(seg_file.read_bytes()[:-500])
    assert "E:" in _dcmdump(cut).stderr


# highdicom


def test_highdicom_reads_back_what_was_outlined(seg_file: Path) -> None:
    seg = hd.seg.segread(seg_file)
    source = seg.get_source_image_uids()[0][2]
    pixels = seg.get_pixels_by_source_instance([source], combine_segments=False, ignore_spatial_locations=True)[0]
    findings = outlined(reading(study()))[0]
    assert [s.SegmentLabel for s in seg.SegmentSequence] == [f.label for f in findings]
    for number, finding in enumerate(findings):
        assert finding.evidence is not None
        corners = np.concatenate([np.asarray(outline) for outline in finding.evidence.lesions_px])
        rows, columns = np.nonzero(pixels[:, :, number])
        assert len(rows)
        assert corners[:, 0].min() - 0.51 <= columns.min() <= columns.max() <= corners[:, 0].max() + 0.51
        assert corners[:, 1].min() - 0.51 <= rows.min() <= rows.max() <= corners[:, 1].max() + 0.51


def test_highdicom_notices_another_class_and_a_missing_segment(seg_file: Path) -> None:
    def other_class(ds: Dataset) -> None:
        ds.SOPClassUID = pydicom.uid.SecondaryCaptureImageStorage

    def no_segments(ds: Dataset) -> None:
        del ds.SegmentSequence

    for damage in (other_class, no_segments):
        with pytest.raises((ValueError, AttributeError)):
            hd.seg.segread(_broken(seg_file, damage))


# Orthanc


def test_orthanc_stores_it_and_gives_it_back(seg_file: Path, archive: Archive, tmp_path: Path) -> None:
    ds = pydicom.dcmread(seg_file)
    answer = json.loads(archive.ask("/instances", seg_file.read_bytes()))
    assert answer["Status"] in ("Success", "AlreadyStored")
    assert json.loads(archive.ask(f"/instances/{answer['ID']}/simplified-tags"))["Modality"] == "SEG"
    parent = json.loads(archive.ask(f"/studies/{answer['ParentStudy']}"))
    assert parent["MainDicomTags"]["StudyInstanceUID"] == study().uid
    returned = tmp_path / "returned.dcm"
    returned.write_bytes(archive.ask(f"/instances/{answer['ID']}/file"))
    assert pydicom.dcmread(returned).SOPInstanceUID == ds.SOPInstanceUID
    assert json.loads(archive.ask(f"/instances/{answer['ID']}/frames")) == list(range(ds.NumberOfFrames))
    archive.ask(f"/instances/{answer['ID']}", method="DELETE")


def test_orthanc_refuses_a_cut_one(seg_file: Path, archive: Archive) -> None:
    with pytest.raises(urllib.error.HTTPError) as refusal:
        archive.ask("/instances", seg_file.read_bytes()[:300])
    refusal.value.close()
