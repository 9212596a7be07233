"""The page of a change in a real headless browser: no request, no error, by keyboard, on a phone, on paper, readable, without scripts."""

import base64
import subprocess
from itertools import pairwise

import pytest

from coread.change import change
from coread.change_sdc import DetectableChange
from coread.report.change_page import change_page
from tests.programs import program
from tests.report import examples
from tests.report.browser import CONTRAST, WIDER, Browser, Said

ERRORS = [DetectableChange("site.joint_space_narrowing", 1.0, "a trial"), DetectableChange("hands_narrowing", 4.0, "a trial")]
OPEN = "document.querySelector('a[data-joint=site-mcp-2-left]').click()"


def of_visits(count: int, *, judged: bool = True) -> str:
    visits = [examples.visit_of(number, seed, turn) for number, (seed, turn) in enumerate(((1, 0.0), (5, 0.4), (4, 0.0))[:count])]
    return change_page(change([reading for reading, _ in visits], ERRORS if judged else []), [study for _, study in visits])


@pytest.fixture(scope="module")
def series() -> str:
    return of_visits(3)


@pytest.fixture(scope="module")
def pair() -> str:
    return of_visits(2, judged=False)


def test_no_request_and_no_complaint(browser: Browser, series: str) -> None:
    browser.show(series)
    browser.js(OPEN)
    assert browser.js("return document.getElementById('zoom').open")
    assert browser.logs() == Said([], [], [])


