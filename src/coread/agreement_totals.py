"""Agreement on totals: status scores and change scores of the same exams by several readers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
import numpy.typing as npt

from coread.agreement_scores import Array, Scores
from coread.stats.bland_altman import LimitsOfAgreement, bland_altman, proportional_bias
from coread.stats.bland_altman_repeated import bland_altman_clustered
from coread.stats.estimate import Estimate, normal_quantile, undefined, without_interval
from coread.stats.icc import Form, icc, icc_of_sums, score_sums
from coread.stats.measurement_error import ErrorKind, standard_error_of_measurement, standard_error_of_sums
from coread.stats.proportion import Proportion
from coread.stats.resampling import Plan, bootstrap_sums, sums_by_patient
from coread.stats.responsiveness import shares_beyond
from coread.stats.standard_deviation import standard_deviation

Labels = npt.NDArray[np.str_]

MEASURES: Mapping[str, str] = {
    "icc_2_1": "ICC(2,1), absolute agreement",
    "icc_3_1": "ICC(3,1), consistency",
    "bias": "bias, first minus second",
    "limit_low": "lower limit of agreement",
    "limit_high": "upper limit of agreement",
    "slope": "slope of the difference on the mean",
    "sem": "standard error of measurement",
    "sdd_95": "smallest detectable difference, 95 %, one reader",
    "sdd_95_mean": "smallest detectable difference, 95 %, mean of the readers",
    "sdc_sem_95": "smallest detectable change from the standard error of measurement (COSMIN), 95 %, one reader",
    "sdc_95": "smallest detectable change, 95 %, one reader",
    "sdc_95_mean": "smallest detectable change, 95 %, mean of the readers",
    "sdc_80": "smallest detectable change, 80 %, one reader",
    "sdc_80_mean": "smallest detectable change, 80 %, mean of the readers",
    "worse": "share worse by more than the SDC (95 %, mean of the readers)",
    "better": "share better by more than the SDC (95 %, mean of the readers)",
}
"""What is told of a total, in this order; a key and its name in words."""


@dataclass(frozen=True, slots=True, eq=False)
class TotalAgreement:
    """Agreement of k readers, or of k reads by one, on one total.

    Attributes:
        total: name of the total.
        what: ``status`` for the scores of single exams, ``change`` for follow-up minus baseline.
        scores: (n, k) of the exams (or patients) that all of them scored.
        patients: (n,) whose they are.
        left_out: exams (or patients) that lack the total in one of the readings.
        estimates: key of `MEASURES` -> estimate, each with its interval or the reason why there is none.
    """

    total: str
    what: str
    scores: Array
    patients: Labels
    left_out: int
    estimates: Mapping[str, Estimate]


def status_of(scores: Scores, total: str, columns: list[int]) -> tuple[Array, Labels]:
    """The (n, k) status scores of the exams that any of these columns read, NaN where one lacks the total, and their patients."""
    table = scores.totals[total][:, columns]
    there = scores.read[:, columns].any(axis=1)
    return table[there], scores.patients[there]


def change_of(scores: Scores, total: str, columns: list[int]) -> tuple[Array, Labels]:
    """Change from the first to the last visit: (p, k), one row for each patient with two timepoints, NaN where a visit is missing.

    The visits are those at which anybody gave this total; a patient with two exams at one of the two timepoints has no row.
    """
    table = scores.totals[total]
    visits: dict[str, list[tuple[float, int]]] = {}
    for row, exam in enumerate(scores.exams):
        if exam.timepoint is not None and not np.isnan(table[row]).all():
            visits.setdefault(exam.patient, []).append((exam.timepoint, row))
    changes, patients = [], []
    for patient, seen in visits.items():
        seen.sort()
        days = [day for day, _ in seen]
        if days[0] == days[-1] or days.count(days[0]) > 1 or days.count(days[-1]) > 1:
            continue
        changes.append(table[seen[-1][1], columns] - table[seen[0][1], columns])
        patients.append(patient)
    return np.array(changes).reshape(-1, len(columns)), np.array(patients, dtype=np.str_)


def agreement_on_total(named: tuple[str, str], table: Array, patients: Labels, plan: Plan, repeats: bool = False) -> TotalAgreement:
    """Everything that is told of one total.

    Intervals: where each patient stands once, ICCs have their F-based interval and the limits of agreement the exact one; where patients
    come back, both take it into account (bootstrap over patients; MOVER for limits of repeated measurements). Errors of radiographic
    scores grow with the score and are not normal: the detectable differences and changes of two readers have Bonett's interval where each
    patient stands once, and a BCa bootstrap over patients otherwise.

    Args:
        named: the total and what is scored, ``status`` or ``change``.
        table: (n, k), NaN where a score is missing; k >= 2.
        patients: (n,).
        plan: how to resample, and the level of every interval.
        repeats: the columns are repeats by one reader.
    """
    total, what = named
    whole = ~np.isnan(table).any(axis=1)
    kept, whose = table[whole], patients[whole]
    k = table.shape[1]
    estimates = {"icc_2_1": _icc(kept, whose, "A,1", plan), "icc_3_1": _icc(kept, whose, "C,1", plan)}
    if k == 2:
        limits = _limits(kept, whose, plan.level)
        estimates |= {"bias": limits.bias, "limit_low": limits.lower, "limit_high": limits.upper}
        if _once(whose):
            estimates["slope"] = proportional_bias(kept[:, 0], kept[:, 1], plan.level).slope
    estimates |= _errors(kept, whose, what, plan, repeats)
    if what == "change":
        estimates |= _progress(kept, estimates["sdc_95_mean"], plan.level)
    ordered = {key: estimates[key] for key in MEASURES if key in estimates}
    return TotalAgreement(total, what, kept, whose, int((~whole).sum()), ordered)


def _once(patients: Labels) -> bool:
    return len(set(patients.tolist())) == len(patients)


def _icc(table: Array, patients: Labels, form: Form, plan: Plan) -> Estimate:
    published = icc(table, form, plan.level)
    if published.estimate is None or _once(patients):
        return published
    k = table.shape[1]
    parts = sums_by_patient(score_sums(table), patients)
    (resampled,) = bootstrap_sums(parts, lambda sums: icc_of_sums(sums, k, form), plan)
    return resampled


def _limits(table: Array, patients: Labels, level: float) -> LimitsOfAgreement:
    if _once(patients):
        return bland_altman(table[:, 0], table[:, 1], level)
    return bland_altman_clustered(table[:, 0], table[:, 1], patients, level)


def _errors(table: Array, patients: Labels, what: str, plan: Plan, repeats: bool) -> dict[str, Estimate]:
    """Errors in the units of the score: z times a standard error.

    SDD of status scores z sqrt(2) SEM / sqrt(m), SDC of change scores z SEM / sqrt(m) of the changes, both of the consistency kind (a
    reader's own level forgiven), m the number of readers whose mean is judged; COSMIN's SDC z sqrt(2) SEM. See ``stats.measurement_error``.
    """
    k = table.shape[1]
    z95, z80 = normal_quantile(0.95), normal_quantile(0.80)
    kind: ErrorKind = "within" if repeats else "agreement"
    wanted: dict[str, tuple[ErrorKind, float]]
    if what == "status":
        wanted = {
            "sdd_95": ("consistency", z95 * sqrt(2)),
            "sdd_95_mean": ("consistency", z95 * sqrt(2 / k)),
            "sdc_sem_95": (kind, z95 * sqrt(2)),
        }
    else:
        wanted = {
            "sdc_95": ("consistency", z95),
            "sdc_95_mean": ("consistency", z95 / sqrt(k)),
            "sdc_80": ("consistency", z80),
            "sdc_80_mean": ("consistency", z80 / sqrt(k)),
        }
    error = standard_error_of_measurement(table, kind, plan.level)
    if error.estimate is None:
        lacking = {key: undefined(error.undefined, error.n, plan.level, "bootstrap over patients") for key in wanted}
        return lacking if what == "change" else {"sem": error} | lacking
    wanted = {"sem": (kind, 1.0)} | wanted

    def statistic(sums: Array) -> Array:
        return np.stack([factor * standard_error_of_sums(sums, k, of) for of, factor in wanted.values()], axis=-1)

    made = bootstrap_sums(sums_by_patient(score_sums(table), patients), statistic, replace(plan, kind="bca"))
    found = dict(zip(wanted, made, strict=True))
    if k == 2 and _once(patients):
        spread = standard_deviation(table[:, 0] - table[:, 1], plan.level)
        found |= {key: _times(factor / sqrt(2), spread) for key, (of, factor) in wanted.items() if of == "consistency"}
    return found


def _times(factor: float, spread: Estimate) -> Estimate:
    """An estimate in other units."""
    method = f"from the {spread.method}"
    if spread.estimate is None:
        return undefined(spread.undefined, spread.n, spread.level, method)
    if spread.low is None or spread.high is None:
        return without_interval(factor * spread.estimate, spread.undefined, spread.n, spread.level, method)
    return Estimate(factor * spread.estimate, factor * spread.low, factor * spread.high, spread.level, spread.n, method)


def _progress(changes: Array, sdc: Estimate, level: float) -> dict[str, Estimate]:
    """Shares of patients whose mean change over the readers lies beyond the smallest detectable change of that mean."""
    method = "share beyond the smallest detectable change, Wilson score"
    if sdc.estimate is None or len(changes) == 0:
        reason = sdc.undefined or "no patient has both visits"
        return {key: undefined(reason, len(changes), level, method) for key in ("worse", "better")}
    shares = shares_beyond(changes.mean(axis=1), sdc.estimate, level)

    def told(share: Proportion) -> Estimate:
        return Estimate(share.estimate, share.low, share.high, level, share.n, method)

    return {"worse": told(shares.worse), "better": told(shares.better)}
