"""An SR holds the whole reading; every error says what to do."""

import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import highdicom as hd
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sr._concepts_dict import concepts

from coread.errors import InputError
from coread.formats import sr_codes, sr_items
from coread.formats.sr import read_sr, with_identity, write_sr
from coread.reading import Evidence, Finding, ImageRef, Interval, ReaderRef, Reading
from coread.reading_signature import signed
from coread.reading_totals import with_totals
from coread.scoring import Code, system, systems
from coread.study import Study
from tests.formats.sr_examples import CARD_SHA256, DX, image, person_reading, reading, study
from tests.programs import program


def _round(whole: Reading, exam: Study, folder: Path) -> Reading:
    write_sr(whole, folder / "sr.dcm", exam)
    return read_sr(folder / "sr.dcm")


def _short(exam: Study) -> Reading:
    """One finding of each kind, and what a total needs beside them, bare."""
    whole = reading(exam)
    kinds = {(f.feature, f.unreadable, f.evidence is None): f for f in whole.findings}
    assert len(kinds) == 4
    shown = {(f.site, f.side, f.feature) for f in kinds.values()}
    needed = (item for item in system("svdh").totals["hand_left_narrowing"].items if item.key not in shown)
    short = replace(whole, findings=(*kinds.values(), *(Finding(i.site, i.side, i.feature, grade=1.0) for i in needed)))
    (total,) = with_totals(short).totals.values()
    return replace(short, totals={"hand_left_narrowing": replace(total, low=total.value - 1 / 3, high=30.0, level=0.9)})


def _one(exam: Study, finding: Finding) -> Reading:
    return replace(reading(exam), findings=(finding,), totals={})


def _items(ds: Dataset) -> list[Dataset]:
    """All content items below, in the order of the tree."""
    found = []
    for item in ds.get("ContentSequence") or ():
        found += [item, *_items(item)]
    return found


def _named(ds: Dataset, meaning: str) -> list[Dataset]:
    return [item for item in _items(ds) if item.ConceptNameCodeSequence[0].CodeMeaning == meaning]


# everything survives


def test_a_model_reading_comes_back_whole(tmp_path: Path) -> None:
    exam = study(images=2)
    assert _round(reading(exam), exam, tmp_path) == reading(exam)


@pytest.mark.parametrize("syntax", ["ImplicitVRLittleEndian", "ExplicitVRBigEndian", "DeflatedExplicitVRLittleEndian"])
def test_it_comes_back_whole_from_an_archive_that_encodes_it_anew(syntax: str, tmp_path: Path) -> None:
    exam = study()
    write_sr(_short(exam), tmp_path / "sr.dcm", exam)
    ds = pydicom.dcmread(tmp_path / "sr.dcm")
    ds.file_meta.TransferSyntaxUID = getattr(pydicom.uid, syntax)
    little, implicit = syntax != "ExplicitVRBigEndian", syntax.startswith("Implicit")
    pydicom.dcmwrite(tmp_path / "anew.dcm", ds, implicit_vr=implicit, little_endian=little, force_encoding=True)
    assert read_sr(tmp_path / "anew.dcm") == _short(exam)


def test_it_comes_back_whole_from_an_archive_that_delimits_sequences(tmp_path: Path) -> None:
    exam = study()
    write_sr(_short(exam), tmp_path / "sr.dcm", exam)
    subprocess.run([program("dcmconv"), "+te", "-e", str(tmp_path / "sr.dcm"), str(tmp_path / "anew.dcm")], check=True)
    assert (tmp_path / "anew.dcm").read_bytes().count(b"\xfe\xff\xdd\xe0") > 100
    assert read_sr(tmp_path / "anew.dcm") == _short(exam)


def test_texts_come_back_from_an_archive_with_another_character_set(tmp_path: Path) -> None:
    exam = study(patient="Ä-1")
    whole = replace(_short(exam), warnings=("überlagert",))
    write_sr(whole, tmp_path / "sr.dcm", exam)
    ds = pydicom.dcmread(tmp_path / "sr.dcm")
    ds.decode()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.save_as(tmp_path / "anew.dcm")
    assert b"\xfcberlagert" in (tmp_path / "anew.dcm").read_bytes()
    assert read_sr(tmp_path / "anew.dcm") == whole


