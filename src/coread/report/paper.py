"""A4 paper under a pen: text in the PDF's own fonts, chips, bars and lines at places given in mm from the top left."""

from __future__ import annotations

import io
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from itertools import accumulate
from typing import Any

from coread.report.palette import fill_of, ink_of, rgb

WIDTH, HEIGHT, MARGIN = 210.0, 297.0, 14.0
INSIDE = WIDTH - 2 * MARGIN
BOTTOM = HEIGHT - 18.0
POINT = 25.4 / 72
INK, SOFT, LINE, FAINT, ACCENT = "#17212B", "#4B5A68", "#C6D0D8", "#E9EEF1", "#0B5F73"
PROXIMAL, DISTAL, LESION = "#56C8FF", "#FFA61A", "#FF8ADE"
# Dash and gap; the PDF library draws square ends, half a line's width past each end of a dash.
RINGS = {"likely": (0.5, 1.05), "unsure": (0.01, 0.95)}
EDGE_POINTS = 24


@lru_cache(4096)
def in_font(text: str) -> str:
    """The text in the characters of the PDF's own fonts (Windows-1252); any other stands as ``[U+5F20]``, never as a guess."""
    if text.isascii() and text.isprintable():
        return text
    shown = []
    for sign in unicodedata.normalize("NFC", text).replace("\u2212", "-"):
        try:
            sign.encode("cp1252")
        except UnicodeEncodeError:
            shown.append(f"[U+{ord(sign):04X}]")
        else:
            shown.append(sign if sign.isprintable() else " ")
    return "".join(shown)


