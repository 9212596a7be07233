"""Permutation tests over patients: paired, of two groups, within strata."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from coread.stats.estimate import Array

Scalar = Callable[[Array], Array]
"""From sums (B, F) to one value each (B,), or to several (B, S) where that is said."""

CHUNK_BYTES = 32_000_000


@dataclass(frozen=True, slots=True)
class PermutationTest:
    """A difference between two statistics with its two-sided p-value; both None, with the reason in ``undefined``, where it has none."""

    difference: float | None
    p_value: float | None
    permutations: int
    n: int
    method: str
    undefined: str = ""


def permutation_paired(
    first: npt.ArrayLike, second: npt.ArrayLike, statistic: Scalar, permutations: int = 9999, seed: int = 20260101
) -> PermutationTest:
    """Does a statistic differ between two readers (models, visits) of the same patients?

    Under the null hypothesis the two are exchangeable within a patient: each patient's two shares change places with probability 1/2,
    all sites of a patient together. The statistic is a function of sums over patients, so that a permutation costs a
    row of a matrix product. All 2^n exchanges are tried if they are no more than asked for; else p = (1 + b) / (1 + m), with b of m
    random exchanges at least as far from 0 (Phipson & Smyth, Stat Appl Genet Mol Biol 2010;9:39).

    Args:
        first: (n patients, F) each patient's share in the sums of the first reader.
        second: (n patients, F) that of the second.
        statistic: from (B, F) sums to (B,) values.
        permutations: number of random exchanges.
        seed: of the exchanges.

    Raises:
        ValueError: shapes that do not fit, NaN, or no permutation.
    """
    a, b = _table(first), _table(second)
    if a.shape != b.shape:
        raise ValueError(f"both must hold the same patients and sums, got shapes {a.shape} and {b.shape}")
    n = len(a)
    gap, total = a - b, a.sum(axis=0) + b.sum(axis=0)

    def difference(keep: Array) -> Array:
        of_first = keep @ gap + b.sum(axis=0)
        return np.asarray(statistic(of_first) - statistic(total - of_first), dtype=float)

    exact = n < 31 and 2**n <= permutations
    blocks = _all_exchanges(n) if exact else _random_exchanges(n, permutations, seed)
    return _test(float(difference(np.ones((1, n)))[0]), (difference(keep) for keep in blocks), n, "paired exchange of patients", exact)


def permutation_groups(
    parts: npt.ArrayLike, group: npt.ArrayLike, statistic: Scalar, strata: npt.ArrayLike | None = None, permutations: int = 9999
) -> PermutationTest:
    """Does a statistic differ between two groups of patients?

    The group labels are shuffled among the patients (all sites of a patient together), within strata if given; p = (1 + b) / (1 + m).
    The seed is fixed, so that the same data always give the same p.

    Args:
        parts: (n patients, F) each patient's share in the sums.
        group: (n,) True for the first group.
        statistic: from (B, F) sums to (B,) values.
        strata: (n,) labels within which patients are exchangeable, or None.
        permutations: number of shuffles.

    Raises:
        ValueError: shapes that do not fit, NaN, an empty group, or no permutation.
    """
    return permutation_groups_each(parts, group, lambda sums: np.asarray(statistic(sums))[:, None], strata, permutations)[0]


def permutation_groups_each(
    parts: npt.ArrayLike, group: npt.ArrayLike, statistics: Scalar, strata: npt.ArrayLike | None = None, permutations: int = 9999
) -> tuple[PermutationTest, ...]:
    """:func:`permutation_groups` of several statistics at once, each with the p value that it would have alone.

    The shuffles cost far more than the sums, so that S statistics of one group cost little more than one.

    Args:
        parts: (n patients, F) each patient's share in the sums of all statistics.
        group: (n,) True for the first group.
        statistics: from (B, F) sums to (B, S) values.
        strata: (n,) labels within which patients are exchangeable, or None.
        permutations: number of shuffles.

    Raises:
        ValueError: as `permutation_groups`.
    """
    table, labels = _table(parts), np.asarray(group)
    n = len(table)
    if labels.shape != (n,) or labels.dtype != bool or not 0 < labels.sum() < n:
        raise ValueError(f"group must be True or False for each of {n} patients, with at least one of either")
    stratum = np.zeros(n) if strata is None else np.asarray(strata)
    if stratum.shape != (n,):
        raise ValueError(f"strata must name one stratum for each of {n} patients, got an array of shape {stratum.shape}")
    total = table.sum(axis=0)

    def difference(member: Array) -> Array:
        of_group = member @ table
        return np.asarray(statistics(of_group) - statistics(total - of_group), dtype=float)

    observed = difference(labels[None].astype(float))[0]
    blocks = [difference(member) for member in _shuffles(labels, stratum, permutations)]
    name = "shuffled groups of patients" + (" within strata" if strata is not None else "")
    return tuple(_test(float(value), (block[:, s] for block in blocks), n, name, False) for s, value in enumerate(observed))


def _test(observed: float, blocks: Iterator[Array], n: int, method: str, exact: bool) -> PermutationTest:
    values = np.concatenate(list(blocks))
    method += ", all of them" if exact else f", {len(values)} random ones"
    if np.isnan(observed):
        return PermutationTest(None, None, len(values), n, method, "the statistic has no value in one of the two")
    lost = int(np.isnan(values).sum())
    if lost > 0.05 * len(values):
        return PermutationTest(
            observed, None, len(values), n, method, f"no p-value: the statistic has no value in {lost} of {len(values)} permutations"
        )
    # A permutation without a value counts as far out: it can only make p larger. The tolerance keeps exact ties ties.
    far = int(np.sum(~(np.abs(values) < abs(observed) - 1e-10 * max(1.0, abs(observed)))))
    p = far / len(values) if exact else (far + 1) / (len(values) + 1)
    return PermutationTest(observed, p, len(values), n, method)


def _table(parts: npt.ArrayLike) -> Array:
    table = np.asarray(parts, dtype=float)
    if table.ndim != 2 or len(table) == 0 or not np.isfinite(table).all():
        raise ValueError(f"each patient's share in the sums must be a row of finite numbers, got an array of shape {table.shape}")
    return table


def _rows(n: int) -> int:
    return max(1, CHUNK_BYTES // (16 * n))


def _all_exchanges(n: int) -> Iterator[Array]:
    for start in range(0, 2**n, _rows(n)):
        number = np.arange(start, min(start + _rows(n), 2**n))
        yield ((number[:, None] >> np.arange(n)) & 1).astype(float)


def _random_exchanges(n: int, permutations: int, seed: int) -> Iterator[Array]:
    _check(permutations)
    random = np.random.default_rng(seed)
    for start in range(0, permutations, _rows(n)):
        yield random.integers(0, 2, (min(_rows(n), permutations - start), n)).astype(float)


def _shuffles(labels: npt.NDArray[np.bool_], stratum: npt.NDArray[np.generic], permutations: int) -> Iterator[Array]:
    _check(permutations)
    random = np.random.default_rng(20260101)
    members = [np.flatnonzero(stratum == s) for s in np.unique(stratum)]
    for start in range(0, permutations, _rows(len(labels))):
        size = min(_rows(len(labels)), permutations - start)
        block = np.empty((size, len(labels)))
        for m in members:
            block[:, m] = random.permuted(np.broadcast_to(labels[m].astype(float), (size, len(m))), axis=1)
        yield block


def _check(permutations: int) -> None:
    if permutations < 1:
        raise ValueError(f"a permutation test needs at least 1 permutation, got {permutations}")
