"""Intraclass correlation: how much of the scores' variance lies between subjects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.special import fdtri

from coread.stats.estimate import Array, Estimate, check_level, undefined, without_interval
from coread.stats.scores import Missing, as_scores

Form = Literal["1", "A,1", "C,1", "k", "A,k", "C,k"]
"""McGraw and Wong's names: one-way, two-way for absolute agreement, two-way for consistency; one reader, or the mean of k."""

Interval = Literal["F", "generalised"]

SHROUT_FLEISS: dict[Form, str] = {
    "1": "ICC(1,1)",
    "A,1": "ICC(2,1)",
    "C,1": "ICC(3,1)",
    "k": "ICC(1,k)",
    "A,k": "ICC(2,k)",
    "C,k": "ICC(3,k)",
}
"""What Shrout and Fleiss call the same six numbers."""


@dataclass(frozen=True, slots=True)
class TwoWayAnova:
    """Mean squares of an (n subjects, k readers) table without repeats, each with the degrees of freedom in its comment."""

    n: int
    k: int
    ms_subjects: float  # n - 1
    ms_readers: float  # k - 1
    ms_error: float  # (n - 1)(k - 1)
    ms_within: float  # n(k - 1): readers and error together, the one-way model's


def mean_squares(sums: Array, k: int) -> tuple[Array, Array, Array, Array]:
    """Mean squares (subjects, readers, error, within) from the sums that :func:`score_sums` makes, for many resamples at once.

    Args:
        sums: (..., k + 3) weighted totals of the rows of ``score_sums``.
        k: number of readers.
    """
    n, squares, subject_squares, readers = sums[..., 0], sums[..., 1], sums[..., 2], sums[..., 3:]
    with np.errstate(divide="ignore", invalid="ignore"):
        correction = readers.sum(axis=-1) ** 2 / (n * k)
        between_subjects = subject_squares / k - correction
        between_readers = (readers**2).sum(axis=-1) / n - correction
        within = squares - subject_squares / k
        # Rounding leaves crumbs where a sum of squares is zero: below this they are none.
        crumb = 1e-12 * squares
        parts = (between_subjects, between_readers, within - between_readers, within)
        between_subjects, between_readers, error, within = (np.where(p <= crumb, 0.0, p) for p in parts)
        return between_subjects / (n - 1), between_readers / (k - 1), error / ((n - 1) * (k - 1)), within / (n * (k - 1))


def score_sums(scores: Array) -> Array:
    """Each subject's share in the sums that an ICC is a function of: (n, k) -> (n, k + 3).

    Columns: 1, sum of squares, square of the sum, the k scores; about the mean of all scores, which no mean square depends on
    but rounding does. Added up over a patient's sites they are that patient's part for
    :func:`~coread.stats.resampling.bootstrap_sums`.
    """
    centred = scores - scores.mean() if scores.size else scores
    return np.column_stack([np.ones(len(scores)), (centred**2).sum(axis=1), centred.sum(axis=1) ** 2, centred])


def two_way_anova(scores: npt.ArrayLike, missing: Missing = "refuse") -> TwoWayAnova | None:
    """Analysis of variance of scores by subject and reader; None with fewer than 2 subjects.

    Args:
        scores: (n subjects, k readers).
        missing: ``refuse``, or ``complete`` for the subjects that every reader scored.

    Raises:
        ValueError: not a table, fewer than 2 readers, or a missing score that is refused.
    """
    table = as_scores(scores, missing)
    n, k = table.shape
    if n < 2:
        return None
    subjects, readers, error, within = (float(m) for m in mean_squares(score_sums(table).sum(axis=0), k))
    return TwoWayAnova(n, k, subjects, readers, error, within)


def icc_of_sums(sums: Array, k: int, form: Form) -> Array:
    """The ICC of each row of sums, NaN where it has none: the statistic to give to the bootstrap.

    Args:
        sums: (..., k + 3), as :func:`score_sums` makes them and resampling adds them up.
        k: number of readers.
        form: which ICC.
    """
    subjects, readers, error, within = mean_squares(sums, k)
    with np.errstate(divide="ignore", invalid="ignore"):
        if form in ("1", "k"):
            single = (subjects - within) / (subjects + (k - 1) * within)
            mean = (subjects - within) / subjects
        elif form in ("C,1", "C,k"):
            single = (subjects - error) / (subjects + (k - 1) * error)
            mean = (subjects - error) / subjects
        else:
            single = (subjects - error) / (subjects + (k - 1) * error + k * (readers - error) / sums[..., 0])
            below = subjects + (readers - error) / sums[..., 0]
            mean = np.where(below > 0, (subjects - error) / below, np.nan)
        value = np.asarray(mean if form.endswith("k") else single)
    return np.where(np.isfinite(value), value, np.nan)


