import numpy as np
import pytest
from scipy.stats import norm

from coread.stats.conformal import fit_interval
from coread.stats.conformal_margin import Margin, fit_margin, margin_scores


def test_scores_by_hand() -> None:
    """Inside, the score is the distance to the nearer bound, below 0; outside, to the bound that was passed."""
    assert margin_scores([5, 5, 5, 5], [3, 6, 1, 5], [6, 9, 4, 5]).tolist() == [-1, 1, 1, 0]


def test_of_points_it_is_the_split_conformal_interval() -> None:
    random = np.random.default_rng(0)
    truth, value = random.normal(0, 3, 60), random.normal(0, 1, 60)
    low, high = fit_margin(truth, value, value, 0.9).apply(value, value)
    assert (low, high) == (pytest.approx(fit_interval(truth, value, 0.9).apply(value)[0]), pytest.approx(value + (value - low)))


@pytest.mark.parametrize("stretch", [0.5, 1.0, 2.0])
def test_new_cases_are_covered_whatever_the_model_states(stretch: float) -> None:
    """Normal errors whose spread the model knows, stated too narrow, right and too wide; the exact margin is known where it is right."""
    random = np.random.default_rng(1)
    covered, margins = [], []
    for _ in range(200):
        spread = random.uniform(0.5, 3, 400)
        truth, half = spread * random.standard_normal(400), stretch * spread * norm.ppf(0.95)
        fitted = fit_margin(truth[:100], -half[:100], half[:100], 0.9)
        low, high = fitted.apply(-half[100:], half[100:])
        covered.append(((low <= truth[100:]) & (truth[100:] <= high)).mean())
        margins.append(fitted.margin)
    assert np.mean(covered) == pytest.approx(0.9, abs=0.01)
    assert np.sign(np.round(np.mean(margins), 1)) == {0.5: 1, 1.0: 0, 2.0: -1}[stretch]


def test_widths_keep_their_order_and_none_is_negative() -> None:
    low, high = Margin(-2.0, 0.9, 30).apply([0, 0, 0], [1, 4, 10])
    assert low.tolist() == [0.5, 2, 2]
    assert high.tolist() == [0.5, 2, 8]


def test_refuses() -> None:
    with pytest.raises(ValueError, match="interval 1: the lower bound 3 lies above the upper one 2"):
        fit_margin(np.zeros(2), [0, 3], [1, 2])
    with pytest.raises(ValueError, match=r"too few for level 0\.9: at least 9"):
        fit_margin(np.zeros(8), np.zeros(8), np.zeros(8))
    with pytest.raises(ValueError, match="equally long"):
        margin_scores([1.0], [0.0, 0.0], [1.0, 1.0])
    with pytest.raises(ValueError, match="missing or infinite"):
        margin_scores([np.nan], [0.0], [1.0])
