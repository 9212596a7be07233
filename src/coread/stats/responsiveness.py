"""Responsiveness: how well a score shows change."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy.special import nctdtrinc

from coread.stats.estimate import Array, Estimate, check_level, normal_quantile, undefined, without_interval
from coread.stats.proportion import Proportion, wilson
from coread.stats.scores import as_column


def standardized_response_mean(changes: npt.ArrayLike, level: float = 0.95) -> Estimate:
    """Mean change divided by the standard deviation of the changes.

    Interval: exact for normal changes, from the noncentrality of t = sqrt(n) SRM on n - 1 degrees of freedom.

    Source: Liang, Fossel & Larson, Med Care 1990;28:632; interval Steiger & Fouladi 1997 (in What if there were no significance tests?).

    Args:
        changes: (n,) follow-up minus baseline.
        level: coverage of the interval.

    Raises:
        ValueError: another shape, NaN, or a level outside (0, 1).
    """
    check_level(level)
    change = as_column(changes, "changes")
    n, method = len(change), "standardized response mean, noncentral t interval"
    if (reason := _flat(change, "changes")) is not None:
        return undefined(reason, n, level, method)
    value = float(change.mean() / change.std(ddof=1))
    t = sqrt(n) * value
    high, low = (float(nctdtrinc(n - 1, p, t)) / sqrt(n) for p in ((1 - level) / 2, (1 + level) / 2))
    if np.isnan(low) or np.isnan(high):
        return without_interval(value, "no interval: the changes vary too little for their mean", n, level, method)
    return Estimate(value, low, high, level, n, method)


def effect_size(baseline: npt.ArrayLike, follow_up: npt.ArrayLike, level: float = 0.95) -> Estimate:
    """Mean change divided by the standard deviation at baseline.

    Interval: value +- z sqrt(s_d^2 / (n s_b^2) + value^2 / (2 (n - 1))), by the delta method for normal scores, whose means and variances
    are independent.

    Source: Kazis, Anderson & Meenan, Med Care 1989;27:S178.

    Args:
        baseline: (n,) scores.
        follow_up: (n,) scores of the same patients.
        level: coverage of the interval.

    Raises:
        ValueError: other shapes, NaN, or a level outside (0, 1).
    """
    check_level(level)
    first, second = as_column(baseline, "baseline"), as_column(follow_up, "follow_up")
    if first.shape != second.shape:
        raise ValueError(f"both visits must hold the same patients, got {len(first)} and {len(second)}")
    n, method = len(first), "effect size, delta-method interval"
    if (reason := _flat(first, "baseline scores")) is not None:
        return undefined(reason, n, level, method)
    change, spread = second - first, float(first.std(ddof=1))
    value = float(change.mean()) / spread
    error = sqrt(float(change.var(ddof=1)) / (n * spread**2) + value**2 / (2 * (n - 1)))
    return _normal(value, error, (n, level, method))


def guyatt_index(changes: npt.ArrayLike, stable_changes: npt.ArrayLike, level: float = 0.95) -> Estimate:
    """Mean change of the patients who changed, divided by the standard deviation of the changes of stable patients.

    Interval: value +- z sqrt(s_c^2 / (n_c s_s^2) + value^2 / (2 (n_s - 1))), by the delta method for two independent groups. ``n`` is that
    of both.

    Source: Guyatt, Walter & Norman, J Chronic Dis 1987;40:171. They put the minimal important difference in the numerator: give it as
    a single value in ``changes`` to have that, then without an interval for it.

    Args:
        changes: (n_c,) changes of patients who changed, or the one minimal important difference.
        stable_changes: (n_s,) changes of patients who did not.
        level: coverage of the interval.

    Raises:
        ValueError: other shapes, NaN, or a level outside (0, 1).
    """
    check_level(level)
    change, stable = as_column(changes, "changes"), as_column(stable_changes, "stable_changes")
    n, method = len(change) + len(stable), "Guyatt's responsiveness index, delta-method interval"
    if len(change) == 0:
        return undefined("no patient changed", n, level, method)
    if (reason := _flat(stable, "changes of stable patients")) is not None:
        return undefined(reason, n, level, method)
    spread = float(stable.std(ddof=1))
    value = float(change.mean()) / spread
    known = float(change.var(ddof=1)) / len(change) if len(change) > 1 else 0.0
    return _normal(value, sqrt(known / spread**2 + value**2 / (2 * (len(stable) - 1))), (n, level, method))


@dataclass(frozen=True, slots=True, eq=False)
class CumulativeProbability:
    """A probability plot: ``change`` ascending (y) against ``probability`` (x), both (n,)."""

    probability: Array
    change: Array


def cumulative_probability(changes: npt.ArrayLike) -> CumulativeProbability:
    """Changes in order, each at the cumulative probability (rank - 0.5) / n, every patient a point of its own.

    Source: Landewé & van der Heijde, Arthritis Rheum 2004;50:699; plotting position after Hazen.

    Args:
        changes: (n,) follow-up minus baseline.

    Raises:
        ValueError: another shape, none, or NaN.
    """
    change = np.sort(as_column(changes, "changes"))
    if len(change) == 0:
        raise ValueError("a probability plot needs at least 1 change")
    return CumulativeProbability((np.arange(len(change)) + 0.5) / len(change), change)


@dataclass(frozen=True, slots=True)
class SharesBeyond:
    """Shares of patients who got worse and better by more than the measurement error, and who did neither."""

    worse: Proportion
    better: Proportion
    within: Proportion


def shares_beyond(changes: npt.ArrayLike, smallest_detectable_change: float, level: float = 0.95) -> SharesBeyond:
    """Shares of patients whose change exceeds the smallest detectable change, with Wilson intervals; higher scores are worse.

    A change equal to it lies within. Interval as :func:`~coread.stats.proportion.wilson`; it takes the smallest detectable change as
    known.

    Source: Bruynesteyn et al., Ann Rheum Dis 2005;64:179.

    Args:
        changes: (n,) follow-up minus baseline, n >= 1.
        smallest_detectable_change: at least 0.
        level: coverage of each interval.

    Raises:
        ValueError: another shape, none, NaN, a negative or missing smallest detectable change, or a level outside (0, 1).
    """
    change = as_column(changes, "changes")
    if not smallest_detectable_change >= 0:
        raise ValueError(f"the smallest detectable change must be at least 0, got {smallest_detectable_change}")
    worse, better = int((change > smallest_detectable_change).sum()), int((change < -smallest_detectable_change).sum())
    n = len(change)
    return SharesBeyond(wilson(worse, n, level), wilson(better, n, level), wilson(n - worse - better, n, level))


def _flat(values: Array, name: str) -> str | None:
    """Why a standard deviation cannot stand below a fraction, or None."""
    if len(values) < 2:
        return f"a standard deviation needs at least 2 {name}, there {'is' if len(values) == 1 else 'are'} {len(values)}"
    if np.ptp(values) <= 1e-12 * np.abs(values).max():
        return f"all {name} are the same"
    return None


def _normal(value: float, error: float, told: tuple[int, float, str]) -> Estimate:
    n, level, method = told
    if error == 0:
        return without_interval(value, "no interval: all changes are the same", n, level, method)
    half = normal_quantile(level) * error
    return Estimate(value, value - half, value + half, level, n, method)
