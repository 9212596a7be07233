"""Readings as a table in long form, one row a finding: what persons fill in and statistics programs read.

A row without grade, value and reason is a box that was not scored; it is no finding. Totals follow from the rows by the rules of the
scoring system, and what is missing from them stands in the warnings of the reading.
"""

from __future__ import annotations

import csv
import io
import math
import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from coread.errors import InputError, brief_text, nearest
from coread.formats.cells import number_text, sheet_records
from coread.reading import Finding, ReaderKind, ReaderRef, Reading, StudyRef
from coread.reading_check import check_measured
from coread.reading_signature import person_name
from coread.reading_totals import missing_from, with_totals
from coread.scoring import ScoringSystem, system, systems
from coread.whole_file import write_whole

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


def open_readings(path: str | Path, system_id: str | None = None, total: str | None = None) -> tuple[Reading, ...]:
    """The readings in a score sheet, one per study x reader x read x system, in the order in which they first appear.

    Comma, semicolon or tab separated UTF-8 text with or without a byte order mark, or the first sheet of an .xlsx file. Only the columns
    study, reader, system, site, feature and grade must be there. A row without a study belongs to the reading of the row above. A reader
    is a person unless written ``model:ID`` or ``panel:ID``, each with ``@VERSION`` where there is one. ``created`` is when the file was
    last changed. A wide sheet, one row a reading, is opened as well: see ``wide_table``.

    Args:
        path: the sheet.
        system_id: the scoring system of a wide sheet that does not name it.
        total: the total that the columns of a sheet hold in which every reader has a column of his own.

    Raises:
        InputError: the file cannot be used; the message names file, row (the header is row 1) and column of the first few faults.
    """
    from coread.formats.wide_table import is_wide, wide_readings

    source = Path(path)
    records = sheet_records(source)
    if is_wide(records):
        return wide_readings(source, records, system_id, total)
    sheet = _Sheet(source)
    for number, row in list(_long_rows(source, records)):
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


def write_score_sheet(of: ScoringSystem | str, path: str | Path | None = None, wide: bool = False) -> str:
    """The text of an empty score sheet, also written to a new file where one is named; ``wide`` is one row a reading.

    Raises:
        InputError: no such system, the file exists already and may be filled in, or it cannot be written; then none is left.
    """
    from coread.formats.wide_table import wide_sheet

    text = wide_sheet(of) if wide else _text(score_sheet(of))
    if path is not None:
        target = Path(path)
        if target.exists() or target.is_symlink():
            raise InputError(f"{target}: exists already and may be filled in, so it is not replaced; choose another file with -o")
        write_whole(target, text)
    return text


# --- writing


def _rows_of(reading: Reading) -> Iterator[Row]:
    identity = {
        "study": reading.study.source,
        "patient": reading.study.patient or "",
        "timepoint": number_text(reading.study.timepoint_days),
        "read": str(reading.read),
        "reader": reader_text(reading.reader),
        "system": reading.system,
    }
    for finding in reading.findings:
        yield identity | {
            "site": finding.site,
            "side": finding.side or "",
            "feature": finding.feature,
            "instance": finding.instance or "",
            "grade": number_text(finding.grade),
            "value": number_text(finding.value),
            "unit": finding.unit or "",
            "unreadable": finding.unreadable or "",
        }


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
    return _long_rows(path, sheet_records(path))


def _long_rows(path: Path, records: Sequence[Sequence[str]]) -> Iterator[tuple[int, Row]]:
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
            raise CellError("system", f"unknown system {brief_text(row['system'])}{nearest(row['system'], self.known)}")
        if not row["reader"].startswith(tuple(f"{kind}:" for kind in KINDS)):
            with _as_fault("reader"):
                person_name(row["reader"], "reads")
        read = number_in("read", row["read"] or "1")
        if not read.is_integer() or read < 1:
            raise CellError("read", f"expected a whole number from 1, got {brief_text(row['read'])}")
        timepoint = number_in("timepoint", row["timepoint"]) if row["timepoint"] else None
        if timepoint is not None and timepoint < 0:
            raise CellError("timepoint", f"expected days since the first exam, from 0, got {row['timepoint']}")
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
        created = created_at(self.path)
        return tuple(
            reading_of(key, group.patient, group.timepoint, tuple(finding for _, finding in group.findings.values()), created)
            for key, group in self.groups.items()
        )


