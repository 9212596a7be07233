"""A model that says known probabilities bent: calibration must find the bend, and cover patients that it never saw."""

from dataclasses import replace

import numpy as np
import pytest

from coread.calibration import WIDTH, Calibrated, Wanted, calibrate, patients_needed
from coread.errors import InputError
from coread.readers.calibrated import recalibrated
from coread.reading import Reading
from coread.stats.recalibrate import OrdinalCalibration, Temperature
from coread.validation_groups import Group
from coread.validation_pairs import Made
from tests.miscalibrated import CARD, LEVEL, PARAMETERS, Hospital, hospital

BEND = OrdinalCalibration(2.2, 0.8, 1)
"""Too sure of itself, and too high."""
TOTAL = "hand_left_narrowing"
COVERED = f"{TOTAL} (as reported)"


@pytest.fixture(scope="module")
def bent() -> Calibrated:
    here = hospital(80, 1, BEND)
    return calibrate(here.cohort, here.made, CARD)


@pytest.fixture(scope="module")
def straight() -> Calibrated:
    here = hospital(80, 2)
    return calibrate(here.cohort, here.made, CARD)


@pytest.fixture(scope="module")
def fresh() -> Hospital:
    return hospital(300, 99, BEND)


def figure(group: Group, measure: str, of: str = "joint space narrowing") -> float:
    (found,) = [m for m in group.measures if (m.measure, m.of) == (measure, of)]
    assert found.value.estimate is not None
    return found.value.estimate


def coverage(here: Hospital, readings: dict[str, Reading]) -> float:
    held = []
    for reference in here.cohort.references:
        total = readings[reference.study.source].total(TOTAL)
        assert total.low is not None
        assert total.high is not None
        held.append(total.low <= reference.total(TOTAL).value <= total.high)
    return float(np.mean(held))


def said(readings: dict[str, Reading]) -> dict[str, np.ndarray]:
    return {study: np.array([f.probabilities for f in reading.findings]) for study, reading in readings.items()}


def test_the_bend_is_found(bent: Calibrated) -> None:
    """logit' = 2.2 logit + 0.8 is undone by slope 1 / 2.2 and shift -0.8 / 2.2."""
    (grade,) = bent.calibration.grades
    assert isinstance(grade.bend, OrdinalCalibration)
    assert grade.bend.slope == pytest.approx(1 / 2.2, abs=0.06)
    assert grade.bend.shift == pytest.approx(-0.8 / 2.2, abs=0.15)
    assert grade.rule == "middle"


def test_fresh_patients_are_covered_and_their_probabilities_true(bent: Calibrated, fresh: Hospital) -> None:
    """The coverage that 80 patients promise for others is Beta(73, 8): below 0.83 once in forty."""
    after = {study: recalibrated(reading, bent.calibration, PARAMETERS) for study, reading in fresh.made.readings.items()}
    assert coverage(fresh, dict(fresh.made.readings)) < 0.7
    assert 0.83 < coverage(fresh, after) < 0.98
    before_error, after_error = (
        np.mean([np.abs(p - fresh.probabilities[study]).mean() for study, p in said(readings).items()])
        for readings in (dict(fresh.made.readings), after)
    )
    assert before_error > 0.07
    assert after_error < 0.02


def test_what_the_card_says_of_patients_left_out_is_what_fresh_patients_show(bent: Calibrated, fresh: Hospital) -> None:
    before, after = bent.before, bent.after
    measure = f"{LEVEL:.0%} interval of the total holds the reference"
    assert figure(before, measure, COVERED) < 0.75
    assert 0.85 < figure(after, measure, COVERED) <= 1
    assert figure(before, "calibration slope of any damage") == pytest.approx(1 / 2.2, abs=0.08)
    assert figure(after, "calibration slope of any damage") == pytest.approx(1, abs=0.12)
    assert figure(after, "Brier score of any damage") < figure(before, "Brier score of any damage")
    assert (
        figure(after, f"{LEVEL:.0%} interval of the grade holds the reference")
        > 0.88
        > figure(before, f"{LEVEL:.0%} interval of the grade holds the reference")
    )
    assert figure(after, WIDTH, COVERED) > 1.5 * figure(before, WIDTH, COVERED)
    truth = [g > 0 for r in fresh.cohort.references for g in (f.grade or 0 for f in r.findings)]
    sure = np.concatenate([1 - fresh.probabilities[r.study.source][:, 0] for r in fresh.cohort.references])
    best = float(np.mean((sure - truth) ** 2))
    assert figure(after, "Brier score of any damage") == pytest.approx(best, abs=0.02)


