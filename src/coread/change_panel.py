"""Several readers of each visit as one panel: the mean of their grades, as trials of radiographic progression take it.

Two readers' mean errs less than one reader does, by the root of 2 where their errors are independent (Lassere, J Rheumatol 1999;26:731), so
its smallest detectable change is its own; ``coread agree`` measures it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import NAMESPACE_OID, uuid5

from coread.change_sdc import panel_reader, reader_name
from coread.errors import InputError
from coread.reading import Finding, Reading
from coread.reading_totals import grades_of, with_totals
from coread.scoring import system


def mean_of_readers(readings: Sequence[Reading]) -> tuple[Reading, ...]:
    """One reading a visit, by the panel of all its readers: each grade is the mean of theirs.

    Readings are of one visit where they are of one day, or without days of one exam. A box that any of the readers did not grade has no
    grade, and says by whom; measurements are left out. Totals are those of the mean grades: for a plain sum, the mean of the readers'
    totals over the sites that all of them graded.

    Args:
        readings: of one patient under one scoring system; every visit by the same two readers or more.

    Raises:
        InputError: one reader only, a visit that lacks one of the readers or has one twice, or several scoring systems.
    """
    names = sorted({reader_name(reading.reader) for reading in readings})
    if len(names) < 2:
        raise InputError(f"a mean needs two readers or more, all readings are by {''.join(names) or 'nobody'}; leave out --mean")
    if len({reading.system for reading in readings}) > 1:
        raise InputError(f"a mean needs one scoring system, these readings are under {', '.join(sorted({r.system for r in readings}))}")
    visits: dict[object, list[Reading]] = {}
    for reading in readings:
        visits.setdefault(_visit(reading), []).append(reading)
    return tuple(_panel(group, names) for group in visits.values())


def _visit(reading: Reading) -> object:
    day = reading.study.timepoint_days
    return (day,) if day is not None else reading.study.uid or reading.study.source


def _spoken(reading: Reading) -> str:
    day = reading.study.timepoint_days
    return f"day {day:g}" if day is not None else reading.study.source


def _panel(group: Sequence[Reading], names: Sequence[str]) -> Reading:
    """The mean of the readings of one visit."""
    by_name: dict[str, Reading] = {}
    for reading in group:
        name = reader_name(reading.reader)
        if name in by_name:
            both = f"{by_name[name].study.source} and {reading.study.source}"
            raise InputError(f"{_spoken(reading)}: two readings by {name} ({both}); a mean takes one of each reader")
        by_name[name] = reading
    lacking = [name for name in names if name not in by_name]
    first = group[0]
    if lacking:
        wanted = f"the mean is of {', '.join(names)}, so every visit needs all of them"
        raise InputError(f"{_spoken(first)}: there is no reading by {', '.join(lacking)}; {wanted}")
    grades = {name: grades_of(by_name[name]) for name in names}
    findings = []
    for item in system(first.system).items:
        said = {name: of.get(item.key) for name, of in grades.items()}
        if all(item.key not in of for of in grades.values()):
            continue
        given = [grade for grade in said.values() if grade is not None]
        if len(given) == len(names):
            findings.append(Finding(item.site, item.side, item.feature, grade=sum(given) / len(given)))
        else:
            without = ", ".join(name for name, grade in said.items() if grade is None)
            findings.append(Finding(item.site, item.side, item.feature, unreadable=f"not graded by {without}"))
    content = repr([by_name[name].uid for name in names])
    return with_totals(
        replace(
            first,
            uid=f"2.25.{uuid5(NAMESPACE_OID, content).int}",
            reader=panel_reader(names),
            findings=tuple(findings),
            totals={},
            status="unverified",
            signature=None,
            basis=None,
            read=1,
            warnings=tuple(dict.fromkeys(warning for name in names for warning in by_name[name].warnings)),
        )
    )