def test_a_signed_reading_of_a_person_comes_back_and_is_verified_by_that_person(tmp_path: Path) -> None:
    exam = study()
    whole = person_reading(exam)
    assert _round(whole, exam, tmp_path) == whole
    ds = pydicom.dcmread(tmp_path / "sr.dcm")
    assert (ds.VerificationFlag, ds.PreliminaryFlag) == ("VERIFIED", "FINAL")
    assert ds.VerifyingObserverSequence[0].VerifyingObserverName == "Åsa Öberg   R1"
    assert ds.VerifyingObserverSequence[0].VerificationDateTime == "20260203080000.500000+0100"
    earlier = ds.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    write_sr(replace(whole, uid="2.25.4003", status="unverified", signature=None), tmp_path / "earlier.dcm", exam)
    assert earlier.SeriesInstanceUID == pydicom.dcmread(tmp_path / "earlier.dcm").SeriesInstanceUID
    assert earlier.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == whole.basis == "2.25.4003"
    assert not _named(ds, "Intended use")


def test_a_model_reading_that_a_person_signed_is_verified_and_says_research_use_no_more(tmp_path: Path) -> None:
    exam = study()
    whole = signed(with_identity(reading(exam), exam), "2.25.4009", "Dr A = B", "2026-02-03T08:00:00+00:00")
    assert _round(whole, exam, tmp_path) == whole
    ds = pydicom.dcmread(tmp_path / "sr.dcm")
    assert ds.VerificationFlag == "VERIFIED"
    assert ds.VerifyingObserverSequence[0].VerifyingObserverName == "Dr A   B"
    assert not _named(ds, "Intended use")
    assert "unverified" not in ds.SeriesDescription


def test_an_sr_that_was_altered_after_it_was_signed_is_refused(tmp_path: Path) -> None:
    exam = study()
    write_sr(person_reading(exam), tmp_path / "sr.dcm", exam)
    ds = pydicom.dcmread(tmp_path / "sr.dcm")
    ds.PatientID = "P-18"
    ds.save_as(tmp_path / "other.dcm")
    with pytest.raises(InputError, match=r"is not what Åsa Öberg = R1 signed on 2026-02-03.*altered since"):
        read_sr(tmp_path / "other.dcm")


def test_an_sr_that_another_program_verified_names_who_did(tmp_path: Path) -> None:
    exam = study()
    whole = with_identity(reading(exam), exam)
    write_sr(whole, tmp_path / "sr.dcm", exam)
    ds = pydicom.dcmread(tmp_path / "sr.dcm")
    ds.VerificationFlag = "VERIFIED"
    with pytest.raises(InputError, match="does not say by whom"):
        _saved_and_read(ds, tmp_path)
    observer = Dataset()
    observer.VerifyingObserverName, observer.VerificationDateTime, observer.VerifyingOrganization = "Doe^Jane", "20260303", "Ward 3"
    ds.VerifyingObserverSequence = [observer]
    found = _saved_and_read(ds, tmp_path)
    assert found.signature is not None
    assert (found.status, found.signature.by, found.signature.at) == ("signed", "Doe^Jane", "2026-03-03T00:00:00+00:00")


def _saved_and_read(ds: Dataset, folder: Path) -> Reading:
    ds.save_as(folder / "verified.dcm")
    return read_sr(folder / "verified.dcm")


def test_a_model_says_research_use_unverified(tmp_path: Path) -> None:
    exam = study()
    write_sr(reading(exam), tmp_path / "sr.dcm", exam)
    ds = pydicom.dcmread(tmp_path / "sr.dcm")
    assert ds.VerificationFlag == "UNVERIFIED"
    assert ds.SeriesDescription == "Research use, unverified: svdh"
    assert _named(ds, "Intended use")[0].TextValue.startswith("Research use, unverified: made by the model hand_svdh")


@pytest.mark.parametrize(
    "change",
    [
        {"reader": ReaderRef("panel", "three models", "2", CARD_SHA256)},
        {"reader": ReaderRef("panel", "two models")},
        {"reader": ReaderRef("person", "R2", "after training", None)},
        {"reader": ReaderRef("model", "m\\odel = 1", None, None)},
        {"read": 3},
        {"basis": "2.25.77"},
        {"findings": (), "totals": {}},
        {"created": "2026-02-01T09:30:00Z"},
        {"created": "2026-02-01 09:30+05:30"},
        {"warnings": ("two\nlines, a back\\slash, “quotes” and 重なり",)},
    ],
)
def test_what_is_rare_comes_back_too(change: dict[str, Any], tmp_path: Path) -> None:
    exam = study()
    whole = replace(_short(exam), **change)
    assert _round(whole, exam, tmp_path) == whole


