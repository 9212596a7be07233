"""Labels in the grid of the input: nibabel and ITK find each on the voxel that it was put on, in all 48 orientations and oblique ones."""

from itertools import permutations, product
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK

from coread.errors import InputError
from coread.formats.nifti_write import write_nifti
from coread.formats.open import open_study
from tests.formats.series import VALUES, oblique, write_series
from tests.formats.test_nifti import affine_of

ORIENTATIONS = ["".join(codes) for axes in permutations(("LR", "PA", "IS")) for codes in product(*axes)]


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_it_lies_on_the_input_voxel_by_voxel(tmp_path: Path, orientation: str) -> None:
    source = nibabel.Nifti1Image(VALUES.astype(np.int16), affine_of(orientation))
    source.set_sform(source.affine, 4)
    source.set_qform(source.affine, 2)
    nibabel.save(source, tmp_path / "v.nii.gz")
    image = open_study(tmp_path / "v.nii.gz").images[0]
    labels = (image.pixels > 2000).astype(np.int64) * 3
    write_nifti(labels, image, tmp_path / "labels.nii.gz")
    back = nibabel.load(tmp_path / "labels.nii.gz")
    np.testing.assert_allclose(back.affine, source.affine, atol=1e-4)
    assert (int(back.header["sform_code"]), int(back.header["qform_code"])) == (4, 2)
    assert back.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(np.asarray(back.dataobj), (VALUES > 2000) * 3)
    ours, theirs = SimpleITK.ReadImage(tmp_path / "labels.nii.gz"), SimpleITK.ReadImage(tmp_path / "v.nii.gz")
    np.testing.assert_allclose(ours.GetDirection(), theirs.GetDirection(), atol=1e-5)
    np.testing.assert_allclose(ours.GetOrigin(), theirs.GetOrigin(), atol=1e-4)
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(ours), (SimpleITK.GetArrayFromImage(theirs) > 2000) * 3)
    assert open_study(tmp_path / "labels.nii.gz").images[0].grid.letters == image.grid.letters


@pytest.mark.parametrize("seed", range(4))
def test_a_dicom_series_as_nifti_lies_where_itk_says(tmp_path: Path, seed: int) -> None:
    files = write_series(tmp_path / "exam", oblique(seed))
    image = open_study(tmp_path / "exam").images[0]
    write_nifti(image.pixels, image, tmp_path / "v.nii")
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames([str(f) for f in files])
    series, written = reader.Execute(), SimpleITK.ReadImage(tmp_path / "v.nii")
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(written), SimpleITK.GetArrayFromImage(series))
    for index in ((0, 0, 0), (8, 7, 3)):
        there, here = series.TransformIndexToPhysicalPoint(index), written.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose(there, here, atol=1e-3)


def test_a_volume_without_a_place_keeps_its_spacing(tmp_path: Path) -> None:
    bare = nibabel.Nifti1Image(VALUES.astype(np.int16), None)
    bare.header.set_zooms((0.5, 0.6, 0.7))
    nibabel.save(bare, tmp_path / "v.nii")
    image = open_study(tmp_path / "v.nii").images[0]
    write_nifti(image.pixels, image, tmp_path / "w.nii")
    back = nibabel.load(tmp_path / "w.nii")
    assert back.header.get_zooms() == pytest.approx((0.5, 0.6, 0.7))
    np.testing.assert_array_equal(back.get_fdata(), VALUES)


def test_what_does_not_lie_on_the_image_is_refused(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(VALUES.astype(np.int16), np.eye(4)), tmp_path / "v.nii")
    image = open_study(tmp_path / "v.nii").images[0]
    for values, name, words in (
        (image.pixels[1:], "w.nii", "do not lie on the image"),
        (image.pixels * np.nan, "w.nii", "not all numbers"),
        (image.pixels, "w.mha", "ends in .nii"),
        (image.pixels, "none/w.nii", "cannot be written"),
    ):
        with pytest.raises(InputError, match=words):
            write_nifti(values, image, tmp_path / name)
