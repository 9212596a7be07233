"""Calibration slope and intercept: how a logistic model would bend the probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from coread.stats.estimate import Estimate, normal_quantile
from coread.stats.labels import Bools, Floats, Ints, binary, both_classes, cluster_codes, probabilities, same_length


@dataclass(frozen=True, slots=True)
class LogisticCalibration:
    """``slope`` 1 and ``in_the_large`` 0 are perfect; a slope below 1 means probabilities too extreme, in_the_large above 0 too low.

    ``intercept`` goes with ``slope`` (both free); ``in_the_large`` is the intercept with the slope held at 1.
    """

    slope: Estimate
    intercept: Estimate
    in_the_large: Estimate


def logistic_calibration(
    truth: npt.ArrayLike, predicted: npt.ArrayLike, clusters: npt.ArrayLike | None = None, level: float = 0.95
) -> LogisticCalibration:
    """Logistic regression of the truth on logit(predicted), by iteratively reweighted least squares (Cox, Biometrika 1958;45:562).

    Wald intervals; with clusters from the sandwich of the scores summed over patients. Checked against R's glm.

    Args:
        truth: (n,) 0/1.
        predicted: (n,) probabilities of 1, none of them exactly 0 or 1.
        clusters: (n,) the patient of each case, or None.
        level: coverage of the intervals.

    Raises:
        ValueError: one class only, probabilities of 0 or 1, all alike, or separating the classes perfectly.
    """
    t, p = binary(truth), probabilities(predicted, "predicted")
    same_length(t, p, "truth and predicted")
    both_classes(t)
    codes = cluster_codes(clusters, t.size)
    certain = int(((p <= 0) | (p >= 1)).sum())
    if certain:
        raise ValueError(f"{certain} probabilities are exactly 0 or 1, whose logit is infinite: bound them, for example to 0.001..0.999")
    x = logit(p)
    if np.ptp(x) < 1e-9:
        raise ValueError("all probabilities are alike: a slope needs at least two values")
    z = normal_quantile(level)
    design = np.stack([np.ones_like(x), x], axis=1)
    both, spread = fit_logistic(design, t, np.zeros_like(x), codes)
    large, large_spread = fit_logistic(design[:, :1], t, x, codes)
    method = "logistic, Wald" + ("" if codes is None else " by patient")

    def estimate(value: float, variance: float) -> Estimate:
        half = z * sqrt(variance)
        return Estimate(value, value - half, value + half, level, t.size, method)

    return LogisticCalibration(
        estimate(float(both[1]), float(spread[1, 1])),
        estimate(float(both[0]), float(spread[0, 0])),
        estimate(float(large[0]), float(large_spread[0, 0])),
    )


def fit_logistic(design: Floats, truth: Bools, offset: Floats, codes: Ints | None = None) -> tuple[Floats, Floats]:
    """Coefficients (k,) and covariance (k, k) of P(truth) = expit(design @ b + offset), by iteratively reweighted least squares.

    Args:
        design: (n, k).
        truth: (n,).
        offset: (n,) part of the linear predictor that is given.
        codes: (n,) number of the patient, for the sandwich covariance; None for the inverse information.

    Raises:
        ValueError: no finite maximum, because the predictors separate the classes.
    """
    b = np.zeros(design.shape[1])
    separated = "the probabilities separate the classes perfectly, so the slope is infinite: more (or harder) cases are needed"
    for _ in range(100):
        mu = expit(design @ b + offset)
        information = design.T @ (design * (mu * (1 - mu))[:, None])
        try:
            step = np.linalg.solve(information, design.T @ (truth - mu))
        except np.linalg.LinAlgError:
            raise ValueError(separated) from None
        # a full Newton step can overshoot where probabilities are extreme
        step *= min(1.0, 5.0 / max(1e-12, float(np.abs(step).max())))
        b = b + step
        if np.abs(b).max() > 1e3:
            raise ValueError(separated)
        if np.abs(step).max() < 1e-10:
            break
    else:
        raise ValueError(separated)
    mu = expit(design @ b + offset)
    bread = np.linalg.inv(design.T @ (design * (mu * (1 - mu))[:, None]))
    if codes is None:
        return b, bread
    scores = design * (truth - mu)[:, None]
    sums = np.stack([np.bincount(codes, weights=column) for column in scores.T], axis=1)
    k = sums.shape[0]
    return b, k / (k - 1) * bread @ sums.T @ sums @ bread
