"""Area under a wanted part of the ROC curve."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Literal

import numpy as np
import numpy.typing as npt

from coread.stats.estimate import Estimate, normal_quantile, without_interval
from coread.stats.labels import Bools, Floats, binary, both_classes, cluster_codes, numbers, same_length
from coread.stats.logit_interval import logit_bounds
from coread.stats.roc import roc_curve


@dataclass(frozen=True, slots=True)
class Band:
    """The part of the curve that matters: ``low`` .. ``high`` of the ``axis``; ``corrected`` gives McClish's 0.5 = chance, 1 = perfect."""

    low: float
    high: float
    axis: Literal["specificity", "sensitivity"] = "specificity"
    corrected: bool = False


def partial_auc(
    truth: npt.ArrayLike, scores: npt.ArrayLike, band: Band, clusters: npt.ArrayLike | None = None, level: float = 0.95
) -> Estimate:
    """Area under the empirical ROC curve over a band of specificity (or of sensitivity).

    A = integral of the sensitivity over false positive rates f in a = 1 - high .. b = 1 - low; for sensitivity, the same with classes
    and order swapped. McClish's correction is (1 + (A - min) / (max - min)) / 2 with min = (b^2 - a^2) / 2, max = b - a
    (Med Decis Making 1989;9:190). Interval on the logit of A / (b - a), from the empirical influence function, which takes in that
    the ends of the band are quantiles of the negatives: a positive has the part of the band to the right of its own f, a negative
    minus the rise of the curve in the band to the right of its f; se^2 = var / positives + var / negatives, with clusters the sum of
    squares of their sums over patients. On the whole curve this is DeLong's. Checked against pROC.

    Args:
        truth: (n,) 0/1.
        scores: (n,), higher = more positive.
        band: which part, and whether corrected.
        clusters: (n,) the patient of each case, or None.
        level: coverage of the interval.

    Raises:
        ValueError: a band that is not low < high in 0..1, one class, missing values, lengths that differ, fewer than two of a class.
    """
    if not 0 <= band.low < band.high <= 1:
        raise ValueError(f"a band needs 0 <= low < high <= 1, got {band.low} to {band.high}")
    t, s = binary(truth), numbers(scores, "scores")
    same_length(t, s, "truth and scores")
    m, n = both_classes(t)
    if min(m, n) < 2:
        raise ValueError(f"an interval of the partial AUC needs two of each class, got {m} positives and {n} negatives")
    codes = cluster_codes(clusters, t.size)
    if band.axis == "sensitivity":
        t, s = ~t, -s
    a, b = 1 - band.high, 1 - band.low
    area, influence = _area_and_influence(t, s, a, b)
    pos, neg = int(t.sum()), int((~t).sum())
    scaled = np.where(t, influence / pos, influence / neg)
    if codes is None:
        variance = pos / (pos - 1) * float((scaled[t] ** 2).sum()) + neg / (neg - 1) * float((scaled[~t] ** 2).sum())
    else:
        sums = np.bincount(codes, weights=scaled)
        variance = sums.size / (sums.size - 1) * float((sums**2).sum())
    se = sqrt(variance)
    method = f"influence function{'' if codes is None else ' by patient'}, logit{', McClish-corrected' if band.corrected else ''}"
    width, half = b - a, normal_quantile(level) * se
    least = (b * b - a * a) / 2

    def shown(x: float) -> float:
        return (1 + (x - least) / (width - least)) / 2 if band.corrected else x

    if se < 1e-12 or not 0 < area < width:
        reason = "no interval: every pair in the band is ordered alike, so the standard error is 0"
        return without_interval(shown(area), reason, t.size, level, method)
    low, high = logit_bounds(area / width, half / width)
    return Estimate(shown(area), shown(low * width), shown(high * width), level, t.size, method)


def _area_and_influence(t: Bools, s: Floats, a: float, b: float) -> tuple[float, Floats]:
    curve = roc_curve(t, s)
    f, r = 1 - curve.specificity, curve.sensitivity
    width, rise = np.diff(f), np.diff(r)
    slope = np.divide(rise, width, out=np.zeros_like(rise), where=width > 0)

    def ramp_integrals(x: float) -> tuple[Floats, Floats]:
        """Per step of the curve, up to f = x: integrals of the share of the step passed, by f and by the curve."""
        inside = np.clip(x - f[:-1], 0, width)
        part = np.divide(inside**2, 2 * width, out=np.zeros_like(width), where=width > 0)
        beyond = np.maximum(x - f[1:], 0.0)
        height = float(np.interp(x, f, r)) if x < 1 else 1.0
        return part + beyond, slope * part + np.where(x >= f[1:], np.maximum(height - r[1:], 0.0), 0.0)

    (high_f, high_r), (low_f, low_r) = ramp_integrals(b), ramp_integrals(a)
    inner = np.clip(f, a, b)
    heights = np.interp(inner, f, r)
    mid = np.where(width > 0, r[:-1] + slope * (np.clip((inner[:-1] + inner[1:]) / 2, f[:-1], f[1:]) - f[:-1]), heights[:-1])
    area = float((np.diff(inner) * mid).sum())
    step = np.searchsorted(-curve.threshold[1:], -s)
    positive = (high_f - low_f)[step]
    negative = -(high_r - low_r)[step]
    influence = np.where(t, positive - positive[t].mean(), negative - negative[~t].mean())
    return area, influence
