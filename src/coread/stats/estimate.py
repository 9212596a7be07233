"""A number with its interval, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan, sqrt
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

Array = npt.NDArray[np.float64]
"""What the package computes with."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate with its confidence interval, how both were made, and why either is missing.

    ``estimate`` is None where the statistic has no value for these data, ``low`` and ``high`` (always both) where its interval
    has none; ``undefined`` then says why, and is empty otherwise. ``n`` counts subjects (patients where they were resampled).
    Bounds may be infinite, never NaN.
    """

    estimate: float | None
    low: float | None
    high: float | None
    level: float
    n: int
    method: str
    undefined: str = ""

    def __post_init__(self) -> None:
        numbers = (self.estimate, self.low, self.high)
        if any(x is not None and isnan(x) for x in numbers):
            raise ValueError(f"{self.method}: NaN in {numbers}; what has no value is None with its reason in 'undefined'")
        if (self.low is None) != (self.high is None) or (self.estimate is None and self.low is not None):
            raise ValueError(f"{self.method}: {numbers} is half an interval, or an interval without its estimate")
        if (self.low is None) != bool(self.undefined):
            raise ValueError(f"{self.method}: a missing number needs its reason, and only a missing number has one; got {self.undefined!r}")


def undefined(reason: str, n: int, level: float, method: str) -> Estimate:
    """The estimate that these data do not have, with its reason."""
    return Estimate(None, None, None, level, n, method, reason)


def without_interval(estimate: float, reason: str, n: int, level: float, method: str) -> Estimate:
    """An estimate whose interval these data do not have, with its reason."""
    return Estimate(float(estimate), None, None, level, n, method, reason)


def check_level(level: float) -> float:
    """The level, if it lies between 0 and 1.

    Raises:
        ValueError: it does not.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    return level


def normal_quantile(level: float) -> float:
    """z of a two-sided interval: the standard normal quantile of (1 + level) / 2; 1.96 for level 0.95.

    Raises:
        ValueError: level outside (0, 1).
    """
    return NormalDist().inv_cdf((1 + check_level(level)) / 2)


def linearised(estimate: float, influence: Array, level: float, method: str) -> Estimate:
    """Interval estimate +- t * sqrt(sum u_i^2 / (n (n - 1))), t with n - 1 degrees of freedom, cut at 1.

    For coefficients that cannot exceed 1 and are smooth functions of means over subjects (Gwet, Br J Math Stat Psychol 2008;61:29).

    Args:
        estimate: the coefficient.
        influence: (n,) each subject's influence u_i on it, of mean 0.
        level: coverage of the interval.
        method: what the coefficient is called.
    """
    n = len(influence)
    if n < 2:
        return without_interval(estimate, f"no interval from {n} subject: at least 2 are needed", n, level, method)
    error = sqrt(float(influence @ influence) / (n * (n - 1)))
    if error < 1e-12:
        return without_interval(estimate, "no interval: all subjects agree alike, so the standard error is 0", n, level, method)
    half = float(stdtrit(n - 1, (1 + level) / 2)) * error
    return Estimate(estimate, estimate - half, min(1.0, estimate + half), level, n, f"{method}, linearised, t interval")