def test_what_the_study_does_not_say_stays_unsaid(tmp_path: Path) -> None:
    exam = replace(study(patient=None), date=None, sex=None)
    whole = reading(exam)
    whole = replace(whole, study=replace(whole.study, timepoint_days=None, side_source=None, source=""))
    assert _round(whole, exam, tmp_path) == whole
    assert whole.study.patient is None


def test_frames_of_one_object_are_told_apart(tmp_path: Path) -> None:
    exam = replace(study(), images=(image(0, frame=1), image(0, frame=2), image(1)))
    whole = reading(exam)
    assert {f.evidence.image for f in whole.findings if f.evidence} == {0, 1, 2}
    assert _round(whole, exam, tmp_path) == whole


def test_every_item_of_every_system_has_a_code_of_its_own(tmp_path: Path) -> None:
    exam = study()
    for name in systems():
        scored = system(name)
        findings = tuple(Finding(i.site, i.side, i.feature, grade=i.grades[-1]) for i in scored.items)
        findings += tuple(
            Finding(site.name, site.side, m.key, value=1.5, unit=unit.value)
            for m in scored.measurements.values()
            for site, unit in zip(scored.sites, m.units, strict=False)
        )
        whole = with_totals(replace(reading(exam), system=name, findings=findings))
        assert _round(whole, exam, tmp_path) == whole, name


def test_a_reading_of_plain_images_gains_the_identity_of_their_captures(tmp_path: Path) -> None:
    from coread.formats.secondary_capture import write_secondary_capture

    plain = replace(image(0), uid=None, sop_class=None, facts={}, source="hand.png")
    exam = replace(study(), images=(plain,))
    captured = write_secondary_capture(exam, 0, tmp_path / "image.dcm")
    whole = reading(exam)
    named = replace(exam, images=(replace(plain, uid=captured.uid, sop_class=captured.sop_class),))
    back = _round(whole, named, tmp_path)
    assert back == with_identity(whole, named)
    assert back.study.images == (ImageRef("hand.png", captured.uid, captured.sop_class, None, 300, 240),)
    evidence = pydicom.dcmread(tmp_path / "sr.dcm").CurrentRequestedProcedureEvidenceSequence[0]
    assert evidence.ReferencedSeriesSequence[0].SeriesInstanceUID == captured.series_uid


FINITE = st.floats(-1e300, 1e300)
PIXEL = st.floats(-50, 4000)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=80).map(lambda t: f"x{t}.")


@settings(max_examples=40, deadline=None)
@given(
    value=FINITE,
    interval=st.none() | st.builds(Interval, FINITE, st.none() | FINITE, st.none() | FINITE, st.none() | st.floats(0, 1)),
    chances=st.lists(st.floats(0, 1), max_size=6).map(tuple),
    outline=st.lists(st.tuples(PIXEL, PIXEL), max_size=6).map(tuple),
    center=st.none() | st.tuples(PIXEL, PIXEL),
    box=st.none() | st.tuples(PIXEL, PIXEL, PIXEL, PIXEL),
    profile=st.dictionaries(TEXTS, st.lists(FINITE, max_size=5).map(tuple), max_size=4),
    words=st.tuples(st.none() | TEXTS, st.none() | TEXTS, st.none() | TEXTS),
)
def test_any_finding_comes_back_exactly(
    tmp_path_factory: pytest.TempPathFactory,
    value: float,
    interval: Interval | None,
    chances: tuple[float, ...],
    outline: tuple[tuple[float, float], ...],
    center: tuple[float, float] | None,
    box: tuple[float, float, float, float] | None,
    profile: dict[str, tuple[float, ...]],
    words: tuple[str | None, str | None, str | None],
) -> None:
    exam = study()
    unreadable, instance, heat = words
    finding = Finding(
        "MCP 2",
        "left",
        "joint_space_width",
        value=None if unreadable else value,
        unit=None if unreadable else "mm",
        unreadable=unreadable,
        probabilities=chances,
        interval=interval,
        evidence=Evidence(0, center, box, outline, profile, heat),
        instance=instance,
    )
    with patch("coread.formats.sr_read.check_reading"):  # the encoding holds any number; what can be is checked for every format alike
        assert _round(_one(exam, finding), exam, tmp_path_factory.getbasetemp()) == _one(exam, finding)


