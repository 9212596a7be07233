"""Readings out of any file that holds them."""

from __future__ import annotations

from pathlib import Path

from coread.errors import InputError
from coread.reading import Reading


def open_any_readings(path: str | Path, system_id: str | None = None, total: str | None = None) -> tuple[Reading, ...]:
    """The readings in a reading.json, a score sheet (.csv, .xlsx) or a DICOM SR (.dcm), chosen by the suffix.

    Args:
        path: the file.
        system_id: the scoring system of a wide sheet that does not name it.
        total: the total in a sheet in which every reader has a column.

    Raises:
        InputError: the suffix says nothing, or the file is not what it says.
    """
    source = Path(path)
    suffix = source.suffix.lower()
    if suffix == ".json":
        from coread.formats.reading_json import read_json

        return (read_json(source),)
    if suffix in (".csv", ".xlsx"):
        from coread.formats.table import open_readings

        return open_readings(source, system_id, total)
    if suffix in (".dcm", ".sr"):
        from coread.formats.sr import read_sr

        return (read_sr(source),)
    raise InputError(f"{source}: cannot tell the format from the suffix; use reading.json, a score sheet .csv or .xlsx, or an SR .dcm")
