"""Probabilities made to fit a new hospital: fit on its cases, apply to the next ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression, minimize, minimize_scalar
from scipy.special import expit, log_softmax

from coread.stats.labels import Floats, binary, class_index, class_probabilities, numbers, same_length

FLOOR = 1e-9
"""Probabilities below this are taken as this: a certain error would otherwise weigh infinitely."""


@dataclass(frozen=True, slots=True)
class Temperature:
    """Class probabilities with their logarithms divided by ``temperature``: above 1 softens, below 1 sharpens."""

    temperature: float
    n: int

    def apply(self, predicted: npt.ArrayLike) -> Floats:
        """Recalibrated class probabilities (n, k); the order of the classes within a case never changes."""
        return _heated(np.log(np.maximum(class_probabilities(predicted, "predicted"), FLOOR)), self.temperature)


@dataclass(frozen=True, slots=True)
class Isotonic:
    """A rising step function with ``values`` at ``scores`` (both ascending), straight in between and flat outside."""

    scores: tuple[float, ...]
    values: tuple[float, ...]
    n: int

    def apply(self, scores: npt.ArrayLike) -> Floats:
        """Recalibrated probabilities (n,)."""
        return np.interp(numbers(scores, "scores"), self.scores, self.values)


@dataclass(frozen=True, slots=True)
class OrdinalCalibration:
    """Cumulative probabilities P(grade >= j) with logit x ``slope`` + ``shift``: the order of the grades is kept by construction."""

    slope: float
    shift: float
    n: int

    def apply(self, predicted: npt.ArrayLike) -> Floats:
        """Recalibrated grade probabilities (n, k)."""
        return _bent(_cumulative_logits(class_probabilities(predicted, "predicted")), self.slope, self.shift)


def fit_temperature(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> Temperature:
    """Temperature of the highest likelihood, in 0.05..20 (Guo, ICML 2017).

    Args:
        truth: (n,) class numbers 0..k-1.
        predicted: (n, k) class probabilities.

    Raises:
        ValueError: class numbers or probabilities out of range, lengths that differ, fewer than two cases.
    """
    p = class_probabilities(predicted, "predicted")
    t = class_index(truth, p.shape[1])
    same_length(t, p.T, "truth and predicted")
    _enough(t.size)
    logs = np.log(np.maximum(p, FLOOR))

    def loss(log_temperature: float) -> float:
        return -float(log_softmax(logs / np.exp(log_temperature), axis=1)[np.arange(t.size), t].mean())

    best = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20.0)), method="bounded", options={"xatol": 1e-8})
    return Temperature(float(np.exp(best.x)), t.size)


def fit_isotonic(truth: npt.ArrayLike, scores: npt.ArrayLike) -> Isotonic:
    """Rising function of the score closest to the truth, by pooling adjacent violators (Zadrozny & Elkan, KDD 2002).

    It has as many parameters as steps: below some hundred cases it follows the noise.

    Args:
        truth: (n,) 0/1.
        scores: (n,), probabilities or any score, higher = more positive.

    Raises:
        ValueError: missing values, lengths that differ, fewer than two cases.
    """
    t, s = binary(truth), numbers(scores, "scores")
    same_length(t, s, "truth and scores")
    _enough(t.size)
    x, index, counts = np.unique(s, return_inverse=True, return_counts=True)
    y = isotonic_regression(np.bincount(index, weights=t) / counts, weights=counts).x
    # both ends of each step are enough to draw it
    keep = np.ones(x.size, dtype=bool)
    keep[1:-1] = (np.diff(y)[:-1] > 0) | (np.diff(y)[1:] > 0)
    return Isotonic(tuple(x[keep].tolist()), tuple(np.clip(y[keep], 0.0, 1.0).tolist()), t.size)


def fit_ordinal(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> OrdinalCalibration:
    """Slope (0.05..20) and shift of the cumulative logits of the highest likelihood.

    logit P'(grade >= j) = slope logit P(grade >= j) + shift, one slope and one shift for all j, as in a proportional odds model
    (McCullagh, J R Stat Soc B 1980;42:109): two numbers, so that it can be fitted on few patients. For two grades it is
    logistic recalibration.

    Args:
        truth: (n,) grade numbers 0..k-1.
        predicted: (n, k) grade probabilities, in the order of the grades.

    Raises:
        ValueError: grades or probabilities out of range, lengths that differ, one grade only.
    """
    p = class_probabilities(predicted, "predicted")
    t = class_index(truth, p.shape[1])
    same_length(t, p.T, "truth and predicted")
    _enough(t.size)
    if np.unique(t).size < 2:
        raise ValueError(f"all cases have grade {t[0]}: a shift needs at least two grades, add cases")
    cumulative = _cumulative_logits(p)

    def loss(parameters: Floats) -> float:
        bent = _bent(cumulative, float(np.exp(parameters[0])), float(parameters[1]))
        return -float(np.log(np.maximum(bent[np.arange(t.size), t], 1e-12)).mean())

    best = minimize(loss, np.zeros(2), method="L-BFGS-B", bounds=[(np.log(0.05), np.log(20.0)), (-10.0, 10.0)], options={"ftol": 1e-13})
    return OrdinalCalibration(float(np.exp(best.x[0])), float(best.x[1]), t.size)


def _enough(n: int) -> None:
    if n < 2:
        raise ValueError(f"recalibration needs at least two cases, got {n}")


def _heated(logs: Floats, temperature: float) -> Floats:
    heated: Floats = np.exp(log_softmax(logs / temperature, axis=1))
    return heated


def _cumulative_logits(p: Floats) -> Floats:
    """logit P(grade >= j), j = 1..k-1, summed from both ends, so that neither tail loses its digits."""
    above = np.cumsum(p[:, ::-1], axis=1)[:, ::-1][:, 1:]
    below = np.cumsum(p, axis=1)[:, :-1]
    return np.log(np.maximum(above, FLOOR)) - np.log(np.maximum(below, FLOOR))


def _bent(cumulative: Floats, slope: float, shift: float) -> Floats:
    above = expit(slope * cumulative + shift)
    padded = np.pad(above, ((0, 0), (1, 1)), constant_values=((0, 0), (1, 0)))
    return np.maximum(-np.diff(padded, axis=1), 0.0)
