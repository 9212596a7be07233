"""What is measured of a model beside the reference, over all studies or a group of them: each figure with interval and n."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from coread.scoring import Item, ScoringSystem
from coread.stats.auc import Auc, auc
from coread.stats.bland_altman import LimitsOfAgreement, bland_altman
from coread.stats.bland_altman_repeated import bland_altman_clustered
from coread.stats.brier import brier
from coread.stats.calibration import CalibrationError, calibration_error, observed_to_expected
from coread.stats.estimate import Estimate, undefined
from coread.stats.grading import grade_measures
from coread.stats.icc import icc_of_sums, score_sums
from coread.stats.kappa import Scheme, agreement_weights, contingency, kappa_of_table
from coread.stats.logistic_calibration import logistic_calibration
from coread.stats.resampling import Plan, bootstrap_sums, sums_by_patient
from coread.stats.shares import share_of
from coread.validation_pairs import BOTH_READ, Boxes, Pairs, Totals, site_group

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
AGREEMENT, DISCRIMINATION, CALIBRATION, COVERAGE, REFUSAL = "agreement", "discrimination", "calibration", "coverage", "refusal"
SAME, WITHIN_ONE = "same grade", "within one grade"
MEAN_ERROR, ABSOLUTE_ERROR = "mean error in grades (model - reference)", "mean absolute error in grades"
KAPPA, ECE, BRIER = "kappa, quadratic weights", "expected calibration error of any damage", "Brier score of any damage"
UNREAD, REFUSED = "sites not graded in the studies read", "studies refused"
NO_PROBABILITY = "the readings carry no probabilities (a table has none); give reading.json files"


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure.

    Attributes:
        part: agreement, discrimination, calibration, coverage or refusal.
        measure: what it is, such as ``kappa, quadratic weights``.
        of: of which grades, sites or total.
        value: estimate and interval, or why there is none.
        patients: how many patients it is over.
        cases: how many sites, totals or studies.
    """

    part: str
    measure: str
    of: str
    value: Estimate
    patients: int
    cases: int


@dataclass(frozen=True, slots=True)
class Stratum:
    """Boxes of one feature on one scale: what may be pooled."""

    name: str
    feature: str
    grades: tuple[float, ...]
    items: tuple[int, ...]


def strata(of: ScoringSystem, present: Ints) -> tuple[Stratum, ...]:
    """The features and scales of the boxes present (indices into the items)."""
    groups: dict[tuple[str, str], list[int]] = {}
    for number in np.unique(present):
        item = of.items[int(number)]
        groups.setdefault((item.feature, item.scale.key), []).append(int(number))
    scales = [feature for feature, _ in groups]
    return tuple(
        Stratum(
            of.features[feature].name + (f" ({scale.replace('_', ' ')})" if scales.count(feature) > 1 else ""),
            feature,
            of.items[items[0]].grades,
            tuple(items),
        )
        for (feature, scale), items in groups.items()
    )


def cut_boxes(boxes: Boxes, keep: Bools) -> Boxes:
    """The rows kept."""
    columns = {field.name: getattr(boxes, field.name)[keep] for field in fields(Boxes) if field.name != "level"}
    return Boxes(**columns, level=boxes.level)


def cut_totals(total: Totals, keep: Bools) -> Totals:
    """The rows kept."""
    exam, reference, value, held = total.exam[keep], total.reference[keep], total.value[keep], total.held[keep]
    return Totals(total.name, total.sites, exam, reference, value, held, total.level)


def measures(pairs: Pairs, among: Bools, plan: Plan) -> tuple[Measured, ...]:
    """Every figure over the studies ``among`` (studies,)."""
    boxes = cut_boxes(pairs.boxes, among[pairs.boxes.exam])
    totals = [cut_totals(total, among[total.exam]) for total in pairs.totals]
    found = [*_refusals(pairs, among, boxes, plan.level)]
    for stratum in strata(pairs.system, pairs.boxes.item):
        rows = cut_boxes(boxes, np.isin(boxes.item, stratum.items))
        found += [*_agreement(pairs, rows, stratum, plan), *_sites(pairs, rows, stratum, plan.level)]
    for total in totals:
        found += _total(pairs, total, plan)
    return tuple(found)


def attempt(make: Callable[[], Estimate], measure: str, n: int, level: float) -> Estimate:
    """An estimate, or why these data have none."""
    try:
        return make()
    except ValueError as error:
        return undefined(str(error), n, level, measure)


def of_auc(found: Auc | CalibrationError) -> Estimate:
    """An AUC or calibration error as an estimate."""
    return Estimate(found.estimate, found.low, found.high, found.level, found.n, found.method)


