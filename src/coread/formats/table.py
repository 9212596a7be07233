"""Readings as a table in long form, one row a finding: what persons fill in and statistics programs read.

A row without grade, value and reason is a box that was not scored; it is no finding. Totals follow from the rows by the rules of the
scoring system, and what is missing from them stands in the warnings of the reading.
"""

from __future__ import annotations

import csv
import io
import math
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from coread.errors import InputError, nearest
from coread.reading import Finding, ReaderKind, ReaderRef, Reading, StudyRef
from coread.reading_totals import missing_from, with_totals
from coread.scoring import ScoringSystem, system, systems

COLUMNS = (
    "study", "patient", "timepoint", "read", "reader", "system",
    "site", "side", "feature", "instance", "grade", "value", "unit", "unreadable",
)  # fmt: skip
REQUIRED = ("study", "reader", "system", "site", "feature", "grade")
IDENTITY = ("study", "patient", "timepoint", "read", "reader", "system")
SIDES = {"": None, "left": "left", "l": "left", "right": "right", "r": "right"}
KINDS: tuple[ReaderKind, ...] = ("model", "panel")
ERRORS_SHOWN = 5

Row = dict[str, str]
ReadingKey = tuple[str, str, int, str]


def open_readings(path: str | Path) -> tuple[Reading, ...]:
    """The readings in a score sheet, one per study x reader x read x system, in the order in which they first appear.

    Comma, semicolon or tab separated UTF-8 text with or without a byte order mark, or the first sheet of an .xlsx file. Only the columns
    study, reader, system, site, feature and grade must be there. A row without a study belongs to the reading of the row above. A reader
    is a person unless written ``model:ID`` or ``panel:ID``, each with ``@VERSION`` where there is one. ``created`` is when the file was
    last changed.

    Raises:
        InputError: the file cannot be used; the message names file, row (the header is row 1) and column of the first few faults.
    """
    source = Path(path)
    rows = list(sheet_rows(source))
    sheet = _Sheet(source)
    for number, row in rows:
        sheet.add(number, row)
    return sheet.readings()


def write_table(readings: Iterable[Reading], path: str | Path) -> Path:
    """Write readings as comma separated UTF-8, one row a finding; evidence, probabilities and intervals are not in a table.

    Raises:
        InputError: the file cannot be written.
    """
    return _save(table_text(readings), Path(path))


def table_text(readings: Iterable[Reading]) -> str:
    """The text of `write_table`."""
    return _text([row for reading in readings for row in _rows_of(reading)])


def score_sheet(of: ScoringSystem | str) -> tuple[Row, ...]:
    """An empty score sheet: one row for each item of the system, with everything but the reader's part filled in."""
    chosen = system(of) if isinstance(of, str) else of
    empty = dict.fromkeys(COLUMNS, "")
    return tuple(
        empty | {"system": chosen.id, "site": item.site, "side": item.side or "", "feature": item.feature} for item in chosen.items
    )


def write_score_sheet(of: ScoringSystem | str, path: str | Path | None = None) -> str:
    """The text of an empty score sheet, also written to a file where one is named.

    Raises:
        InputError: no such system, or the file cannot be written.
    """
    text = _text(score_sheet(of))
    if path is not None:
        _save(text, Path(path))
    return text


# --- writing


def _rows_of(reading: Reading) -> Iterator[Row]:
    who = reading.reader
    identity = {
        "study": reading.study.source,
        "patient": reading.study.patient or "",
        "timepoint": _number(reading.study.timepoint_days),
        "read": str(reading.read),
        "reader": who.id if who.kind == "person" else f"{who.kind}:{who.id}" + (f"@{who.version}" if who.version else ""),
        "system": reading.system,
    }
    for finding in reading.findings:
        yield identity | {
            "site": finding.site,
            "side": finding.side or "",
            "feature": finding.feature,
            "instance": finding.instance or "",
            "grade": _number(finding.grade),
            "value": _number(finding.value),
            "unit": finding.unit or "",
            "unreadable": finding.unreadable or "",
        }


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _text(rows: Iterable[Row]) -> str:
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def _save(text: str, path: Path) -> Path:
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
    return path


# --- reading the cells


