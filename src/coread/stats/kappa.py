"""Chance-corrected agreement on grades: Cohen's, Light's and Fleiss' kappa, and agreement in per cent."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt

from coread.stats.estimate import Array, Estimate, check_level, linearised, normal_quantile, undefined, without_interval
from coread.stats.scores import Missing, as_scores, category_codes

Scheme = Literal["unweighted", "linear", "quadratic"]
Weights = Scheme | npt.NDArray[np.float64]
"""A scheme's name, or an (m, m) array of agreement weights of one's own: 1 on the diagonal, symmetric, within 0..1."""


def agreement_weights(categories: npt.ArrayLike, weights: Weights) -> Array:
    """Agreement weights (m, m) of grades: 1 for the same, falling with the distance of the grades' values.

    linear 1 - |a - b| / range, quadratic 1 - (a - b)^2 / range^2, of the values, not of their ranks: a grade that nobody gave
    changes nothing (Cohen, Psychol Bull 1968;70:213; Fleiss & Cohen, Educ Psychol Meas 1973;33:613).

    Args:
        categories: (m,) the grades, ascending.
        weights: scheme or array.

    Raises:
        ValueError: an unknown scheme, or an array of another shape, not symmetric, not 1 on the diagonal or outside 0..1.
    """
    values = np.asarray(categories, dtype=float)
    if isinstance(weights, str):
        if weights not in ("unweighted", "linear", "quadratic"):
            raise ValueError(f"weights must be 'unweighted', 'linear', 'quadratic' or an array, got {weights!r}")
        distance = np.abs(values[:, None] - values)
        if weights == "unweighted":
            return np.asarray((distance == 0).astype(float))
        distance = distance / max(float(np.ptp(values)) if len(values) else 0.0, np.finfo(float).tiny)
        return np.asarray(1 - (distance if weights == "linear" else distance**2))
    table = np.asarray(weights, dtype=float)
    if table.shape != (len(values), len(values)):
        raise ValueError(f"weights must be a table of {len(values)} x {len(values)} grades, got shape {table.shape}")
    if not ((table >= 0) & (table <= 1)).all() or (table != table.T).any() or (np.diag(table) != 1).any():
        raise ValueError("weights must be symmetric, lie in 0..1 and be 1 on the diagonal")
    return table


def contingency(scores: npt.ArrayLike, categories: Sequence[float], patients: npt.ArrayLike | None = None) -> Array:
    """How often the two readers gave each pair of grades: (m, m), or one table a patient (patients, m, m).

    The tables of patients, reshaped to (patients, m * m), are the parts that :func:`~coread.stats.resampling.bootstrap_sums` takes.

    Args:
        scores: (n, 2); rows with a missing score (NaN) count nowhere.
        categories: the grades.
        patients: (n,) the patient of each row; the tables come in the order of ``np.unique``.

    Raises:
        ValueError: not two readers, another number of patients than of rows, or a score that is no grade.
    """
    table = as_scores(scores, "allow")
    _two(table)
    labels = np.zeros(len(table)) if patients is None else np.asarray(patients)
    if labels.shape != (len(table),):
        raise ValueError(f"need one patient for each of {len(table)} rows, got an array of shape {labels.shape}")
    codes, values = category_codes(table, categories)
    m = len(values)
    ids, number = np.unique(labels, return_inverse=True)
    whole = (codes >= 0).all(axis=1)
    cell = (number * m + codes[:, 0]) * m + codes[:, 1]
    counts = np.bincount(cell[whole], minlength=max(1, len(ids)) * m * m).astype(float).reshape(-1, m, m)
    return counts[0] if patients is None else counts


def kappa_of_table(tables: Array, weights: Array) -> Array:
    """Weighted kappa of each (..., m, m) contingency table, NaN where chance alone would agree: the statistic for the bootstrap.

    Args:
        tables: counts; rows the first reader, columns the second.
        weights: (m, m) from :func:`agreement_weights`.
    """
    total = tables.sum(axis=(-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        observed = (tables * weights).sum(axis=(-2, -1)) / total
        expected = ((tables.sum(axis=-1) @ weights) * tables.sum(axis=-2)).sum(axis=-1) / total**2
        value = (observed - expected) / (1 - expected)
    return np.where(1 - expected > 1e-12, value, np.nan)


def cohen_kappa(
    scores: npt.ArrayLike,
    weights: Weights = "unweighted",
    categories: Sequence[float] | None = None,
    level: float = 0.95,
    missing: Missing = "refuse",
) -> Estimate:
    """Cohen's kappa of two readers, weighted if wanted, with its large-sample interval.

    kappa = (po - pe) / (1 - pe), po = sum w_ij p_ij, pe = sum w_ij p_i. p_.j. The interval is kappa +- z SE, cut at 1, with
    SE^2 = [sum p_ij (w_ij (1 - pe) - (w_i. + w_.j)(1 - po))^2 - (po pe - 2 pe + po)^2] / (n (1 - pe)^4), w_i. = sum_j p_.j w_ij and
    w_.j = sum_i p_i. w_ij. It takes the rows as independent: with several sites a patient, bootstrap over patients instead
    (:func:`contingency`, :func:`kappa_of_table`, :func:`~coread.stats.resampling.bootstrap_sums`).

    Source: Cohen, Educ Psychol Meas 1960;20:37; Fleiss, Cohen & Everitt, Psychol Bull 1969;72:323. Checked against R vcd and psych.

    Args:
        scores: (n subjects, 2 readers).
        weights: scheme or array of agreement weights.
        categories: the grades; those seen, if None.
        level: coverage of the interval.
        missing: ``refuse``, or ``complete`` for the subjects that both scored.

    Raises:
        ValueError: not two readers, a missing score that is refused, a score that is no grade, wrong weights or level.
    """
    check_level(level)
    table = as_scores(scores, missing)
    _two(table)
    codes, values = category_codes(table, categories)
    agreement = agreement_weights(values, weights)
    n = len(table)
    method = f"Cohen's kappa, {_name(weights)}, Fleiss-Cohen-Everitt interval"
    if n < 2:
        return undefined(f"kappa needs at least 2 subjects, there {'is' if n == 1 else 'are'} {n}", n, level, method)
    value, influence = _pair(codes, agreement)
    if np.isnan(value):
        return undefined("no kappa: both readers gave one and the same grade throughout", n, level, method)
    error = float(np.sqrt(influence @ influence)) / n
    if error < 1e-12:
        return without_interval(value, "no interval: all subjects agree alike, so the standard error is 0", n, level, method)
    z = normal_quantile(level)
    return Estimate(value, value - z * error, min(1.0, value + z * error), level, n, method)


def light_kappa(
    scores: npt.ArrayLike,
    weights: Weights = "unweighted",
    categories: Sequence[float] | None = None,
    level: float = 0.95,
    missing: Missing = "refuse",
) -> Estimate:
    """Light's kappa of k readers: the mean of Cohen's kappa over all pairs of readers.

    The interval takes each subject's influence on the mean as the mean of its influences on the pairs' kappas (those
    under Fleiss, Cohen and Everitt's standard error), t with n - 1 degrees of freedom.

    Over patients, bootstrap the mean of :func:`kappa_of_table` over the pairs' tables side by side.

    Source: Light, Psychol Bull 1971;76:365. Checked against R psy. Arguments and errors as :func:`cohen_kappa`, with k >= 2 readers.
    """
    check_level(level)
    table = as_scores(scores, missing)
    codes, values = category_codes(table, categories)
    agreement = agreement_weights(values, weights)
    n, k = table.shape
    method = f"Light's kappa of {k} readers, {_name(weights)}"
    if n < 2:
        return undefined(f"kappa needs at least 2 subjects, there {'is' if n == 1 else 'are'} {n}", n, level, method)
    pairs = [_pair(codes[:, pair], agreement) for pair in combinations(range(k), 2)]
    lost = sum(bool(np.isnan(value)) for value, _ in pairs)
    if lost:
        return undefined(f"no kappa: in {lost} of {len(pairs)} pairs both readers gave one and the same grade throughout", n, level, method)
    value = float(np.mean([value for value, _ in pairs]))
    return linearised(value, np.mean([influence for _, influence in pairs], axis=0), level, method)


def fleiss_kappa(
    scores: npt.ArrayLike, categories: Sequence[float] | None = None, level: float = 0.95, missing: Missing = "refuse"
) -> Estimate:
    """Fleiss' kappa of k readers, who need not be the same for each subject.

    With r_ic of k readers giving subject i grade c: pa_i = sum_c r_ic (r_ic - 1) / (k (k - 1)), p_c = mean r_ic / k,
    kappa = (pa - pe) / (1 - pe), pe = sum p_c^2. The interval is linearised over subjects (Gwet, Br J Math Stat Psychol
    2008;61:29, with N infinite): Fleiss' own standard error holds under no agreement only.

    Source: Fleiss, Psychol Bull 1971;76:378. Checked against that paper's example and Gwet's irrCAC. For two readers this is Scott's pi.

    Args:
        scores: (n subjects, k readers).
        categories: the grades; those seen, if None.
        level: coverage of the interval.
        missing: ``refuse``, or ``complete`` for the subjects that all scored; Gwet's AC and Krippendorff's alpha take gaps.

    Raises:
        ValueError: one reader only, a missing score that is refused, a score that is no grade, or a wrong level.
    """
    check_level(level)
    table = as_scores(scores, missing)
    n, k = table.shape
    method = f"Fleiss' kappa of {k} readers"
    if n < 2:
        return undefined(f"kappa needs at least 2 subjects, there {'is' if n == 1 else 'are'} {n}", n, level, method)
    parts = grade_sums(table, categories)
    value = float(fleiss_of_sums(parts.sum(axis=0)))
    if np.isnan(value):
        return undefined("no kappa: all readers gave one and the same grade throughout", n, level, method)
    agree, shares = parts[:, 2], parts[:, 3:]
    share = shares.mean(axis=0)
    chance = float(share @ share)
    influence = (agree - agree.mean() - 2 * (1 - value) * (shares @ share - chance)) / (1 - chance)
    return linearised(value, influence, level, method)


def grade_sums(scores: npt.ArrayLike, categories: Sequence[float] | None = None, weights: Weights = "unweighted") -> Array:
    """Each subject's share in the sums that Fleiss' kappa and Gwet's AC are functions of: (n, k) -> (n, 3 + m).

    Columns: 1 if scored at all, 1 if scored twice or more, the (weighted) share of its pairs of readers that agree, and the share of its
    readers that gave each of the m grades. Added up by patient (:func:`~coread.stats.resampling.sums_by_patient`) they are the parts that
    :func:`~coread.stats.resampling.bootstrap_sums` takes, with :func:`fleiss_of_sums` or :func:`~coread.stats.gwet.gwet_of_sums`.

    Args:
        scores: (n, k), NaN where a reader gave none.
        categories: the grades; those seen, if None.
        weights: scheme or array of agreement weights.

    Raises:
        ValueError: one reader only, a score that is no grade, or wrong weights.
    """
    codes, values = category_codes(as_scores(scores, "allow"), categories)
    agreement = agreement_weights(values, weights)
    counts = np.asarray((codes[:, :, None] == np.arange(len(values))).sum(axis=1), dtype=float)
    readers = counts.sum(axis=1)
    pairs = np.where(readers >= 2, readers * (readers - 1), 1)
    agree = np.where(readers >= 2, (counts * (counts @ agreement - 1)).sum(axis=1) / pairs, 0.0)
    return np.column_stack([readers >= 1, readers >= 2, agree, counts / np.maximum(readers, 1)[:, None]])


def fleiss_of_sums(sums: Array) -> Array:
    """Fleiss' kappa of each row (..., 3 + m) of sums of :func:`grade_sums`, NaN where chance alone would agree."""
    with np.errstate(divide="ignore", invalid="ignore"):
        observed = sums[..., 2] / sums[..., 1]
        expected = ((sums[..., 3:] / sums[..., :1]) ** 2).sum(axis=-1)
        value = (observed - expected) / (1 - expected)
    return np.where(1 - expected > 1e-12, value, np.nan)


def percent_agreement(
    scores: npt.ArrayLike,
    weights: Weights = "unweighted",
    categories: Sequence[float] | None = None,
    level: float = 0.95,
    missing: Missing = "refuse",
) -> Estimate:
    """Share of pairs of readers that agree on a subject (0..1), weighted if wanted; not corrected for chance.

    The mean over subjects and pairs of w_ab, with a t interval over subjects. Arguments and errors as :func:`cohen_kappa`, with k >= 2
    readers. For two readers, unweighted, the Wilson interval of :func:`~coread.stats.proportion.wilson` is better near 0 and 1.
    """
    check_level(level)
    table = as_scores(scores, missing)
    codes, values = category_codes(table, categories)
    agreement = agreement_weights(values, weights)
    n, k = table.shape
    method = f"agreement of {k} readers, {_name(weights)}"
    if n == 0:
        return undefined("no subject has all scores", n, level, method)
    each = np.mean([agreement[codes[:, a], codes[:, b]] for a, b in combinations(range(k), 2)], axis=0)
    return linearised(float(each.mean()), each - each.mean(), level, method)


def _pair(codes: npt.NDArray[np.int64], weights: Array) -> tuple[float, Array]:
    """Weighted kappa of two columns of codes, and each subject's influence on it."""
    m, n = len(weights), len(codes)
    table = np.bincount(codes[:, 0] * m + codes[:, 1], minlength=m * m).reshape(m, m) / n
    value = float(kappa_of_table(table, weights))
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    observed, expected = float((weights * table).sum()), float(rows @ weights @ columns)
    if np.isnan(value):
        return value, np.zeros(n)
    bar = (weights @ columns)[:, None] + (rows @ weights)[None, :]
    cell = weights * (1 - expected) - bar * (1 - observed) - (observed * expected - 2 * expected + observed)
    return value, cell[codes[:, 0], codes[:, 1]] / (1 - expected) ** 2


def _name(weights: Weights) -> str:
    return weights if isinstance(weights, str) else "own weights"


def _two(table: Array) -> None:
    if table.shape[1] != 2:
        raise ValueError(f"Cohen's kappa is of 2 readers, got {table.shape[1]}: use Light's or Fleiss' kappa")
