"""Readers whose every figure is known by construction."""

import numpy as np
import pytest

from coread.cohort import Member
from coread.errors import InputError
from coread.reading import Finding
from coread.stats.grading import grade_measures
from coread.stats.kappa import cohen_kappa
from coread.validation import Asked, Validation, validate
from coread.validation_groups import Group
from coread.validation_pairs import Made
from tests.made_up import ITEMS, MadeUp, certain, make_up, read_by

KAPPA, SAME = "kappa, quadratic weights", "same grade"


def figure(group: Group, measure: str, of: str = "joint space narrowing"):  # type: ignore[no-untyped-def]
    (found,) = [m for m in group.measures if (m.measure, m.of) == (measure, of)]
    return found


def made(made_up: MadeUp, answer, **more) -> Made:  # type: ignore[no-untyped-def]
    return Made("m", "1", read_by(made_up, answer), {}, **more)


@pytest.fixture(scope="module")
def cohort() -> MadeUp:
    return make_up(60, centre=lambda n: "NSE"[n % 3], sex=lambda n: "FM"[n // 3 % 2], age=lambda n: str(20 + n))


@pytest.fixture(scope="module")
def perfect(cohort: MadeUp) -> Validation:
    return validate(cohort.cohort, made(cohort, lambda member, grade: grade))


def test_a_perfect_reader_is_perfect(perfect: Validation) -> None:
    whole = perfect.everything
    total = "hand_left_narrowing (as reported)"
    for measure, value in ((KAPPA, 1), ("kappa, linear weights", 1), (SAME, 1), ("within one grade", 1)):
        assert figure(whole, measure).value.estimate == value
    assert figure(whole, "AUC of any damage, by its probability").value.estimate == 1
    assert figure(whole, "Brier score of any damage").value.estimate == 0
    assert figure(whole, "expected calibration error of any damage").value.estimate == 0
    assert figure(whole, "90% interval of the grade holds the reference").value.estimate == 1
    assert figure(whole, "90% interval of the total holds the reference", total).value.estimate == 1
    assert figure(whole, "ICC(A,1) of the total", total).value.estimate == 1
    assert figure(whole, "bias of the total (model - reference)", total).value.estimate == 0
    assert figure(whole, "studies refused", "all studies").value.estimate == 0
    assert (perfect.patients, perfect.studies) == (60, 60)
    assert figure(whole, KAPPA).cases == 60 * len(ITEMS)
    assert not [gap for gap in perfect.gaps if gap.p_adjusted is not None and gap.p_adjusted < 0.05]
    assert not perfect.reasons


def test_every_missing_number_has_its_reason(perfect: Validation) -> None:
    for group in perfect.groups:
        for measured in group.measures:
            assert (measured.value.low is None) == bool(measured.value.undefined), measured
    for gap in perfect.gaps:
        assert (gap.p is None) == bool(gap.undefined)


def test_groups_are_told_with_their_n_and_small_ones_are_marked(perfect: Validation) -> None:
    told = {(g.column, g.value): (g.patients, g.small) for g in perfect.groups}
    assert told["all", "all"] == (60, False)
    assert told["centre", "N"] == (20, False)
    assert told["sex", "F"] == (30, False)
    assert told["age band", "75 and over"] == (5, True)
    assert sum(n for (column, _), (n, _) in told.items() if column == "age band") == 60


def test_labels_swapped_at_one_centre_are_found_there(cohort: MadeUp) -> None:
    def swaps(member: Member, grade: float) -> float:
        return 4 - grade if member.facts["centre"] == "S" else grade

    found = validate(cohort.cohort, made(cohort, swaps))
    kappa = {g.value: figure(g, KAPPA).value.estimate for g in found.groups if g.column == "centre"}
    assert kappa["N"] == kappa["E"] == 1
    assert kappa["S"] < 0
    gaps = {(g.column, g.value): g for g in found.gaps if g.measure == KAPPA}
    south = gaps["centre", "S"]
    assert south.p_adjusted is not None
    assert south.p_adjusted < 0.05
    assert south.difference == pytest.approx(kappa["S"] - 1)
    assert south.patients == (20, 40)
    assert south.p_alike is not None
    assert south.p_alike < 0.01, "damage is dealt out evenly, so it explains nothing"
    # The centres were dealt out evenly over the sexes, so that no gap between them is there to be found.
    assert gaps["sex", "F"].p_adjusted is not None
    assert gaps["sex", "F"].p_adjusted > 0.05
    assert ("sex", "M") not in gaps, "two groups are one test"


def test_figures_are_those_of_the_statistics_on_the_same_pairs(cohort: MadeUp) -> None:
    random = np.random.default_rng(3)
    found = validate(cohort.cohort, made(cohort, lambda member, grade: float(np.clip(grade + random.integers(-1, 2), 0, 4))))
    random = np.random.default_rng(3)
    truth = np.array([g for m in cohort.cohort.members for g in cohort.truth[m.study]])
    read = np.clip(truth + [random.integers(-1, 2) for _ in truth], 0, 4)
    scores = np.stack([truth, read], axis=1)
    whole = found.everything
    assert figure(whole, KAPPA).value.estimate == pytest.approx(cohen_kappa(scores, "quadratic", range(5)).estimate)
    bias = grade_measures(truth, read, 5).mean_error.estimate
    assert figure(whole, "mean error in grades (model - reference)").value.estimate == pytest.approx(bias)
    total = "hand_left_narrowing (as reported)"
    assert figure(whole, "bias of the total (model - reference)", total).value.estimate == pytest.approx(15 * (read - truth).mean())


def test_an_interval_that_holds_by_construction_in_three_of_four(cohort: MadeUp) -> None:
    one = iter(range(10**6))

    def answer(member: Member, grade: float) -> Finding:
        number = next(one)
        item, wrong = ITEMS[number % len(ITEMS)], number % 4 == 0
        return certain(item, (grade + 1) % 5 if wrong else grade)

    found = validate(cohort.cohort, made(cohort, answer))
    assert figure(found.everything, "90% interval of the grade holds the reference").value.estimate == 0.75


def test_unreadable_sites_and_refused_studies_are_counted_with_reasons(cohort: MadeUp) -> None:
    readings = read_by(cohort, lambda member, grade: None if member.study == "p0v0.dcm" else grade)
    del readings["p1v0.dcm"]
    refusals = {"p1v0.dcm": "cohort/p1v0.dcm: this is a knee"}
    found = validate(cohort.cohort, Made("m", "1", readings, refusals))
    assert figure(found.everything, "studies refused", "all studies").value.estimate == pytest.approx(1 / 60)
    assert figure(found.everything, "sites not graded in the studies read").value.estimate == pytest.approx(1 / 59)
    assert [(r.what, r.reason, r.count) for r in found.reasons] == [("study", "this is a knee", 1), ("site", "outside the image", 15)]


def test_internal_and_external_are_told_apart(cohort: MadeUp) -> None:
    found = validate(cohort.cohort, made(cohort, lambda member, grade: grade, training_centres=("N",)))
    told = {g.value: g.patients for g in found.groups if g.column == "internal or external"}
    assert told == {"internal": 20, "external": 40}
    assert not found.notes
    unnamed = validate(cohort.cohort, made(cohort, lambda member, grade: grade))
    assert "internal and external cannot be told apart" in unnamed.notes[0]


def test_several_visits_of_a_patient_stay_together() -> None:
    visits = make_up(30, visits=3, centre=lambda n: "NS"[n % 2])
    found = validate(visits.cohort, made(visits, lambda member, grade: min(4.0, grade + (member.patient == "p0"))))
    assert (found.patients, found.studies) == (30, 90)
    kappa = figure(found.everything, KAPPA)
    assert (kappa.patients, kappa.cases, kappa.value.n) == (30, 90 * 15, 30)
    total = figure(found.everything, "ICC(A,1) of the total", "hand_left_narrowing (as reported)")
    assert "bootstrap over patients" in total.value.method


def test_a_patient_in_two_groups_is_not_tested() -> None:
    visits = make_up(20, visits=2)
    members = tuple(
        Member(m.study, m.path, m.patient, "", None, "", {**m.facts, "scanner": "AB"[i % 2]}, m.row)
        for i, m in enumerate(visits.cohort.members)
    )
    cohort = type(visits.cohort)(visits.cohort.folder, members, (*visits.cohort.columns, "scanner"), visits.cohort.references)
    found = validate(cohort, made(visits, lambda member, grade: grade))
    assert {gap.undefined for gap in found.gaps} == {"20 patients have studies in this group and outside it"}


def test_without_probabilities_the_table_says_so(cohort: MadeUp) -> None:
    few = make_up(12)
    readings = read_by(few, lambda member, grade: grade)
    plain = {
        study: type(r)(
            r.uid, r.reader, r.system, r.study,
            tuple(Finding(f.site, f.side, f.feature, grade=f.grade) for f in r.findings), {}, r.created,
        )
        for study, r in readings.items()
    }  # fmt: skip
    found = validate(few.cohort, Made("m", "1", plain, {}))
    error = figure(found.everything, "expected calibration error of any damage").value
    assert error.estimate is None
    assert "carry no probabilities" in error.undefined
    assert figure(found.everything, "AUC of any damage, by the grade, as there are no probabilities").value.estimate == 1
    assert "no interval of a grade" in figure(found.everything, "interval of the grade holds the reference").value.undefined


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Asked(by=("sexx",)), "unknown column 'sexx'; did you mean sex"),
        (Asked(by=("patient",)), "column patient: has 60 different values, more than the 30 groups"),
        (Asked(reference="Dr B"), "column reader: no reading under svdh by 'Dr B'"),
    ],
)
def test_what_cannot_be_asked(cohort: MadeUp, asked: Asked, said: str) -> None:
    with pytest.raises(InputError, match=said):
        validate(cohort.cohort, made(cohort, lambda member, grade: grade), asked)


