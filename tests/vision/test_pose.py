"""Poses: both ways agree, the fit gives back what made it, and a crop shows at each point what the image holds there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coread.vision.pose import HAND_FRAME, CropFrame, Pose, canonical_crop, fit_pose, reductions

ANGLES = st.floats(-3.1, 3.1)
LENGTHS = st.floats(20, 3000)


@settings(deadline=None)
@given(ANGLES, LENGTHS, st.booleans())
def test_there_and_back(angle: float, length: float, mirrored: bool) -> None:
    pose = Pose((310.0, -45.5), length, angle, mirrored)
    points = np.array([[0.0, 0.0], [0.3, -0.5], [-0.2, 0.4]])
    np.testing.assert_allclose(pose.to_canonical(pose.to_image(points)), points, atol=1e-9)
    there = pose.to_image(points)
    np.testing.assert_allclose(np.linalg.norm(there[1] - there[0]), length * np.hypot(0.3, 0.5), rtol=1e-9)


@settings(deadline=None)
@given(ANGLES, LENGTHS, st.booleans())
def test_fit_gives_back_the_pose(angle: float, length: float, mirrored: bool) -> None:
    pose = Pose((12.0, 700.0), length, angle, mirrored)
    shape = np.random.default_rng(0).normal(size=(9, 2))
    fitted = fit_pose(shape, pose.to_image(shape), np.ones(9), mirrored)
    np.testing.assert_allclose(fitted.to_image(shape), pose.to_image(shape), atol=1e-6 * length)
    assert fitted.length_px == pytest.approx(length)


def test_weights_decide_between_contradictions() -> None:
    shape = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    target = 100 * shape
    target[3] = [900.0, -900.0]
    fitted = fit_pose(shape, target, np.array([1, 1, 1, 1e-9]), False)
    assert fitted.length_px == pytest.approx(100, rel=1e-4)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("angle", [0.0, 1.1, -2.6])
def test_crop_shows_the_image(angle: float, mirrored: bool) -> None:
    column, row = np.meshgrid(np.arange(900), np.arange(1100))
    spot = np.array([420.0, 610.0])
    image = np.exp(-((column - spot[0]) ** 2 + (row - spot[1]) ** 2) / (2 * 14.0**2)).astype(np.float32)
    pose = Pose((450.0, 560.0), 620.0, angle, mirrored)
    crop = canonical_crop(image, pose)
    assert crop.shape == HAND_FRAME.size
    rows, columns = np.mgrid[0 : crop.shape[0], 0 : crop.shape[1]]
    seen = np.array([(columns * crop).sum(), (rows * crop).sum()]) / crop.sum()
    np.testing.assert_allclose(seen, HAND_FRAME.to_crop(pose.to_canonical(spot)), atol=0.15)


def test_outside_the_image_is_the_value_asked_for() -> None:
    crop = canonical_crop(np.ones((60, 60), dtype=np.float32), Pose((30, 30), 100, 0, False), CropFrame((80, 80), 40), outside=0.25)
    assert crop[0, 0] == pytest.approx(0.25)
    assert crop[40, 40] == pytest.approx(1.0)


def test_reductions_keep_the_mean() -> None:
    levels = reductions(np.random.default_rng(1).random((512, 384)).astype(np.float32))
    assert [level.shape for level in levels] == [(512, 384), (256, 192), (128, 96)]
    for level in levels:
        assert float(level.mean()) == pytest.approx(float(levels[0].mean()), abs=1e-5)
