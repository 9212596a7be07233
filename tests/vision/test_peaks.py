"""From candidates to one hand: outliers, missing landmarks and turns; and places from heat maps."""

import numpy as np
import pytest

from coread.vision.peaks import Peaks, find_hand, find_peaks, soft_places
from coread.vision.pose import Pose
from coread.vision.shape import N_LANDMARKS, shape_model


def candidates(pose: Pose, keep: list[int], wrong: int, seed: int) -> Peaks:
    rng = np.random.default_rng(seed)
    points = pose.to_image(shape_model().mean[keep]) + rng.normal(0, 0.15, size=(len(keep), 2))
    stray = rng.uniform(0, 40, size=(wrong, 2))
    landmark = np.concatenate([keep, rng.integers(N_LANDMARKS, size=wrong)]).astype(np.intp)
    return Peaks(landmark, np.vstack([points, stray]), np.concatenate([rng.uniform(0.4, 0.9, len(keep)), rng.uniform(0.2, 0.9, wrong)]))


@pytest.mark.parametrize("angle", [0.0, 0.9, 2.2, -1.7])
def test_hand_among_outliers(angle: float) -> None:
    pose = Pose((20.0, 19.0), 24.0, angle, False)
    found = find_hand(candidates(pose, list(range(3, 34)), 25, 1), (40, 40), shape_model())
    assert found is not None
    error = np.linalg.norm(found.points - pose.to_image(shape_model().mean), axis=1) / 24
    assert np.median(error) < 0.02
    assert found.share > 0.45


def test_outliers_alone_are_no_hand() -> None:
    found = find_hand(candidates(Pose((20, 20), 24, 0, False), [], 30, 2), (40, 40), shape_model())
    assert found is None or found.share < 0.25


def test_two_landmarks_are_no_hand() -> None:
    assert find_hand(candidates(Pose((20, 20), 24, 0, False), [3, 30], 0, 2), (40, 40), shape_model()) is None


def test_peaks_to_a_fraction_of_a_cell() -> None:
    row, column = np.mgrid[0:40, 0:40]
    maps = np.stack([0.8 * np.exp(-((column - x) ** 2 + (row - y) ** 2) / (2 * 1.25**2)) for x, y in ((10.3, 22.6), (0.0, 39.0))]).astype(
        np.float32
    )
    peaks = find_peaks(maps)
    assert peaks.landmark.tolist() == [0, 1]
    np.testing.assert_allclose(peaks.points[0], [10.3, 22.6], atol=0.12)
    np.testing.assert_allclose(peaks.points[1], [0.0, 39.0], atol=0.6)


def test_soft_places_of_gaussians() -> None:
    row, column = np.mgrid[0:64, 0:56]
    places = np.array([[20.37, 41.81], [2.2, 60.4]])
    logits = np.stack([-((column - x) ** 2 + (row - y) ** 2) / (2 * 1.3**2) for x, y in places]).astype(np.float32)
    found, mass = soft_places(logits)
    np.testing.assert_allclose(found, places, atol=0.1)
    assert (mass > 0.9).all()
    _, flat = soft_places(np.zeros((1, 64, 56), dtype=np.float32))
    assert flat[0] < 0.05
