import numpy as np
import pytest
from scipy.stats import binom

from coread.stats.ordinal import sum_interval


def test_independent_sites_are_the_binomial() -> None:
    n, p = 30, 0.3
    interval = sum_interval([[1 - p, p]] * n, [[0, 1]] * n, correlation=0.0, draws=40_000)
    assert abs(interval.low - binom.ppf(0.05, n, p)) <= 1
    assert abs(interval.high - binom.ppf(0.95, n, p)) <= 1


def test_full_correlation_moves_all_together() -> None:
    interval = sum_interval([[0.5, 0.5]] * 10, [[0, 1]] * 10, correlation=1.0)
    assert (interval.low, interval.high) == (0, 10)


def test_certain_grades_have_no_doubt() -> None:
    interval = sum_interval([[0, 0, 1], [1, 0, 0]], [[0, 1, 2], [0, 1, 2]], correlation=0.4)
    assert (interval.low, interval.high) == (2, 2)


def test_wider_with_correlation_and_level() -> None:
    p, g = [[0.4, 0.3, 0.2, 0.1]] * 15, [[0, 1, 2, 3]] * 15
    widths = [np.ptp([(i := sum_interval(p, g, r, level)).low, i.high]) for r, level in [(0, 0.5), (0, 0.9), (0.3, 0.9), (0.8, 0.9)]]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]


@pytest.mark.parametrize(
    ("p", "g", "r"), [([], [], 0.1), ([[0.5, 0.4]], [[0, 1]], 0.1), ([[0.5, 0.5]], [[0, 1, 2]], 0.1), ([[0.5, 0.5]], [[0, 1]], 1.5)]
)
def test_refuses(p: list[list[float]], g: list[list[float]], r: float) -> None:
    with pytest.raises(ValueError, match=r"need|must"):
        sum_interval(p, g, r)
