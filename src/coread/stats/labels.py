"""What comes in is checked once: labels, scores, probabilities and the patients they belong to."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


def numbers(values: npt.ArrayLike, name: str, ndim: int = 1) -> Floats:
    """``values`` as finite floats with ``ndim`` axes and at least one element.

    Raises:
        ValueError: not numeric, another number of axes, empty, or not finite; the sentence starts with ``name``.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be numbers, all rows of one length") from error
    if array.ndim != ndim or array.size == 0:
        raise ValueError(f"{name} must have {ndim} axis/axes and at least one element, got shape {array.shape}")
    bad = np.flatnonzero(~np.isfinite(array.ravel()))
    if bad.size:
        raise ValueError(f"{name}: {bad.size} of {array.size} values are missing or infinite (first at {bad[0]}): leave those cases out")
    return array


def binary(values: npt.ArrayLike, name: str = "truth") -> Bools:
    """``values`` (n,) as booleans; only False/True or 0/1 are taken.

    Raises:
        ValueError: anything else than 0 and 1, or empty.
    """
    array = numbers(values, name)
    if not np.isin(array, (0.0, 1.0)).all():
        raise ValueError(f"{name} must hold 0 and 1 only, got {sorted(set(array.tolist()))[:5]}: cut the grade at a threshold first")
    return array.astype(np.bool_)


def both_classes(truth: Bools, name: str = "truth") -> tuple[int, int]:
    """The numbers of positives and negatives.

    Raises:
        ValueError: one of them is 0.
    """
    positives = int(truth.sum())
    negatives = truth.size - positives
    if positives == 0 or negatives == 0:
        raise ValueError(f"{name} has {positives} positives and {negatives} negatives: discrimination needs both, widen the group")
    return positives, negatives


def same_length(first: npt.NDArray[Any], second: npt.NDArray[Any], names: str) -> None:
    """Refuses two arrays whose last axes differ.

    Raises:
        ValueError: the lengths differ.
    """
    if first.shape[-1] != second.shape[-1]:
        raise ValueError(f"{names} must be equally long, got {first.shape[-1]} and {second.shape[-1]}")


def cluster_codes(clusters: npt.ArrayLike | None, n: int) -> Ints | None:
    """Integer codes 0..k-1 of the patients (n,) that the observations belong to; None stays None.

    Raises:
        ValueError: another length than n, a missing name, or fewer than two patients.
    """
    if clusters is None:
        return None
    array = np.asarray(clusters)
    if array.shape != (n,):
        raise ValueError(f"clusters must name one patient for each of the {n} observations, got shape {array.shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError("clusters: a patient is missing (NaN): name every patient or leave the case out")
    names, codes = np.unique(array.astype(str) if array.dtype.kind == "O" else array, return_inverse=True)
    if names.size < 2:
        raise ValueError(f"an interval over patients needs at least two of them, got {names.size}")
    return codes.astype(np.int64)


def probabilities(values: npt.ArrayLike, name: str = "probabilities") -> Floats:
    """``values`` (n,) as probabilities.

    Raises:
        ValueError: a value outside 0..1.
    """
    array = numbers(values, name)
    if (array < 0).any() or (array > 1).any():
        raise ValueError(f"{name} must lie in 0..1, got {array.min():g} to {array.max():g}: turn scores into probabilities first")
    return array


def class_probabilities(values: npt.ArrayLike, name: str = "probabilities") -> Floats:
    """``values`` (n, k) as probabilities of k >= 2 classes, each row summing to 1 within 1e-4.

    Raises:
        ValueError: a value outside 0..1, rows that do not sum to 1, or one class only.
    """
    array = numbers(values, name, ndim=2)
    if array.shape[1] < 2:
        raise ValueError(f"{name} needs at least two classes (columns), got {array.shape[1]}")
    if (array < 0).any() or (array > 1).any() or (np.abs(array.sum(axis=1) - 1) > 1e-4).any():
        raise ValueError(f"{name} must lie in 0..1 and every row must sum to 1")
    return array


def class_index(values: npt.ArrayLike, k: int, name: str = "truth") -> Ints:
    """``values`` (n,) as whole numbers 0..k-1.

    Raises:
        ValueError: fractions, or a number outside 0..k-1.
    """
    array = numbers(values, name)
    if (array != np.round(array)).any() or array.min() < 0 or array.max() > k - 1:
        raise ValueError(f"{name} must hold whole numbers 0..{k - 1}, got {array.min():g} to {array.max():g}")
    return array.astype(np.int64)