def test_what_is_calibrated_already_stays(straight: Calibrated) -> None:
    (grade,) = straight.calibration.grades
    assert grade.bend is None
    (total,) = straight.calibration.totals
    assert abs(total.margin) <= 2
    assert figure(straight.before, "Brier score of any damage") == figure(straight.after, "Brier score of any damage")
    assert figure(straight.after, "kappa, quadratic weights") == figure(straight.before, "kappa, quadratic weights")


def test_only_too_sure_asks_for_one_number() -> None:
    """Logarithms of the probabilities times two: the temperature that undoes it is 2."""
    here = hospital(80, 3)
    readings = {}
    for study, reading in here.made.readings.items():
        p = Temperature(0.5, 1).apply([f.probabilities for f in reading.findings])
        findings = tuple(replace(f, probabilities=tuple(row)) for f, row in zip(reading.findings, p, strict=True))
        readings[study] = replace(reading, findings=findings)
    (grade,) = calibrate(here.cohort, Made("m", "1", readings, {}), CARD).calibration.grades
    assert isinstance(grade.bend, Temperature)
    assert grade.bend.temperature == pytest.approx(2, rel=0.12)


def test_several_visits_weigh_as_one_patient() -> None:
    """Thirty patients with four visits each are thirty patients, and their visits stay in one fold."""
    here = hospital(30, 4, BEND, visits=4)
    done = calibrate(here.cohort, here.made, CARD)
    assert (done.calibration.patients, done.calibration.studies) == (30, 120)
    few = hospital(29, 4, BEND, visits=4)
    with pytest.raises(InputError, match=r"29 patients have both a reading and a reference reading, and intervals of 90% need 30"):
        calibrate(few.cohort, few.made, CARD)


def test_groups_that_err_differently_get_intervals_of_their_own() -> None:
    here, there = hospital(160, 5), hospital(400, 6)

    def off(of: Hospital) -> dict[str, Reading]:
        """The totals of men are read six points too low."""
        sexes = {member.study: member.sex for member in of.cohort.members}
        made = {}
        for study, reading in of.made.readings.items():
            total = reading.total(TOTAL)
            assert total.low is not None
            assert total.high is not None
            wrong = replace(total, low=max(0.0, total.low - 6), high=total.high - 6, value=max(0.0, total.value - 6))
            made[study] = replace(reading, totals={TOTAL: wrong}) if sexes[study] == "M" else reading
        return made

    done = calibrate(here.cohort, replace(here.made, readings=off(here)), CARD, Wanted(by="sex"))
    assert done.calibration.groups == ("F", "M")
    margins = {total.group: total.margin for total in done.calibration.totals}
    assert margins["M"] > margins["F"] + 2
    readings = off(there)
    for sex in "FM":
        part = [m.study for m in there.cohort.members if m.sex == sex]
        after = {study: recalibrated(readings[study], done.calibration, {}, sex) for study in part}
        references = tuple(r for r in there.cohort.references if r.study.source in after)
        assert 0.82 < coverage(replace(there, cohort=replace(there.cohort, references=references)), after) <= 1
    unknown = recalibrated(readings["p0v0.dcm"], done.calibration, {}).total(TOTAL)
    assert unknown == recalibrated(readings["p0v0.dcm"], done.calibration, {}, "M").total(TOTAL)


