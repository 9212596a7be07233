"""Many tests at once: adjusted p values."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from coread.stats.labels import Floats, probabilities


def holm(p_values: npt.ArrayLike) -> Floats:
    """P values (n,) adjusted so that testing all at level a errs at all with probability <= a, whatever their dependence.

    Sorted ascending, p(i) becomes the running maximum of (n - i + 1) p(i), at most 1 (Holm, Scand J Stat 1979;6:65).

    Raises:
        ValueError: a value missing or outside 0..1.
    """
    p = probabilities(p_values, "p_values")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate((p.size - np.arange(p.size)) * p[order]))
    return adjusted


def benjamini_hochberg(p_values: npt.ArrayLike) -> Floats:
    """P values (n,) adjusted so that of those called at level a an expected share <= a is false (independent or positively dependent).

    Sorted ascending, p(i) becomes the running minimum from the largest of n / i p(i), at most 1 (Benjamini & Hochberg,
    J R Stat Soc B 1995;57:289).

    Raises:
        ValueError: a value missing or outside 0..1.
    """
    p = probabilities(p_values, "p_values")
    order = np.argsort(p, kind="stable")
    ratio = p.size / np.arange(1, p.size + 1) * p[order]
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.minimum.accumulate(ratio[::-1])[::-1])
    return adjusted
