"""What is an exam in a folder, and what is wrong with what is none."""

import gzip
import os
import subprocess
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from PIL import Image as Pillow
from pydicom.fileset import FileSet

from coread.errors import InputError
from coread.formats.open import find_exams, open_study
from tests.formats.radiographs import NAME, radiograph, ramp, report, write

Program = Callable[[str], str]
GREY = ramp(highest=255).astype(np.uint8)


@pytest.fixture(autouse=True)
def _silence(capfd: pytest.CaptureFixture[str]):
    """Nothing that opens or decodes may write to the terminal."""
    yield
    out, err = capfd.readouterr()
    assert out == ""
    assert err == ""


def png(path: Path, values: np.ndarray = GREY) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(values).save(path)
    return path


def dicom(path: Path, study: str, number: int, **more: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return write(
        path, radiograph(StudyInstanceUID=f"1.2.3.{study}", SOPInstanceUID=f"1.2.3.{study}.{number}", InstanceNumber=number, **more)
    )


def errors(folder: Path) -> dict[str, str]:
    return {exam.path.name: exam.error for exam in find_exams(folder) if exam.error is not None}


def test_dicom_is_grouped_by_study_and_ordered_by_number(tmp_path: Path) -> None:
    dicom(tmp_path / "a" / "z", "1", 1)
    dicom(tmp_path / "b" / "a", "1", 10)
    dicom(tmp_path / "b" / "b.dcm", "1", 2)
    dicom(tmp_path / "b" / "c.dcm", "2", 1, PatientID="other")
    exams = find_exams(tmp_path)
    assert [exam.error for exam in exams] == [None, None]
    first = next(exam for exam in exams if exam.study.uid == "1.2.3.1")
    assert [Path(image.source).name for image in first.study.images] == ["z", "b.dcm", "a"]
    assert first.path == tmp_path
    second = next(exam for exam in exams if exam.study.uid == "1.2.3.2")
    assert second.path == tmp_path / "b" / "c.dcm"
    assert second.study.patient == "other"


def test_a_study_of_two_sides_has_none_of_its_own(tmp_path: Path) -> None:
    dicom(tmp_path / "a.dcm", "1", 1, ImageLaterality="L")
    assert open_study(tmp_path).side == "left"
    dicom(tmp_path / "b.dcm", "1", 2, ImageLaterality="R")
    study = open_study(tmp_path)
    assert study.side is None
    assert [image.facts["laterality"] for image in study.images] == ["L", "R"]
    dicom(tmp_path / "b.dcm", "1", 2)
    assert open_study(tmp_path).side is None


def test_objects_that_are_no_images_are_passed_over_with_a_warning(tmp_path: Path) -> None:
    dicom(tmp_path / "a.dcm", "1", 1)
    sr = report()
    sr.StudyInstanceUID = "1.2.3.1"
    write(tmp_path / "sr.dcm", sr)
    write(tmp_path / "other.dcm", report())
    exams = find_exams(tmp_path)
    assert len(exams) == 1
    assert len(exams[0].study.images) == 1
    assert exams[0].study.warnings == ("sr.dcm is no image (Basic Text SR Storage) and was passed over.",)
    with pytest.raises(InputError, match="holds no image"):
        open_study(tmp_path / "sr.dcm")


def test_the_same_object_twice_counts_once(tmp_path: Path) -> None:
    dicom(tmp_path / "a.dcm", "1", 1)
    (tmp_path / "copy.dcm").write_bytes((tmp_path / "a.dcm").read_bytes())
    study = open_study(tmp_path)
    assert len(study.images) == 1
    assert study.warnings == ("copy.dcm repeats an object of this exam (a.dcm) and was passed over.",)


def test_one_uid_for_two_objects_is_said_or_refused(tmp_path: Path) -> None:
    """A copy with another header is a copy; another patient or another picture under the same UID is not."""
    dicom(tmp_path / "a.dcm", "1", 1)
    dicom(tmp_path / "b.dcm", "1", 1, Manufacturer="another")
    assert open_study(tmp_path).warnings == ("b.dcm has the SOP Instance UID and pixels of a.dcm, and another header; it was passed over.",)
    dicom(tmp_path / "b.dcm", "1", 1, PatientID="somebody else")
    with pytest.raises(InputError, match=r"2 different patient ids \(a.dcm and b.dcm differ\)"):
        open_study(tmp_path)
    write(tmp_path / "b.dcm", radiograph(ramp()[::-1], StudyInstanceUID="1.2.3.1", SOPInstanceUID="1.2.3.1.1"))
    with pytest.raises(InputError, match=r"b.dcm: has the SOP Instance UID of .*a.dcm and another image"):
        open_study(tmp_path)


def test_an_object_that_no_report_can_name_leaves_the_others_of_its_exam(tmp_path: Path) -> None:
    dicom(tmp_path / "a.dcm", "1", 1)
    nameless = pydicom.dcmread(dicom(tmp_path / "b.dcm", "1", 2))
    del nameless.SOPInstanceUID
    nameless.save_as(tmp_path / "b.dcm")
    with pytest.warns(UserWarning, match="maximum length"):
        dicom(tmp_path / "c.dcm", "1", 3, PatientID="7" * 300)
    said = errors(tmp_path)
    assert "states no SOP Instance UID" in said["b.dcm"]
    assert "patient id has 300 characters" in said["c.dcm"]
    assert "7" * 65 not in said["c.dcm"]
    assert [len(exam.study.images) for exam in find_exams(tmp_path) if exam.study] == [1]


def test_two_patients_in_one_study_are_refused(tmp_path: Path) -> None:
    dicom(tmp_path / "a.dcm", "1", 1)
    dicom(tmp_path / "b.dcm", "1", 2, PatientID="somebody else")
    with pytest.raises(InputError, match="2 different patient ids") as caught:
        open_study(tmp_path)
    assert "somebody" not in str(caught.value)


def test_a_plain_image_is_a_study_unless_a_sidecar_groups(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d"):
        png(tmp_path / f"{name}.png")
    assert [exam.path.name for exam in find_exams(tmp_path)] == ["a.png", "b.png", "c.png", "d.png"]
    (tmp_path / "a.toml").write_text('group = "visit 1"\nside = "left"\npatient = "7"')
    (tmp_path / "c.toml").write_text('group = "visit 1"\nside = "right"')
    exams = find_exams(tmp_path)
    assert sorted(len(exam.study.images) for exam in exams) == [1, 1, 2]
    both = next(exam.study for exam in exams if len(exam.study.images) == 2)
    assert both.patient == "7"
    assert both.side is None
    (tmp_path / "c.toml").write_text('group = "visit 1"\npatient = "8"')
    assert any("patient differs" in (exam.error or "") for exam in find_exams(tmp_path))


def test_a_study_sidecar_groups_its_folder_or_what_it_lists(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        png(tmp_path / f"{name}.png", GREY[: 20 + ord(name) - 97])
    (tmp_path / "study.toml").write_text('patient = "7"\nspacing_mm = 0.2')
    study = open_study(tmp_path)
    assert len(study.images) == 3
    assert {image.grid.spacing_mm for image in study.images} == {(0.2, 0.2)}
    (tmp_path / "study.toml").write_text(
        'patient = "7"\n[[image]]\nfile = "c.png"\nside = "left"\n[[image]]\nfile = "a.png"\nside = "left"'
    )
    exams = find_exams(tmp_path)
    assert sorted(len(exam.study.images) for exam in exams) == [1, 2]
    two = next(exam.study for exam in exams if len(exam.study.images) == 2)
    assert two.side == "left"
    assert [Path(image.source).name for image in two.images] == ["c.png", "a.png"]
    (tmp_path / "a.toml").write_text('spacing_mm = 0.3\nside = "right"')
    two = next(exam.study for exam in find_exams(tmp_path) if len(exam.study.images) == 2)
    assert two.side is None
    assert two.images[1].grid.spacing_mm == (0.3, 0.3)
    (tmp_path / "a.toml").write_text('patient = "8"')
    assert "patient differs" in errors(tmp_path)["a.png"]


def test_a_wrong_sidecar_is_the_error_of_its_image_alone(tmp_path: Path) -> None:
    png(tmp_path / "a.png")
    png(tmp_path / "b.png")
    (tmp_path / "a.toml").write_text("sied = 'left'")
    exams = find_exams(tmp_path)
    assert [exam.error is None for exam in exams] == [False, True]
    assert exams[0].error == f"{tmp_path / 'a.toml'}: unknown key sied; did you mean side?"


def test_other_files_are_passed_over(tmp_path: Path) -> None:
    png(tmp_path / "hand.png")
    (tmp_path / "hand.toml").write_text("side = 'left'")
    for name in (".DS_Store", "Thumbs.db", "._hand.png", "notes.txt", "readings.csv", "README", "page.html", "scan.pdf", "empty.log"):
        (tmp_path / name).write_bytes(b"" if name == "empty.log" else b"some text\n")
    png(tmp_path / ".hidden" / "secret.png")
    png(tmp_path / "__MACOSX" / "ghost.png")
    exams = find_exams(tmp_path)
    assert [exam.path.name for exam in exams] == ["hand.png"]
    assert open_study(tmp_path).side == "left"


def test_bad_files_are_exams_with_an_error_and_the_rest_goes_on(tmp_path: Path) -> None:
    png(tmp_path / "good.png")
    dicom(tmp_path / "good.dcm", "1", 1)
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "cut.dcm").write_bytes((tmp_path / "good.dcm").read_bytes()[:900])
    (tmp_path / "IM0001").write_bytes(b"\x00\x01\x02\x03" * 100)
    with zipfile.ZipFile(tmp_path / "renamed.dcm", "w") as archive:
        archive.write(tmp_path / "good.dcm")
    with zipfile.ZipFile(tmp_path / "exam.zip", "w") as archive:
        archive.write(tmp_path / "good.dcm")
    (tmp_path / "broken.nii.gz").write_bytes(gzip.compress(b"nothing"))
    found = errors(tmp_path)
    assert set(found) == {"empty.png", "text.jpg", "cut.dcm", "IM0001", "renamed.dcm", "exam.zip", "broken.nii.gz"}
    assert found["empty.png"] == f"{tmp_path / 'empty.png'}: is empty; copy or export it again"
    assert "zip archive" in found["renamed.dcm"]
    for name, error in found.items():
        assert error.startswith(str(tmp_path / name))
        assert "\n" not in error
    assert sum(exam.study is not None for exam in find_exams(tmp_path)) == 2


@pytest.mark.parametrize("name", ["no.png", "no/where"])
def test_a_path_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="there is no such file or folder"):
        find_exams(tmp_path / name)


def test_a_folder_without_exams(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(InputError, match="holds no exam"):
        open_study(tmp_path)


def test_several_exams_are_not_one_study(tmp_path: Path) -> None:
    png(tmp_path / "a.png")
    png(tmp_path / "b.png")
    with pytest.raises(InputError, match="holds 2 exams"):
        open_study(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_or_folder_without_permission(tmp_path: Path) -> None:
    png(tmp_path / "good.png")
    png(tmp_path / "closed.png").chmod(0)
    png(tmp_path / "folder" / "a.png")
    (tmp_path / "folder").chmod(0)
    try:
        assert set(errors(tmp_path)) == {"closed.png", "folder"}
        for path in (tmp_path / "closed.png", tmp_path / "folder" / "a.png"):
            with pytest.raises(InputError, match="Permission denied"):
                open_study(path)
    finally:
        (tmp_path / "folder").chmod(0o700)


def test_a_refused_permission_is_one_sentence_whoever_runs_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = png(tmp_path / "a.png")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"a\.png: cannot be read \(Permission denied\); check its permissions"):
        open_study(path)


def test_a_dicomdir_leads_to_its_files(tmp_path: Path, program: Program) -> None:
    for number in (1, 2):
        dicom(tmp_path / f"IM{number}", "1", number, PatientName=NAME, StudyTime="120000", StudyID="1", SeriesInstanceUID="1.2.3.1.9")
    subprocess.run([program("dcmmkdir"), "+I", "IM1", "IM2"], cwd=tmp_path, check=True, capture_output=True)
    study = open_study(tmp_path / "DICOMDIR")
    assert [Path(image.source).name for image in study.images] == ["IM1", "IM2"]
    assert open_study(tmp_path).uid == study.uid
    (tmp_path / "IM2").unlink()
    assert [exam.error for exam in find_exams(tmp_path / "DICOMDIR")][1] == (
        f"{tmp_path / 'IM2'}: is named by DICOMDIR but is not there; copy the whole disc"
    )


def test_the_media_directories_that_come_with_pydicom() -> None:
    folder = Path(pydicom.data.__file__).parent / "test_files/dicomdirtests"
    if not (folder / "77654033").is_dir():
        pytest.skip("this pydicom comes without its DICOMDIR examples")
    exams = find_exams(folder / "DICOMDIR")
    files = [Path(file) for exam in exams if exam.study for image in exam.study.images for file in image.files]
    theirs = FileSet(folder / "DICOMDIR")
    try:
        assert {path.resolve() for path in files} == {Path(instance.path).resolve() for instance in theirs}
        assert {exam.study.uid for exam in exams if exam.study} == set(theirs.find_values("StudyInstanceUID"))
    finally:
        # pydicom leaves its folder of changes to the garbage collector, whose warning fails whatever test runs at that moment.
        theirs._stage["t"].cleanup()


def test_a_dicomdir_cannot_lead_out_of_its_folder(tmp_path: Path) -> None:
    dicom(tmp_path / "outside.dcm", "1", 1)
    folder = tmp_path / "disc"
    folder.mkdir()
    record = pydicom.Dataset()
    record.DirectoryRecordType = "IMAGE"
    record.add_new("ReferencedFileID", "CS", ["IMAGES", "IM1"])
    directory = pydicom.Dataset()
    directory.SOPClassUID = pydicom.uid.MediaStorageDirectoryStorage
    directory.SOPInstanceUID = "1.2.3.4"
    directory.DirectoryRecordSequence = [record]
    path = write(folder / "DICOMDIR", directory)
    path.write_bytes(path.read_bytes().replace(b"IMAGES\\IM1", b"..\\OUTSIDE"))
    with pytest.raises(InputError, match="names no files"):
        find_exams(path)


def test_nifti_beside_others(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.eye(4)), tmp_path / "v.nii.gz")
    png(tmp_path / "a.png")
    assert [exam.path.name for exam in find_exams(tmp_path)] == ["a.png", "v.nii.gz"]


def test_many_files_are_scanned_without_their_pixels(tmp_path: Path) -> None:
    count, size = 120, 500
    picture = radiograph(ramp(size, size), StudyInstanceUID="1.2.3.9", SOPInstanceUID="1.2.3.9.1000")
    content = write(tmp_path / "first.dcm", picture).read_bytes()
    for number in range(1, count):
        (tmp_path / f"{number:04}.dcm").write_bytes(content.replace(b"1.2.3.9.1000", f"1.2.3.9.{1000 + number}".encode()))
    exams = find_exams(tmp_path)
    assert len(exams) == 1
    assert len(exams[0].study.images) == count
    del exams
    tracemalloc.start()
    find_exams(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * size * size * count / 4


def test_an_image_that_contradicts_the_study_sidecar_is_one_error(tmp_path: Path) -> None:
    png(tmp_path / "x.png")
    (tmp_path / "study.toml").write_text('patient = "P1"')
    (tmp_path / "x.toml").write_text('patient = "P2"')
    assert list(errors(tmp_path)) == ["x.png"]
    assert "x.toml" in errors(tmp_path)["x.png"]
