"""The page in a real headless browser: no request, no error, by keyboard, on a phone, on paper, readable contrast, without scripts."""

import base64
import re
import subprocess
import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from coread.reading import Reading
from coread.report.page import page
from coread.study import Study
from tests.programs import program
from tests.report.browser import CONTRAST, WIDER, Browser, Said


@pytest.fixture(scope="module")
def html(two_hands: tuple[Reading, Study]) -> str:
    return page(*two_hands)


@pytest.fixture(scope="module")
def single(one_hand: tuple[Reading, Study]) -> str:
    return page(*one_hand)


def test_no_request_and_no_complaint(browser: Browser, html: str) -> None:
    browser.show(html)
    browser.js("document.querySelector('a.mark').dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))")
    assert browser.js("return document.getElementById('zoom').open")
    assert browser.js("return [...document.images].every((i) => i.complete && i.naturalWidth > 0)")
    assert browser.logs() == Said([], [], [])


def test_the_policy_stops_a_request_and_without_it_the_judge_sees_one(browser: Browser, html: str) -> None:
    asking = html.replace("<main>", '<main><img src="http://coread.invalid/a.png" alt="">', 1)
    browser.show(asking)
    time.sleep(0.2)
    said = browser.logs()
    assert "http://coread.invalid/a.png" in said.asked
    assert said.passed == []
    assert any("Content Security Policy" in message for message in said.complaints)
    browser.show(asking.replace('http-equiv="Content-Security-Policy"', 'name="nothing"'))
    time.sleep(0.2)
    assert "http://coread.invalid/a.png" in browser.logs().passed


def test_a_strange_script_or_style_does_nothing(browser: Browser, html: str) -> None:
    browser.show(html.replace("<main>", "<main><script>document.title='taken'</script><style>main{display:none}</style>", 1))
    assert browser.driver.title != "taken"
    assert browser.js("return getComputedStyle(document.querySelector('main')).display") != "none"
    assert browser.logs().complaints != []


def test_every_site_by_keyboard(browser: Browser, html: str) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.show(html)
    order = []
    for _ in range(60):
        browser.press(Keys.TAB)
        if browser.js("return document.activeElement.matches('a.mark')"):
            order.append(browser.focused())
            assert browser.js("return getComputedStyle(document.activeElement.querySelector('.hit')).strokeWidth") == "3px"
        elif order:
            break
    assert len(order) == 30
    assert set(order) == set(browser.js("return [...document.querySelectorAll('a.mark')].map((m) => m.dataset.joint)"))


def test_arrows_walk_over_the_hand(browser: Browser, html: str) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.show(html)
    browser.js("document.querySelector('[data-joint=site-mcp-3-left]').focus()")
    walked = []
    for key in (Keys.ARROW_RIGHT, Keys.ARROW_LEFT, Keys.ARROW_LEFT, Keys.ARROW_UP):
        browser.press(key)
        walked.append(browser.focused())
    assert walked == ["site-mcp-2-left", "site-mcp-3-left", "site-mcp-4-left", "site-pip-4-left"]