@given(st.floats(-1e300, 1e300))
def test_a_decimal_string_is_as_good_as_sixteen_characters_are(value: float) -> None:
    text = sr_items.decimal_string(value)
    assert len(text) <= 16
    assert float(text) == pytest.approx(value, rel=1e-8, abs=0)


# where it is


def test_coordinates_have_their_zero_where_dicom_has_it(tmp_path: Path) -> None:
    """highdicom maps an SCOORD (image coordinates) and an index of a pixel to the same place in the patient."""
    exam = study()
    pixel = (17, 42)
    write_sr(_one(exam, Finding("MCP 2", "left", "erosion", grade=1.0, evidence=Evidence(0, pixel))), tmp_path / "sr.dcm", exam)
    region = hd.sr.srread(tmp_path / "sr.dcm").content.get_planar_roi_measurement_groups()[0].roi.value
    plane: dict[str, Any] = {"image_position": (0, 0, 0), "image_orientation": (1, 0, 0, 0, 1, 0), "pixel_spacing": (0.25, 0.5)}
    place = hd.spatial.ImageToReferenceTransformer(**plane)(np.atleast_2d(region))
    center = hd.spatial.PixelToReferenceTransformer(**plane)(np.array([pixel]))
    np.testing.assert_allclose(place, center)


def _coordinates_finding() -> Finding:
    place = Evidence(0, (10.1, 20.2), outline_px=((8.1, 18.3), (12.2, 18.4), (11.9, 22.6)), profile={"width": (1.5, 1.25)})
    return Finding("MCP 2", "left", "erosion", grade=1.0, evidence=place)


def test_without_the_private_elements_places_are_as_exact_as_single_precision(tmp_path: Path) -> None:
    exam = study()
    whole = _one(exam, _coordinates_finding())
    write_sr(whole, tmp_path / "sr.dcm", exam)
    ds = pydicom.dcmread(tmp_path / "sr.dcm")
    ds.remove_private_tags()
    ds.save_as(tmp_path / "stripped.dcm")
    back = read_sr(tmp_path / "stripped.dcm").findings[0]
    assert back.evidence is not None
    assert back.evidence.profile == {}
    assert back.evidence.center_px == pytest.approx((10.1, 20.2), abs=1e-5)
    np.testing.assert_allclose(back.evidence.outline_px, whole.findings[0].evidence.outline_px, atol=1e-5)  # type: ignore[union-attr]
    assert back.grade == 1.0


def test_public_coordinates_that_someone_changed_win_over_the_private_ones(tmp_path: Path) -> None:
    exam = study()
    write_sr(_one(exam, _coordinates_finding()), tmp_path / "sr.dcm", exam)
    ds = pydicom.dcmread(tmp_path / "sr.dcm")
    _named(ds, "Center")[0].GraphicData = [30.5, 40.5]
    ds.save_as(tmp_path / "moved.dcm")
    evidence = read_sr(tmp_path / "moved.dcm").findings[0].evidence
    assert evidence is not None
    assert evidence.center_px == (30.0, 40.0)


# what it says of patient and study


def test_it_carries_the_id_never_the_name_and_the_study_facts_of_its_image(tmp_path: Path) -> None:
    source = Dataset()
    source.file_meta = pydicom.dataset.FileMetaDataset()
    source.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    source.SOPClassUID, source.SOPInstanceUID = DX, "2.25.20000"
    source.PatientName, source.PatientID, source.PatientBirthDate, source.PatientSex = "Doe^Jane", "P-17", "19600101", "F"
    source.StudyInstanceUID, source.SeriesInstanceUID = "2.25.1001", "2.25.31"
    source.StudyDate, source.StudyTime, source.AccessionNumber, source.StudyID = "20260130", "0815", "A7", "S1"
    source.save_as(tmp_path / "image.dcm", enforce_file_format=True)
    exam = replace(study(), images=(replace(image(0), source=str(tmp_path / "image.dcm"), facts={"modality": "DX"}),))
    assert _round(reading(exam), exam, tmp_path).study.patient == "P-17"
    ds = pydicom.dcmread(tmp_path / "sr.dcm")
    assert (ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex) == ("", "P-17", "19600101", "F")
    assert (ds.StudyDate, ds.StudyTime, ds.AccessionNumber, ds.StudyID) == ("20260130", "0815", "A7", "S1")
    assert ds.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0].SeriesInstanceUID == "2.25.31"
    assert b"Doe" not in (tmp_path / "sr.dcm").read_bytes()


