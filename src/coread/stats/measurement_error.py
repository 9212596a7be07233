"""Measurement error in the units of the score: standard error of measurement, smallest detectable difference and change."""

from __future__ import annotations

from math import sqrt
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri

from coread.stats.estimate import Array, Estimate, check_level, normal_quantile, undefined, without_interval
from coread.stats.icc import mean_squares, two_way_anova
from coread.stats.scores import Missing, as_scores

ErrorKind = Literal["agreement", "consistency", "within"]


def standard_error_of_measurement(
    scores: npt.ArrayLike, kind: ErrorKind = "agreement", level: float = 0.95, missing: Missing = "refuse"
) -> Estimate:
    """Standard error of measurement of one score by one reader, from an (n, k) table.

    With the mean squares of :func:`~coread.stats.icc.two_way_anova`:

    ===========  ==============================  ======================================================================
    agreement    sqrt((MSC - MSE)/n + MSE)       any of such readers (de Vet, J Clin Epidemiol 2006;59:1033)
    consistency  sqrt(MSE)                       these readers, each one's own level forgiven
    within       sqrt(MSW)                       repeats by one reader, or readers who change from subject to subject
    ===========  ==============================  ======================================================================

    The first and the last are the same number: what differs is the interval. It is chi-square, sqrt(df / chi2) on (n-1)(k-1) or
    n(k-1) degrees of freedom, exact for normal errors; for agreement that of Graybill & Wang (J Am Stat Assoc 1980;75:869) for a
    sum of mean squares, which two readers who differ leave very long above: they are one degree of freedom. For errors that are
    not normal bootstrap :func:`standard_error_of_sums` over patients.

    Args:
        scores: (n subjects, k readers or repeats).
        kind: ``agreement``, ``consistency`` or ``within``.
        level: coverage of the interval.
        missing: ``refuse``, or ``complete`` for the subjects with all scores.

    Raises:
        ValueError: an unknown kind, a level outside (0, 1), not a table, one column only, or a missing score that is refused.
    """
    check_level(level)
    if kind not in get_args(ErrorKind):
        raise ValueError(f"kind must be 'agreement', 'consistency' or 'within', got {kind!r}")
    table = as_scores(scores, missing)
    anova = two_way_anova(table)
    method = f"standard error of measurement, {kind}, {'Graybill-Wang' if kind == 'agreement' else 'chi-square'} interval"
    if anova is None:
        return undefined(
            f"an error needs at least 2 subjects, there {'is' if len(table) == 1 else 'are'} {len(table)}", len(table), level, method
        )
    n, k = anova.n, anova.k
    if kind == "agreement":
        parts = [(anova.ms_readers / n, k - 1), (anova.ms_error * (n - 1) / n, (n - 1) * (k - 1))]
    elif kind == "consistency":
        parts = [(anova.ms_error, (n - 1) * (k - 1))]
    else:
        parts = [(anova.ms_within, n * (k - 1))]
    return _root(parts, 1.0, (n, level, method))


def standard_error_of_sums(sums: Array, k: int, kind: ErrorKind = "agreement") -> Array:
    """The standard error of measurement of each row of sums: the statistic to give to the bootstrap.

    Its interval does not need normal errors. z times it (of changes, ``consistency``) is the smallest detectable change.

    Args:
        sums: (..., k + 3), as :func:`~coread.stats.icc.score_sums` makes them and resampling adds them up.
        k: number of readers.
        kind: as in :func:`standard_error_of_measurement`.
    """
    _, _, error, within = mean_squares(sums, k)
    return np.asarray(np.sqrt(error if kind == "consistency" else within))


def smallest_detectable_difference(
    scores: npt.ArrayLike, readers_averaged: int = 1, level: float = 0.95, confidence: float = 0.95, missing: Missing = "refuse"
) -> Estimate:
    """Smallest detectable difference from status scores: z SD(difference between readers) / sqrt(m).

    For two readers SD is that of their differences, z SD the half width of Bland and Altman's limits; for k readers SD^2 = 2 MSE of the
    two-way analysis of variance, the mean over their pairs. m is how many readers' scores are averaged in the score that is judged.
    Two scores of one patient that differ by more are told apart with the confidence asked for. It treats the two visits as read
    independently; where films are read in pairs it exceeds the error of the change (Bruynesteyn 2005), and
    :func:`smallest_detectable_change` is meant.

    Source: Lassere et al., J Rheumatol 1999;26:731; Bruynesteyn et al., Ann Rheum Dis 2005;64:179. Interval: chi-square on
    (n-1)(k-1) degrees of freedom.

    Args:
        scores: (n subjects, k readers) status scores.
        readers_averaged: m, at least 1.
        level: coverage of the interval.
        confidence: of the detection; 0.95 gives z = 1.96, 0.80 gives 1.28.
        missing: ``refuse``, or ``complete`` for the subjects with all scores.

    Raises:
        ValueError: m < 1, a level or confidence outside (0, 1), not a table, one reader only, or a missing score that is refused.
    """
    return _detectable(scores, sqrt(2), (readers_averaged, level, confidence, missing), "smallest detectable difference from status scores")