def icc(scores: npt.ArrayLike, form: Form = "A,1", level: float = 0.95, missing: Missing = "refuse", interval: Interval = "F") -> Estimate:
    """Intraclass correlation in one of the six forms, with its F-based interval.

    With the mean squares MSR (subjects), MSC (readers), MSE (error), MSW (within) of the (n, k) table:

    ========  ===================================================  =========================================
    1         (MSR - MSW) / (MSR + (k-1) MSW)                      each subject has readers of its own
    A,1       (MSR - MSE) / (MSR + (k-1) MSE + k (MSC - MSE) / n)  absolute agreement of the same readers
    C,1       (MSR - MSE) / (MSR + (k-1) MSE)                      consistency: a reader's own level forgiven
    k         (MSR - MSW) / MSR                                    the same three, of the mean of k readers
    A,k       (MSR - MSE) / (MSR + (MSC - MSE) / n)
    C,k       (MSR - MSE) / MSR
    ========  ===================================================  =========================================

    Intervals: exact from F = MSR / MSW on n-1, n(k-1) or F = MSR / MSE on n-1, (n-1)(k-1) degrees of freedom; for absolute
    agreement Satterthwaite's approximation, stepped up by Spearman and Brown for the mean. That one is the published interval, and
    covers far less than it says where few readers differ much (two readers are one degree of freedom, however many the subjects):
    ``interval='generalised'`` holds its level there. It replaces each mean square by MS df / chi2_df in the formula and takes
    quantiles of 20,000 such draws of a fixed seed (Weerahandi, J Am Stat Assoc 1993;88:899). McGraw and Wong's ten cases are
    these six: whether readers are random or fixed changes what A and C speak of, not the number.

    Source: Shrout & Fleiss, Psychol Bull 1979;86:420; McGraw & Wong, Psychol Methods 1996;1:30 (with the correction of 1:390).
    Checked against the table of the former and R psych.

    Args:
        scores: (n subjects, k readers).
        form: one of '1', 'A,1', 'C,1', 'k', 'A,k', 'C,k'.
        level: coverage of the interval.
        missing: ``refuse``, or ``complete`` for the subjects that every reader scored.
        interval: ``F``, or ``generalised`` for the absolute-agreement forms.

    Raises:
        ValueError: an unknown form or interval, a level outside (0, 1), not a table, one reader only, or a missing score that is refused.
    """
    if form not in get_args(Form):
        raise ValueError(f"form must be one of {', '.join(map(repr, get_args(Form)))}, got {form!r}")
    if interval not in get_args(Interval) or (interval == "generalised" and form[0] != "A"):
        raise ValueError(f"interval must be 'F', or 'generalised' for absolute agreement, got {interval!r} for form {form!r}")
    check_level(level)
    table = as_scores(scores, missing)
    n, k = table.shape
    kind = "F-based" if interval == "F" else interval
    method = f"ICC({form}), {SHROUT_FLEISS[form]} of Shrout and Fleiss, {k} readers, {kind} interval"
    if n < 2:
        return undefined(f"an ICC needs at least 2 subjects with all scores, got {n}", n, level, method)
    anova = two_way_anova(table)
    assert anova is not None
    value = float(icc_of_sums(score_sums(table).sum(axis=0), k, form))
    if np.isnan(value):
        constant = anova.ms_subjects == anova.ms_within == 0
        reason = "all scores are the same" if constant else "the subjects' mean scores differ too little for this form"
        return undefined(f"no ICC: {reason}", n, level, method)
    if (anova.ms_within if form in ("1", "k") else anova.ms_error) == 0:
        return without_interval(value, "no interval: the scores leave no error to estimate one from", n, level, method)
    low, high = _interval(anova, form[0], level) if interval == "F" else _generalised(anova, level)
    if np.isnan(low) or np.isnan(high):
        reason = "no interval: the agreement lies too far below 0 for Satterthwaite's approximation"
        return without_interval(value, reason, n, level, method)
    if form.endswith("k"):
        low, high = (_step_up(bound, k) for bound in (low, high))
    return Estimate(value, low, high, level, n, method)


def _interval(anova: TwoWayAnova, kind: str, level: float) -> tuple[float, float]:
    """Interval of the single-reader ICC."""
    n, k = anova.n, anova.k
    upper = (1 + level) / 2
    if kind == "A":
        return _agreement_interval(anova, upper)
    error, df = (anova.ms_within, n * (k - 1)) if kind in "1k" else (anova.ms_error, (n - 1) * (k - 1))
    ratio = anova.ms_subjects / error
    low, high = ratio / float(fdtri(n - 1, df, upper)), ratio * float(fdtri(df, n - 1, upper))
    return (low - 1) / (low + k - 1), (high - 1) / (high + k - 1)


def _agreement_interval(anova: TwoWayAnova, upper: float) -> tuple[float, float]:
    """Shrout and Fleiss' interval of ICC(2,1), with Satterthwaite's degrees of freedom for its error."""
    n, k, msr, msc, mse = anova.n, anova.k, anova.ms_subjects, anova.ms_readers, anova.ms_error
    rho = (msr - mse) / (msr + (k - 1) * mse + k * (msc - mse) / n)
    ratio = msc / mse
    weight = n * (1 + (k - 1) * rho) - k * rho
    df = (k - 1) * (n - 1) * (k * rho * ratio + weight) ** 2 / ((n - 1) * (k * rho * ratio) ** 2 + weight**2)
    spread = k * msc + (k * n - k - n) * mse
    f_low, f_high = float(fdtri(n - 1, df, upper)), float(fdtri(df, n - 1, upper))
    low = n * (msr - f_low * mse) / (f_low * spread + n * msr)
    high = n * (f_high * msr - mse) / (spread + n * f_high * msr)
    return low, high


def _generalised(anova: TwoWayAnova, level: float) -> tuple[float, float]:
    """Generalised interval of ICC(A,1): quantiles over what the true mean squares may be; a negative variance between readers is 0."""
    n, k = anova.n, anova.k
    random = np.random.default_rng(20260101)
    squares = (anova.ms_subjects, anova.ms_readers, anova.ms_error)
    freedom = (n - 1, k - 1, (n - 1) * (k - 1))
    msr, msc, mse = (ms * df / random.chisquare(df, 20_000) for ms, df in zip(squares, freedom, strict=True))
    rho = (msr - mse) / (msr + (k - 1) * mse + k * np.maximum(0, msc - mse) / n)
    low, high = np.quantile(rho, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _step_up(rho: float, k: int) -> float:
    """Spearman and Brown: reliability of the mean of k readers from that of one."""
    below = 1 + (k - 1) * rho
    return float("-inf") if below <= 0 else k * rho / below
