"""The standard deviation of scores that need not be normal."""

from __future__ import annotations

from math import exp, floor, sqrt

import numpy as np
import numpy.typing as npt

from coread.stats.estimate import Array, Estimate, check_level, normal_quantile, undefined, without_interval
from coread.stats.scores import as_column

LEAST = 5


def standard_deviation(values: npt.ArrayLike, level: float = 0.95) -> Estimate:
    """Standard deviation (n - 1 in its denominator) with Bonett's interval, which does not need normal values.

    With z the normal quantile of (1 + level) / 2, c = n / (n - z), kurtosis g = n sum (x - m)^4 / (sum (x - mean)^2)^2 about the mean m
    trimmed by 1 / (2 sqrt(n - 4)) at either end, and SE = c sqrt((g - (n - 3) / n) / (n - 1)): sqrt(exp(ln(c s^2) -+ z SE)).

    The chi-square interval holds for normal values only, however many there are, and a bootstrap is too short at the sizes of reliability
    studies. This one holds its level for normal values and comes near it for long-tailed ones; tests/stats/test_standard_deviation.py
    simulates both.

    Source: Bonett, Comput Stat Data Anal 2006;50:775. Checked against the example of that paper.

    Args:
        values: (n,); at least 5 for an interval.
        level: coverage of the interval.

    Raises:
        ValueError: another shape, NaN, or a level outside (0, 1).
    """
    check_level(level)
    x = as_column(values, "values")
    n, z = len(x), normal_quantile(level)
    method = "standard deviation, Bonett interval"
    if n < 2:
        return undefined(f"a standard deviation needs at least 2 values, there {'is' if n == 1 else 'are'} {n}", n, level, method)
    sd = float(x.std(ddof=1))
    if np.ptp(x) <= 1e-12 * np.abs(x).max():
        return without_interval(0.0, "no interval: all values are the same", n, level, method)
    if n < LEAST or n <= z:
        return without_interval(sd, f"no interval from {n} values: at least {max(LEAST, floor(z) + 1)} are needed", n, level, method)
    c = n / (n - z)
    kurtosis = n * float(((x - _trimmed_mean(x)) ** 4).sum()) / float(((x - x.mean()) ** 2).sum()) ** 2
    error = c * sqrt(max(0.0, kurtosis - (n - 3) / n) / (n - 1))
    low, high = (sd * sqrt(c * exp(sign * z * error)) for sign in (-1, 1))
    return Estimate(sd, low, high, level, n, method)


def _trimmed_mean(x: Array) -> float:
    """Mean without the share 1 / (2 sqrt(n - 4)) of the values at either end; the median where nothing would be left."""
    ordered, n = np.sort(x), len(x)
    cut = floor(n / (2 * sqrt(n - 4)))
    return float(ordered[cut : n - cut].mean() if 2 * cut < n else np.median(ordered))
