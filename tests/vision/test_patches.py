"""Patches: upright whatever the turn, honest at the border, and carried back to the image without loss."""

import numpy as np
import pytest

from coread.vision.patches import Square, cut, inside_share, standardised


def test_a_patch_is_cut_upright_whatever_the_turn() -> None:
    """A ramp along the axis comes out brightest at the top for every direction of the axis."""
    rows, columns = np.mgrid[0:200, 0:200].astype(np.float32)
    for angle in np.linspace(0, 2 * np.pi, 7):
        axis = (float(np.cos(angle)), float(np.sin(angle)))
        plane = (columns * axis[0] + rows * axis[1]).astype(np.float32)
        patch = cut(plane, Square((100.0, 90.0), axis, 30.0, 31))
        assert np.allclose(np.diff(patch[:, 15]), -2.0, atol=0.05)
        assert np.ptp(patch, axis=1).max() < 0.1
        assert patch[15, 15] == pytest.approx(100 * axis[0] + 90 * axis[1], abs=0.05)


def test_beyond_the_border_the_border_goes_on() -> None:
    plane = np.tile(np.arange(50, dtype=np.float32), (50, 1))
    patch = cut(plane, Square((2.0, 25.0), (0.0, -1.0), 10.0, 21))
    assert patch[0, 0] == 0.0
    assert patch[10, 10] == pytest.approx(2.0)
    assert not cut(plane, Square((-500.0, 25.0), (0.0, -1.0), 10.0, 21)).any()


@pytest.mark.parametrize("mirrored", [False, True])
def test_points_go_to_the_image_and_back(mirrored: bool) -> None:
    square = Square((40.0, 60.0), (0.6, -0.8), 12.0, 33, mirrored)
    points = np.array([[0.0, 0.0], [16.0, 16.0], [32.0, 5.0]])
    assert np.allclose(square.to_patch(square.to_image(points)), points)
    assert np.allclose(square.to_image(points[1]), (40.0, 60.0))


def test_a_sample_of_the_patch_is_the_pixel_that_it_says() -> None:
    plane = np.random.default_rng(0).random((80, 90)).astype(np.float32)
    square = Square((44.0, 41.0), (0.0, -1.0), 10.0, 21)
    patch = cut(plane, square)
    for point in ([0, 0], [20, 3], [7, 19]):
        column, row = np.round(square.to_image(point)).astype(int)
        assert patch[point[1], point[0]] == pytest.approx(plane[row, column], abs=1e-5)


def test_the_mirrored_image_of_a_right_hand_gives_the_patch_of_a_left_one() -> None:
    plane = np.random.default_rng(1).random((60, 70)).astype(np.float32)
    left = cut(plane, Square((30.0, 25.0), (0.6, -0.8), 9.0, 19))
    right = cut(np.ascontiguousarray(plane[:, ::-1]), Square((69.0 - 30.0, 25.0), (-0.6, -0.8), 9.0, 19, mirrored=True))
    assert np.allclose(left, right, atol=1e-5)


def test_grey_values_are_standardised_and_a_flat_patch_stays_finite() -> None:
    patches = np.stack([np.arange(16, dtype=np.float32).reshape(4, 4) * 3 + 7, np.full((4, 4), 0.2, dtype=np.float32)])
    out = standardised(patches)
    assert out[0].mean() == pytest.approx(0, abs=1e-6)
    assert out[0].std() == pytest.approx(1, abs=1e-5)
    assert np.isfinite(out).all()


def test_how_much_of_a_patch_lies_in_the_image() -> None:
    assert inside_share(Square((50.0, 50.0), (0.0, -1.0), 10.0, 21), (100, 100)) == 1.0
    assert inside_share(Square((-40.0, 50.0), (0.0, -1.0), 10.0, 21), (100, 100)) == 0.0
    assert 0.3 < inside_share(Square((0.0, 50.0), (0.0, -1.0), 10.0, 21), (100, 100)) < 0.7
