"""The mean of readers as one reader: by hand, and as a trial would do it, with the error that `coread agree` measured."""

from dataclasses import replace
from pathlib import Path

import pytest

from coread.change import change
from coread.change_panel import mean_of_readers
from coread.change_sdc import panel_reader, read_sdc, reader_name
from coread.errors import InputError
from coread.formats.table import write_table
from coread.reading import ReaderRef, Reading
from coread.run_agree import agree, write_agreement
from coread.run_compare import judged
from tests.score_sheets import left_foot, reading, simulated
from tests.visits import EROSION, JSN, hand

A, B = ReaderRef("person", "Dr A"), ReaderRef("person", "Dr B")
PANEL = "panel:mean of Dr A; Dr B"


def both(day: float, first: dict, second: dict) -> list[Reading]:  # type: ignore[type-arg]
    return [hand(first, day=day, reader=A), hand(second, day=day, reader=B)]


def test_grades_and_totals_are_the_means() -> None:
    readings = both(0, {("MCP 2", JSN): 1.0, ("MCP 3", EROSION): 4.0}, {("MCP 2", JSN): 2.0, ("MCP 3", EROSION): 4.0})
    (mean,) = mean_of_readers(readings)
    assert mean.reader == panel_reader(["Dr B", "Dr A"])
    assert reader_name(mean.reader) == PANEL
    assert {f.site: f.grade for f in mean.findings if f.grade} == {"MCP 2": 1.5, "MCP 3": 4.0}
    for name, total in mean.totals.items():
        assert total.value == sum(r.totals[name].value for r in readings) / 2, name
    assert mean.total("hand_left").value == 5.5


def test_a_box_that_one_did_not_grade_has_no_mean_and_says_whose_it_lacks() -> None:
    (mean,) = mean_of_readers(both(0, {("MCP 2", JSN): 3.0}, {("MCP 2", JSN): "a ring lies over it"}))
    (finding,) = [f for f in mean.at("MCP 2") if f.feature == JSN]
    assert (finding.grade, finding.unreadable) == (None, "not graded by Dr B")
    assert mean.total("hand_left_narrowing").sites_unreadable == 1


def test_change_of_the_mean_is_judged_by_the_error_of_the_mean() -> None:
    """Dr A sees 3 points, Dr B 1: the mean of 2 lies within an error of 2 and beyond one of 1.9; Dr A's own error judges nothing."""
    readings = [*both(0, {}, {}), *both(365, {("MCP 2", JSN): 3.0}, {("MCP 2", JSN): 1.0})]
    for points, call in ((2.0, "within_error"), (1.9, "worse")):
        (given,) = [replace(one, readers=(PANEL, PANEL)) for one in read_sdc(f"hand_left_narrowing={points}")]
        own = replace(given, value=0.1, readers=("Dr A", "Dr A"))
        step = change(mean_of_readers(readings), [given, own]).total("hand_left_narrowing").whole
        assert (step.difference, step.call) == (2.0, call)
        assert step.error is not None
        assert step.error.value == points


def test_three_visits_in_any_order_and_a_site_between_two_grades() -> None:
    readings = [*both(365, {("MCP 2", JSN): 2.0}, {("MCP 2", JSN): 3.0}), *both(0, {}, {}), *both(90, {("MCP 2", JSN): 1.0}, {})]
    made = change(mean_of_readers(readings[::-1]))
    assert made.at("MCP 2", "left", JSN).grades == (0.0, 0.5, 2.5)
    assert [step.direction for step in made.at("MCP 2", "left", JSN).steps] == ["new", "worse"]


