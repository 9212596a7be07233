"""Area under the ROC curve: DeLong's interval, by patient where a patient gives several observations, and paired comparison."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import chdtrc, ndtr, stdtrit
from scipy.stats import rankdata

from coread.stats.estimate import normal_quantile
from coread.stats.labels import Bools, Floats, Ints, binary, both_classes, cluster_codes, numbers, same_length
from coread.stats.logit_interval import logit_bounds

Scale = Literal["linear", "logit"]


@dataclass(frozen=True, slots=True)
class Auc:
    """Area under the ROC curve with its interval; ``n`` observations, ``positives`` of them positive."""

    estimate: float
    low: float
    high: float
    level: float
    n: int
    method: str
    positives: int
    standard_error: float


@dataclass(frozen=True, slots=True)
class AucDifference:
    """AUC of model ``first`` less that of model ``second`` (row numbers), with interval, z and two-sided p value."""

    first: int
    second: int
    estimate: float
    low: float
    high: float
    level: float
    n: int
    method: str
    z: float
    p_value: float


@dataclass(frozen=True, slots=True)
class AucComparison:
    """Models on the same cases: each AUC, all pairwise differences, and the global test that all AUCs are equal."""

    aucs: tuple[Auc, ...]
    differences: tuple[AucDifference, ...]
    covariance: Floats
    chi_square: float
    degrees_of_freedom: int
    p_value: float


def placements(truth: Bools, scores: Floats) -> tuple[Floats, Floats, Floats]:
    """AUCs and DeLong's structural components, from midranks in n log n (Sun & Xu, IEEE Signal Process Lett 2014;21:1389).

    V10 of a positive is the share of negatives below it, V01 of a negative the share of positives above it, ties one half.

    Args:
        truth: (n,) with both classes.
        scores: (models, n), higher = more positive.

    Returns:
        AUCs (models,), V10 (models, positives), V01 (models, negatives), in the order of the cases.
    """
    pos, neg = scores[:, truth], scores[:, ~truth]
    m, n = pos.shape[1], neg.shape[1]
    joint = rankdata(scores, axis=1)
    v10 = (joint[:, truth] - rankdata(pos, axis=1)) / n
    v01 = 1 - (joint[:, ~truth] - rankdata(neg, axis=1)) / m
    return v10.mean(axis=1), v10, v01


def auc_covariance(truth: Bools, scores: Floats, codes: Ints | None = None) -> tuple[Floats, Floats]:
    """AUCs (models,) and their covariance (models, models).

    Without codes DeLong's S10 / m + S01 / n (DeLong, Biometrics 1988;44:837). With codes, the patient of each case, Obuchowski's
    (Biometrics 1997;53:567): S10, S01 and the cross term S11 from sums of the components within patients; equal to DeLong's
    where every patient gives one case.

    Raises:
        ValueError: fewer than two positives or negatives, or than two patients with either.
    """
    theta, v10, v01 = placements(truth, scores)
    if codes is None:
        if min(v10.shape[1], v01.shape[1]) < 2:
            raise ValueError(f"an interval of the AUC needs two of each class, got {v10.shape[1]} positives, {v01.shape[1]} negatives")
        return theta, np.atleast_2d(np.cov(v10)) / v10.shape[1] + np.atleast_2d(np.cov(v01)) / v01.shape[1]
    k = int(codes.max()) + 1
    with_pos, with_neg = np.unique(codes[truth]).size, np.unique(codes[~truth]).size
    if min(with_pos, with_neg) < 2:
        raise ValueError(f"the AUC by patient needs two patients of each class, got {with_pos} with positives, {with_neg} with negatives")
    m, n = v10.shape[1], v01.shape[1]
    a = np.stack([np.bincount(codes[truth], weights=row, minlength=k) for row in v10 - theta[:, None]])
    b = np.stack([np.bincount(codes[~truth], weights=row, minlength=k) for row in v01 - theta[:, None]])
    s10 = with_pos / (with_pos - 1) * a @ a.T / m
    s01 = with_neg / (with_neg - 1) * b @ b.T / n
    s11 = k / (k - 1) * a @ b.T
    return theta, s10 / m + s01 / n + (s11 + s11.T) / (m * n)


def auc(
    truth: npt.ArrayLike, scores: npt.ArrayLike, clusters: npt.ArrayLike | None = None, level: float = 0.95, scale: Scale = "logit"
) -> Auc:
    """AUC = P(score of a positive > that of a negative) + P(tie) / 2, with DeLong's or, by patient, Obuchowski's interval.

    Checked against pROC on the aSAH study. Where the standard error is 0 (all pairs ordered alike, as with a perfect score) the
    interval is Newcombe's score interval (method 5, Stat Med 2006;25:559), which has a width there too; with clusters it counts patients.

    Args:
        truth: (n,) 0/1.
        scores: (n,), higher = more positive.
        clusters: (n,) the patient of each case; None where each case is a patient of its own. With few patients the normal quantile
            covers too little: the t quantile with the smaller of the numbers of patients with positives and with negatives, less 1.
        level: coverage of the interval.
        scale: ``logit`` (logit AUC -+ z se, carried back) or ``linear`` (AUC -+ z se, as pROC prints), which covers too little
            at small n and high AUC: see bench/coverage_discrimination.py.

    Raises:
        ValueError: one class only, missing values, lengths that differ.
    """
    t, s = binary(truth), numbers(scores, "scores")
    same_length(t, s, "truth and scores")
    both_classes(t)
    codes = cluster_codes(clusters, t.size)
    theta, covariance = auc_covariance(t, s[None, :], codes)
    return _interval(t, float(theta[0]), float(covariance[0, 0]), (level, scale), codes)


def compare_aucs(
    truth: npt.ArrayLike, scores: npt.ArrayLike, clusters: npt.ArrayLike | None = None, level: float = 0.95, scale: Scale = "logit"
) -> AucComparison:
    """Models on the same cases: DeLong's paired test of each pair, and of all AUCs being equal.

    z = difference / sqrt(v11 + v22 - 2 v12); globally the quadratic form of the contrasts with the (pseudo-)inverse of their
    covariance, chi-square with its rank as degrees of freedom (DeLong 1988, eq. 6-9). P values are not adjusted: see multiplicity.

    Args:
        truth: (n,) 0/1.
        scores: (models, n), at least two models.
        clusters: (n,) the patient of each case, or None.
        level: coverage of the intervals.
        scale: scale of the intervals of the single AUCs.

    Raises:
        ValueError: one class, one model, missing values, lengths that differ, or AUCs that differ with a variance of 0.
    """
    t, s = binary(truth), numbers(scores, "scores", ndim=2)
    same_length(t, s, "truth and each row of scores")
    both_classes(t)
    if s.shape[0] < 2:
        raise ValueError("a comparison needs the scores of at least two models, one row each")
    codes = cluster_codes(clusters, t.size)
    theta, covariance = auc_covariance(t, s, codes)
    z_level = normal_quantile(level)
    method = "DeLong paired" if codes is None else "Obuchowski paired by patient"
    differences = []
    for i in range(s.shape[0]):
        for j in range(i + 1, s.shape[0]):
            d = float(theta[i] - theta[j])
            se = sqrt(max(0.0, float(covariance[i, i] + covariance[j, j] - 2 * covariance[i, j])))
            if se < 1e-12 and abs(d) > 1e-12:
                raise ValueError(f"models {i} and {j} differ by {d:g} with a variance of 0: too few cases for this test, permute")
            z = 0.0 if se < 1e-12 else d / se
            p = float(2 * ndtr(-abs(z)))
            differences.append(AucDifference(i, j, d, d - z_level * se, d + z_level * se, level, t.size, method, z, p))
    contrast = np.eye(s.shape[0])[:-1] - np.eye(s.shape[0], k=1)[:-1]
    spread = contrast @ covariance @ contrast.T
    rank = int(np.linalg.matrix_rank(spread, tol=1e-12))
    chi_square = float((contrast @ theta) @ np.linalg.pinv(spread, rcond=1e-9, hermitian=True) @ (contrast @ theta)) if rank else 0.0
    p_value = float(chdtrc(rank, chi_square)) if rank else 1.0
    aucs = tuple(_interval(t, float(a), float(v), (level, scale), codes) for a, v in zip(theta, np.diag(covariance), strict=True))
    return AucComparison(aucs, tuple(differences), covariance, chi_square, rank, p_value)


def _interval(truth: Bools, theta: float, variance: float, wanted: tuple[float, Scale], codes: Ints | None) -> Auc:
    level, scale = wanted
    z, se = normal_quantile(level), sqrt(max(0.0, variance))
    name, positives = "DeLong", int(truth.sum())
    m, n = positives, truth.size - positives
    if codes is not None:
        name, m, n = "Obuchowski by patient, t", np.unique(codes[truth]).size, np.unique(codes[~truth]).size
    if se < 1e-12:
        low, high = _newcombe(theta, m, n, z)
        return Auc(theta, low, high, level, truth.size, f"Newcombe score ({name}: standard error 0)", positives, se)
    if codes is not None:
        z = float(stdtrit(min(m, n) - 1, (1 + level) / 2))
    if scale == "logit" and 0 < theta < 1:
        low, high = logit_bounds(theta, z * se)
        method = f"{name}, logit"
    else:
        low, high = max(0.0, theta - z * se), min(1.0, theta + z * se)
        method = name
    return Auc(theta, low, high, level, truth.size, method, positives, se)


def _newcombe(theta: float, m: int, n: int, z: float) -> tuple[float, float]:
    def gap(x: float) -> float:
        star = (m + n) / 2 - 1
        return (theta - x) ** 2 - z * z * x * (1 - x) / (m * n) * (1 + star * ((1 - x) / (2 - x) + x / (1 + x)))

    low = 0.0 if theta <= 0 else float(brentq(gap, 0.0, theta - 1e-12)) if gap(theta - 1e-12) < 0 else theta
    high = 1.0 if theta >= 1 else float(brentq(gap, theta + 1e-12, 1.0)) if gap(theta + 1e-12) < 0 else theta
    return low, high
