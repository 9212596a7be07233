"""Multi-reader multi-case studies: do two ways of reading differ, for these readers or for readers and cases at large?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import inf, sqrt
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc, fdtrc, ndtr, stdtr, stdtrit

from coread.stats.auc import auc_covariance, placements
from coread.stats.estimate import Estimate, normal_quantile
from coread.stats.labels import Bools, Floats, binary, both_classes, numbers

Design = Literal["random readers and cases", "fixed readers", "fixed cases"]
DESIGNS: tuple[Design, ...] = ("random readers and cases", "fixed readers", "fixed cases")


@dataclass(frozen=True, slots=True)
class MrmcTest:
    """Test that all treatments have one mean AUC; ``df_denominator`` is infinite for a chi-square test, whose statistic is chi2 / df."""

    f: float
    df_numerator: int
    df_denominator: float
    p_value: float


@dataclass(frozen=True, slots=True)
class MrmcDifference:
    """Mean AUC of treatment ``first`` less that of ``second`` (their positions), with t (z if ``df`` is infinite) interval and test."""

    first: int
    second: int
    estimate: float
    low: float
    high: float
    level: float
    n: int
    method: str
    standard_error: float
    df: float
    p_value: float


@dataclass(frozen=True, slots=True)
class MrmcComponents:
    """Obuchowski-Rockette components, by their ANOVA estimates, which may be negative."""

    reader: float
    treatment_reader: float
    error: float
    cov1: float
    cov2: float
    cov3: float


@dataclass(frozen=True, slots=True)
class Mrmc:
    """A multi-reader multi-case analysis; ``auc`` is (treatments, readers); ``test`` is None with one treatment."""

    design: Design
    method: str
    auc: Floats
    treatments: tuple[Estimate, ...]
    differences: tuple[MrmcDifference, ...]
    test: MrmcTest | None
    components: MrmcComponents


def obuchowski_rockette(
    truth: npt.ArrayLike,
    ratings: npt.ArrayLike,
    design: Design = "random readers and cases",
    covariance: Literal["jackknife", "delong"] = "jackknife",
    level: float = 0.95,
) -> Mrmc:
    """Obuchowski-Rockette analysis of empirical AUCs, with Hillis' denominator degrees of freedom.

    AUC_ij = mu + treatment_i + reader_j + (treatment x reader)_ij + error_ij, the errors correlated through the common cases: Cov1 same
    reader, Cov2 same treatment, Cov3 neither (Obuchowski & Rockette, Commun Stat Simul 1995;24:285). With t treatments, r readers and D =
    MS(TR) + r max(Cov2 - Cov3, 0), F = MS(T) / D on t - 1 and D^2 / (MS(TR)^2 / ((t - 1)(r - 1))) degrees of freedom (Hillis, Stat Med
    2007;26:596). Fixed readers: chi-square with Var - Cov1 + (r - 1) max(Cov2 - Cov3, 0); fixed cases: F = MS(T) / MS(TR).
    Checked against the published analyses of the Van Dyke and Franken studies (OR-DBM MRMC 2.51, RJafroc, MRMCaov).

    Args:
        truth: (cases,) 0/1.
        ratings: (treatments, readers, cases), every reader reading every case under every treatment.
        design: what the result shall hold for: readers and cases at large, these readers, or these cases.
        covariance: how the errors' covariances are estimated.
        level: coverage of the intervals.

    Raises:
        ValueError: one class, missing ratings, shapes that do not fit, or one reader with readers random.
    """
    t, s = _checked(truth, ratings, design)
    i, j, k = s.shape
    flat = s.reshape(i * j, k)
    if covariance == "delong":
        theta, matrix = auc_covariance(t, flat)
    else:
        theta, left_out = _leave_one_out(t, flat)
        matrix = np.atleast_2d(np.cov(left_out, bias=True)) * (k - 1)
    auc, cov = theta.reshape(i, j), matrix.reshape(i, j, i, j)
    variances = np.einsum("ijij->ij", cov)
    cov1 = _mean([float(cov[a, x, b, x]) for a, b in combinations(range(i), 2) for x in range(j)])
    cov2_each = [_mean([float(cov[a, x, a, y]) for x, y in combinations(range(j), 2)]) for a in range(i)]
    cov3 = _mean([float(cov[a, x, b, y]) for a, b in combinations(range(i), 2) for x in range(j) for y in range(j) if x != y])
    var, cov2 = float(variances.mean()), _mean(cov2_each)
    ms_t, ms_r, ms_tr, ms_r_each = _mean_squares(auc)
    components = MrmcComponents(
        (ms_r - ms_tr) / i - cov1 + cov3 if i > 1 else ms_r - var + cov2, ms_tr - var + cov1 + cov2 - cov3, var, cov1, cov2, cov3
    )
    method = f"Obuchowski-Rockette, Hillis df, {covariance} covariances"
    shared = j * max(cov2 - cov3, 0.0)
    if design == "fixed readers":
        spread, df = var - cov1 + (j - 1) * max(cov2 - cov3, 0.0), inf
        single = [((float(variances[a].mean()) + (j - 1) * max(c, 0.0)) / j, inf) for a, c in enumerate(cov2_each)]
    elif design == "fixed cases":
        spread, df = ms_tr, float((i - 1) * (j - 1))
        single = [(ms / j, float(j - 1)) for ms in ms_r_each]
    else:
        spread = ms_tr + shared
        df = _hillis(spread, ms_tr, (i - 1) * (j - 1))
        with_cases = [ms + j * max(c, 0.0) for ms, c in zip(ms_r_each, cov2_each, strict=True)]
        single = [(d / j, _hillis(d, ms, j - 1)) for d, ms in zip(with_cases, ms_r_each, strict=True)]
    return _result((design, method, level, k), auc, (ms_t, spread, df), single, components)


def dorfman_berbaum_metz(
    truth: npt.ArrayLike, ratings: npt.ArrayLike, design: Design = "random readers and cases", level: float = 0.95
) -> Mrmc:
    """Dorfman-Berbaum-Metz analysis: ANOVA of jackknife pseudovalues of the AUC, with Hillis' degrees of freedom.

    Y_ijk = K AUC_ij - (K - 1) AUC_ij without case k (Dorfman, Invest Radiol 1992;27:723), F = MS(T) / (MS(TR) + max(MS(TC) - MS(TRC), 0))
    (Hillis, Acad Radiol 2008;15:647); fixed readers F = MS(T) / MS(TC), fixed cases F = MS(T) / MS(TR). Readers and cases random it
    equals Obuchowski-Rockette with jackknife covariances. Checked against the published analyses of the Van Dyke and Franken studies.

    Args:
        truth: (cases,) 0/1.
        ratings: (treatments, readers, cases).
        design: what the result shall hold for.
        level: coverage of the intervals.

    Raises:
        ValueError: as obuchowski_rockette.
    """
    t, s = _checked(truth, ratings, design)
    i, j, k = s.shape
    theta, left_out = _leave_one_out(t, s.reshape(i * j, k))
    pseudo = (k * theta[:, None] - (k - 1) * left_out).reshape(i, j, k)
    auc = theta.reshape(i, j)
    ms_t, ms_r, ms_tr, ms_r_each = _mean_squares(auc)
    by_case, grand = pseudo.mean(axis=1), float(pseudo.mean())
    reader_case = pseudo.mean(axis=0) - pseudo.mean(axis=(0, 2))[:, None] - pseudo.mean(axis=(0, 1))[None, :] + grand
    ms_rc = i * float((reader_case**2).sum()) / max(1, (j - 1) * (k - 1))
    ms_c = i * j * float(((pseudo.mean(axis=(0, 1)) - grand) ** 2).sum()) / (k - 1)
    treatment_case = by_case - by_case.mean(axis=1)[:, None] - by_case.mean(axis=0)[None, :] + grand
    ms_tc = j * float((treatment_case**2).sum()) / max(1, (i - 1) * (k - 1))
    within = pseudo - by_case[:, None, :] - auc[:, :, None] + auc.mean(axis=1)[:, None, None]
    ms_rc_each = (within**2).sum(axis=(1, 2)) / max(1, (j - 1) * (k - 1))
    ms_c_each = j * ((by_case - by_case.mean(axis=1)[:, None]) ** 2).sum(axis=1) / (k - 1)
    ms_trc = (float((within**2).sum()) - (j - 1) * (k - 1) * ms_rc) / max(1, (i - 1) * (j - 1) * (k - 1))
    var = float(pseudo.var(axis=2, ddof=1).mean()) / k
    cov1 = (ms_c + (j - 1) * ms_rc - ms_tc - (j - 1) * ms_trc) / (i * j * k) if i > 1 else 0.0
    cov2 = (ms_c - ms_rc + (i - 1) * (ms_tc - ms_trc)) / (i * j * k)
    cov3 = (ms_c - ms_tc - ms_rc + ms_trc) / (i * j * k) if i > 1 else 0.0
    components = MrmcComponents(
        (ms_r - ms_tr) / i - cov1 + cov3 if i > 1 else ms_r - var + cov2, ms_tr - var + cov1 + cov2 - cov3, var, cov1, cov2, cov3
    )
    if design == "fixed readers":
        spread, df = ms_tc / k, float((i - 1) * (k - 1))
        single = [(float(ms) / (j * k), float(k - 1)) for ms in ms_c_each]
    elif design == "fixed cases":
        spread, df = ms_tr, float((i - 1) * (j - 1))
        single = [(ms / j, float(j - 1)) for ms in ms_r_each]
    else:
        spread = ms_tr + max(ms_tc - ms_trc, 0.0) / k
        df = _hillis(spread, ms_tr, (i - 1) * (j - 1))
        sums = [ms + max(float(c - rc), 0.0) / k for ms, c, rc in zip(ms_r_each, ms_c_each, ms_rc_each, strict=True)]
        single = [(d / j, _hillis(d, ms, j - 1)) for d, ms in zip(sums, ms_r_each, strict=True)]
    return _result((design, "Dorfman-Berbaum-Metz, Hillis df", level, k), auc, (ms_t, spread, df), single, components)


def _checked(truth: npt.ArrayLike, ratings: npt.ArrayLike, design: Design) -> tuple[Bools, Floats]:
    if design not in DESIGNS:
        raise ValueError(f"design must be one of {', '.join(DESIGNS)}, got {design!r}")
    t, s = binary(truth), numbers(ratings, "ratings", ndim=3)
    if s.shape[2] != t.size:
        raise ValueError(f"ratings must be (treatments, readers, cases) with {t.size} cases as in truth, got shape {s.shape}")
    if min(both_classes(t)) < 2:
        raise ValueError("a multi-reader analysis needs at least two positive and two negative cases")
    if s.shape[1] < 2 and design != "fixed readers":
        raise ValueError("one reader says nothing about readers at large: take design 'fixed readers', or add a reader")
    return t, s


def _leave_one_out(truth: Bools, scores: Floats) -> tuple[Floats, Floats]:
    """AUCs (rows,) and AUCs without each case (rows, cases): (m AUC - V) / (m - 1) for a case of a class of m."""
    theta, v10, v01 = placements(truth, scores)
    left_out = np.empty_like(scores)
    for of_class, v in ((truth, v10), (~truth, v01)):
        m = v.shape[1]
        left_out[:, of_class] = (m * theta[:, None] - v) / (m - 1)
    return theta, left_out


def _mean_squares(auc: Floats) -> tuple[float, float, float, list[float]]:
    i, j = auc.shape
    rows, columns, grand = auc.mean(axis=1), auc.mean(axis=0), float(auc.mean())
    residual = auc - rows[:, None] - columns[None, :] + grand
    ms_t = j * float(((rows - grand) ** 2).sum()) / max(1, i - 1)
    ms_r = i * float(((columns - grand) ** 2).sum()) / max(1, j - 1)
    each = [float(((row - row.mean()) ** 2).sum()) / max(1, j - 1) for row in auc]
    return ms_t, ms_r, float((residual**2).sum()) / max(1, (i - 1) * (j - 1)), each


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _hillis(total: float, random_part: float, df: int) -> float:
    return inf if random_part <= 0 or df == 0 else total**2 * df / random_part**2


def _result(
    about: tuple[Design, str, float, int],
    auc: Floats,
    test: tuple[float, float, float],
    single: list[tuple[float, float]],
    components: MrmcComponents,
) -> Mrmc:
    design, method, level, n = about
    ms_t, spread, df = test
    i, j = auc.shape
    means = auc.mean(axis=1)
    treatments = []
    for mean, (variance, own_df) in zip(means, single, strict=True):
        half = _quantile(level, own_df) * sqrt(max(0.0, variance))
        treatments.append(Estimate(float(mean), float(mean) - half, float(mean) + half, level, n, f"{method}; {design}"))
    if i == 1:
        return Mrmc(design, method, auc, tuple(treatments), (), None, components)
    if spread <= 1e-15:
        raise ValueError("the readers' AUCs leave no variance to test against (all readings alike?): add readers or cases")
    f = ms_t / spread
    p = float(chdtrc(i - 1, f * (i - 1))) if df == inf else float(fdtrc(i - 1, df, f))
    se = sqrt(2 * spread / j)
    differences = []
    for a, b in combinations(range(i), 2):
        d = float(means[a] - means[b])
        half = _quantile(level, df) * se
        tail = float(ndtr(-abs(d) / se)) if df == inf else float(stdtr(df, -abs(d) / se))
        differences.append(MrmcDifference(a, b, d, d - half, d + half, level, n, f"{method}; {design}", se, df, 2 * tail))
    return Mrmc(design, method, auc, tuple(treatments), tuple(differences), MrmcTest(f, i - 1, df, p), components)


def _quantile(level: float, df: float) -> float:
    return normal_quantile(level) if df == inf else float(stdtrit(df, (1 + level) / 2))
