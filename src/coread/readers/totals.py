"""The totals of a model's findings, each with the interval that the probabilities of its grades give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from coread.reading import Finding, Total
from coread.scoring import Item, ScoringSystem
from coread.stats.ordinal import sum_interval

CORRELATION = "error_correlation"
"""The parameter of a card that says how much the errors of a patient's sites go together."""


def correlation_of(items: Sequence[Item], parameters: Mapping[str, float]) -> float | None:
    """How much the errors of these items go together, see `sum_interval`; None where the card does not say.

    ``FEATURE_error_correlation`` where all are of one feature that has its own, else ``error_correlation``.
    """
    features = {item.feature for item in items}
    own = f"{next(iter(features))}_{CORRELATION}" if len(features) == 1 else CORRELATION
    return parameters.get(own, parameters.get(CORRELATION))


def totals_with_intervals(
    findings: Iterable[Finding], of: ScoringSystem, parameters: Mapping[str, float], level: float
) -> dict[str, Total]:
    """Name -> total, for every total that the findings allow.

    A total that is no plain sum, or whose grades lack probabilities, has no interval; nor has a sum over several sites where it is not
    known how their errors go together.

    Args:
        findings: grades with their probabilities; what was not graded lacks a grade.
        of: the scoring system.
        parameters: of the model's card, which say how errors go together, see `correlation_of`.
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
        correlation = correlation_of(items, parameters)
        if not items or (rule.combine, rule.gather) != ("sum", "sum") or (correlation is None and len(items) > 1):
            totals[name] = Total(score.value, score.maximum, sites_unreadable=score.sites_unreadable)
            continue
        interval = sum_interval([probabilities[item.key] for item in items], [item.grades for item in items], correlation or 0.0, level)
        totals[name] = Total(
            value=score.value,
            maximum=score.maximum,
            low=min(interval.low, score.value),
            high=max(interval.high, score.value),
            level=interval.level,
            sites_unreadable=score.sites_unreadable,
        )
    return totals
