"""A reading as a printable A4 PDF: what the page says, for a file, a letter or an archive that takes no HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from coread.reading import Reading
from coread.report import words
from coread.report.closeup import PLOT_HEIGHT, PLOT_WIDTH, Closeup, Plot
from coread.report.films import REFERENCE_WIDTH, Film
from coread.report.palette import step_of
from coread.report.paper import ACCENT, BOTTOM, DISTAL, FAINT, INSIDE, LESION, LINE, MARGIN, PROXIMAL, SOFT, Paper
from coread.report.scene import scene
from coread.report.view import Cell, Graded, Joint, Shown
from coread.study import Study

FILM_HEIGHT = 140.0
SHEET_BESIDE = 84.0
SHEET_ROW = 4.9


def write_pdf(reading: Reading, path: str | Path, study: Study | None = None) -> None:
    """Write a reading as a PDF; the same reading and study give the same bytes.

    Only the fonts that every PDF viewer has are used, so nothing is embedded: a character that they lack stands as its
    code point (``[U+5F20]``), and a note says so.

    Args:
        reading: what is shown.
        path: the file to write.
        study: the study that was read; without it there is no picture.

    Raises:
        InputError: the reading's scoring system is unknown, or an image cannot be decoded.
    """
    drawn = scene(reading, study)
    view, made = drawn.view, drawn.films
    signature = words.signature_words(reading)
    banner = words.status_words(reading) + (f": {signature}" if signature else "")
    patient = dict(view.facts)["Patient"]
    paper = Paper(banner, f"Coread · {view.system.name} · patient {patient}", f"{view.system.name}, {patient}", reading.created)
    _head(paper, view)
    beside = _fits_beside(made, view)
    if beside:
        top, film = paper.y, made[0]
        width = min(INSIDE - SHEET_BESIDE - 6, FILM_HEIGHT * film.width / film.height)
        _film(paper, drawn.boxes, film, MARGIN, width / film.width)
        _sheet(paper, view, MARGIN + width + 6, INSIDE - width - 6)
        paper.y = max(paper.y, top + width * film.height / film.width + 4)
    else:
        _films(paper, drawn.boxes, made)
    _legend(paper, view, made)
    _totals(paper, view)
    if not beside:
        _sheet(paper, view, MARGIN, INSIDE)
    _reasons(paper, view)
    _joints(paper, drawn.joints)
    _origin(paper, view)
    Path(path).write_bytes(paper.finish())


def _head(paper: Paper, view: Shown) -> None:
    paper.text(MARGIN, paper.y + 5, view.system.name, 16, bold=True)
    paper.y += 9
    x = MARGIN
    for name, text in (*view.facts, ("Read by", words.reader_words(view.reading))):
        lines = paper.lines(text, 70, 9.5, bold=True)[:2]
        paper.font(9.5, bold=True)
        width = max([18.0, *(paper.width(line) for line in lines)]) + 7
        if x + width > MARGIN + INSIDE and x > MARGIN:
            x, paper.y = MARGIN, paper.y + 10
        paper.text(x, paper.y + 2.6, name, 7.5, colour=SOFT)
        for number, line in enumerate(lines):
            paper.text(x, paper.y + 6.8 + 4 * number, line, 9.5, bold=True)
        x += width
    paper.y += 12


def _fits_beside(made: Sequence[Film], view: Shown) -> bool:
    """Whether the score sheet fits beside the one film, so that a hand stands on one page."""
    rows = sum(len(group.rows) + 2 for group in view.sheet.groups)
    return len(made) == 1 and 0 < len(view.sheet.sides) * len(view.sheet.features) <= 2 and rows * SHEET_ROW + 20 <= FILM_HEIGHT


def _films(paper: Paper, graded: Mapping[int, Graded], made: Sequence[Film]) -> None:
    """The films in rows of two."""
    for start in range(0, len(made), 2):
        row = made[start : start + 2]
        across = (INSIDE - 5 * (len(row) - 1)) / len(row)
        height = min(FILM_HEIGHT if len(row) == 1 else 112.0, max(across * film.height / film.width for film in row))
        paper.room(height + 6)
        x = MARGIN
        for film in row:
            fit = min(across / film.width, height / film.height)
            _film(paper, graded, film, x, fit)
            x += film.width * fit + 5
        paper.y += height + 3


def _legend(paper: Paper, view: Shown, made: Sequence[Film]) -> None:
    """What the marks mean."""
    if not any(film.marks for film in made):
        return
    x = MARGIN + 2
    for feature in view.features:
        grades = max((b.grades for j in view.joints for b in j.graded if b.finding.feature == feature), key=len, default=())
        if not grades:
            continue
        paper.room(8)
        paper.text(x - 2, paper.y + 3.2, words.sentence(words.feature_words(feature, view.system)), 8)
        for number, grade in enumerate(grades):
            paper.chip(MARGIN + 50 + 5.2 * number, paper.y + 2.2, f"{grade:g}", step_of(grade, grades[-1]))
        paper.y += 6.2
    paper.room(8)
    paper.chip(x, paper.y + 2.2, "n", None)
    paper.text(x + 3.4, paper.y + 3.2, "not readable", 8)
    if any(box.share is not None for joint in view.joints for box in joint.graded):
        for x, doubt, meaning in (
            (45, "sure", "80 % sure or more"),
            (85, "likely", "50-80 % sure"),
            (120, "unsure", "less than 50 % sure"),
        ):
            paper.chip(x, paper.y + 2.2, "", 0, doubt)
            paper.text(x + 3.6, paper.y + 3.2, meaning, 8)
    paper.y += 9


def _film(paper: Paper, graded: Mapping[int, Graded], film: Film, x: float, fit: float) -> None:
    """One film with its marks; ``fit`` is mm per pixel of the image."""
    width, height = film.width * fit, film.height * fit
    if film.picture:
        paper.picture(film.picture.data, x, paper.y, width, height, f"The image with {len(film.marks)} marked findings")
    else:
        paper.box(x, paper.y, width, height, "#0B0F13")
    for heat in film.heats:
        place = (x + (heat.left + 0.5 - film.left) * fit, paper.y + (heat.top + 0.5 - film.top) * fit)
        paper.picture(heat.data, *place, heat.width * fit, heat.height * fit, "Evidence map")
    unit = width / REFERENCE_WIDTH * (1.25 if width < 90 else 1.0)
    for mark in film.marks:
        at = (x + (mark.x - film.left + 0.5) * fit, paper.y + (mark.y - film.top + 0.5) * fit)
        badge = (at[0] + mark.dx * unit, at[1] + mark.dy * unit)
        paper.curve((at, badge), "#0B0F13", 0.5)
        paper.curve((at, badge), "#FFFFFF", 0.2)
        paper.pdf.set_draw_color(11, 15, 19)
        paper.pdf.set_fill_color(255)
        paper.pdf.ellipse(at[0] - 0.5, at[1] - 0.5, 1.0, 1.0, style="FD")
        box = graded[id(mark.finding)]
        paper.chip(*badge, box.glyph, box.step, box.doubt, radius=8.6 * unit, on_film=True)


def _totals(paper: Paper, view: Shown) -> None:
    paper.heading("Totals", room=30)
    if not view.totals:
        paper.wrapped(MARGIN, "No total: see below what could not be read.", INSIDE, 9)
    rest_of_them = (entry for entry in view.totals if entry not in view.headline)
    for number, (_, name, total) in enumerate((*view.headline, *rest_of_them)):
        size = 13.0 if number == 0 else 9.5
        paper.room(8)
        paper.text(MARGIN, paper.y + 4, paper.clipped(name, 54, 9.5, number == 0), 9.5, bold=number == 0)
        value = words.number(total.value)
        paper.text(MARGIN + 55, paper.y + 4, value, size, bold=True)
        paper.font(size, bold=True)
        after = MARGIN + 55 + paper.width(value) + 1.5
        rest = words.total_text(total).removeprefix(value).strip()
        missing = f"; {total.sites_unreadable} not readable, counted as nothing" if total.sites_unreadable else ""
        paper.text(after, paper.y + 4, rest + missing, 8.5, colour=SOFT)
        paper.y += 6.4 if number == 0 else 5.2
    paper.y += 1
    for text in view.missing:
        paper.wrapped(MARGIN, text, INSIDE, 8, colour=SOFT)
    paper.y += 5


def _sheet(paper: Paper, view: Shown, x: float, width: float) -> None:
    """The score sheet from ``paper.y`` down, its left edge at ``x``."""
    sheet = view.sheet
    if not sheet.groups:
        return
    columns = len(sheet.sides) * len(sheet.features)
    first = 54.0 if width > 120 else 40.0
    across = min(32.0, (width - first) / max(1, columns))
    wide = first + across * columns
    rows = sum(len(group.rows) + 2 for group in sheet.groups)
    paper.heading("Score sheet", room=min(BOTTOM - 30, 24 + SHEET_ROW * rows), x=x)

    def head() -> None:
        for number, side in enumerate(sheet.sides):
            left = x + first + number * len(sheet.features) * across
            paper.text(
                left, paper.y + 3, words.sentence(side or "midline"), 9, bold=True, width=across * len(sheet.features), align="center"
            )
            for place, feature in enumerate(sheet.features):
                short = words.feature_words(feature, view.system).removeprefix("joint space ").removeprefix("bone marrow ")
                paper.text(left + place * across, paper.y + 7, short, 7.5, colour=SOFT, width=across, align="center")
        paper.y += 9

    def line(name: str, bold: bool = False) -> None:
        if paper.y + 5 > BOTTOM:
            paper.new_page()
            head()
        paper.rule(x, paper.y, wide, LINE if bold else FAINT)
        paper.text(x, paper.y + 3.4, paper.clipped(name, first - 1, 8.5, bold), 8.5, bold=bold)

    head()
    for group in sheet.groups:
        if len(sheet.groups) > 1:
            line(group.name, bold=True)
            paper.y += SHEET_ROW
        for row in group.rows:
            line(row.site)
            for number, cell in enumerate(row.cells):
                _cell(paper, cell, x + first + number * across, across)
            paper.y += SHEET_ROW
        for name, totals, span in (("sum", group.subtotals, across), ("both", group.side_totals, across * len(sheet.features))):
            if any(totals) and not (name == "both" and len(sheet.features) == 1):
                line(f"{group.name}, {name}", bold=True)
                for number, total in enumerate(totals):
                    said = f"{words.number(total.value)} / {words.number(total.maximum)}" if total else "-"
                    paper.text(x + first + number * span, paper.y + 3.4, said, 8.5, bold=bool(total), width=span, align="center")
                paper.y += SHEET_ROW
    paper.rule(x, paper.y, wide)
    paper.y += 6


def _cell(paper: Paper, cell: Cell, x: float, width: float) -> None:
    if cell.kind == "none":
        paper.box(x + 0.2, paper.y + 0.1, width - 0.4, 4.7, FAINT)
    elif cell.graded is None:
        return
    elif not cell.graded.assessed:
        paper.text(x, paper.y + 3.4, "-", 8.5, colour=SOFT, width=width, align="center")
    else:
        box = cell.graded
        paper.chip(x + width / 2, paper.y + 2.45, box.glyph, box.step, box.doubt, radius=1.75)
        if box.share is not None and box.doubt != "sure" and width > 20:
            paper.text(x + width / 2 + 3.4, paper.y + 3.3, f"{round(box.share * 100)} %", 6.5, colour=SOFT)


def _reasons(paper: Paper, view: Shown) -> None:
    if view.changes:
        paper.heading("What was corrected")
        paper.wrapped(MARGIN, f"By {view.reading.reader.id}, against reading {view.reading.basis or 'not named'}.", INSIDE, 8, colour=SOFT)
        for place, feature, was, now in view.changes:
            paper.wrapped(MARGIN, f"{place}, {feature}: {was}, now {now}", INSIDE, 9)
        paper.y += 4
    if view.warnings:
        paper.heading("Take note")
        for text in view.warnings:
            paper.wrapped(MARGIN, text, INSIDE, 9)
        paper.y += 4
    paper.heading("Not readable, and why")
    if not view.unreadable:
        paper.wrapped(MARGIN, "Every site of this reading was readable.", INSIDE, 9)
    for feature, reason, places, summary in view.unreadable:
        paper.wrapped(MARGIN, f"{words.sentence(feature)}: {reason} ({summary})", INSIDE, 9)
        if places:
            paper.wrapped(MARGIN + 4, "; ".join(places), INSIDE - 4, 8, colour=SOFT)
    paper.y += 5


def _joints(paper: Paper, joints: Sequence[tuple[Joint, tuple[Graded, ...], Closeup]]) -> None:
    """Two joints in a row, each with its crop, grade, probabilities, measurements and profile."""
    if not joints:
        return
    paper.heading("Joint by joint", room=70)
    across = (INSIDE - 4) / 2
    for start in range(0, len(joints), 2):
        row = joints[start : start + 2]
        height = max(_joint_height(joint, boxes, close) for joint, boxes, close in row)
        paper.room(height)
        for number, (joint, boxes, close) in enumerate(row):
            _joint(paper, joint, boxes, close, (MARGIN + number * (across + 4), across, height - 2))
        paper.y += height
    paper.y += 3
    suspected = " or ".join(dict.fromkeys(close.suspected for _, _, close in joints if close.lesions))
    edges = any(close.proximal for _, _, close in joints)
    if edges or suspected:
        note = "Frame: region looked at."
        note += " Solid blue: end of the proximal bone; dashed orange: of the distal bone." if edges else ""
        note += f" Dotted pink: outline of suspected {suspected}." if suspected else ""
        note += " Contrast is the crop's own."
        paper.wrapped(MARGIN, note, INSIDE, 8, colour=SOFT)
    paper.y += 5


def _joint_height(joint: Joint, boxes: Sequence[Graded], close: Closeup) -> float:
    said = sum(15.5 + (2.9 * len(box.grades) if box.finding.probabilities else 0) for box in boxes) + 3.8 * len(joint.measured)
    seen = 50.0 if close.plot else 34.0 if close.picture else 0.0
    return 12 + max(said, seen)


def _joint(paper: Paper, joint: Joint, boxes: Sequence[Graded], close: Closeup, where: tuple[float, float, float]) -> None:
    x, width, height = where
    top = paper.y
    paper.pdf.set_draw_color(198, 208, 216)
    paper.pdf.set_line_width(0.15)
    paper.pdf.rect(x, top, width, height)
    paper.text(x + 2, top + 5, paper.clipped(joint.title, width - 4, 9.5, bold=True), 9.5, bold=True)
    if close.picture:
        part = close.picture
        fit = 32.0 / max(part.width, part.height)
        left, upper = x + 2, top + 7.5
        paper.picture(part.data, left, upper, part.width * fit, part.height * fit, f"{joint.title}, close view")

        def on(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
            return [(left + (c - part.left + 0.5) * fit, upper + (r - part.top + 0.5) * fit) for c, r in points]

        if close.outline:
            paper.curve(on([*close.outline, close.outline[0]]), "#FFFFFF", 0.15)
        for points, colour, dash in ((close.proximal, PROXIMAL, None), (close.distal, DISTAL, (0.9, 1.0))):
            paper.curve(on(points), "#000000", 0.55)
            paper.curve(on(points), colour, 0.3, dash)
        for lesion in close.lesions:
            paper.curve(on([*lesion, lesion[0]]), "#000000", 0.6)
            paper.curve(on([*lesion, lesion[0]]), LESION, 0.35, (0.4, 0.5))
    if close.plot:
        _plot(paper, close.plot, x + 2, top + (41.5 if close.picture else 8), 32.0)
    y = top + 8
    aside = 35.0 if close.picture or close.plot else 0.0
    right, wide = x + 2 + aside, width - 4 - aside
    for box in boxes:
        paper.chip(right + 2.4, y + 2.6, box.glyph, box.step, box.doubt)
        paper.text(right + 6, y + 2.2, words.sentence(box.feature_name), 8, bold=True)
        sure = f"{round(box.share * 100)} % sure" if box.share is not None else ""
        bounds = words.interval(box.finding.interval)
        said = "; ".join(part for part in (sure, f"interval {bounds}" if bounds else "") if part)
        reason = f"not readable: {box.finding.unreadable}" if box.finding.grade is None else said
        for line in paper.lines(reason, wide - 6, 7)[:3]:
            paper.text(right + 6, y + 5.4, line, 7, colour=SOFT)
            y += 2.8
        y += 4.0 if reason else 5.4
        for line in paper.lines(f"Grade {box.glyph}: {box.definition}" if box.definition else "", wide, 7)[:3]:
            paper.text(right, y + 2.4, line, 7)
            y += 2.8
        y += 1
        if len(box.finding.probabilities) == len(box.grades):
            for grade, share in zip(box.grades, box.finding.probabilities, strict=True):
                chosen = grade == box.finding.grade
                paper.text(right, y + 2.2, f"{grade:g}", 6.5, bold=chosen)
                paper.box(right + 4, y + 0.6, wide - 13, 1.5, FAINT)
                paper.box(right + 4, y + 0.6, (wide - 13) * share, 1.5, ACCENT if chosen else SOFT)
                paper.text(right + wide - 9, y + 2.2, words.percent(share), 6.5, bold=chosen, width=9, align="right")
                y += 2.9
        y += 1.2
    for name, finding in joint.measured:
        paper.rule(right, y + 3.4, wide, FAINT)
        paper.text(right, y + 2.5, words.sentence(name).replace("joint space ", ""), 7, colour=SOFT)
        paper.text(right, y + 2.5, words.measured_text(finding), 7, width=wide, align="right")
        y += 3.8


def _plot(paper: Paper, plot: Plot, x: float, y: float, width: float) -> None:
    """The width along the joint, with its own numbers at the axes."""
    unit = width / PLOT_WIDTH
    for tick, text in plot.y_ticks[:: max(1, len(plot.y_ticks) // 3)]:
        paper.rule(x + 38 * unit, y + tick * unit, (PLOT_WIDTH - 46) * unit, FAINT)
        paper.text(x, y + tick * unit + 0.7, text, 4.5, colour=SOFT, width=33 * unit, align="right")
    for run in plot.width:
        paper.curve([(x + a * unit, y + b * unit) for a, b in run], ACCENT, 0.3)
    paper.curve([(x + a * unit, y + b * unit) for a, b in plot.expected], SOFT, 0.2, (0.9, 0.7))
    label = f"width, {plot.unit}" + (" (dashed: expected)" if plot.expected else "")
    paper.text(x, y + PLOT_HEIGHT * unit - 0.2, paper.clipped(label, width, 4.5), 4.5, colour=SOFT)


def _origin(paper: Paper, view: Shown) -> None:
    paper.heading("Where this comes from", room=40)
    for name, text in view.provenance:
        lines = paper.lines(text, INSIDE - 36, 8.5)
        paper.room(4.2 * len(lines))
        paper.text(MARGIN, paper.y + 3, name, 8.5, colour=SOFT)
        for line in lines:
            paper.text(MARGIN + 36, paper.y + 3, line, 8.5)
            paper.y += 4.2
    paper.y += 2
    for source in (*view.system.sources, f"Sites that were not readable: {view.system.missing_source}."):
        paper.wrapped(MARGIN, source, INSIDE, 8, colour=SOFT)
        paper.y += 0.6
    if paper.replaced:
        paper.y += 2
        paper.wrapped(
            MARGIN,
            "A character that this file's fonts lack stands as its Unicode number, such as [U+5F20]; the HTML page shows it.",
            INSIDE,
            8,
        )
