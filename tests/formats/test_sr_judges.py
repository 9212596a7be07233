"""Programs that are not ours judge an SR, and each is shown to notice a broken one."""

import json
import subprocess
import urllib.error
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from coread.formats.sr import read_sr, with_identity, write_sr
from tests.formats.archive import Archive
from tests.formats.sr_examples import person_reading, reading, study
from tests.programs import program

BAD_FILE_FORMAT, INEXISTENT_TAG = 15, 21  # Orthanc's own numbers; the HTTP status differs between its versions
Writer = Callable[[Path], object]


def _model(path: Path) -> object:
    exam = study(images=2)
    return write_sr(reading(exam), path, exam)


def _person(path: Path) -> object:
    exam = study(patient="Ж-12")
    return write_sr(person_reading(exam), path, exam)


def _panel(path: Path) -> object:
    exam = study(patient=None)
    whole = reading(exam)
    return write_sr(replace(whole, reader=replace(whole.reader, kind="panel"), findings=whole.findings[:3], totals={}, read=3), path, exam)


KINDS: dict[str, Writer] = {"model": _model, "person": _person, "panel": _panel}


@pytest.fixture(params=list(KINDS))
def sr_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "sr.dcm"
    KINDS[request.param](path)
    return path


def _broken(sr_file: Path, damage: Callable[[Dataset], None]) -> Path:
    ds = pydicom.dcmread(sr_file)
    damage(ds)
    path = sr_file.with_name("broken.dcm")
    ds.save_as(path)
    return path


def _first_group(ds: Dataset) -> Dataset:
    measurements = next(i for i in ds.ContentSequence if i.ConceptNameCodeSequence[0].CodeValue == "126010")
    group: Dataset = measurements.ContentSequence[0]
    return group


# dicom3tools


def _dciodvfy_errors(path: Path) -> list[str]:
    """It ends with 0 whatever it finds; what it finds stands in its lines."""
    done = subprocess.run([program("dciodvfy"), str(path)], capture_output=True, text=True, timeout=60, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    assert "ComprehensiveSR" in lines
    return [line for line in lines if line.startswith("Error")]


def test_dciodvfy_finds_no_error(sr_file: Path) -> None:
    assert _dciodvfy_errors(sr_file) == []


def test_dciodvfy_notices_a_missing_flag_code_and_series(sr_file: Path) -> None:
    def no_flag(ds: Dataset) -> None:
        del ds.VerificationFlag

    def no_code(ds: Dataset) -> None:
        del next(i for i in _first_group(ds).ContentSequence if i.ValueType == "CODE").ConceptCodeSequence

    def no_series(ds: Dataset) -> None:
        del ds.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0].SeriesInstanceUID

    for damage, missing in ((no_flag, "VerificationFlag"), (no_code, "ConceptCodeSequence"), (no_series, "SeriesInstanceUID")):
        assert any(missing in line for line in _dciodvfy_errors(_broken(sr_file, damage)))


# dcmtk


def _dsrdump(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program("dsrdump"), "+Pf", str(path)], capture_output=True, text=True, timeout=60, check=False)


def test_dsrdump_reads_every_finding(sr_file: Path) -> None:
    done = _dsrdump(sr_file)
    assert done.returncode == 0, done.stderr
    assert not [line for line in done.stderr.splitlines() if line.startswith("E:")]
    found = read_sr(sr_file)
    assert done.stdout.count('"Measurement Group"') == len(found.findings) + len(found.totals)
    assert done.stdout.count('"Probability"') == sum(len(f.probabilities) for f in found.findings)


def test_dsrdump_notices_a_missing_value_type_and_a_relation_that_is_not_allowed(sr_file: Path) -> None:
    def no_type(ds: Dataset) -> None:
        del _first_group(ds).ValueType

    def wrong_relation(ds: Dataset) -> None:
        _first_group(ds).RelationshipType = "HAS PROPERTIES"

    for damage in (no_type, wrong_relation):
        done = _dsrdump(_broken(sr_file, damage))
        assert done.returncode != 0
        assert "E:" in done.stderr


# highdicom


