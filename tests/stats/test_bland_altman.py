import numpy as np
import pytest

from coread.stats.bland_altman import bland_altman, limits_of_agreement, proportional_bias
from tests.stats.agreement_tables import PEAK_FLOW
from tests.stats.golden_numbers import golden

LARGE, MINI = PEAK_FLOW[:, 0], PEAK_FLOW[:, 2]


def test_lancet_1986() -> None:
    """Bland & Altman, Lancet 1986;i:307: bias -2.1 (-22.0 to 17.8), SD 38.8, limits -79.7 and 75.5 from 2 SD."""
    ours = bland_altman(LARGE, MINI, coverage=0.954499736)
    assert [round(x, 1) for x in (ours.bias.estimate, ours.bias.low, ours.bias.high, ours.sd)] == [-2.1, -22.0, 17.8, 38.8]
    # The paper doubles the rounded SD: -2.1 - 77.6 and -2.1 + 77.6.
    assert [ours.lower.estimate, ours.upper.estimate] == pytest.approx([-79.7, 75.5], abs=0.1)


def test_blood_pressure_1999() -> None:
    """Bland & Altman 1999, section 2: n 85, mean -16.29, SD 19.61; limits -54.7 and 22.1, standard error 1.71 SD / sqrt(85)."""
    ours = limits_of_agreement((-16.29, 19.61, 85), method="approximate")
    assert [round(ours.lower.estimate, 1), round(ours.upper.estimate, 1)] == [-54.7, 22.1]
    t = 1.98861
    assert (ours.upper.high - ours.upper.estimate) / t == pytest.approx(1.71 * 19.61 / np.sqrt(85), rel=0.005)


# One-sided tolerance factors for n = 10, 95 % confidence: 2.911 for 95 % of a normal population, 3.981 for 99 % (Natrella, NBS
# Handbook 91, table A-7). An exact limit's outer bound is that factor.
@pytest.mark.parametrize(("coverage", "factor"), [(0.90, 2.911), (0.98, 3.981)])
def test_tolerance_factors(coverage: float, factor: float) -> None:
    ours = limits_of_agreement((0.0, 1.0, 10), level=0.90, coverage=coverage)
    assert round(ours.upper.high, 3) == factor
    assert round(ours.lower.low, 3) == -factor


def test_r() -> None:
    theirs = golden("agreement_r")["limits"]
    ours, slope = bland_altman(LARGE, MINI), proportional_bias(LARGE, MINI)
    assert [ours.bias.estimate, ours.bias.low, ours.bias.high] == pytest.approx([theirs["bias"], *theirs["bias_ci"]])
    assert [ours.upper.low, ours.upper.high] == pytest.approx(theirs["upper_exact"])
    assert [slope.slope.estimate, slope.slope.low, slope.slope.high] == pytest.approx([theirs["slope"], *theirs["slope_ci"]])
    assert slope.p_value == pytest.approx(theirs["slope_p"])


def test_exchange_of_readers_mirrors() -> None:
    a, b = bland_altman(LARGE, MINI), bland_altman(MINI, LARGE)
    assert (a.lower.low, a.lower.high, a.bias.low) == pytest.approx((-b.upper.high, -b.upper.low, -b.bias.high))


def test_approximate_approaches_exact() -> None:
    for n, tolerance in ((10, 0.9), (1000, 0.02)):
        exact, rough = (limits_of_agreement((0.0, 1.0, n), method=m).upper for m in ("exact", "approximate"))
        assert exact.high > rough.high
        assert exact.high == pytest.approx(rough.high, abs=tolerance)


def test_a_stretched_scale_is_found() -> None:
    true = np.linspace(0, 100, 40)
    noise = np.random.default_rng(1).standard_normal((2, 40))
    assert proportional_bias(1.2 * true + noise[0], true + noise[1]).slope.low > 0
    assert abs(proportional_bias(true + 5 + noise[0], true + noise[1]).slope.estimate) < 0.02


def test_without_a_value() -> None:
    assert "at least 2 subjects" in bland_altman([1], [2]).bias.undefined
    shifted = bland_altman([1, 2, 3], [2, 3, 4])
    assert (shifted.bias.estimate, shifted.upper.estimate, shifted.sd) == (-1, -1, 0)
    assert "all differences are the same" in shifted.upper.undefined
    assert "at least 3" in proportional_bias([1, 2], [2, 3]).slope.undefined
    assert "same mean score" in proportional_bias([1, 2, 3], [3, 2, 1]).slope.undefined
    assert "lie on a line" in proportional_bias([2, 4, 6], [1, 2, 3]).slope.undefined


def test_refuses() -> None:
    with pytest.raises(ValueError, match="same subjects"):
        bland_altman([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="first: value 1 is missing"):
        bland_altman([1, np.nan], [1, 2])
    with pytest.raises(ValueError, match="need 0 < coverage < 1"):
        limits_of_agreement((0, -1, 5))
