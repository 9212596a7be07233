"""The figures of a validation page, as the places of their parts: the template draws them as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from coread.report.words import number
from coread.validation import Validation
from coread.validation_measures import Measured
from coread.validation_pairs import Totals

Figure = Mapping[str, Any]
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 420.0, 320.0, 58.0, 14.0, 14.0, 46.0
ROW = 22.0
MOST_POINTS = 3000
FIFTHS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def forest(validation: Validation, measure: str, of: str) -> Figure | None:
    """One figure in every group: estimate and interval beside n; small groups hollow. None where no group has a value."""
    rows = []
    for group in validation.groups:
        found = [m for m in group.measures if (m.measure, m.of) == (measure, of)]
        if found:
            label = "all studies" if group.column == "all" else f"{group.column}: {group.value}"
            rows.append((label, group.small, found[0]))
    numbers = [x for *_, m in rows for x in (m.value.estimate, m.value.low, m.value.high) if x is not None and np.isfinite(x)]
    if not numbers:
        return None
    low, high, ticks = axis(min(numbers), max(numbers))
    left, width = 250.0, 330.0

    def x(value: float) -> float:
        return round(left + width * (min(max(value, low), high) - low) / (high - low), 1)

    return {
        "measure": measure,
        "of": of,
        "height": ROW * len(rows) + 44,
        "axis": ROW * len(rows) + 12,
        "ticks": [(x(t), number(t) if abs(t) >= 1 else f"{t:.2g}") for t in ticks],
        "whole": x(rows[0][2].value.estimate) if rows[0][2].value.estimate is not None else None,
        "rows": [_forest_row(label, small, m, (12 + ROW * i, x)) for i, (label, small, m) in enumerate(rows)],
    }


def _forest_row(label: str, small: bool, measured: Measured, place: tuple[float, Any]) -> Figure:
    y, x = place
    value = measured.value
    bounds = None if value.low is None or value.high is None else (x(value.low), x(value.high))
    return {
        "label": label,
        "n": measured.patients,
        "small": small,
        "y": y,
        "x": None if value.estimate is None else x(value.estimate),
        "bounds": bounds,
        "missing": value.undefined if value.estimate is None else "",
    }


def reliability(validation: Validation) -> list[Figure]:
    """For each feature the share that came true against the probability said."""
    found: list[Figure] = []
    for of in dict.fromkeys(row.of for row in validation.reliability):
        points = []
        for row in (r.bin for r in validation.reliability if r.of == of):
            observed = row.observed
            if observed.estimate is not None:
                low, high = (observed.estimate if b is None else b for b in (observed.low, observed.high))
                points.append(
                    {
                        "x": x_at(row.predicted, (0, 1)),
                        "y": y_at(observed.estimate, (0, 1)),
                        "low": y_at(low, (0, 1)),
                        "high": y_at(high, (0, 1)),
                        "tip": f"said {row.predicted:.0%}, came true in {observed.estimate:.0%} of {observed.n} sites",
                    }
                )
        found.append({"of": of, "points": points, "frame": frame((0, 1), (0, 1), (FIFTHS, FIFTHS))})
    return found


def bland_altman(validation: Validation, total: Totals) -> Figure | None:
    """Difference against mean of one total, with bias and limits of agreement; None with fewer than two studies."""
    if len(total.exam) < 2:
        return None
    name = f"{total.name} ({total.sites})"
    lines = {m.measure: m.value.estimate for m in validation.everything.measures if m.of == name}
    mean, difference = (total.value + total.reference) / 2, total.value - total.reference
    marks = [
        lines.get(k)
        for k in ("bias of the total (model - reference)", *(f"{e} limit of agreement of the total" for e in ("lower", "upper")))
    ]
    known = [m for m in marks if m is not None]
    across, (x_low, x_high) = _ticked(float(mean.min()), float(mean.max()))
    up, (y_low, y_high) = _ticked(min([float(difference.min()), *known]), max([float(difference.max()), *known]))
    step = max(1, len(mean) // MOST_POINTS)
    return {
        "of": name,
        "n": len(total.exam),
        "shown": len(mean[::step]),
        "points": [
            (x_at(float(m), (x_low, x_high)), y_at(float(d), (y_low, y_high)))
            for m, d in zip(mean[::step], difference[::step], strict=True)
        ],
        "lines": [(y_at(m, (y_low, y_high)), number(m), i == 0) for i, m in enumerate(marks) if m is not None],
        "frame": frame((x_low, x_high), (y_low, y_high), (across, up)),
    }


def _ticked(low: float, high: float) -> tuple[Sequence[float], tuple[float, float]]:
    bottom, top, ticks = axis(low, high)
    return ticks, (bottom, top)


def axis(low: float, high: float) -> tuple[float, float, list[float]]:
    """A range that holds both, with about five round ticks."""
    span = max(high - low, 1e-3, 0.02 * max(abs(low), abs(high)))
    rough = span / 4
    power = 10.0 ** np.floor(np.log10(rough))
    step = float(power * next(f for f in (1, 2, 5, 10) if f * power >= rough))
    bottom, top = float(np.floor(low / step) * step), float(np.ceil(high / step) * step)
    top = top if top > bottom else bottom + step
    return bottom, top, [round(bottom + step * i, 10) for i in range(round((top - bottom) / step) + 1)]


def frame(x: tuple[float, float], y: tuple[float, float], ticks: tuple[Sequence[float], Sequence[float]]) -> Figure:
    """The frame of a plot whose axes reach from the first to the last number of ``x`` and ``y``, with its ticks."""
    return {
        "left": LEFT,
        "right": WIDTH - RIGHT,
        "top": TOP,
        "bottom": HEIGHT - BOTTOM,
        "x_ticks": [(x_at(float(t), x), f"{round(float(t), 6):g}") for t in ticks[0]],
        "y_ticks": [(y_at(float(t), y), f"{round(float(t), 6):g}") for t in ticks[1]],
    }


def x_at(value: float, span: tuple[float, float]) -> float:
    """Where a value of the horizontal axis lies."""
    return round(LEFT + (WIDTH - LEFT - RIGHT) * (value - span[0]) / (span[1] - span[0]), 1)


def y_at(value: float, span: tuple[float, float]) -> float:
    """Where a value of the vertical axis lies."""
    return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - span[0]) / (span[1] - span[0]), 1)
