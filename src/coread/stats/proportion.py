"""Shares and their intervals."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist


@dataclass(frozen=True, slots=True)
class Proportion:
    """A share with its interval: ``estimate``, ``low`` and ``high`` in 0..1, from ``count`` of ``n``."""

    estimate: float
    low: float
    high: float
    count: int
    n: int
    level: float
    method: str = "Wilson score"


def wilson(count: int, n: int, level: float = 0.95) -> Proportion:
    """The share count / n with the Wilson score interval (Wilson, J Am Stat Assoc 1927;22:209).

    With z the normal quantile of (1 + level) / 2: centre (p + z^2 / 2n) / (1 + z^2 / n), half width
    z / (1 + z^2 / n) * sqrt(p (1 - p) / n + z^2 / 4n^2).

    Args:
        count: successes, 0..n.
        n: trials, at least 1.
        level: coverage of the interval, between 0 and 1.

    Raises:
        ValueError: n < 1, count outside 0..n, or level outside (0, 1).
    """
    if n < 1 or not 0 <= count <= n:
        raise ValueError(f"a share needs 0 <= count <= n and n >= 1, got {count} of {n}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    z = NormalDist().inv_cdf((1 + level) / 2)
    p = count / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low = 0.0 if count == 0 else max(0.0, centre - half)
    high = 1.0 if count == n else min(1.0, centre + half)
    return Proportion(p, low, high, count, n, level)
