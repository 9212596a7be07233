"""The change between visits as one self-contained HTML page, with the exams side by side joint by joint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from coread.change import CALLS, Change, SiteChange, Step, TotalChange
from coread.reading import Reading, Total
from coread.report import palette, words
from coread.report.aligned import HALF, aligned
from coread.report.closeup import Closeup, Points, closeup, unit_of
from coread.report.page import part
from coread.report.picture import Bytes, flat, overview
from coread.report.policy import policy
from coread.report.progression import progression
from coread.report.view import Joint, shown
from coread.scoring import ScoringSystem, system
from coread.study import Study

if TYPE_CHECKING:
    from jinja2 import Template

GLYPHS = {"new": "+", "worse": "▲", "better": "▼", "within_error": "≈", "error_unknown": "?", "unchanged": "=", "untold": "–"}
MEANINGS = {
    "new": "new",
    "worse": "worse",
    "better": "better",
    "within_error": "within measurement error",
    "error_unknown": "changed, measurement error not known",
    "unchanged": "unchanged",
    "untold": "cannot be told",
}
PLOTTED = 4


def change_page(change: Change, studies: Sequence[Study | None] = ()) -> str:
    """The HTML of a change: totals, their course, the score sheet, and each joint at all visits side by side.

    Like the page of a reading it asks nothing of the network and says all it has to say without JavaScript.

    Args:
        change: what is shown.
        studies: the exam of each visit, for its pixels; None, or an empty sequence, where they are not at hand.

    Raises:
        InputError: an image cannot be decoded.
    """
    from markupsafe import Markup

    by = system(change.system)
    exams = tuple(studies) or (None,) * len(change.visits)
    pixels = [[flat(image) for image in study.images] if study else [] for study in exams]
    joints = _joints(change, exams, pixels, by)
    status = "Signed readings" if all(visit.status == "signed" for visit in change.visits) else words.UNVERIFIED
    footer = f'@page{{@bottom-left{{content:"Coread · {status}"}}}}'
    style = "\n".join((part("page.css"), part("change.css"), palette.css(), footer))
    script = part("page.js")
    pictured = any(figure["picture"] for joint in joints for figure in joint["figures"])
    return _template().render(
        system=by,
        change=change,
        status=status,
        visits=[_visit(number, reading, study) for number, (reading, study) in enumerate(zip(change.visits, exams, strict=True), 1)],
        series=len(change.visits) > 2,
        totals=[_total(one, by) for one in change.totals],
        plots=_plots(change, by) if len(change.visits) > 2 else [],
        sheet=_sheet(change, by, {joint["key"] for joint in joints}),
        films=_films(change, pixels),
        joints=joints,
        pictured=pictured,
        half=HALF,
        counts=[(call, GLYPHS[call], MEANINGS[call], count) for call, count in change.counts.items() if count],
        legend=[(call, GLYPHS[call], MEANINGS[call]) for call in CALLS],
        notes=change.notes,
        reading_notes=_reading_notes(change, exams, by),
        policy=policy(style, script),
        style=Markup(style),
        script=Markup(script),
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {"number": words.number, "sentence": words.sentence}
    return environment.from_string(part("change.html"))


def day_words(reading: Reading, study: Study | None = None) -> str:
    """``day 180`` or the date of the exam; empty where neither is known."""
    day = reading.study.timepoint_days
    said = f"day {day:g}" if day is not None else ""
    return ", ".join(text for text in (said, study.date if study and study.date else "") if text)


def _visit(number: int, reading: Reading, study: Study | None) -> Mapping[str, Any]:
    return {
        "number": number,
        "when": day_words(reading, study) or "day not known",
        "source": reading.study.source,
        "reader": words.reader_words(reading),
        "status": words.signature_words(reading) or "unverified",
        "uid": reading.uid,
    }


def _total(one: TotalChange, by: ScoringSystem) -> Mapping[str, Any]:
    return {
        "name": words.total_words(one.name, by),
        "maximum": one.maximum,
        "values": [_total_text(total) for total in one.totals],
        "steps": [_step(step) for step in one.steps],
        "whole": _step(one.whole),
    }


def _total_text(total: Total | None) -> Mapping[str, str] | None:
    return None if total is None else {"value": words.number(total.value), "range": words.interval(total)}


def _step(step: Step) -> Mapping[str, Any]:
    error = step.error
    difference = step.difference
    return {
        "call": step.call,
        "glyph": GLYPHS[step.call],
        "meaning": MEANINGS[step.call],
        "difference": ""
        if difference is None
        else "0"
        if difference == 0
        else f"{'+' if difference > 0 else ''}{words.number(difference)}",
        "error": f"{error.value:g}" if error else "",
        "source": error.source if error else "",
        "reason": step.reason or "",
        "left_out": step.left_out,
        "between": f"visit {step.start + 1} to {step.end + 1}",
    }


def _plots(change: Change, by: ScoringSystem) -> list[Mapping[str, Any]]:
    """The course of the widest totals."""
    days = [visit.study.timepoint_days for visit in change.visits]
    widest = sorted(change.totals, key=lambda one: -one.maximum)
    made = ((words.total_words(one.name, by), one) for one in widest)
    drawn: list[Mapping[str, Any]] = [
        {"name": name, "plot": plot, "maximum": one.maximum} for name, one in made if (plot := progression(one, days, name))
    ]
    return drawn[:PLOTTED]


# --- the score sheet


@dataclass(frozen=True, slots=True)
class _Cell:
    """A box of the sheet at all visits: its grades as text, what is called of it, and all of that in words."""

    said: str
    step: Mapping[str, Any]
    spoken: str
    key: str
    feature: str


def _grades_text(one: SiteChange) -> str:
    return " → ".join("n" if grade is None else f"{grade:g}" for grade in one.grades)


def _cell(one: SiteChange, by: ScoringSystem) -> _Cell:
    feature = words.feature_words(one.feature, by)
    step = _step(one.whole)
    why = f": {one.whole.reason}" if one.whole.reason else ""
    spoken = f"{words.place_words(one.site, one.side)}, {feature}: {_grades_text(one).replace('→', 'to')}, {step['meaning']}{why}"
    return _Cell(_grades_text(one), step, spoken, words.key_of(one.site, one.side), feature)


def _sheet(change: Change, by: ScoringSystem, drawn: set[str]) -> Mapping[str, Any]:
    """Sides x features across, sites down; a feature that no visit assessed is named below instead."""
    told = {(one.site, one.side, one.feature): one for one in change.sites if one.assessed}
    out = dict.fromkeys(one.feature for one in change.sites if not one.assessed and one.feature not in {key[2] for key in told})
    sides = [side for side in ("left", "right", None) if any(key[1] == side for key in told)]
    features = [feature for feature in by.features if any(key[2] == feature for key in told)]
    items = [item for item in by.items if item.key in told]
    rows: list[Mapping[str, Any]] = []
    for site in dict.fromkeys(item.site for item in items):
        cells = [told.get((site, side, feature)) for side in sides for feature in features]
        rows.append({"site": site, "cells": [_cell(one, by) if one else None for one in cells]})
    return {
        "sides": sides,
        "features": [words.feature_words(feature, by) for feature in features],
        "rows": rows,
        "drawn": drawn,
        "not_assessed": [words.feature_words(feature, by) for feature in out],
    }


def _reading_notes(change: Change, exams: Sequence[Study | None], by: ScoringSystem) -> list[tuple[str, str]]:
    """What each reading itself warns of, with the visits that say so."""
    said: dict[str, list[int]] = {}
    for number, (reading, study) in enumerate(zip(change.visits, exams, strict=True), 1):
        for text in shown(reading, by, study).warnings:
            said.setdefault(text, []).append(number)
    return [(text, f"visit{'s' if len(at) > 1 else ''} {', '.join(map(str, at))}") for text, at in said.items()]


# --- joint by joint


def _films(change: Change, pixels: Sequence[Sequence[Bytes]]) -> list[Mapping[str, Any]]:
    """The whole images of each visit, where any is at hand."""
    if not any(pixels):
        return []
    found: list[Mapping[str, Any]] = []
    for number, (reading, images) in enumerate(zip(change.visits, pixels, strict=True), 1):
        whole = [overview(shades, (0, 0, shades.shape[1], shades.shape[0])) for shades in images]
        found.append({"name": _visit_name(number, reading), "pictures": whole})
    return found


def _visit_name(number: int, reading: Reading) -> str:
    when = day_words(reading)
    return f"Visit {number}" + (f", {when}" if when else "")


def _joints(change: Change, exams: Sequence[Study | None], pixels: Sequence[Sequence[Bytes]], by: ScoringSystem) -> list[Mapping[str, Any]]:
    """Each place that has a grade, a measurement or a picture at any visit, with its close views aligned."""
    views: list[dict[str, tuple[Joint, Closeup]]] = []
    for reading, study, shades in zip(change.visits, exams, pixels, strict=True):
        joints = shown(reading, by, study).joints
        unit = next((unit for joint in joints if (unit := unit_of(joint))), "px")
        views.append({joint.key: (joint, closeup(joint, shades, unit)) for joint in joints})
    places: dict[str, list[SiteChange]] = {}
    for one in change.sites:
        if one.assessed:
            places.setdefault(words.key_of(one.site, one.side), []).append(one)
    return [_joint(key, scores, [view.get(key) for view in views], change, by) for key, scores in places.items()]


def _joint(
    key: str, scores: Sequence[SiteChange], seen: Sequence[tuple[Joint, Closeup] | None], change: Change, by: ScoringSystem
) -> Mapping[str, Any]:
    title = words.place_words(scores[0].site, scores[0].side)
    closes = [one[1] if one else None for one in seen]
    placed = iter(aligned([close for close in closes if close]))
    figures = []
    for number, (reading, close) in enumerate(zip(change.visits, closes, strict=True), 1):
        where = next(placed) if close else None
        grades = [f"{words.feature_words(one.feature, by)} {_visit_text(one, number - 1)}" for one in scores]
        name = _visit_name(number, reading)
        figures.append(
            {
                "name": name,
                "grades": grades,
                "alt": f"{title}, {name.lower()}: close view of the image",
                "transform": where.transform if where else "",
                "picture": close.picture if close else None,
                "outline": _points(close.outline) if close else "",
                "proximal": _points(close.proximal) if close else "",
                "distal": _points(close.distal) if close else "",
                "lesions": [_points(lesion) for lesion in close.lesions] if close else [],
            }
        )
    return {
        "key": key,
        "title": title,
        "still": all(one.whole.call == "unchanged" for one in scores),
        "figures": figures,
        "scores": [
            {
                "name": words.feature_words(one.feature, by),
                "said": _grades_text(one),
                "whole": _step(one.whole),
                "steps": [_step(step) for step in one.steps] if len(one.steps) > 1 else [],
            }
            for one in scores
        ],
        "measured": _measured(seen),
    }


def _visit_text(one: SiteChange, visit: int) -> str:
    grade = one.grades[visit]
    return f"grade {grade:g}" if grade is not None else f"not readable: {one.reasons[visit]}"


def _measured(seen: Sequence[tuple[Joint, Closeup] | None]) -> list[tuple[str, list[str]]]:
    """What was measured at a joint, at each visit; told, not judged."""
    found: dict[str, list[str]] = {}
    for visit, one in enumerate(seen):
        for name, finding in one[0].measured if one else ():
            found.setdefault(name, ["–"] * len(seen))[visit] = words.measured_text(finding)
    return [(name, texts) for name, texts in found.items() if any(not text.startswith(("–", "not measured")) for text in texts)]


def _points(points: Points) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