def kappa_parts(boxes: Boxes, stratum: Stratum, patient: Ints) -> tuple[Ints, Floats]:
    """The patients with grades of both, and each one's contingency table (patients, m * m)."""
    scored = ~np.isnan(boxes.grade)
    labels = patient[boxes.exam[scored]]
    tables = contingency(np.stack([boxes.reference, boxes.grade], axis=1)[scored], stratum.grades, labels)
    return np.unique(labels), tables.reshape(len(tables), -1)


def kappa_statistic(stratum: Stratum, scheme: Scheme) -> Callable[[Floats], Floats]:
    """Weighted kappa of sums of such tables."""
    m, weights = len(stratum.grades), agreement_weights(stratum.grades, scheme)
    return lambda sums: kappa_of_table(sums.reshape(*sums.shape[:-1], m, m), weights)


def _refusals(pairs: Pairs, among: Bools, boxes: Boxes, level: float) -> Iterator[Measured]:
    refused = np.array([bool(reason) for reason in pairs.refused])
    n = int(among.sum())
    share = share_of(refused, among, pairs.patient, level, "study")
    yield Measured(REFUSAL, REFUSED, "all studies", share, len(np.unique(pairs.patient[among])), n)
    for stratum in strata(pairs.system, pairs.boxes.item):
        rows = cut_boxes(boxes, np.isin(boxes.item, stratum.items))
        unread, codes = np.isnan(rows.grade), pairs.patient[rows.exam]
        share = share_of(unread, np.ones_like(unread), codes, level, "site")
        yield Measured(REFUSAL, UNREAD, stratum.name, share, len(np.unique(codes)), len(unread))


def _agreement(pairs: Pairs, boxes: Boxes, stratum: Stratum, plan: Plan) -> Iterator[Measured]:
    rows = cut_boxes(boxes, ~np.isnan(boxes.grade))
    codes, n = pairs.patient[rows.exam], len(rows.exam)
    patients = len(np.unique(codes))

    def said(measure: str, make: Callable[[], Estimate]) -> Measured:
        return Measured(AGREEMENT, measure, stratum.name, attempt(make, measure, n, plan.level), patients, n)

    for scheme in ("quadratic", "linear"):
        yield said(f"kappa, {scheme} weights", lambda scheme=scheme: _kappa(rows, stratum, scheme, pairs.patient, plan))  # type: ignore[misc]
    truth, grade = (np.searchsorted(stratum.grades, values) for values in (rows.reference, rows.grade))
    for measure, value in _graded(truth, grade, len(stratum.grades), codes, plan.level):
        yield Measured(AGREEMENT, measure, stratum.name, value, patients, n)


def _graded(truth: Ints, grade: Ints, k: int, codes: Ints, level: float) -> Iterator[tuple[str, Estimate]]:
    try:
        found = grade_measures(truth, grade, k, codes, level)
    except ValueError as error:
        for measure in (SAME, WITHIN_ONE, MEAN_ERROR, ABSOLUTE_ERROR):
            yield measure, undefined(str(error), len(truth), level, measure)
        return
    yield SAME, found.accuracy
    yield WITHIN_ONE, found.within_one
    yield MEAN_ERROR, found.mean_error
    yield ABSOLUTE_ERROR, found.mean_absolute_error


def _kappa(boxes: Boxes, stratum: Stratum, scheme: Scheme, patient: Ints, plan: Plan) -> Estimate:
    if not len(boxes.exam):
        raise ValueError("no site was graded by both")
    _, parts = kappa_parts(boxes, stratum, patient)
    statistic = kappa_statistic(stratum, scheme)
    if np.isnan(statistic(parts.sum(axis=0)[None])[0]):
        raise ValueError("no kappa: model and reference gave one and the same grade throughout")
    return bootstrap_sums(parts, statistic, plan)[0]


def _sites(pairs: Pairs, boxes: Boxes, stratum: Stratum, level: float) -> Iterator[Measured]:
    """Discrimination and calibration of any damage, for all sites and each group of them, and coverage of grades."""
    groups: dict[str, list[int]] = {}
    for number in stratum.items:
        groups.setdefault(site_group(_item(pairs, number)), []).append(number)
    parts = {"": list(stratum.items)} | (groups if len(groups) > 1 else {})
    for group, items in parts.items():
        rows = cut_boxes(boxes, np.isin(boxes.item, items) & ~np.isnan(boxes.grade))
        yield from _damage(pairs, rows, f"{stratum.name}, {group}" if group else stratum.name, level)
    held = boxes.held[~np.isnan(boxes.held)]
    codes = pairs.patient[boxes.exam[~np.isnan(boxes.held)]]
    if held.size:
        share = share_of(held > 0, np.ones(held.size, dtype=bool), codes, level, "site")
    else:
        share = undefined("the readings state no interval of a grade", 0, level, "share")
    yield Measured(
        COVERAGE, f"{_nominal(boxes.level)} of the grade holds the reference", stratum.name, share, len(np.unique(codes)), held.size
    )


