"""The course of a total: read back from the plot, the numbers are those that went in."""

import pytest

from coread.change import change
from coread.change_sdc import DetectableChange
from coread.report.progression import BOTTOM, HEIGHT, LEFT, RIGHT, WIDTH, Progression, progression
from tests.visits import JSN, hand

NAME = "hand_left_narrowing"
ERROR = DetectableChange(NAME, 2.0, "test")


def course(*visits: tuple[float | None, float | str], error: bool = True) -> Progression | None:
    """The plot of one hand whose MCP joints have this grade; a text hides so many joints that there is no total."""
    readings = []
    for number, (day, grade) in enumerate(visits):
        boxes = {(f"{joint} {n}", JSN): grade for joint in ("MCP", "PIP") for n in range(2, 6)}
        readings.append(hand(boxes, day=day, exam=f"exam {number}"))
    made = change(readings, [ERROR] if error else [])
    return progression(made.total(NAME), [visit.study.timepoint_days for visit in made.visits], "Left hand, narrowing")


def value_at(plot: Progression, y: float) -> float:
    """A height as a number, by the plot's own scale."""
    (low, zero), (high, one) = plot.y_ticks[0], plot.y_ticks[-1]
    return float(zero) + (low - y) / (low - high) * (float(one) - float(zero))


def test_points_stand_at_their_days_and_values() -> None:
    plot = course((0, 1.0), (100, 2.0), (400, 1.0))
    assert plot is not None
    assert plot.by_day
    assert [text for _, _, text in plot.points] == ["8", "16", "8"]
    assert [value_at(plot, y) for _, y, _ in plot.points] == pytest.approx([8, 16, 8], abs=0.1)
    across = WIDTH - LEFT - RIGHT
    assert [x for x, _, _ in plot.points] == pytest.approx([LEFT, LEFT + across / 4, WIDTH - RIGHT], abs=0.1)
    assert plot.band is not None
    assert [value_at(plot, y) for y in plot.band] == pytest.approx([10, 6], abs=0.1)
    assert plot.summary == "Left hand, narrowing over the visits: day 0: 8, day 100: 16, day 400: 8; smallest detectable change 2."


def test_a_visit_without_the_total_interrupts_the_line() -> None:
    plot = course((0, 1.0), (100, 2.0), (200, "hidden"), (300, 1.0), (400, 1.0))
    assert plot is not None
    assert [len(run) for run in plot.runs] == [2, 2]
    assert len(plot.points) == 4


def test_without_days_visits_stand_apart_alike_and_without_an_error_there_is_no_band() -> None:
    plot = course((None, 0.0), (None, 0.0), (None, 0.0), error=False)
    assert plot is not None
    assert not plot.by_day
    first, second, third = (x for x, _, _ in plot.points)
    assert second - first == pytest.approx(third - second, abs=0.11)
    assert [text for _, text in plot.x_ticks] == ["1", "2", "3"]
    assert plot.band is None
    assert {y for _, y, _ in plot.points} == {HEIGHT - BOTTOM}


def test_numbers_below_the_axis_do_not_run_into_each_other() -> None:
    plot = course((0, 1.0), (3, 1.0), (1000, 1.0), (1001, 1.0))
    assert plot is not None
    assert [text for _, text in plot.x_ticks] == ["0", "1000"]


def test_one_point_is_no_course() -> None:
    assert course((0, 1.0), (100, "hidden"), (200, "hidden")) is None