def sheet_rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Row number in the sheet and its cells by column; blank rows are left out.

    Raises:
        InputError: the file cannot be read, or has not the columns of a score sheet.
    """
    records = _xlsx_records(path) if path.suffix.lower() == ".xlsx" else _csv_records(path)
    header: list[str] | None = None
    for number, record in enumerate(records, start=1):
        cells = [cell.strip() for cell in record]
        if not any(cells):
            continue
        if header is None:
            header = _header(path, cells, number)
            continue
        while len(cells) > len(header) and not cells[-1]:
            cells.pop()
        if len(cells) > len(header):
            raise InputError(f"{path}: row {number} has {len(cells)} cells, the header has {len(header)}; put cells with commas in quotes")
        yield number, dict.fromkeys(COLUMNS, "") | dict(zip(header, cells, strict=False))
    if header is None:
        raise InputError(f"{path}: is empty; start from the sheet that `coread list --template SYSTEM` prints")


def _header(path: Path, cells: Sequence[str], number: int) -> list[str]:
    names = [cell.casefold() for cell in cells]
    while names and not names[-1]:
        names.pop()
    for position, name in enumerate(names):
        if name not in COLUMNS:
            raise InputError(f"{path}: row {number}: unknown column {cells[position]!r}{nearest(name, COLUMNS)}")
        if name in names[:position]:
            raise InputError(f"{path}: row {number}: the column {name} stands twice; keep one")
    absent = [name for name in REQUIRED if name not in names]
    if absent:
        raise InputError(f"{path}: row {number}: the header lacks {', '.join(absent)}; it has {', '.join(names)}")
    return names


def _csv_records(path: Path) -> list[list[str]]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}: row {line} is not UTF-8 text; save the sheet as 'CSV UTF-8'") from None
    if "\0" in text:
        raise InputError(f"{path}: is not a text file; give a score sheet as .csv or .xlsx")
    first = text.lstrip().split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    if first.casefold().startswith("sep="):
        separator, text = first[4:5], "\n" + text.lstrip().partition("\n")[2]
    try:
        records = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise InputError(f"{path}: is not a table of separated values: {error}") from None
    if separator == ";":  # a spreadsheet that separates by semicolon writes decimals with a comma
        records = [[_point(cell) for cell in record] for record in records]
    return records


def _point(cell: str) -> str:
    whole, comma, part = cell.strip().partition(",")
    return f"{whole}.{part}" if comma and whole.lstrip("+-").isdigit() and part.isdigit() else cell


def _xlsx_records(path: Path) -> list[list[str]]:
    from xml.etree.ElementTree import ParseError
    from zipfile import BadZipFile

    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    faults = (BadZipFile, InvalidFileException, ParseError, AttributeError, IndexError, KeyError, TypeError, ValueError, OSError)
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            return [[_cell(value) for value in row] for row in book.worksheets[0].iter_rows(values_only=True)]
        finally:
            book.close()
    except faults as error:
        raise InputError(f"{path}: cannot be read as an .xlsx file: {getattr(error, 'strerror', None) or error}; save it again") from None


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return _number(float(value)) if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


# --- from cells to readings


class CellError(Exception):
    """What is wrong with a cell: column, and the fault in words."""


def faults_told(path: Path, faults: Sequence[str]) -> InputError:
    """The first few faults of a sheet as one error."""
    more = len(faults) - ERRORS_SHOWN
    return InputError(f"{path}: " + "; ".join(faults[:ERRORS_SHOWN]) + (f"; and {more} more faults" if more > 0 else ""))


@contextmanager
def _as_fault(column: str) -> Iterator[None]:
    """What the scoring system refuses, as the fault of a column."""
    try:
        yield
    except InputError as error:
        raise CellError(column, str(error)) from None


@dataclass
class _Group:
    """The rows of one reading; findings by (site, side, feature, instance)."""

    row: int
    patient: str
    timepoint: float | None
    findings: dict[tuple[str, str | None, str, str], tuple[int, Finding]] = field(default_factory=dict)


class _Sheet:
    """Readings as they grow row by row; faults are kept until the end so that several can be told at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.groups: dict[ReadingKey, _Group] = {}
        self.faults: list[str] = []
        self.above: Row = {}
        self.known = systems()  # lists a folder, so once and not for every row

    def add(self, number: int, row: Row) -> None:
        if not row["study"] and self.above:
            row |= {column: row[column] or self.above[column] for column in IDENTITY}
        self.above = row
        try:
            self._add(number, row)
        except CellError as error:
            column, fault = error.args
            self.faults.append(f"row {number}, column {column}: {fault}")

    def _add(self, number: int, row: Row) -> None:
        for column in ("study", "reader", "system"):
            if not row[column]:
                raise CellError(column, "is empty")
        if row["system"] not in self.known:
            raise CellError("system", f"unknown system {row['system']!r}{nearest(row['system'], self.known)}")
        read = _parsed("read", row["read"] or "1")
        if not read.is_integer() or read < 1:
            raise CellError("read", f"expected a whole number from 1, got {row['read']}")
        timepoint = _parsed("timepoint", row["timepoint"]) if row["timepoint"] else None
        group = self.groups.setdefault((row["study"], row["reader"], int(read), row["system"]), _Group(number, row["patient"], timepoint))
        if row["patient"] != group.patient:
            raise CellError(
                "patient", f"is {row['patient'] or 'empty'}, but {group.patient or 'empty'} in row {group.row} of the same reading"
            )
        if timepoint != group.timepoint:
            raise CellError("timepoint", f"differs from that in row {group.row} of the same reading")
        finding = finding_of_row(row, system(row["system"]))
        if finding is None:
            return
        key = (finding.site, finding.side, finding.feature, row["instance"])
        if key in group.findings:
            raise CellError("site", f"{finding.label} stands already in row {group.findings[key][0]}")
        group.findings[key] = (number, finding)

    def readings(self) -> tuple[Reading, ...]:
        if self.faults:
            raise faults_told(self.path, self.faults)
        if not any(group.findings for group in self.groups.values()):
            raise InputError(f"{self.path}: no row holds a grade, a value or a reason; fill in the column grade")
        created = datetime.fromtimestamp(int(self.path.stat().st_mtime), UTC).isoformat()
        return tuple(self._reading(key, group, created) for key, group in self.groups.items())

    def _reading(self, key: ReadingKey, group: _Group, created: str) -> Reading:
        study, who, read, system_id = key
        findings = tuple(finding for _, finding in group.findings.values())
        content = repr((key, group.patient, group.timepoint, findings))
        reading = Reading(
            uid=f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, content).int}",
            reader=_reader(who),
            system=system_id,
            study=StudyRef(source=study, patient=group.patient or None, timepoint_days=group.timepoint),
            findings=findings,
            totals={},
            created=created,
            read=read,
        )
        return replace(with_totals(reading), warnings=missing_from(reading))


