"""NIfTI: voxels unchanged, positions the same along nibabel's route and ours."""

import gzip
from itertools import permutations, product
from pathlib import Path

import nibabel
import numpy as np
import pytest

from coread.errors import InputError
from coread.formats.dicom_pixels import robust
from coread.formats.open import open_study
from coread.study import Study

VALUES = np.random.default_rng(5).integers(-500, 500, (5, 6, 7)).astype(np.int16)
ORIENTATIONS = ["".join(codes) for axes in permutations(("LR", "PA", "IS")) for codes in product(*axes)]


@pytest.fixture(autouse=True)
def _silence(capfd: pytest.CaptureFixture[str]):
    """Nothing that opens or decodes may write to the terminal."""
    yield
    out, err = capfd.readouterr()
    assert out == ""
    assert err == ""


def opened(tmp_path: Path, image: nibabel.Nifti1Image, name: str = "v.nii") -> Study:
    nibabel.save(image, tmp_path / name)
    return open_study(tmp_path / name)


def placed(values: np.ndarray, affine: np.ndarray, sform: int = 1, qform: int = 1) -> nibabel.Nifti1Image:
    image = nibabel.Nifti1Image(values, affine)
    image.set_sform(affine, sform)
    image.set_qform(affine, qform)
    image.header.set_xyzt_units("mm", "sec")
    return image


