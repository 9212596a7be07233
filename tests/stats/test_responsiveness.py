import numpy as np
import pytest

from coread.stats.responsiveness import cumulative_probability, effect_size, guyatt_index, shares_beyond, standardized_response_mean
from tests.stats.agreement_tables import PEAK_FLOW
from tests.stats.golden_numbers import golden

# Student 1908, how much longer ten patients slept by the second drug than by the first; t = 4.06 as everywhere since.
SLEEP = np.array([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4])


def test_student_1908() -> None:
    assert round(standardized_response_mean(SLEEP).estimate * np.sqrt(10), 2) == 4.06


def test_interval_of_r() -> None:
    theirs = golden("agreement_r")["limits"]
    ours = standardized_response_mean(PEAK_FLOW[:, 1] - PEAK_FLOW[:, 0] + 10)
    assert [ours.estimate, ours.low, ours.high] == pytest.approx([theirs["srm"], *theirs["srm_ci"]], abs=1e-6)


def test_sign_and_scale() -> None:
    up, down = standardized_response_mean(SLEEP), standardized_response_mean(-3 * SLEEP)
    assert (up.estimate, up.low, up.high) == pytest.approx((-down.estimate, -down.high, -down.low))


def test_by_hand() -> None:
    baseline = np.array([1.0, 3.0, 5.0, 7.0])
    assert effect_size(baseline, baseline + np.array([1, 2, 3, 2])).estimate == pytest.approx(2 / np.sqrt(20 / 3))
    assert guyatt_index([4, 6], [-1, 0, 1]).estimate == pytest.approx(5)
    assert guyatt_index([5], [-1, 0, 1]).n == 4


def test_probability_plot() -> None:
    plot = cumulative_probability([5, 0, 1, 0])
    assert plot.change.tolist() == [0, 0, 1, 5]
    assert plot.probability.tolist() == [0.125, 0.375, 0.625, 0.875]
    with pytest.raises(ValueError, match="at least 1 change"):
        cumulative_probability([])


def test_shares() -> None:
    shares = shares_beyond([-5, -3, 0, 1, 3, 3.1, 8, 9], 3)
    assert (shares.worse.count, shares.better.count, shares.within.count) == (3, 1, 4)
    # Newcombe, Stat Med 1998;17:857: 81 of 263.
    many = shares_beyond([9] * 81 + [0] * 182, 3)
    assert (round(many.worse.low, 4), round(many.worse.high, 4)) == (0.2553, 0.3662)
    with pytest.raises(ValueError, match="at least 0, got nan"):
        shares_beyond([1], float("nan"))


def test_without_a_value() -> None:
    assert "at least 2 changes" in standardized_response_mean([1]).undefined
    assert "all changes are the same" in standardized_response_mean([2, 2]).undefined
    assert "all baseline scores are the same" in effect_size([1, 1], [1, 2]).undefined
    assert "no patient changed" in guyatt_index([], [1, 2]).undefined
    assert "all changes of stable patients are the same" in guyatt_index([1], [2, 2]).undefined
    assert "no interval" in effect_size([1, 2], [1, 2]).undefined
    with pytest.raises(ValueError, match="same patients"):
        effect_size([1, 2], [1])
