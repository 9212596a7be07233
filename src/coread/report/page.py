"""A reading as one self-contained HTML page: it asks nothing of the network, and says all it has to say without JavaScript."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coread.formats.table import table_text
from coread.reading import Reading, Total
from coread.report import palette, words
from coread.report.closeup import Closeup, Plot, Points
from coread.report.films import Film, Mark
from coread.report.policy import policy
from coread.report.scene import scene
from coread.report.view import Graded, Joint, Shown
from coread.study import Study

if TYPE_CHECKING:
    from jinja2 import Template

HERE = Path(__file__).parent


def write_page(reading: Reading, path: str | Path, study: Study | None = None) -> None:
    """Write a reading as one HTML file without any outside request.

    The page shows the image with every site marked, each joint close up, the score sheet, totals, what was unreadable
    and why, warnings and provenance. A Content Security Policy in the file forbids every outside request and every
    script and style but its own, so that text from a file can do no harm.

    Args:
        reading: what is shown; it may come from a model or a person, with or without places.
        path: the file to write.
        study: the study that was read; without it the marks stand on a blank field, or there is none.

    Raises:
        InputError: the reading's scoring system is unknown, or an image cannot be decoded.
    """
    Path(path).write_text(page(reading, study), encoding="utf-8")


def page(reading: Reading, study: Study | None = None) -> str:
    """The HTML of `write_page`."""
    from markupsafe import Markup

    drawn = scene(reading, study)
    view, made, boxes = drawn.view, drawn.films, drawn.boxes
    joints = [_joint(joint, shown_boxes, close) for joint, shown_boxes, close in drawn.joints]
    style = "\n".join((part("page.css"), palette.css(), *(_film_css(i, film) for i, film in enumerate(made)), _footer_css(reading)))
    script = part("page.js") + part("sheet.js")
    return _template().render(
        view=view,
        status=words.status_words(reading),
        signature=words.signature_words(reading),
        table=table_text([reading]),
        reader=words.reader_words(reading),
        films=[_film(film, boxes, view) for film in made],
        marked=_marked(made, view),
        joints=joints,
        drawn={joint["key"] for joint in joints},
        columns=[_column(words.feature_words(feature, view.system)) for feature in view.sheet.features],
        sheet_note=_sheet_note(view),
        has_marks=any(film.marks for film in made),
        has_unreadable=any(mark.step is None for film in made for mark in film.marks)
        or any(cell.kind == "unreadable" for group in view.sheet.groups for row in group.rows for cell in row.cells),
        has_pixels=any(film.picture for film in made),
        has_heat=any(film.heats for film in made),
        has_doubt=any(box.share is not None for box in boxes.values()),
        suspected=" or ".join(dict.fromkeys(joint["close"]["suspected"] for joint in joints if joint["close"]["lesions"])),
        has_edges=any(joint["close"]["proximal"] for joint in joints),
        policy=policy(style, script),
        style=Markup(style),
        script=Markup(script),
    )


@cache
def part(name: str) -> str:
    """A file of the page, which lies beside this one."""
    return (HERE / name).read_text(encoding="utf-8")


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {
        "number": words.number,
        "interval": words.interval,
        "sentence": words.sentence,
        "spoken": spoken,
        "before": _before,
        "said": words.said_words,
        "boxed": lambda box: f"{words.place_words(box.finding.site, box.finding.side)}, {box.feature_name}",
        "share": lambda total, bound: _percent_of(total, getattr(total, bound)),
        "span": lambda total: round(_percent_of(total, total.high) - _percent_of(total, total.low), 2),
        "percent": words.percent,
    }
    return environment.from_string(part("page.html"))


def spoken(box: Graded) -> str:
    """A box of the sheet in words, for a screen reader and for the tip under the pointer."""
    finding = box.finding
    said = f"{words.place_words(finding.site, finding.side)}, {box.feature_name}: "
    was = f", corrected from {words.said_words(finding.was)}" if finding.was else ""
    if finding.grade is None:
        return said + f"not readable, {finding.unreadable}{was}"
    sure = f", {round(box.share * 100)} % sure" if box.share is not None else ""
    return said + f"grade {finding.grade:g}{sure}{was}"


def _before(box: Graded) -> str:
    """What stood in a corrected box, short enough for its cell: a grade, or ``n``; empty where it was not corrected."""
    was = box.finding.was
    return "" if was is None else "was n" if was.grade is None else f"was {was.grade:g}"


def _percent_of(total: Total, value: float) -> float:
    return round(min(100.0, max(0.0, 100.0 * value / total.maximum)), 2) if total.maximum else 0.0


def _column(name: str) -> Mapping[str, str]:
    """A feature's name for the head of a column: whole, short (``narrowing``), and for a phone (``narr.``)."""
    short = name.removeprefix("joint space ").removeprefix("bone marrow ")
    return {"name": name, "short": short, "tiny": short if len(short) < 7 else short[:4] + "."}


