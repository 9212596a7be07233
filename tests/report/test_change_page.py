"""The page of a change says what the change says, and asks nothing of the network; judged from the file alone."""

import json
import math
import re
from dataclasses import replace

import jsonschema
import numpy as np
import pytest

from coread.change import Change, change
from coread.change_json import SCHEMA_FILE, change_object
from coread.change_sdc import DetectableChange
from coread.reading import Finding, ReaderRef, Reading, StudyRef
from coread.reading_signature import signed
from coread.report.change_page import change_page
from coread.scoring import system, systems
from coread.study import Study
from tests.report import examples
from tests.report.markup import Node, outside_references, parse
from tests.visits import AFTER, BEFORE, JSN, SITE_ERROR, hand, reading

ERRORS = [
    DetectableChange(f"site.{JSN}", 1.0, "a trial of 40 patients"),
    DetectableChange("hands_narrowing", 4.0, "a trial of 40 patients"),
]
TURN = 0.4
VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA_FILE.read_text()))


@pytest.fixture(scope="module")
def visits() -> list[tuple[Reading, Study]]:
    return [examples.visit_of(0, 1), examples.visit_of(1, 5, TURN), examples.visit_of(2, 4)]


@pytest.fixture(scope="module")
def series(visits: list[tuple[Reading, Study]]) -> Change:
    return change([reading for reading, _ in visits], ERRORS)


@pytest.fixture(scope="module")
def tree(series: Change, visits: list[tuple[Reading, Study]]) -> Node:
    return parse(change_page(series, [study for _, study in visits]))


def test_it_asks_for_nothing_outside(tree: Node) -> None:
    assert outside_references(tree) == []


def test_the_judge_of_outside_requests_catches(series: Change) -> None:
    html = change_page(series).replace("<main>", '<main><img src="https://example.org/a.png">', 1)
    assert outside_references(parse(html)) != []


def test_the_sheet_says_what_the_change_says(tree: Node, series: Change) -> None:
    table = tree.one("table", cls="sheet")
    sides = [th.text.lower() for th in table.one("thead").all("tr")[0].all("th")]
    told = {}
    for row in table.one("tbody").all("tr"):
        for side, cell in zip(sides, row.all("td"), strict=True):
            told[row.one("th").text, side] = (
                cell.one(cls="grades").text,
                cell.one(cls="chip").attrs["class"].split()[1],
                cell.one("a").attrs["aria-label"],
            )
    assessed = [one for one in series.sites if one.assessed]
    assert len(told) == len(assessed) == 30
    for one in assessed:
        grades, call, spoken = told[one.site, str(one.side)]
        assert grades == " → ".join("n" if grade is None else f"{grade:g}" for grade in one.grades)
        assert call == f"c-{one.whole.call}"
        assert spoken.startswith(f"{one.site}, {one.side}, joint space narrowing: ")
    assert {one.whole.call for one in assessed} >= {"new", "worse", "better", "within_error", "unchanged", "untold"}
    assert "Not assessed at any visit: erosion" in table.one("caption").text


def test_totals_and_their_course(tree: Node, series: Change) -> None:
    row = next(row for row in tree.one("table", cls="change-totals").all("tr") if row.text.startswith("Hands, narrowing"))
    total = series.total("hands_narrowing")
    values = [cell.one("strong").text for cell in row.all("td")[:3]]
    assert values == [f"{one.value:g}" for one in total.totals if one]
    assert row.all("td")[3].text == f"{total.whole.difference:+g}".replace("-", "−")
    assert "smallest detectable change 4" in row.all("td")[4].text
    assert len(row.all("li")) == 2
    course = tree.one("section", cls="course").all("svg")
    said = ", ".join(f"day {day}: {value}" for day, value in zip((0, 180, 360), values, strict=True))
    assert course[0].attrs["aria-label"] == f"Hands, narrowing over the visits: {said}; smallest detectable change 4."
    assert len(course[0].all(cls="band")) == 1
    assert "a trial of 40 patients" in tree.one("section", cls="origin").text