def test_faults_of_the_source_are_not_handed_on_but_its_uids_are(tmp_path: Path) -> None:
    """Leading zeros in a UID and dates with points are seen in archives; a corrected UID would refer to nothing."""
    source = sr_items.element(0x0008, 0x0016, "UI", DX.encode()) + sr_items.element(0x0008, 0x0018, "UI", b"1.2.003")
    source += sr_items.element(0x0008, 0x0020, "DA", b"2026.01.30") + sr_items.element(0x0008, 0x0030, "TM", b"noon")
    source += sr_items.element(0x0008, 0x0050, "SH", b"A\\B") + sr_items.element(0x0010, 0x0040, "CS", b"female")
    source += sr_items.element(0x0020, 0x000D, "UI", b"1.2.001") + sr_items.element(0x0020, 0x000E, "UI", b"1.2.002")
    (tmp_path / "bare.dcm").write_bytes(source)
    there = replace(image(0), uid="1.2.003", source=str(tmp_path / "bare.dcm"), facts={})
    exam = replace(study(), uid="1.2.001", images=(there,), date=None, sex=None)
    assert _round(_short(exam), exam, tmp_path) == _short(exam)
    ds = pydicom.dcmread(tmp_path / "sr.dcm")
    assert [ds.StudyDate, ds.StudyTime, ds.AccessionNumber, ds.PatientSex] == [""] * 4
    assert b"1.2.002" in (tmp_path / "sr.dcm").read_bytes()


def test_the_same_reading_is_the_same_file(tmp_path: Path) -> None:
    exam = study()
    write_sr(reading(exam), tmp_path / "a.dcm", exam)
    write_sr(reading(exam), tmp_path / "b.dcm", exam)
    assert (tmp_path / "a.dcm").read_bytes() == (tmp_path / "b.dcm").read_bytes()


def test_a_device_is_the_same_device_as_long_as_its_card_is(tmp_path: Path) -> None:
    def device(sha256: str, uid: str) -> str:
        exam = study()
        write_sr(replace(_short(exam), uid=uid, reader=ReaderRef("model", "m", "1", sha256)), tmp_path / "sr.dcm", exam)
        return str(_named(pydicom.dcmread(tmp_path / "sr.dcm"), "Device Observer UID")[0].UID)

    assert device("a" * 64, "2.25.1") == device("a" * 64, "2.25.2") != device("b" * 64, "2.25.1")


def test_codes_called_standard_stand_in_the_standard() -> None:
    known = {(scheme, value) for scheme, words in concepts.items() for codes in words.values() for value in codes}
    unlisted = {("DCM", "125007"), ("SCT", "260753009"), ("RFC5646", "en"), ("UCUM", "{pixels}"), ("UCUM", "{sites}")}
    ours = [code for code in vars(sr_codes).values() if isinstance(code, Code)]
    ours += [*sr_codes.SIDES.values(), *sr_codes.MODALITIES.values()]
    assert len(ours) > 70
    for code in ours:
        if code.scheme != sr_codes.OWN_SCHEME:
            assert (code.scheme, code.value) in known | unlisted, code
    assert hd.sr.templates.codes.DCM.MeasurementGroup.value == "125007"


def test_importing_it_loads_no_highdicom() -> None:
    code = "import sys, coread.formats.sr; print('highdicom' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"


# what cannot be written


def _with_image(**change: Any) -> Callable[[Reading, Study], tuple[Reading, Study]]:
    return lambda whole, exam: (whole, replace(exam, images=(replace(exam.images[0], **change),)))


def _with_exam(**change: Any) -> Callable[[Reading, Study], tuple[Reading, Study]]:
    return lambda whole, exam: (whole, replace(exam, **change))


def _with_reading(**change: Any) -> Callable[[Reading, Study], tuple[Reading, Study]]:
    return lambda whole, exam: (replace(whole, **change), exam)


def _with_finding(*args: Any, **change: Any) -> Callable[[Reading, Study], tuple[Reading, Study]]:
    return lambda whole, exam: (replace(whole, findings=(Finding(*args, **change),)), exam)


def _with_patient(patient: str) -> Callable[[Reading, Study], tuple[Reading, Study]]:
    return lambda whole, exam: (replace(whole, study=replace(whole.study, patient=patient)), replace(exam, patient=patient))


def _altered(whole: Reading, exam: Study) -> tuple[Reading, Study]:
    return replace(signed(whole, "2.25.8", "Dr A", whole.created), findings=whole.findings[1:]), exam


