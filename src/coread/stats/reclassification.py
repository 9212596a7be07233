"""Net reclassification: does a new model move patients the right way?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt

from coread.stats.estimate import Array, Estimate, check_level, normal_quantile, undefined, without_interval
from coread.stats.scores import as_column


@dataclass(frozen=True, slots=True)
class NetReclassification:
    """Net share moved the right way: up among the ``events``, down among the ``nonevents``, and the ``total`` of both."""

    total: Estimate
    events: Estimate
    nonevents: Estimate


def net_reclassification(
    old: npt.ArrayLike, new: npt.ArrayLike, event: npt.ArrayLike, cuts: Sequence[float] | None = None, level: float = 0.95
) -> NetReclassification:
    """Net reclassification improvement of the new predictions over the old, by risk categories or continuous.

    With categories a patient moves when the category changes, without (``cuts`` None) when the prediction changes at all. Each part is
    (up - down) / n in its group, with variance (p_up + p_down - (p_up - p_down)^2) / n; the total adds both, the parts being
    independent; normal intervals. Pencina 2008 tests with (p_up + p_down) / n, its value under no net change. The
    continuous total lies in -2..2 and is easily large for a useless model that is badly calibrated (Kerr, Epidemiology
    2014;25:114): report the parts.

    Source: Pencina et al., Stat Med 2008;27:157 (categories) and 2011;30:11 (continuous, and the variance).

    Args:
        old: (n,) predictions of the old model.
        new: (n,) predictions of the new one.
        event: (n,) True where the event happened.
        cuts: ascending lower bounds of the categories but the lowest, or None for the continuous form.
        level: coverage of the intervals.

    Raises:
        ValueError: other shapes, NaN, events that are not True or False, cuts that do not ascend, or a level outside (0, 1).
    """
    check_level(level)
    before, after, happened = as_column(old, "old"), as_column(new, "new"), np.asarray(event)
    if before.shape != after.shape or happened.shape != before.shape:
        raise ValueError(f"old, new and event must be of the same patients, got {len(before)}, {len(after)} and {happened.shape}")
    if happened.dtype != bool:
        raise ValueError("event must be True or False for each patient")
    if cuts is not None:
        bounds = as_column(cuts, "cuts")
        if len(bounds) == 0 or (np.diff(bounds) <= 0).any():
            raise ValueError(f"cuts must ascend and be at least one, got {list(cuts)}")
        before, after = (np.searchsorted(bounds, values, side="right").astype(float) for values in (before, after))
    moved = np.sign(after - before)
    kind = "continuous" if cuts is None else f"{len(cuts) + 1} categories"
    events, nonevents = (
        _part(sign * moved[group], (level, f"net reclassification, {kind}, {name}", name))
        for sign, group, name in ((1, happened, "events"), (-1, ~happened, "nonevents"))
    )
    n, method = len(moved), f"net reclassification, {kind}"
    lost = next((part for part in (events, nonevents) if part.estimate is None), None)
    if lost is not None or events.estimate is None or nonevents.estimate is None:
        return NetReclassification(undefined(lost.undefined if lost else "", n, level, method), events, nonevents)
    value = events.estimate + nonevents.estimate
    error = sqrt(sum(_variance(moved[group]) for group in (happened, ~happened)))
    return NetReclassification(_interval(value, error, (n, level, method)), events, nonevents)


def _part(right: Array, told: tuple[float, str, str]) -> Estimate:
    level, method, name = told
    n = len(right)
    if n == 0:
        return undefined(f"there are no {name}", 0, level, method)
    return _interval(float(right.mean()), sqrt(_variance(right)), (n, level, method))


def _variance(moved: Array) -> float:
    return (float((moved**2).mean()) - float(moved.mean()) ** 2) / len(moved)


def _interval(value: float, error: float, told: tuple[int, float, str]) -> Estimate:
    n, level, method = told
    if error < 1e-12:
        return without_interval(value, "no interval: all patients moved alike, so the standard error is 0", n, level, method)
    half = normal_quantile(level) * error
    return Estimate(value, value - half, value + half, level, n, method)
