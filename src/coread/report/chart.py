"""Plots of agreement as positions in a drawing, which the page turns into SVG: Bland-Altman, and cumulative probability of change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

import numpy as np
import numpy.typing as npt

from coread.report.words import number, rounded
from coread.stats.estimate import Estimate
from coread.stats.responsiveness import cumulative_probability

Array = npt.NDArray[np.float64]
Tick = tuple[float, str]
WIDTH, HEIGHT = 380, 270
LEFT, RIGHT, TOP, BOTTOM = 46, 64, 12, 42
MOST_CURVES = 6


@dataclass(frozen=True, slots=True)
class Line:
    """A horizontal line at height ``y``: its words, its kind (``zero``, ``bias``, ``limit``), and its interval as a band."""

    y: float
    text: str
    kind: str
    band: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve of one reader: its name, its style 0 to 6, and its points as ``x,y x,y``."""

    name: str
    style: int
    points: str


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing of WIDTH x HEIGHT; ``dots`` are (x, y, radius)."""

    title: str
    summary: str
    x_name: str
    y_name: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    dots: tuple[tuple[float, float, float], ...]
    lines: tuple[Line, ...]
    curves: tuple[Curve, ...] = ()


class _Frame:
    """Values to positions."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        self.x_ticks, self.y_ticks = ticks(*x), ticks(*y)
        self.x_range = (min(x[0], self.x_ticks[0]), max(x[1], self.x_ticks[-1]))
        self.y_range = (min(y[0], self.y_ticks[0]), max(y[1], self.y_ticks[-1]))

    def x(self, value: float) -> float:
        low, high = self.x_range
        return round(LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        low, high = self.y_range
        return round(HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers from at most ``low`` to at least ``high``; a range of nothing is widened."""
    if high - low < 1e-9:
        low, high = low - 1, high + 1
    rough = (high - low) / about
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * (1 - 1e-9))
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(step * i, 10) for i in range(first, last + 1)]


def bland_altman_plot(scores: Array, readers: Sequence[str], estimates: Mapping[str, Estimate], title: str) -> Plot:
    """Difference of two readers against their mean, with bias and limits of agreement and their intervals.

    Args:
        scores: (n, 2); equal points are drawn once, larger.
        readers: their names.
        estimates: with ``bias``, ``limit_low`` and ``limit_high``.
        title: what is scored.
    """
    difference, mean = scores[:, 0] - scores[:, 1], scores.mean(axis=1)
    told = [(key, estimates[key]) for key in ("limit_high", "bias", "limit_low")]
    edges = [value for _, each in told for value in (each.estimate, each.low, each.high) if value is not None and np.isfinite(value)]
    frame = _Frame(
        (float(mean.min()), float(mean.max())), (min(float(difference.min()), *edges, 0), max(float(difference.max()), *edges, 0))
    )
    lines = [Line(frame.y(0), "", "zero")]
    for key, each in told:
        if each.estimate is not None:
            band = None if each.low is None or each.high is None else (frame.y(each.high), frame.y(each.low))
            lines.append(Line(frame.y(each.estimate), rounded(each.estimate, 1), "bias" if key == "bias" else "limit", band))
    where, count = np.unique(np.column_stack([mean, difference]), axis=0, return_counts=True)
    dots = tuple((frame.x(x), frame.y(y), round(2.4 + 1.1 * (np.sqrt(n) - 1), 1)) for (x, y), n in zip(where, count, strict=True))
    limits = [
        f"{name} {rounded(each.estimate, 1)}"
        for (_, each), name in zip(told, ("upper limit", "bias", "lower limit"), strict=True)
        if each.estimate is not None
    ]
    return Plot(
        title,
        f"{title}, Bland-Altman plot of {len(scores)} pairs of scores: {', '.join(limits)}",
        f"mean of {readers[0]} and {readers[1]}",
        f"{readers[0]} minus {readers[1]}",
        tuple((frame.x(value), number(value)) for value in frame.x_ticks),
        tuple((frame.y(value), number(value)) for value in frame.y_ticks),
        dots,
        _apart(lines),
    )


def probability_plot(changes: Array, readers: Sequence[str], sdc: Estimate, title: str) -> Plot:
    """Changes in order against cumulative probability, one curve a reader and one for their mean, with the smallest detectable change.

    Args:
        changes: (n, k), n >= 1.
        readers: names of the k columns.
        sdc: of the mean of the readers.
        title: what is scored.
    """
    mean = changes.mean(axis=1)
    edges = [] if sdc.estimate is None else [-sdc.estimate, sdc.estimate]
    frame = _Frame((0, 100), (min(float(changes.min()), 0, *edges), max(float(changes.max()), 0, *edges)))
    shown = [(name, changes[:, place]) for place, name in enumerate(readers)] if len(readers) <= MOST_CURVES else []
    curves = []
    for style, (name, values) in enumerate([("mean of the readers", mean), *shown]):
        curve = cumulative_probability(values)
        points = zip(curve.probability * 100, curve.change, strict=True)
        curves.append(Curve(name, style, " ".join(f"{frame.x(x):g},{frame.y(y):g}" for x, y in points)))
    lines = [Line(frame.y(0), "", "zero")]
    lines += [Line(frame.y(edge), f"SDC {rounded(edge, 1)}", "limit") for edge in edges]
    share = float((mean > 0).mean())
    return Plot(
        title,
        f"{title}, cumulative probability of change, {len(changes)} patients: {100 * share:.0f} % got worse in the mean of the readers",
        "cumulative probability, %",
        "change",
        tuple((frame.x(value), number(value)) for value in frame.x_ticks),
        tuple((frame.y(value), number(value)) for value in frame.y_ticks),
        (),
        _apart(lines),
        tuple(curves),
    )


def _apart(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Lines whose words would stand on each other keep those of the first only."""
    kept: list[Line] = []
    for line in lines:
        near = any(line.text and other.text and abs(line.y - other.y) < 11 for other in kept)
        kept.append(Line(line.y, "", line.kind, line.band) if near else line)
    return tuple(kept)
