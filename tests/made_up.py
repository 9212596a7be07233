"""A cohort that was made up, with a reference and a reader whose every figure is known by construction."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from coread.cohort import Cohort, Member
from coread.reading import Finding, Interval, ReaderRef, Reading, StudyRef, Total
from coread.reading_totals import with_totals
from coread.scoring import system

FEATURE = "joint_space_narrowing"
ITEMS = tuple(i for i in system("svdh").items if i.feature == FEATURE and i.region == "hand_left")
GRADES = (0.0, 1.0, 2.0, 3.0, 4.0)
Answer = Callable[[Member, float], Finding | float | None]
"""What the reader says of a box whose true grade is given: a grade, a finding, or None where it cannot read it."""


@dataclass(frozen=True)
class MadeUp:
    cohort: Cohort
    truth: dict[str, tuple[float, ...]]


def make_up(
    patients: int, visits: int = 1, seed: int = 1, severe: Callable[[int], float] | None = None, **columns: Callable[[int], str]
) -> MadeUp:
    """Patients with a severity of their own (drawn, or given by number), all joints of the left hand graded.

    Columns give each patient's facts by number.
    """
    random = np.random.default_rng(seed)
    members, references, truth = [], [], {}
    for number in range(patients):
        severity = random.uniform(0, 2.5) if severe is None else severe(number)
        for visit in range(visits):
            name = f"p{number}v{visit}.dcm"
            grades = tuple(float(min(4, g)) for g in random.poisson(severity, len(ITEMS)))
            facts = {"study": name, "patient": f"p{number}"} | {column: of(number) for column, of in columns.items()}
            age = float(facts["age"]) if facts.get("age") else None
            members.append(
                Member(name, Path(name), f"p{number}", facts.get("sex", ""), age, facts.get("split", ""), facts, len(members) + 2)
            )
            truth[name] = grades
            findings = tuple(Finding(i.site, i.side, FEATURE, grade=g) for i, g in zip(ITEMS, grades, strict=True))
            references.append(reading(name, ReaderRef("person", "Dr A"), findings))
    return MadeUp(Cohort(Path("cohort"), tuple(members), ("study", "patient", *columns), tuple(references)), truth)


def reading(study: str, who: ReaderRef, findings: tuple[Finding, ...]) -> Reading:
    return with_totals(Reading("1.2.3", who, "svdh", StudyRef(study), findings, {}, "2026-01-01T00:00:00+00:00"))


def certain(item: object, grade: float, sure: float = 1.0) -> Finding:
    """A grade with its probabilities (the rest to the others alike) and an interval of the grade alone."""
    shares = tuple(sure if g == grade else (1 - sure) / 4 for g in GRADES)
    return Finding(item.site, item.side, FEATURE, grade=grade, probabilities=shares, interval=Interval(grade, grade, grade, 0.9))  # type: ignore[attr-defined]


def read_by(made_up: MadeUp, answer: Answer, half_width: float = 0.0) -> dict[str, Reading]:
    """A reader's readings of every study; its totals have intervals of value -+ half_width, level 0.9."""
    found = {}
    for member in made_up.cohort.members:
        findings = []
        for item, grade in zip(ITEMS, made_up.truth[member.study], strict=True):
            said = answer(member, grade)
            if isinstance(said, Finding):
                findings.append(said)
            elif said is None:
                findings.append(Finding(item.site, item.side, FEATURE, unreadable="outside the image"))
            else:
                findings.append(certain(item, said))
        whole = reading(member.study, ReaderRef("model", "m", "1"), tuple(findings))
        totals = {
            name: Total(t.value, t.maximum, t.value - half_width, t.value + half_width, 0.9, t.sites_unreadable)
            for name, t in whole.totals.items()
        }
        found[member.study] = Reading(
            whole.uid, whole.reader, whole.system, whole.study, whole.findings, totals, whole.created, warnings=whole.warnings
        )
    return found
