"""Bootstrap over patients: intervals that know that the sites of one patient belong together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from coread.stats.estimate import Array, Estimate, check_level, undefined, without_interval

Kind = Literal["percentile", "bca"]
Statistic = Callable[[Array], Array]
"""From sums (..., F) to values (...) or (..., S) of S statistics; NaN where a row of sums leaves the statistic without a value."""

MOST_UNDEFINED = 0.05
CHUNK_BYTES = 32_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """How to resample: how often, from which seed, within which strata, and the interval to make of it.

    The same seed gives the same draws for the same number of patients and strata, on every machine, whatever the statistic: two statistics
    bootstrapped under one plan are paired.
    """

    resamples: int = 2000
    seed: int = 20260101
    level: float = 0.95
    kind: Kind = "percentile"
    strata: npt.NDArray[np.generic] | None = None  # (n patients,) labels; each stratum keeps its size in every resample

    def __post_init__(self) -> None:
        check_level(self.level)
        if self.resamples < 100:
            raise ValueError(f"a bootstrap interval needs at least 100 resamples, got {self.resamples}")
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind must be 'percentile' or 'bca', got {self.kind!r}")


def sums_by_patient(values: npt.ArrayLike, patients: npt.ArrayLike) -> Array:
    """Rows added up within each patient: (rows, F) and (rows,) -> (patients, F), patients in the order of ``np.unique``.

    Raises:
        ValueError: no row, NaN or infinity, or another number of patients than of rows.
    """
    table, labels = np.asarray(values, dtype=float), np.asarray(patients)
    if table.ndim != 2 or labels.ndim != 1 or len(table) != len(labels) or len(table) == 0:
        raise ValueError(f"need one patient for each row of values, got shapes {labels.shape} and {table.shape}")
    if not np.isfinite(table).all():
        raise ValueError(f"row {int((~np.isfinite(table)).any(axis=1).argmax())} has a missing or infinite value; leave it out first")
    _, inverse = np.unique(labels, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    starts = np.flatnonzero(np.diff(inverse[order], prepend=-1))
    return np.asarray(np.add.reduceat(table[order], starts, axis=0))


def draws(n: int, plan: Plan, width: int = 0) -> Iterator[npt.NDArray[np.int64]]:
    """Indices of the patients drawn, in blocks of (rows, n): ``plan.resamples`` rows in all, a few tens of megabytes at a time.

    Args:
        n: number of patients.
        plan: how to resample.
        width: numbers that the statistic holds for each resample, if more than n. The size of a block never changes the draws.

    Raises:
        ValueError: as many strata are not given as there are patients.
    """
    random = np.random.default_rng(plan.seed)
    rows = max(1, CHUNK_BYTES // (16 * max(n, width, 1)))
    blocks = (min(rows, plan.resamples - start) for start in range(0, plan.resamples, rows))
    if plan.strata is None:
        for size in blocks:
            yield random.integers(0, n, (size, n))
        return
    labels = np.asarray(plan.strata)
    if labels.shape != (n,):
        raise ValueError(f"strata must name one stratum for each of {n} patients, got an array of shape {labels.shape}")
    _, inverse, count = np.unique(labels, return_inverse=True, return_counts=True)
    order = np.argsort(inverse, kind="stable")
    first = np.repeat(np.cumsum(count) - count, count)
    within = np.repeat(count, count)
    for size in blocks:
        yield order[first + random.integers(0, within, (size, n))]


def replicates_of_sums(parts: npt.ArrayLike, statistic: Statistic, plan: Plan) -> Array:
    """The statistic of each resample: (resamples, S).

    A resample of patients is a vector of counts, and the sums of a resample are counts @ parts: one matrix product instead
    of a copy of the data for each resample (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, section 6.2: resampling vectors).

    Args:
        parts: (n patients, F) each patient's share in the sums.
        statistic: from (B, F) sums to (B,) or (B, S) values.
        plan: how to resample.
    """
    table = _parts(parts)
    n = len(table)
    values = []
    for index in draws(n, plan, 2 * table.shape[1]):
        size = len(index)
        counts = np.bincount((index + n * np.arange(size)[:, None]).ravel(), minlength=size * n).reshape(size, n)
        values.append(_columns(statistic(counts.astype(float) @ table), size))
    return np.concatenate(values)


def bootstrap_sums(parts: npt.ArrayLike, statistic: Statistic, plan: Plan) -> tuple[Estimate, ...]:
    """Bootstrap intervals of statistics that are functions of sums over patients, one Estimate each.

    Kappas (sums of contingency tables), ICCs (:func:`coread.stats.icc.score_sums`), means, shares, sensitivity and
    specificity are. Percentile interval, or BCa (Efron, J Am Stat Assoc 1987;82:171) with the acceleration of the
    jackknife over patients. Resamples in which the statistic has no value are left out and counted in the method; more than 1
    in 20 of them and there is no interval.

    Args:
        parts: (n patients, F) each patient's share in the sums; make them with :func:`sums_by_patient`.
        statistic: from (B, F) sums to (B,) or (B, S) values.
        plan: how to resample.

    Raises:
        ValueError: parts are not a finite table, strata do not fit, or the statistic returns another shape.
    """
    table = _parts(parts)
    total = table.sum(axis=0)
    observed = _columns(statistic(total[None]), 1)[0]
    if len(table) < 2:
        return _too_few(observed, len(table), plan)
    jackknife = None
    if plan.kind == "bca":
        rows = max(1, CHUNK_BYTES // (32 * table.shape[1]))
        blocks = [table[i : i + rows] for i in range(0, len(table), rows)]
        jackknife = np.concatenate([_columns(statistic(total - block), len(block)) for block in blocks])
    return _estimates(observed, replicates_of_sums(table, statistic, plan), jackknife, len(table), plan)


def bootstrap(statistic: Callable[[npt.NDArray[np.int64]], npt.ArrayLike], patients: npt.ArrayLike, plan: Plan) -> tuple[Estimate, ...]:
    """Bootstrap intervals of any statistic, called once a resample; :func:`bootstrap_sums` is far faster where it can be used.

    Args:
        statistic: from indices of rows (all rows of each patient drawn, as often as drawn) to a value or (S,) values.
        patients: (rows,) the patient of each row.
        plan: how to resample; ``strata`` are of patients in the order of ``np.unique``.

    Raises:
        ValueError: patients are not one-dimensional, none, or strata do not fit.
    """
    labels = np.asarray(patients)
    if labels.ndim != 1 or len(labels) == 0:
        raise ValueError(f"patients must name the patient of each row, got an array of shape {labels.shape}")
    _, inverse = np.unique(labels, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    rows = np.split(order, np.flatnonzero(np.diff(inverse[order])) + 1)
    n = len(rows)
    once = len(order) == n

    def value(index: npt.NDArray[np.int64]) -> Array:
        picked = order[index] if once else np.concatenate([rows[i] for i in index])
        return np.atleast_1d(np.asarray(statistic(picked), dtype=float))

    everyone = np.arange(n)
    observed = value(everyone)
    if n < 2:
        return _too_few(observed, n, plan)
    jackknife = np.array([value(np.delete(everyone, i)) for i in everyone]) if plan.kind == "bca" else None
    replicates = np.array([value(index) for block in draws(n, plan) for index in block])
    return _estimates(observed, replicates, jackknife, n, plan)


def interval_of_replicates(observed: float, replicates: Array, plan: Plan, n: int, jackknife: Array | None = None) -> Estimate:
    """The interval that bootstrap replicates of one statistic give.

    Args:
        observed: the statistic of all patients.
        replicates: (resamples,) its values in the resamples, NaN where it has none.
        plan: the plan they were drawn by.
        n: number of patients.
        jackknife: (n,) values without each patient; needed for BCa.
    """
    method = f"bootstrap over patients, {plan.kind}, {plan.resamples} resamples, seed {plan.seed}"
    if plan.strata is not None:
        method += ", stratified"
    if np.isnan(observed):
        return undefined("the statistic has no value for these data", n, plan.level, method)
    good = np.sort(replicates[~np.isnan(replicates)])
    lost = len(replicates) - len(good)
    if lost > MOST_UNDEFINED * len(replicates):
        reason = f"no interval: the statistic has no value in {lost} of {len(replicates)} resamples"
        return without_interval(observed, reason, n, plan.level, method)
    if lost:
        method += f", {lost} without a value left out"
    if good[-1] - good[0] <= 1e-12 * max(1.0, abs(observed)):
        return without_interval(observed, "no interval: every resample gives the same value", n, plan.level, method)
    tails = np.array([1 - plan.level, 1 + plan.level]) / 2
    if plan.kind == "bca":
        if jackknife is None or np.isnan(jackknife).any():
            return without_interval(observed, "no BCa interval: the statistic has no value without some patient", n, plan.level, method)
        tails = _bca_tails(observed, good, jackknife, tails)
    low, high = np.quantile(good, tails)
    return Estimate(float(observed), float(low), float(high), plan.level, n, method)


def _bca_tails(observed: float, replicates: Array, jackknife: Array, tails: Array) -> Array:
    """Tail probabilities corrected for bias and acceleration; half of the ties count as below."""
    below = (np.sum(replicates < observed) + 0.5 * np.sum(replicates == observed)) / len(replicates)
    bias = ndtri(np.clip(below, 0.5 / len(replicates), 1 - 0.5 / len(replicates)))
    lean = jackknife.mean() - jackknife
    spread = float(np.sum(lean**2)) ** 1.5
    acceleration = float(np.sum(lean**3)) / (6 * spread) if spread > 0 else 0.0
    z = bias + ndtri(tails)
    return np.asarray(ndtr(bias + z / (1 - acceleration * z)))


def _estimates(observed: Array, replicates: Array, jackknife: Array | None, n: int, plan: Plan) -> tuple[Estimate, ...]:
    columns = range(len(observed))
    jack = [None if jackknife is None else jackknife[:, j] for j in columns]
    return tuple(interval_of_replicates(float(observed[j]), replicates[:, j], plan, n, jack[j]) for j in columns)


def _too_few(observed: Array, n: int, plan: Plan) -> tuple[Estimate, ...]:
    reason = f"no interval from {n} patient{'s' * (n != 1)}: at least 2 are needed"
    method = f"bootstrap over patients, {plan.kind}"
    return tuple(
        undefined(reason, n, plan.level, method) if np.isnan(v) else without_interval(float(v), reason, n, plan.level, method)
        for v in observed
    )


def _parts(parts: npt.ArrayLike) -> Array:
    table = np.asarray(parts, dtype=float)
    if table.ndim != 2 or table.shape[1] == 0:
        raise ValueError(f"parts must be a table of patients x sums, got an array of shape {table.shape}")
    if not np.isfinite(table).all():
        raise ValueError(f"patient {int((~np.isfinite(table)).any(axis=1).argmax())} has a missing or infinite part; leave it out first")
    return table


def _columns(values: Array, rows: int) -> Array:
    table = np.asarray(values, dtype=float)
    if table.shape == (rows,):
        return table[:, None]
    if table.ndim != 2 or len(table) != rows:
        raise ValueError(f"a statistic of {rows} rows of sums must return {rows} values or rows of values, got shape {table.shape}")
    return table
