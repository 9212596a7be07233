"""Series as volumes: every voxel where GDCM (through SimpleITK) and highdicom put it, and what makes no volume said in one sentence."""

import subprocess
import sys
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
import SimpleITK

from coread.errors import InputError
from coread.formats.open import find_exams, open_study
from coread.study import Image, Study
from coread.study_volume import plane_in_words, volume_in_words
from tests.formats.radiographs import write
from tests.formats.series import FLAIR, SPACING_MM, STEP_MM, T1, T2, VALUES, enhanced, mr_slice, oblique, place, turns, write_series

AXES = [*turns(), *(oblique(seed) for seed in range(6))]
AXIAL = np.eye(3)


def only(study: Study) -> Image:
    (image,) = study.images
    return image


def check_against(theirs: SimpleITK.Image, image: Image, scale: float = 1.0) -> None:
    """Every voxel of both, compared by where it lies in the patient (both in LPS mm)."""
    assert image.grid is not None
    other = SimpleITK.GetArrayFromImage(theirs) * scale
    assert sorted(image.shape) == sorted(other.shape)
    for index in np.ndindex(*image.shape):
        place_mm = (image.grid.affine @ (*index, 1))[:3]
        at = theirs.TransformPhysicalPointToContinuousIndex([float(v) for v in place_mm])
        nearest = np.rint(at).astype(int)
        np.testing.assert_allclose(at, nearest, atol=1e-3)
        assert other[tuple(nearest[::-1])] == pytest.approx(float(image.pixels[index]))


@pytest.mark.parametrize("number", range(len(AXES)))
def test_a_series_lies_where_gdcm_says(tmp_path: Path, number: int) -> None:
    axes = AXES[number]
    files = write_series(tmp_path / "exam", axes)
    image = only(open_study(tmp_path / "exam"))
    assert image.axes == ("z", "y", "x")
    assert image.grid is not None
    assert image.grid.spacing_mm == pytest.approx((STEP_MM, *SPACING_MM), rel=1e-5)
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames([str(file) for file in files])
    check_against(reader.Execute(), image)
    np.testing.assert_array_equal(image.pixels, VALUES)
    assert [part.uid for part in image.parts] == [f"1.2.3.77.3.{1000 + n}" for n in range(len(VALUES))]
    assert set(image.files) == {str(file) for file in files}


@pytest.mark.parametrize("number", range(len(AXES)))
def test_a_multi_frame_object_lies_where_highdicom_says(tmp_path: Path, number: int) -> None:
    axes = AXES[number]
    path = write(tmp_path / "enhanced.dcm", enhanced(VALUES, axes, [2, 0, 3, 1]))
    image = only(open_study(path))
    assert image.uid == "1.2.3.78.1.1"
    assert [part.frame for part in image.parts] == [2, 4, 1, 3]
    theirs = hd.imread(path).get_volume(apply_modality_transform=True)
    assert image.grid is not None
    for index in np.ndindex(*image.shape):
        place_mm = (image.grid.affine @ (*index, 1))[:3]
        other = np.rint(theirs.map_reference_to_indices(place_mm[None], round_output=False)[0]).astype(int)
        assert theirs.array[tuple(other)] == image.pixels[index] == VALUES[index] * 0.5


def test_the_judge_notices_a_mirrored_volume(tmp_path: Path) -> None:
    files = write_series(tmp_path / "exam", AXES[0])
    image = only(open_study(tmp_path / "exam"))
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames([str(file) for file in files])
    right = reader.Execute()
    mirrored = SimpleITK.GetImageFromArray(SimpleITK.GetArrayFromImage(right)[:, :, ::-1])
    mirrored.CopyInformation(right)
    with pytest.raises(AssertionError):
        check_against(mirrored, image)


def test_sequences_of_one_exam_are_told_apart(tmp_path: Path) -> None:
    post = {**T1, "SeriesNumber": 6, "ContrastBolusAgent": "Gadobutrol"}
    for series in (FLAIR, T1, T2, post):
        write_series(tmp_path / "exam", AXIAL, **series)
    study = open_study(tmp_path / "exam")
    assert [image.facts["sequence"] for image in study.images] == ["FLAIR", "T1", "T2", "T1 + contrast"]
    assert volume_in_words(study.images[0]) == (
        "FLAIR, 0.75 x 1.5 x 3.25 mm, axial, 4 slices, covers 14 x 6 x 13 mm (right-left x front-back x foot-head)"
    )


def test_a_plane_is_named_and_how_oblique_it_is() -> None:
    from coread.geometry import Grid

    tilt = np.deg2rad(20)
    through = (0.0, float(np.sin(tilt)), float(np.cos(tilt)))
    down = (0.0, float(np.cos(tilt)), float(-np.sin(tilt)))
    grid = Grid((3.0, 1.0, 1.0), "pixel spacing", (0.0, 0.0, 0.0), (through, down, (1.0, 0.0, 0.0)))
    assert plane_in_words(grid) == "axial, oblique by 20 degrees"
    assert grid.letters == "SPL"


def reason(tmp_path: Path) -> str:
    study = open_study(tmp_path)
    assert not any(image.is_volume for image in study.images)
    found = {image.facts["no_volume"] for image in study.images}
    assert len(found) == 1
    text = found.pop()
    assert any(text in warning for warning in study.warnings)
    return text


def test_a_missing_slice_is_said(tmp_path: Path) -> None:
    write_series(tmp_path, AXIAL, np.concatenate([VALUES, VALUES]))[4].unlink()
    assert reason(tmp_path).startswith("a slice is missing between the slices 4 and 5 of 7, which lie 6.5 mm apart instead of 3.25 mm")