WIDTH = ("MCP 2", "left", "joint_space_width")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (_with_image(uid=None, sop_class=None), "write it as a Secondary Capture first"),
        (_with_image(uid="1.2.ABC"), "'1.2.ABC' is no DICOM UID"),
        (_with_image(uid="2.25.9"), "the reading speaks of 2.25.20000"),
        (_with_image(facts={}), "its series is not known"),
        (_with_exam(uid="2.25.9"), "the reading speaks of 2.25.1001"),
        (_with_exam(images=(image(0), image(1))), "has 2 images, the reading speaks of 1"),
        (_with_exam(patient="other"), "is of patient other"),
        (_with_reading(uid="no uid"), "is no DICOM UID"),
        (_with_reading(basis="2.25." + "1" * 64), "is no DICOM UID"),
        (_altered, "altered since"),
        (_with_reading(reader=ReaderRef("person", " ")), "has no id"),
        (_with_reading(created="yesterday"), "expected ISO 8601"),
        (_with_reading(created="2026-02-01T09:30:00"), "no time zone"),
        (_with_reading(system="sharp"), "unknown scoring system"),
        (_with_reading(warnings=("",)), "empty text"),
        (_with_reading(warnings=("bell \a",)), "control characters"),
        (_with_patient("x" * 65), "at most 64 characters"),
        (_with_patient("a\\b"), "backslash"),
        (_with_finding("MCP 9", "left", "erosion", grade=1.0), "MCP 9"),
        (_with_finding("MCP 2", "left", "oedema", grade=1.0), "unknown feature 'oedema'"),
        (_with_finding("MCP 2", "left", "erosion", grade=9.0), "expected 0 to 5"),
        (_with_finding(*WIDTH, value=1.0, unit=""), "no unit"),
        (_with_finding(*WIDTH, value=1.0, unit="{0:4}"), "no unit"),
        (_with_finding(*WIDTH, value=float("nan"), unit="mm"), "number nan"),
        (_with_finding(*WIDTH, value=1.0, unit="mm", evidence=Evidence(1, (1.0, 1.0))), "evidence lies on image 1"),
        (_with_finding(*WIDTH, value=1.0, unit="mm", evidence=Evidence(0, (1.0, float("inf")))), "coordinate inf"),
        (_with_finding(*WIDTH, value=1.0, unit="mm", evidence=Evidence(0, profile={"w": (1.0,) * 9000})), "too long"),
        (_with_finding(*WIDTH, value=1.0, unit="mm", evidence=Evidence(0, profile={str(n): () for n in range(17)})), "at most 16"),
    ],
)
def test_what_dicom_cannot_hold_is_refused_in_one_sentence(
    wrong: Callable[[Reading, Study], tuple[Reading, Study]], said: str, tmp_path: Path
) -> None:
    exam = study()
    whole, exam = wrong(reading(exam), exam)
    with pytest.raises(InputError) as error:
        write_sr(whole, tmp_path / "sr.dcm", exam)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "sr.dcm").exists()


def test_one_image_twice_is_refused(tmp_path: Path) -> None:
    exam = replace(study(), images=(image(0), image(0)))
    with pytest.raises(InputError, match="one image twice"):
        write_sr(reading(exam), tmp_path / "sr.dcm", exam)


def test_a_path_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    exam = study()
    with pytest.raises(InputError, match="cannot be written"):
        write_sr(reading(exam), tmp_path / "absent" / "sr.dcm", exam)


# what cannot be read


def test_a_file_cut_anywhere_is_refused_in_one_sentence(tmp_path: Path) -> None:
    exam = study()
    write_sr(_short(exam), tmp_path / "sr.dcm", exam)
    content = (tmp_path / "sr.dcm").read_bytes()
    for length in [*range(0, len(content), 173), len(content) - 1]:
        (tmp_path / "cut.dcm").write_bytes(content[:length])
        with pytest.raises(InputError) as error:
            read_sr(tmp_path / "cut.dcm")
        assert str(error.value).startswith(str(tmp_path / "cut.dcm"))
        assert "\n" not in str(error.value)


def _edited(tmp_path: Path, damage: Callable[[Dataset], None]) -> Path:
    exam = study()
    write_sr(_short(exam), tmp_path / "sr.dcm", exam)
    ds = pydicom.dcmread(tmp_path / "sr.dcm")
    damage(ds)
    ds.save_as(tmp_path / "edited.dcm")
    return tmp_path / "edited.dcm"


