"""Readings as a wide table, one row a reading: a column for each box of the score sheet, or for each total, or both.

A column is named by its box, as in ``MCP 2 left erosion``; order, case, spaces and signs between the words do not matter, ``L`` and ``R``
stand for the sides, and the feature may be left out where the system has one only. A total is named by its key, as in ``hands_erosion``.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path

from coread.errors import InputError, nearest
from coread.formats.table import IDENTITY, CellError, created_at, faults_told, number_in, reading_of
from coread.reading import Finding, Reading, Total
from coread.scoring import Item, ScoringSystem, system, systems

NOTHING = ("", "na", "n/a", ".", "-")
"""What statistics programs write into an empty cell."""
SIDES: Mapping[str | None, tuple[str, ...]] = {"left": ("left", "l"), "right": ("right", "r"), None: ("",)}

Cells = Mapping[str, str]


def is_wide(records: Sequence[Sequence[str]]) -> bool:
    """Whether a sheet is one of these: its header names a study, a patient or a reader, and neither site, feature nor grade."""
    for record in records:
        names = {cell.strip().casefold() for cell in record}
        if names != {""}:
            return bool(names & {"study", "patient", "reader"}) and not names & {"site", "feature", "grade"}
    return False


def wide_sheet(of: ScoringSystem | str) -> str:
    """The header of an empty wide sheet, every box a column, and one row that names the system.

    Raises:
        InputError: no such system.
    """
    chosen = system(of) if isinstance(of, str) else of
    boxes = [item.label for item in chosen.items]
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["patient", "timepoint", "reader", "read", "system", *boxes])
    writer.writerow(["", "", "", "", chosen.id, *("" for _ in boxes)])
    return buffer.getvalue()


def wide_readings(
    path: Path, records: Sequence[Sequence[str]], system_id: str | None = None, total: str | None = None
) -> tuple[Reading, ...]:
    """The readings in a wide sheet, one a row.

    A row needs a reader, and a study or a patient; without a study, patient and timepoint name it. An empty cell, ``NA`` and ``.`` are a
    box that was not scored. A total that the grades of its row give as well must be the same; one that they cannot give is taken as it is.

    Args:
        path: for the messages.
        records: the cells of the sheet.
        system_id: the scoring system, where the sheet has no column ``system``.
        total: the total that every column of a sheet without a column ``reader`` holds, each column being a reader.

    Raises:
        InputError: the sheet cannot be used; the message names file, row (as in the sheet) and column of the first few faults.
    """
    header, rows = _split(path, records)
    of = _system(path, rows, system_id)
    if total is None and "reader" not in header:
        raise InputError(
            f"{path}: has no column reader; add one, or name the total with --total where every reader has a column of his own"
        )
    if total is None:
        boxes, totals = _columns(path, header, of)
    else:
        boxes, totals = {}, _reader_columns(path, header, of, total)
        rows = [(number, _of_reader(cells, who)) for number, cells in rows for who in totals if cells[who].casefold() not in NOTHING]
    faults: list[str] = []
    found: dict[tuple[str, str, int], tuple[int, Reading]] = {}
    created = created_at(path)
    for number, cells in rows:
        try:
            reading = _reading(_identity(cells), cells, (boxes, totals), of, created)
            key = (reading.study.source, cells.get("reader", ""), reading.read)
            if key in found:
                raise CellError("reader", f"{key[1]} read {key[0]} already in row {found[key][0]}; number repeats in a column read")
            found[key] = (number, reading)
        except CellError as error:
            column, fault = error.args
            faults.append(f"row {number}, column {column}: {fault}")
    if faults:
        raise faults_told(path, faults)
    readings = tuple(reading for _, reading in found.values())
    if not any(reading.findings or reading.totals for reading in readings):
        raise InputError(f"{path}: no row holds a grade or a total; fill in at least one")
    return readings


def _split(path: Path, records: Sequence[Sequence[str]]) -> tuple[list[str], list[tuple[int, Cells]]]:
    """The header, and row number and cells by column of each row that is not blank."""
    header: list[str] = []
    rows: list[tuple[int, Cells]] = []
    for number, record in enumerate(records, start=1):
        cells = [cell.strip() for cell in record]
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            continue
        if not header:
            header = [cell.casefold() if cell.casefold() in IDENTITY else cell for cell in cells]
            continue
        if len(cells) > len(header):
            raise InputError(f"{path}: row {number} has {len(cells)} cells, the header has {len(header)}; put cells with commas in quotes")
        rows.append((number, dict.fromkeys(header, "") | dict(zip(header, cells, strict=False))))
    for name in header:
        if header.count(name) > 1:
            raise InputError(f"{path}: the column {name or 'without a name'} stands twice; keep one")
    if not rows:
        raise InputError(f"{path}: has a header and no row; write one row for each reading")
    return header, rows


def _system(path: Path, rows: Sequence[tuple[int, Cells]], asked: str | None) -> ScoringSystem:
    said = {cells["system"]: number for number, cells in reversed(rows) if cells.get("system")}
    if len(said) > 1:
        told = " and ".join(f"{name} in row {number}" for name, number in sorted(said.items(), key=lambda one: one[1])[:2])
        raise InputError(f"{path}: a wide sheet is of one scoring system, this one has {told}; write a sheet for each")
    if asked and said and asked not in said:
        raise InputError(f"{path}: its column system says {next(iter(said))}, asked for was {asked}; leave out one of the two")
    name = asked or next(iter(said), None)
    if name is None:
        raise InputError(f"{path}: does not say its scoring system; add a column system, or name it with --system (`coread list systems`)")
    if name not in systems():
        raise InputError(f"{path}: unknown system {name!r}{nearest(name, systems())}")
    return system(name)


def _columns(path: Path, header: Iterable[str], of: ScoringSystem) -> tuple[dict[str, Item], dict[str, str]]:
    """The boxes and the totals that columns stand for, by the names of the columns."""
    spellings = _spellings(of)
    totals = {_plain(name): name for name in of.totals} | ({"total": "all"} if "all" in of.totals else {})
    boxes: dict[str, Item] = {}
    summed: dict[str, str] = {}
    for name in header:
        if name in IDENTITY:
            continue
        plain = _plain(name)
        if plain in spellings:  # first, since a total of the same name (a knee's) is that one grade
            boxes[name] = spellings[plain]
        elif plain in totals:
            summed[name] = totals[plain]
        else:
            known = [*IDENTITY, *(item.label for item in of.items), *of.totals]
            near = nearest(name, known)
            hint = near if "did you mean" in near else "; a column is a box such as " + repr(of.items[0].label) + ", or a total"
            raise InputError(f"{path}: unknown column {name!r}{hint}")
    for what, meant in (("box", [item.label for item in boxes.values()]), ("total", list(summed.values()))):
        twice = [name for name in meant if meant.count(name) > 1]
        if twice:
            raise InputError(f"{path}: two columns stand for the {what} {twice[0]}; keep one")
    if not boxes and not summed:
        raise InputError(f"{path}: has no column for a box or a total of {of.id}; add one such as {of.items[0].label!r}")
    return boxes, summed


def _reader_columns(path: Path, header: Iterable[str], of: ScoringSystem, total: str) -> dict[str, str]:
    """The readers that columns stand for, each with the total that they all hold."""
    known = {_plain(name): name for name in of.totals} | ({"total": "all"} if "all" in of.totals else {})
    if _plain(total) not in known:
        raise InputError(f"{path}: {of.id} has no total {total!r}{nearest(total, of.totals)}")
    if "reader" in header:
        raise InputError(f"{path}: has a column reader, so its other columns are no readers; leave out --total")
    readers = [name for name in header if name not in IDENTITY]
    if len(readers) < 2:
        raise InputError(f"{path}: needs a column for each of two readers or more, it has {', '.join(readers) or 'none'}")
    return dict.fromkeys(readers, known[_plain(total)])


def _of_reader(cells: Cells, who: str) -> Cells:
    """A row of the sheet as one reader's."""
    return {name: cell for name, cell in cells.items() if name in IDENTITY or name == who} | {"reader": who}


