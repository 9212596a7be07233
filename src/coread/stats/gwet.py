"""Gwet's AC1 and AC2: agreement corrected for a chance that does not grow with how common a grade is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from coread.stats.estimate import Array, Estimate, check_level, linearised, undefined
from coread.stats.kappa import Weights, agreement_weights, grade_sums
from coread.stats.scores import as_scores, category_codes


def gwet_ac(
    scores: npt.ArrayLike, weights: Weights = "unweighted", categories: Sequence[float] | None = None, level: float = 0.95
) -> Estimate:
    """Gwet's AC1 (unweighted) or AC2 (weighted) of k readers, gaps allowed.

    With r_ic of the r_i readers of subject i giving grade c of m, w_cd the weights and r*_ic = sum_d w_cd r_id:
    pa = mean over the n' subjects with r_i >= 2 of sum_c r_ic (r*_ic - 1) / (r_i (r_i - 1)); p_c = mean over all n rated subjects of
    r_ic / r_i; pe = sum w_cd / (m (m - 1)) * sum_c p_c (1 - p_c); AC = (pa - pe) / (1 - pe). Interval by Gwet's variance, t with
    n - 1 degrees of freedom, cut at 1. Unlike kappa it depends on how many grades there are: give them where a grade may go unseen.

    Source: Gwet, Br J Math Stat Psychol 2008;61:29, and Handbook of Inter-Rater Reliability, 4th ed. 2014, ch. 5. Checked against the
    examples of that book printed by the author's irrCAC.

    Args:
        scores: (n subjects, k readers), NaN where a reader gave none.
        weights: scheme or array of agreement weights.
        categories: the grades; those seen, if None.
        level: coverage of the interval.

    Raises:
        ValueError: one reader only, a score that is no grade, wrong weights or level.
    """
    check_level(level)
    table = as_scores(scores, "allow")
    _, values = category_codes(table, categories)
    m = len(values)
    parts = grade_sums(table, categories, weights)
    parts = parts[parts[:, 0] > 0]
    n, paired, agree, shares = len(parts), parts[:, 1], parts[:, 2], parts[:, 3:]
    named = isinstance(weights, str)
    method = "Gwet's AC1" if named and weights == "unweighted" else f"Gwet's AC2, {weights if named else 'own weights'}"
    if not paired.any():
        return undefined("no AC: no subject has two scores", n, level, method)
    if m < 2:
        return undefined("no AC: only one grade is known; give the grades that could have been given", n, level, method)
    agreement = agreement_weights(values, weights)
    value = float(gwet_of_sums(parts.sum(axis=0), agreement))
    if np.isnan(value):
        return undefined("no AC: chance alone would agree always under these weights", n, level, method)
    scale = float(agreement.sum()) / (m * (m - 1))
    share = shares.mean(axis=0)
    chance = scale * float(share @ (1 - share))
    # Gwet's terms: a subject with one score bears on the chance only, and n / n' carries the others up to all n.
    terms = paired * (agree - chance) * n / paired.sum() / (1 - chance)
    influence = terms - value - 2 * (1 - value) * (scale * (shares @ (1 - share)) - chance) / (1 - chance)
    return linearised(value, influence, level, method)


def gwet_of_sums(sums: Array, agreement: Array) -> Array:
    """AC of each row (..., 3 + m) of sums of :func:`~coread.stats.kappa.grade_sums`, NaN where it has no value.

    Args:
        sums: made with the same weights.
        agreement: (m, m) from :func:`~coread.stats.kappa.agreement_weights`.
    """
    m = len(agreement)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = sums[..., 3:] / sums[..., :1]
        expected = float(agreement.sum()) / (m * (m - 1)) * (share * (1 - share)).sum(axis=-1)
        value = (sums[..., 2] / sums[..., 1] - expected) / (1 - expected)
    return np.where(1 - expected > 1e-12, value, np.nan)
