"""A cohort: a folder of studies, their patients' facts, and the reference readings.

``cohort.csv`` has one row a study: ``study`` (a path relative to the folder) and ``patient`` must be there; ``centre``, ``sex``,
``age``, ``scanner`` and ``split`` are known, any other column is a fact to group by. ``readings.csv`` is a score sheet in long form with
the reference readings, whose ``study`` is that of ``cohort.csv``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from coread.errors import InputError, nearest
from coread.formats.cells import sheet_records
from coread.formats.table import faults_told, open_readings
from coread.reading import Reading

REQUIRED = ("study", "patient")
SEXES = {"f": "F", "female": "F", "m": "M", "male": "M", "o": "O", "other": "O", "": ""}
COHORT, REFERENCE = "cohort.csv", "readings.csv"


@dataclass(frozen=True, slots=True)
class Member:
    """One study of a cohort with what is known of it.

    Attributes:
        study: its name, as both tables write it.
        path: where it lies.
        patient: the patient's id.
        sex: ``F``, ``M``, ``O``, or empty where it is not known.
        age_years: age at the exam; None where it is not known.
        split: the part of the cohort that it belongs to; empty where there are none.
        facts: every column of the row as it was written.
        row: its row in ``cohort.csv`` (the header is row 1).
    """

    study: str
    path: Path
    patient: str
    sex: str
    age_years: float | None
    split: str
    facts: Mapping[str, str]
    row: int


@dataclass(frozen=True, slots=True)
class Cohort:
    """Studies with their facts, the columns there are, and the reference readings.

    ``shared_centres`` have studies in more than one split: such a split tests no new centre.
    """

    folder: Path
    members: tuple[Member, ...]
    columns: tuple[str, ...]
    references: tuple[Reading, ...]
    shared_centres: tuple[str, ...] = ()

    @property
    def patients(self) -> tuple[str, ...]:
        """Every patient once, in the order of the table."""
        return tuple(dict.fromkeys(member.patient for member in self.members))

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the parts, in the order of the table."""
        return tuple(dict.fromkeys(member.split for member in self.members if member.split))

    def part(self, split: str) -> Cohort:
        """The studies of one split and their reference readings.

        Raises:
            InputError: there is no such split.
        """
        if split not in self.splits:
            raise InputError(f"{self.folder / COHORT}: column split: no study is in {split!r}{nearest(split, self.splits)}")
        members = tuple(member for member in self.members if member.split == split)
        kept = {member.study for member in members}
        return replace(self, members=members, references=tuple(r for r in self.references if r.study.source in kept))

    def check_columns(self, names: Sequence[str]) -> None:
        """Pass if the table has these columns.

        Raises:
            InputError: it has not; the message names near ones.
        """
        for name in names:
            if name not in self.columns:
                raise InputError(f"{self.folder / COHORT}: unknown column {name!r}{nearest(name, self.columns)}")


def open_cohort(folder: str | Path, exams: bool = True) -> Cohort:
    """The cohort in a folder.

    Args:
        folder: holds ``cohort.csv`` and ``readings.csv``.
        exams: whether the studies themselves must be there; False where readings of them were already made.

    Raises:
        InputError: a table cannot be used: a column missing or twice, a study missing, twice or unknown, a patient in two splits, a sex or
            age that is none. The message names file, row and column of the first few faults.
    """
    root = Path(folder)
    table = root / COHORT
    if not table.is_file():
        raise InputError(f"{table}: there is no such file; a cohort is a folder with {COHORT} and {REFERENCE}")
    columns, rows = _rows(table)
    members, faults = _members(root, rows, exams)
    if faults:
        raise faults_told(table, faults)
    reference = root / REFERENCE
    if not reference.is_file():
        raise InputError(f"{reference}: there is no such file; it holds the reference readings, start from `coread list --template SYSTEM`")
    return Cohort(root, members, columns, _references(reference, members), _shared(members))


