"""Tables of scores: one row a subject, one column a reader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from coread.stats.estimate import Array

Missing = Literal["refuse", "complete"]


def as_scores(scores: npt.ArrayLike, missing: Missing | Literal["allow"] = "refuse") -> Array:
    """The scores as an (n subjects, k readers) array of floats, checked.

    Args:
        scores: (n, k), k >= 2; NaN marks a missing score.
        missing: ``refuse`` a missing score, keep the ``complete`` rows only (the result's n says how many), or ``allow`` it.

    Raises:
        ValueError: not a table of two or more readers, infinite, or missing where that is refused.
    """
    if missing not in ("refuse", "complete", "allow"):
        raise ValueError(f"missing must be 'refuse' or 'complete', got {missing!r}")
    table = np.asarray(scores, dtype=float)
    if table.ndim != 2:
        raise ValueError(f"scores must be a table of subjects x readers, got an array of shape {table.shape}")
    if table.shape[1] < 2:
        raise ValueError(f"agreement needs scores of at least 2 readers, got {table.shape[1]}")
    if np.isinf(table).any():
        raise ValueError(f"subject {int(np.isinf(table).any(axis=1).argmax())} has an infinite score")
    gaps = np.isnan(table).any(axis=1)
    if missing == "refuse" and gaps.any():
        raise ValueError(
            f"{int(gaps.sum())} of {len(table)} subjects lack a score (the first is row {int(gaps.argmax())}): "
            "fill them, or ask for complete cases with missing='complete'"
        )
    return table[~gaps] if missing == "complete" else table


def as_column(values: npt.ArrayLike, name: str) -> Array:
    """The values as a one-dimensional array of finite floats.

    Raises:
        ValueError: another shape, NaN or infinity; the sentence says ``name``.
    """
    column = np.asarray(values, dtype=float)
    if column.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got an array of shape {column.shape}")
    if not np.isfinite(column).all():
        raise ValueError(f"{name}: value {int((~np.isfinite(column)).argmax())} is missing or infinite; leave such subjects out first")
    return column


def category_codes(table: Array, categories: Sequence[float] | None) -> tuple[npt.NDArray[np.int64], Array]:
    """Scores as indices into the sorted categories, -1 where missing, and the categories (those seen, if none are given).

    Raises:
        ValueError: categories repeated or missing, or a score that is none of them.
    """
    values = np.unique(table[~np.isnan(table)]) if categories is None else np.sort(np.asarray(categories, dtype=float))
    if values.ndim != 1 or not np.isfinite(values).all() or (np.diff(values) == 0).any():
        raise ValueError(f"categories must be distinct finite numbers, got {categories}")
    if len(values) == 0:
        return np.full(table.shape, -1, dtype=np.int64), values
    codes = np.minimum(np.searchsorted(values, table), len(values) - 1).astype(np.int64)
    stray = ~np.isnan(table) & (values[codes] != table)
    if stray.any():
        raise ValueError(f"score {table[stray][0]:g} is none of the categories {[float(v) for v in values]}")
    codes[np.isnan(table)] = -1
    return codes, values