def test_a_table_without_probabilities_still_gets_intervals() -> None:
    here = hospital(60, 7)
    readings = {
        study: replace(
            r,
            findings=tuple(replace(f, probabilities=(), interval=None) for f in r.findings),
            totals={name: replace(t, low=None, high=None, level=None) for name, t in r.totals.items()},
        )
        for study, r in here.made.readings.items()
    }
    done = calibrate(here.cohort, replace(here.made, readings=readings), CARD)
    assert not done.calibration.grades
    assert "carry no probabilities" in done.notes[-1]
    other = hospital(300, 8)
    plain = {
        study: recalibrated(replace(r, totals={n: replace(t, low=None, high=None) for n, t in r.totals.items()}), done.calibration, {})
        for study, r in other.made.readings.items()
    }
    assert 0.8 < coverage(other, plain) < 0.99


def test_intervals_that_are_too_wide_are_narrowed_also_where_they_begin_at_0() -> None:
    """A hospital of little damage, whose model states 0 to 30 for everybody: fresh patients are covered by much less."""
    here, there = hospital(60, 12, severity=-3.0), hospital(300, 13, severity=-3.0)

    def wide(of: Hospital) -> dict[str, Reading]:
        return {
            study: replace(
                r,
                findings=tuple(replace(f, probabilities=(), interval=None) for f in r.findings),
                totals={n: replace(t, low=0.0, high=30.0, level=LEVEL) for n, t in r.totals.items()},
            )
            for study, r in of.made.readings.items()
        }

    done = calibrate(here.cohort, replace(here.made, readings=wide(here)), CARD)
    (total,) = done.calibration.totals
    assert total.margin < -15
    after = {study: recalibrated(reading, done.calibration, {}) for study, reading in wide(there).items()}
    assert 0.82 < coverage(there, after) < 1
    assert figure(done.after, WIDTH, COVERED) < 15


def test_how_many_patients_are_needed() -> None:
    assert patients_needed(0.9) == 30
    assert patients_needed(0.8) == 45
    assert patients_needed(0.95) == 38


@pytest.mark.parametrize(
    ("wanted", "said_so"),
    [
        (Wanted(by="sex"), "14 patients of sex F have both .* add 16 or more, join groups, or leave out --by"),
        (
            Wanted(by="centre"),
            "intervals cannot be conditional on centre, which an exam does not state when it is read; use sex or scanner",
        ),  # type: ignore[arg-type]
        (Wanted(by="scanner"), "unknown column 'scanner'"),
        (Wanted(reference="Dr B"), "no reading under svdh by 'Dr B'"),
    ],
)
def test_what_cannot_be_calibrated(wanted: Wanted, said_so: str) -> None:
    here = hospital(40, 9)
    members = tuple(replace(m, sex="F" if number < 14 else "M") for number, m in enumerate(here.cohort.members))
    with pytest.raises(InputError, match=said_so):
        calibrate(replace(here.cohort, members=members), here.made, CARD, wanted)


def test_a_hospital_without_damage_keeps_the_probabilities_and_still_gets_intervals() -> None:
    here = hospital(40, 10)
    healthy = tuple(
        replace(
            r, findings=tuple(replace(f, grade=0.0) for f in r.findings), totals={n: replace(t, value=0.0) for n, t in r.totals.items()}
        )
        for r in here.cohort.references
    )
    done = calibrate(replace(here.cohort, references=healthy), here.made, CARD)
    assert not isinstance(done.calibration.grades[0].bend, OrdinalCalibration)
    assert done.calibration.totals[0].margin >= 0


def test_the_seed_alone_decides() -> None:
    here = hospital(40, 11, BEND)
    first, again = (calibrate(here.cohort, here.made, CARD) for _ in range(2))
    assert first == again
    other = calibrate(here.cohort, here.made, CARD, Wanted(seed=1))
    assert other.calibration != first.calibration