def _damage(pairs: Pairs, rows: Boxes, name: str, level: float) -> Iterator[Measured]:
    lowest = np.array([_item(pairs, int(number)).grades[0] for number in rows.item])
    truth, codes, n = rows.reference > lowest, pairs.patient[rows.exam], len(rows.exam)
    patients = len(np.unique(codes))
    sure = not np.isnan(rows.damage).any()
    score = rows.damage if sure else rows.grade
    method = "AUC of any damage, by " + ("its probability" if sure else "the grade, as there are no probabilities")

    def said(part: str, measure: str, make: Callable[[], Estimate]) -> Measured:
        return Measured(part, measure, name, attempt(make, measure, n, level), patients, n)

    yield said(DISCRIMINATION, method, lambda: of_auc(auc(truth, score, codes, level)))
    if not sure or not n:
        reason = NO_PROBABILITY if n else "no site was graded by both"
        yield said(CALIBRATION, ECE, lambda: undefined(reason, n, level, "calibration"))
        return
    made = {
        ECE: lambda: of_auc(calibration_error(truth, score, clusters=codes, level=level)),
        BRIER: lambda: brier(truth, score, codes, level).score,
        "observed to expected damage": lambda: observed_to_expected(truth, score, codes, level),
        "calibration slope of any damage": lambda: logistic_calibration(truth, score.clip(0.001, 0.999), codes, level).slope,
    }
    for measure, make in made.items():
        yield said(CALIBRATION, measure, make)


def _total(pairs: Pairs, total: Totals, plan: Plan) -> Iterator[Measured]:
    name = f"{total.name} ({total.sites})"
    codes, n = pairs.patient[total.exam], len(total.exam)
    patients = len(np.unique(codes))

    def said(part: str, measure: str, value: Estimate) -> Measured:
        return Measured(part, measure, name, value, patients, n)

    yield said(AGREEMENT, "ICC(A,1) of the total", attempt(lambda: _icc(total, codes, plan), "ICC(A,1)", n, plan.level))
    try:
        limits = _limits(total, codes, plan.level)
    except ValueError as error:
        yield said(AGREEMENT, "bias of the total", undefined(str(error), n, plan.level, "Bland-Altman"))
    else:
        yield said(AGREEMENT, "bias of the total (model - reference)", limits.bias)
        yield said(AGREEMENT, "lower limit of agreement of the total", limits.lower)
        yield said(AGREEMENT, "upper limit of agreement of the total", limits.upper)
    known = ~np.isnan(total.held)
    measure = f"{_nominal(total.level)} of the total holds the reference"
    if known.any():
        share = share_of(total.held > 0, known, codes, plan.level, "total")
    else:
        why = "none of these totals has an interval" if n and total.sites == BOTH_READ else "the readings state no interval of a total"
        share = undefined(why, 0, plan.level, "share")
    yield Measured(COVERAGE, measure, name, share, len(np.unique(codes[known])), int(known.sum()))


def _icc(total: Totals, codes: Ints, plan: Plan) -> Estimate:
    """Over patients, for this model and this reference: an F-based interval would speak of readers drawn at random."""
    if len(total.exam) < 2:
        raise ValueError(f"an ICC needs at least 2 totals, got {len(total.exam)}")
    parts = sums_by_patient(score_sums(np.stack([total.reference, total.value], axis=1)), codes)
    if np.isnan(icc_of_sums(parts.sum(axis=0)[None], 2, "A,1")[0]):
        raise ValueError("no ICC: all totals are the same")
    return bootstrap_sums(parts, lambda sums: icc_of_sums(sums, 2, "A,1"), plan)[0]


def _limits(total: Totals, codes: Ints, level: float) -> LimitsOfAgreement:
    if len(np.unique(codes)) == len(codes):
        return bland_altman(total.value, total.reference, level)
    return bland_altman_clustered(total.value, total.reference, codes, level)


def _nominal(level: float | None) -> str:
    return f"{level:.0%} interval" if level else "interval"


def _item(pairs: Pairs, number: int) -> Item:
    return pairs.system.items[number]