def test_a_cohort_without_damage_has_no_kappa_and_no_auc_and_says_why() -> None:
    healthy = make_up(12, severe=lambda n: 0.0)
    whole = validate(healthy.cohort, made(healthy, lambda member, grade: grade)).everything
    assert figure(whole, KAPPA).value.undefined == "no kappa: model and reference gave one and the same grade throughout"
    auc = figure(whole, "AUC of any damage, by its probability").value
    assert "0 positives and 180 negatives" in auc.undefined
    total = figure(whole, "ICC(A,1) of the total", "hand_left_narrowing (as reported)").value
    assert total.undefined == "no ICC: all totals are the same"


def test_a_reader_that_graded_nothing_of_the_reference_is_refused(cohort: MadeUp) -> None:
    with pytest.raises(InputError, match="nothing to compare"):
        validate(cohort.cohort, made(cohort, lambda member, grade: None))


def test_groups_without_any_reading_or_with_one_patient_have_reasons_and_no_crash(cohort: MadeUp) -> None:
    lone = make_up(21, centre=lambda n: "lone" if n == 0 else "NS"[n % 2])
    readings = {study: r for study, r in read_by(lone, lambda member, grade: grade, 1).items() if int(study[1:].split("v")[0]) % 2 == 0}
    found = validate(lone.cohort, Made("m", "1", readings, {}))
    groups = {g.value: g for g in found.groups if g.column == "centre"}
    assert figure(groups["S"], "studies refused", "all studies").value.estimate == 1
    assert figure(groups["S"], KAPPA).value.undefined == "no site was graded by both"
    assert figure(groups["lone"], KAPPA).value.undefined == "no interval from 1 patient: at least 2 are needed"
    assert figure(groups["lone"], SAME).value.undefined
    for group in found.groups:
        for measured in group.measures:
            assert (measured.value.low is None) == bool(measured.value.undefined), measured
    assert "a test needs 5 of each" in next(gap.undefined for gap in found.gaps if gap.value == "lone")


