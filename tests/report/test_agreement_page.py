"""The page of an agreement, read back: its numbers are those that were found, and none is missing without a reason."""

import re
from dataclasses import replace

import pytest

from coread.agreement_comparison import Agreement, agreement
from coread.report.agreement_page import agreement_page
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


def test_readings_without_visits_have_no_change() -> None:
    readings = [replace(r, study=replace(r.study, timepoint_days=None)) for r in simulated(5, ("anna", "ben"))]
    page = parse(agreement_page(agreement(readings, plan=FAST)))
    assert "Change, first to last visit" not in page.text
    assert all("change" not in svg.attrs.get("aria-label", "") for svg in page.all("svg"))
