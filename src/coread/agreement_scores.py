"""Readings side by side: one table of grades and one of totals for each scoring system, exams in rows and readers in columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from coread.errors import InputError
from coread.formats.table import reader_text
from coread.reading import Reading
from coread.reading_totals import grades_of
from coread.scoring import Item, system

Array = npt.NDArray[np.float64]
NAMED = 3
"""How many exams or patients a note names before it counts the others."""


@dataclass(frozen=True, slots=True, order=True)
class Column:
    """Who read, and for the how manieth time."""

    reader: str
    read: int


@dataclass(frozen=True, slots=True)
class Exam:
    """What was read: the key by which readings meet, and whose it is."""

    key: str
    patient: str
    timepoint: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """All readings under one scoring system.

    Attributes:
        system: key of the scoring system.
        exams: (n,) in the order in which they first appear.
        columns: (c,) readers and repeats, sorted.
        items: (m,) boxes of the score sheet that anybody graded, in its order.
        grades: (n, c, m), NaN where there is no grade.
        totals: name -> (n, c), NaN where a reading has no such total; a total that no reading has is absent.
        read: (n, c), whether there is a reading at all.
        notes: what a person should know, one sentence each.
    """

    system: str
    exams: tuple[Exam, ...]
    columns: tuple[Column, ...]
    items: tuple[Item, ...]
    grades: Array
    totals: Mapping[str, Array]
    read: npt.NDArray[np.bool_]
    notes: tuple[str, ...]

    @property
    def patients(self) -> npt.NDArray[np.str_]:
        """(n,) the patient of each exam."""
        return np.array([exam.patient for exam in self.exams])


def side_by_side(readings: Iterable[Reading]) -> tuple[Scores, ...]:
    """Readings of several readers, put side by side by exam; one result for each scoring system, in the order of first appearance.

    Readings meet by the name of their study. Where no two readers name a study alike, they meet by patient and timepoint.

    Raises:
        InputError: there are none, an exam stands under two patients or timepoints, or twice for one reader under one repeat number.
    """
    by_system: dict[str, list[Reading]] = {}
    for reading in readings:
        by_system.setdefault(reading.system, []).append(reading)
    if not by_system:
        raise InputError("no reading was given; agreement needs those of two readers, or repeats by one")
    notes = _across_systems(by_system)
    return tuple(_aligned(name, group, notes) for name, group in by_system.items())


def _across_systems(by_system: Mapping[str, Sequence[Reading]]) -> tuple[str, ...]:
    """What to say of patients who were scored under more than one system."""
    if len(by_system) < 2:
        return ()
    seen: dict[str, dict[str, set[str]]] = {}
    for name, group in by_system.items():
        for reading in group:
            if reading.study.patient:
                seen.setdefault(reading.study.patient, {}).setdefault(name, set()).add(reader_text(reading.reader))
    both = [patient for patient, systems in seen.items() if len(systems) > 1]
    apart = [p for p in both if not set.intersection(*seen[p].values()) and all(len(readers) == 1 for readers in seen[p].values())]
    notes = []
    if both:
        notes.append(f"more than one scoring system was used for {_named(both, 'patient')}; each system is judged by itself")
    if apart:
        which = "; ".join(f"{name} by {', '.join(sorted(readers))}" for name, readers in seen[apart[0]].items())
        notes.append(f"no two readers used one system for {_named(apart, 'patient')} ({apart[0]}: {which}); nothing can be compared there")
    return tuple(notes)


def _aligned(name: str, group: Sequence[Reading], notes: tuple[str, ...]) -> Scores:
    said = list(notes)
    key = _meeting_key(group, said)
    exams: dict[str, Exam] = {}
    cells: dict[tuple[str, Column], Reading] = {}
    for reading in group:
        exam = Exam(key(reading), reading.study.patient or key(reading), reading.study.timepoint_days)
        known = exams.setdefault(exam.key, exam)
        if known != exam:
            raise InputError(_contradiction(known, exam, reader_text(reading.reader)))
        cell = (exam.key, Column(reader_text(reading.reader), reading.read))
        if cell in cells:
            raise InputError(
                f"{exam.key}: stands twice under {name} for {cell[1].reader}, read {reading.read}; "
                "number repeats in the column read, or keep one"
            )
        cells[cell] = reading
    columns = tuple(sorted({column for _, column in cells}))
    rows = {exam: i for i, exam in enumerate(exams)}
    places = {column: i for i, column in enumerate(columns)}
    rules = system(name)
    read = np.zeros((len(rows), len(columns)), dtype=bool)
    grades = np.full((*read.shape, len(rules.items)), np.nan)
    totals = {total: np.full(read.shape, np.nan) for total in rules.totals}
    box = {item.key: i for i, item in enumerate(rules.items)}
    for (exam_key, column), reading in cells.items():
        row, place = rows[exam_key], places[column]
        read[row, place] = True
        for item_key, grade in grades_of(reading).items():
            if grade is not None:
                grades[row, place, box[item_key]] = grade
        for total, value in reading.totals.items():
            if total in totals:
                totals[total][row, place] = value.value
    graded = ~np.isnan(grades).all(axis=(0, 1))
    if all(np.isnan(table).all() for table in totals.values()):
        why = next((f"; for one, {w}" for reading in group for w in reading.warnings), "")
        said.append(f"no reading has a total, so grades alone are compared{why}")
    unnamed = [exam.key for exam in exams.values() if exam.patient == exam.key]
    if unnamed:
        said.append(f"{_named(unnamed, 'exam')} without a patient: each counts as a patient of its own, so repeated visits cannot be told")
    scores = Scores(
        name,
        tuple(exams.values()),
        columns,
        tuple(item for item, there in zip(rules.items, graded, strict=True) if there),
        grades[:, :, graded],
        {total: table for total, table in totals.items() if not np.isnan(table).all()},
        read,
        (),
    )
    return replace(scores, notes=(*said, *_gaps(scores)))


def _meeting_key(group: Sequence[Reading], said: list[str]) -> Callable[[Reading], str]:
    """How to name exams so that readers meet."""

    def by_study(reading: Reading) -> str:
        return reading.study.source

    def by_visit(reading: Reading) -> str:
        day = reading.study.timepoint_days
        return f"{reading.study.patient}" + (f", day {day:g}" if day is not None else "")

    if len({reader_text(r.reader) for r in group}) < 2 or _meet(group, by_study) or not all(r.study.patient for r in group):
        return by_study
    if not _meet(group, by_visit):
        return by_study
    said.append("the readers name their studies differently; exams were matched by patient and timepoint")
    return by_visit


def _meet(group: Sequence[Reading], key: Callable[[Reading], str]) -> bool:
    readers: dict[str, set[str]] = {}
    for reading in group:
        readers.setdefault(key(reading), set()).add(reader_text(reading.reader))
    return any(len(names) > 1 for names in readers.values())


def _contradiction(known: Exam, exam: Exam, reader: str) -> str:
    if known.patient != exam.patient:
        other = f"and of {exam.patient} in that of {reader}"
        return f"{exam.key}: is of patient {known.patient} in one reading {other}; correct the column patient"
    days = [f"{e.timepoint:g}" if e.timepoint is not None else "empty" for e in (known, exam)]
    return f"{exam.key}: its timepoint is {days[0]} in one reading and {days[1]} in that of {reader}; correct the column timepoint"


def _gaps(scores: Scores) -> list[str]:
    """One sentence for each reader that lacks exams which others read."""
    notes = []
    readers = sorted({column.reader for column in scores.columns})
    for reader in readers:
        own = [place for place, column in enumerate(scores.columns) if column.reader == reader]
        lacking = [exam.key for row, exam in enumerate(scores.exams) if not scores.read[row, own].any()]
        if lacking:
            notes.append(f"{reader} did not read {_named(lacking, 'exam')} that others read; they are left out of what is said of {reader}")
    return notes


def _named(names: Sequence[str], noun: str) -> str:
    """``patient p1``, or ``4 patients (p1, p2, p3, …)``."""
    if len(names) == 1:
        return f"{noun} {names[0]}"
    return f"{len(names)} {noun}s ({', '.join(names[:NAMED])}{', …' if len(names) > NAMED else ''})"
