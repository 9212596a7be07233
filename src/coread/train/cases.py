"""What a cohort holds to learn from: its labelled studies, each with the grades that its readers gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from coread.cohort import Cohort
from coread.errors import InputError, nearest
from coread.scoring import ScoringSystem

TEST = "test"
"""The split of a cohort that training never opens."""


@dataclass(frozen=True, slots=True)
class Case:
    """A labelled study.

    Attributes:
        study: its name in the cohort.
        patient, centre, split: of ``cohort.csv``; empty where it does not say.
        shares: share of the readers that gave each grade, in the order of the system's grades.
    """

    study: str
    patient: str
    centre: str
    split: str
    shares: tuple[float, ...]

    @property
    def grade(self) -> int:
        """Position of the grade that most readers gave, the lower of two."""
        return max(range(len(self.shares)), key=lambda k: (self.shares[k], -k))


@dataclass(frozen=True, slots=True)
class Labels:
    """Which box of a scoring system is learned: a feature at a site (all sides), and whose grades; None takes every reader's."""

    system: ScoringSystem
    feature: str
    site: str
    reference: str | None = None

    def __post_init__(self) -> None:
        if self.feature not in self.system.features:
            raise InputError(f"feature {self.feature!r} is not in {self.system.id}{nearest(self.feature, self.system.features)}")
        if not any((item.feature, item.site) == (self.feature, self.site) for item in self.system.items):
            sites = dict.fromkeys(item.site for item in self.system.items if item.feature == self.feature)
            raise InputError(f"{self.system.id} does not grade {self.feature} at {self.site!r}{nearest(self.site, sites)}")

    @property
    def grades(self) -> tuple[float, ...]:
        """The grades that can be given."""
        return next(i.grades for i in self.system.items if (i.feature, i.site) == (self.feature, self.site))


def labelled(cohort: Cohort, labels: Labels) -> tuple[tuple[Case, ...], tuple[str, ...]]:
    """The cases of a cohort, and one sentence for each kind of study that is not learned from.

    Raises:
        InputError: the cohort is graded by another system, or nothing in it can be learned from.
    """
    systems = sorted({reading.system for reading in cohort.references})
    if systems != [labels.system.id]:
        raise InputError(
            f"{cohort.folder / 'readings.csv'}: the recipe learns {labels.system.id}, the grades are of {', '.join(systems) or 'no system'}"
        )
    given = _given(cohort, labels)
    cases, unlabelled, several = [], [], []
    for member in cohort.members:
        grades = given.get(member.study, {})
        if not grades:
            unlabelled.append(member.study)
        elif len(grades) > 1:
            several.append(member.study)
        else:
            counts = next(iter(grades.values()))
            shares = tuple(counts.get(grade, 0) / sum(counts.values()) for grade in labels.grades)
            cases.append(Case(member.study, member.patient, member.facts.get("centre", ""), member.split, shares))
    notes = []
    if unlabelled:
        notes.append(f"{len(unlabelled)} studies have no grade of {labels.feature} at the {labels.site}, such as {unlabelled[0]}")
    if several:
        notes.append(f"{len(several)} studies have grades of several sides, such as {several[0]}: make each side a study of its own")
    if not cases:
        raise InputError(f"{cohort.folder}: nothing to learn from: {'; '.join(notes)}")
    return tuple(cases), tuple(notes)


def _given(cohort: Cohort, labels: Labels) -> Mapping[str, Mapping[str | None, dict[float, int]]]:
    """study -> side -> grade -> how many readers gave it."""
    given: dict[str, dict[str | None, dict[float, int]]] = {}
    readers: dict[str, None] = {}
    for reading in cohort.references:
        readers[reading.reader.id] = None
        if labels.reference is not None and reading.reader.id != labels.reference:
            continue
        for finding in reading.findings:
            if (finding.feature, finding.site) == (labels.feature, labels.site) and finding.grade is not None:
                counts = given.setdefault(reading.study.source, {}).setdefault(finding.side, {})
                counts[finding.grade] = counts.get(finding.grade, 0) + 1
    if labels.reference is not None and labels.reference not in readers:
        raise InputError(f"{cohort.folder / 'readings.csv'}: no reader {labels.reference!r}{nearest(labels.reference, readers)}")
    return given


def grade_counts(cases: Sequence[Case], grades: int) -> tuple[int, ...]:
    """How many cases have each grade as that of most readers."""
    found = [case.grade for case in cases]
    return tuple(found.count(k) for k in range(grades))