def test_highdicom_finds_the_same_groups_regions_and_numbers(tmp_path: Path) -> None:
    import highdicom as hd

    exam = study(images=2)
    whole = reading(exam)
    write_sr(whole, tmp_path / "sr.dcm", exam)
    report = hd.sr.srread(tmp_path / "sr.dcm").content
    planar = report.get_planar_roi_measurement_groups()
    with_place = [f for f in whole.findings if f.evidence is not None]
    assert len(planar) == len(with_place)
    for group, finding in zip(planar, with_place, strict=True):
        assert group.tracking_identifier == finding.label
        assert group.finding_sites[0].laterality.meaning.lower() == finding.side
        assert group.roi.graphic_type.value == "POINT" if finding.feature == "joint_space_width" else "POLYLINE"
        numbers = [m.value for m in group.get_measurements()]
        assert numbers == [v for v in (finding.grade, finding.value) if v is not None]
    unplaced = report.get_image_measurement_groups()
    assert len(unplaced) == len(whole.findings) - len(with_place) + len(whole.totals)
    assert [m.value for g in unplaced for m in g.get_measurements()] == [t.value for t in whole.totals.values()]
    observer = report.get_observer_contexts()[0].observer_identifying_attributes
    assert (observer.name, observer.serial_number) == ("hand_svdh", whole.reader.card_sha256)
    referring = report.get_planar_roi_measurement_groups(referenced_sop_instance_uid=exam.images[1].uid)
    assert len(referring) == sum(f.evidence is not None and f.evidence.image == 1 for f in whole.findings)


def test_highdicom_reads_the_others(sr_file: Path) -> None:
    import highdicom as hd

    found = read_sr(sr_file)
    report = hd.sr.srread(sr_file).content
    groups = [*report.get_planar_roi_measurement_groups(), *report.get_image_measurement_groups()]
    assert len(groups) == len(found.findings) + len(found.totals)


def test_highdicom_notices_another_template_and_a_number_without_unit(tmp_path: Path) -> None:
    import highdicom as hd

    path = tmp_path / "sr.dcm"
    _person(path)

    def other_template(ds: Dataset) -> None:
        ds.ContentTemplateSequence[0].TemplateIdentifier = "2000"

    def no_unit(ds: Dataset) -> None:
        number = next(i for i in _first_group(ds).ContentSequence if i.ValueType == "NUM")
        del number.MeasuredValueSequence[0].MeasurementUnitsCodeSequence

    assert not isinstance(hd.sr.srread(_broken(path, other_template)).content, hd.sr.MeasurementReport)
    with pytest.raises(AttributeError):
        hd.sr.srread(_broken(path, no_unit))


# Orthanc


def test_orthanc_stores_it_and_gives_it_back(sr_file: Path, archive: Archive, tmp_path: Path) -> None:
    answer = json.loads(archive.ask("/instances", sr_file.read_bytes()))
    assert answer["Status"] in ("Success", "AlreadyStored")
    returned = tmp_path / "returned.dcm"
    returned.write_bytes(archive.ask(f"/instances/{answer['ID']}/file"))
    assert returned.read_bytes() == sr_file.read_bytes()
    assert read_sr(returned) == read_sr(sr_file)
    tags = json.loads(archive.ask(f"/instances/{answer['ID']}/simplified-tags"))
    assert tags["Modality"] == "SR"
    assert tags["PatientID"] == (read_sr(sr_file).study.patient or "")
    assert tags["PatientName"] == ""
    archive.ask(f"/instances/{answer['ID']}/metadata")


def test_orthanc_keeps_it_in_the_study_of_its_images(archive: Archive, tmp_path: Path) -> None:
    exam = study()
    write_sr(replace(reading(exam), uid="2.25.4003"), tmp_path / "sr.dcm", exam)
    answer = json.loads(archive.ask("/instances", (tmp_path / "sr.dcm").read_bytes()))
    parent = json.loads(archive.ask(f"/studies/{answer['ParentStudy']}"))
    assert parent["MainDicomTags"]["StudyInstanceUID"] == exam.uid
    assert read_sr(tmp_path / "sr.dcm") == replace(with_identity(reading(exam), exam), uid="2.25.4003")


def test_orthanc_refuses_a_cut_one_and_one_without_identity(sr_file: Path, archive: Archive) -> None:
    def nameless(ds: Dataset) -> None:
        del ds.SOPInstanceUID

    for bad, reason in ((sr_file.read_bytes()[:300], BAD_FILE_FORMAT), (_broken(sr_file, nameless).read_bytes(), INEXISTENT_TAG)):
        with pytest.raises(urllib.error.HTTPError) as refusal:
            archive.ask("/instances", bad)
        with refusal.value as answer:
            assert json.loads(answer.read())["OrthancStatus"] == reason