def _reader(text: str) -> ReaderRef:
    for kind in KINDS:
        if text.startswith(f"{kind}:"):
            name, at, version = text.removeprefix(f"{kind}:").rpartition("@")
            return ReaderRef(kind, name, version) if at else ReaderRef(kind, version)
    return ReaderRef("person", text)


def _parsed(column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise CellError(column, f"expected a number, got {text!r}")
    return value


def finding_of_row(row: Row, by: ScoringSystem) -> Finding | None:
    """The finding in a row; None where the box was left empty.

    Raises:
        CellError: the scoring system does not know what stands in a cell, or two cells contradict each other.
    """
    site, side, feature = row["site"], row["side"].casefold(), row["feature"]
    if not any(place.name == site for place in by.sites):
        raise CellError("site", f"unknown site {site!r}{nearest(site, dict.fromkeys(place.name for place in by.sites))}")
    if side not in SIDES:
        raise CellError("side", f"expected left, right or nothing, got {row['side']!r}")
    if feature not in by.features and feature not in by.measurements:
        raise CellError("feature", f"unknown feature {feature!r}{nearest(feature, [*by.features, *by.measurements])}")
    with _as_fault("side"):
        by.site(site, SIDES[side])
    said = [column for column in ("grade", "value", "unreadable") if row[column]]
    if len(said) > 1:
        raise CellError(said[1], f"a finding has one of grade, value and unreadable, this one has {' and '.join(said)}")
    if feature in by.features:
        if row["value"]:
            raise CellError("value", f"{feature} is graded, not measured; write a grade")
        with _as_fault("feature"):
            by.item(site, SIDES[side], feature)
        if row["grade"]:
            grade = _parsed("grade", row["grade"])
            with _as_fault("grade"):
                by.check(site, SIDES[side], feature, grade)
    elif row["grade"]:
        raise CellError("grade", f"{feature} is measured, not graded; write a value with its unit")
    elif row["value"] and row["unit"] not in [unit.value for unit in by.measurements[feature].units]:
        raise CellError("unit", f"expected {' or '.join(u.value for u in by.measurements[feature].units)}, got {row['unit'] or 'nothing'}")
    if not said:
        return None
    return Finding(
        site=site,
        side=SIDES[side],
        feature=feature,
        grade=_parsed("grade", row["grade"]) if row["grade"] else None,
        value=_parsed("value", row["value"]) if row["value"] else None,
        unit=row["unit"] or None,
        unreadable=row["unreadable"] or None,
        instance=row["instance"] or None,
    )
