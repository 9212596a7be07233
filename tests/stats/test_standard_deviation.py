import numpy as np
import pytest

from coread.stats.measurement_error import smallest_detectable_change
from coread.stats.standard_deviation import standard_deviation

# Bonett, Comput Stat Data Anal 2006;50:775, example: eight values, with the intervals printed there.
PAPER = [15.83, 16.01, 16.24, 16.42, 15.33, 15.44, 16.88, 16.31]


@pytest.mark.parametrize(("level", "low", "high"), [(0.90, 0.3592, 0.9359), (0.95, 0.3263, 1.0841), (0.99, 0.2607, 1.5109)])
def test_the_papers_example(level: float, low: float, high: float) -> None:
    made = standard_deviation(PAPER, level)
    assert [round(x, 4) for x in (made.estimate, made.low, made.high)] == [0.5168, low, high]


def coverage(draw, true: float, n: int, runs: int = 2000) -> tuple[float, float]:
    """Of this interval, and of the chi-square one."""
    random = np.random.default_rng(11)
    hit = np.zeros(2)
    for _ in range(runs):
        values = draw(random, n)
        made = standard_deviation(values)
        chi = smallest_detectable_change(np.column_stack([values, np.zeros(n)]))
        hit += [made.low <= true <= made.high, chi.low <= 1.959964 * true / np.sqrt(2) <= chi.high]
    return tuple(hit / runs)


@pytest.mark.parametrize("n", [10, 20, 40, 100])
def test_coverage_of_normal_values(n: int) -> None:
    held, _ = coverage(lambda random, n: random.standard_normal(n), 1, n)
    assert 0.935 < held < 0.97


@pytest.mark.parametrize("n", [10, 20, 40, 100])
def test_coverage_where_errors_differ_from_patient_to_patient(n: int) -> None:
    """Normal errors whose variance is gamma(2) over patients (kurtosis 4.5): near the level, where chi-square falls further and further."""

    def draw(random: np.random.Generator, n: int) -> np.ndarray:
        return random.standard_normal(n) * np.sqrt(random.gamma(2, 0.5, n))

    held, chi = coverage(draw, 1, n)
    assert 0.91 < held < 0.96
    assert chi < held


@pytest.mark.parametrize(
    ("values", "estimate", "reason"),
    [
        ([1.0], None, "at least 2 values, there is 1"),
        ([3.0, 3.0, 3.0, 3.0, 3.0, 3.0], 0.0, "all values are the same"),
        ([1.0, 2.0, 3.0, 4.0], np.std([1, 2, 3, 4], ddof=1), "no interval from 4 values: at least 5"),
    ],
)
def test_without_a_number_there_is_a_reason(values, estimate, reason: str) -> None:
    made = standard_deviation(values)
    assert made.estimate == (None if estimate is None else pytest.approx(estimate))
    assert made.low is None
    assert reason in made.undefined


def test_scale_and_shift() -> None:
    made, other = standard_deviation(PAPER), standard_deviation(7 - 3 * np.array(PAPER))
    assert [other.estimate, other.low, other.high] == pytest.approx([3 * made.estimate, 3 * made.low, 3 * made.high])
