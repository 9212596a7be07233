"""Krippendorff's alpha: agreement of any number of readers, on any scale, gaps allowed."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from coread.stats.estimate import Array, Estimate, undefined
from coread.stats.resampling import Plan, bootstrap_sums
from coread.stats.scores import as_scores, category_codes

Metric = Literal["nominal", "ordinal", "interval", "ratio"]

MOST_VALUES = 50
"""Distinct values beyond which a table of value pairs for each subject is too large; interval alpha needs none."""


def krippendorff_alpha(scores: npt.ArrayLike, metric: Metric = "ordinal", plan: Plan | None = None) -> Estimate:
    """Krippendorff's alpha, with a bootstrap interval over subjects.

    alpha = 1 - Do / De. With r_uc scores of value c for subject u, m_u >= 2 scores each, coincidences
    o_cd = sum_u r_uc (r_ud - [c = d]) / (m_u - 1), n_c = sum_d o_cd and N = sum n_c: Do = sum o_cd delta_cd / N,
    De = sum n_c n_d delta_cd / (N (N - 1)). delta: nominal [c != d]; interval (c - d)^2; ratio ((c - d) / (c + d))^2;
    ordinal (sum of n_g from c to d - (n_c + n_d) / 2)^2. Subjects with one score do not count.

    Source: Krippendorff, Content Analysis, 3rd ed. 2013, ch. 12; Hayes & Krippendorff, Commun Methods Meas 2007;1:77. The interval
    resamples subjects, as everywhere in this package; their macro resamples deviations of pairs. Checked against the example of
    Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011, and the PyPI package krippendorff.

    Args:
        scores: (n subjects, k readers), NaN where a reader gave none.
        metric: the scale of the scores.
        plan: how to resample; the standard :class:`~coread.stats.resampling.Plan` if None.

    Raises:
        ValueError: one reader only, an unknown metric, strata, negative scores on the ratio scale, or more than 50 distinct values on
            another scale than the interval one.
    """
    plan = plan or Plan()
    if metric not in get_args(Metric):
        raise ValueError(f"metric must be one of {', '.join(map(repr, get_args(Metric)))}, got {metric!r}")
    if plan.strata is not None:
        raise ValueError("alpha leaves out subjects with one score and so takes no strata; use bootstrap_sums for a stratified interval")
    table = as_scores(scores, "allow")
    table = table[(~np.isnan(table)).sum(axis=1) >= 2]
    values = np.unique(table[~np.isnan(table)])
    n = len(table)
    method = f"Krippendorff's alpha, {metric}"
    if metric == "ratio" and (values < 0).any():
        raise ValueError(f"the ratio scale has no negative scores, got {values[0]:g}")
    if metric != "interval" and len(values) > MOST_VALUES:
        raise ValueError(f"{metric} alpha takes at most {MOST_VALUES} distinct values, got {len(values)}: use metric='interval'")
    if n == 0:
        return undefined("no alpha: no subject has two scores", 0, plan.level, method)
    if len(values) < 2:
        return undefined("no alpha: all scores are the same", n, plan.level, method)
    if metric == "interval":
        (result,) = bootstrap_sums(_moments(table), _alpha_of_moments, plan)
    else:
        (result,) = bootstrap_sums(coincidences(table, values), lambda sums: alpha_of_coincidences(sums, values, metric), plan)
    return replace(result, method=f"{method}, {result.method}")


def coincidences(scores: npt.ArrayLike, values: npt.ArrayLike) -> Array:
    """Each subject's coincidences of the m values, (n, k) -> (n, m * m); 0 for subjects with one score or none.

    Added up by patient they are the parts that :func:`~coread.stats.resampling.bootstrap_sums` takes.

    Args:
        scores: (n, k), NaN where a reader gave none.
        values: (m,) the distinct values, ascending.

    Raises:
        ValueError: one reader only, or a score that is none of the values.
    """
    codes, known = category_codes(as_scores(scores, "allow"), [float(v) for v in np.asarray(values)])
    n, m = len(codes), len(known)
    counts = np.asarray((codes[:, :, None] == np.arange(m)).sum(axis=1), dtype=float)
    pairs = counts[:, :, None] * (counts[:, None, :] - np.eye(m))
    return np.asarray((pairs / np.maximum(counts.sum(axis=1) - 1, 1)[:, None, None]).reshape(n, m * m))


def alpha_of_coincidences(sums: Array, values: Array, metric: Metric) -> Array:
    """alpha of each row (B, m * m) of summed coincidences, NaN where the scores do not vary.

    Args:
        sums: as :func:`coincidences` makes them and resampling adds them up.
        values: (m,) the values.
        metric: the scale, any but ``interval``.
    """
    m = len(values)
    pairs = sums.reshape(-1, m, m)
    each = pairs.sum(axis=-1)
    total = each.sum(axis=-1)
    if metric == "ordinal":
        middle = np.cumsum(each, axis=-1) - each / 2
        delta = (middle[:, :, None] - middle[:, None, :]) ** 2
    elif metric == "ratio":
        both = np.maximum(values[:, None] + values, np.finfo(float).tiny)
        delta = np.broadcast_to(((values[:, None] - values) / both) ** 2, pairs.shape)
    else:
        delta = np.broadcast_to(1 - np.eye(m), pairs.shape)
    observed = (pairs * delta).sum(axis=(-2, -1))
    expected = np.einsum("bc,bcd,bd->b", each, delta, each)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = 1 - (total - 1) * observed / expected
    return np.where(expected > 1e-12 * np.maximum(1, total) ** 2, value, np.nan)


def _moments(table: Array) -> Array:
    """What interval alpha needs of each subject: number of scores, their sum and sum of squares, and sum of squared pair differences."""
    centred = table - np.nanmean(table)
    count = (~np.isnan(table)).sum(axis=1)
    first, second = np.nansum(centred, axis=1), np.nansum(centred**2, axis=1)
    return np.column_stack([count, first, second, 2 * (count * second - first**2) / (count - 1)])


def _alpha_of_moments(sums: Array) -> Array:
    count, first, second, observed = np.moveaxis(sums, -1, 0)
    expected = 2 * (count * second - first**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = 1 - (count - 1) * observed / expected
    return np.where(expected > 1e-12 * np.maximum(count * second, np.finfo(float).tiny), value, np.nan)
