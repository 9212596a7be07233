"""Change against pairs made by hand, whose every class is known; its symmetry; and the error's exact boundary."""

from dataclasses import replace

import numpy as np
import pytest

from coread.change import CALLS, Change, change
from coread.change_sdc import DetectableChange
from coread.errors import InputError
from coread.reading import Finding, ReaderRef, Reading
from coread.reading_totals import with_totals
from coread.scoring import system
from tests.visits import AFTER, BEFORE, EROSION, JSN, SITE_ERROR, hand, reading


@pytest.fixture(scope="module")
def pair() -> Change:
    return change([hand(BEFORE, day=0), hand(AFTER, day=365)], [SITE_ERROR])


@pytest.mark.parametrize(
    ("site", "call", "direction", "difference"),
    [
        ("MCP 2", "new", "new", 2.0),
        ("MCP 3", "worse", "worse", 2.0),
        ("MCP 4", "better", "better", -2.0),
        ("MCP 5", "unchanged", "unchanged", 0.0),
        ("PIP 2", "within_error", "worse", 1.0),
        ("PIP 3", "untold", None, None),
    ],
)
def test_every_class_of_change_at_a_site(pair: Change, site: str, call: str, direction: str | None, difference: float | None) -> None:
    whole = pair.at(site, "left", JSN).whole
    assert (whole.call, whole.direction, whole.difference) == (call, direction, difference)


def test_an_unreadable_site_says_at_which_visit_and_why_and_takes_no_part_in_the_total(pair: Change) -> None:
    ring = pair.at("PIP 3", "left", JSN)
    assert ring.grades == (None, 4.0)
    assert ring.whole.reason == "visit 1: a ring lies over it"
    narrowing = pair.total("hand_left_narrowing")
    # By hand: 0+1+3+2+1 = 7 and 2+3+1+2+2 = 10 over the sites graded twice; the 4 of PIP 3 is no rise.
    assert [total and total.value for total in narrowing.totals] == [7.0, 14.0]
    assert (narrowing.whole.difference, narrowing.whole.left_out) == (3.0, 1)


def test_no_error_known_calls_nothing_real() -> None:
    found = change([hand(BEFORE, day=0), hand(AFTER, day=365)])
    calls = {one.whole.call for one in (*found.sites, *found.totals)}
    assert calls == {"error_unknown", "unchanged", "untold"}
    assert found.at("MCP 2", "left", JSN).whole.direction == "new"
    assert any(note.startswith("Measurement error not known") for note in found.notes)
    assert any("3.1 points" in note for note in found.notes)


@pytest.mark.parametrize(("points", "call"), [(4, "within_error"), (5, "within_error"), (6, "worse")])
def test_a_change_equal_to_the_smallest_detectable_one_lies_within(points: int, call: str) -> None:
    rises = {(f"MCP {n}", JSN): 1.0 for n in range(1, 6)} | {("PIP 2", JSN): float(points - 5)} if points >= 5 else {("MCP 1", JSN): 4.0}
    error = DetectableChange("hand_left_narrowing", 5.0, "test")
    up = change([hand({}, day=0), hand(rises, day=90)], [error]).total("hand_left_narrowing").whole
    down = change([hand(rises, day=0), hand({}, day=90)], [error]).total("hand_left_narrowing").whole
    assert (up.difference, up.call) == (points, call)
    assert (down.difference, down.call) == (-points, call.replace("worse", "better"))


