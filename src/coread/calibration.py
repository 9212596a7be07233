"""A model calibrated for one hospital: fitted on all its patients, judged in patients that the judged calibration was not fitted on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np

from coread.calibration_fit import Cases, as_reported, fit, sites_of
from coread.cohort import COHORT, Cohort
from coread.errors import InputError
from coread.readers.calibrated import recalibrated
from coread.readers.calibration import By, Calibration
from coread.readers.card import Card
from coread.reading import Reading
from coread.stats.conformal import cases_needed, dependable_cases
from coread.stats.estimate import undefined
from coread.stats.grading import mean_of_means
from coread.stats.labels import Bools, Ints
from coread.stats.resampling import Plan
from coread.validation_groups import EVERYTHING, SMALL, Group
from coread.validation_measures import COVERAGE, REFUSAL, Measured, measures
from coread.validation_pairs import AS_REPORTED, Made, Pairs, Totals, pair

FOLDS = 5
SEED = 20260101
LEVEL = 0.9
"""Of the intervals, where the model's card names none."""
WIDTH = "mean width of the interval of the total"
BEFORE, AFTER = "before calibration", "after calibration"


@dataclass(frozen=True, slots=True)
class Wanted:
    """How to calibrate: what intervals of totals are conditional on, whose readings are the reference, the seed of the folds."""

    by: By = ""
    reference: str | None = None
    seed: int = SEED


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What came of it.

    Attributes:
        calibration: fitted on all patients.
        before, after: figures of the model as it was, and calibrated; after, every patient was read by a calibration fitted without the
            patient's fold.
        notes: what a person should know, one sentence each.
    """

    calibration: Calibration
    before: Group
    after: Group
    notes: tuple[str, ...]


def patients_needed(level: float) -> int:
    """Fewest patients that a calibration is made from: 30 for intervals of 90 %.

    `dependable_cases`, so that the coverage is unlikely to be ten points short; and twice `cases_needed`, so that what remains when a fold
    is left out still suffices.
    """
    return max(dependable_cases(level), 2 * cases_needed(level))


def level_of(card: Card) -> float:
    """The level of the intervals that a card asks for."""
    return card.parameters.get("level", LEVEL)


def check_patients(cohort: Cohort, card: Card, wanted: Wanted) -> None:
    """Pass if the cohort has patients enough with a reference reading, before anything is read.

    Raises:
        InputError: it has too few, in all or in a group; the message says how many it needs.
    """
    referenced = {reading.study.source for reading in cohort.references if reading.system == card.system}
    group = _group(cohort, wanted)
    members = [i for i, member in enumerate(cohort.members) if member.study in referenced]
    _enough(cohort, [cohort.members[i].patient for i in members], level_of(card), "have a reference reading")
    for name in sorted(set(group or ()) - {""}):
        inside = [cohort.members[i].patient for i in members if group and group[i] == name]
        _enough(cohort, inside, level_of(card), f"of {wanted.by} {name} have a reference reading")


def calibrate(cohort: Cohort, made: Made, card: Card, wanted: Wanted | None = None) -> Calibrated:
    """A card's calibration to the reference readings of a cohort.

    Args:
        cohort: studies, facts and reference readings.
        made: the card's readings of them.
        card: of the model that read.
        wanted: see there.

    Raises:
        InputError: too few patients, in all or in a group, or nothing that can be calibrated; the message says how many are needed.
    """
    wanted = wanted or Wanted()
    pairs = pair(cohort, made, wanted.reference)
    used = np.zeros(len(pairs.members), dtype=bool)
    used[np.concatenate([pairs.boxes.exam, *(total.exam for total in pairs.totals)])] = True
    group = _group(cohort, wanted)
    _enough(cohort, pairs.patient[used], level_of(card), "have both a reading and a reference reading")
    for name in sorted(set(group or ()) - {""}):
        inside = used & np.array([label == name for label in group or ()])
        _enough(cohort, pairs.patient[inside], level_of(card), f"of {wanted.by} {name} have both a reading and a reference reading")
    cases, notes = _cases(pairs, used, made, (card, wanted, group))
    try:
        grades, totals = fit(cases, used)
    except ValueError as error:
        raise InputError(f"{cohort.folder}: {error}") from None
    calibration = Calibration(
        parent=card.id,
        parent_version=card.version,
        parent_sha256=card.sha256,
        of=f"the cohort {cohort.folder.resolve().name}",
        reference=pairs.reference,
        patients=len(np.unique(pairs.patient[used])),
        studies=int(used.sum()),
        level=cases.level,
        by=wanted.by,
        folds=FOLDS,
        seed=wanted.seed,
        split="",
        cohort_sha256={},
        grades=grades,
        totals=totals,
    )
    names = [member.study for member in pairs.members]
    before = {name: reading for name, reading in zip(names, cases.readings, strict=True) if reading is not None}
    after = {names[exam]: reading for exam, reading in _left_out(cases, used, calibration)}
    figures = [
        _figures(pair(cohort, replace(made, readings=readings), wanted.reference), used, readings, value)
        for readings, value in ((before, BEFORE), (after, AFTER))
    ]
    return Calibrated(calibration, figures[0], figures[1], (*pairs.notes, *notes))


def _enough(cohort: Cohort, patients: Ints | Sequence[str], level: float, which: str) -> None:
    found, needed = len(np.unique(np.asarray(patients))), patients_needed(level)
    if found < needed:
        way_out = f"add {needed - found} or more" + (", join groups, or leave out --by" if which.startswith("of ") else "")
        raise InputError(
            f"{cohort.folder}: {found} patients {which}, and intervals of {level:.0%} need {needed}: with fewer, chance alone can leave "
            f"their coverage ten points short; {way_out}"
        )


def _group(cohort: Cohort, wanted: Wanted) -> tuple[str, ...] | None:
    """The group of each study that intervals are conditional on, empty where its cell is; None where they are not."""
    if not wanted.by:
        return None
    if wanted.by not in get_args(By):
        known = " or ".join(name for name in get_args(By) if name)
        raise InputError(f"intervals cannot be conditional on {wanted.by}, which an exam does not state when it is read; use {known}")
    cohort.check_columns([wanted.by])
    group = tuple(member.sex if wanted.by == "sex" else member.facts[wanted.by] for member in cohort.members)
    if len(set(group) - {""}) < 2:
        raise InputError(
            f"{cohort.folder / COHORT}: column {wanted.by}: holds fewer than two groups, so there is none to tell apart; leave out --by"
        )
    return group


def _cases(pairs: Pairs, used: Bools, made: Made, how: tuple[Card, Wanted, tuple[str, ...] | None]) -> tuple[Cases, list[str]]:
    """What is fitted on, and what has too few patients for it."""
    card, wanted, group = how
    level, needed = level_of(card), patients_needed(level_of(card))
    readings = tuple(made.readings.get(m.study) if u else None for m, u in zip(pairs.members, used, strict=True))
    fold = _folds(pairs.patient, used, wanted.seed)
    sites, totals, notes = [], [], []
    for of in sites_of(pairs, readings, fold):
        patients = len(np.unique(of.patient))
        sites += [of] if patients >= needed else []
        notes += [] if patients >= needed else [f"{of.name}: left as it is, {patients} patients have it, {needed} are needed"]
    if not sites and not notes:
        notes.append("the readings carry no probabilities (a table has none), so grades are left as they are; give reading.json files")
    for total in as_reported(pairs):
        names = ("",) if group is None else tuple(sorted(set(group) - {""}))
        counts = {n: len({int(pairs.patient[e]) for e in total.exam if group is None or group[e] == n}) for n in names}
        totals += [total] if min(counts.values()) >= needed else []
        short = [f"{count} patients{f' of {wanted.by} {name}' if name else ''}" for name, count in counts.items() if count < needed]
        notes += [f"{total.name}: no interval, {' and '.join(short)} have it, {needed} are needed"] if short else []
    if not sites and not totals:
        raise InputError(f"nothing can be calibrated: {'; '.join(notes)}")
    return Cases(readings, pairs.patient, fold, group, tuple(sites), tuple(totals), card.parameters, level), notes


def _folds(patient: Ints, used: Bools, seed: int) -> Ints:
    """The fold of each study: patients shuffled by the seed and dealt out in turn."""
    fold = np.zeros(int(patient.max()) + 1, dtype=np.int64)
    fold[np.random.default_rng(seed).permutation(np.unique(patient[used]))] = np.arange(len(np.unique(patient[used]))) % FOLDS
    return fold[patient]


def _left_out(cases: Cases, used: Bools, whole: Calibration) -> Iterator[tuple[int, Reading]]:
    """Each study's reading by the calibration of the other folds' patients."""
    for fold in range(FOLDS):
        grades, totals = fit(cases, used & (cases.fold != fold))
        calibration = replace(whole, grades=grades, totals=totals)
        for exam in np.flatnonzero(used & (cases.fold == fold)):
            reading, group = cases.readings[exam], cases.group[exam] or None if cases.group else None
            if reading is not None:
                yield int(exam), recalibrated(reading, calibration, cases.parameters, group)


def _figures(pairs: Pairs, among: Bools, readings: Mapping[str, Reading], value: str) -> Group:
    plan = Plan()
    found = [m for m in measures(pairs, among, plan) if m.part != REFUSAL]
    found += [_width(pairs, total, readings, plan.level) for total in as_reported(pairs)]
    patients = len(np.unique(pairs.patient[among]))
    return Group(EVERYTHING, value, patients, int(among.sum()), patients < SMALL, tuple(found))


def _width(pairs: Pairs, total: Totals, readings: Mapping[str, Reading], level: float) -> Measured:
    """How wide the intervals of a total are, on average."""
    said = [(exam, readings[pairs.members[exam].study].totals[total.name]) for exam in total.exam]
    widths = [(exam, one.high - one.low) for exam, one in said if one.low is not None and one.high is not None]
    codes = pairs.patient[[exam for exam, _ in widths]]
    name, patients = f"{total.name} ({AS_REPORTED})", len(np.unique(codes))
    if patients < 2:
        value = undefined("fewer than two patients have an interval of this total", len(widths), level, WIDTH)
    else:
        numbers = np.array([width for _, width in widths])
        value = mean_of_means(numbers, np.zeros_like(codes), np.unique(codes, return_inverse=True)[1], level, WIDTH)
    return Measured(COVERAGE, WIDTH, name, value, patients, len(widths))
