"""The Brier score and its parts."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from coread.stats.estimate import Estimate, check_level, without_interval
from coread.stats.labels import binary, cluster_codes, probabilities, same_length


@dataclass(frozen=True, slots=True)
class Brier:
    """``score`` = ``reliability`` - ``resolution`` + ``uncertainty``; ``scaled`` is 1 - score / uncertainty (None with one class)."""

    score: Estimate
    reliability: float
    resolution: float
    uncertainty: float
    scaled: float | None


def brier(truth: npt.ArrayLike, predicted: npt.ArrayLike, clusters: npt.ArrayLike | None = None, level: float = 0.95) -> Brier:
    """Mean of (probability - truth)^2, 0 the best, and Murphy's parts over the distinct probabilities.

    With n_k cases of probability p_k, of which the share o_k came true, and o of all: reliability sum n_k (p_k - o_k)^2 / n, resolution
    sum n_k (o_k - o)^2 / n, uncertainty o (1 - o) (Murphy, J Appl Meteorol 1973;12:595). The parts add up exactly; with as many
    distinct probabilities as cases they say nothing (every o_k is 0 or 1): round the probabilities first. Interval: t, by patient
    where there are clusters.

    Args:
        truth: (n,) 0/1.
        predicted: (n,) probabilities of 1.
        clusters: (n,) the patient of each case, or None.
        level: coverage of the interval.

    Raises:
        ValueError: values outside 0..1, lengths that differ.
    """
    t, p = binary(truth), probabilities(predicted, "predicted")
    same_length(t, p, "truth and predicted")
    check_level(level)
    codes = cluster_codes(clusters, t.size)
    n, base = t.size, float(t.mean())
    loss = (p - t) ** 2
    values, index, counts = np.unique(p, return_inverse=True, return_counts=True)
    observed = np.bincount(index, weights=t) / counts
    reliability = float((counts * (values - observed) ** 2).sum()) / n
    resolution = float((counts * (observed - base) ** 2).sum()) / n
    uncertainty = base * (1 - base)
    score = float(loss.mean())
    terms = (loss - score) / n
    if codes is not None:
        terms = np.bincount(codes, weights=terms).astype(np.float64)
    k = terms.size
    se = sqrt(k / (k - 1) * float(terms @ terms)) if k > 1 else 0.0
    method = "Brier, t" + ("" if codes is None else " by patient")
    if se < 1e-15:
        estimate = without_interval(score, "no interval: all cases are alike, so the standard error is 0", n, level, method)
    else:
        half = float(stdtrit(k - 1, (1 + level) / 2)) * se
        estimate = Estimate(score, max(0.0, score - half), min(1.0, score + half), level, n, method)
    return Brier(estimate, reliability, resolution, uncertainty, 1 - score / uncertainty if uncertainty > 0 else None)