def test_from_agreement_to_judged_change(tmp_path: Path) -> None:
    """`coread agree` on thirty patients gives the error of the mean; `coread compare --mean` judges one of them by it.

    The mean's error is the single reader's less the root of 2.
    """
    readings = simulated(30, ("Dr A", "Dr B"), days=(0, 365), seed=4)
    write_table(readings, tmp_path / "scores.csv")
    write_agreement(agree([tmp_path / "scores.csv"]), [tmp_path / "scores.csv"], tmp_path / "agreement")
    known = read_sdc(str(tmp_path / "agreement" / "totals.csv"))
    by = {(one.name, one.readers): one.value for one in known}
    assert by["hands", (PANEL, PANEL)] * 2**0.5 == pytest.approx(by["hands", ("Dr A", "Dr A")])
    assert by["hands", ("Dr A", "Dr A")] == by["hands", ("Dr B", "Dr B")]
    error = by["hands", (PANEL, PANEL)]
    calls = set()
    for name in {one.study.patient for one in readings}:
        made = judged(mean_of_readers([one for one in readings if one.study.patient == name]), known)
        step = made.total("hands").whole
        assert step.error is not None
        assert step.error.value == error
        assert step.difference is not None
        assert (step.call in ("worse", "better")) == (abs(step.difference) > error)
        calls.add(step.call)
    assert {"within_error", "worse"} <= calls


def test_the_published_ratio(tmp_path: Path) -> None:
    """Lassere 1999: 15.5 for one, 11 for the mean of the same two."""
    (tmp_path / "totals.csv").write_text(
        "system,comparison,readers,total,scored,measure,estimate\n"
        "svdh,between readers,Dr A; Dr B,all,change,sdc_95,15.5\n"
        "svdh,between readers,Dr A; Dr B,all,change,sdc_95_mean,11\n"
        "svdh,between readers,Dr A; Dr C,all,change,sdc_95,17\n"
        "svdh,within a reader,Dr A; Dr A,all,change,sdc_95_mean,1\n"
        "svdh,between readers,Dr A; Dr B,all,status,sdd_95,20\n"
        "svdh,between readers,Dr A; Dr B,hands,change,sdc_95,\n"
    )
    known = {one.readers: one.value for one in read_sdc(str(tmp_path / "totals.csv"))}
    assert known == {(PANEL, PANEL): 11, ("Dr A", "Dr A"): 17, ("Dr B", "Dr B"): 15.5, ("Dr C", "Dr C"): 17}, "of two pairs the larger"


@pytest.mark.parametrize(
    ("readings", "said"),
    [
        (both(0, {}, {})[:1], "a mean needs two readers or more, all readings are by Dr A; leave out --mean"),
        ([*both(0, {}, {}), both(365, {}, {})[0]], "day 365: there is no reading by Dr B; the mean is of Dr A, Dr B"),
        ([*both(0, {}, {}), hand({}, day=0, exam="again", reader=A)], r"day 0: two readings by Dr A \(exam 0 and again\)"),
        (
            [both(0, {}, {})[0], reading("P 1", "Dr B", lambda *_: 1, of="larsen")],
            "a mean needs one scoring system, these readings are under larsen, svdh",
        ),
    ],
)
def test_what_has_no_mean(readings: list[Reading], said: str) -> None:
    with pytest.raises(InputError, match=said):
        mean_of_readers(readings)


def test_a_table_of_agreement_without_visits_has_no_change(tmp_path: Path) -> None:
    write_table([reading(f"p{i}", who, left_foot({"MTP 1": i % 3})) for i in range(4) for who in ("Dr A", "Dr B")], tmp_path / "scores.csv")
    write_agreement(agree([tmp_path / "scores.csv"]), [tmp_path / "scores.csv"], tmp_path / "agreement")
    with pytest.raises(InputError, match="holds no smallest detectable change"):
        read_sdc(str(tmp_path / "agreement" / "totals.csv"))


def test_a_person_s_grade_between_two_is_still_refused() -> None:
    """Only a mean may lie between the grades of a scale, and no mean outside it."""
    with pytest.raises(InputError, match=r"MCP 2 .* is 1\.5, expected"):
        hand({("MCP 2", JSN): 1.5}, day=0)
    with pytest.raises(InputError, match=r"MCP 2 .* is 7, expected"):
        hand({("MCP 2", JSN): 7.0}, day=0, reader=ReaderRef("panel", "mean of x"))
