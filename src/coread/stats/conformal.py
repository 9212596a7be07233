"""Intervals and sets that hold the truth with a wanted probability, from cases kept aside: no assumption but exchangeability."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

from coread.stats.estimate import check_level
from coread.stats.labels import Bools, Floats, Ints, class_index, class_probabilities, cluster_codes, numbers, same_length

SetKind = Literal["nominal", "ordinal"]


@dataclass(frozen=True, slots=True)
class SplitInterval:
    """prediction -+ ``half_width`` (times the scale of the case, if it was fitted with one)."""

    half_width: float
    level: float
    n: int

    def apply(self, predicted: npt.ArrayLike, scale: npt.ArrayLike | None = None) -> tuple[Floats, Floats]:
        """Lower and upper bounds (n,)."""
        p = numbers(predicted, "predicted")
        half = self.half_width * _scales(scale, p.size)
        return p - half, p + half


@dataclass(frozen=True, slots=True)
class SplitSet:
    """The classes whose nonconformity score is at most ``cutoff``; never an empty set."""

    cutoff: float
    kind: SetKind
    level: float
    n: int

    def apply(self, predicted: npt.ArrayLike) -> Bools:
        """(n, k) whether each class is in the set; for ``ordinal`` without gaps."""
        p = class_probabilities(predicted, "predicted")
        inside: Bools = set_scores(p, self.kind) <= self.cutoff + 1e-12
        inside[np.arange(p.shape[0]), p.argmax(axis=1)] = True
        return inside


@dataclass(frozen=True, slots=True)
class GroupIntervals:
    """A SplitInterval for each group."""

    groups: tuple[tuple[str, SplitInterval], ...]

    def apply(self, predicted: npt.ArrayLike, group: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Lower and upper bounds (n,), each case by its own group.

        Raises:
            ValueError: a group that was not calibrated.
        """
        p, names = numbers(predicted, "predicted"), _names(group, np.asarray(predicted).shape[0])
        fitted = dict(self.groups)
        _known(names, tuple(fitted))
        half = np.array([fitted[name].half_width for name in names])
        return p - half, p + half


@dataclass(frozen=True, slots=True)
class GroupSets:
    """A SplitSet for each group."""

    groups: tuple[tuple[str, SplitSet], ...]

    def apply(self, predicted: npt.ArrayLike, group: npt.ArrayLike) -> Bools:
        """(n, k) whether each class is in the set, each case by its own group.

        Raises:
            ValueError: a group that was not calibrated.
        """
        p, names = class_probabilities(predicted, "predicted"), _names(group, np.asarray(predicted).shape[0])
        fitted = dict(self.groups)
        _known(names, tuple(fitted))
        inside = np.zeros(p.shape, dtype=bool)
        for name in set(names):
            rows = np.array(names) == name
            inside[rows] = fitted[name].apply(p[rows])
        return inside


def cases_needed(level: float) -> int:
    """Fewest calibration cases (of a group) for sets or intervals of ``level``: n >= level / (1 - level), 9 for 0.9 and 19 for 0.95.

    Raises:
        ValueError: level outside (0, 1).
    """
    check_level(level)
    return ceil(level / (1 - level) - 1e-9)


def dependable_cases(level: float, short: float = 0.1, certainty: float = 0.95) -> int:
    """Fewest calibration cases from which on the coverage that was got falls short of ``level`` by at most ``short``, nearly surely.

    `cases_needed` makes the coverage right on average over calibration sets. That of the one set that was drawn is Beta(r, n + 1 - r) with
    r = ceil((n + 1) level) (Vovk, ACML 2012;25:475); from the number given on it is at least level - short with probability ``certainty``.
    For 0.8 it is 45, for 0.9 it is 30, for 0.95 it is 19.

    Args:
        level: wanted coverage.
        short: by how much the coverage may fall short, above 0 and below ``level``.
        certainty: how sure that must be, between 0 and 1.

    Raises:
        ValueError: level, short or certainty out of range.
    """
    if not 0 < short < level or not 0 < certainty < 1:
        raise ValueError(f"short must lie between 0 and level, certainty between 0 and 1, got {short} and {certainty}")
    least = cases_needed(level)
    # Hoeffding's bound on the binomial tail: no larger n can fail
    most = least + ceil(2 * np.log(1 / (1 - certainty)) / short**2)
    n = np.arange(least, most + 1)
    rank = np.ceil((n + 1) * level - 1e-9)
    failed = n[beta.cdf(level - short, rank, n + 1 - rank) > 1 - certainty]
    return int(failed[-1]) + 1 if failed.size else least


