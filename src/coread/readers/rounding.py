"""Numbers of findings, rounded to what they are worth."""

from __future__ import annotations

from collections.abc import Sequence


def point(place: tuple[float, float]) -> tuple[float, float]:
    """(column, row) to a hundredth of a pixel."""
    return round(float(place[0]), 2), round(float(place[1]), 2)


def shares(probabilities: Sequence[float]) -> tuple[float, ...]:
    """Probabilities to four digits that still sum to 1: the largest takes up what rounding lost."""
    rounded = [round(p, 4) for p in probabilities]
    largest = rounded.index(max(rounded))
    rounded[largest] = round(1 - sum(rounded[:largest]) - sum(rounded[largest + 1 :]), 4)
    return tuple(rounded)
