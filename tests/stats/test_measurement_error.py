import numpy as np
import pytest
from scipy import stats

from coread.stats.icc import icc, score_sums
from coread.stats.measurement_error import (
    smallest_detectable_change,
    smallest_detectable_change_of_sem,
    smallest_detectable_difference,
    standard_error_of_measurement,
    standard_error_of_sums,
)
from coread.stats.resampling import Plan, bootstrap_sums
from tests.stats.agreement_tables import PEAK_FLOW, SHROUT_FLEISS


def test_of_the_printed_mean_squares() -> None:
    """Shrout & Fleiss print MSE 1.02 and MSW 6.26."""
    assert standard_error_of_measurement(SHROUT_FLEISS, "consistency").estimate ** 2 == pytest.approx(1.02, abs=0.005)
    assert standard_error_of_measurement(SHROUT_FLEISS, "within").estimate ** 2 == pytest.approx(6.26, abs=0.005)


def test_repeatability_of_the_lancet_1986() -> None:
    """Bland & Altman, Lancet 1986;i:307: SD of the differences of repeats 21.6 (large meter) and 28.2 (mini meter), about a mean of 0."""
    for repeats, printed in ((PEAK_FLOW[:, :2], 21.6), (PEAK_FLOW[:, 2:], 28.2)):
        about_zero = np.sqrt(2) * standard_error_of_measurement(repeats, "within").estimate
        assert about_zero == pytest.approx(printed, abs=0.75)
        assert about_zero == pytest.approx(np.sqrt(np.mean((repeats[:, 0] - repeats[:, 1]) ** 2)))


def test_consistency_is_the_spread_times_root_one_minus_icc() -> None:
    """SEM = SD sqrt(1 - ICC), the variance of one reader's scores being that between subjects and error."""
    random = np.random.default_rng(8)
    scores = random.standard_normal((4000, 1)) * 3 + random.standard_normal((4000, 3))
    spread = np.sqrt(scores.var(axis=0, ddof=1).mean())
    wanted = spread * np.sqrt(1 - icc(scores, "C,1").estimate)
    assert standard_error_of_measurement(scores, "consistency").estimate == pytest.approx(wanted, rel=1e-3)


def test_agreement_is_within_but_for_the_interval() -> None:
    agreement, within = (standard_error_of_measurement(SHROUT_FLEISS, kind) for kind in ("agreement", "within"))
    assert agreement.estimate == pytest.approx(within.estimate)
    assert agreement.high > within.high


def test_errors_that_are_not_normal_are_bootstrapped() -> None:
    """Changes near 0 in most and errors that grow with them: the chi-square interval is far too short."""
    random = np.random.default_rng(12)
    truth = random.gamma(0.3, 8, (400, 1))
    changes = truth + (0.5 + 0.15 * truth) * random.standard_normal((400, 2))
    normal = standard_error_of_measurement(changes, "consistency")
    (bootstrapped,) = bootstrap_sums(score_sums(changes), lambda s: standard_error_of_sums(s, 2, "consistency"), Plan())
    assert bootstrapped.estimate == pytest.approx(normal.estimate)
    assert bootstrapped.high - bootstrapped.low > 2 * (normal.high - normal.low)
    assert float(standard_error_of_sums(score_sums(changes).sum(axis=0), 2)) == pytest.approx(
        standard_error_of_measurement(changes).estimate
    )


def test_two_readers_by_hand() -> None:
    a, b = SHROUT_FLEISS[:, 0], SHROUT_FLEISS[:, 2]
    spread = np.std(a - b, ddof=1)
    pair = np.column_stack([a, b])
    z = stats.norm.ppf(0.975)
    assert smallest_detectable_difference(pair).estimate == pytest.approx(z * spread)
    assert smallest_detectable_difference(pair, 2).estimate == pytest.approx(z * spread / np.sqrt(2))
    assert smallest_detectable_change(pair).estimate == pytest.approx(z * spread / np.sqrt(2))
    assert smallest_detectable_change(pair, 2).estimate == pytest.approx(z * spread / 2)
    assert smallest_detectable_change(pair, confidence=0.8).estimate == pytest.approx(stats.norm.ppf(0.9) * spread / np.sqrt(2))
    low, high = (spread * np.sqrt(5 / stats.chi2.ppf(p, 5)) * z for p in (0.975, 0.025))
    ours = smallest_detectable_difference(pair)
    assert (ours.low, ours.high) == pytest.approx((low, high))


def test_lassere_1999() -> None:
    """J Rheumatol 1999;26:731: 15.5 units for one, 11 where the mean of the same two is used: the root of 2 between them."""
    change = np.column_stack([np.linspace(-8, 8, 52), np.zeros(52)])
    one = smallest_detectable_difference(change)
    assert 15.5 * smallest_detectable_difference(change, 2).estimate / one.estimate == pytest.approx(11, abs=0.05)


def test_change_of_independent_visits_is_that_of_the_sem() -> None:
    """Where the errors of both visits are independent, the error of a change is root 2 that of a score."""
    random = np.random.default_rng(9)
    truth = random.normal(40, 20, (5000, 1))
    baseline, follow_up = (truth + random.normal(0, 2, (5000, 2)) for _ in range(2))
    of_sem = smallest_detectable_change_of_sem(standard_error_of_measurement(baseline, "consistency"))
    assert smallest_detectable_change(follow_up - baseline).estimate == pytest.approx(of_sem.estimate, rel=0.04)
    assert of_sem.estimate == pytest.approx(1.96 * np.sqrt(2) * 2, rel=0.03)


def test_without_a_value() -> None:
    for function in (standard_error_of_measurement, smallest_detectable_change, smallest_detectable_difference):
        assert "at least 2 subjects" in function(np.ones((1, 2))).undefined
        same = function(np.arange(4.0)[:, None] * np.ones(2))
        assert (same.estimate, same.low) == (0, None)
        assert "no error at all" in same.undefined
    assert "no error at all" in smallest_detectable_change_of_sem(standard_error_of_measurement(np.ones((3, 2)))).undefined
    assert "at least 2" in smallest_detectable_change_of_sem(standard_error_of_measurement(np.ones((1, 2)))).undefined


def test_refuses() -> None:
    with pytest.raises(ValueError, match="kind must be"):
        standard_error_of_measurement(SHROUT_FLEISS, "total")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="readers_averaged must be at least 1"):
        smallest_detectable_change(SHROUT_FLEISS, 0)