def conformal_quantile(scores: npt.ArrayLike, level: float, clusters: npt.ArrayLike | None = None) -> float:
    """The ceil((n + 1) level)-th smallest of n nonconformity scores.

    A further exchangeable case has at most this score with probability at least ``level``, and less than level + 1 / (n + 1)
    where scores do not tie (Vovk 2005; Lei, J Am Stat Assoc 2018;113:1094). Where patients have several cases, patients are
    exchangeable and cases are not: each of k patients weighs 1 / (k + 1), shared by the patient's cases, and the quantile is the smallest
    score at or below which the weight is at least ``level``; a case of a further patient then has at most this score with
    probability at least ``level`` (Lee, Barber & Willett, arXiv 2306.06342). With one case a patient the two are the same.

    Args:
        scores: (n,) nonconformity scores.
        level: wanted coverage.
        clusters: (n,) the patient of each case, or None.

    Raises:
        ValueError: too few scores, or patients, for the level, and how many it needs.
    """
    s = numbers(scores, "scores")
    codes = np.arange(s.size) if clusters is None else cluster_codes(clusters, s.size)
    assert codes is not None
    counts = np.bincount(codes)
    needed, units = cases_needed(level), "cases" if clusters is None else "patients"
    if counts.size < needed:
        raise ValueError(f"{counts.size} calibration {units} are too few for level {level:g}: at least {needed} are needed")
    order = np.argsort(s, kind="stable")
    gathered = np.cumsum(1 / counts[codes[order]]) / (counts.size + 1)
    return float(s[order[min(int(np.searchsorted(gathered, level - 1e-9)), s.size - 1)]])


def fit_interval(truth: npt.ArrayLike, predicted: npt.ArrayLike, level: float = 0.9, scale: npt.ArrayLike | None = None) -> SplitInterval:
    """Split conformal interval: the conformal quantile of |truth - prediction|, or of it divided by the scale of the case.

    The cases must be others than the model was fitted on, one a patient (or exchangeable otherwise).

    Args:
        truth: (n,) values.
        predicted: (n,) the model's predictions.
        level: wanted coverage.
        scale: (n,) positive, how uncertain each prediction says it is; None for intervals of one width.

    Raises:
        ValueError: too few cases for the level, lengths that differ, missing values.
    """
    t, p = numbers(truth, "truth"), numbers(predicted, "predicted")
    same_length(t, p, "truth and predicted")
    return SplitInterval(conformal_quantile(np.abs(t - p) / _scales(scale, t.size), level), level, t.size)


def fit_sets(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    level: float = 0.9,
    kind: SetKind = "nominal",
    clusters: npt.ArrayLike | None = None,
) -> SplitSet:
    """Split conformal sets of classes.

    nominal: score 1 - P(true class), the smallest sets on average (Sadinle, J Am Stat Assoc 2019;114:223). ordinal: the set grows from the
    most likely grade to the likelier neighbour, and the score of a grade is the probability gathered when it comes in, so that
    sets have no gaps (Lu, MICCAI 2022). The most likely class is always in, which can only raise the coverage.

    Args:
        truth: (n,) class numbers 0..k-1.
        predicted: (n, k) class probabilities, for ordinal in the order of the grades.
        level: wanted coverage.
        kind: nominal or ordinal.
        clusters: (n,) the patient of each case where patients have several, see `conformal_quantile`; or None.

    Raises:
        ValueError: too few cases for the level, class numbers or probabilities out of range, lengths that differ.
    """
    p = class_probabilities(predicted, "predicted")
    t = class_index(truth, p.shape[1])
    same_length(t, p.T, "truth and predicted")
    return SplitSet(conformal_quantile(set_scores(p, kind)[np.arange(t.size), t], level, clusters), kind, level, t.size)


def fit_group_intervals(truth: npt.ArrayLike, predicted: npt.ArrayLike, group: npt.ArrayLike, level: float = 0.9) -> GroupIntervals:
    """A conformal interval for each group by itself, so that the coverage holds within every group (Mondrian; Vovk 2005, ch. 4.5).

    Args:
        truth: (n,) values.
        predicted: (n,) predictions.
        group: (n,) the name of each case's group.
        level: wanted coverage in every group.

    Raises:
        ValueError: groups too small for the level, named, with what they have and need; lengths that differ.
    """
    t, p = numbers(truth, "truth"), numbers(predicted, "predicted")
    same_length(t, p, "truth and predicted")
    return GroupIntervals(tuple((name, fit_interval(t[rows], p[rows], level)) for name, rows in _groups(group, t.size, level)))