def test_each_joint_stands_beside_itself_turned_as_at_the_first_visit(tree: Node) -> None:
    joint = next(article for article in tree.all("article") if article.attrs["id"] == "site-mcp-2-left")
    views = joint.all("figure", cls="visit")
    assert [view.one("strong").text for view in views] == ["Visit 1, day 0", "Visit 2, day 180", "Visit 3, day 360"]
    turns = [float(m.group(1)) for view in views if (m := re.match(r"rotate\((.*?)\)", view.one("g").attrs["transform"]))]
    assert turns == pytest.approx([0, -math.degrees(TURN), 0], abs=0.01)
    assert all(view.one("image").attrs["href"].startswith("data:image/jpeg;base64,") for view in views)
    assert len(tree.all("article")) == 30


def test_a_pair_has_no_course_and_shows_without_pixels(visits: list[tuple[Reading, Study]]) -> None:
    made = change([reading for reading, _ in visits[:2]])
    tree = parse(change_page(made))
    assert tree.all("section", cls="course") == []
    assert tree.all("image") == []
    assert "changed, measurement error not known" in tree.one(cls="counts").text
    assert "worse" not in tree.one(cls="counts").text
    assert "Measurement error not known" in tree.one("section", cls="warnings").text


def test_one_visit_without_pixels_says_so(visits: list[tuple[Reading, Study]], series: Change) -> None:
    tree = parse(change_page(series, [visits[0][1], None, visits[2][1]]))
    assert len(tree.one(cls="joints").all(cls="no-picture")) == 30
    assert len(tree.all("image")) == 60
    assert [len(figure.all("img")) for figure in tree.one(cls="exams").all("figure")] == [1, 0, 1]


def test_a_persons_sheets_without_places() -> None:
    tree = parse(change_page(change([hand(BEFORE, day=0), hand(AFTER, day=365)], [SITE_ERROR])))
    assert "a ring lies over it" in next(a for a in tree.all("article") if a.attrs["id"] == "site-pip-3-left").text
    assert tree.one(cls="banner").text == "Research use, unverified"


def test_signed_readings_are_said_to_be_signed() -> None:
    pair = [
        signed(hand(grades, day=day), f"2.25.{day}", "Dr A", "2026-03-02T10:00:00+01:00") for day, grades in ((1, BEFORE), (365, AFTER))
    ]
    assert parse(change_page(change(pair))).one(cls="banner").text == "Signed readings"
    half = parse(change_page(change([pair[0], hand(AFTER, day=365)])))
    assert half.one(cls="banner").text == "Research use, unverified"
    assert "signed by Dr A on 2026-03-02" in half.one("section", cls="origin").text


def test_text_from_a_file_stays_text() -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
    pair = [
        replace(
            hand({("MCP 2", JSN): evil}, day=day),
            study=StudyRef(evil + str(day), patient=evil, timepoint_days=day),
            warnings=(evil,),
            uid=evil + str(day),
            reader=ReaderRef("model", evil, evil),
        )
        for day in (0.0, 9.0)
    ]
    tree = parse(change_page(change(pair, [DetectableChange("hand_left", 1, evil)])))
    assert outside_references(tree) == []
    assert len(tree.all("script")) == 1
    assert tree.all("img") == []
    assert "<script>alert(1)</script>" in tree.one(cls="facts").text


@pytest.mark.parametrize("of", systems())
def test_every_system_has_a_page_whose_boxes_are_all_told(of: str) -> None:
    rng = np.random.default_rng(3)
    visits = [
        reading(tuple(Finding(*item.key, grade=float(rng.choice(item.grades))) for item in system(of).items), day=day, system=of)
        for day in (0, 90)
    ]
    made = change(visits)
    tree = parse(change_page(made))
    assert outside_references(tree) == []
    assert len(tree.one("table", cls="sheet").all(cls="grades")) == len(system(of).items) == len(made.sites)
    assert len(tree.one("table", cls="change-totals").one("tbody").all("tr")) == len(system(of).totals)
    VALIDATOR.validate(change_object(made))
