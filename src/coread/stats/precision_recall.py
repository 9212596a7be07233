"""Precision and recall over all thresholds, and the area under them."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np
import numpy.typing as npt

from coread.stats.estimate import Estimate, check_level, normal_quantile
from coread.stats.labels import Floats
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


def average_precision(truth: npt.ArrayLike, scores: npt.ArrayLike, level: float = 0.95) -> Estimate:
    """Area under the precision-recall curve as average precision: sum over thresholds of (recall step) x precision.

    No interpolation between points, which would be too good (Davis & Goadrich, ICML 2006). Interval: on the logit scale, se =
    1 / sqrt(positives x AP (1 - AP)) (Boyd, ECML PKDD 2013, LNCS 8190:451); where AP is 1, Wilson's for positives of positives.
    AP depends on the share of positives: compare it only between models on the same cases. Cases are taken as independent;
    where a patient gives several, resample patients instead.

    Args:
        truth: (n,) 0/1.
        scores: (n,), higher = more positive.
        level: coverage of the interval.

    Raises:
        ValueError: one class only, missing values, lengths that differ.
    """
    curve = precision_recall(truth, scores)
    n, positives = np.asarray(truth).size, int(np.asarray(truth, dtype=float).sum())
    value = float((np.diff(curve.recall, prepend=0.0) * curve.precision).sum())
    if value > 1 - 1e-12:
        low, high = wilson_bounds(1.0, positives, level)
        return Estimate(1.0, low, high, level, n, "average precision, Wilson (AP is 1)")
    centre, half = log(value / (1 - value)), normal_quantile(check_level(level)) / sqrt(positives * value * (1 - value))
    low, high = (1 / (1 + exp(-x)) for x in (centre - half, centre + half))
    return Estimate(value, low, high, level, n, "average precision, logit")