def fit_group_sets(
    truth: npt.ArrayLike, predicted: npt.ArrayLike, group: npt.ArrayLike, level: float = 0.9, kind: SetKind = "nominal"
) -> GroupSets:
    """Conformal sets for each group by itself, so that the coverage holds within every group (Mondrian).

    With the most likely class as the group (taken from the prediction, as the truth is not known when reading) coverage holds for each
    answer.

    Args:
        truth: (n,) class numbers 0..k-1.
        predicted: (n, k) class probabilities.
        group: (n,) the name of each case's group.
        level: wanted coverage in every group.
        kind: nominal or ordinal.

    Raises:
        ValueError: groups too small for the level, named, with what they have and need; lengths that differ.
    """
    p = class_probabilities(predicted, "predicted")
    t = class_index(truth, p.shape[1])
    same_length(t, p.T, "truth and predicted")
    return GroupSets(tuple((name, fit_sets(t[rows], p[rows], level, kind)) for name, rows in _groups(group, t.size, level)))


def cross_intervals(
    truth: npt.ArrayLike, held_out: npt.ArrayLike, fold: npt.ArrayLike, new: npt.ArrayLike, level: float = 0.9
) -> tuple[Floats, Floats]:
    """Cross-conformal (CV+) intervals for new cases: every case calibrates, none by a model that saw it.

    With R_i = |truth_i - prediction of i by the model without its fold| and m_k(x) that model's prediction of the new case x: from the
    floor((n + 1)(1 - level))-th smallest m_k(i)(x) - R_i to the ceil((n + 1) level)-th smallest m_k(i)(x) + R_i (Barber, Ann Stat
    2021;49:486). Coverage is near ``level`` in practice; what is proven is about 2 level - 1. Folds by patient.

    Args:
        truth: (n,) values.
        held_out: (n,) the prediction of each case by the model that was fitted without its fold.
        fold: (n,) number of each case's fold, 0..folds-1.
        new: (folds, m) predictions of the m new cases by the model of each fold.
        level: wanted coverage.

    Raises:
        ValueError: too few cases for the level, lengths that differ, folds without predictions.
    """
    t, p, predictions = numbers(truth, "truth"), numbers(held_out, "held_out"), numbers(new, "new", ndim=2)
    same_length(t, p, "truth and held_out")
    f: Ints = class_index(fold, predictions.shape[0], "fold")
    same_length(t, f, "truth and fold")
    needed = cases_needed(level)
    if t.size < needed:
        raise ValueError(f"{t.size} calibration cases are too few for level {level:g}: at least {needed} are needed")
    residual = np.abs(t - p)[:, None]
    rank = ceil((t.size + 1) * level - 1e-9)
    low = np.sort(predictions[f] - residual, axis=0)[t.size - rank]
    high = np.sort(predictions[f] + residual, axis=0)[rank - 1]
    return low, high


def set_scores(p: Floats, kind: SetKind) -> Floats:
    """Nonconformity (n, k) of every class of every case, as `fit_sets` has it."""
    if kind == "nominal":
        return 1 - p
    if kind != "ordinal":
        raise ValueError(f"kind must be nominal or ordinal, got {kind!r}")
    n, k = p.shape
    rows = np.arange(n)
    low = p.argmax(axis=1)
    high = low.copy()
    mass = p[rows, low]
    scores = np.empty_like(p)
    scores[rows, low] = mass
    padded = np.pad(p, ((0, 0), (1, 1)), constant_values=-1.0)
    for _ in range(k - 1):
        left, right = padded[rows, low], padded[rows, high + 2]
        down = left >= right
        low, high = np.where(down, low - 1, low), np.where(down, high, high + 1)
        mass = mass + np.where(down, left, right)
        scores[rows, np.where(down, low, high)] = mass
    return scores


def _scales(scale: npt.ArrayLike | None, n: int) -> Floats:
    if scale is None:
        return np.ones(n)
    s = numbers(scale, "scale")
    if s.size != n or (s <= 0).any():
        raise ValueError(f"scale needs one positive number for each of the {n} cases")
    return s


def _names(group: npt.ArrayLike, n: int) -> list[str]:
    names = np.asarray(group)
    if names.shape != (n,):
        raise ValueError(f"group must name one group for each of the {n} cases, got shape {names.shape}")
    return [str(name) for name in names.tolist()]


def _groups(group: npt.ArrayLike, n: int, level: float) -> list[tuple[str, Bools]]:
    names = np.array(_names(group, n))
    needed = cases_needed(level)
    counts = {str(name): int((names == name).sum()) for name in np.unique(names)}
    small = [f"{name} ({count})" for name, count in counts.items() if count < needed]
    if small:
        raise ValueError(
            f"groups too small for level {level:g}, which needs at least {needed} cases in each: {', '.join(small)}; join them"
        )
    return [(name, names == name) for name in counts]


def _known(names: list[str], fitted: tuple[str, ...]) -> None:
    unknown = sorted(set(names) - set(fitted))
    if unknown:
        raise ValueError(f"no calibration for group {', '.join(unknown)}; there is one for {', '.join(fitted)}")
