"""The readings of a model laid beside the reference readings of a cohort: arrays that the measures are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from coread.cohort import COHORT, REFERENCE, Cohort, Member
from coread.errors import InputError, nearest
from coread.reading import Finding, Interval, Reading, Total
from coread.reading_totals import grades_of
from coread.scoring import Grades, Item, ItemKey, ScoringSystem, TotalRule, system

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
ABSENT = "not in the reading"
AS_REPORTED, BOTH_READ = "as reported", "sites read by both"
TotalRow = tuple[int, float, float, Total | None]
"""Index of the study, total of the reference, of the model, and that total where its interval speaks of the same sites."""


@dataclass(frozen=True, slots=True)
class Made:
    """What the model made of a cohort.

    Attributes:
        id, version: of the model.
        readings: study -> its reading; those of studies that are not compared are left alone.
        refusals: study -> why there is no reading of it.
        assesses: features that it grades; None takes those that it graded anywhere.
        training_centres: centres and data sets that it was trained on; None where its card does not name them.
    """

    id: str
    version: str | None
    readings: Mapping[str, Reading]
    refusals: Mapping[str, str]
    assesses: tuple[str, ...] | None = None
    training_centres: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """One row for each box of the score sheet that the reference graded and the model could have.

    Attributes:
        exam: (n,) index of the study.
        item: (n,) index into the items of the system.
        reference: (n,) grade of the reference.
        grade: (n,) grade of the model, NaN where it gave none.
        damage: (n,) the model's probability of any damage, NaN where it gave none.
        held: (n,) 1 where the model's interval of the grade holds the reference, 0 where not, NaN where it gave no interval.
        reasons: (n,) why there is no grade, empty where there is one.
        level: of the intervals of grades, where all have the same.
    """

    exam: Ints
    item: Ints
    reference: Floats
    grade: Floats
    damage: Floats
    held: Floats
    reasons: npt.NDArray[np.str_]
    level: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Totals:
    """One total by reference and model, a row for each study that has both; ``held`` as in `Boxes`, ``level`` that of the intervals."""

    name: str
    sites: str
    exam: Ints
    reference: Floats
    value: Floats
    held: Floats
    level: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """A cohort with the model's readings beside the reference.

    Attributes:
        members: the studies, in the order of the cohort.
        patient: (studies,) number of each study's patient.
        refused: (studies,) why the model gave no reading, empty where it did.
        boxes: grades beside grades.
        totals: totals beside totals.
        system: the scoring system.
        reference: who made the reference readings.
        notes: what was left out and why, one sentence each.
    """

    members: tuple[Member, ...]
    patient: Ints
    refused: tuple[str, ...]
    boxes: Boxes
    totals: tuple[Totals, ...]
    system: ScoringSystem
    reference: str
    notes: tuple[str, ...]


def site_group(item: Item) -> str:
    """The joint group of a box: ``MCP`` for MCP 1 to 5; sites without a number go together by region."""
    stem = re.sub(r"\s*\d+$", "", item.site)
    return stem if stem != item.site else f"{re.sub(r'_(left|right)$', '', item.region).replace('_', ' ')}, other sites"


def match(cohort: Cohort, readings: Iterable[Reading], source: str, model: str) -> dict[str, Reading]:
    """The first reading by the model of each study of the cohort, by the study's name.

    Args:
        cohort: the studies.
        readings: of any reader; a study is known by its name in the cohort or by the path of its file.
        source: where the readings come from, for messages.
        model: id of the model.

    Raises:
        InputError: none is by the model, one is of no study of the cohort or of another patient, two are of one study, or they are of
            two versions.
    """
    by_path = {member.path.resolve(): member for member in cohort.members}
    by_name = {member.study: member for member in cohort.members}
    seen = tuple(readings)
    found: dict[str, Reading] = {}
    versions: dict[str, str] = {}
    for reading in (r for r in seen if r.reader.id == model and r.read == 1):
        name = reading.study.source
        member = by_name.get(name) or by_path.get(Path(name).resolve())
        if member is None:
            known = nearest(name, by_name) if len(by_name) < 20 else ""
            raise InputError(f"{source}: column study: {name!r} is no study of {cohort.folder / COHORT}{known}")
        if reading.study.patient and reading.study.patient != member.patient and not _from_file(reading):
            raise InputError(f"{source}: {name} is of patient {reading.study.patient}, in {COHORT} of {member.patient} (row {member.row})")
        if member.study in found:
            raise InputError(f"{source}: two readings of {member.study} by {model}; keep one")
        versions.setdefault(reading.reader.version or "", member.study)
        found[member.study] = reading
    if not found:
        readers = ", ".join(sorted({r.reader.id for r in seen})) or "nobody"
        raise InputError(f"{source}: holds no reading by {model}; it holds readings by {readers}")
    if len(versions) > 1:
        told = " and ".join(f"{version or 'none'} ({study})" for version, study in list(versions.items())[:2])
        raise InputError(f"{source}: holds readings by {model} of versions {told}; validate one version at a time")
    return found


def pair(cohort: Cohort, made: Made, reader: str | None = None) -> Pairs:
    """The model's readings beside those of the reference.

    Only features that the model grades and regions in which it graded anything are compared; what was left out stands in ``notes``.

    Args:
        cohort: studies and reference readings.
        made: what the model made of them.
        reader: whose readings are the reference, where there are several readers.

    Raises:
        InputError: several reference readers and none chosen, none of the system that the model reads, or nothing to compare.
    """
    of = system(next(iter(made.readings.values())).system) if made.readings else system(cohort.references[0].system)
    references, notes = _references(cohort, of, reader)
    numbers = {patient: number for number, patient in enumerate(cohort.patients)}
    lacking = [m.study for m in cohort.members if m.study not in references]
    if lacking:
        notes.append(
            f"{_studies(len(lacking))} without a reference reading, such as {lacking[0]}: only whether they were refused is counted"
        )
    boxes, more = _boxes(cohort.members, references, made, of)
    if not boxes.exam.size:
        raise InputError(
            f"{cohort.folder / REFERENCE}: no site is graded there that {made.id} graded anywhere in this cohort: nothing to compare; "
            "compare features and sites of both"
        )
    return Pairs(
        members=cohort.members,
        patient=np.array([numbers[m.patient] for m in cohort.members], dtype=np.int64),
        refused=tuple("" if m.study in made.readings else made.refusals.get(m.study, "no reading of it was given") for m in cohort.members),
        boxes=boxes,
        totals=_totals(cohort.members, references, made, of),
        system=of,
        reference=next(iter(references.values())).reader.id,
        notes=(*notes, *more),
    )


def _from_file(reading: Reading) -> bool:
    """Whether the patient stands as the image file has it, which a cohort may have renamed."""
    return bool(reading.study.images)


def _studies(count: int) -> str:
    return "1 study is" if count == 1 else f"{count} studies are"


def _references(cohort: Cohort, of: ScoringSystem, reader: str | None) -> tuple[dict[str, Reading], list[str]]:
    source = cohort.folder / REFERENCE
    usable = [r for r in cohort.references if r.system == of.id]
    readers = list(dict.fromkeys(r.reader.id for r in usable))
    if not readers:
        raise InputError(f"{source}: holds no reading under {of.id}, which the model reads")
    if reader is None and len(readers) > 1:
        raise InputError(f"{source}: holds readings by {', '.join(readers)}; say whose are the reference with --reference")
    if reader is not None and reader not in readers:
        raise InputError(f"{source}: column reader: no reading under {of.id} by {reader!r}{nearest(reader, readers)}")
    chosen = reader or readers[0]
    kept: dict[str, Reading] = {}
    again = 0
    for reading in (r for r in usable if r.reader.id == chosen):
        if reading.read == 1:
            kept[reading.study.source] = reading
        else:
            again += 1
    notes = [f"{again} repeated readings by {chosen} were left out; `coread agree` compares them"] if again else []
    return kept, notes


def _boxes(members: Sequence[Member], references: Mapping[str, Reading], made: Made, of: ScoringSystem) -> tuple[Boxes, list[str]]:
    index = {item.key: number for number, item in enumerate(of.items)}
    read = [made.readings[member.study] for member in members if member.study in made.readings]
    graded = {key for reading in read for key, grade in grades_of(reading).items() if grade is not None}
    reach = {(of.items[index[key]].region, key[2]) for key in graded}
    if made.assesses is not None:
        reach = {part for part in reach if part[1] in made.assesses}
    rows: list[tuple[int, int, float, float, float, float]] = []
    reasons: list[str] = []
    levels: set[float | None] = set()
    outside: dict[str, int] = {}
    for exam, member in enumerate(members):
        reference = references.get(member.study)
        if reference is None or member.study not in made.readings:
            continue
        findings: dict[ItemKey, Finding] = {(f.site, f.side, f.feature): f for f in made.readings[member.study].findings}
        for key, grade in grades_of(reference).items():
            if grade is None:
                continue
            item = of.items[index[key]]
            if (item.region, item.feature) not in reach:
                name = f"{item.feature.replace('_', ' ')} of the {re.sub(r'_(left|right)$', '', item.region)}"
                outside[name] = outside.get(name, 0) + 1
                continue
            finding = findings.get(key)
            rows.append((exam, index[key], grade, *_said(finding, item, grade)))
            if finding is not None and finding.grade is not None and finding.interval is not None:
                levels.add(finding.interval.level)
            reasons.append(ABSENT if finding is None else finding.unreadable or "")
    notes = [f"{name}: {count} grades of the reference left out, {made.id} grades none there" for name, count in outside.items()]
    table = np.array(rows, dtype=np.float64).reshape(-1, 6)
    whole = table[:, :2].astype(np.int64)
    level = levels.pop() if len(levels) == 1 else None
    said = np.array(reasons, dtype=np.str_)
    boxes = Boxes(whole[:, 0], whole[:, 1], table[:, 2], table[:, 3], table[:, 4], table[:, 5], said, level)
    return boxes, notes


def _said(finding: Finding | None, item: Item, reference: float) -> tuple[float, float, float]:
    """Grade, probability of damage, and whether the interval held; NaN where the model did not say."""
    if finding is None or finding.grade is None:
        return np.nan, np.nan, np.nan
    share = 1 - finding.probabilities[0] if len(finding.probabilities) == len(item.grades) else np.nan
    return finding.grade, min(1.0, max(0.0, share)) if share == share else share, _held(finding.interval, reference)


def _held(interval: Interval | Total | None, reference: float) -> float:
    if interval is None or interval.low is None or interval.high is None:
        return np.nan
    return float(interval.low <= reference <= interval.high)


def _totals(members: Sequence[Member], references: Mapping[str, Reading], made: Made, of: ScoringSystem) -> tuple[Totals, ...]:
    both = []
    for exam, member in enumerate(members):
        if member.study in references and member.study in made.readings:
            reference, reading = references[member.study], made.readings[member.study]
            both.append((exam, reference.totals, reading.totals, grades_of(reference), grades_of(reading)))
    found = []
    for name, rule in of.totals.items():
        plain: list[TotalRow] = []
        common: list[TotalRow] = []
        for exam, truths, totals, truth, said in both:
            if name not in totals:
                continue
            if name in truths:
                plain.append((exam, truths[name].value, totals[name].value, totals[name]))
            mutual = _mutual(rule, truth, said)
            if mutual is not None:
                common.append((exam, mutual[0], mutual[1], totals[name] if mutual[2] else None))
        found += [_total(name, AS_REPORTED, plain), _total(name, BOTH_READ, common)]
    return tuple(total for total in found if total.exam.size)


def _mutual(rule: TotalRule, truth: Grades, said: Grades) -> tuple[float, float, bool] | None:
    """Both totals over the sites that both graded, and whether these are all that the model graded; None where too few are."""
    keys = [item.key for item in rule.items if truth.get(item.key) is not None and said.get(item.key) is not None]
    first, second = rule.score({key: truth[key] for key in keys}), rule.score({key: said[key] for key in keys})
    if first is None or second is None:
        return None
    return first.value, second.value, len(keys) == sum(said.get(item.key) is not None for item in rule.items)


def _total(name: str, sites: str, rows: Sequence[TotalRow]) -> Totals:
    exam = np.array([row[0] for row in rows], dtype=np.int64)
    reference, value = (np.array([row[i] for row in rows], dtype=np.float64) for i in (1, 2))
    held = np.array([_held(total, truth) for _, truth, _, total in rows], dtype=np.float64)
    levels = {total.level for *_, total in rows if total is not None and total.level is not None}
    return Totals(name, sites, exam, reference, value, held, levels.pop() if len(levels) == 1 else None)
