"""Bland and Altman's limits of agreement between two readers or methods."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Literal, get_args

import numpy.typing as npt
from scipy.special import nctdtrit, stdtr, stdtrit

from coread.stats.estimate import Array, Estimate, check_level, normal_quantile, undefined, without_interval
from coread.stats.scores import as_column

Method = Literal["exact", "approximate"]


@dataclass(frozen=True, slots=True)
class LimitsOfAgreement:
    """The bias (mean difference) and the limits between which the share ``coverage`` of the differences is expected.

    ``sd`` is the standard deviation of a difference, None where it cannot be estimated (then the reason stands in ``lower``).
    """

    bias: Estimate
    lower: Estimate
    upper: Estimate
    sd: float | None
    coverage: float


@dataclass(frozen=True, slots=True)
class ProportionalBias:
    """The regression of the difference on the mean: does the bias grow with the score? ``p_value`` is of slope 0."""

    slope: Estimate
    intercept: float | None
    p_value: float | None


def bland_altman(
    first: npt.ArrayLike, second: npt.ArrayLike, level: float = 0.95, coverage: float = 0.95, method: Method = "exact"
) -> LimitsOfAgreement:
    """Bias and limits of agreement of two readers who scored the same n subjects once each, with intervals.

    d = first - second, bias = mean d +- t s / sqrt(n), limits = mean d +- z s with z the normal quantile of (1 + coverage) / 2
    (1.96). See :func:`limits_of_agreement` for their intervals.

    Args:
        first: (n,) scores of the first reader.
        second: (n,) scores of the second.
        level: coverage of the intervals.
        coverage: share of differences that the limits shall hold.
        method: of the limits' intervals.

    Raises:
        ValueError: other shapes, NaN, or a level or coverage outside (0, 1).
    """
    difference, _ = _paired(first, second)
    n = len(difference)
    sd = float(difference.std(ddof=1)) if n > 1 else 0.0
    return limits_of_agreement((float(difference.mean()) if n else 0.0, sd, n), level, coverage, method)


def limits_of_agreement(
    summary: tuple[float, float, int], level: float = 0.95, coverage: float = 0.95, method: Method = "exact"
) -> LimitsOfAgreement:
    """Bias and limits from the mean, standard deviation and number of the differences, as a paper prints them.

    Intervals of a limit m + z s: ``exact`` m + s t' / sqrt(n), t' the quantiles of the noncentral t with n - 1 degrees of freedom and
    noncentrality z sqrt(n) (Carkeet, Optom Vis Sci 2015;92:e71); ``approximate`` +- t s sqrt(1/n + z^2 / (2 (n - 1)))
    (Bland & Altman, Stat Methods Med Res 1999;8:135, section 2.2), which is too short below about 30 subjects.

    Args:
        summary: mean, standard deviation (n - 1 in its denominator) and number of the differences.
        level: coverage of the intervals.
        coverage: share of differences that the limits shall hold.
        method: ``exact`` or ``approximate``.

    Raises:
        ValueError: a negative standard deviation, or a level or coverage outside (0, 1), or an unknown method.
    """
    mean, sd, n = summary
    check_level(level)
    if not 0 < coverage < 1 or method not in get_args(Method) or not sd >= 0:
        raise ValueError(f"need 0 < coverage < 1, method 'exact' or 'approximate', and sd >= 0; got {coverage}, {method!r}, {sd}")
    z = normal_quantile(coverage)
    names = ["bias, t interval", *(f"{side} limit of agreement of {coverage:g}, {method} interval" for side in ("lower", "upper"))]
    if n < 2:
        reason = f"limits of agreement need at least 2 subjects, there {'is' if n == 1 else 'are'} {n}"
        bias, lower, upper = (undefined(reason, n, level, name) for name in names)
        return LimitsOfAgreement(bias, lower, upper, None, coverage)
    if sd <= 1e-12 * abs(mean) or sd == 0:
        reason = "no interval: all differences are the same"
        bias, lower, upper = (without_interval(mean, reason, n, level, name) for name in names)
        return LimitsOfAgreement(bias, lower, upper, 0.0, coverage)
    t = float(stdtrit(n - 1, (1 + level) / 2))
    half = t * sd / sqrt(n)
    if method == "exact":
        near, far = (float(nctdtrit(n - 1, z * sqrt(n), p)) * sd / sqrt(n) for p in ((1 - level) / 2, (1 + level) / 2))
    else:
        width = t * sd * sqrt(1 / n + z * z / (2 * (n - 1)))
        near, far = z * sd - width, z * sd + width
    return LimitsOfAgreement(
        Estimate(mean, mean - half, mean + half, level, n, names[0]),
        Estimate(mean - z * sd, mean - far, mean - near, level, n, names[1]),
        Estimate(mean + z * sd, mean + near, mean + far, level, n, names[2]),
        sd,
        coverage,
    )


def proportional_bias(first: npt.ArrayLike, second: npt.ArrayLike, level: float = 0.95) -> ProportionalBias:
    """Least-squares slope of the difference first - second on the mean of the two, with its t interval.

    Source: Bland & Altman 1999 as above, section 3.2. A slope other than 0 says that the bias, or the spread of one of the two, changes
    with the score: readers with the same bias but different spread have one too.

    Args:
        first: (n,) scores of the first reader.
        second: (n,) scores of the second.
        level: coverage of the interval.

    Raises:
        ValueError: other shapes, NaN, or a level outside (0, 1).
    """
    check_level(level)
    difference, mean = _paired(first, second)
    n = len(mean)
    method = "slope of the difference on the mean, t interval"
    if n < 3:
        return ProportionalBias(undefined(f"a regression needs at least 3 subjects, there are {n}", n, level, method), None, None)
    x = mean - mean.mean()
    spread = float(x @ x)
    if spread <= 1e-20 * max(1.0, float(mean @ mean)):
        return ProportionalBias(undefined("no slope: all subjects have the same mean score", n, level, method), None, None)
    slope = float(x @ difference) / spread
    intercept = float(difference.mean() - slope * mean.mean())
    rest = difference - intercept - slope * mean
    error = sqrt(float(rest @ rest) / (n - 2) / spread)
    if error <= 1e-12 * max(1.0, abs(slope)):
        reason = "no interval: the differences lie on a line"
        return ProportionalBias(without_interval(slope, reason, n, level, method), intercept, None)
    half = float(stdtrit(n - 2, (1 + level) / 2)) * error
    p = 2 * float(stdtr(n - 2, -abs(slope) / error))
    return ProportionalBias(Estimate(slope, slope - half, slope + half, level, n, method), intercept, p)


def _paired(first: npt.ArrayLike, second: npt.ArrayLike) -> tuple[Array, Array]:
    """Differences and means of two columns."""
    a, b = as_column(first, "first"), as_column(second, "second")
    if a.shape != b.shape:
        raise ValueError(f"both readers must have scored the same subjects, got {len(a)} and {len(b)} scores")
    return a - b, (a + b) / 2
