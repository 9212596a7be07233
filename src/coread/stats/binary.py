"""Right and wrong calls at a threshold: sensitivity, predictive values, likelihood ratios and their kin, each with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np
import numpy.typing as npt

from coread.stats.estimate import Estimate, check_level, normal_quantile, undefined
from coread.stats.labels import Bools, Floats, Ints, binary, cluster_codes, same_length
from coread.stats.shares import share_of


@dataclass(frozen=True, slots=True)
class BinaryMeasures:
    """The four counts and what follows from them; a measure without its cases has estimate None and the reason in ``undefined``."""

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int
    sensitivity: Estimate
    specificity: Estimate
    ppv: Estimate
    npv: Estimate
    accuracy: Estimate
    balanced_accuracy: Estimate
    f1: Estimate
    positive_likelihood_ratio: Estimate
    negative_likelihood_ratio: Estimate


def binary_measures(
    truth: npt.ArrayLike, called: npt.ArrayLike, clusters: npt.ArrayLike | None = None, level: float = 0.95
) -> BinaryMeasures:
    """Measures of positive and negative calls against the truth.

    Shares have Wilson intervals, with clusters those of clustered_share. F1 = 2J / (1 + J) of the share J = TP / (TP + FP + FN), and so are
    its bounds. Balanced accuracy (sensitivity + specificity) / 2 squares and adds the distances of their Wilson bounds, with their
    correlation between patients (Zou & Donner, Stat Med 2008;27:1693). Likelihood ratios sensitivity / (1 - specificity) and
    (1 - sensitivity) / specificity have intervals on the log scale (Simel, J Clin Epidemiol 1991;44:763), with clusters by the sum of the
    linearised terms of each patient. Predictive values hold at the share of positives of these cases. Checked against epiR.

    Args:
        truth: (n,) 0/1.
        called: (n,) 0/1, for a score: score >= threshold.
        clusters: (n,) the patient of each case, or None.
        level: coverage of the intervals.

    Raises:
        ValueError: values other than 0/1, lengths that differ, fewer than two patients in clusters.
    """
    t, c = binary(truth), binary(called, "called")
    same_length(t, c, "truth and called")
    check_level(level)
    codes = cluster_codes(clusters, t.size)

    def share(hit: Bools, among: Bools, name: str) -> Estimate:
        return share_of(hit, among, codes, level, name)

    everyone = np.ones_like(t)
    sensitivity, specificity = share(c, t, "positive case"), share(~c, ~t, "negative case")
    return BinaryMeasures(
        int((t & c).sum()),
        int((~t & c).sum()),
        int((t & ~c).sum()),
        int((~t & ~c).sum()),
        sensitivity,
        specificity,
        share(t, c, "positive call"),
        share(~t, ~c, "negative call"),
        share(t == c, everyone, "case"),
        _balanced(t, c, codes, sensitivity, specificity),
        _f1(share(t & c, t | c, "positive case or call")),
        _likelihood_ratio(t, c, codes, level, "positive"),
        _likelihood_ratio(t, ~c, codes, level, "negative"),
    )


def _residuals(t: Bools, c: Bools, codes: Ints | None) -> tuple[Floats, Floats]:
    """What each case, or patient, adds to sensitivity less its estimate, and to the false positive rate."""
    positive = (c - c[t].mean()) * t / t.sum()
    negative = (c - c[~t].mean()) * ~t / (~t).sum()
    if codes is None:
        return positive, negative
    return np.bincount(codes, weights=positive).astype(np.float64), np.bincount(codes, weights=negative).astype(np.float64)


def _balanced(t: Bools, c: Bools, codes: Ints | None, sensitivity: Estimate, specificity: Estimate) -> Estimate:
    level, n = sensitivity.level, t.size
    a, b = sensitivity, specificity
    if a.estimate is None or a.low is None or a.high is None or b.estimate is None or b.low is None or b.high is None:
        return undefined(a.undefined or b.undefined, n, level, "balanced accuracy")
    correlation = 0.0
    if codes is not None:
        first, second = _residuals(t, c, codes)
        size = sqrt(float(first @ first) * float(second @ second))
        correlation = -float(first @ second) / size if size > 0 else 0.0
    down, up = ((a.estimate - a.low) / 2, (b.estimate - b.low) / 2), ((a.high - a.estimate) / 2, (b.high - b.estimate) / 2)
    low, high = (sqrt(max(0.0, x * x + y * y + 2 * correlation * x * y)) for x, y in (down, up))
    value = (a.estimate + b.estimate) / 2
    return Estimate(value, max(0.0, value - low), min(1.0, value + high), level, n, f"square-and-add of {a.method}")


def _f1(j: Estimate) -> Estimate:
    if j.estimate is None or j.low is None or j.high is None:
        return undefined(j.undefined, j.n, j.level, "F1")
    value, low, high = (2 * x / (1 + x) for x in (j.estimate, j.low, j.high))
    return Estimate(value, low, high, j.level, j.n, f"from TP / (TP + FP + FN), {j.method}")


def _likelihood_ratio(t: Bools, c: Bools, codes: Ints | None, level: float, sign: str) -> Estimate:
    method = "log likelihood ratio" + ("" if codes is None else " by patient")
    hits, alarms = int((t & c).sum()), int((~t & c).sum())
    if not t.any() or t.all():
        return undefined(f"no {'positive' if not t.any() else 'negative'} case", t.size, level, method)
    if hits == 0 or alarms == 0:
        return undefined(f"no {sign} call among the {'positive' if hits == 0 else 'negative'} cases", t.size, level, method)
    sensitivity, false_rate = float(c[t].mean()), float(c[~t].mean())
    first, second = _residuals(t, c, codes)
    terms = first / sensitivity - second / false_rate
    k = terms.size
    se = sqrt(float(terms @ terms) * (1.0 if codes is None else k / (k - 1)))
    half, ratio = normal_quantile(level) * se, sensitivity / false_rate
    return Estimate(ratio, exp(log(ratio) - half), exp(log(ratio) + half), level, t.size, method)