def _spellings(of: ScoringSystem) -> dict[str, Item]:
    """Every unambiguous way to write a box, without what is between the words."""
    found: dict[str, set[Item]] = {}
    for item in of.items:
        names = {item.feature, of.features[item.feature].name, of.features[item.feature].code.value}
        for feature in names | ({""} if len(of.features) == 1 else set()):
            for side in SIDES[item.side]:
                for order in permutations((item.site, side, feature)):
                    found.setdefault(_plain("".join(order)), set()).add(item)
    return {spelling: next(iter(items)) for spelling, items in found.items() if len(items) == 1}


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", text.casefold())


def _identity(cells: Cells) -> tuple[str, str, float | None, int]:
    """Study, patient, timepoint and read of a row."""
    if not cells.get("reader"):
        raise CellError("reader", "is empty")
    timepoint = None if (text := cells.get("timepoint", "")) == "" else number_in("timepoint", text)
    read = number_in("read", cells.get("read") or "1")
    if not read.is_integer() or read < 1:
        raise CellError("read", f"expected a whole number from 1, got {cells['read']}")
    patient = cells.get("patient", "")
    study = cells.get("study") or patient + (f", day {timepoint:g}" if patient and timepoint is not None else "")
    if not study:
        raise CellError("patient" if "patient" in cells else "study", "is empty; a row names its study or its patient")
    return study, patient, timepoint, int(read)


def _reading(
    identity: tuple[str, str, float | None, int],
    cells: Cells,
    columns: tuple[Mapping[str, Item], Mapping[str, str]],
    of: ScoringSystem,
    created: str,
) -> Reading:
    study, patient, timepoint, read = identity
    boxes, totals = columns
    findings = []
    for column, item in boxes.items():
        if cells[column].casefold() in NOTHING:
            continue
        grade = number_in(column, cells[column])
        try:
            of.check(item.site, item.side, item.feature, grade)
        except InputError as error:
            raise CellError(column, str(error)) from None
        findings.append(Finding(item.site, item.side, item.feature, grade=grade))
    reading = reading_of((study, cells["reader"], read, of.id), patient, timepoint, tuple(findings), created)
    given = {}
    for column, name in totals.items():
        if cells.get(column, "").casefold() in NOTHING:
            continue
        value, maximum = number_in(column, cells[column]), of.totals[name].maximum
        if not 0 <= value <= maximum:
            raise CellError(column, f"{name} is {value:g}, expected 0 to {maximum:g}")
        summed = reading.totals.get(name)
        if summed is not None and abs(summed.value - value) > 1e-6 and not summed.sites_unreadable:
            raise CellError(column, f"{name} is {value:g}, but the grades of this row give {summed.value:g}; correct one of the two")
        if summed is None:
            given[name] = Total(value, maximum)
    warnings = reading.warnings if findings else ()
    return replace(reading, totals=dict(reading.totals) | given, warnings=warnings)
