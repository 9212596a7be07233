"""Shares and their intervals."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from coread.stats.estimate import normal_quantile


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
    low, high = wilson_bounds(count / n, n, level)
    return Proportion(count / n, low, high, count, n, level)


def wilson_bounds(share: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson's bounds for a share from n trials, where n may be an effective number of trials and no whole number.

    Raises:
        ValueError: level outside (0, 1).
    """
    z = normal_quantile(level)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return 0.0 if share == 0 else max(0.0, centre - half), 1.0 if share == 1 else min(1.0, centre + half)


def clustered_share(counts: npt.ArrayLike, totals: npt.ArrayLike, level: float = 0.95) -> Proportion:
    """Share of observations that come in clusters (sites of a patient): ratio estimator with a Wilson interval.

    With y_i successes of m_i observations in k clusters: p = sum(y) / sum(m), var = k / (k - 1) sum((y_i - p m_i)^2) / sum(m)^2,
    effective size n* = p (1 - p) / var (Rao & Scott, Biometrics 1992;48:577) and, for the few clusters that estimate var,
    n* (z / t(k - 1))^2 (Korn & Graubard, Surv Methodol 1998;24:193) in Wilson's formula. Where var is 0 (share 0 or 1, or
    all clusters alike) n* is k, as if each cluster gave one observation. Clusters with m_i = 0 do not count.

    Args:
        counts: y (k,), whole numbers.
        totals: m (k,), whole numbers, y <= m.
        level: coverage of the interval, between 0 and 1.

    Raises:
        ValueError: fewer than two clusters with an observation, or y outside 0..m.
    """
    y, m = np.asarray(counts, dtype=np.float64), np.asarray(totals, dtype=np.float64)
    if y.shape != m.shape or y.ndim != 1 or (y < 0).any() or (y > m).any():
        raise ValueError(f"counts must lie in 0..totals, one each per cluster; got shapes {y.shape} and {m.shape}")
    y, m = y[m > 0], m[m > 0]
    k = y.size
    if k < 2:
        raise ValueError(f"a clustered interval needs at least two patients with observations, got {k}")
    z = normal_quantile(level)
    p = float(y.sum() / m.sum())
    variance = k / (k - 1) * float(((y - p * m) ** 2).sum()) / float(m.sum()) ** 2
    effective = p * (1 - p) / variance if variance > 1e-15 else float(k)
    effective *= (z / float(stdtrit(k - 1, (1 + level) / 2))) ** 2
    low, high = wilson_bounds(p, effective, level)
    return Proportion(p, low, high, int(y.sum()), int(m.sum()), level, f"ratio estimator over {k} patients, Wilson with Rao-Scott size")