def test_a_reader_that_always_says_one_half_is_as_wrong_as_that(cohort: MadeUp) -> None:
    half = (0.5, 0.5, 0.0, 0.0, 0.0)
    items = iter(ITEMS * 60)

    def answer(member: Member, grade: float) -> Finding:
        item = next(items)
        return Finding(item.site, item.side, item.feature, grade=1.0, probabilities=half)

    whole = validate(cohort.cohort, made(cohort, answer)).everything
    prevalence = np.mean([g > 0 for grades in cohort.truth.values() for g in grades])
    assert figure(whole, "Brier score of any damage").value.estimate == 0.25
    assert figure(whole, "AUC of any damage, by its probability").value.estimate == 0.5
    assert figure(whole, "observed to expected damage").value.estimate == pytest.approx(2 * prevalence)
    assert figure(whole, "expected calibration error of any damage").value.estimate == pytest.approx(prevalence - 0.5, abs=0.02)
    assert "no interval of a grade" in figure(whole, "interval of the grade holds the reference").value.undefined
    assert figure(whole, KAPPA).value.estimate == pytest.approx(0)


def test_a_gap_that_damage_explains_is_told_from_one_that_it_does_not() -> None:
    # S has the more damaged patients; the reader stops at grade 2 wherever it reads.
    def severe(number: int) -> float:
        spread = number * 0.37 % 1
        return float(2.2 * (spread**0.6 if number % 2 else spread**1.6))

    mixed = make_up(150, severe=severe, centre=lambda n: "NS"[n % 2])
    found = validate(mixed.cohort, made(mixed, lambda member, grade: min(grade, 2.0)))
    gap = next(g for g in found.gaps if g.measure.startswith("mean error"))
    assert gap.p_adjusted is not None
    assert gap.p_adjusted < 0.05
    assert gap.p_alike is not None
    assert gap.p_alike > 0.2
