"""The totals that a reading's findings allow."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from coread.errors import InputError
from coread.reading import Reading, Total
from coread.scoring import ItemKey, system


def grades_of(reading: Reading) -> dict[ItemKey, float | None]:
    """(site, side, feature) -> grade of each graded feature; None where it was unreadable; measurements are left out.

    Raises:
        InputError: two findings grade the same box of the score sheet.
    """
    features = system(reading.system).features
    grades: dict[ItemKey, float | None] = {}
    for finding in reading.findings:
        if finding.feature not in features:
            continue
        key = (finding.site, finding.side, finding.feature)
        if key in grades:
            raise InputError(f"{reading.study.source}: {finding.label} was graded twice in one reading; keep one of the two")
        grades[key] = finding.grade
    return grades


def with_totals(reading: Reading, imaged: Collection[str] | None = None) -> Reading:
    """The reading with the totals that its findings allow by the rules of its scoring system, in place of those it had.

    Args:
        reading: its findings alone are used.
        imaged: regions that were imaged; None takes those in which anything was graded.

    Raises:
        InputError: a finding that the system does not have, or two for one box of the score sheet.
    """
    scores = system(reading.system).score(grades_of(reading), imaged, means=reading.reader.kind == "panel")
    totals = {name: Total(score.value, score.maximum, sites_unreadable=score.sites_unreadable) for name, score in scores.items()}
    return replace(reading, totals=totals)


def with_corrected_totals(reading: Reading, basis: Reading) -> Reading:
    """The corrected reading with its totals: those that no correction touches as they were, with their intervals; the others summed anew.

    A total that was summed anew has no interval: the one that it had belongs to the grades before.

    Raises:
        InputError: as ``with_totals``.
    """
    before, after = grades_of(basis), grades_of(reading)
    rules = system(reading.system).totals
    summed = with_totals(reading).totals
    same = {name for name, rule in rules.items() if all(before.get(item.key) == after.get(item.key) for item in rule.items)}
    kept = {name: total for name, total in basis.totals.items() if name in same}
    totals = {name: kept.get(name) or summed[name] for name in rules if name in kept or (name in summed and name not in same)}
    return replace(reading, totals=totals)


def missing_from(reading: Reading, imaged: Collection[str] | None = None) -> tuple[str, ...]:
    """One sentence for each total that is absent or lacks sites, why and which; same arguments as ``with_totals``."""
    return system(reading.system).explain_missing(grades_of(reading), imaged)
