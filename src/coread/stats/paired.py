"""Two readers on the same cases, right or wrong."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy.typing as npt
from scipy.stats import binom

from coread.stats.labels import binary, same_length
from coread.stats.proportion import wilson_bounds


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Share of ``first`` less share of ``second`` on the same cases; ``only_first`` and ``only_second`` are the discordant cases."""

    estimate: float
    low: float
    high: float
    level: float
    n: int
    method: str
    only_first: int
    only_second: int
    p_value: float


def mcnemar(first: npt.ArrayLike, second: npt.ArrayLike, level: float = 0.95) -> PairedDifference:
    """Difference of two paired shares: exact McNemar test, Newcombe's interval.

    The p value is the two-sided exact binomial one of the discordant cases (McNemar, Psychometrika 1947;12:153); the interval is
    method 10 of Newcombe (Stat Med 1998;17:2635): the Wilson bounds of both shares squared and added, with their correlation (continuity
    corrected). With no discordant case p is 1. For sensitivities hand over the positives only, for specificities the negatives;
    cases must be independent (one a patient).

    Args:
        first: (n,) 0/1, whether the first reader was right.
        second: (n,) 0/1, the second, on the same cases.
        level: coverage of the interval.

    Raises:
        ValueError: values other than 0/1, lengths that differ.
    """
    a, b = binary(first, "first"), binary(second, "second")
    same_length(a, b, "first and second")
    n = a.size
    both, only_a, only_b = int((a & b).sum()), int((a & ~b).sum()), int((~a & b).sum())
    neither = n - both - only_a - only_b
    discordant = only_a + only_b
    p_value = min(1.0, 2 * float(binom.cdf(min(only_a, only_b), discordant, 0.5))) if discordant else 1.0
    p1, p2 = (both + only_a) / n, (both + only_b) / n
    (l1, u1), (l2, u2) = wilson_bounds(p1, n, level), wilson_bounds(p2, n, level)
    margins = (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither)
    product = both * neither - only_a * only_b
    corrected = max(product - n / 2, 0.0) if product > 0 else float(product)
    phi = corrected / sqrt(margins) if margins else 0.0
    down = sqrt(max(0.0, (p1 - l1) ** 2 - 2 * phi * (p1 - l1) * (u2 - p2) + (u2 - p2) ** 2))
    up = sqrt(max(0.0, (u1 - p1) ** 2 - 2 * phi * (u1 - p1) * (p2 - l2) + (p2 - l2) ** 2))
    d = p1 - p2
    return PairedDifference(d, d - down, d + up, level, n, "McNemar exact, Newcombe method 10", only_a, only_b, p_value)