def _rows(table: Path) -> tuple[tuple[str, ...], list[tuple[int, dict[str, str]]]]:
    """The columns, and for each row that is not blank its number and its cells by column."""
    records = [(number, [cell.strip() for cell in record]) for number, record in enumerate(sheet_records(table), start=1)]
    filled = [(number, cells) for number, cells in records if any(cells)]
    if len(filled) < 2:
        raise InputError(f"{table}: holds no study; it needs a header with {', '.join(REQUIRED)} and one row a study")
    head, names = filled[0][0], [cell.casefold() for cell in filled[0][1]]
    while not names[-1]:
        names.pop()
    for position, name in enumerate(names):
        if not name:
            raise InputError(f"{table}: row {head}: column {position + 1} has no name; name it or take it out")
        if name in names[:position]:
            raise InputError(f"{table}: row {head}: the column {name} stands twice; keep one")
    absent = [name for name in REQUIRED if name not in names]
    if absent:
        raise InputError(f"{table}: row {head}: the header lacks {', '.join(absent)}; it has {', '.join(names)}")
    rows = []
    for number, cells in filled[1:]:
        if any(cells[len(names) :]):
            raise InputError(f"{table}: row {number} has {len(cells)} cells, the header has {len(names)}; put cells with commas in quotes")
        rows.append((number, dict.fromkeys(names, "") | dict(zip(names, cells, strict=False))))
    return tuple(names), rows


def _members(root: Path, rows: Sequence[tuple[int, dict[str, str]]], exams: bool) -> tuple[tuple[Member, ...], list[str]]:
    members: list[Member] = []
    places: dict[Path, int] = {}
    first_of: dict[str, Member] = {}
    faults = []
    for number, row in rows:
        fault = _fault(root, row, exams)
        place = Path(row["study"])
        if not fault and place in places:
            fault = "study", f"{row['study']} stands already in row {places[place]}"
        if not fault and row["patient"] in first_of:
            fault = _contradiction(row, first_of[row["patient"]])
        if fault:
            faults.append(f"row {number}, column {fault[0]}: {fault[1]}")
            continue
        member = Member(
            study=row["study"],
            path=root / row["study"],
            patient=row["patient"],
            sex=SEXES[row.get("sex", "").casefold()],
            age_years=float(row["age"]) if row.get("age") else None,
            split=row.get("split", ""),
            facts=row,
            row=number,
        )
        members.append(member)
        places[place] = number
        first_of.setdefault(member.patient, member)
    return tuple(members), faults


def _fault(root: Path, row: Mapping[str, str], exams: bool) -> tuple[str, str] | None:
    """What is wrong with a row by itself: column, and the fault in words."""
    for column in REQUIRED:
        if not row[column]:
            return column, "is empty"
    if Path(row["study"]).is_absolute() or ".." in Path(row["study"]).parts:
        return "study", f"{row['study']} does not lie in the cohort's folder; write a path relative to it"
    if exams and not (root / row["study"]).exists():
        return "study", f"{root / row['study']} does not exist"
    if row.get("sex", "").casefold() not in SEXES:
        return "sex", f"expected F, M, O or nothing, got {row['sex']!r}"
    if row.get("age"):
        try:
            age = float(row["age"])
        except ValueError:
            age = math.nan
        if not 0 <= age <= 130:
            return "age", f"expected years from 0 to 130 or nothing, got {row['age']!r}"
    return None


def _contradiction(row: Mapping[str, str], first: Member) -> tuple[str, str] | None:
    """What a row says otherwise of a patient than that patient's first row."""
    if row.get("split", "") != first.split:
        there, here = first.split or "none", row["split"] or "none"
        return "split", f"patient {first.patient} is in {here} here and in {there} in row {first.row}; a patient belongs to one split"
    if SEXES[row.get("sex", "").casefold()] != first.sex:
        return "sex", f"patient {first.patient} is {row['sex'] or 'empty'} here and {first.sex or 'empty'} in row {first.row}"
    return None


def _shared(members: Sequence[Member]) -> tuple[str, ...]:
    """Centres with studies in more than one split."""
    parts: dict[str, set[str]] = {}
    for member in members:
        if member.facts.get("centre") and member.split:
            parts.setdefault(member.facts["centre"], set()).add(member.split)
    return tuple(centre for centre, splits in parts.items() if len(splits) > 1)


def _references(table: Path, members: Sequence[Member]) -> tuple[Reading, ...]:
    """The reference readings, each of a study of the cohort and of its patient."""
    of = {member.study: member for member in members}
    readings = open_readings(table)
    faults = []
    for study, patient in dict.fromkeys((r.study.source, r.study.patient) for r in readings):
        if study not in of:
            faults.append(f"column study: {study!r} is no study of {COHORT}{nearest(study, of) if len(of) < 20 else ''}")
        elif patient and patient != of[study].patient:
            faults.append(f"column patient: {study} is of patient {patient} here and of {of[study].patient} in {COHORT}")
    if faults:
        raise faults_told(table, faults)
    return readings
