"""The parts of reporting checklists that a validation can fill in, and what a person must still write.

The items stand in ``checklists/*.toml`` in our own short words with their numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files

from coread.report.validation_tables import table_text
from coread.toml_table import TomlTable
from coread.validation import Validation
from coread.validation_groups import AGE_BAND, FOUND, ORIGIN, Group
from coread.validation_measures import ABSOLUTE_ERROR, DISCRIMINATION, KAPPA, REFUSED, UNREAD, Measured

CHECKLISTS = ("tripod_ai", "claim_2024")
COLUMNS = ("checklist", "item", "about", "state", "filled_in", "a_person_must_still_write")


@dataclass(frozen=True, slots=True)
class Facts:
    """What the checklists say beside the figures: about the model, its training, the part of the cohort, versions, and the resampling."""

    model: str
    training: tuple[str, ...]
    not_tested: tuple[str, ...]
    partition: str
    software: str
    uncertainty: str


@dataclass(frozen=True, slots=True)
class Item:
    """One item: its number, what it is about, which answer fills it, what a person must write."""

    number: str
    about: str
    answer: str
    person: str


@dataclass(frozen=True, slots=True)
class Row:
    """An item as filled in."""

    checklist: str
    item: Item
    filled: str

    @property
    def state(self) -> str:
        """``filled in``, ``in part``, or ``for a person``."""
        return "for a person" if not self.filled else "in part" if self.item.person else "filled in"


@cache
def checklist(name: str) -> tuple[str, str, str, tuple[Item, ...]]:
    """Name, source, doubt and items of a checklist.

    Raises:
        DefinitionError: the file is not what it must be.
    """
    with as_file(files("coread").joinpath("checklists", f"{name}.toml")) as path:
        table = TomlTable.read(path)
    items = []
    for part in table.list_of_tables("items"):
        items.append(Item(part.text("number"), part.text("about"), part.text("answer", ""), part.text("person", "")))
        part.done()
        if not items[-1].answer and not items[-1].person:
            raise part.error("answer", "an item needs an answer, or what a person must write")
    found = table.text("name"), table.text("source"), table.text("doubt"), tuple(items)
    table.done()
    return found


def filled(validation: Validation, facts: Facts) -> tuple[Row, ...]:
    """Every item of every checklist, with what the validation can say of it."""
    said = answers(validation, facts)
    rows = []
    for name in CHECKLISTS:
        title, _, _, items = checklist(name)
        rows += [Row(title, item, said[item.answer] if item.answer else "") for item in items]
    return tuple(rows)


def checklists_csv(rows: tuple[Row, ...]) -> str:
    """The checklists as a table."""
    cells = [(r.checklist, r.item.number, r.item.about, r.state, r.filled, r.item.person) for r in rows]
    return table_text([dict(zip(COLUMNS, row, strict=True)) for row in cells])


def answers(validation: Validation, facts: Facts) -> Mapping[str, str]:
    """What the validation can say, by the name that items ask for it; empty where these data say nothing."""
    v, whole = validation, validation.everything
    size = f"{v.patients} patients with {v.studies} studies"
    tested = [gap for gap in v.gaps if gap.p is not None]
    found = [gap for gap in tested if gap.p_adjusted is not None and gap.p_adjusted < FOUND]
    small = [f"{g.column} {g.value} ({g.patients})" for g in v.groups[1:] if g.small]
    columns = list(dict.fromkeys(g.column for g in v.groups[1:]))
    refused = "; ".join(f"{m.measure}, {m.of}: {figure_text(m)}" for m in whole.measures if m.measure in (REFUSED, UNREAD))
    reasons = "; ".join(f"{r.what}: {r.reason} ({r.count})" for r in v.reasons)
    gaps = "; ".join(f"{g.column} {g.value}, {g.measure}: {g.difference:+.3g}, adjusted p {g.p_adjusted:.2g}" for g in found)
    return {
        "objective": f"evaluation of the model {v.model} {v.version or ''} against reference readings under {v.system}",
        "data": f"{size}; {facts.partition}",
        "centres": _groups(v, ("centre",)),
        "scanner": _groups(v, ("scanner",)),
        "origin": _groups(v, (ORIGIN,)) or "; ".join(note for note in v.notes if "internal and external" in note),
        "characteristics": _groups(v, (AGE_BAND, "sex")),
        "participants": "; ".join(part for part in (size, _groups(v, ("centre", "sex", AGE_BAND))) if part),
        "partition": facts.partition,
        "disjoint": "patients: one whose studies were in two parts would have been refused",
        "preparation": "the model read the files of the cohort as they are",
        "input": "the image files of each study, nothing else",
        "reference": f"grades by {v.reference} under the scoring system {v.system}",
        "size": size,
        "missing": "; ".join(part for part in (refused, reasons, *v.notes) if part),
        "failures": "; ".join(part for part in (reasons, *(_named(m) for m in whole.measures if m.measure == ABSOLUTE_ERROR)) if part),
        "methods": ", ".join(dict.fromkeys(m.measure for m in whole.measures)) + "; by " + (", ".join(columns) or "no group"),
        "uncertainty": facts.uncertainty,
        "imbalance": "; ".join(_named(m) for m in whole.measures if m.measure == "observed to expected damage" and "," not in m.of),
        "fairness": f"{len(tested)} gaps between groups of {', '.join(columns) or 'no column'} tested, {len(found)} found"
        + (f": {gaps}" if gaps else "")
        + (f"; small groups: {', '.join(small)}" if small else ""),
        "output": "a grade for each site with the probability of every grade and an interval, totals with intervals, or why there is none",
        "model": facts.model,
        "training": "; ".join(facts.training),
        "code": facts.software,
        "performance": "; ".join(_named(m) for m in whole.measures if m.measure == KAPPA or m.measure.startswith(("AUC", "ICC"))),
        "discrimination": "; ".join(_named(m) for m in whole.measures if m.part == DISCRIMINATION),
        "availability": f"Coread is under the Apache License 2.0; {facts.model}",
        "limits": "; ".join(facts.not_tested),
    }


def figure_text(measured: Measured) -> str:
    """``0.86 (0.82 to 0.89), 60 patients``, or why there is none."""
    value = measured.value
    if value.estimate is None:
        return f"none ({value.undefined})"
    bounds = f" ({value.low:.3g} to {value.high:.3g})" if value.low is not None and value.high is not None else ""
    return f"{value.estimate:.3g}{bounds}, {measured.patients} patients"


def _named(measured: Measured) -> str:
    return f"{measured.measure}, {measured.of}: {figure_text(measured)}"


def _groups(validation: Validation, columns: tuple[str, ...]) -> str:
    groups: dict[str, list[Group]] = {}
    for group in validation.groups:
        if group.column in columns:
            groups.setdefault(group.column, []).append(group)
    return "; ".join(f"{column}: " + ", ".join(f"{g.value} {g.patients}" for g in found) for column, found in groups.items())
