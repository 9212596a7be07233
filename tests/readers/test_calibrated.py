"""What a calibrated card makes of a reading, by hand; that it covers fresh patients is in tests/test_calibration.py."""

from dataclasses import replace

import numpy as np
import pytest

from coread.readers.calibrated import CalibratedReader, bounds, group_of, margin_of, recalibrated
from coread.readers.calibration import Calibration, GradeCalibration, TotalCalibration
from coread.reading import Finding, Reading, Total
from coread.stats.recalibrate import OrdinalCalibration
from coread.study import Image, Study
from tests.made_up import FEATURE
from tests.miscalibrated import CARD, PARAMETERS, hospital

TOTAL = "hand_left_narrowing"
BEND = OrdinalCalibration(0.5, -1.0, 9)


def calibration(bend: OrdinalCalibration | None = None, *totals: TotalCalibration, by: str = "", rule: str = "middle") -> Calibration:
    grade = GradeCalibration(FEATURE, "narrowing", bend, rule, 0.9, 30)  # type: ignore[arg-type]
    return Calibration("m", "1", "0" * 64, "x", "r", 30, 30, 0.9, by, 5, 1, "", {}, (grade,), totals)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def reading() -> Reading:
    return hospital(1, 5).made.readings["p0v0.dcm"]


def test_without_a_bend_grades_and_probabilities_stay_and_bounds_move_by_the_margin(reading: Reading) -> None:
    done = recalibrated(reading, calibration(None, TotalCalibration(TOTAL, "", 2.0, 30)), PARAMETERS)
    assert [(f.grade, f.probabilities) for f in done.findings] == [(f.grade, f.probabilities) for f in reading.findings]
    before, after = reading.total(TOTAL), done.total(TOTAL)
    assert before.low is not None
    assert before.high is not None
    assert (after.value, after.low, after.high) == (before.value, max(0, before.low - 2), before.high + 2)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.0, 9.0, (-60.0, 9.0)), (3.0, 60.0, (3.0, 120.0)), (3.0, 9.0, (3.0, 9.0)), (None, None, (5.0, 5.0))],
)
def test_a_bound_at_an_end_of_the_score_never_errs(low: float | None, high: float | None, expected: tuple[float, float]) -> None:
    assert bounds(Total(5.0, 60.0, low, high, None if low is None else 0.9)) == expected


@pytest.mark.parametrize("margin", [1000.0, -1000.0])
def test_bounds_stay_in_the_score_and_hold_its_value(reading: Reading, margin: float) -> None:
    total = recalibrated(reading, calibration(None, TotalCalibration(TOTAL, "", margin, 30)), PARAMETERS).total(TOTAL)
    assert (total.low, total.high) == ((0, total.maximum) if margin > 0 else (total.value, total.value))


def test_a_total_that_was_not_calibrated_loses_its_interval(reading: Reading) -> None:
    total = recalibrated(reading, calibration(None), PARAMETERS).total(TOTAL)
    assert (total.value, total.low, total.high, total.level) == (reading.total(TOTAL).value, None, None, None)


def test_bent_probabilities_give_their_middle_grade_and_the_totals_of_these_grades(reading: Reading) -> None:
    done = recalibrated(reading, calibration(BEND, TotalCalibration(TOTAL, "", 0.0, 30)), PARAMETERS)
    expected = BEND.apply([f.probabilities for f in reading.findings])
    assert np.array([f.probabilities for f in done.findings]) == pytest.approx(expected, abs=2e-3)
    for finding in done.findings:
        assert finding.grade == float(np.searchsorted(np.cumsum(finding.probabilities), 0.5))
        assert finding.interval is not None
        assert finding.interval.low is not None
        assert finding.interval.high is not None
        assert finding.interval.low <= finding.grade <= finding.interval.high
    assert done.total(TOTAL).value == sum(f.grade or 0 for f in done.findings) != reading.total(TOTAL).value


def test_totals_follow_the_grades_also_where_the_card_states_no_correlation(reading: Reading) -> None:
    done = recalibrated(reading, calibration(BEND, TotalCalibration(TOTAL, "", 3.0, 30)), {})
    value = sum(f.grade or 0 for f in done.findings)
    assert value != reading.total(TOTAL).value
    assert (done.total(TOTAL).value, done.total(TOTAL).low, done.total(TOTAL).high) == (value, max(0, value - 3), value + 3)


def test_a_model_with_a_rule_of_its_own_keeps_its_grades(reading: Reading) -> None:
    done = recalibrated(reading, calibration(BEND, rule="kept"), PARAMETERS)
    assert [f.grade for f in done.findings] == [f.grade for f in reading.findings]
    assert done.findings[0].probabilities != reading.findings[0].probabilities


def test_what_has_no_grade_or_no_probabilities_stays_as_it_is(reading: Reading) -> None:
    unread = Finding("MCP 1", "left", FEATURE, unreadable="outside the image")
    bare = replace(reading.findings[1], probabilities=(), interval=None)
    width = Finding("MCP 2", "left", "joint_space_width", value=1.2, unit="mm")
    done = recalibrated(replace(reading, findings=(unread, bare, width), totals={}), calibration(BEND), PARAMETERS)
    assert done.findings == (unread, bare, width)


def study(sex: str | None = None, **facts: str) -> Study:
    image = Image(("y", "x"), (2, 2), lambda: np.zeros((2, 2), np.float32), facts=facts)
    return Study("1.2", (image,), "x.dcm", sex=sex)


MARGINS = (TotalCalibration(TOTAL, "F", 1.0, 30), TotalCalibration(TOTAL, "M", 4.0, 30))
SCANNERS = (TotalCalibration(TOTAL, "DX-D 300", 1.0, 30), TotalCalibration(TOTAL, "Acme Ray 2", 4.0, 30))


@pytest.mark.parametrize(
    ("exam", "by", "group"),
    [
        (study("F"), "sex", "F"),
        (study("O"), "sex", None),
        (study(None), "sex", None),
        (study(model="dx-d 300", manufacturer="Agfa"), "scanner", "DX-D 300"),
        (study(model="Ray 2", manufacturer="ACME"), "scanner", "Acme Ray 2"),
        (study(model="Other", manufacturer="ACME"), "scanner", None),
        (study(), "scanner", None),
    ],
)
def test_the_group_is_what_the_exam_states(exam: Study, by: str, group: str | None) -> None:
    how = calibration(None, *(MARGINS if by == "sex" else SCANNERS), by=by)
    assert group_of(exam, how) == group
    assert margin_of(TOTAL, how, group) == {"F": 1.0, "DX-D 300": 1.0}.get(group or "", 4.0)


def test_an_exam_of_no_known_group_gets_the_widest_interval_and_says_so(reading: Reading) -> None:
    how = calibration(None, *MARGINS, by="sex")

    class Inner:
        card = CARD

        def read(self, exam: Study) -> Reading:
            return reading

        def check(self, exam: Study) -> dict[str, object]:
            return {"readable": True}

    known, unknown = (CalibratedReader(Inner(), how).read(study(sex)) for sex in ("F", None))
    assert unknown.warnings[-1] == "the exam states no sex out of F, M: intervals of totals are the widest of these groups"
    assert known.warnings == reading.warnings
    assert unknown.total(TOTAL).high == (known.total(TOTAL).high or 0) + 3
    assert CalibratedReader(Inner(), how).check(study()) == {"readable": True}
