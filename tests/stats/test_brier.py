import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from coread.stats.brier import brier


def test_as_scikit_learn() -> None:
    random = np.random.default_rng(0)
    truth, p = random.integers(0, 2, 80), random.random(80)
    assert brier(truth, p).score.estimate == pytest.approx(brier_score_loss(truth, p))


def test_parts_add_up_and_are_by_hand() -> None:
    # .2 came true in 1 of 4, .8 in 3 of 4
    truth, p = [0, 0, 0, 1, 1, 1, 1, 0], [0.2] * 4 + [0.8] * 4
    found = brier(truth, p)
    assert (found.reliability, found.resolution, found.uncertainty) == pytest.approx((0.05**2, 0.25**2, 0.25))
    assert found.score.estimate == pytest.approx(found.reliability - found.resolution + found.uncertainty)
    random = np.random.default_rng(1)
    truth, p = random.integers(0, 2, 300), np.round(random.random(300), 1)
    found = brier(truth, p)
    assert found.score.estimate == pytest.approx(found.reliability - found.resolution + found.uncertainty)


def test_edges() -> None:
    perfect = brier([0, 1], [0, 1])
    assert (perfect.score.estimate, perfect.scaled, perfect.score.low) == (0.0, 1.0, None)
    assert brier([1, 1], [0.5, 0.7]).scaled is None
    assert brier([0, 1, 1], [1 / 3, 1 / 3, 1 / 3]).score.low is not None


def test_by_patient() -> None:
    random = np.random.default_rng(2)
    truth, p = random.integers(0, 2, 50), random.random(50)
    once, twice = brier(truth, p), brier(np.repeat(truth, 2), np.repeat(p, 2), np.repeat(np.arange(50), 2))
    assert (once.score.low, once.score.high) == pytest.approx((twice.score.low, twice.score.high))
