"""The page of an agreement, read back: its numbers are those that were found, and none is missing without a reason."""

import re
from dataclasses import replace

import numpy as np
import pytest

from coread.agreement_comparison import Agreement, agreement
from coread.report.agreement_page import agreement_page
from coread.report.chart import HEIGHT, WIDTH, bland_altman_plot, probability_plot, ticks
from coread.stats.bland_altman import bland_altman
from coread.stats.estimate import Estimate, undefined
from coread.stats.resampling import Plan
from tests.report.markup import Node, outside_references, parse
from tests.score_sheets import left_foot, reading, simulated

FAST = Plan(resamples=200)


@pytest.fixture(scope="module")
def found() -> Agreement:
    return agreement(simulated(12, ("anna", "ben"), (0, 365)), plan=FAST)


@pytest.fixture(scope="module")
def page(found: Agreement) -> Node:
    return parse(agreement_page(found))


def rows_of(table: Node) -> dict[str, list[str]]:
    return {row.one("th").text: [cell.text for cell in row.all("td")] for row in table.one("tbody").all("tr")}


def test_it_asks_nothing_of_the_network(page: Node) -> None:
    assert outside_references(page) == []
    assert page.all("script") == []


def test_the_table_holds_the_numbers_that_were_found(page: Node, found: Agreement) -> None:
    table = page.all("table", cls="plain")[0]
    heads = [head.text for head in table.one("thead").all("th")]
    rows = rows_of(table)
    status = [t for t in found.systems[0].comparisons[0].totals if t.what == "status"]
    assert len(rows) == len(status)
    (hands,) = [t for t in status if t.total == "hands"]
    for head, key in {"ICC(2,1)": "icc_2_1", "Bias": "bias", "SDD, one reader": "sdd_95", "SDC from SEM": "sdc_sem_95"}.items():
        said = rows["Hands"][heads.index(head) - 1].replace("−", "-")
        estimate = hands.estimates[key]
        numbers = [float(n) for n in re.findall(r"-?\d+\.?\d*", said)]
        assert numbers == pytest.approx([estimate.estimate, estimate.low, estimate.high], abs=0.051), head


def test_the_heat_map_is_the_score_sheet_and_adds_up(page: Node, found: Agreement) -> None:
    heat = page.one("table", cls="heat")
    cells = heat.one("tbody").all("td", cls="heat")
    drivers = found.systems[0].comparisons[0].drivers
    assert len(cells) == len(drivers)
    assert sum(float(cell.text) for cell in cells) == pytest.approx(100, abs=0.05 * len(cells))
    (first,) = [cell for cell in cells if cell.attrs["title"].startswith(f"{drivers[0].item.label}:")]
    assert "s12" in first.attrs["class"].split()
    assert float(first.text) == pytest.approx(100 * drivers[0].share.estimate, abs=0.051)


def test_every_figure_is_described(page: Node) -> None:
    drawings = [svg for svg in page.all("svg") if svg.attrs.get("role") == "img"]
    assert len(drawings) == 9 * 3
    assert all(svg.attrs["aria-label"] for svg in drawings)
    assert {"Bland-Altman plot of 24 pairs" in s.attrs["aria-label"] for s in drawings} == {True, False}
    assert any("cumulative probability of change, 12 patients" in s.attrs["aria-label"] for s in drawings)


def test_what_is_missing_has_its_reason() -> None:
    made = agreement(
        [reading(f"p{i}", who, left_foot({})) for i in range(5) for who in ("anna", "ben")],
        plan=FAST,
    )
    page = parse(agreement_page(made))
    assert "nan" not in page.text.casefold().split()
    assert "no ICC: all scores are the same" in page.text
    assert "No kappa: both readers gave one and the same grade throughout" in page.text
    assert "there is no difference anywhere" in page.text
    missing = page.all("details", cls="reasons-of")
    assert missing
    assert "Foot left" not in missing[0].text  # totals have names in words
    assert "Left foot, erosion, ICC(2,1)" in missing[0].text


