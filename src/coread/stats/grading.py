"""Grades against reference grades: how often right, how far off, and how well the order is kept."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from coread.stats.auc import Auc, auc, placements
from coread.stats.estimate import Estimate, check_level, normal_quantile, without_interval
from coread.stats.labels import Bools, Floats, Ints, class_index, cluster_codes, numbers, same_length
from coread.stats.logit_interval import logit_bounds
from coread.stats.shares import share_of


@dataclass(frozen=True, slots=True)
class GradeMeasures:
    """Grades against the reference; ``confusion`` (k, k) counts reference grade (row) by given grade (column)."""

    confusion: Ints
    accuracy: Estimate
    within_one: Estimate
    mean_absolute_error: Estimate
    mean_error: Estimate
    sensitivity_by_grade: tuple[Estimate, ...]
    macro_sensitivity: Estimate
    macro_absolute_error: Estimate


def grade_measures(
    truth: npt.ArrayLike, grades: npt.ArrayLike, k: int, clusters: npt.ArrayLike | None = None, level: float = 0.95
) -> GradeMeasures:
    """Measures of grades 0..k-1 against reference grades.

    Shares have Wilson intervals (by patient with clusters). Errors (grade - reference, in grades) and the macro figures, plain means over
    the reference grades that occur, have t intervals from their linearised terms, summed over patients where there are clusters; the
    macro error is insensitive to how rare a grade is (Baccianella, ISDA 2009).

    Args:
        truth: (n,) reference grades, whole numbers 0..k-1.
        grades: (n,) given grades, whole numbers 0..k-1.
        k: number of grades of the scale.
        clusters: (n,) the patient of each case, or None.
        level: coverage of the intervals.

    Raises:
        ValueError: grades outside 0..k-1, lengths that differ, k < 2, fewer than two patients in clusters.
    """
    if k < 2:
        raise ValueError(f"a scale needs at least two grades, got {k}")
    t, g = class_index(truth, k), class_index(grades, k, "grades")
    same_length(t, g, "truth and grades")
    check_level(level)
    codes = cluster_codes(clusters, t.size)
    error = (g - t).astype(np.float64)
    each = tuple(share_of((g == t) & (t == grade), t == grade, codes, level, f"case of grade {grade}") for grade in range(k))
    return GradeMeasures(
        np.bincount(t * k + g, minlength=k * k).reshape(k, k).astype(np.int64),
        share_of(g == t, np.ones(t.size, dtype=bool), codes, level, "case"),
        share_of(np.abs(error) <= 1, np.ones(t.size, dtype=bool), codes, level, "case"),
        mean_of_means(np.abs(error), np.zeros_like(t), codes, level, "mean absolute error"),
        mean_of_means(error, np.zeros_like(t), codes, level, "mean error"),
        each,
        mean_of_means((g == t).astype(np.float64), t, codes, level, "mean over grades of sensitivity"),
        mean_of_means(np.abs(error), t, codes, level, "mean over grades of absolute error"),
    )


def c_index(truth: npt.ArrayLike, scores: npt.ArrayLike, clusters: npt.ArrayLike | None = None, level: float = 0.95) -> Estimate:
    """Concordance of scores with an ordinal truth: of all pairs with different grades, the share that the scores order alike.

    c = sum_i C_i / sum_i P_i with P_i the cases of another grade than i and C_i those ordered alike (tied scores count one half), from
    midranks per pair of grades. For two grades it is the AUC. Interval on the logit scale from u_i = 2 (C_i - c P_i) / sum P, se^2 =
    m / (m - 1) sum u^2 over cases, or over patients of the sums of u (delta method for the ratio of U statistics; Somers' D
    = 2c - 1, Newson, Stata J 2002;2:45). Where se is 0 (no pair in question) there is no interval.

    Args:
        truth: (n,) grades, any ordered numbers.
        scores: (n,), higher = higher grade.
        clusters: (n,) the patient of each case, or None.
        level: coverage of the interval.

    Raises:
        ValueError: one grade only, missing values, lengths that differ.
    """
    t, s = numbers(truth, "truth"), numbers(scores, "scores")
    same_length(t, s, "truth and scores")
    codes = cluster_codes(clusters, t.size)
    values, counts = np.unique(t, return_counts=True)
    if values.size < 2:
        raise ValueError(f"truth has one grade only ({values[0]:g}): an order needs at least two, widen the group")
    alike = np.zeros(t.size)
    for low in range(values.size):
        for high in range(low + 1, values.size):
            pair = (t == values[low]) | (t == values[high])
            up: Bools = t[pair] == values[high]
            _, above, below = placements(up, s[None, pair])
            part = np.empty(int(pair.sum()))
            part[up], part[~up] = above[0] * counts[low], below[0] * counts[high]
            alike[pair] += part
    pairs = t.size - counts[np.searchsorted(values, t)].astype(np.float64)
    c = float(alike.sum() / pairs.sum())
    terms = 2 * (alike - c * pairs) / pairs.sum()
    if codes is not None:
        terms = np.bincount(codes, weights=terms).astype(np.float64)
    se = sqrt(terms.size / (terms.size - 1) * float(terms @ terms))
    method = "c-index" + ("" if codes is None else " by patient")
    if se < 1e-12 or not 0 < c < 1:
        return without_interval(c, "no interval: every pair is ordered alike, so the standard error is 0", t.size, level, method)
    low_bound, high_bound = logit_bounds(c, normal_quantile(level) * se)
    return Estimate(c, low_bound, high_bound, level, t.size, f"{method}, logit")


def threshold_aucs(
    truth: npt.ArrayLike, scores: npt.ArrayLike, clusters: npt.ArrayLike | None = None, level: float = 0.95
) -> dict[float, Auc]:
    """AUC at every cut of an ordinal truth: of telling grade >= cut from below, for each cut above the lowest grade.

    Args:
        truth: (n,) grades, any ordered numbers.
        scores: (n,), higher = higher grade.
        clusters: (n,) the patient of each case, or None.
        level: coverage of the intervals.

    Raises:
        ValueError: one grade only, missing values, lengths that differ, or one patient alone on a side of a cut.
    """
    t = numbers(truth, "truth")
    cuts = np.unique(t)[1:]
    if cuts.size == 0:
        raise ValueError("truth has one grade only: a cut needs at least two, widen the group")
    return {float(cut): auc(t >= cut, scores, clusters, level) for cut in cuts}


def mean_of_means(values: Floats, strata: Ints, codes: Ints | None, level: float, method: str) -> Estimate:
    """Plain mean of the means within strata, with a t interval from the linearised terms, summed over patients where there are codes."""
    names, index, counts = np.unique(strata, return_inverse=True, return_counts=True)
    means = np.bincount(index, weights=values) / counts
    terms = (values - means[index]) / (counts[index] * names.size)
    if codes is not None:
        terms = np.bincount(codes, weights=terms).astype(np.float64)
    mean, n = float(means.mean()), values.size
    if terms.size < 2:
        return without_interval(mean, f"no interval from {terms.size} case", n, level, method)
    se = sqrt(terms.size / (terms.size - 1) * float(terms @ terms))
    half = float(stdtrit(terms.size - 1, (1 + level) / 2)) * se
    if se < 1e-15:
        return without_interval(mean, "no interval: all cases are alike, so the standard error is 0", n, level, method)
    return Estimate(mean, mean - half, mean + half, level, n, f"{method}, t{'' if codes is None else ' by patient'}")