def test_every_joint_by_keyboard_and_side_by_side(browser: Browser, series: str) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.show(series)
    reached = []
    for _ in range(60):
        browser.press(Keys.TAB)
        if browser.js("return document.activeElement.matches('#sheet a')"):
            reached.append(browser.focused())
            assert browser.js("return getComputedStyle(document.activeElement).outlineStyle") != "none"
        elif len(reached) > 1:
            break
    assert len(set(reached)) == 30
    browser.js("document.querySelector('a[data-joint=site-mcp-2-left]').focus()")
    browser.press(Keys.ENTER)
    title = "return document.getElementById('zoom-title').textContent"
    assert browser.js(title) == "MCP 2, left"
    boxes = browser.js(
        "return [...document.querySelectorAll('#zoom .close svg')].map((s) => s.getBoundingClientRect()).map((b) => [b.x, b.y, b.width])"
    )
    assert len(boxes) == 3
    assert len({round(y) for _, y, _ in boxes}) == 1
    assert boxes[0][0] < boxes[1][0] < boxes[2][0]
    assert min(width for _, _, width in boxes) > 200
    browser.press(Keys.ARROW_RIGHT)
    assert browser.js(title) == "MCP 2, right" or browser.js(title) == "MCP 3, left"
    browser.press(Keys.ESCAPE)
    assert not browser.js("return document.getElementById('zoom').open")
    assert browser.focused() == "site-mcp-2-left"
    ids = browser.js("return [...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))


ENDS = """
return [...document.querySelectorAll('#site-mcp-2-left .close svg')].map((svg) => {
  const s = svg.getBoundingClientRect(), bone = svg.querySelector('.edge.proximal'), last = bone.points.length - 1;
  const ends = [0, last].map((i) => bone.points[i].matrixTransform(bone.getScreenCTM()));
  return ends.flatMap((p) => [(p.x - s.x) / s.width, (p.y - s.y) / s.height]);
});
"""


def test_the_views_of_a_joint_lie_over_each_other(browser: Browser, series: str) -> None:
    """The end of the bone of a hand that lay turned stands as at the first visit, but for what narrowed."""
    browser.show(series)
    ends = browser.js(ENDS)
    assert len(ends) == 3
    for end in ends[1:]:
        assert end == pytest.approx(ends[0], abs=0.04)
    assert all(0 < place < 1 for place in ends[0])
    assert ends[0][2] - ends[0][0] > 0.4


def test_the_judge_of_alignment_catches(browser: Browser, series: str) -> None:
    turned = series.replace("rotate(-22.92)", "rotate(0)")
    assert turned != series
    browser.show(turned)
    first, second, _ = browser.js(ENDS)
    assert second != pytest.approx(first, abs=0.08)


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
def test_no_sideways_scroll(browser: Browser, series: str, pair: str, width: int) -> None:
    for text in (series, pair):
        browser.show(text, width=width, height=740)
        assert browser.js(WIDER, width) == [width, []]
        browser.js(OPEN)
        assert browser.js(WIDER, width) == [width, []]


def test_on_a_phone_two_visits_stand_side_by_side(browser: Browser, pair: str) -> None:
    browser.show(pair, width=360, height=740)
    browser.js(OPEN)
    first, second = browser.js(
        "return [...document.querySelectorAll('#zoom .close')].map((c) => { const b = c.getBoundingClientRect(); return [b.x, b.y] })"
    )
    assert first[1] == second[1]
    assert first[0] < second[0]
    sizes = browser.js("return [...document.querySelectorAll('#sheet a')].map((a) => a.getBoundingClientRect().height)")
    assert min(sizes) >= 24


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(browser: Browser, series: str, pair: str, scheme: str) -> None:
    for text in (series, pair):
        browser.show(text, prefers_color_scheme=scheme)
        seen, bad = browser.js(CONTRAST)
        assert seen > 300
        assert bad == []


def test_no_call_is_told_by_colour_alone(browser: Browser, series: str) -> None:
    browser.show(series)
    shown = browser.js(
        "const pairs = [...document.querySelectorAll('.legend-line .pair')];"
        "return pairs.map((p) => [p.querySelector('.chip').textContent, p.textContent.trim()])"
    )
    assert len({glyph for glyph, _ in shown}) == len(shown) == 7
    assert all(len(text) > 4 for _, text in shown)


def test_unchanged_joints_can_be_hidden(browser: Browser, series: str) -> None:
    browser.show(series)
    count = "return [...document.querySelectorAll('.grid .joint')].filter((j) => j.getBoundingClientRect().width).length"
    assert browser.js(count) == 30
    still = browser.js("return document.querySelectorAll('.joint.still').length")
    browser.js("document.getElementById('show-still').click()")
    assert browser.js(count) == 30 - still < 30


def test_without_scripts_everything_is_there(browser: Browser, series: str) -> None:
    browser.do("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.show(series)
        from selenium.webdriver.common.by import By

        joint = browser.driver.find_element(By.ID, "site-mcp-2-left")
        assert joint.is_displayed()
        assert "Joint space narrowing: 3 → " in joint.text
        assert not browser.driver.find_element(By.ID, "zoom").is_displayed()
        browser.driver.find_element(By.ID, "show-still").click()
        assert not browser.driver.find_element(By.CSS_SELECTOR, ".joint.still").is_displayed()
    finally:
        browser.do("Emulation.setScriptExecutionDisabled", value=False)


def test_a_screen_reader_finds_its_way(browser: Browser, series: str) -> None:
    browser.show(series)
    nodes = [n for n in browser.do("Accessibility.getFullAXTree")["nodes"] if not n.get("ignored")]
    roles = [n["role"]["value"] for n in nodes]
    names = {role: [n.get("name", {}).get("value", "") for n in nodes if n["role"]["value"] == role] for role in set(roles)}
    for landmark in ("banner", "main", "contentinfo"):
        assert roles.count(landmark) == 1, landmark
    assert all(names["link"])
    assert all(name for role in ("image", "img") for name in names.get(role, []))
    assert any(name.startswith("MCP 2, left, joint space narrowing: 3 to ") for name in names["link"])
    assert any(name.startswith("Hands, narrowing over the visits: day 0: ") for name in names["image"])
    levels = [int(n) for n in browser.js("return [...document.querySelectorAll('main h2, main h3, header h1')].map((h) => h.tagName[1])")]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_on_paper(browser: Browser, series: str) -> None:
    pdftotext = program("pdftotext")
    browser.show(series)
    printed = browser.do("Page.printToPDF", preferCSSPageSize=True, printBackground=False)["data"]
    path = browser.folder / "change.pdf"
    path.write_bytes(base64.b64decode(printed))
    pages = subprocess.run([pdftotext, "-layout", path, "-"], capture_output=True, text=True, check=True).stdout.split("\f")[:-1]
    assert 3 <= len(pages) <= 10
    assert all("Research use, unverified" in text for text in pages)
    whole = "\n".join(pages)
    for told in ("Hands, narrowing", "Course", "within measurement error", "radiocarpal, right", "The film is soft."):
        assert told in whole
    assert "Arrow keys" not in whole
