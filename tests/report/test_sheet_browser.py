"""The score sheet in a real browser: copied, downloaded, edited into a corrected reading; outlines on and off; what was corrected."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from coread.formats.corrected import open_correction
from coread.formats.table import open_readings, table_text
from coread.reading import Before, Finding, Reading
from coread.reading_signature import signed
from coread.report.page import page
from coread.study import Study
from tests.report.browser import CONTRAST, WIDER, Browser, Said

SHOWN = "return [...document.querySelectorAll(arguments[0])].filter((e) => e.getClientRects().length).length"


@pytest.fixture(scope="module")
def html(corrected_hand: tuple[Reading, Study]) -> str:
    return page(*corrected_hand)


@pytest.fixture
def downloads(browser: Browser, tmp_path: Path) -> Path:
    browser.do("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    return tmp_path


def _arrived(path: Path) -> str:
    for _ in range(100):
        if path.is_file() and path.stat().st_size:
            return path.read_text(encoding="utf-8")
        time.sleep(0.05)
    raise AssertionError(f"{path.name} never came; there is {[p.name for p in path.parent.iterdir()]}")


def _choose(browser: Browser, site: str, feature: str, grade: str) -> None:
    browser.js(
        "const s = [...document.querySelectorAll('td select')].find((e) => e.parentElement.dataset.site === arguments[0]"
        " && e.parentElement.dataset.feature === arguments[1]);"
        "s.value = arguments[2]; s.dispatchEvent(new Event('change', {bubbles: true}))",
        site, feature, grade,
    )  # fmt: skip


def _say(browser: Browser, reason: str) -> None:
    browser.js("const i = document.querySelector('#edit-list input'); i.value = arguments[0]; i.dispatchEvent(new Event('input'))", reason)


def _click(browser: Browser, id: str) -> None:
    browser.js("document.getElementById(arguments[0]).click()", id)


def test_the_downloaded_sheet_is_the_table_of_the_reading(
    browser: Browser, corrected_hand: tuple[Reading, Study], html: str, downloads: Path
) -> None:
    browser.show(html)
    _click(browser, "sheet-save")
    text = _arrived(downloads / "readings.csv")
    assert text == table_text([corrected_hand[0]])
    bare = tuple(replace(f, probabilities=(), interval=None, evidence=None, was=None) for f in corrected_hand[0].findings)
    assert open_readings(downloads / "readings.csv")[0].findings == bare


def test_copy_puts_the_table_on_the_clipboard(browser: Browser, corrected_hand: tuple[Reading, Study], html: str) -> None:
    browser.do("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    browser.show(html)
    browser.js("document.getElementById('sheet-copy').focus()")
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    browser.press(Keys.ENTER)
    time.sleep(0.3)
    assert browser.js("return document.getElementById('sheet-said').textContent") == "Copied."
    pasted = browser.js("const t = document.createElement('textarea'); document.body.append(t); t.focus(); t.id = 'pasted'; return t.value")
    assert pasted == ""
    ActionChains(browser.driver).key_down(Keys.CONTROL).send_keys("v").key_up(Keys.CONTROL).perform()
    assert browser.js("return document.getElementById('pasted').value") == table_text([corrected_hand[0]])


def test_edited_grades_come_back_as_the_corrected_reading(
    browser: Browser, corrected_hand: tuple[Reading, Study], html: str, downloads: Path
) -> None:
    browser.show(html)
    _click(browser, "sheet-edit")
    save = "return document.getElementById('edit-save').disabled"
    assert browser.js(save)
    _choose(browser, "MCP 2", "erosion", "4")
    _choose(browser, "MCP 5", "erosion", "")
    assert browser.js(save), "a site is not readable for a reason"
    _say(browser, 'the "ring", again')
    _choose(browser, "PIP 2", "erosion", "1")
    assert not browser.js(save)
    assert browser.js("return [...document.querySelectorAll('#edit-list li')].map((e) => e.textContent)") == [
        "MCP 2, left, erosion: grade 2 → grade 4",
        "MCP 5, left, erosion: grade 0 → not readable, because ",
        "PIP 2, left, erosion: not readable, a ring lies over it → grade 1",
    ]
    _click(browser, "edit-save")
    _arrived(downloads / "readings-corrected.csv")
    new = open_correction(downloads / "readings-corrected.csv", corrected_hand[0], "Dr B")
    changed = {f.site: (f.grade, f.unreadable, f.was) for f in new.findings if f.was}
    assert changed == {
        "MCP 2": (4.0, None, Before(grade=2.0)),
        "MCP 5": (None, 'the "ring", again', Before(grade=0.0)),
        "PIP 2": (1.0, None, Before(unreadable="a ring lies over it")),
    }
    assert browser.logs() == Said([], [], [])


def test_an_edit_taken_back_is_no_edit(browser: Browser, html: str) -> None:
    browser.show(html)
    _click(browser, "sheet-edit")
    _choose(browser, "MCP 2", "erosion", "4")
    _choose(browser, "MCP 2", "erosion", "2")
    assert browser.js("return document.querySelectorAll('#edit-list li, select.changed').length") == 0
    _choose(browser, "MCP 2", "erosion", "4")
    _choose(browser, "ulna", "erosion", "0")
    _click(browser, "edit-undo")
    assert browser.js("return document.querySelectorAll('#edit-list li, select.changed').length") == 0
    assert browser.js("return document.querySelector('td[data-site=ulna] select').value") == "2"
    assert browser.js("return document.getElementById('edit-save').disabled")
    assert browser.js(SHOWN, ".sheet select") == 31
    _click(browser, "sheet-edit")
    assert browser.js(SHOWN, ".sheet select") == 0


def test_every_select_by_keyboard_with_its_name(browser: Browser, html: str) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.show(html)
    _click(browser, "sheet-edit")
    browser.js("document.querySelector('.sheet select').focus()")
    named = []
    for _ in range(31):
        named.append(browser.js("return document.activeElement.getAttribute('aria-label')"))
        browser.press(Keys.TAB)
    assert len(set(named)) == 31
    assert {"MCP 2, left, erosion", "CMC 5, left, joint space narrowing"} <= set(named)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_and_width_while_editing(browser: Browser, html: str, scheme: str) -> None:
    for width in (320, 360, 1280):
        browser.show(html, width=width, prefers_color_scheme=scheme)
        _click(browser, "sheet-edit")
        _choose(browser, "MCP 2", "erosion", "4")
        _choose(browser, "MCP 5", "erosion", "")
        assert browser.js(WIDER, width) == [width, []]
        assert browser.js(CONTRAST)[1] == []


def test_the_outline_is_switched_in_the_page_and_in_the_dialog(browser: Browser, html: str) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.show(html)
    assert browser.js(SHOWN, "main polygon.lesion") == 8  # four outlines, each drawn twice
    browser.js("document.querySelector('[data-joint=site-mcp-2-left]').focus()")
    browser.press(Keys.ENTER)
    assert browser.js(SHOWN, "#zoom polygon.lesion") == 2
    browser.press(Keys.TAB)
    assert browser.focused() == "zoom-lesions"
    browser.press(Keys.SPACE)
    assert browser.js(SHOWN, "polygon.lesion") == 0
    assert not browser.js("return document.getElementById('show-lesions').checked")
    browser.press(Keys.ESCAPE)
    browser.do("Emulation.setEmulatedMedia", media="print")
    try:
        assert browser.js(SHOWN, "main polygon.lesion") == 8, "on paper nothing can be switched on again"
        assert browser.js(SHOWN, ".tools") == 0
    finally:
        browser.do("Emulation.setEmulatedMedia", media="")


def test_the_outline_lies_where_the_lesion_is(browser: Browser, corrected_hand: tuple[Reading, Study], html: str) -> None:
    """By the box that the browser draws it in, against the pixels of the crop below it."""
    browser.show(html)
    (finding,) = [f for f in corrected_hand[0].at("MCP 2", "left") if f.feature == "erosion"]
    assert finding.evidence is not None
    xs, ys = zip(*finding.evidence.lesions_px[0], strict=True)
    seen = browser.js(
        "const j = document.getElementById('site-mcp-2-left');"
        "const l = j.querySelector('polygon.lesion').getBBox(), i = j.querySelector('image');"
        "const [x, y, w, h] = ['x', 'y', 'width', 'height'].map((n) => Number(i.getAttribute(n)));"
        "return [l.x - x, l.y - y, l.width, l.height, w, h, x, y]"
    )
    assert seen[:4] == pytest.approx([min(xs) - seen[6], min(ys) - seen[7], max(xs) - min(xs), max(ys) - min(ys)], abs=0.11)
    assert 0 <= seen[0] <= seen[4] - seen[2]
    assert 0 <= seen[1] <= seen[5] - seen[3]


def test_what_was_corrected_is_told(browser: Browser, corrected_hand: tuple[Reading, Study], html: str) -> None:
    browser.show(html)
    said = browser.js("return document.querySelector('.changes').innerText")
    assert "By Dr Ada Example, against reading 2.25.1234567890" in said
    rows = browser.js("return [...document.querySelectorAll('.changes tbody tr')].map((r) => r.innerText)")
    assert rows[0].split("\t") == ["MCP 3, left", "erosion", "grade 3", "grade 1"]
    assert "not readable, a ring lies over it" in rows[1]
    assert browser.js("return document.querySelector('td[data-site=\\'MCP 3\\'][data-feature=erosion] small').innerText") == "was 3"
    banner = "return document.querySelector('.banner').innerText"
    assert "not signed yet" in browser.js(banner)
    browser.show(page(signed(corrected_hand[0], "2.25.8", "Dr B", "2026-03-05T09:00:00+00:00"), corrected_hand[1]))
    assert (
        browser.js(banner)
        == "Signed reading · signed by Dr B on 2026-03-05 09:00 UTC · Reader Dr Ada Example, correcting 3 findings of an earlier reading"
    )


def test_a_reading_of_strange_words_keeps_them(browser: Browser, corrected_hand: tuple[Reading, Study], downloads: Path) -> None:
    reading, study = corrected_hand
    strange = '</textarea><script>document.title="taken"</script>, "a"\u2028 & b'
    findings = (Finding("MCP 1", "left", "erosion", unreadable=strange), *reading.findings[1:])
    browser.show(page(replace(reading, findings=findings, study=replace(reading.study, source='a,\n"b".dcm')), study))
    assert browser.driver.title != "taken"
    _click(browser, "sheet-save")
    _arrived(downloads / "readings.csv")
    (found,) = open_readings(downloads / "readings.csv")
    assert found.findings[0].unreadable == strange
    assert found.study.source == 'a,\n"b".dcm'