def _drop(meaning: str) -> Callable[[Dataset], None]:
    def damage(ds: Dataset) -> None:
        for item in [ds, *_items(ds)]:
            if "ContentSequence" in item:
                item.ContentSequence = [i for i in item.ContentSequence if i.ConceptNameCodeSequence[0].CodeMeaning != meaning]

    return damage


def _recode(meaning: str, keyword: str) -> Callable[[Dataset], None]:
    def damage(ds: Dataset) -> None:
        for item in _named(ds, meaning):
            item[keyword].value[0].CodeValue = "99"

    return damage


def _set(**values: str) -> Callable[[Dataset], None]:
    def damage(ds: Dataset) -> None:
        for keyword, value in values.items():
            setattr(ds, keyword, value)

    return damage


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda ds: setattr(ds.ContentTemplateSequence[0], "TemplateIdentifier", "2000"), "follows template 2000"),
        (lambda ds: ds.__delitem__("ContentTemplateSequence"), "follows template none"),
        (lambda ds: ds.__delitem__("ContentSequence"), "has no CODE 'Measurement Method'"),
        (_set(SOPClassUID=DX), "is Digital X-Ray Image Storage - For Presentation"),
        (_recode("Measurement Method", "ConceptCodeSequence"), "is scored by 99COREAD 99, which is none of"),
        (_recode("Finding Site", "ConceptCodeSequence"), "has a finding at 99COREAD 99"),
        (_recode("Laterality", "ConceptCodeSequence"), "side None, which its scoring system does not have"),
        (_recode("Finding", "ConceptCodeSequence"), "has no CODE"),
        (_drop("Image Library"), "has no CONTAINER 'Image Library'"),
        (_drop("Image Library Group"), "which its image library does not hold"),
        (_drop("Comment"), "neither a number nor the reason"),
        (_drop("Maximum of the scale"), "does not say how high the total hand_left_narrowing"),
        (_drop("Time of the reading, ISO 8601"), "does not say when it was made"),
        (lambda ds: ds.__delitem__("SOPInstanceUID"), "has no SOPInstanceUID"),
        (lambda ds: ds.__delitem__("StudyInstanceUID"), "has no StudyInstanceUID"),
        (_drop("Observer Type"), "has no CODE 'Observer Type'"),
    ],
)
def test_an_sr_that_is_no_reading_is_refused_in_one_sentence(damage: Callable[[Dataset], None], said: str, tmp_path: Path) -> None:
    path = _edited(tmp_path, damage)
    with pytest.raises(InputError) as error:
        read_sr(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def _renumber(meaning: str, said: float, exact: float | None = None) -> Callable[[Dataset], None]:
    """The first number of a name set to another, as text and as floating point value."""

    def damage(ds: Dataset) -> None:
        measured = next(item for item in _named(ds, meaning) if item.ValueType == "NUM").MeasuredValueSequence[0]
        measured.NumericValue, measured.FloatingPointValue = said, said if exact is None else exact

    return damage


def _bare_number(ds: Dataset) -> None:
    measured = next(item for item in _named(ds, "Joint space narrowing") if item.ValueType == "NUM").MeasuredValueSequence[0]
    del measured.NumericValue


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_renumber("Joint space narrowing", 99), "joint space narrowing is 99, expected 0 to 4"),
        (_renumber("Joint space narrowing", -1), "joint space narrowing is -1, expected 0 to 4"),
        (_renumber("Joint space narrowing", 3, 1), "has a number that is 3 as text and 1 as floating point value"),
        (_renumber("Joint space narrowing", 3, float("nan")), "as text and nan as floating point value"),
        (_bare_number, "has a number '', which is none"),
        (_renumber("Joint space width", -9), "joint space width is -9 mm, expected 0 to 1000 mm"),
        (_renumber("Total score, hand left narrowing", 61), "totals.hand_left_narrowing: 61"),
        (_renumber("Total score, hand left narrowing", 1), "cannot be"),
        (_renumber("Maximum of the scale", 600), "cannot be"),
        (_renumber("Number of sites that could not be read", 1), "totals.hand_left_narrowing: says"),
        (_renumber("Probability that the interval holds the value", 5), "its level is 5"),
        (_renumber("Probability", 0.999), "probabilities that sum to"),
        (_set(PatientID="P-17"), ""),
    ],
)
def test_an_sr_is_held_to_the_same_ranges_as_a_json(damage: Callable[[Dataset], None], said: str, tmp_path: Path) -> None:
    path = _edited(tmp_path, damage)
    if not said:
        assert read_sr(path) == _short(study()), "the judge passes what was not altered"
        return
    with pytest.raises(InputError) as error:
        read_sr(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_report_of_another_program_is_refused(tmp_path: Path) -> None:
    """A TID 1500 report as highdicom writes it, with a measurement of a knee."""
    source = Dataset()
    source.SOPClassUID, source.SOPInstanceUID = DX, "2.25.5"
    source.StudyInstanceUID, source.SeriesInstanceUID = "2.25.6", "2.25.7"
    for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate", "StudyTime"):
        setattr(source, keyword, "")
    source.file_meta = pydicom.dataset.FileMetaDataset()
    source.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    codes = hd.sr.templates.codes
    group = hd.sr.MeasurementsAndQualitativeEvaluations(
        hd.sr.TrackingIdentifier(uid="2.25.8", identifier="knee"),
        measurements=[hd.sr.Measurement(codes.SCT.Length, 3.5, codes.UCUM.Millimeter)],
    )
    observer = hd.sr.ObserverContext(codes.DCM.Device, hd.sr.DeviceObserverIdentifyingAttributes(uid="2.25.9"))
    report = hd.sr.MeasurementReport(hd.sr.ObservationContext(observer), codes.SCT.ImagingProcedure, [group])
    hd.sr.ComprehensiveSR([source], report, "2.25.10", 1, "2.25.11", 1, "knees").save_as(tmp_path / "foreign.dcm", enforce_file_format=True)
    with pytest.raises(InputError, match=r"is no Coread reading, .*: it has no CODE 'Measurement Method'"):
        read_sr(tmp_path / "foreign.dcm")


def test_a_damaged_file_is_a_reading_or_refused_never_a_defect(tmp_path: Path) -> None:
    exam = study()
    write_sr(_short(exam), tmp_path / "sr.dcm", exam)
    content = (tmp_path / "sr.dcm").read_bytes()
    draw = np.random.default_rng(3)
    refusals = []
    for _ in range(60):
        damaged = bytearray(content)
        for place in draw.integers(132, len(content), draw.integers(1, 8)):
            damaged[place] = draw.integers(256)
        (tmp_path / "damaged.dcm").write_bytes(damaged)
        try:
            assert isinstance(read_sr(tmp_path / "damaged.dcm"), Reading)
        except InputError as error:
            refusals.append(str(error))
    assert 10 < len(refusals) < 60
    assert not any("\n" in refusal for refusal in refusals)


def test_no_dicom_and_no_file_are_said(tmp_path: Path) -> None:
    (tmp_path / "text.dcm").write_text("no DICOM " * 30)
    with pytest.raises(InputError, match="is no DICOM file"):
        read_sr(tmp_path / "text.dcm")
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_sr(tmp_path / "absent.dcm")


# the encoder alone, against pydicom


def test_an_element_is_padded_and_measured_as_pydicom_reads_it() -> None:
    data = sr_items.element(0x0008, 0x0100, "SH", b"ABC") + sr_items.element(0x0040, 0xA124, "UI", b"1.2.3")
    assert data[6:8] == struct.pack("<H", 4)
    ds = pydicom.filereader.read_dataset(pydicom.filebase.DicomBytesIO(data), is_implicit_VR=False, is_little_endian=True)
    assert (ds.CodeValue, ds.UID) == ("ABC", "1.2.3")


def test_a_long_code_goes_where_long_codes_go() -> None:
    data = sr_items.code_fields(Code("99COREAD", "hand_left_narrowing", "m" * 70))
    ds = pydicom.filereader.read_dataset(pydicom.filebase.DicomBytesIO(data), is_implicit_VR=False, is_little_endian=True)
    assert ds.LongCodeValue == "hand_left_narrowing"
    assert "CodeValue" not in ds
    assert ds.CodeMeaning == "m" * 64


def test_an_image_without_frames_is_referred_to_as_a_whole(tmp_path: Path) -> None:
    exam = study()
    write_sr(_short(exam), tmp_path / "sr.dcm", exam)
    sources = [item for item in _items(pydicom.dcmread(tmp_path / "sr.dcm")) if item.ValueType == "IMAGE"]
    assert sources
    assert all("ReferencedFrameNumber" not in item.ReferencedSOPSequence[0] for item in sources)