def test_slices_missing_at_the_end_are_said_where_the_header_counts_them(tmp_path: Path) -> None:
    write_series(tmp_path, AXIAL, ImagesInAcquisition=6)
    assert "2 of its 6 slices are missing at its ends" in reason(tmp_path)


def test_uneven_distances_a_tilted_gantry_and_no_orientation_are_said(tmp_path: Path) -> None:
    for name in ("uneven", "tilted", "nowhere"):
        (tmp_path / name).mkdir()
    for number, plane in enumerate(VALUES):
        far = place(AXIAL, number)
        far[2] += 0.9 * (number == 2)
        write(tmp_path / "uneven" / f"{number}", mr_slice(plane, AXIAL, number, ImagePositionPatient=far))
        sheared = place(AXIAL, number)
        sheared[1] += 0.5 * number
        write(tmp_path / "tilted" / f"{number}", mr_slice(plane, AXIAL, number, ImagePositionPatient=sheared))
        nowhere = mr_slice(plane, AXIAL, number, ImagePositionPatient=None, ImageOrientationPatient=None)
        write(tmp_path / "nowhere" / f"{number}", nowhere)
    assert "not evenly" in reason(tmp_path / "uneven")
    assert "tilted gantry" in reason(tmp_path / "tilted")
    assert "do not state their position and orientation" in reason(tmp_path / "nowhere")


def test_gaps_are_handled_and_said(tmp_path: Path) -> None:
    write_series(tmp_path, AXIAL, SliceThickness=2.5)
    study = open_study(tmp_path)
    assert only(study).grid.spacing_mm[0] == pytest.approx(STEP_MM)
    assert any("gaps of 0.75 mm" in warning for warning in study.warnings)


def test_echoes_are_volumes_and_moments_are_a_time_axis(tmp_path: Path) -> None:
    later = (VALUES // 2).astype(np.uint16)
    for n in range(len(VALUES)):
        for folder, key, values in (("echoes", "EchoTime", ("20", "100")), ("moments", "TemporalPositionIdentifier", (1, 2))):
            (tmp_path / folder).mkdir(exist_ok=True)
            for number, (plane, value) in enumerate(zip((VALUES[n], later[n]), values, strict=True)):
                more = {"SOPInstanceUID": f"1.2.3.5.{n}.{number}", "SeriesDescription": "", "InversionTime": None, key: value}
                write(tmp_path / folder / f"{n}{number}", mr_slice(plane, AXIAL, n, **more))
    two = open_study(tmp_path / "echoes").images
    assert [image.facts["sequence"] for image in two] == ["PD", "T2"]
    np.testing.assert_array_equal(two[1].pixels, later)
    study = open_study(tmp_path / "moments")
    image = only(study)
    assert image.axes == ("t", "z", "y", "x")
    np.testing.assert_array_equal(image.pixels, np.stack([VALUES, later]))
    assert any("holds 2 volumes, told apart by their temporal position" in warning for warning in study.warnings)


def test_the_same_place_twice_without_a_cause_is_refused(tmp_path: Path) -> None:
    write_series(tmp_path, AXIAL)
    write(tmp_path / "again", mr_slice(VALUES[0] // 3, AXIAL, 1, SOPInstanceUID="1.2.3.999"))
    assert "lie at one place" in reason(tmp_path)


def test_a_localizer_of_three_planes_is_three_stacks(tmp_path: Path) -> None:
    for number, axes in enumerate((turns()[0], turns()[5], turns()[10])):
        for n in range(2):
            uid = f"1.2.3.6.{number}.{n}"
            write(tmp_path / uid, mr_slice(VALUES[n], axes, n, SOPInstanceUID=uid, SeriesDescription="localizer", EchoTime=None))
    study = open_study(tmp_path)
    assert [image.shape for image in study.images] == [(2, 8, 9)] * 3
    assert {image.facts["sequence"] for image in study.images} == {"localizer"}


def test_two_patients_in_one_folder(tmp_path: Path) -> None:
    write_series(tmp_path, AXIAL)
    write_series(tmp_path / "b", AXIAL, **{**T1, "PatientID": "someone else"})
    with pytest.raises(InputError, match="2 different patient ids"):
        open_study(tmp_path)
    write_series(tmp_path / "b", AXIAL, **{**T1, "PatientID": "someone else", "StudyInstanceUID": "1.2.99"})
    assert len(find_exams(tmp_path)) == 2
    with pytest.raises(InputError, match="holds 2 exams"):
        open_study(tmp_path)


def test_check_names_the_volumes(tmp_path: Path) -> None:
    write_series(tmp_path / "exam", AXIAL)
    write_series(tmp_path / "exam", AXIAL, np.concatenate([VALUES, VALUES]), **T2)[4].unlink()
    done = subprocess.run([sys.executable, "-m", "coread", "check", str(tmp_path / "exam")], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "volume: FLAIR, 0.75 x 1.5 x 3.25 mm, axial, 4 slices" in done.stdout
    assert "warning: Series 5 (tse tra): 7 slices were not joined to a volume: a slice is missing" in done.stdout


def test_the_name_is_not_in_what_is_said(tmp_path: Path) -> None:
    write_series(tmp_path, AXIAL)
    study = open_study(tmp_path)
    assert str(pydicom.dcmread(next(tmp_path.iterdir())).PatientName).split("^")[0] not in repr(study)