class Paper:
    """The document so far. ``y`` is where the next block begins; ``replaced`` says whether a character had no glyph.

    Every page carries the banner at its top and the patient's id and page number at its foot.
    """

    def __init__(self, banner: str, foot: str, title: str, created: str) -> None:
        from fpdf import FPDF

        self.pdf: Any = FPDF(format="A4", unit="mm")
        self.pdf.core_fonts_encoding = "cp1252"
        self.pdf.set_auto_page_break(False)
        self.pdf.set_margin(0)
        self.pdf.c_margin = 0
        self.pdf.set_title(in_font(title))
        self.pdf.set_lang("en")
        self.pdf.set_creator("Coread")
        try:
            self.pdf.set_creation_date(datetime.fromisoformat(created))
        except ValueError:
            self.pdf.set_creation_date(datetime(1970, 1, 1).astimezone())
        self.banner, self.foot = banner, foot
        self.replaced = False
        self.pages = 0
        self._font: tuple[float, bool, str] | None = None
        self.y = MARGIN
        self.new_page()

    def new_page(self) -> None:
        """Begin a page with its banner and foot."""
        self.pdf.add_page()
        self._font = None
        self.pages += 1
        self.pdf.set_draw_color(0)
        self.pdf.set_line_width(0.35)
        self.pdf.rect(MARGIN, 9, INSIDE, 7)
        self.text(MARGIN + 2.5, 13.7, self.clipped(self.banner, INSIDE - 5, 9.5, bold=True), 9.5, bold=True)
        self.text(MARGIN, HEIGHT - 9, self.clipped(self.foot, INSIDE - 24, 7.5), 7.5, colour=SOFT)
        self.y = 22.0

    def room(self, height: float) -> None:
        """Begin a new page unless ``height`` mm are left on this one."""
        if self.y + height > BOTTOM:
            self.new_page()

    def font(self, size: float, bold: bool = False, colour: str = INK) -> None:
        """Choose the font for what is written next; ``size`` in points."""
        if self._font != (size, bold, colour):
            self.pdf.set_font("Helvetica", "B" if bold else "", size)
            self.pdf.set_text_color(*rgb(colour))
            self._font = (size, bold, colour)

    def width(self, text: str) -> float:
        """Width of a text in mm in the font chosen last."""
        return sum(self._advances(in_font(text)))

    def _advances(self, written: str) -> list[float]:
        """Width of each character in mm."""
        widths, unit = self.pdf.current_font.cw, self.pdf.font_size_pt * POINT / 1000
        return [widths[sign] * unit for sign in written.encode("cp1252").decode("latin-1")]

    def _fitting(self, written: str, width: float) -> int:
        """How many of the first characters fit into ``width`` mm."""
        return bisect_right(list(accumulate(self._advances(written))), width)

    def text(
        self, x: float, y: float, text: str, size: float, *, bold: bool = False, colour: str = INK, width: float = 0.0, align: str = "left"
    ) -> None:
        """Write a line with its base at ``y``; inside ``width`` where it is aligned to the middle or the right."""
        written = in_font(text)
        self.replaced = self.replaced or "[U+" in written
        self.font(size, bold, colour)
        if align != "left":
            spare = width - self.width(written)
            x += spare if align == "right" else spare / 2
        self.pdf.text(x, y, written)

    def wrapped(
        self, x: float, text: str, width: float, size: float, *, bold: bool = False, colour: str = INK, leading: float = 1.28
    ) -> None:
        """Write a paragraph from ``self.y`` down, over pages where it must, and move ``self.y`` below it."""
        step = size * POINT * leading
        for line in self.lines(text, width, size, bold):
            self.room(step)
            self.text(x, self.y + size * POINT, line, size, bold=bold, colour=colour)
            self.y += step

    def clipped(self, text: str, width: float, size: float, bold: bool = False) -> str:
        """The text, cut with an ellipsis where it is longer than ``width`` mm."""
        self.font(size, bold)
        written = in_font(text)
        if self.width(written) <= width:
            return text
        return written[: self._fitting(written, width - self.width("…"))] + "…"

    def lines(self, text: str, width: float, size: float, bold: bool = False) -> list[str]:
        """The text broken into lines of at most ``width`` mm; a word that is longer is broken inside."""
        self.font(size, bold)
        measure = self.width
        made: list[str] = []
        line = ""
        written = in_font(text)
        self.replaced = self.replaced or "[U+" in written
        for word in written.split():
            if measure(word) > width:
                made += [line] if line else []
                *full, word = self._broken(word, width)
                made += full
                line = ""
            longer = f"{line} {word}".strip()
            if line and measure(longer) > width:
                made.append(line)
                line = word
            else:
                line = longer
        return [*made, line] if line else made

    def _broken(self, word: str, width: float) -> list[str]:
        """A word in pieces of at most ``width`` mm, or of one character where that is wider."""
        pieces, start, room = [], 0, 0.0
        for place, advance in enumerate(self._advances(word)):
            if room + advance > width and place > start:
                pieces.append(word[start:place])
                start, room = place, 0.0
            room += advance
        return [*pieces, word[start:]]

    def heading(self, text: str, size: float = 11.5, room: float = 20.0, x: float = MARGIN) -> None:
        """A heading that keeps ``room`` mm with it."""
        self.room(room)
        self.text(x, self.y + size * POINT, text, size, bold=True)
        self.y += size * POINT + 2.6

    def rule(self, x: float, y: float, width: float, colour: str = LINE) -> None:
        """A thin horizontal line."""
        self.pdf.set_draw_color(*rgb(colour))
        self.pdf.set_line_width(0.15)
        self.pdf.line(x, y, x + width, y)

    def box(self, x: float, y: float, width: float, height: float, fill: str) -> None:
        """A filled rectangle."""
        if width > 0:
            self.pdf.set_fill_color(*rgb(fill))
            self.pdf.rect(x, y, width, height, style="F")

    def chip(
        self, x: float, y: float, glyph: str, step: int | None, doubt: str = "sure", *, radius: float = 1.9, on_film: bool = False
    ) -> None:
        """A grade in its colour with its middle at (x, y); a square where there is no grade (``step`` None)."""
        self.pdf.set_line_width(0.25)
        edge, fill, ink = SOFT, fill_of(step or 0), ink_of(step or 0)
        if on_film and not step:
            fill, ink = "#1C252D", "#FFFFFF"
        if step is None:
            self.pdf.set_draw_color(*rgb("#FFFFFF" if on_film else edge))
            self.pdf.set_fill_color(*rgb(fill))
            self.pdf.set_dash_pattern(dash=0.6, gap=0.4)
            self.pdf.rect(x - radius * 0.88, y - radius * 0.88, radius * 1.76, radius * 1.76, style="FD")
            self.pdf.set_dash_pattern()
        else:
            self.pdf.set_draw_color(*rgb("#0B0F13" if on_film else edge))
            self.pdf.set_fill_color(*rgb(fill))
            self.pdf.ellipse(x - radius, y - radius, 2 * radius, 2 * radius, style="FD")
            if on_film or doubt in RINGS:
                self.pdf.set_draw_color(*rgb("#FFFFFF" if on_film else edge))
                self.pdf.set_line_width(0.4 if on_film else 0.22)
                if doubt in RINGS:
                    self.pdf.set_dash_pattern(dash=RINGS[doubt][0], gap=RINGS[doubt][1] - (0.0 if on_film else 0.25))
                far = radius * 1.27
                self.pdf.ellipse(x - far, y - far, 2 * far, 2 * far)
                self.pdf.set_dash_pattern()
        size = radius * (1.05 if len(glyph) > 2 else 1.4) / POINT
        self.text(x - radius, y + size * POINT * 0.35, glyph, size, bold=True, colour=ink, width=2 * radius, align="center")

    def curve(self, points: Sequence[tuple[float, float]], colour: str, thickness: float, dash: tuple[float, float] | None = None) -> None:
        """A line through points in mm."""
        if len(points) < 2:
            return
        if len(points) > EDGE_POINTS:
            step = (len(points) - 1) / (EDGE_POINTS - 1)
            points = [points[round(i * step)] for i in range(EDGE_POINTS)]
        self.pdf.set_draw_color(*rgb(colour))
        self.pdf.set_line_width(thickness)
        if dash:
            self.pdf.set_dash_pattern(dash=dash[0], gap=dash[1])
        self.pdf.polyline(list(points))
        if dash:
            self.pdf.set_dash_pattern()

    def picture(self, data: bytes, x: float, y: float, width: float, height: float, alt: str) -> None:
        """A JPEG, as it is, with words for those who cannot see it."""
        self.pdf.image(io.BytesIO(data), x, y, width, height, alt_text=in_font(alt))

    def finish(self) -> bytes:
        """The bytes of the document, every page now numbered."""
        for page in range(1, self.pages + 1):
            self.pdf.page = page
            self.pdf.current_font_is_set_on_page = False
            self.pdf.set_fill_color(0)
            self._font = None
            self.text(WIDTH - MARGIN - 20, HEIGHT - 9, f"{page} / {self.pages}", 7.5, colour=SOFT, width=20, align="right")
        return bytes(self.pdf.output())
