"""A person's correction of a reading, from its score sheet with some grades changed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from coread.errors import InputError
from coread.formats.table import SIDES, CellError, Row, faults_told, finding_of_row, sheet_rows
from coread.formats.uids import derived_uid
from coread.reading import Before, Evidence, Finding, ReaderRef, Reading
from coread.reading_signature import person_name
from coread.reading_totals import with_corrected_totals
from coread.scoring import ScoringSystem, system

Box = tuple[str, str | None, str, str]
SAME_NUMBER = 1e-6
"""Relative difference up to which two measurements are one: a spreadsheet that saves a sheet again keeps nine digits or more."""
NAMED = 3


def open_correction(sheet: str | Path, basis: Reading, reader: str) -> Reading:
    """The corrected reading that a changed copy of a reading's score sheet makes.

    Rows that say what the reading says are not changed and keep their probabilities, interval and evidence. A changed one keeps
    its place in the image, says in ``was`` what stood there, and loses the doubt that belonged to the old grade; where nothing is left
    to outline (grade 0, or unreadable) also its outlines. A row for a box that the reading left out is added. The totals are summed
    anew where a grade of theirs was changed.

    Args:
        sheet: .csv or .xlsx with every row of the reading's ``readings.csv``; the columns study, patient and system may be empty.
        basis: the reading that is corrected.
        reader: name of the person who corrects.

    Returns:
        An unsigned reading of that person, whose basis is the uid of the corrected one.

    Raises:
        InputError: the sheet is of another reading, lacks a row, says something that the scoring system does not have, or changes
            nothing; the message names file, row and column of the first few faults.
    """
    path, person = Path(sheet), person_name(reader, "corrects")
    by = system(basis.system)
    before = {_box_of(finding): finding for finding in basis.findings}
    said: dict[Box, tuple[int, Finding]] = {}
    faults: list[str] = []
    told: set[Box] = set()
    for number, row in sheet_rows(path):
        try:
            box = _box(row)
            told.add(box)
            _check_identity(row, basis)
            finding = _said(row, by, before.get(box))
            if finding is not None and box in said:
                raise CellError("site", f"{finding.label} stands already in row {said[box][0]}")
            if finding is not None:
                said[box] = (number, finding)
        except CellError as error:
            column, fault = error.args
            faults.append(f"row {number}, column {column}: {fault}")
    missing = [finding.label for box, finding in before.items() if box not in told]
    if missing:
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        faults.append(f"column site: there is no row for {', '.join(missing[:NAMED])}{more}; keep every row of the reading's sheet")
    if faults:
        raise faults_told(path, faults)
    findings = tuple(_corrected(before.get(box), finding) for box, (_, finding) in _in_order(said, before, by))
    if not any(finding.was for finding in findings):
        raise InputError(f"{path}: says what the reading says already; change a grade, or sign the reading as it is with `coread sign`")
    created = datetime.now(UTC).isoformat(timespec="seconds")
    content = repr([(_box_of(f), f.grade, f.value, f.unit, f.unreadable) for f in findings])
    corrected = Reading(
        uid=derived_uid("correction", basis.uid, person, created, content),
        reader=ReaderRef("person", person),
        system=basis.system,
        study=basis.study,
        findings=findings,
        totals={},
        created=created,
        basis=basis.uid,
        warnings=basis.warnings,
    )
    return with_corrected_totals(corrected, basis)


def _box_of(finding: Finding) -> Box:
    return finding.site, finding.side, finding.feature, finding.instance or ""


def _box(row: Row) -> Box:
    return row["site"], SIDES.get(row["side"].casefold()), row["feature"], row["instance"]


def _check_identity(row: Row, basis: Reading) -> None:
    for column, ours in (("study", basis.study.source), ("patient", basis.study.patient or ""), ("system", basis.system)):
        if row[column] and row[column] != ours:
            raise CellError(column, f"is {row[column]}, but the reading is of {ours or 'no patient'}; give the sheet of this reading")


def _said(row: Row, by: ScoringSystem, before: Finding | None) -> Finding | None:
    """What a row says now; a grade beside the reason that the reading gave takes that reason's place."""
    if before is not None and before.unreadable is not None and (row["grade"] or row["value"]):
        row = row | {"unreadable": "" if row["unreadable"] == before.unreadable.strip() else row["unreadable"]}
    finding = finding_of_row(row, by)
    if finding is None and before is not None:
        column = "grade" if before.feature in by.features else "value"
        raise CellError(column, f"is empty for {before.label}; give a {column}, or under unreadable the reason why there is none")
    return finding


def _in_order(
    said: Mapping[Box, tuple[int, Finding]], before: Mapping[Box, Finding], by: ScoringSystem
) -> list[tuple[Box, tuple[int, Finding]]]:
    """The findings of the reading in its own order, then added ones in the order of the system."""
    order: dict[Box, int] = {box: place for place, box in enumerate(before)}
    items = {item.key: place for place, item in enumerate(by.items)}
    return sorted(said.items(), key=lambda entry: (order.get(entry[0], len(order)), items.get(entry[0][:3], len(items)), entry[1][0]))


def _corrected(before: Finding | None, now: Finding) -> Finding:
    if before is None:
        return replace(now, was=Before())
    if _same(before, now):
        return replace(before, was=None)
    was = Before(before.grade, before.value, before.unit if before.value is not None else None, before.unreadable)
    return replace(now, evidence=_kept(before.evidence, now), was=was)


def _same(a: Finding, b: Finding) -> bool:
    if a.value is not None and b.value is not None:
        return a.unit == b.unit and math.isclose(a.value, b.value, rel_tol=SAME_NUMBER)
    return (a.grade, a.value, (a.unreadable or "").strip()) == (b.grade, b.value, (b.unreadable or "").strip())


def _kept(evidence: Evidence | None, now: Finding) -> Evidence | None:
    if evidence is None or now.grade or now.value is not None:
        return evidence
    return replace(evidence, lesions_px=(), map=None)