def test_names_from_a_file_do_no_harm() -> None:
    readings = simulated(4, ("<script>alert(1)</script>", 'ben" onload="x'))
    page = parse(agreement_page(agreement(readings, plan=FAST)))
    assert outside_references(page) == []
    assert "<script>alert(1)</script>" in page.text


def test_three_readers_have_a_way_to_each_comparison() -> None:
    page = parse(agreement_page(agreement(simulated(5, ("anna", "ben", "cleo"), (0, 365)), plan=FAST)))
    targets = [a.attrs["href"].removeprefix("#") for a in page.one("nav").all("a")]
    sections = [s.attrs["id"] for s in page.all("section", cls="comparison")]
    assert targets == sections
    assert len(targets) == 4
    ids = [node.attrs["id"] for node in page.all() if "id" in node.attrs]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3, 17), (2.2, 2.9), (0, 448), (-0.1, 0.1), (5, 5), (-1000, 3)])
def test_ticks_are_round_and_hold_the_range(low: float, high: float) -> None:
    found = ticks(low, high)
    steps = np.diff(found)
    assert found[0] <= low <= high <= found[-1]
    assert np.allclose(steps, steps[0])
    assert float(f"{steps[0]:.0e}".split("e")[0]) in (1, 2, 3, 5)  # 2.5 rounds to 2 or 3
    assert 2 <= len(found) <= 9


def test_points_and_limits_stand_where_they_should() -> None:
    """Heights in the drawing are linear in the score, downwards; equal points are one larger point."""
    scores = np.array([[0, 4], [10, 6], [5, 5], [5, 5]], float)
    limits = bland_altman(scores[:, 0], scores[:, 1])
    estimates = {"bias": limits.bias, "limit_low": limits.lower, "limit_high": limits.upper}
    drawn = bland_altman_plot(scores, ("anna", "ben"), estimates, "Hands")
    heights = dict(zip([-4, 0, 4], [y for _, y, _ in sorted(drawn.dots, key=lambda d: -d[1])], strict=True))
    zero, bias = (next(line.y for line in drawn.lines if line.kind == kind) for kind in ("zero", "bias"))
    assert heights[0] == zero == bias
    assert heights[-4] - heights[0] == pytest.approx(heights[0] - heights[4], abs=0.11)
    assert max(r for _, _, r in drawn.dots) > min(r for _, _, r in drawn.dots)
    assert len(drawn.dots) == 3
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y, _ in drawn.dots)


def test_a_probability_curve_rises_and_holds_every_patient() -> None:
    changes = np.array([[3, 1], [0, 0], [-2, 1], [8, 10]], float)
    sdc = Estimate(2.0, 1.0, 3.0, 0.95, 4, "")
    drawn = probability_plot(changes, ("anna", "ben"), sdc, "Hands")
    assert [curve.name for curve in drawn.curves] == ["mean of the readers", "anna", "ben"]
    for curve in drawn.curves:
        points = np.array([[float(n) for n in point.split(",")] for point in curve.points.split()])
        assert len(points) == 4
        assert (np.diff(points[:, 0]) > 0).all()
        assert (np.diff(points[:, 1]) <= 0).all()  # up is smaller
    assert "50 % got worse" in drawn.summary
    assert [line.kind for line in drawn.lines] == ["zero", "limit", "limit"]
    assert [line.kind for line in probability_plot(changes, ("a", "b"), undefined("none", 4, 0.95, ""), "Hands").lines] == ["zero"]


def test_readings_without_visits_have_no_change() -> None:
    readings = [replace(r, study=replace(r.study, timepoint_days=None)) for r in simulated(5, ("anna", "ben"))]
    page = parse(agreement_page(agreement(readings, plan=FAST)))
    assert "Change, first to last visit" not in page.text
    assert all("change" not in svg.attrs.get("aria-label", "") for svg in page.all("svg"))
