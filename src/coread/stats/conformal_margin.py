"""Intervals that a model states, widened or narrowed until they hold the truth as often as they say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from coread.stats.conformal import conformal_quantile
from coread.stats.labels import Floats, numbers, same_length


@dataclass(frozen=True, slots=True)
class Margin:
    """``margin`` is taken off the lower bound and put on the upper one; below 0 it narrows."""

    margin: float
    level: float
    n: int

    def apply(self, low: npt.ArrayLike, high: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Lower and upper bounds (n,); an interval narrowed to less than nothing is its middle."""
        lower, upper = _bounds(low, high)
        middle = (lower + upper) / 2
        return np.minimum(lower - self.margin, middle), np.maximum(upper + self.margin, middle)


def margin_scores(truth: npt.ArrayLike, low: npt.ArrayLike, high: npt.ArrayLike) -> Floats:
    """How far the truth lies outside each interval, (n,); below 0 how far inside: max(low - truth, truth - high).

    Raises:
        ValueError: lengths that differ, missing values, a lower bound above its upper one.
    """
    t = numbers(truth, "truth")
    lower, upper = _bounds(low, high)
    same_length(t, lower, "truth and bounds")
    return np.maximum(lower - t, t - upper)


def fit_margin(
    truth: npt.ArrayLike, low: npt.ArrayLike, high: npt.ArrayLike, level: float = 0.9, clusters: npt.ArrayLike | None = None
) -> Margin:
    """The conformal quantile of `margin_scores` (conformalised intervals; Romano, Patterson & Candès, NeurIPS 2019).

    Wide intervals stay wider than narrow ones; intervals that were right already get a margin near 0. Of points (low = high) it makes
    intervals of one width.

    Args:
        truth: (n,) values.
        low: (n,) lower bounds that the model states.
        high: (n,) upper bounds.
        level: wanted coverage.
        clusters: (n,) the patient of each case where patients have several; or None.

    Raises:
        ValueError: as `margin_scores`, and too few cases or patients for the level.
    """
    scores = margin_scores(truth, low, high)
    return Margin(conformal_quantile(scores, level, clusters), level, scores.size)


def _bounds(low: npt.ArrayLike, high: npt.ArrayLike) -> tuple[Floats, Floats]:
    lower, upper = numbers(low, "low"), numbers(high, "high")
    same_length(lower, upper, "low and high")
    wrong = np.flatnonzero(lower > upper)
    if wrong.size:
        raise ValueError(f"interval {wrong[0]}: the lower bound {lower[wrong[0]]:g} lies above the upper one {upper[wrong[0]]:g}")
    return lower, upper
