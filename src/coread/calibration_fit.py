"""A calibration fitted on some patients of a cohort: how to bend probabilities, and how wide intervals must be.

What is fitted (the bend, two numbers at most) and what is counted (how far the truth lies outside an interval) come from different
patients: the patients are divided into folds, and each is counted with the bend of the other folds (cross-conformal prediction; Vovk,
Ann Math Artif Intell 2015;74:9).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from coread.readers.calibrated import bent_reading, bounds, is_graded
from coread.readers.calibration import HALF_DIGIT, Bend, GradeCalibration, Rule, TotalCalibration, unrounded
from coread.reading import Finding, Reading
from coread.scoring import ItemKey
from coread.stats.conformal import fit_sets
from coread.stats.conformal_margin import fit_margin
from coread.stats.labels import Bools, Floats, Ints
from coread.stats.recalibrate import fit_ordinal, fit_temperature
from coread.validation_measures import strata
from coread.validation_pairs import AS_REPORTED, Pairs, Totals

Kind = Literal["as is", "temperature", "ordinal"]
KINDS: tuple[Kind, ...] = ("as is", "temperature", "ordinal")
"""From the simplest on."""


@dataclass(frozen=True, slots=True, eq=False)
class Sites:
    """Grades of one feature on one scale beside their reference.

    Attributes:
        name: of the feature, and of the scale where it has several.
        feature, scale: keys in the scoring system.
        exam: (n,) index of the study.
        patient: (n,) number of the patient.
        fold: (n,) that the patient is in.
        truth: (n,) index of the reference grade.
        probabilities: (n, k) of the grades.
        rule: how the model's grades follow from them.
    """

    name: str
    feature: str
    scale: str
    exam: Ints
    patient: Ints
    fold: Ints
    truth: Ints
    probabilities: Floats
    rule: Rule

    def cut(self, keep: Bools) -> Sites:
        """The rows kept."""
        return replace(
            self,
            exam=self.exam[keep],
            patient=self.patient[keep],
            fold=self.fold[keep],
            truth=self.truth[keep],
            probabilities=self.probabilities[keep],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """What a calibration is fitted on.

    Attributes:
        readings: (studies,) the model's reading, None where there is none.
        patient: (studies,) number of the patient.
        fold: (studies,) that the patient is in.
        group: (studies,) of the patient, empty where it is not known; None where intervals are for all alike.
        sites: grades, for each feature and scale that has probabilities and patients enough.
        totals: those that have patients enough, beside their reference.
        parameters: of the card, which say how the errors of sites go together.
        level: of the intervals.
    """

    readings: tuple[Reading | None, ...]
    patient: Ints
    fold: Ints
    group: tuple[str, ...] | None
    sites: tuple[Sites, ...]
    totals: tuple[Totals, ...]
    parameters: Mapping[str, float]
    level: float


def sites_of(pairs: Pairs, readings: Sequence[Reading | None], fold: Ints) -> tuple[Sites, ...]:
    """The boxes that both graded, with the model's probabilities; features and scales without any are left out."""
    said = [None if reading is None else {(f.site, f.side, f.feature): f for f in reading.findings} for reading in readings]
    found = []
    for stratum in strata(pairs.system, pairs.boxes.item):
        scale = pairs.system.items[stratum.items[0]].scale.key
        rows: list[tuple[int, int]] = []
        findings: list[Finding] = []
        among = np.isin(pairs.boxes.item, stratum.items) & ~np.isnan(pairs.boxes.grade)
        for exam, item, reference in zip(*(a[among] for a in (pairs.boxes.exam, pairs.boxes.item, pairs.boxes.reference)), strict=True):
            finding = _finding(said[int(exam)], pairs.system.items[int(item)].key)
            if finding is not None and is_graded(finding, stratum.feature, scale, pairs.system):
                rows.append((int(exam), stratum.grades.index(float(reference))))
                findings.append(finding)
        if rows:
            table = np.array(rows, dtype=np.int64)
            p = np.array([finding.probabilities for finding in findings], dtype=np.float64)
            rule = rule_of(p, np.array([stratum.grades.index(float(f.grade or 0)) for f in findings]))
            exam = table[:, 0]
            found.append(Sites(stratum.name, stratum.feature, scale, exam, pairs.patient[exam], fold[exam], table[:, 1], p, rule))
    return tuple(found)


def _finding(said: Mapping[ItemKey, Finding] | None, key: ItemKey) -> Finding | None:
    return None if said is None else said.get(key)


