"""Readings into tables: every grade must lie where its exam, reader and box say, however the readings come."""

from dataclasses import replace

import numpy as np
import pytest

from coread.agreement_scores import Column, Exam, side_by_side
from coread.errors import InputError
from coread.reading import Reading
from coread.scoring import system
from tests.score_sheets import left_foot, reading, simulated


def foot(patient: str, reader: str, grade: float, **more) -> Reading:  # type: ignore[no-untyped-def]
    return reading(patient, reader, left_foot({"MTP 1": grade}), **more)


def test_each_grade_lies_where_its_exam_reader_and_box_say() -> None:
    """Every number of the tables is looked up in the reading that it came from, in shuffled order of the readings."""
    readings = simulated(4, ("ben", "anna"), days=(0, 365), seed=3)
    order = np.random.default_rng(0).permutation(len(readings))
    (scores,) = side_by_side([readings[i] for i in order])
    assert scores.columns == (Column("anna", 1), Column("ben", 1))
    assert scores.grades.shape == (8, 2, len(scores.items))
    assert scores.read.all()
    for made in readings:
        row = [exam.key for exam in scores.exams].index(made.study.source)
        column = scores.columns.index(Column(made.reader.id, made.read))
        expected = {(f.site, f.side, f.feature): f.grade for f in made.findings}
        assert {item.key: scores.grades[row, column, i] for i, item in enumerate(scores.items)} == expected
        assert {name: table[row, column] for name, table in scores.totals.items()} == {n: t.value for n, t in made.totals.items()}
        assert scores.exams[row] == Exam(made.study.source, made.study.patient or "", made.study.timepoint_days)


def test_only_boxes_that_anybody_graded_and_totals_that_anybody_has_are_kept() -> None:
    (scores,) = side_by_side([foot("p1", "anna", 3), foot("p1", "ben", 4)])
    assert {item.region for item in scores.items} == {"foot_left"}
    assert {item.feature for item in scores.items} == {"erosion"}
    assert set(scores.totals) == {"foot_left_erosion"}
    assert scores.totals["foot_left_erosion"].tolist() == [[3, 4]]


def test_an_exam_that_one_did_not_read_is_a_gap_and_is_told() -> None:
    (scores,) = side_by_side([foot("p1", "anna", 1), foot("p2", "anna", 2), foot("p1", "ben", 1)])
    assert scores.read.tolist() == [[True, True], [True, False]]
    assert np.isnan(scores.totals["foot_left_erosion"][1, 1])
    assert np.isnan(scores.grades[1, 1]).all()
    assert scores.notes == ("ben did not read exam p2 day 0 that others read; they are left out of what is said of ben",)


def test_repeats_are_columns_of_their_own_in_the_order_of_their_numbers() -> None:
    (scores,) = side_by_side([foot("p1", "anna", 5, read=2), foot("p1", "anna", 4)])
    assert scores.columns == (Column("anna", 1), Column("anna", 2))
    assert scores.totals["foot_left_erosion"].tolist() == [[4, 5]]


def test_systems_stay_apart_and_patients_in_two_are_told() -> None:
    other = reading("p1", "ben", lambda *_: 1, of="genant")
    first, second = side_by_side([foot("p1", "anna", 1), other])
    assert (first.system, second.system) == ("svdh", "genant")
    assert first.notes[0].startswith("more than one scoring system was used for patient p1")
    assert "(p1: svdh by anna; genant by ben); nothing can be compared there" in first.notes[1]


def test_studies_named_differently_meet_by_visit_and_never_across_visits() -> None:
    anna = [foot("p1", "anna", 1), foot("p1", "anna", 2, timepoint=90)]
    ben = [
        replace(r, study=replace(r.study, source=f"other {i}"))
        for i, r in enumerate((foot("p1", "ben", 3), foot("p1", "ben", 4, timepoint=90)))
    ]
    (scores,) = side_by_side([*anna, *reversed(ben)])
    assert [exam.key for exam in scores.exams] == ["p1, day 0", "p1, day 90"]
    assert scores.totals["foot_left_erosion"].tolist() == [[1, 3], [2, 4]]
    assert "matched by patient and timepoint" in scores.notes[0]


def test_exams_without_a_patient_are_patients_of_their_own() -> None:
    bare = [replace(r, study=replace(r.study, patient=None)) for r in (foot("p1", "anna", 1), foot("p1", "ben", 1), foot("p2", "anna", 1))]
    (scores,) = side_by_side(bare)
    assert scores.patients.tolist() == ["p1 day 0", "p2 day 0"]
    assert "2 exams (p1 day 0, p2 day 0) without a patient" in scores.notes[0]


def test_grades_without_any_total_say_why() -> None:
    """Two of six joints of a foot are too few for its total; the grades remain."""
    sparse = [
        reading("p1", who, lambda site, side, feature: 2 if (site, side, feature) == ("MTP 1", "left", "erosion") else None) for who in "ab"
    ]
    (scores,) = side_by_side(sparse)
    assert not scores.totals
    assert scores.grades.tolist() == [[[2], [2]]]
    assert scores.notes[0].startswith("no reading has a total, so grades alone are compared")


@pytest.mark.parametrize(
    ("readings", "said"),
    [
        ([], "no reading was given; agreement needs those of two readers"),
        ([foot("p1", "anna", 1), foot("p1", "anna", 2)], "p1 day 0: stands twice under svdh for anna, read 1"),
        (
            [foot("p1", "anna", 1), replace(foot("p2", "ben", 1), study=replace(foot("p2", "ben", 1).study, source="p1 day 0"))],
            "p1 day 0: is of patient p1 in one reading and of p2 in that of ben; correct the column patient",
        ),
        (
            [foot("p1", "anna", 1), replace(foot("p1", "ben", 1), study=replace(foot("p1", "ben", 1).study, timepoint_days=None))],
            "its timepoint is 0 in one reading and empty in that of ben; correct the column timepoint",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(readings: list[Reading], said: str) -> None:
    with pytest.raises(InputError, match=said):
        side_by_side(readings)


def test_items_keep_the_order_of_the_score_sheet() -> None:
    (scores,) = side_by_side(simulated(1, ("anna", "ben")))
    order = {item.key: i for i, item in enumerate(system("svdh").items)}
    places = [order[item.key] for item in scores.items]
    assert places == sorted(places)
