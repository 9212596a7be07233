"""Whether a reading that came out of a file can be: one set of rules for every format, from the scoring system and plain sense."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from coread.errors import InputError
from coread.reading import Evidence, Finding, Reading, Total
from coread.reading_signature import check_signature, moment
from coread.reading_totals import grades_of
from coread.scoring import Score, ScoringSystem, system

POSSIBLE: Mapping[str, tuple[float, float]] = {"mm": (0, 1e3), "mm2": (0, 1e6), "%": (-1e3, 1e3), "deg": (-360, 360)}
"""Unit -> what a measurement of a part of the body can be at all; wide, to catch a slip and no finding."""
SAME = 1e-6
WAY_OUT = "the file was altered: open it as it was written, and change grades with `coread correct`"


def check_reading(reading: Reading) -> None:
    """Nothing for a reading whose findings, totals, doubts and places can be, and that is what was signed.

    Raises:
        InputError: one of them cannot; the message says which, without the file.
    """
    by = system(reading.system)
    moment(reading, reading.created, "made")
    seen: set[tuple[object, ...]] = set()
    for finding in reading.findings:
        _check_finding(finding, by)
        key = (finding.site, finding.side, finding.feature, finding.instance)
        if key in seen:
            raise InputError(f"{finding.label} stands twice in one reading; keep one of the two")
        seen.add(key)
        if finding.evidence is not None:
            _check_place(finding, finding.evidence, reading)
    for name, total in reading.totals.items():
        _check_total(name, total, by)
    check_signature(reading)
    _check_sums(reading, by)


def _check_finding(finding: Finding, by: ScoringSystem) -> None:
    if finding.feature in by.measurements:
        by.site(finding.site, finding.side)
        if finding.grade is not None:
            raise InputError(f"{finding.label} is measured, not graded; give a value with its unit")
        _check_measured(finding.label, finding.value, finding.unit, finding.feature, by)
        grades: tuple[float, ...] = ()
    else:
        if finding.value is not None:
            raise InputError(f"{finding.label} is no measurement of {by.id}; its measurements are {', '.join(by.measurements) or 'none'}")
        grades = by.item(finding.site, finding.side, finding.feature).grades
        if finding.grade is not None:
            by.check(finding.site, finding.side, finding.feature, finding.grade)
    chances = finding.probabilities
    if chances and (len(chances) != len(grades) or min(chances) < 0 or abs(sum(chances) - 1) > 1e-3):
        raise InputError(
            f"{finding.label}: {len(chances)} probabilities that sum to {sum(chances):.6g}: there must be one for each of the "
            f"{len(grades)} grades, in 0..1, and they sum to 1"
        )
    if finding.interval is not None:
        _check_bounds(f"{finding.label}: interval", finding.interval.low, finding.interval.high, finding.interval.level)
    was = finding.was
    if was is not None:
        if (was.grade is not None) + (was.value is not None) + (was.unreadable is not None) > 1:
            raise InputError(f"{finding.label}: was has at most one of grade, value and unreadable")
        if was.grade is not None:
            by.check(finding.site, finding.side, finding.feature, was.grade)
        elif was.value is not None:
            _check_measured(f"{finding.label}: was", was.value, was.unit, finding.feature, by)


def check_measured(label: str, value: float, unit: str | None) -> None:
    """A measurement that a part of the body can have.

    Raises:
        InputError: it cannot.
    """
    low, high = POSSIBLE.get(unit or "", (-math.inf, math.inf))
    if not low <= value <= high:
        raise InputError(f"{label} is {value:g} {unit}, expected {low:g} to {high:g} {unit}")


def _check_measured(label: str, value: float | None, unit: str | None, feature: str, by: ScoringSystem) -> None:
    if value is None:
        return
    if feature not in by.measurements:
        raise InputError(f"{label}: {feature} is no measurement of {by.id}")
    units = [code.value for code in by.measurements[feature].units]
    if unit not in units:
        raise InputError(f"{label}: unit {unit!r} is not one of {by.id}, expected {' or '.join(units)}")
    check_measured(label, value, unit)


def _check_bounds(label: str, low: float | None, high: float | None, level: float | None) -> None:
    if level is not None and not 0 < level <= 1:
        raise InputError(f"{label}: its level is {level:g}, expected a probability above 0 and up to 1")
    if low is not None and high is not None and low > high:
        raise InputError(f"{label}: goes from {low:g} down to {high:g}")


def _check_place(finding: Finding, place: Evidence, reading: Reading) -> None:
    """The image is there, and what was found lies on it, or beside it by no more than its own size."""
    images = reading.study.images
    if not images:
        return
    if place.image >= len(images):
        raise InputError(f"{finding.label}: its evidence lies on image {place.image + 1}, the reading speaks of {len(images)}")
    rows, columns = images[place.image].rows, images[place.image].columns
    if rows is None or columns is None:
        return
    for column, row in _points(place):
        if not (-columns <= column <= 2 * columns and -rows <= row <= 2 * rows):
            raise InputError(
                f"{finding.label}: its evidence lies at ({column:g}, {row:g}), far outside the image of {columns} x {rows} pixels"
            )


def _points(place: Evidence) -> Iterator[tuple[float, float]]:
    if place.center_px is not None:
        yield place.center_px
    if place.box_px is not None:
        yield place.box_px[:2]
        yield place.box_px[2:]
    yield from place.outline_px
    for outline in place.lesions_px:
        yield from outline


def _check_total(name: str, total: Total, by: ScoringSystem) -> None:
    if name not in by.totals:
        raise InputError(f"totals.{name}: {by.id} has no such total; its totals are {', '.join(by.totals)}")
    low, high = (total.value if bound is None else bound for bound in (total.low, total.high))
    if total.maximum != by.totals[name].maximum or not 0 <= low <= total.value <= high <= total.maximum:
        raise InputError(
            f"totals.{name}: {total.value:g} ({low:g} to {high:g}) of {total.maximum:g} cannot be, "
            f"this total of {by.id} goes from 0 to {by.totals[name].maximum:g}"
        )
    _check_bounds(f"totals.{name}", total.low, total.high, total.level)


def _check_sums(reading: Reading, by: ScoringSystem) -> None:
    """Every total that the grades allow is there and is what they sum to, and no other."""
    grades = grades_of(reading)
    graded = by.score(grades)
    imaged = by.score(grades, {by.item(*key).region for key in grades})  # a region may be imaged without one grade in it
    for name, computed in graded.items():
        if name not in reading.totals:
            raise InputError(f"totals.{name}: is missing, the grades give {_spoken(computed)}; {WAY_OUT}")
    for name, total in reading.totals.items():
        expected = graded.get(name) or imaged.get(name)
        if expected is None:
            raise InputError(f"totals.{name}: is {total.value:g}, but the grades give no such total; {WAY_OUT}")
        if not math.isclose(total.value, expected.value, rel_tol=0, abs_tol=SAME) or total.sites_unreadable != expected.sites_unreadable:
            said = _spoken(Score(total.value, total.maximum, total.sites_unreadable))
            raise InputError(f"totals.{name}: says {said}, the grades give {_spoken(expected)}; {WAY_OUT}")


def _spoken(score: Score) -> str:
    return f"{score.value:g} with {score.sites_unreadable} sites unreadable"