def test_enter_opens_the_joint_and_escape_closes_it(browser: Browser, html: str) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.show(html)
    browser.js("document.querySelector('[data-joint=site-mcp-2-left]').focus()")
    browser.press(Keys.ENTER)
    assert browser.js("return document.getElementById('zoom').open")
    title = "return document.getElementById('zoom-title').textContent"
    assert browser.js(title) == "MCP 2, left"
    inside = browser.js("return document.querySelector('#zoom .body').innerText")
    assert "less than 50 % of the original joint space left" in inside
    assert (
        browser.js("const s = document.querySelector('#zoom .close svg').getBoundingClientRect(); return Math.min(s.width, s.height)") > 300
    )
    assert browser.focused() == "zoom-title"
    browser.press(Keys.ARROW_RIGHT)
    assert browser.js(title) == "MCP 3, left"
    browser.press(Keys.ESCAPE)
    assert not browser.js("return document.getElementById('zoom').open")
    assert browser.focused() == "site-mcp-2-left"
    ids = browser.js("return [...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
def test_no_sideways_scroll(browser: Browser, html: str, single: str, width: int) -> None:
    for text in (html, single):
        browser.show(text, width=width, height=740)
        assert browser.js(WIDER, width) == [width, []]
        browser.js("document.querySelector('a.mark').dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))")
        assert browser.js(WIDER, width) == [width, []]


def test_the_sheet_of_both_hands_fits_a_phone(browser: Browser, html: str) -> None:
    browser.show(html, width=360, height=740)
    sheet, room = browser.js("return ['.sheet', '#sheet .scroll'].map((s) => document.querySelector(s).getBoundingClientRect().width)")
    assert sheet <= room + 0.5


def test_the_judge_of_sideways_scroll_catches(browser: Browser, html: str) -> None:
    browser.show(html.replace("<main>", '<main><svg width="500" height="5"></svg>', 1), width=360)
    scroll, wider = browser.js(WIDER, 360)
    assert scroll > 360
    assert any(name.startswith("svg") for name in wider)


def test_marks_keep_their_size_for_a_finger(browser: Browser, html: str) -> None:
    for width in (360, 1280):
        browser.show(html, width=width)
        sizes = browser.js("return [...document.querySelectorAll('.hit')].map((c) => c.getBoundingClientRect().width)")
        assert len(sizes) == 30
        assert 24 <= min(sizes) <= max(sizes) <= 34


def test_a_mark_stands_on_its_pixel(browser: Browser, two_hands: tuple[Reading, Study], html: str) -> None:
    browser.show(html)
    (finding,) = [f for f in two_hands[0].at("PIP 3", "right") if f.feature == "joint_space_narrowing"]
    assert finding.evidence is not None
    assert finding.evidence.center_px is not None
    mark = browser.js(
        "const r = document.querySelector('[data-joint=site-pip-3-right] .aim').getBoundingClientRect();"
        "const i = document.querySelectorAll('.stage img')[1].getBoundingClientRect();"
        "return [(r.x + r.width / 2 - i.x) / i.width, (r.y + r.height / 2 - i.y) / i.height]"
    )
    left = browser.js("return document.querySelectorAll('svg.marks')[1].viewBox.baseVal.x")
    column, row = finding.evidence.center_px
    assert mark[0] == pytest.approx((column - left) / (1700 - (left + 0.5)), abs=0.002)
    assert mark[1] == pytest.approx((row + 0.5) / 1260, abs=0.002)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(browser: Browser, html: str, single: str, scheme: str) -> None:
    for text in (html, single):
        browser.show(text, prefers_color_scheme=scheme)
        seen, bad = browser.js(CONTRAST)
        assert seen > 400
        assert bad == []


def test_the_judge_of_contrast_catches(browser: Browser, html: str) -> None:
    browser.show(html)
    browser.js("document.querySelector('.brand').style.color = '#9bb'")
    browser.js("document.querySelector('a.mark text').style.fill = '#777'")
    assert len(browser.js(CONTRAST)[1]) == 2


def test_features_can_be_hidden(browser: Browser, html: str) -> None:
    browser.show(html)
    shown = "return [...document.querySelectorAll('a.mark')].filter((m) => m.getBoundingClientRect().width).length"
    assert browser.js(shown) == 30
    browser.js("document.getElementById('show-zero').click()")
    damaged = browser.js("return document.querySelectorAll('a.mark:not(.s0)').length")
    assert browser.js(shown) == damaged < 30
    browser.js("document.getElementById('show-f0').click()")
    assert browser.js(shown) == 0


def test_invert_and_contrast_change_the_image_alone(browser: Browser, html: str) -> None:
    browser.show(html)
    browser.js("document.getElementById('invert').click()")
    assert browser.js("return getComputedStyle(document.querySelector('.stage img')).filter") == "contrast(1) invert(1)"
    assert browser.js("return getComputedStyle(document.querySelector('.marks')).filter") == "none"


def test_it_moves_only_where_motion_is_wanted(browser: Browser, html: str) -> None:
    for wish, name in (("reduce", "none"), ("no-preference", "rise")):
        browser.show(html, prefers_reduced_motion=wish)
        browser.js("document.querySelector('a.mark').dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))")
        assert browser.js("return getComputedStyle(document.getElementById('zoom')).animationName") == name


def test_without_scripts_everything_is_there(browser: Browser, single: str) -> None:
    browser.do("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.show(single)
        tree = browser.do("Accessibility.getFullAXTree")["nodes"]
        from selenium.webdriver.common.by import By

        joint = browser.driver.find_element(By.ID, "site-mcp-2-left")
        assert joint.is_displayed()
        assert "less than 50 %" in joint.text
        assert not browser.driver.find_element(By.ID, "zoom").is_displayed()
        assert not browser.driver.find_element(By.ID, "invert").is_displayed()
        browser.driver.find_element(By.ID, "show-f0").click()
        assert not browser.driver.find_element(By.CSS_SELECTOR, "a.mark .badge").is_displayed()
    finally:
        browser.do("Emulation.setScriptExecutionDisabled", value=False)
    assert any(node.get("role", {}).get("value") == "table" for node in tree)


def test_a_screen_reader_finds_its_way(browser: Browser, html: str) -> None:
    browser.show(html)
    nodes = [n for n in browser.do("Accessibility.getFullAXTree")["nodes"] if not n.get("ignored")]
    roles = [n["role"]["value"] for n in nodes]
    names = {role: [n.get("name", {}).get("value", "") for n in nodes if n["role"]["value"] == role] for role in set(roles)}
    for landmark in ("banner", "main", "contentinfo"):
        assert roles.count(landmark) == 1, landmark
    assert all(names["link"])
    assert all(name for role in ("image", "img") for name in names.get(role, []))
    assert "MCP 2, left, joint space narrowing: grade 3, 58 % sure" in names["link"]
    assert "MCP 2" in names["rowheader"]
    assert {"Left", "Right"} <= set(names["columnheader"])
    levels = [int(n) for n in browser.js("return [...document.querySelectorAll('main h2, main h3, header h1')].map((h) => h.tagName[1])")]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert browser.js("return document.documentElement.lang") == "en"


def _pages(browser: Browser, pdf: Callable[[str], str]) -> list[str]:
    printed = base64.b64decode(browser.do("Page.printToPDF", preferCSSPageSize=True, printBackground=False)["data"])
    path = browser.folder / "print.pdf"
    path.write_bytes(printed)
    info = subprocess.run([pdf("pdfinfo"), path], capture_output=True, text=True, check=True).stdout
    assert "(A4)" in info
    return subprocess.run([pdf("pdftotext"), "-layout", path, "-"], capture_output=True, text=True, check=True).stdout.split("\f")[:-1]


def test_on_paper(browser: Browser, single: str) -> None:
    program("pdftotext")
    browser.show(single)
    pages = _pages(browser, program)
    assert 3 <= len(pages) <= 6
    for number, text in enumerate(pages, 1):
        assert "Research use, unverified" in text
        assert re.search(rf"{number} ?/ ?{len(pages)}\n", text)
    whole = "\n".join(pages)
    assert "invert" not in whole
    assert "Arrow keys" not in whole
    assert pages[0].count("scaphotrapeziotrapezoid") == 1
    assert "Hand, sum" in pages[0]
    for joint in ("MCP 1, left", "radiocarpal, left"):
        assert joint in whole


def test_the_judge_of_paper_catches_a_page_without_banner(browser: Browser) -> None:
    program("pdftotext")
    browser.show("<!doctype html><title>x</title><style>@page{size:A4}</style><p>nothing</p>")
    assert not any("Research use, unverified" in text for text in _pages(browser, program))
