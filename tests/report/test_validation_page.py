"""The page is read back with a parser and opened in a browser."""

import pytest

from coread.report.checklists import Facts, filled
from coread.report.validation_page import Imprint, validation_page
from coread.validation import Validation, validate
from coread.validation_pairs import Made
from tests.made_up import MadeUp, make_up, read_by
from tests.report.browser import CONTRAST, WIDER, Browser
from tests.report.markup import Node, outside_references, parse

HOSTILE = "<script>alert('N')</script>"
FACTS = Facts("a model", ("some hands",), ("feet",), "everything", "coread 1", "over patients")


@pytest.fixture(scope="module")
def made_up() -> MadeUp:
    return make_up(45, centre=lambda n: (HOSTILE, "S", "E")[n % 3], sex=lambda n: "FM"[n // 3 % 2])


@pytest.fixture(scope="module")
def validation(made_up: MadeUp) -> Validation:
    def answer(member, grade):  # type: ignore[no-untyped-def]
        return None if member.patient == "p0" else min(4, grade + 1) if member.facts["centre"] == "S" else grade

    return validate(made_up.cohort, Made("m", "1", read_by(made_up, answer, 3), {}))


@pytest.fixture(scope="module")
def html(validation: Validation) -> str:
    return validation_page(validation, filled(validation, FACTS), Imprint("1", f"coread validate {HOSTILE}", True))


@pytest.fixture(scope="module")
def page(html: str) -> Node:
    return parse(html)


def test_it_asks_for_nothing_and_text_stays_text(page: Node, html: str) -> None:
    assert not outside_references(page)
    assert not page.all("script")
    assert HOSTILE not in html
    assert HOSTILE in page.text


def test_every_figure_and_gap_of_the_validation_stands_in_it(page: Node, validation: Validation) -> None:
    short, groups = page.all("section")[:2]
    rows = [[cell.text for cell in row.all("td")] for row in short.all("tr") if row.all("td")]
    assert sorted((r[0], r[1]) for r in rows) == sorted((m.measure, m.of) for m in validation.everything.measures)
    kappa = next(m for m in validation.everything.measures if m.measure == "kappa, quadratic weights")
    told = next(r for r in rows if r[0] == kappa.measure)
    assert told[2] == f"{kappa.value.estimate:.3g}"
    assert told[3] == f"{kappa.value.low:.3g} to {kappa.value.high:.3g}"
    assert told[4:] == [str(kappa.patients), str(kappa.cases)]
    assert len(groups.one("tbody").all("tr")) == len(validation.gaps)
    assert groups.all("tr", cls="found"), "the shifted centre"
    assert "outside the image" in page.text
    assert "simulated" in page.one("header").text


def test_small_groups_have_hollow_marks(page: Node) -> None:
    forest = page.all("section")[1].all("svg")[0]
    assert len(forest.all("circle", cls="small")) == 3, "three centres of 15"
    assert len(forest.all("circle", cls="dot")) == 3, "everything and both sexes"


def test_a_point_of_the_difference_plot_stands_at_its_place(page: Node, validation: Validation) -> None:
    plot = next(figure.one("svg") for figure in page.all("figure") if "limits of agreement" in figure.one("figcaption").text)
    (total,) = validation.totals
    heights = [float(point.attrs["cy"]) for point in plot.all("circle", cls="point")]
    difference = total.value - total.reference
    assert len(heights) == len(difference)
    zero = {h for h, d in zip(heights, difference, strict=True) if d == 0}
    assert len(zero) == 1
    assert all(h < min(zero) for h, d in zip(heights, difference, strict=True) if d > 0), "up is more"


def test_checklists_say_what_a_person_must_write(page: Node) -> None:
    lists = page.all("details")
    assert [part.one("summary").text.split(":")[0] for part in lists] == ["TRIPOD+AI", "CLAIM 2024"]
    ethics = next(row for row in lists[0].all("tr") if "ethical approval" in row.text)
    assert [cell.text for cell in ethics.all("td")][2] == "–"
    assert "committee" in ethics.text


def test_in_a_browser(browser: Browser, html: str) -> None:
    for scheme in ("light", "dark"):
        browser.show(html, prefers_color_scheme=scheme)
        said = browser.logs()
        assert not said.asked
        assert not said.complaints
        seen, bad = browser.js(CONTRAST)
        assert seen > 100
        assert not bad
    browser.show(html, width=390)
    width, wide = browser.js(WIDER, 390)
    assert width <= 390, wide
