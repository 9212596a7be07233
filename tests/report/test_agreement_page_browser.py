"""The page of an agreement in a real browser: no request, no error, on a phone, by keyboard, on paper, readable contrast."""

import base64
import re
import subprocess
from itertools import pairwise

import pytest

from coread.agreement_comparison import agreement
from coread.report.agreement_page import agreement_page
from coread.stats.resampling import Plan
from tests.programs import program
from tests.report.browser import CONTRAST, WIDER, Browser, Said
from tests.score_sheets import simulated


@pytest.fixture(scope="module")
def html() -> str:
    return agreement_page(agreement(simulated(15, ("anna", "ben", "a reader of a rather long name"), (0, 365)), plan=Plan(resamples=200)))


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
def test_no_request_no_complaint_no_sideways_scroll(browser: Browser, html: str, width: int) -> None:
    browser.show(html, width=width, height=740)
    assert browser.js(WIDER, width) == [width, []]
    browser.js("for (const d of document.querySelectorAll('details')) d.open = true")
    assert browser.js(WIDER, width) == [width, []]
    assert browser.logs() == Said([], [], [])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(browser: Browser, html: str, scheme: str) -> None:
    browser.show(html, prefers_color_scheme=scheme)
    seen, bad = browser.js(CONTRAST)
    assert seen > 1000
    assert bad == []


def test_the_judge_of_contrast_catches_a_heat_map_in_one_ink(browser: Browser, html: str) -> None:
    browser.show(html)
    browser.js("for (const c of document.querySelectorAll('td.heat')) c.style.color = '#0e1216'")
    assert browser.js(CONTRAST)[1] != []


def test_tables_scroll_by_keyboard_and_links_lead_to_comparisons(browser: Browser, html: str) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.show(html, width=360, height=740)
    reached, links = set(), set()
    for _ in range(60):
        browser.press(Keys.TAB)
        links.add(browser.js("const e = document.activeElement; return e.matches('nav a') ? e.hash : ''"))
        name = browser.js("const e = document.activeElement; return e.matches('.scroll') ? e.getAttribute('aria-labelledby') : ''")
        if name:
            reached.add(name)
    assert links - {""} == {f"#comparison-{i}" for i in range(1, 5)}
    assert {f"{table}-comparison-1" for table in ("t1", "t2", "g1", "g2", "heat", "drive")} <= reached
    browser.js("document.querySelector('nav a[href=\"#comparison-2\"]').click()")
    assert abs(browser.js("return document.getElementById('comparison-2').getBoundingClientRect().top")) < 40


def test_figures_are_images_with_names_for_a_screen_reader(browser: Browser, html: str) -> None:
    browser.show(html)
    nodes = [n for n in browser.do("Accessibility.getFullAXTree")["nodes"] if not n.get("ignored")]
    names = [n.get("name", {}).get("value", "") for n in nodes if n["role"]["value"] in ("image", "img")]
    assert any("Bland-Altman plot" in name for name in names)
    assert all(names)
    roles = [n["role"]["value"] for n in nodes]
    assert (roles.count("main"), roles.count("banner"), roles.count("contentinfo")) == (1, 1, 1)
    levels = [int(n) for n in browser.js("return [...document.querySelectorAll('h1, h2, h3')].map((h) => h.tagName[1])")]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_on_paper(browser: Browser, html: str) -> None:
    program("pdftotext")
    browser.show(html)
    printed = base64.b64decode(browser.do("Page.printToPDF", preferCSSPageSize=True, printBackground=False)["data"])
    path = browser.folder / "agreement.pdf"
    path.write_bytes(printed)
    text = subprocess.run([program("pdftotext"), "-layout", path, "-"], capture_output=True, text=True, check=True).stdout
    assert "The sites that drive it" in text
    assert "Better by more" in text  # the last column of the widest table is on the paper
    assert "Figures of the other totals" not in text
    box = subprocess.run([program("pdftotext"), "-bbox", path, "-"], capture_output=True, text=True, check=True).stdout
    rights = [float(x) for x in re.findall(r'xMax="([\d.]+)"', box)]
    assert max(rights) < 595 - 13 * 72 / 25.4 + 1  # A4 less its margin
