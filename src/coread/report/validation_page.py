"""A validation as one self-contained HTML page without scripts or outside requests."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from coread.report import validation_figures as figures
from coread.report import words
from coread.report.checklists import CHECKLISTS, Row, checklist
from coread.report.policy import policy
from coread.validation import Validation
from coread.validation_groups import FOUND, SMALL
from coread.validation_measures import KAPPA, REFUSED, UNREAD

if TYPE_CHECKING:
    from jinja2 import Template

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Imprint:
    """What the foot of the page says: Coread's version, the command, and whether the exams are simulated."""

    version: str
    command: str
    simulated: bool


def validation_page(validation: Validation, checklists: tuple[Row, ...], imprint: Imprint) -> str:
    """The HTML of a validation: figures, groups and gaps, reliability, totals, reasons and checklists."""
    from markupsafe import Markup

    style = _text("validation.css")
    whole = validation.everything.measures
    shown = [
        (m.measure, m.of) for m in whole if m.measure in (KAPPA, UNREAD, REFUSED) or m.measure.endswith("of the total holds the reference")
    ]
    grouped = len(validation.groups) > 1
    parts: dict[str, list[object]] = {}
    for measured in whole:
        parts.setdefault(measured.part, []).append(measured)
    return _template().render(
        v=validation,
        level=f"{whole[0].value.level:.0%}",
        simulated=imprint.simulated,
        version=imprint.version,
        command=imprint.command,
        small=SMALL,
        found=FOUND,
        parts=list(parts.items()),
        forests=[f for measure, of in shown if (f := figures.forest(validation, measure, of))] if grouped else [],
        gaps=validation.gaps,
        tested=sum(gap.p is not None for gap in validation.gaps),
        curves=figures.reliability(validation),
        plots=[plot for total in validation.totals if (plot := figures.bland_altman(validation, total))],
        checklists=[(*checklist(n)[:3], [r for r in checklists if r.checklist == checklist(n)[0]]) for n in CHECKLISTS],
        axes=axes,
        style=Markup(style),
        policy=policy(style),
    )


def axes(frame: figures.Figure, across: str, up: str) -> str:
    """Frame, ticks and names of the axes of a plot, as SVG of our own numbers and words."""
    from markupsafe import Markup

    left, right, top, bottom = (frame[k] for k in ("left", "right", "top", "bottom"))
    parts = [f'<rect class="axis" fill="none" x="{left}" y="{top}" width="{right - left}" height="{bottom - top}"/>']
    parts += [f'<text class="tick" x="{x}" y="{bottom + 16}">{t}</text>' for x, t in frame["x_ticks"]]
    parts += [f'<text class="left" x="{left - 6}" y="{y + 4}">{t}</text>' for y, t in frame["y_ticks"]]
    parts.append(f'<text class="tick" x="{(left + right) / 2}" y="{bottom + 36}">{across}</text>')
    middle = (top + bottom) / 2
    parts.append(f'<text class="tick" transform="rotate(-90 14 {middle})" x="14" y="{middle}">{up}</text>')
    return Markup("".join(parts))


@cache
def _text(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {"sentence": words.sentence, "figure": lambda value: f"{value:.3g}".replace("-", "−")}
    return environment.from_string(_text("validation.html"))
