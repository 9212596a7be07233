"""Precision and recall over all thresholds, and the area under them."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt

from coread.stats.estimate import Estimate, check_level, normal_quantile, without_interval
from coread.stats.labels import Floats, binary, both_classes, cluster_codes, numbers, same_length
from coread.stats.logit_interval import logit_bounds
from coread.stats.proportion import wilson_bounds
from coread.stats.roc import roc_curve


@dataclass(frozen=True, slots=True)
class PrecisionRecall:
    """Points (k,) of the curve by falling ``threshold`` (score >= threshold is positive)."""

    threshold: Floats
    precision: Floats
    recall: Floats


def precision_recall(truth: npt.ArrayLike, scores: npt.ArrayLike) -> PrecisionRecall:
    """Precision (PPV) and recall (sensitivity) at every distinct score.

    Args:
        truth: (n,) 0/1.
        scores: (n,), higher = more positive.

    Raises:
        ValueError: one class only, missing values, lengths that differ.
    """
    curve = roc_curve(truth, scores)
    hits = curve.sensitivity[1:] * curve.positives
    alarms = (1 - curve.specificity[1:]) * curve.negatives
    return PrecisionRecall(curve.threshold[1:], hits / (hits + alarms), curve.sensitivity[1:])


def average_precision(truth: npt.ArrayLike, scores: npt.ArrayLike, clusters: npt.ArrayLike | None = None, level: float = 0.95) -> Estimate:
    """Area under the precision-recall curve as average precision: the mean over positives of the precision at their score.

    No interpolation between points, which would be too good (Davis & Goadrich, ICML 2006). Interval on the logit scale, se from the
    infinitesimal jackknife (Efron, Biometrika 1981;68:589): the derivative of AP by the weight of each case, squared and summed over
    cases, or over patients of their sums; it takes the share of positives as drawn, too. Where AP is 1, Wilson's for positives of
    positives. AP depends on the share of positives: compare it only between models on the same cases.

    Args:
        truth: (n,) 0/1.
        scores: (n,), higher = more positive.
        clusters: (n,) the patient of each case, or None.
        level: coverage of the interval.

    Raises:
        ValueError: one class only, missing values, lengths that differ.
    """
    t, s = binary(truth), numbers(scores, "scores")
    same_length(t, s, "truth and scores")
    positives, _ = both_classes(t)
    codes = cluster_codes(clusters, t.size)
    falling, step = np.unique(-s, return_inverse=True)
    here = np.bincount(step, weights=t, minlength=falling.size)
    called = np.cumsum(np.bincount(step))
    precision = np.cumsum(here) / called
    value = float((here * precision).sum()) / positives
    # what one more positive, or negative, at this score changes at all lower thresholds
    gain = np.cumsum((here * (1 - precision) / called)[::-1])[::-1]
    loss = np.cumsum((here * precision / called)[::-1])[::-1]
    influence = np.where(t, precision[step] - value + gain[step], -loss[step]) / positives
    if codes is not None:
        influence = np.bincount(codes, weights=influence).astype(np.float64)
    method = f"average precision, infinitesimal jackknife{'' if codes is None else ' by patient'}, logit"
    if value > 1 - 1e-12:
        with_positives = positives if codes is None else np.unique(codes[t]).size
        low, high = wilson_bounds(1.0, with_positives, check_level(level))
        return Estimate(1.0, low, high, level, t.size, "average precision, Wilson (AP is 1)")
    k = influence.size
    se = sqrt(k / (k - 1) * float(influence @ influence))
    if se < 1e-12:
        return without_interval(value, "no interval: all scores tie, so the standard error is 0", t.size, level, method)
    low, high = logit_bounds(value, normal_quantile(level) * se)
    return Estimate(value, low, high, level, t.size, method)
