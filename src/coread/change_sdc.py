"""Smallest detectable changes: what they are of, whose they are, and where they were measured."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from coread.errors import InputError, nearest
from coread.reading import ReaderRef
from coread.scoring import ScoringSystem

SITE = "site."
"""Before the key of a feature: the smallest detectable change of its grade at one site."""

TABLE = ("name", "sdc", "reader_1", "reader_2")

AGREED = ("readers", "total", "scored", "measure", "estimate")
"""Columns by which the table of totals that ``coread agree`` writes is known."""
JOINED = "; "
"""Between readers in one cell of that table."""

PUBLISHED = {
    "svdh": (
        "Published for progression on Sharp/van der Heijde (0-448) by human readers: 3.1 points on average (2.3-4.3) over 15 trials "
        "(Ann Rheum Dis 2014;73:1067); 11 for the mean of the same two readers, 15.5 for any two (Lassere 1999, n = 52). They are not the "
        "error of this reader and judge nothing here."
    )
}
"""Scoring system -> what was published of human readers; told as context where no error of the reader is known, never used."""


@dataclass(frozen=True, slots=True)
class DetectableChange:
    """The smallest detectable change of one score: a change up to and including it lies within measurement error.

    Attributes:
        name: key of a total, or ``site.FEATURE`` for the grade at one site.
        value: in points of that score, at least 0.
        source: where it was measured or who gave it, for the reader of a result.
        readers: `reader_name` of who read the two visits, one name twice for one reader; None: whoever read.
    """

    name: str
    value: float
    source: str
    readers: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.value) and self.value >= 0):
            raise InputError(f"{self.source}: the smallest detectable change of {self.name} must be a number from 0, got {self.value:g}")

    def read_by(self, first: str, second: str) -> bool:
        """Whether these two read the visits that it was measured for, in either order."""
        return self.readers is not None and sorted(self.readers) == sorted((first, second))


def reader_name(reader: ReaderRef) -> str:
    """A reader as score sheets name one: a person by name, ``model:ID@VERSION``, ``panel:ID``."""
    version = f"@{reader.version}" if reader.version else ""
    return reader.id if reader.kind == "person" else f"{reader.kind}:{reader.id}{version}"


def panel_reader(readers: Iterable[str]) -> ReaderRef:
    """The panel that is the mean of these readers, each as `reader_name` has it, in whatever order."""
    return ReaderRef("panel", f"mean of {JOINED.join(sorted(readers))}")


def check_names(known: Iterable[DetectableChange], system: ScoringSystem) -> None:
    """Pass if each is of a total or feature of the system, and none stands twice for the same readers.

    Raises:
        InputError: a name that the system does not have, or two values for one.
    """
    names = [*system.totals, *(SITE + feature for feature in system.features)]
    seen: dict[tuple[str, tuple[str, ...] | None], float] = {}
    for one in known:
        if one.name not in names:
            raise InputError(
                f"{one.source}: {system.id} has no score {one.name!r} for a smallest detectable change{nearest(one.name, names)}"
            )
        key = (one.name, None if one.readers is None else tuple(sorted(one.readers)))
        if seen.setdefault(key, one.value) != one.value:
            raise InputError(
                f"{one.source}: the smallest detectable change of {one.name} is given twice, as {seen[key]:g} and {one.value:g}"
            )


def find(known: Sequence[DetectableChange], name: str, readers: tuple[str, str]) -> DetectableChange | None:
    """What was measured for this score by these readers; failing that, what was given for whoever read; else None."""
    mine = [one for one in known if one.name == name]
    return next((one for one in mine if one.read_by(*readers)), next((one for one in mine if one.readers is None), None))


def read_sdc(text: str) -> tuple[DetectableChange, ...]:
    """Smallest detectable changes out of ``NAME=VALUE``, or out of a table in a CSV file.

    The table has the columns name and sdc, and may have reader_1 and reader_2: who read the two visits that it holds for. Where reader_2
    is empty, reader_1 read both; where both are, it holds for whoever read. Or it is the ``totals.csv`` of ``coread agree``: then the
    changes of readers compared there are taken, of the mean of all that were compared and of each alone.

    Raises:
        InputError: the text is neither; the table cannot be used. The message names row and column.
    """
    name, equals, value = text.partition("=")
    if equals:
        return (DetectableChange(name.strip(), _number(value, f"--sdc {text}"), f"--sdc {text}"),)
    path = Path(text)
    if path.suffix.lower() != ".csv":
        raise InputError(f"--sdc {text}: expected NAME=VALUE, such as hands=5.0, or a table in a .csv file")
    try:
        content = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}") from None
    rows = csv.DictReader(io.StringIO(content, newline=""), restval="")
    columns = [column.strip().casefold() for column in rows.fieldnames or ()]
    rows.fieldnames = columns
    if set(AGREED) <= set(columns):
        return _agreed(path, [{key: (cell or "").strip() for key, cell in row.items() if isinstance(key, str)} for row in rows])
    if not {"name", "sdc"} <= set(columns) <= set(TABLE):
        raise InputError(
            f"{path}: row 1: expected the columns name and sdc, with or without reader_1 and reader_2; got {', '.join(columns) or 'none'}"
        )
    found = [
        _row({key: (cell or "").strip() for key, cell in row.items() if isinstance(key, str)}, f"{path}: row {number}")
        for number, row in enumerate(rows, 2)
    ]
    if not found:
        raise InputError(f"{path}: holds no row below the header")
    return tuple(found)


def _agreed(path: Path, rows: Sequence[dict[str, str]]) -> tuple[DetectableChange, ...]:
    """Smallest detectable changes out of the table of totals of ``coread agree``.

    That of one reader is of the pair's errors, so it is taken for each of the two where no other pair says a larger one.
    """
    single: dict[tuple[str, str], DetectableChange] = {}
    means: list[DetectableChange] = []
    for number, row in enumerate(rows, 2):
        if row["scored"] != "change" or row["measure"] not in ("sdc_95", "sdc_95_mean") or not row["estimate"]:
            continue
        where = f"{path}: row {number}"
        value, readers = _number(row["estimate"], f"{where}, column estimate"), row["readers"].split(JOINED)
        if len(set(readers)) < 2 or row.get("comparison") == "within a reader":
            continue
        if row["measure"] == "sdc_95_mean":
            panel = reader_name(panel_reader(readers))
            means.append(DetectableChange(row["total"], value, where, (panel, panel)))
            continue
        for reader in readers:
            known = single.get((row["total"], reader))
            if known is None or known.value < value:
                single[row["total"], reader] = DetectableChange(row["total"], value, where, (reader, reader))
    if not means and not single:
        raise InputError(
            f"{path}: holds no smallest detectable change (sdc_95) with a value; `coread agree` gives one where two readers read two visits"
        )
    return (*means, *single.values())


def _row(row: dict[str, str], where: str) -> DetectableChange:
    first, second = row.get("reader_1", ""), row.get("reader_2", "")
    if second and not first:
        raise InputError(f"{where}, column reader_1: is empty, but reader_2 is {second}")
    return DetectableChange(row["name"], _number(row["sdc"], f"{where}, column sdc"), where, (first, second or first) if first else None)


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{where}: expected a number of points, got {text.strip() or 'nothing'}") from None