def created_at(path: Path) -> str:
    """When a file was last changed, which stands for when its readings were made."""
    return datetime.fromtimestamp(int(path.stat().st_mtime), UTC).isoformat()


def reading_of(key: ReadingKey, patient: str, timepoint: float | None, findings: tuple[Finding, ...], created: str) -> Reading:
    """The reading of (study, reader, read, system) with the totals that its findings allow; its uid follows from what it says."""
    study, who, read, system_id = key
    content = repr((key, patient, timepoint, findings))
    reading = Reading(
        uid=f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, content).int}",
        reader=_reader(who),
        system=system_id,
        study=StudyRef(source=study, patient=patient or None, timepoint_days=timepoint),
        findings=findings,
        totals={},
        created=created,
        read=read,
    )
    return replace(with_totals(reading), warnings=missing_from(reading))


def reader_text(who: ReaderRef) -> str:
    """A reader as the column has it: ``anna``, ``model:hand_svdh@0.4``."""
    return who.id if who.kind == "person" else f"{who.kind}:{who.id}" + (f"@{who.version}" if who.version else "")


def _reader(text: str) -> ReaderRef:
    for kind in KINDS:
        if text.startswith(f"{kind}:"):
            name, at, version = text.removeprefix(f"{kind}:").rpartition("@")
            return ReaderRef(kind, name, version) if at else ReaderRef(kind, version)
    return ReaderRef("person", text)


NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
"""As people and spreadsheets write numbers; Python itself would also take 1_0 as 10."""


def number_in(column: str, text: str) -> float:
    """The number in a cell.

    Raises:
        CellError: it holds none.
    """
    value = float(text) if NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise CellError(column, f"expected a number, got {brief_text(text)}")
    return value


def finding_of_row(row: Row, by: ScoringSystem) -> Finding | None:
    """The finding in a row; None where the box was left empty.

    Raises:
        CellError: the scoring system does not know what stands in a cell, or two cells contradict each other.
    """
    site, side, feature = row["site"], row["side"].casefold(), row["feature"]
    if not any(place.name == site for place in by.sites):
        raise CellError("site", f"unknown site {brief_text(site)}{nearest(site, dict.fromkeys(place.name for place in by.sites))}")
    if side not in SIDES:
        raise CellError("side", f"expected left, right or nothing, got {brief_text(row['side'])}")
    if feature not in by.features and feature not in by.measurements:
        raise CellError("feature", f"unknown feature {brief_text(feature)}{nearest(feature, [*by.features, *by.measurements])}")
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
            grade = number_in("grade", row["grade"])
            with _as_fault("grade"):
                by.check(site, SIDES[side], feature, grade)
    elif row["grade"]:
        raise CellError("grade", f"{feature} is measured, not graded; write a value with its unit")
    elif row["value"] and row["unit"] not in (units := [unit.value for unit in by.measurements[feature].units]):
        raise CellError("unit", f"expected {' or '.join(units)}, got {brief_text(row['unit']) if row['unit'] else 'nothing'}")
    if row["value"]:
        with _as_fault("value"):
            check_measured(feature.replace("_", " "), number_in("value", row["value"]), row["unit"])
    if not said:
        return None
    return Finding(
        site=site,
        side=SIDES[side],
        feature=feature,
        grade=number_in("grade", row["grade"]) if row["grade"] else None,
        value=number_in("value", row["value"]) if row["value"] else None,
        unit=row["unit"] or None,
        unreadable=row["unreadable"] or None,
        instance=row["instance"] or None,
    )
