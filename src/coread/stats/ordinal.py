"""From the probabilities of single grades to the interval of their sum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr


@dataclass(frozen=True, slots=True)
class SumInterval:
    """Bounds that hold the sum of the true grades with probability ``level``, and how they were made."""

    low: float
    high: float
    level: float
    n: int
    method: str


def sum_interval(
    probabilities: Sequence[npt.ArrayLike],
    grades: Sequence[npt.ArrayLike],
    correlation: float,
    level: float = 0.90,
    draws: int = 4000,
) -> SumInterval:
    """Interval of the sum of ordinal grades whose errors are equally correlated.

    One-factor Gaussian copula: for draw d and site i, z = sqrt(r) m_d + sqrt(1 - r) e_di with standard normal m, e; the
    grade is the one whose cumulative probability first reaches Phi(z). r = 0 convolves the sites as if they were
    independent, r = 1 moves all of them together. The draws have a fixed seed, so that the same probabilities
    always give the same interval (Li, J Fixed Income 2000;9:43 for the copula).

    Args:
        probabilities: for each of n sites the probabilities of its grades, each summing to 1.
        grades: for each site its grades, ascending, as long as its probabilities.
        correlation: r, in 0..1.
        level: wanted coverage, between 0 and 1.
        draws: number of draws.

    Raises:
        ValueError: no site, lengths that do not fit, probabilities that do not sum to 1, or r or level out of range.
    """
    if not probabilities or len(probabilities) != len(grades):
        raise ValueError(f"need as many lists of grades as of probabilities, at least one; got {len(probabilities)} and {len(grades)}")
    if not 0 <= correlation <= 1 or not 0 < level < 1:
        raise ValueError(f"correlation must lie in 0..1 and level in (0, 1), got {correlation} and {level}")
    n = len(probabilities)
    uniform = _uniform(n, correlation, draws)
    total = np.zeros(draws)
    for i, (p, g) in enumerate(zip(probabilities, grades, strict=True)):
        p_i, g_i = np.asarray(p, dtype=float), np.asarray(g, dtype=float)
        if p_i.shape != g_i.shape or p_i.ndim != 1 or abs(p_i.sum() - 1) > 1e-6 or (p_i < 0).any():
            raise ValueError(f"site {i}: probabilities {p_i} must be non-negative, sum to 1 and fit the grades {g_i}")
        index = np.searchsorted(np.cumsum(p_i)[:-1], uniform[i])
        total += g_i[index]
    tail = (1 - level) / 2
    low, high = np.quantile(total, [tail, 1 - tail], method="inverted_cdf")
    return SumInterval(float(low), float(high), level, n, f"one-factor Gaussian copula, r = {correlation:g}, {draws} draws")


@lru_cache(maxsize=16)
def _uniform(n: int, correlation: float, draws: int) -> npt.NDArray[np.float64]:
    """(n, draws) uniform numbers that belong together; kept, as every exam of a model asks for the same."""
    random = np.random.default_rng(20260101)
    common = random.standard_normal((draws, 1))
    own = random.standard_normal((draws, n))
    uniform: npt.NDArray[np.float64] = np.ascontiguousarray(ndtr(np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own).T)
    uniform.flags.writeable = False
    return uniform