def _sheet_note(view: Shown) -> str:
    """What the columns leave out: features that were not assessed at all, each with the reason."""
    whole = {feature: reason for feature, reason, places, _ in view.unreadable if not places}
    return "; ".join(f"{words.sentence(feature)} {reason}" for feature, reason in whole.items())


def _footer_css(reading: Reading) -> str:
    """The banner at the foot of every printed page."""
    return f'@page{{@bottom-left{{content:"Coread · {words.status_words(reading)}"}}}}'


def _film_css(index: int, film: Film) -> str:
    """A film no higher than the window; its proportions are known only here."""
    return f"@media screen and (min-width:64rem){{.film-{index} .stage{{max-width:{88 * film.width / film.height:.1f}vh}}}}"


def _marked(made: Sequence[Film], view: Shown) -> list[Mapping[str, Any]]:
    """The features that have marks, with the legend of their grades."""
    used = {mark.feature for film in made for mark in film.marks}
    order = [feature for feature in view.features if feature in view.highest]
    legends: list[Mapping[str, Any]] = []
    for index, feature in enumerate(order):
        if index in used:
            grades = max((b.grades for j in view.joints for b in j.graded if b.finding.feature == feature), key=len)
            legend = [(palette.step_of(grade, grades[-1]), f"{grade:g}") for grade in grades]
            legends.append({"index": index, "name": words.feature_words(feature, view.system), "legend": legend})
    return legends


def _film(film: Film, boxes: Mapping[int, Graded], view: Shown) -> Mapping[str, Any]:
    many = len(view.reading.study.images) > 1
    name = ", ".join(part for part in (f"image {film.image + 1}" if many else "", film.side or "") if part) or "the image"
    name = words.sentence(name)
    graded = sum(mark.finding.grade is not None for mark in film.marks)
    lacking = len(film.marks) - graded
    count = f"{graded} graded" + (f", {lacking} not readable" if lacking else "")
    if not film.marks:
        count = "the reading does not say where on it each site lies"
    return {
        "picture": film.picture,
        "box": f"{film.left - 0.5:g} {film.top - 0.5:g} {film.width} {film.height}",
        "alt": f"{name}: radiograph" + (f" with {len(film.marks)} marked findings, listed in the score sheet" if film.marks else ""),
        "label": f"{name}: findings at their places",
        "caption": f"{name}: {count}" + ("" if film.picture else " (shown without its pixels)"),
        "scale": f"{film.scale:.3f}",
        "heats": film.heats,
        "marks": [_mark(mark, boxes[id(mark.finding)]) for mark in film.marks],
    }


def _mark(mark: Mark, box: Graded) -> Mapping[str, Any]:
    return {
        "key": words.key_of(mark.finding.site, mark.finding.side),
        "feature": mark.feature,
        "box": box,
        "label": spoken(box),
        "x": f"{mark.x:.1f}",
        "y": f"{mark.y:.1f}",
        "dx": f"{mark.dx:.1f}",
        "dy": f"{mark.dy:.1f}",
    }


def _joint(joint: Joint, boxes: Sequence[Graded], close: Closeup) -> Mapping[str, Any]:
    picture = close.picture
    return {
        "key": joint.key,
        "title": joint.title,
        "boxes": boxes,
        "measured": [(name.replace("joint space ", ""), words.measured_text(finding)) for name, finding in joint.measured],
        "close": {
            "picture": picture,
            "box": f"{picture.left - 0.5:g} {picture.top - 0.5:g} {picture.width} {picture.height}" if picture else "",
            "left": picture.left - 0.5 if picture else 0,
            "top": picture.top - 0.5 if picture else 0,
            "alt": f"{joint.title}: close view of the image"
            + (" with the ends of both bones drawn in" if close.proximal else "")
            + (f", suspected {close.suspected} outlined" if close.lesions else ""),
            "outline": _points(close.outline),
            "proximal": _points(close.proximal),
            "distal": _points(close.distal),
            "lesions": [_points(lesion) for lesion in close.lesions],
            "suspected": close.suspected,
            "plot": _plot(close.plot) if close.plot else None,
        },
    }


def _points(points: Points) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _plot(plot: Plot) -> Mapping[str, Any]:
    return {
        "summary": plot.summary,
        "unit": plot.unit,
        "x_ticks": plot.x_ticks,
        "y_ticks": plot.y_ticks,
        "runs": [_points(run) for run in plot.width],
        "expected": _points(plot.expected),
        "narrowest": plot.narrowest,
    }
