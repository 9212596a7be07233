"""Readings by a card that was calibrated for a hospital: its probabilities bent, its intervals as wide as the patients there ask for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from coread.readers import Reader
from coread.readers.calibration import Calibration, GradeCalibration, grades_by
from coread.readers.rounding import shares
from coread.readers.totals import totals_with_intervals
from coread.reading import Finding, Interval, Reading, Total
from coread.scoring import ScoringSystem, system
from coread.stats.conformal import SplitSet
from coread.study import Study


class CalibratedReader:
    """A reader whose card carries a local calibration."""

    def __init__(self, inner: Reader, calibration: Calibration) -> None:
        self.card = inner.card
        self.inner = inner
        self.calibration = calibration

    def read(self, study: Study) -> Reading:
        """The inner reader's reading, calibrated.

        Raises:
            OutOfScopeError: the study is not what the reader was made for.
        """
        group = group_of(study, self.calibration)
        found = recalibrated(self.inner.read(study), self.calibration, self.card.parameters, group)
        if not self.calibration.by or group is not None:
            return found
        known = ", ".join(self.calibration.groups)
        why = f"the exam states no {self.calibration.by} out of {known}: intervals of totals are the widest of these groups"
        return replace(found, warnings=(*found.warnings, why))

    def check(self, study: Study) -> dict[str, Any]:
        """As the inner reader's: what can be read does not depend on calibration."""
        return self.inner.check(study)


def group_of(study: Study, calibration: Calibration) -> str | None:
    """The calibrated group that an exam states to belong to; None where it states none of them."""
    if calibration.by == "sex":
        stated = [study.sex]
    elif calibration.by == "scanner":
        facts = [image.facts for image in study.images]
        stated = [f.get("model") for f in facts] + [f"{f.get('manufacturer')} {f.get('model')}" for f in facts]
    else:
        return None
    known = {group.casefold(): group for group in calibration.groups}
    return next((known[name.casefold()] for name in stated if name and name.casefold() in known), None)


def recalibrated(reading: Reading, calibration: Calibration, parameters: Mapping[str, float], group: str | None = None) -> Reading:
    """A reading by the parent card as the calibrated one gives it.

    A total that had too few patients to be calibrated loses its interval, since nobody knows here how often it holds.

    Args:
        reading: with probabilities where these are to be bent.
        calibration: see there.
        parameters: of the card, for intervals of sums.
        group: of the patient, where intervals of totals are conditional; None takes the widest.
    """
    made = bent_reading(reading, calibration.grades, calibration.level, parameters)
    return replace(made, totals={name: _widened(name, total, calibration, group) for name, total in made.totals.items()})


def bent_reading(reading: Reading, grades: Iterable[GradeCalibration], level: float, parameters: Mapping[str, float]) -> Reading:
    """A reading with its grades calibrated and its totals summed anew, their intervals as the new probabilities give them."""
    of = system(reading.system)
    findings = _findings(reading.findings, grades, level, of)
    totals = reading.totals
    if _moved(findings, reading.findings):
        summed = totals_with_intervals(findings, of, parameters, level)
        totals = {name: summed[name] for name in totals if name in summed}
    return replace(reading, findings=findings, totals=totals)


def margin_of(name: str, calibration: Calibration, group: str | None) -> float | None:
    """What is put on both sides of a total's interval; of a group that is not known the most; None where it was not calibrated."""
    margins = {total.group: total.margin for total in calibration.totals if total.name == name}
    if not margins:
        return None
    return margins.get(group if group is not None else "", max(margins.values()))


def bounds(total: Total) -> tuple[float, float]:
    """The interval of a total; its value twice where it has none.

    A bound at an end of the score is moved outwards by as much as the score is long: no truth lies beyond, so that side never errs, and
    an interval from 0 up can still be narrowed from above.
    """
    low, high = (total.value, total.value) if total.low is None or total.high is None else (total.low, total.high)
    return low if low > 0 else -total.maximum, high if high < total.maximum else 2 * total.maximum


def _widened(name: str, total: Total, calibration: Calibration, group: str | None) -> Total:
    margin = margin_of(name, calibration, group)
    if margin is None:
        return replace(total, low=None, high=None, level=None)
    low, high = bounds(total)
    low, high = round(low - margin, 6), round(high + margin, 6)
    return replace(total, low=min(max(low, 0.0), total.value), high=max(min(high, total.maximum), total.value), level=calibration.level)


def _moved(after: Iterable[Finding], before: Iterable[Finding]) -> bool:
    return any(a.probabilities != b.probabilities or a.grade != b.grade for a, b in zip(after, before, strict=True))


def _findings(
    findings: tuple[Finding, ...], calibrated: Iterable[GradeCalibration], level: float, of: ScoringSystem
) -> tuple[Finding, ...]:
    made = list(findings)
    for how in calibrated:
        rows = [i for i, finding in enumerate(findings) if is_graded(finding, how.feature, how.scale, of)]
        if rows:
            grades = of.item(findings[rows[0]].site, findings[rows[0]].side, how.feature).grades
            for i, finding in zip(rows, _graded([findings[i] for i in rows], how, grades, level), strict=True):
                made[i] = finding
    return tuple(made)


def is_graded(finding: Finding, feature: str, scale: str, of: ScoringSystem) -> bool:
    """Whether a finding is a grade on this scale with a probability for each of its grades."""
    if finding.feature != feature or finding.grade is None or not finding.probabilities:
        return False
    item = of.item(finding.site, finding.side, feature)
    return item.scale.key == scale and len(finding.probabilities) == len(item.grades)


def _graded(findings: list[Finding], how: GradeCalibration, grades: tuple[float, ...], level: float) -> list[Finding]:
    p = how.bent(np.array([finding.probabilities for finding in findings], dtype=np.float64))
    inside = SplitSet(how.cutoff, "ordinal", level, how.patients).apply(p)
    taken = None if how.bend is None or how.rule == "kept" else grades_by(how.rule, p)
    made = []
    for row, finding in enumerate(findings):
        grade = finding.grade if taken is None else grades[int(taken[row])]
        assert grade is not None
        held = [g for g, held in zip(grades, inside[row], strict=True) if held]
        interval = Interval(grade, min(grade, held[0]), max(grade, held[-1]), level)
        probabilities = finding.probabilities if how.bend is None else shares(p[row].tolist())
        made.append(replace(finding, grade=grade, probabilities=probabilities, interval=interval))
    return made