def rule_of(probabilities: Floats, grade: Ints) -> Rule:
    """The rule by which grades (n,) follow from probabilities (n, k), rounded as readings have them."""
    rows, k = np.arange(grade.size), probabilities.shape[1]
    slack = (k + 1) * HALF_DIGIT
    reached = np.cumsum(probabilities, axis=1)[rows, grade]
    if ((reached >= 0.5 - slack) & (reached - probabilities[rows, grade] <= 0.5 + slack)).all():
        return "middle"
    if (probabilities[rows, grade] >= probabilities.max(axis=1) - slack).all():
        return "likeliest"
    return "kept"


def fit(cases: Cases, among: Bools) -> tuple[tuple[GradeCalibration, ...], tuple[TotalCalibration, ...]]:
    """The calibration of some studies (studies,), which must be all those of their patients.

    Raises:
        ValueError: too few patients for the level.
    """
    folds = np.unique(cases.fold[among])
    fitted: list[GradeCalibration] = []
    without: dict[int, list[GradeCalibration]] = {int(fold): [] for fold in folds}
    for every in cases.sites:
        sites = every.cut(among[every.exam])
        kind = kind_of_bend(sites)
        crossed = np.empty_like(sites.probabilities)
        patients = len(np.unique(sites.patient))
        for fold in folds:
            out = sites.fold == fold
            how = GradeCalibration(sites.feature, sites.scale, bend_of(kind, sites.cut(~out)), sites.rule, 1.0, patients)
            without[int(fold)].append(how)
            if out.any():
                crossed[out] = how.bent(sites.probabilities[out])
        cutoff = fit_sets(sites.truth, crossed, cases.level, "ordinal", sites.patient).cutoff
        fitted.append(GradeCalibration(sites.feature, sites.scale, bend_of(kind, sites), sites.rule, cutoff, patients))
    return tuple(fitted), _totals(cases, among, without)


def kind_of_bend(sites: Sites) -> Kind:
    """The simplest bend whose log loss in patients left out is within one standard error of the best one's.

    Folds are left out in turn; the standard error is that of the difference to the best, over patients (the one-standard-error rule;
    Hastie, Tibshirani & Friedman, The Elements of Statistical Learning, 2009, 7.10). What is calibrated already stays as it is.
    """
    patients, index = np.unique(sites.patient, return_inverse=True)
    losses: dict[Kind, Floats] = {}
    for kind in KINDS:
        loss = np.empty(sites.truth.size)
        try:
            for fold in np.unique(sites.fold):
                out = sites.fold == fold
                bend = bend_of(kind, sites.cut(~out))
                p = unrounded(sites.probabilities[out])
                loss[out] = -np.log((p if bend is None else bend.apply(p))[np.arange(int(out.sum())), sites.truth[out]].clip(HALF_DIGIT))
        except ValueError:
            continue  # grades all alike in the other folds: nothing to bend by
        losses[kind] = np.bincount(index, weights=loss) / np.bincount(index)
    best = min(losses, key=lambda kind: float(losses[kind].mean()))
    for kind, loss in losses.items():
        worse = loss - losses[best]
        if worse.mean() <= worse.std(ddof=1) / np.sqrt(patients.size):
            return kind
    return best


def bend_of(kind: Kind, sites: Sites) -> Bend:
    """A bend of this kind fitted on these rows; None for ``as is``.

    Raises:
        ValueError: the rows do not suffice.
    """
    if kind == "as is":
        return None
    fitting = fit_temperature if kind == "temperature" else fit_ordinal
    return fitting(sites.truth, unrounded(sites.probabilities))


def _totals(cases: Cases, among: Bools, without: Mapping[int, Sequence[GradeCalibration]]) -> tuple[TotalCalibration, ...]:
    bent: dict[int, Reading] = {}
    for exam in np.flatnonzero(among):
        reading = cases.readings[exam]
        if reading is not None:
            bent[int(exam)] = bent_reading(reading, without[int(cases.fold[exam])], cases.level, cases.parameters)
    found = []
    for total in cases.totals:
        both = zip(total.exam, total.reference, strict=True)
        rows = [(exam, truth) for exam, truth in both if among[exam] and total.name in bent[exam].totals]
        groups = [""] if cases.group is None else sorted({cases.group[exam] for exam, _ in rows} - {""})
        for group in groups:
            chosen = [(exam, truth) for exam, truth in rows if cases.group is None or cases.group[exam] == group]
            low, high = np.array([bounds(bent[exam].totals[total.name]) for exam, _ in chosen]).T
            patients = cases.patient[[exam for exam, _ in chosen]]
            margin = fit_margin([truth for _, truth in chosen], low, high, cases.level, patients).margin
            found.append(TotalCalibration(total.name, group, margin, len(np.unique(patients))))
    return tuple(found)


def as_reported(pairs: Pairs) -> tuple[Totals, ...]:
    """The totals as the readings have them."""
    return tuple(total for total in pairs.totals if total.sites == AS_REPORTED)
