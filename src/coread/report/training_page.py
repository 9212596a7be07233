"""A training as one self-contained HTML page without scripts or outside requests, from the document that it left."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coread.errors import InputError, not_written
from coread.report.evidence_heat import heat_uri
from coread.report.policy import policy
from coread.report.validation_figures import FIFTHS, Figure, axis, frame, x_at, y_at
from coread.report.validation_page import axes

if TYPE_CHECKING:
    from jinja2 import Template

HERE = Path(__file__).parent
DOCUMENT, PAGE = "training.json", "report.html"


def write_training_page(folder: Path) -> Path:
    """``report.html`` beside the ``training.json`` of a run.

    Raises:
        InputError: there is no such document, or the page cannot be written.
    """
    path = folder / DOCUMENT
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: is no record of a training ({error}); run `coread train` again") from error
    page = folder / PAGE
    try:
        page.write_text(training_page(document), encoding="utf-8")
    except OSError as error:
        raise not_written(page, error) from None
    return page


def training_page(document: Mapping[str, Any]) -> str:
    """The HTML of a training: what was learned from, curves, confusion, reliability, abstention, examples, and the plan."""
    from markupsafe import Markup

    style = (HERE / "validation.css").read_text(encoding="utf-8") + (HERE / "training.css").read_text(encoding="utf-8")
    try:
        program = version("coread")
    except PackageNotFoundError:
        program = "not installed"
    return _template().render(
        d=document,
        plan=document["plan"],
        curves=_curves(document["curve"]),
        reliability=_reliability(document["reliability"]),
        abstention=_abstention(document["abstention"]),
        rows=_confusion(document["grades"], document["confusion"]),
        examples=[{**one, "heat": heat_uri(one["map"])} for one in document["examples"]],
        sections=[(name, part) for name, part in document["plan"].items() if isinstance(part, dict)],
        axes=axes,
        version=program,
        style=Markup(style),
        policy=policy(style),
    )


def _curves(rows: Sequence[Mapping[str, float]]) -> Figure | None:
    """Loss of the training and error of validation over the updates, each drawn from 0 to its largest value."""
    if len(rows) < 2:
        return None
    last = max(row["step"] for row in rows)
    lines = []
    for name in ("loss", "validation"):
        values = [(row["step"], row[name]) for row in rows if row.get(name) is not None and row[name] == row[name]]
        if values:
            most = max(max(v for _, v in values), 1e-9)
            points = " ".join(f"{x_at(s, (0, last))},{y_at(v / most, (0, 1))}" for s, v in values)
            lines.append({"name": name, "most": most, "points": points, "last": values[-1][1]})
    best = min((row for row in rows if row.get("validation") is not None), key=lambda row: row["validation"], default=None)
    return {
        "lines": lines,
        "best": None if best is None else x_at(best["step"], (0, last)),
        "best_step": None if best is None else int(best["step"]),
        "frame": frame((0, last), (0, 1), ([t for t in axis(0, last)[2] if t <= last], FIFTHS)),
    }


def _reliability(rows: Sequence[Mapping[str, float]]) -> Figure:
    points = [
        {
            "x": x_at(row["said"], (0, 1)),
            "y": y_at(row["came_true"], (0, 1)),
            "low": y_at(row["low"], (0, 1)),
            "high": y_at(row["high"], (0, 1)),
            "tip": f"said {row['said']:.0%}, came true in {row['came_true']:.0%} (n {row['n']:.0f})",
        }
        for row in rows
    ]
    return {"points": points, "frame": frame((0, 1), (0, 1), (FIFTHS, FIFTHS))}


def _abstention(rows: Sequence[Mapping[str, float]]) -> Figure:
    most = axis(0, max((row["error"] for row in rows), default=1.0))
    points = [(x_at(row["refused"], (0, 1)), y_at(row["error"], most[:2])) for row in rows]
    return {
        "line": " ".join(f"{x},{y}" for x, y in points),
        "points": [
            {"x": x, "y": y, "tip": f"{row['refused']:.0%} refused: {row['error']:.1%} wrong of {row['kept']:.0f}"}
            for (x, y), row in zip(points, rows, strict=True)
        ],
        "frame": frame((0, 1), most[:2], (FIFTHS, most[2])),
    }


def _confusion(grades: Sequence[float], table: Sequence[Sequence[int]]) -> list[Mapping[str, Any]]:
    """Rows of the table, each cell with its share of the row in twelfths for its shade."""
    return [
        {
            "grade": f"{grade:g}",
            "total": sum(counts),
            "cells": [{"n": n, "shade": round(12 * n / sum(counts)) if sum(counts) else 0, "right": i == j} for j, n in enumerate(counts)],
        }
        for i, (grade, counts) in enumerate(zip(grades, table, strict=True))
    ]


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {"figure": lambda value: f"{value:.3g}".replace("-", "−"), "words": lambda name: name.replace("_", " ")}
    return environment.from_string((HERE / "training.html").read_text(encoding="utf-8"))
