"""The parts of a fit: which rule made the grades, which bend is worth its numbers, and that no patient judges a bend made on it."""

from dataclasses import replace

import numpy as np
import pytest

from coread.calibration_fit import KINDS, Cases, Sites, as_reported, bend_of, fit, kind_of_bend, rule_of, sites_of
from coread.readers.calibrated import bent_reading
from coread.readers.calibration import GradeCalibration
from coread.stats.conformal_margin import fit_margin
from coread.stats.recalibrate import OrdinalCalibration, Temperature
from coread.validation_pairs import pair
from tests.miscalibrated import LEVEL, PARAMETERS, hospital

BEND = OrdinalCalibration(2.2, 0.8, 1)


def cases(patients: int, seed: int, bend: OrdinalCalibration | None = None) -> Cases:
    here = hospital(patients, seed, bend)
    pairs = pair(here.cohort, here.made)
    readings = tuple(here.made.readings[m.study] for m in pairs.members)
    fold = np.arange(patients) % 5
    return Cases(readings, pairs.patient, fold, None, sites_of(pairs, readings, fold), as_reported(pairs), PARAMETERS, LEVEL)


def test_sites_are_the_boxes_that_both_graded() -> None:
    here = hospital(3, 1)
    pairs = pair(here.cohort, here.made)
    readings = [here.made.readings[m.study] for m in pairs.members]
    (sites,) = sites_of(pairs, readings, np.zeros(3, dtype=np.int64))
    truth = {(r.study.source, f.site): f.grade for r in here.cohort.references for f in r.findings}
    said = {(r.study.source, f.site): f.probabilities for r in readings for f in r.findings}
    assert len(sites.truth) == 45
    order = [(m.study, f.site) for m, r in zip(pairs.members, readings, strict=True) for f in r.findings]
    assert sites.truth.tolist() == [truth[key] for key in order]
    assert [tuple(row) for row in sites.probabilities.tolist()] == [said[key] for key in order]
    assert (sites.rule, sites.scale, sites.feature) == ("middle", "narrowing", "joint_space_narrowing")


@pytest.mark.parametrize(
    ("p", "grade", "rule"),
    [
        ([[0.4, 0.2, 0.4], [0.1, 0.2, 0.7]], [1, 2], "middle"),
        ([[0.4, 0.2, 0.4], [0.1, 0.2, 0.7]], [0, 2], "likeliest"),
        ([[0.4, 0.2, 0.4], [0.1, 0.2, 0.7]], [1, 0], "kept"),
        ([[0.5, 0.5, 0.0]], [0], "middle"),
        ([[0.5, 0.5, 0.0]], [1], "middle"),  # by rounding either may have been the middle
    ],
)
def test_the_rule_behind_grades(p: list[list[float]], grade: list[int], rule: str) -> None:
    assert rule_of(np.array(p), np.array(grade)) == rule


def bent_sites(seed: int, make) -> Sites:  # type: ignore[no-untyped-def]
    (sites,) = cases(80, seed).sites
    return replace(sites, probabilities=make(sites.probabilities))


def test_the_bend_is_of_the_kind_that_was_made() -> None:
    """Over four hospitals each: what was left as it is, heated, and shifted is called that, with one exception at most."""
    made = {
        "as is": lambda p: p,
        "temperature": lambda p: Temperature(0.4, 1).apply(p),
        "ordinal": lambda p: OrdinalCalibration(1.0, 1.2, 1).apply(p),
    }
    assert tuple(made) == KINDS
    for kind, make in made.items():
        found = [kind_of_bend(bent_sites(seed, make)) for seed in range(4)]
        assert found.count(kind) >= 3, (kind, found)


def test_a_bend_that_cannot_be_fitted_is_not_chosen() -> None:
    (sites,) = cases(40, 2).sites
    healthy = replace(sites, truth=np.zeros_like(sites.truth))
    assert kind_of_bend(healthy) in ("as is", "temperature")
    with pytest.raises(ValueError, match="all cases have grade 0"):
        bend_of("ordinal", healthy)


def test_margins_come_from_patients_whom_the_bend_did_not_see() -> None:
    """By hand: the total of each patient with the bend of the other folds; the margin is the conformal quantile of these."""
    made = cases(50, 3, BEND)
    everyone = np.ones(50, dtype=bool)
    (grade,), (total,) = fit(made, everyone)
    assert isinstance(grade.bend, OrdinalCalibration)
    low, high, truth = [], [], []
    (sites,), (reference,) = made.sites, made.totals
    for exam, value in zip(reference.exam, reference.reference, strict=True):
        bend = bend_of("ordinal", sites.cut(sites.fold != made.fold[exam]))
        how = GradeCalibration(sites.feature, sites.scale, bend, sites.rule, 1.0, 50)
        reading = made.readings[exam]
        assert reading is not None
        bent = bent_reading(reading, [how], LEVEL, PARAMETERS).total(total.name)
        low.append(bent.low)
        high.append(bent.high)
        truth.append(value)
    assert total.margin == fit_margin(truth, low, high, LEVEL).margin
    assert (grade.patients, total.patients, total.group) == (50, 50, "")


def test_patients_left_out_change_nothing_in_a_fit_of_the_others() -> None:
    made = cases(60, 4, BEND)
    among = made.fold != 0
    readings = tuple(replace(r, totals={}, findings=()) if r and not a else r for r, a in zip(made.readings, among, strict=True))
    (sites,) = made.sites
    wrong = replace(sites, truth=np.where(among[sites.exam], sites.truth, 4))
    assert fit(made, among) == fit(replace(made, readings=readings, sites=(wrong,)), among)