@pytest.mark.parametrize("seed", range(5))
def test_swapping_the_visits_swaps_worse_and_better(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = (
        {
            (item.site, item.feature): "hidden" if rng.random() < 0.05 else float(rng.integers(0, 5))
            for item in system("svdh").items
            if item.region == "hand_left"
        }
        for _ in range(2)
    )
    errors = [SITE_ERROR, DetectableChange("hand_left_narrowing", 3, "t"), DetectableChange("hand_left", 6, "t")]
    there = change([hand(first, exam="a"), hand(second, exam="b")], errors)
    back = change([hand(second, exam="b"), hand(first, exam="a")], errors)
    swapped = {"new": "better", "worse": "better", "better": "worse"}
    for one, other in [*zip(there.sites, back.sites, strict=True), *zip(there.totals, back.totals, strict=True)]:
        forth, home = one.whole, other.whole
        assert swapped.get(forth.call, forth.call) == home.call.replace("new", "worse")
        assert forth.left_out == home.left_out
        assert forth.difference is home.difference is None or forth.difference == -home.difference  # type: ignore[operator]


def test_a_series_has_its_steps_and_the_whole() -> None:
    visits = [hand({("MCP 2", JSN): grade}, day=day) for day, grade in ((0, 0.0), (180, 3.0), (360, 1.0))]
    found = change(visits, [DetectableChange("hand_left_narrowing", 1.5, "test"), SITE_ERROR])
    total = found.total("hand_left_narrowing")
    assert [(s.start, s.end, s.difference, s.call) for s in total.steps] == [(0, 1, 3.0, "worse"), (1, 2, -2.0, "better")]
    assert (total.whole.start, total.whole.end, total.whole.call) == (0, 2, "within_error")
    assert sum(found.counts.values()) == len(found.sites)
    assert tuple(found.counts) == CALLS


def test_visits_are_put_in_the_order_of_their_days() -> None:
    found = change([hand(AFTER, day=365), hand(BEFORE, day=0)])
    assert [visit.study.timepoint_days for visit in found.visits] == [0, 365]
    assert "put in the order of their days" in found.notes[0]
    as_given = change([hand(AFTER, exam="late"), hand(BEFORE, exam="early")])
    assert [visit.study.source for visit in as_given.visits] == ["late", "early"]
    assert "stand in the order given" in as_given.notes[0]


def test_a_region_that_one_visit_lacks_is_told_and_not_compared() -> None:
    both = hand({}, day=365)
    right = tuple(replace(finding, side="right") for finding in both.findings)
    found = change([hand({}, day=0), with_totals(replace(both, findings=both.findings + right))])
    assert found.at("MCP 2", "right", JSN).whole.reason == "visit 1: hand right not imaged or scored"
    assert found.total("hands").whole.call == "untold"
    assert found.total("hands").whole.reason == "visit 1 has no such total"
    assert any("visit 1 shows hand left; visit 2 shows hand left and hand right" in note for note in found.notes)


def test_readers_that_differ_are_told() -> None:
    found = change([hand({}, day=0), hand({}, day=9, reader=ReaderRef("person", "Dr B"))])
    assert any("not read by one reader (person Dr A, person Dr B)" in note for note in found.notes)
    models = [hand({}, day=day, reader=ReaderRef("model", "m", version)) for day, version in ((0, "1"), (9, "2"))]
    assert any("model m 1, model m 2" in note for note in change(models).notes)


def test_the_error_of_the_pair_that_read_is_taken_before_that_of_anyone() -> None:
    errors = [DetectableChange("hand_left", 9, "anyone"), DetectableChange("hand_left", 1, "these", ("Dr B", "Dr A"))]
    visits = [hand({}, day=0), hand({("MCP 2", JSN): 2.0}, day=9, reader=ReaderRef("person", "Dr B"))]
    assert change(visits, errors).total("hand_left").whole.call == "worse"
    alone = [visits[0], replace(visits[1], reader=visits[0].reader)]
    assert change(alone, errors).total("hand_left").whole.call == "within_error"
    assert change(alone, errors[1:]).total("hand_left").whole.call == "error_unknown"


def test_too_many_sites_without_a_pair_leave_no_total() -> None:
    first, second = ({(f"{joint} {n}", JSN): "hidden" for n in (2, 3)} for joint in ("MCP", "PIP"))
    rule = system("svdh").totals["hand_left_narrowing"]
    assert rule.unreadable_allowed < 4
    found = change([hand(dict([*first.items()][: rule.unreadable_allowed]), day=0), hand(dict([*second.items()][:1]), day=9)])
    whole = found.total("hand_left_narrowing").whole
    assert whole.call == "untold"
    assert "too few sites have a grade at both visits" in (whole.reason or "")


right_hand = reading(tuple(replace(finding, side="right") for finding in hand({}).findings), day=9)


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (hand({}, day=9, patient="P 2"), "different patients cannot be compared: exam 0 is of P 1, exam 9 is of P 2"),
        (reading((Finding("MCP 2", "left", EROSION, grade=1),), day=9, system="sens"), "different scoring systems"),
        (right_hand, "visit 1 (exam 0) shows hand left, visit 2 (exam 9) shows hand right: nothing can be compared"),
        (hand({}, day=0, exam="again"), "are both of day 0"),
        (hand({}, exam="exam 0"), "are readings of one exam"),
    ],
    ids=["patient", "system", "side", "day", "exam"],
)
def test_what_cannot_be_compared_is_refused(other: Reading, says: str) -> None:
    with pytest.raises(InputError) as caught:
        change([hand({}, day=0), other])
    assert says in str(caught.value)


def test_days_that_contradict_the_order_given_are_refused() -> None:
    with pytest.raises(InputError, match="contradict the order given"):
        change([hand({}, day=90), hand({}, exam="b"), hand({}, day=0, exam="c")])


@pytest.mark.parametrize(
    ("errors", "says"),
    [
        (
            [DetectableChange("hand", 1, "sdc.csv")],
            "sdc.csv: svdh has no score 'hand' for a smallest detectable change; did you mean hands",
        ),
        ([DetectableChange("hands", 1, "x"), DetectableChange("hands", 2, "x")], "is given twice, as 1 and 2"),
    ],
)
def test_an_error_of_no_score_or_given_twice_is_refused(errors: list[DetectableChange], says: str) -> None:
    with pytest.raises(InputError) as caught:
        change([hand({}, day=0), hand({}, day=9)], errors)
    assert says in str(caught.value)


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
def test_an_error_that_is_no_number_from_0_is_refused(value: float) -> None:
    with pytest.raises(InputError, match="must be a number from 0"):
        DetectableChange("hands", value, "--sdc")


def test_an_error_of_a_score_that_no_visit_has_and_a_reader_whose_error_is_not_known_are_told() -> None:
    errors = [DetectableChange("hands", 5.0, "--sdc"), DetectableChange("hand_left", 5.0, "sdc.csv", ("Dr. A", "Dr. A"))]
    notes = change([hand(BEFORE, day=0), hand(AFTER, day=9)], errors).notes
    assert "No visit has hands: the smallest detectable change of it judges nothing." in notes
    assert any("for who read them (Dr A)" in note for note in notes)


def test_one_visit_is_no_change() -> None:
    with pytest.raises(InputError, match="two visits or more, got 1"):
        change([hand({})])


def test_what_nobody_assesses_is_not_counted() -> None:
    visits = [
        reading(
            (Finding("MCP 2", "left", JSN, grade=0), Finding("MCP 2", "left", EROSION, unreadable="not assessed: not this model")), day=day
        )
        for day in (0, 9)
    ]
    found = change(visits)
    assert len(found.sites) == 2
    assert sum(found.counts.values()) == 1
