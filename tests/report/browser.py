"""A real headless browser that opens pages from files, and what the tests ask it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.programs import program

OWN_ADDRESS = ("data:", "file:///", "about:")
CONTRAST = """
const lin = (v) => (v /= 255, v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
const parts = (c) => { const m = c.match(/[\\d.]+/g).map(Number); return [m[0], m[1], m[2], m[3] === undefined ? 1 : m[3]]; };
const light = (c) => 0.2126 * lin(c[0]) + 0.7152 * lin(c[1]) + 0.0722 * lin(c[2]);
const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
const ground = (e) => {
  const layers = [];
  for (; e; e = e.parentElement) {
    const c = parts(getComputedStyle(e).backgroundColor);
    if (c[3] > 0) layers.push(c);
    if (c[3] === 1) break;
  }
  return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
};
const bad = [];
let seen = 0;
for (const e of document.querySelectorAll("body *")) {
  const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  const box = e.getBoundingClientRect();
  if (!own || !box.width || e.closest("script,style,title,.unseen,.skip,dialog:not([open])")) continue;
  const style = getComputedStyle(e);
  if (style.visibility === "hidden") continue;
  const svg = e.ownerSVGElement;
  const mark = e.closest("a.mark");
  const ink = parts(svg ? style.fill : style.color);
  const below = mark ? parts(getComputedStyle(mark.querySelector(".badge")).fill) : ground(svg ? svg.parentElement : e);
  const [a, b] = [light(over(ink, below)), light(below)].sort((x, y) => y - x);
  const ratio = (a + 0.05) / (b + 0.05);
  const size = parseFloat(style.fontSize);
  const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  seen += 1;
  const name = `${e.tagName} ${e.className.baseVal ?? e.className} ${e.textContent.trim().slice(0, 30)}`;
  if (ratio < (large ? 3 : 4.5)) bad.push(`${name} ${ratio.toFixed(2)}`);
}
return [seen, bad];
"""
WIDER = """
const wide = [...document.querySelectorAll("body *")].filter((e) => {
  const box = e.getBoundingClientRect();
  return box.width && box.right > arguments[0] + 0.5 && !e.ownerSVGElement && !e.closest(".scroll,.unseen,.skip,dialog:not([open])");
});
return [document.documentElement.scrollWidth, wide.map((e) => e.tagName + " " + (e.className.baseVal ?? e.className)).slice(0, 5)];
"""


@dataclass
class Said:
    asked: list[str]
    passed: list[str]
    complaints: list[str]


@dataclass
class Browser:
    driver: Any
    folder: Path
    opened: int = 0

    def show(self, html: str, width: int = 1280, height: int = 900, **media: str) -> None:
        self.do("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)
        self.do("Emulation.setEmulatedMedia", features=[{"name": k.replace("_", "-"), "value": v} for k, v in media.items()])
        self.opened += 1
        path = self.folder / f"page{self.opened}.html"
        path.write_text(html, encoding="utf-8")
        self.logs()
        self.driver.get(path.as_uri())

    def do(self, command: str, **arguments: Any) -> Any:
        return self.driver.execute_cdp_cmd(command, arguments)

    def js(self, code: str, *arguments: Any) -> Any:
        return self.driver.execute_script(code, *arguments)

    def press(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver, duration=0).send_keys(*keys).perform()

    def logs(self) -> Said:
        """What the page asked for since the last call, what of it was let through, and the complaints of the console."""
        asked: dict[str, str] = {}
        stopped = set()
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                asked[message["params"]["requestId"]] = message["params"]["request"]["url"]
            elif message["method"] == "Network.loadingFailed" and message["params"].get("blockedReason") == "csp":
                stopped.add(message["params"]["requestId"])
        outside = {key: url for key, url in asked.items() if not url.startswith(OWN_ADDRESS)}
        entries = self.js("return performance.getEntriesByType('resource').map((e) => e.name)")
        return Said(
            asked=[*outside.values(), *(url for url in entries if not url.startswith(OWN_ADDRESS))],
            passed=[url for key, url in outside.items() if key not in stopped],
            complaints=[entry["message"] for entry in self.driver.get_log("browser")],
        )

    def focused(self) -> str:
        return str(self.js("const e = document.activeElement; return e.dataset.joint || e.id || e.tagName"))


@contextmanager
def running_browser(folder: Path) -> Iterator[Browser]:
    chromium, chromedriver = program("chromium"), program("chromedriver")
    webdriver = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    quiet = "no-sandbox disable-gpu disable-quic no-first-run disable-background-networking disable-component-update disable-sync"
    for argument in ("headless=new", "hide-scrollbars", *quiet.split(), f"user-data-dir={folder / 'profile'}", "window-size=1280,900"):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(chromedriver))
    try:
        yield Browser(driver, folder)
    finally:
        driver.quit()