def smallest_detectable_change(
    changes: npt.ArrayLike, readers_averaged: int = 1, level: float = 0.95, confidence: float = 0.95, missing: Missing = "refuse"
) -> Estimate:
    """Smallest detectable change from change scores: z SD(difference between the readers' changes) / (sqrt(2) sqrt(m)).

    SD / sqrt(2) is the error of one reader's change. For two readers SD is that of the differences of their change scores; for k readers
    SD^2 = 2 MSE of the two-way analysis of variance of the changes. m is how many readers' changes are averaged in the change
    that is judged: 2 for a trial that reports the mean of two readers. 80 % confidence was proposed by Navarro-Compán et al.

    Source: Bruynesteyn et al., Ann Rheum Dis 2005;64:179; Navarro-Compán et al., Ann Rheum Dis 2014;73:1067. Interval:
    chi-square on (n-1)(k-1) degrees of freedom, exact for normal errors; errors that grow with the change (they do in radiographs)
    make it far too short: bootstrap :func:`standard_error_of_sums` of the changes then.

    Args:
        changes: (n patients, k readers) follow-up minus baseline of each reader.
        readers_averaged: m, at least 1.
        level: coverage of the interval.
        confidence: of the detection; 0.95 gives z = 1.96, 0.80 gives 1.28.
        missing: ``refuse``, or ``complete`` for the patients whose change every reader gave.

    Raises:
        ValueError: m < 1, a level or confidence outside (0, 1), not a table, one reader only, or a missing change that is refused.
    """
    return _detectable(changes, 1.0, (readers_averaged, level, confidence, missing), "smallest detectable change from change scores")


def smallest_detectable_change_of_sem(error: Estimate, readers_averaged: int = 1, confidence: float = 0.95) -> Estimate:
    """Smallest detectable change of one patient from a standard error of measurement: z sqrt(2) SEM / sqrt(m).

    The variant of the COSMIN group, where test and retest of stable patients, not changes, were read. Source: Beckerman et al.,
    Qual Life Res 2001;10:571; de Vet et al., Health Qual Life Outcomes 2006;4:54. Divided by sqrt(n) it is that of a group's mean.

    Args:
        error: from :func:`standard_error_of_measurement`.
        readers_averaged: m, at least 1; only the ``consistency`` and ``within`` errors shrink with it as told here.
        confidence: of the detection.

    Raises:
        ValueError: m < 1 or a confidence outside (0, 1).
    """
    factor = _factor(readers_averaged, confidence) * sqrt(2)
    method = f"smallest detectable change, {confidence:g} confidence, mean of {readers_averaged}, from {error.method}"
    if error.estimate is None:
        return undefined(error.undefined, error.n, error.level, method)
    if error.low is None or error.high is None:
        return without_interval(error.estimate * factor, error.undefined, error.n, error.level, method)
    return Estimate(error.estimate * factor, error.low * factor, error.high * factor, error.level, error.n, method)


def _detectable(scores: npt.ArrayLike, share: float, wanted: tuple[int, float, float, Missing], name: str) -> Estimate:
    """z * share * sqrt(MSE) / sqrt(m) with its interval."""
    readers_averaged, level, confidence, missing = wanted
    check_level(level)
    factor = share * _factor(readers_averaged, confidence)
    table = as_scores(scores, missing)
    n, k = table.shape
    method = f"{name}, {confidence:g} confidence, mean of {readers_averaged}, {k} readers, chi-square interval"
    anova = two_way_anova(table)
    if anova is None:
        return undefined(f"an error needs at least 2 subjects, there {'is' if n == 1 else 'are'} {n}", n, level, method)
    return _root([(anova.ms_error, (n - 1) * (k - 1))], factor, (n, level, method))


def _factor(readers_averaged: int, confidence: float) -> float:
    if readers_averaged < 1:
        raise ValueError(f"readers_averaged must be at least 1, got {readers_averaged}")
    return normal_quantile(confidence) / sqrt(readers_averaged)


def _root(parts: list[tuple[float, int]], factor: float, told: tuple[int, float, str]) -> Estimate:
    """factor * the root of a sum of independent mean squares (value, degrees of freedom); Graybill and Wang's interval, exact for one."""
    n, level, method = told
    variance = sum(value for value, _ in parts)
    if variance == 0:
        return without_interval(0.0, "no interval: the scores show no error at all", n, level, method)
    tail = (1 - level) / 2
    below = sqrt(sum((value * (1 - df / float(chdtri(df, tail)))) ** 2 for value, df in parts))
    above = sqrt(sum((value * (df / float(chdtri(df, 1 - tail)) - 1)) ** 2 for value, df in parts))
    low, high = (factor * sqrt(max(0.0, bound)) for bound in (variance - below, variance + above))
    return Estimate(factor * sqrt(variance), low, high, level, n, method)
