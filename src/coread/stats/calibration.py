"""Do probabilities come true: reliability curve, expected calibration error, and expected against observed."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Literal

import numpy as np
import numpy.typing as npt

from coread.stats.estimate import Estimate, check_level, normal_quantile
from coread.stats.labels import Bools, Floats, Ints, binary, cluster_codes, probabilities, same_length
from coread.stats.shares import share_of

Binning = Literal["width", "mass"]


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Cases whose probability lies in ``low`` .. ``high`` (that edge is of the next bin): mean said, share that came true."""

    low: float
    high: float
    predicted: float
    observed: Estimate


@dataclass(frozen=True, slots=True)
class CalibrationError:
    """Expected calibration error; in ``estimate`` and interval the upward bias of noise, which the usual ``plug_in`` has, is reduced."""

    estimate: float
    low: float
    high: float
    level: float
    n: int
    method: str
    plug_in: float
    bins: int


def reliability_curve(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    bins: tuple[Binning, int] = ("width", 10),
    clusters: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> tuple[ReliabilityBin, ...]:
    """Observed share against mean probability, bin by bin; empty bins are left out.

    Args:
        truth: (n,) 0/1.
        predicted: (n,) probabilities of 1.
        bins: ``width`` cuts 0..1 into equal parts, ``mass`` at the quantiles of ``predicted``; and how many.
        clusters: (n,) the patient of each case, or None.
        level: coverage of the (Wilson) intervals of the observed shares.

    Raises:
        ValueError: values outside 0..1, lengths that differ, no bin.
    """
    t, p = _checked(truth, predicted)
    codes = cluster_codes(clusters, t.size)
    edges, index = _bins(p, bins)
    rows = []
    for b in np.unique(index):
        among = index == b
        observed = share_of(t, among, codes, level, "case in this bin")
        rows.append(ReliabilityBin(float(edges[b]), float(edges[b + 1]), float(p[among].mean()), observed))
    return tuple(rows)


def calibration_error(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    bins: tuple[Binning, int] = ("width", 10),
    clusters: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> CalibrationError:
    """Expected calibration error: sum over bins of (share of cases) x |mean probability - share that came true| (Naeini, AAAI 2015).

    The plug-in value of n cases is too high, as |noise| is never negative; of perfect probabilities, too, it is above 0. With d the
    gaps (sum to the plug-in by absolute value) and S their covariance, over patients where there are clusters, the estimate is the
    plug-in less the mean excess of sum |d + e| over sum |d| for e ~ N(0, S) (2000 draws, fixed seed), its interval -+ z sqrt(s' S s)
    with s the signs of d, and low is 0 where the plug-in lies within the ``level`` quantile of sum |e|, that is where perfect
    calibration cannot be excluded. Slight bias remains where gaps exceed their noise, about 0.6 of the plug-in's where
    calibration is perfect. Bins are taken as given.
    Coverage: bench/coverage_discrimination.py.

    Args:
        truth: (n,) 0/1.
        predicted: (n,) probabilities of 1.
        bins: ``width`` or ``mass``, and how many.
        clusters: (n,) the patient of each case, or None.
        level: coverage of the interval.

    Raises:
        ValueError: values outside 0..1, lengths that differ, no bin, fewer than two cases.
    """
    t, p = _checked(truth, predicted)
    check_level(level)
    codes = cluster_codes(clusters, t.size)
    if t.size < 2:
        raise ValueError("a calibration error needs at least two cases")
    index = np.unique(_bins(p, bins)[1], return_inverse=True)[1]
    used = int(index.max()) + 1
    units = np.arange(t.size) if codes is None else codes
    k = int(units.max()) + 1
    gaps = np.bincount(units * used + index, weights=p - t, minlength=k * used).reshape(k, used)
    d = gaps.sum(axis=0) / t.size
    residual = (gaps - np.bincount(units, minlength=k)[:, None] * d) / t.size
    covariance = k / (k - 1) * residual.T @ residual
    values, vectors = np.linalg.eigh(covariance)
    noise = np.random.default_rng(20260101).standard_normal((2000, used)) * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
    plug_in = float(np.abs(d).sum())
    estimate = max(0.0, 2 * plug_in - float(np.abs(d + noise).sum(axis=1).mean()))
    signs = np.sign(d)
    half = normal_quantile(level) * sqrt(max(0.0, float(signs @ covariance @ signs)))
    perfect = plug_in <= float(np.quantile(np.abs(noise).sum(axis=1), level))
    low, high = 0.0 if perfect else max(0.0, estimate - half), min(1.0, estimate + half)
    method = f"{used} bins of equal {bins[0]}, bias-corrected{'' if codes is None else ', by patient'}"
    return CalibrationError(estimate, low, high, level, t.size, method, plug_in, used)


def observed_to_expected(
    truth: npt.ArrayLike, predicted: npt.ArrayLike, clusters: npt.ArrayLike | None = None, level: float = 0.95
) -> Estimate:
    """O:E, the observed number of positives over the sum of the probabilities: 1 = calibrated in the large, above 1 = too low.

    The interval divides the (Wilson) bounds of the observed share by the mean probability, which is taken as given (Debray, BMJ
    2017;356:i6460).

    Args:
        truth: (n,) 0/1.
        predicted: (n,) probabilities of 1.
        clusters: (n,) the patient of each case, or None.
        level: coverage of the interval.

    Raises:
        ValueError: values outside 0..1, lengths that differ, all probabilities 0.
    """
    t, p = _checked(truth, predicted)
    share = share_of(t, np.ones_like(t), cluster_codes(clusters, t.size), level, "case")
    mean = float(p.mean())
    if mean <= 0:
        raise ValueError("all probabilities are 0: nothing is expected, so O:E has no value")
    low, high = (None if x is None else x / mean for x in (share.low, share.high))
    value = None if share.estimate is None else share.estimate / mean
    return Estimate(value, low, high, level, t.size, f"O:E, {share.method}", share.undefined)


def _checked(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> tuple[Bools, Floats]:
    t, p = binary(truth), probabilities(predicted, "predicted")
    same_length(t, p, "truth and predicted")
    return t, p


def _bins(p: Floats, bins: tuple[Binning, int]) -> tuple[Floats, Ints]:
    """Edges, ascending and distinct, and for each probability the number of its bin."""
    kind, count = bins
    if kind not in ("width", "mass") or count < 1:
        raise ValueError(f"bins must be ('width' or 'mass', a number of at least 1), got {bins}")
    edges = np.linspace(0, 1, count + 1) if kind == "width" else np.unique(np.quantile(p, np.linspace(0, 1, count + 1)))
    if edges.size == 1:
        edges = np.array([edges[0], edges[0]])
    index = np.clip(np.searchsorted(edges, p, side="right") - 1, 0, edges.size - 2)
    return edges, index.astype(np.int64)
