"""The totals of a model's findings, each with the interval that the probabilities of its grades give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from coread.reading import Finding, Total
from coread.scoring import Item, ScoringSystem
from coread.stats.ordinal import sum_interval

CORRELATION = "error_correlation"
"""The parameter of a card by which it makes intervals of sums; with ``_FEATURE`` behind it, of sums of that feature alone."""
Correlation = Mapping[str, float]
"""Feature -> correlation of the errors of its sites, for totals of that feature alone; the key "" is for all others."""


def correlation_of(parameters: Mapping[str, float]) -> Correlation | None:
    """The correlations that the parameters of a card state; None where it states none for all totals."""
    found = {key.removeprefix(CORRELATION).removeprefix("_"): value for key, value in parameters.items() if key.startswith(CORRELATION)}
    return found if "" in found else None


def totals_with_intervals(findings: Iterable[Finding], of: ScoringSystem, correlation: Correlation, level: float) -> dict[str, Total]:
    """Name -> total, for every total that the findings allow.

    A total that is no plain sum, or whose grades lack probabilities, has no interval.

    Args:
        findings: grades with their probabilities; what was not graded lacks a grade.
        of: the scoring system.
        correlation: of the errors of the sites, see `sum_interval`; it has the key "".
        level: of the intervals.
    """
    findings = tuple(findings)
    grades = {(f.site, f.side, f.feature): f.grade for f in findings if f.feature in of.features}
    probabilities = {(f.site, f.side, f.feature): f.probabilities for f in findings if f.grade is not None and f.probabilities}
    imaged = {of.item(*key).region for key in grades}
    totals = {}
    for name, score in of.score(grades, imaged).items():
        rule = of.totals[name]
        items = [item for item in rule.items if item.key in probabilities]
        if not items or (rule.combine, rule.gather) != ("sum", "sum"):
            totals[name] = Total(score.value, score.maximum, sites_unreadable=score.sites_unreadable)
            continue
        interval = sum_interval(
            [probabilities[item.key] for item in items], [item.grades for item in items], correlation_among(items, correlation), level
        )
        totals[name] = Total(
            value=score.value,
            maximum=score.maximum,
            low=min(interval.low, score.value),
            high=max(interval.high, score.value),
            level=interval.level,
            sites_unreadable=score.sites_unreadable,
        )
    return totals


def correlation_among(items: Sequence[Item], correlation: Correlation) -> float:
    """That of the errors of these items: of their feature where all have one, else the one for all others."""
    features = {item.feature for item in items}
    return correlation.get(features.pop(), correlation[""]) if len(features) == 1 else correlation[""]
