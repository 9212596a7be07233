"""The shape model: what it expects of hands drawn by the simulator, which shares no code with it, and what it refuses."""

import numpy as np
import pytest

from coread.errors import InputError
from coread.simulate import simulate_hand
from coread.vision.shape import N_LANDMARKS, hand_length, shape_model


def truth(seed: int) -> np.ndarray:
    return np.asarray(simulate_hand(seed, side="left", pixel_mm=1.0, plain=True).hand.landmarks_px)


def test_mean_is_a_left_hand_upright_of_length_one() -> None:
    mean = shape_model().mean
    assert mean.shape == (N_LANDMARKS, 2)
    assert hand_length(mean) == pytest.approx(1, abs=1e-3)
    assert mean[28, 1] < mean[25, 1] < mean[7, 1]
    assert mean[18, 0] > mean[33, 0]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_missing_landmarks_are_expected_where_they_are(seed: int) -> None:
    points = truth(seed)
    doubt = np.full(N_LANDMARKS, 0.005)
    hidden = [24, 31, 14, 22]
    doubt[hidden] = np.inf
    given = points.copy()
    given[hidden] = 0
    fit = shape_model().fit(given, doubt, mirrored=False)
    error = np.linalg.norm(fit.points_px - points, axis=1)[hidden] / hand_length(points)
    assert error.max() < 0.035
    assert (error < 4 * fit.deviation_px[hidden] / hand_length(points)).all()


def test_mirrored_hand_fits_as_mirrored_only() -> None:
    points = truth(4) * np.array([-1.0, 1.0])
    doubt = np.full(N_LANDMARKS, 0.01)
    model = shape_model()
    good = np.linalg.norm(model.fit(points, doubt, True).points_px - points, axis=1).mean()
    bad = np.linalg.norm(model.fit(points, doubt, False).points_px - points, axis=1).mean()
    assert bad > 8 * good


def test_too_few_landmarks_are_refused() -> None:
    doubt = np.full(N_LANDMARKS, np.inf)
    doubt[:2] = 0.01
    with pytest.raises(InputError, match="three or more"):
        shape_model().fit(np.zeros((N_LANDMARKS, 2)), doubt, False)