def affine_of(orientation: str) -> np.ndarray:
    """An affine (index to RAS+ mm) of a turned and shifted volume in one of the 48 orientations."""
    affine = np.diag([0.8, 1.1, 2.5, 1.0]) @ np.eye(4)
    affine[:3, 3] = (11, -23, 37)
    angle = np.deg2rad(8)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0, 0], [np.sin(angle), np.cos(angle), 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    order = nibabel.orientations.axcodes2ornt(tuple(orientation))
    return turn @ affine @ nibabel.orientations.inv_ornt_aff(order, (7, 7, 7))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_voxel_lies_where_nibabel_says(tmp_path: Path, orientation: str) -> None:
    affine = affine_of(orientation)
    study = opened(tmp_path, placed(VALUES, affine))
    image = study.images[0]
    assert image.axes == ("z", "y", "x")
    rng = np.random.default_rng(11)
    for _ in range(5):
        i, j, k = (int(rng.integers(n)) for n in VALUES.shape)
        assert image.pixels[k, j, i] == VALUES[i, j, k]
        ours = image.grid.affine @ (k, j, i, 1)
        ras = nibabel.affines.apply_affine(nibabel.load(tmp_path / "v.nii").affine, (i, j, k))
        np.testing.assert_allclose(ours[:3] * (-1, -1, 1), ras, atol=1e-3)


def test_the_three_mains_of_a_patient(tmp_path: Path) -> None:
    """LPS by definition: x to the patient's left, y to the back, z to the head; NIfTI's axes are right, front, head."""
    grid = opened(tmp_path, placed(VALUES, np.diag([2.0, 3.0, 4.0, 1.0]))).images[0].grid
    assert grid.spacing_mm == pytest.approx((4, 3, 2))
    np.testing.assert_allclose(grid.directions, [(0, 0, 1), (0, -1, 0), (-1, 0, 0)], atol=1e-6)


def test_the_sform_goes_before_the_qform_and_neither_is_no_position(tmp_path: Path) -> None:
    image = placed(VALUES, np.diag([1.0, 1.0, 1.0, 1.0]))
    image.set_sform(np.diag([2.0, 2.0, 2.0, 1.0]), 1)
    assert opened(tmp_path, image).images[0].grid.spacing_mm == pytest.approx((2, 2, 2))
    image.set_sform(np.diag([2.0, 2.0, 2.0, 1.0]), 0)
    assert opened(tmp_path, image).images[0].grid.spacing_mm == pytest.approx((1, 1, 1))
    bare = nibabel.Nifti1Image(VALUES, None)
    bare.header.set_zooms((0.5, 0.6, 0.7))
    bare.header.set_xyzt_units("mm")
    study = opened(tmp_path, bare)
    assert study.images[0].grid.spacing_mm == pytest.approx((0.7, 0.6, 0.5))
    assert not study.images[0].grid.in_patient
    assert any("no position" in warning for warning in study.warnings)


def test_units_are_turned_to_mm_and_seconds(tmp_path: Path) -> None:
    values = np.stack([VALUES, VALUES + 1], -1)
    image = placed(values, np.diag([100.0, 200.0, 300.0, 1.0]))
    image.header.set_xyzt_units("micron", "msec")
    image.header["pixdim"][4] = 2500
    given = opened(tmp_path, image).images[0]
    assert given.axes == ("t", "z", "y", "x")
    assert given.grid.spacing_mm == pytest.approx((0.3, 0.2, 0.1))
    assert given.times_s == pytest.approx((0, 2.5))
    np.testing.assert_array_equal(given.pixels[1], VALUES.T + 1)


def test_scaled_values_and_a_packed_file(tmp_path: Path) -> None:
    image = placed(VALUES, np.eye(4))
    image.header.set_slope_inter(0.5, 10)
    plain = opened(tmp_path, image).images[0].pixels
    np.testing.assert_allclose(plain, nibabel.load(tmp_path / "v.nii").get_fdata().transpose(2, 1, 0), atol=1e-5)
    np.testing.assert_array_equal(opened(tmp_path, image, "v.nii.gz").images[0].pixels, plain)
    assert plain.dtype == np.float32


def axial_picture() -> np.ndarray:
    """A slice drawn as it is looked at: patient's left on the right, front above."""
    return np.arange(5 * 6, dtype=np.int16).reshape(6, 5)


@pytest.mark.parametrize("flips", list(product((1, -1), repeat=2)))
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("depth", [True, False])
def test_a_slice_is_seen_the_same_however_it_is_stored(tmp_path: Path, flips: tuple[int, int], turned: bool, depth: bool) -> None:
    seen = axial_picture()
    stored = seen[:: flips[1], :: flips[0]].T  # first index across
    affine = np.diag([-0.4 * flips[0], -0.3 * flips[1], 1.0, 1.0])  # RAS+: left is minus, back is minus
    if turned:
        stored, affine = stored.T, affine[:, [1, 0, 2, 3]]
    image = opened(tmp_path, placed(stored[:, :, None] if depth else stored, affine)).images[0]
    assert image.axes == ("y", "x")
    np.testing.assert_allclose(image.pixels, robust(seen.astype(np.float32)), atol=1e-6)
    assert image.grid.spacing_mm == pytest.approx((0.3, 0.4))
    np.testing.assert_allclose(image.grid.directions, [(0, 1, 0), (1, 0, 0)], atol=1e-6)
    first = np.linalg.inv(affine) @ (-image.grid.origin_mm[0], -image.grid.origin_mm[1], image.grid.origin_mm[2], 1)
    assert stored[tuple(np.rint(first[:2]).astype(int))] == seen[0, 0]


def test_a_coronal_and_a_sagittal_slice_have_the_head_above(tmp_path: Path) -> None:
    for first, along in ((0, (1, 0, 0)), (1, (0, 1, 0))):
        shape = [1, 1, 6]
        shape[first] = 5
        values = np.arange(30, dtype=np.int16).reshape(shape)
        image = opened(tmp_path, placed(values, np.diag([1.0, 1.0, 1.0, 1.0]))).images[0]
        np.testing.assert_allclose(image.grid.directions, [(0, 0, -1), along], atol=1e-6)
        seen = values.reshape(5, 6).T[::-1, ::-1]  # RAS+: the first index runs to the right or to the front
        np.testing.assert_allclose(image.pixels, robust(seen.astype(np.float32)), atol=1e-6)


def test_a_slice_without_a_place_is_as_stored_with_a_warning(tmp_path: Path) -> None:
    values = np.arange(30, dtype=np.int16).reshape(5, 6)
    study = opened(tmp_path, nibabel.Nifti1Image(values, None))
    np.testing.assert_allclose(study.images[0].pixels, robust(values.T.astype(np.float32)), atol=1e-6)
    assert any("mirrored" in warning for warning in study.warnings)
    assert not study.images[0].grid.in_patient


@pytest.mark.parametrize("name", ["v.nii", "v.nii.gz"])
def test_a_cut_file_is_one_sentence(tmp_path: Path, name: str) -> None:
    nibabel.save(placed(np.random.default_rng(2).normal(size=(20, 20, 20)).astype(np.float32), np.eye(4)), tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    cut = tmp_path / f"cut{name[1:]}"
    for share in (0.004, 0.01, 0.3, 0.9):
        cut.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(InputError) as caught:
            _ = open_study(cut).images[0].pixels
        assert str(caught.value).startswith(str(cut))
        assert "\n" not in str(caught.value)


UNUSABLE = {
    "nan": (np.full((4, 4, 4), np.nan, np.float32), (1, 1, 1), "not numbers"),
    "complex": (np.zeros((4, 4, 4), np.complex64), (1, 1, 1), "one number a voxel"),
    "colour": (np.zeros((4, 4, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")]), (1, 1, 1), "one number a voxel"),
    "five axes": (np.zeros((4, 4, 4, 2, 3), np.int16), (1, 1, 1), "one to four axes"),
    "one voxel": (np.zeros((1, 1, 1), np.int16), (1, 1, 1), "only 1 x 1"),
    "flat": (np.zeros((4, 4, 4), np.int16), (0, 1, 1), "sform or qform"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_what_cannot_be_used_is_refused(tmp_path: Path, name: str) -> None:
    values, steps, words = UNUSABLE[name]
    image = nibabel.Nifti1Image(values, np.eye(4))
    image.header.set_sform(np.diag([*steps, 1]), 1)
    image.header.set_qform(np.eye(4), 0)
    image._affine = None  # nibabel would write its own affine over the header's
    nibabel.save(image, tmp_path / "v.nii")
    with pytest.raises(InputError, match=words) as caught:
        _ = open_study(tmp_path / "v.nii").images[0].pixels
    assert str(caught.value).startswith(str(tmp_path / "v.nii"))


def test_a_gzip_that_is_no_nifti(tmp_path: Path) -> None:
    (tmp_path / "v.nii.gz").write_bytes(gzip.compress(b"hello" * 100))
    with pytest.raises(InputError, match="damaged"):
        open_study(tmp_path / "v.nii.gz")
