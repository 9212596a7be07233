"""Who agrees with whom: readings of persons and models, compared pair by pair, reader with himself, and all together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np

from coread.agreement_grades import Driver, GradeAgreement, agreement_on_grades, drivers_of
from coread.agreement_scores import Scores, side_by_side
from coread.agreement_totals import TotalAgreement, agreement_on_total, change_of, status_of
from coread.errors import InputError
from coread.reading import Reading
from coread.stats.resampling import Plan

BETWEEN, WITHIN, ALL = "between readers", "within a reader", "all readers"


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Two readers, two reads by one reader, or all readers together.

    Attributes:
        kind: ``between readers``, ``within a reader`` or ``all readers``.
        readers: what the columns of the scores are called.
        exams: how many exams all of them read.
        patients: of how many patients these are.
        totals: status and change of each total.
        grades: pooled over sites, by joint group, by site.
        drivers: every box of the sheet with its share of the disagreement, the largest first.
        notes: what a person should know, one sentence each.
    """

    kind: str
    readers: tuple[str, ...]
    exams: int
    patients: int
    totals: tuple[TotalAgreement, ...]
    grades: tuple[GradeAgreement, ...]
    drivers: tuple[Driver, ...]
    notes: tuple[str, ...]

    @property
    def name(self) -> str:
        """``anna and ben``."""
        return f"{', '.join(self.readers[:-1])} and {self.readers[-1]}"


@dataclass(frozen=True, slots=True, eq=False)
class SystemAgreement:
    """All comparisons under one scoring system."""

    system: str
    readers: tuple[str, ...]
    exams: int
    patients: int
    visits: int
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """Agreement under each scoring system, and how intervals were made."""

    systems: tuple[SystemAgreement, ...]
    plan: Plan


def agreement(*readings: Iterable[Reading], plan: Plan | None = None) -> Agreement:
    """Compare readings of the same exams: every pair of readers, every reader with his own repeats, and all readers together.

    Between readers the first read of each counts. A change is that from a patient's first visit to the last.

    Args:
        readings: of any number of readers and scoring systems, in one or several lists; persons and models alike.
        plan: how to resample, and the level of the intervals.

    Raises:
        InputError: nothing can be compared, or the readings contradict each other; the message says what and where.
    """
    chosen = plan or Plan()
    tables = side_by_side(chain.from_iterable(readings))
    found = tuple(_of_system(scores, chosen) for scores in tables)
    if not any(system.comparisons for system in found):
        raise InputError(_nothing(tables))
    return Agreement(found, chosen)


def _of_system(scores: Scores, plan: Plan) -> SystemAgreement:
    first: dict[str, int] = {}
    repeats: dict[str, list[int]] = {}
    for place, column in enumerate(scores.columns):
        first.setdefault(column.reader, place)
        repeats.setdefault(column.reader, []).append(place)
    wanted = [(BETWEEN, list(pair)) for pair in combinations(first.values(), 2)]
    wanted += [(WITHIN, list(pair)) for places in repeats.values() for pair in combinations(places, 2)]
    if len(first) > 2:
        wanted.append((ALL, list(first.values())))
    made, notes = [], list(scores.notes)
    for kind, columns in wanted:
        if scores.read[:, columns].all(axis=1).any():
            made.append(_compare(scores, kind, columns, plan))
        else:
            notes.append(f"{_together(_names(scores, kind, columns))} have no exam in common, so they are not compared")
    if len(first) == 1 and not made:
        notes.append(f"{scores.system} has one reader only, {next(iter(first))}, who read each exam once: nothing to compare")
    days = {exam.timepoint for exam in scores.exams if exam.timepoint is not None}
    if len(days) > 2:
        notes.append(f"there are {len(days)} different timepoints; a change is that from a patient's first visit to the last")
    count = len(set(scores.patients.tolist()))
    return SystemAgreement(scores.system, tuple(first), len(scores.exams), count, len(days), tuple(made), tuple(notes))


def _names(scores: Scores, kind: str, columns: list[int]) -> tuple[str, ...]:
    chosen = [scores.columns[place] for place in columns]
    return tuple(f"{c.reader}, read {c.read}" if kind == WITHIN else c.reader for c in chosen)


def _together(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _compare(scores: Scores, kind: str, columns: list[int], plan: Plan) -> Comparison:
    common = scores.read[:, columns].all(axis=1)
    totals = []
    for name in scores.totals:
        for what, (table, patients) in (("status", status_of(scores, name, columns)), ("change", change_of(scores, name, columns))):
            if np.isnan(table).all() or (what == "change" and len(table) == 0):
                continue
            totals.append(agreement_on_total((name, what), table, patients, plan, repeats=kind == WITHIN))
    whose = scores.patients[common]
    shared = Scores(
        scores.system,
        tuple(scores.exams[row] for row in np.flatnonzero(common)),
        scores.columns,
        scores.items,
        scores.grades[common],
        {},
        scores.read[common],
        (),
    )
    grades = agreement_on_grades(shared, columns, plan) if scores.items else ()
    drivers = drivers_of(shared, columns, plan)
    names = _names(scores, kind, columns)
    notes = (*_half(shared, columns), *_without(totals))
    return Comparison(kind, names, int(common.sum()), len(set(whose.tolist())), tuple(totals), grades, drivers, notes)


def _without(totals: list[TotalAgreement]) -> tuple[str, ...]:
    """What to say of totals that some readings lack."""
    told = []
    for what, counted in (("status", "exams"), ("change", "patients")):
        lost: dict[str, list[str]] = {}
        for total in totals:
            if total.what == what and total.left_out:
                lost.setdefault(f"{total.left_out} of {total.left_out + len(total.scores)}", []).append(total.total)
        if lost:
            which = "; ".join(f"{count} ({', '.join(names)})" for count, names in lost.items())
            told.append(f"{what}: {counted} left out because one of their readings lacks the total: {which}")
    return tuple(told)


def _half(shared: Scores, columns: list[int]) -> tuple[str, ...]:
    """What to say of boxes that some of the readers graded and others did not."""
    there = ~np.isnan(shared.grades[:, columns])
    some = int((there.any(axis=1) & ~there.all(axis=1)).sum())
    if not some:
        return ()
    of = int(there.any(axis=1).sum())
    said = "were graded by some of them and not by all: kappa and shares leave them out, to a total they add nothing"
    return (f"{some} of {of} boxes of the score sheet {said}",)


def _nothing(tables: tuple[Scores, ...]) -> str:
    """Why nothing at all can be compared."""
    readers = sorted({column.reader for scores in tables for column in scores.columns})
    if len(readers) == 1:
        return (
            f"there is one reader only, {readers[0]}, who read each exam once: "
            "agreement needs a second reader, or repeats numbered in the column read"
        )
    exams = {
        reader: next(
            exam.key
            for scores in tables
            for i, exam in enumerate(scores.exams)
            for j, c in enumerate(scores.columns)
            if c.reader == reader and scores.read[i, j]
        )
        for reader in readers
    }
    told = ", ".join(f"{reader} read {exam}" for reader, exam in list(exams.items())[:3])
    return (
        f"no exam was read by two readers under one scoring system ({told}, …): "
        "give the same exam the same study, or the same patient and timepoint, for every reader"
    )
