"""Numbers and names in the words of a report; the page and the PDF share them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from coread.reading import Before, Finding, Interval, Reading, Total
from coread.scoring import ScoringSystem

DECIMALS: Mapping[str, int] = {"mm": 2, "%": 0, "deg": 0, "mL": 2}
UNITS: Mapping[str, str] = {"deg": "°", "%": " %"}
SIDE_SOURCES: Mapping[str, str] = {
    "tag": "from the file's tags",
    "sidecar": "from the sidecar file",
    "marker": "from the marker in the image",
    "anatomy": "by anatomy, no marker could be read",
}
ABBREVIATIONS = frozenset({"mcp", "sij"})
UNVERIFIED = "Research use, unverified"


def number(value: float, unit: str | None = None) -> str:
    """A number with the decimals that its unit deserves; grades and totals without trailing zeros."""
    if unit is not None and unit in DECIMALS:
        return f"{value:.{DECIMALS[unit]}f}".replace("-", "−")
    return f"{round(value, 1):g}".replace("-", "−")


def rounded(value: float, digits: int) -> str:
    """A number with as many decimals, a true minus sign, and no minus before a zero."""
    return f"{value:z.{digits}f}".replace("-", "−").replace("inf", "∞")


def quantity(value: float, unit: str) -> str:
    """A number and its unit."""
    return number(value, unit) + UNITS.get(unit, f" {unit}")


def interval(of: Interval | Total | None, unit: str | None = None) -> str:
    """``31–44, 90 %``, or nothing where no interval was measured."""
    if of is None or of.low is None or of.high is None:
        return ""
    level = f", {round(of.level * 100)} %" if of.level else ""
    return f"{number(of.low, unit)}–{number(of.high, unit)}{level}"


def total_text(total: Total) -> str:
    """``37 (31–44, 90 %) of 140``."""
    bounds = interval(total)
    return f"{number(total.value)}{f' ({bounds})' if bounds else ''} of {number(total.maximum)}"


def region_words(region: str) -> str:
    """``hand_left`` as ``left hand``; names of joints in capitals."""
    words = [word.upper() if word in ABBREVIATIONS else word for word in region.split("_")]
    if words[-1] in ("left", "right"):
        words = [words[-1], *words[:-1]]
    return " ".join(words)


def total_words(name: str, system: ScoringSystem) -> str:
    """The name of a total in words: ``hand_left_erosion`` as ``Left hand, erosion``; ``all`` as ``All sites``."""
    if name == "all":
        return "All sites"
    stems = {*system.regions, *(sided[0] for known in system.totals if (sided := re.match(r"[a-z]+_(left|right)(?=_|$)", known)))}
    for stem in sorted(stems, key=len, reverse=True):
        if name == stem or name.startswith(stem + "_"):
            rest = name[len(stem) + 1 :].replace("_", " ")
            return sentence(region_words(stem) + (f", {rest}" if rest else ""))
    first, _, rest = name.partition("_")
    return sentence(("all sites" if first == "all" else region_words(first)) + (f", {rest.replace('_', ' ')}" if rest else ""))


def warning_words(text: str, system: ScoringSystem) -> str:
    """A warning as a sentence; one about totals (``hand_left, hand_left_erosion: ...``) with their names in words."""
    names, colon, rest = text.partition(": ")
    known = names.split(", ")
    if not colon or not all(name in system.totals for name in known):
        return sentence(text)
    words = [total_words(name, system) for name in known]
    return "; ".join([words[0], *(word[:1].lower() + word[1:] for word in words[1:])]) + f": {rest}"


def feature_words(feature: str, system: ScoringSystem) -> str:
    """A feature's or measurement's name as the system gives it."""
    known = system.features.get(feature) or system.measurements.get(feature)
    return known.name if known else feature.replace("_", " ")


def place_words(site: str, side: str | None) -> str:
    """``MCP 2, left``."""
    return f"{site}, {side}" if side else site


def key_of(site: str, side: str | None) -> str:
    """A name for links inside the page, out of letters, digits and hyphens."""
    return "site-" + re.sub(r"[^a-z0-9]+", "-", f"{site} {side or ''}".lower()).strip("-")


def sentence(text: str) -> str:
    """The text with its first letter raised; abbreviations stay as they are."""
    return text[:1].upper() + text[1:]


def status_words(reading: Reading) -> str:
    """The banner: unverified until a person signs."""
    return UNVERIFIED if reading.status != "signed" else "Signed reading"


def signature_words(reading: Reading) -> str:
    """``signed by Dr A on 2026-03-02 10:00 UTC+01:00``; empty where nobody signed."""
    if reading.signature is None:
        return ""
    try:
        moment = datetime.fromisoformat(reading.signature.at)
        when = f"{moment:%Y-%m-%d %H:%M} {moment.tzname() or ''}".rstrip()
    except ValueError:
        when = reading.signature.at
    return f"signed by {reading.signature.by} on {when}"


def said_words(said: Finding | Before) -> str:
    """A grade, a measurement or the reason for neither, in words; ``no finding`` for none of them."""
    if said.grade is not None:
        return f"grade {said.grade:g}"
    if said.value is not None:
        return quantity(said.value, said.unit or "")
    return "no finding" if said.unreadable is None else f"not readable, {said.unreadable}"


def reader_words(reading: Reading) -> str:
    """Who read, with version, and that an earlier reading was corrected where one was."""
    kind = {"model": "Model", "person": "Reader", "panel": "Panel"}[reading.reader.kind]
    who = f"{kind} {reading.reader.id}" + (f" {reading.reader.version}" if reading.reader.version else "")
    changed = sum(finding.was is not None for finding in reading.findings)
    return who + (f", correcting {changed} finding{'s' if changed > 1 else ''} of an earlier reading" if changed else "")


def doubt_of(finding: Finding, grades: tuple[float, ...]) -> tuple[str, float | None]:
    """How sure the stated grade is: ``sure`` (80 % and more), ``likely`` (50 % and more), ``unsure``, and its probability.

    A grade without probabilities, such as a person's, is drawn like a sure one and has no number.
    """
    if finding.grade is None or len(finding.probabilities) != len(grades) or finding.grade not in grades:
        return "sure", None
    share = finding.probabilities[grades.index(finding.grade)]
    # By the whole per cent that is shown beside it, so that 80 % never stands beside a mark for less.
    shown = round(share * 100)
    return ("sure" if shown >= 80 else "likely" if shown >= 50 else "unsure"), share


def percent(share: float) -> str:
    """A probability in whole per cent; a small one that is not 0 as ``< 1 %``."""
    return "< 1 %" if 0 < share < 0.005 else f"{round(share * 100)} %"


def measured_text(finding: Finding) -> str:
    """A measurement with its unit and interval, or why there is none."""
    if finding.value is None or finding.unit is None:
        return f"not measured: {finding.unreadable}"
    bounds = interval(finding.interval, finding.unit)
    return quantity(finding.value, finding.unit) + (f" ({bounds})" if bounds else "")
