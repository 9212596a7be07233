"""The cells of a sheet: separated text or .xlsx into rows of text."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from coread.errors import InputError


def sheet_records(path: Path) -> list[list[str]]:
    """Every row of a sheet as text, blank ones too, so that the first is row 1.

    Comma, semicolon or tab separated UTF-8 text with or without a byte order mark, or the first sheet of an .xlsx file.

    Raises:
        InputError: the file cannot be read as what its suffix says.
    """
    return _xlsx(path) if path.suffix.lower() == ".xlsx" else _csv(path)


def number_text(value: float | None) -> str:
    """A number as a cell has it: whole where it is, else every digit; nothing for None."""
    if value is None:
        return ""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _csv(path: Path) -> list[list[str]]:
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


def _xlsx(path: Path) -> list[list[str]]:
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
    return number_text(float(value)) if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)
