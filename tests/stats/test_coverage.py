"""Nominal 95 % intervals hold the truth as often as they say; bench/coverage.py does this at length, for every interval."""

from collections.abc import Callable

import numpy as np
import pytest

from coread.stats.bland_altman import limits_of_agreement
from coread.stats.estimate import Estimate
from coread.stats.icc import icc
from coread.stats.kappa import cohen_kappa
from coread.stats.measurement_error import standard_error_of_measurement
from coread.stats.resampling import Plan, interval_of_replicates
from coread.stats.responsiveness import standardized_response_mean

Draw = Callable[[np.random.Generator], Estimate]


def two_readers(random: np.random.Generator, n: int = 20, apart: float = 0.0) -> np.ndarray:
    return 2 * random.standard_normal((n, 1)) + random.standard_normal((n, 2)) + apart * random.standard_normal(2)


def grades(random: np.random.Generator) -> np.ndarray:
    """Two readers who keep a fair coin's grade with probability 0.9 each: agreement 0.82, kappa 0.64."""
    return (random.integers(0, 2, (100, 1)) ^ (random.random((100, 2)) < 0.1)).astype(float)


def limit(random: np.random.Generator) -> Estimate:
    d = random.standard_normal(12)
    return limits_of_agreement((float(d.mean()), float(d.std(ddof=1)), 12)).upper


def mean(random: np.random.Generator) -> Estimate:
    values = random.standard_normal(60)
    replicates = values[random.integers(0, 60, (400, 60))].mean(axis=1)
    return interval_of_replicates(float(values.mean()), replicates, Plan(400), 60)


@pytest.mark.parametrize(
    ("truth", "draw", "slack"),
    [
        (0.8, lambda r: icc(two_readers(r), "C,1"), 0.0),
        (0.8, lambda r: icc(two_readers(r), "1"), 0.0),
        (4 / 6, lambda r: icc(two_readers(r, apart=1.0), interval="generalised"), 0.0),
        (0.64, lambda r: cohen_kappa(grades(r)), 0.01),
        (1.959964, limit, 0.0),
        (1.0, lambda r: standard_error_of_measurement(two_readers(r), "consistency"), 0.0),
        (0.5, lambda r: standardized_response_mean(r.normal(0.5, 1, 15)), 0.0),
        (0.0, mean, 0.015),
    ],
    ids=["ICC(C,1)", "ICC(1)", "ICC(A,1) generalised", "kappa", "limit", "SEM", "SRM", "bootstrap"],
)
def test_coverage(truth: float, draw: Draw, slack: float) -> None:
    """Within 3.5 Monte Carlo standard errors of 95 %, large-sample intervals within 1 to 1.5 points more."""
    random = np.random.default_rng(20)
    repetitions = 200 if "generalised" in draw(random).method else 1000
    held = np.mean([(result := draw(random)).low <= truth <= result.high for _ in range(repetitions)])
    assert abs(held - 0.95) < 3.5 * np.sqrt(0.95 * 0.05 / repetitions) + slack


def test_the_published_interval_of_absolute_agreement_falls_short() -> None:
    """Two readers who differ as much as their errors: the judge above, shown failing."""
    random = np.random.default_rng(20)
    held = np.mean([(result := icc(two_readers(random, 100, 1.0))).low <= 4 / 6 <= result.high for _ in range(300)])
    assert held < 0.85
