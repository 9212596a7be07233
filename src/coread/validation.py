"""A model against the reference of a cohort: agreement, discrimination, calibration, coverage and refusals, with groups and gaps.

Every interval is over patients. Nothing here looks at an image: the readings are made, or were made, elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from coread.cohort import Cohort
from coread.stats.calibration import ReliabilityBin, reliability_curve
from coread.stats.resampling import Plan
from coread.validation_groups import EVERYTHING, ORIGIN, SMALL, UNKNOWN, Gap, Group, gaps, labels, values
from coread.validation_measures import cut_boxes, measures, strata
from coread.validation_pairs import AS_REPORTED, Made, Pairs, Totals, pair


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a validation: columns to group by, whose readings are the reference, and how to resample."""

    by: tuple[str, ...] = ()
    reference: str | None = None
    plan: Plan = field(default_factory=Plan)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why studies were refused, or sites not graded, and how many."""

    what: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Reliability:
    """One bin of a reliability curve of any damage."""

    of: str
    bin: ReliabilityBin


@dataclass(frozen=True, slots=True, eq=False)
class Validation:
    """The whole of a validation.

    Attributes:
        model, version: what was validated.
        system: the scoring system.
        reference: who made the reference readings.
        patients, studies: in the cohort, or the part of it that was used.
        groups: the first is everything, then each group of each column.
        gaps: each group against the others of its column.
        reliability: curves over everything.
        reasons: why studies were refused and sites not graded.
        totals: totals as reported, for a figure.
        notes: what a person should know, one sentence each.
    """

    model: str
    version: str | None
    system: str
    reference: str
    patients: int
    studies: int
    groups: tuple[Group, ...]
    gaps: tuple[Gap, ...]
    reliability: tuple[Reliability, ...]
    reasons: tuple[Reason, ...]
    totals: tuple[Totals, ...]
    notes: tuple[str, ...]

    @property
    def everything(self) -> Group:
        """The figures over all studies."""
        return self.groups[0]


def validate(cohort: Cohort, made: Made, asked: Asked | None = None) -> Validation:
    """A model's readings of a cohort against its reference readings.

    Args:
        cohort: studies, facts and reference readings.
        made: what the model made of them.
        asked: columns, reference and resampling; see `Asked`.

    Raises:
        InputError: an unknown column, several reference readers and none chosen, or nothing to compare.
    """
    asked = asked or Asked()
    groups = labels(cohort, asked.by, made.training_centres)
    pairs = pair(cohort, made, asked.reference)
    told = [_group(pairs, EVERYTHING, EVERYTHING, (EVERYTHING,) * len(pairs.members), asked.plan)]
    for column, of_study in groups.items():
        told += [_group(pairs, column, value, of_study, asked.plan) for value in values(column, of_study)]
    return Validation(
        model=made.id,
        version=made.version,
        system=pairs.system.id,
        reference=pairs.reference,
        patients=len(cohort.patients),
        studies=len(cohort.members),
        groups=tuple(told),
        gaps=gaps(pairs, groups),
        reliability=_reliability(pairs, asked.plan.level),
        reasons=_reasons(pairs),
        totals=tuple(total for total in pairs.totals if total.sites == AS_REPORTED),
        notes=(*pairs.notes, *_origins(cohort, made, groups)),
    )


def _group(pairs: Pairs, column: str, value: str, of_study: Sequence[str], plan: Plan) -> Group:
    among = np.array([label == value for label in of_study])
    patients = len(np.unique(pairs.patient[among]))
    return Group(column, value, patients, int(among.sum()), patients < SMALL, measures(pairs, among, plan))


def _reliability(pairs: Pairs, level: float) -> tuple[Reliability, ...]:
    found: list[Reliability] = []
    for stratum in strata(pairs.system, pairs.boxes.item):
        rows = cut_boxes(pairs.boxes, np.isin(pairs.boxes.item, stratum.items) & ~np.isnan(pairs.boxes.grade))
        codes = pairs.patient[rows.exam]
        if np.isnan(rows.damage).any() or len(np.unique(codes)) < 2:
            continue
        curve = reliability_curve(rows.reference > stratum.grades[0], rows.damage, clusters=codes, level=level)
        found += [Reliability(stratum.name, part) for part in curve]
    return tuple(found)


def _reasons(pairs: Pairs) -> tuple[Reason, ...]:
    names = (member.study for member in pairs.members)
    studies = Counter(_bare(reason, name) for reason, name in zip(pairs.refused, names, strict=True) if reason)
    sites = Counter(str(reason) for reason in pairs.boxes.reasons if reason)
    return tuple(Reason(what, reason, n) for what, counts in (("study", studies), ("site", sites)) for reason, n in counts.most_common())


def _bare(reason: str, study: str) -> str:
    """A reason without the study's own path in front, so that equal reasons count together."""
    head, colon, rest = reason.partition(": ")
    return rest if colon and head.endswith(study) else reason


def _origins(cohort: Cohort, made: Made, groups: dict[str, tuple[str, ...]]) -> list[str]:
    """What can be said of internal and external, and of splits that share centres."""
    notes = []
    if made.training_centres is None:
        notes.append("the model's card does not name its training centres (training_centres): internal and external cannot be told apart")
    elif ORIGIN not in groups:
        notes.append("the cohort has no column centre: internal and external cannot be told apart")
    elif UNKNOWN in groups[ORIGIN]:
        notes.append(f"{groups[ORIGIN].count(UNKNOWN)} studies have no centre: whether they are internal or external is not known")
    if cohort.shared_centres:
        notes.append(
            f"the centre {cohort.shared_centres[0]} has studies in several splits, so its test patients are not those of a new centre"
        )
    return notes
