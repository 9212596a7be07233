"""The course of a total over the visits, as points in the units of an SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coread.change import TotalChange
from coread.report.closeup import Points, ticks

WIDTH, HEIGHT = 420.0, 220.0
LEFT, RIGHT, TOP, BOTTOM = 42.0, 14.0, 22.0, 38.0


@dataclass(frozen=True, slots=True)
class Progression:
    """One total over the visits, in an SVG of ``WIDTH`` x ``HEIGHT``.

    Attributes:
        points: (x, y, value as text) of each visit that has the total.
        runs: the line through visits that follow each other; a visit without the total interrupts it.
        whiskers: (x, low, high) of each interval.
        band: (top, bottom) of the first value with the smallest detectable change either way; None where that is not known.
        x_ticks, y_ticks: (position, number).
        by_day: whether the visits stand at their days; else at their numbers.
        summary: the plot in one sentence, for those who cannot see it.
    """

    points: tuple[tuple[float, float, str], ...]
    runs: tuple[Points, ...]
    whiskers: tuple[tuple[float, float, float], ...]
    band: tuple[float, float] | None
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    by_day: bool
    summary: str


def progression(total: TotalChange, days: Sequence[float | None], name: str) -> Progression | None:
    """The course of a total; None where fewer than two visits have it.

    Args:
        total: the total over the visits.
        days: day of each visit; where one is not known, the visits stand at equal distances.
        name: the total in words.
    """
    known = [day for day in days if day is not None]
    by_day = len(known) == len(days)
    where = known if by_day else [float(number) for number in range(1, len(days) + 1)]
    held = [(x, one) for x, one in zip(where, total.totals, strict=True) if one is not None]
    if len(held) < 2:
        return None
    error = total.whole.error.value if total.whole.error and total.totals[0] else None
    first = held[0][1].value
    tops = [one.value if one.high is None else one.high for _, one in held]
    highest = max(*tops, first + (error or 0.0)) * 1.08 or 1.0
    across = (WIDTH - LEFT - RIGHT) / ((where[-1] - where[0]) or 1.0)
    down = (HEIGHT - TOP - BOTTOM) / highest

    def x_of(day: float) -> float:
        return round(LEFT + (day - where[0]) * across, 1)

    def y_of(value: float) -> float:
        return round(HEIGHT - BOTTOM - max(0.0, value) * down, 1)

    runs: list[list[tuple[float, float]]] = [[]]
    for day, one in zip(where, total.totals, strict=True):
        if one is not None:
            runs[-1].append((x_of(day), y_of(one.value)))
        elif runs[-1]:
            runs.append([])
    unit = "day" if by_day else "visit"
    course = ", ".join(f"{unit} {day:g}: {one.value:g}" for day, one in held)
    said = f"{name} over the visits: {course}" + (f"; smallest detectable change {error:g}" if error is not None else "")
    return Progression(
        points=tuple((x_of(day), y_of(one.value), f"{one.value:g}") for day, one in held),
        runs=tuple(tuple(run) for run in runs if len(run) > 1),
        whiskers=tuple((x_of(day), y_of(one.low), y_of(one.high)) for day, one in held if one.low is not None and one.high is not None),
        band=None if error is None else (y_of(first + error), y_of(first - error)),
        x_ticks=_apart([(x_of(day), f"{day:g}") for day in where]),
        y_ticks=tuple((y_of(value), text) for value, text in ticks(0.0, highest)),
        by_day=by_day,
        summary=said + ".",
    )


def _apart(marks: Sequence[tuple[float, str]]) -> tuple[tuple[float, str], ...]:
    """The marks whose numbers do not run into the one before."""
    kept: list[tuple[float, str]] = []
    for x, text in marks:
        if not kept or x - kept[-1][0] >= 4.0 * (len(text) + len(kept[-1][1])):
            kept.append((x, text))
    return tuple(kept)
