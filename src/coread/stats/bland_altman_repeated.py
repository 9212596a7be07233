"""Limits of agreement where each subject was measured more than once."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri, stdtrit

from coread.stats.bland_altman import LimitsOfAgreement
from coread.stats.estimate import Estimate, check_level, normal_quantile, undefined, without_interval
from coread.stats.scores import as_column


def bland_altman_replicates(
    first: Sequence[npt.ArrayLike], second: Sequence[npt.ArrayLike], level: float = 0.95, coverage: float = 0.95
) -> LimitsOfAgreement:
    """Limits for single measurements, where each method repeated its own while the true value stood still.

    The subjects' means differ by d_i, with variance s_d^2; within-subject variances s_x^2 and s_y^2 come from one-way analyses of
    variance, and 1 / m_x is the mean of 1 / m_xi over subjects. A single measurement differs with variance
    s^2 = s_d^2 + (1 - 1/m_x) s_x^2 + (1 - 1/m_y) s_y^2.

    Source: Bland & Altman, Stat Methods Med Res 1999;8:135, sections 5.1 and 5.2. Intervals by MOVER: Zou, Stat Methods Med Res
    2013;22:630. Checked against the corrected standard deviation of Bland & Altman, Lancet 1986;i:307.

    Args:
        first: for each of n subjects the measurements by the first method, at least one.
        second: for each subject those by the second.
        level: coverage of the intervals.
        coverage: share of differences that the limits shall hold.

    Raises:
        ValueError: another number of subjects, a subject without a measurement, NaN, no repeat, or a level or coverage outside (0, 1).
    """
    if len(first) != len(second):
        raise ValueError(f"both methods must have measured the same subjects, got {len(first)} and {len(second)}")
    means, parts = [], []
    for name, repeats in (("first", first), ("second", second)):
        subjects = [as_column(values, f"{name}, subject {i}") for i, values in enumerate(repeats)]
        size = np.array([len(s) for s in subjects])
        if (size == 0).any():
            raise ValueError(f"{name}: subject {int((size == 0).argmax())} has no measurement")
        free = int(size.sum() - len(size))
        within = sum(float(((s - s.mean()) ** 2).sum()) for s in subjects) / free if free else 0.0
        means.append(np.array([s.mean() for s in subjects]))
        if free:
            parts.append(((1 - float(np.mean(1 / size))) * within, free))
    if not parts:
        raise ValueError("no subject was measured twice: use bland_altman")
    difference = means[0] - means[1]
    n = len(difference)
    parts.insert(0, (float(difference.var(ddof=1)) if n > 1 else 0.0, n - 1))
    spread = float(difference.std(ddof=1)) / sqrt(n) if n > 1 else 0.0
    return _mover((float(difference.mean()) if n else 0.0, spread, n), parts, level, coverage)


def bland_altman_clustered(
    first: npt.ArrayLike, second: npt.ArrayLike, subjects: npt.ArrayLike, level: float = 0.95, coverage: float = 0.95
) -> LimitsOfAgreement:
    """Limits where both methods measured together, several times a subject, while the true value changed (or at several sites).

    With the subjects' mean differences of variance s_d^2, the within-subject mean square MSW of the differences and 1/m_h the mean of
    1/m_i: s^2 = s_d^2 + (1 - 1/m_h) MSW. The bias is the mean of the subjects' means, so that a subject with many pairs does
    not dominate. With as many pairs in every subject this is the analysis of variance of Bland & Altman, J Biopharm Stat 2007;17:571.

    Source of this form and of the MOVER intervals: Zou, Stat Methods Med Res 2013;22:630.

    Args:
        first: (N,) measurements by the first method.
        second: (N,) by the second, paired with the first.
        subjects: (N,) the subject of each pair.
        level: coverage of the intervals.
        coverage: share of differences that the limits shall hold.

    Raises:
        ValueError: other shapes, NaN, no repeat, or a level or coverage outside (0, 1).
    """
    a, b, labels = as_column(first, "first"), as_column(second, "second"), np.asarray(subjects)
    if a.shape != b.shape or labels.shape != a.shape:
        raise ValueError(f"need as many second measurements and subjects as first, got {len(a)}, {len(b)} and {labels.shape}")
    difference = a - b
    _, inverse, size = np.unique(labels, return_inverse=True, return_counts=True)
    n = len(size)
    free = len(difference) - n
    if free == 0 and n > 0:
        raise ValueError("no subject was measured twice: use bland_altman")
    mean = np.bincount(inverse, difference) / size
    within = float(((difference - mean[inverse]) ** 2).sum()) / free if free else 0.0
    part = [(float(mean.var(ddof=1)) if n > 1 else 0.0, n - 1), ((1 - float(np.mean(1 / size))) * within if n else 0.0, free)]
    spread = float(mean.std(ddof=1)) / sqrt(n) if n > 1 else 0.0
    return _mover((float(mean.mean()) if n else 0.0, spread, n), part, level, coverage)


def _mover(mean: tuple[float, float, int], parts: list[tuple[float, int]], level: float, coverage: float) -> LimitsOfAgreement:
    """Limits from a mean (value, standard error, n) and the independent parts (value, degrees of freedom) of a variance."""
    check_level(level)
    check_level(coverage)
    bias, error, n = mean
    names = [
        "bias, t interval over subjects",
        *(f"{s} limit of agreement of {coverage:g}, repeats, MOVER interval" for s in ("lower", "upper")),
    ]
    if n < 2:
        reason = f"limits of agreement need at least 2 subjects, there {'is' if n == 1 else 'are'} {n}"
        none = [undefined(reason, n, level, name) for name in names]
        return LimitsOfAgreement(none[0], none[1], none[2], None, coverage)
    variance = sum(value for value, _ in parts)
    if variance <= 1e-20 * bias**2 or error == 0:
        value = [bias, *(bias + sign * normal_quantile(coverage) * sqrt(variance) for sign in (-1, 1))]
        flat = [
            without_interval(v, "no interval: the subjects' differences are all the same", n, level, m)
            for v, m in zip(value, names, strict=True)
        ]
        return LimitsOfAgreement(flat[0], flat[1], flat[2], sqrt(variance), coverage)
    tail = (1 - level) / 2
    below = sum((value * (1 - free / float(chdtri(free, tail)))) ** 2 for value, free in parts)
    above = sum((value * (free / float(chdtri(free, 1 - tail)) - 1)) ** 2 for value, free in parts)
    z, sd = normal_quantile(coverage), sqrt(variance)
    half = float(stdtrit(n - 1, 1 - tail)) * error
    inward = sqrt(half**2 + z**2 * (sd - sqrt(max(0.0, variance - sqrt(below)))) ** 2)
    outward = sqrt(half**2 + z**2 * (sqrt(variance + sqrt(above)) - sd) ** 2)
    return LimitsOfAgreement(
        Estimate(bias, bias - half, bias + half, level, n, names[0]),
        Estimate(bias - z * sd, bias - z * sd - outward, bias - z * sd + inward, level, n, names[1]),
        Estimate(bias + z * sd, bias + z * sd - inward, bias + z * sd + outward, level, n, names[2]),
        sd,
        coverage,
    )
