"""Scoring systems by id: each is one TOML file in ``systems/``, checked as it is loaded.

A system adds up before anyone uses it: unknown keys, sites without a code, grades without a definition, a total whose
declared maximum is not what its items reach, all are a ``DefinitionError`` that names the file and the key.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import get_args

from coread.errors import InputError, nearest
from coread.scoring_items import Code, Feature, Item, ItemKey, Measurement, Scale, Site, spoken_grades
from coread.scoring_system import Combine, Example, Gather, Grades, Score, ScoringSystem, TotalRule
from coread.toml_table import TomlTable

__all__ = [
    "Code", "Example", "Feature", "Grades", "Item", "ItemKey", "Measurement", "Scale", "Score", "ScoringSystem", "Site", "TotalRule",
    "load_system", "spoken_grades", "system", "systems",
]  # fmt: skip

FOLDER = Path(__file__).parent / "systems"
SITES_FILE = "_sites.toml"
CODE_VALUE_CHARACTERS, CODE_MEANING_CHARACTERS = 16, 64  # DICOM VR SH and LO
SIDES = ("left", "right")
UNITS = {"mm": "mm", "mm2": "square millimeter", "%": "Percent", "deg": "Degree"}  # UCUM, with the meanings of DICOM PS3.16


def systems() -> tuple[str, ...]:
    """Ids of all scoring systems, sorted; no file is opened."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml") if not path.name.startswith("_")))


@cache
def system(id: str) -> ScoringSystem:
    """The scoring system of this id, loaded once.

    Raises:
        InputError: no such system; the message lists those that there are.
        DefinitionError: its file contradicts itself.
    """
    if id not in systems():
        raise InputError(f"unknown scoring system {id!r}; known: {', '.join(systems())}")
    return load_system(FOLDER / f"{id}.toml")


def load_system(path: Path) -> ScoringSystem:
    """A scoring system from its TOML file; site codes that it does not give itself come from ``_sites.toml``.

    Raises:
        DefinitionError: the file is not TOML, or contradicts itself; the message names file and key.
    """
    table = _Table.read(path)
    shared = _Table.read(FOLDER / SITES_FILE)
    codes = {name: shared.code(name) for name in shared.names}
    own = table.table("sites", {})
    codes |= {name: own.code(name) for name in own.names}

    features = {key: _feature(key, part) for key, part in table.parts("features")}
    measurements = {key: _measurement(key, part) for key, part in table.parts("measurements", required=False)}
    scales = {key: _scale(key, part) for key, part in table.parts("scales")}
    items = _items(table, codes, features, scales)
    missing = table.table("missing")
    share, missing_source = missing.number("share_allowed"), missing.text("source")
    missing.done()
    if not 0 <= share < 1:
        raise missing.error("share_allowed", f"expected a share from 0 to below 1, got {share:g}")
    totals = {name: _total(name, part, items, share) for name, part in table.parts("totals")}
    built = ScoringSystem(
        id=path.stem,
        name=table.text("name"),
        version=table.text("version"),
        modality=table.text("modality"),
        sources=table.texts("sources"),
        method=table.code("method"),
        features=MappingProxyType(features),
        measurements=MappingProxyType(measurements),
        items=items,
        totals=MappingProxyType(totals),
        missing_source=missing_source,
        examples=tuple(_example(part, items, totals) for part in table.list_of_tables("examples")),
        notes=table.text("notes", ""),
    )
    table.done()
    return built


class _Table(TomlTable):
    """A TOML table of a scoring system, which holds codes as well."""

    def code(self, key: str) -> Code:
        values = self.texts(key)
        if len(values) != 3 or not all(values):
            raise self.error(key, f"expected a code as [scheme, value, meaning], got {list(values)!r}")
        scheme, value, meaning = values
        for part, longest in ((scheme, CODE_VALUE_CHARACTERS), (value, CODE_VALUE_CHARACTERS), (meaning, CODE_MEANING_CHARACTERS)):
            if len(part) > longest:
                raise self.error(key, f"{part!r} is longer than the {longest} characters that DICOM allows there")
        return Code(scheme, value, meaning)


def _feature(key: str, part: _Table) -> Feature:
    feature = Feature(key, part.text("name"), part.code("code"))
    part.done()
    return feature


def _measurement(key: str, part: _Table) -> Measurement:
    units = part.texts("units")
    for unit in units:
        if unit not in UNITS:
            raise part.error("units", f"unknown unit {unit!r}{nearest(unit, UNITS)}")
    codes = tuple(Code("UCUM", unit, UNITS[unit]) for unit in units)
    measurement = Measurement(key, part.text("name"), part.code("code"), codes, part.text("definition"))
    part.done()
    return measurement


def _scale(key: str, part: _Table) -> Scale:
    code = part.text("code")
    words = part.table("grades")
    grades = []
    for text in words.names:
        try:
            grades.append(float(text))
        except ValueError:
            raise words.error(text, "expected a number as the grade") from None
    if len(grades) < 2 or sorted(set(grades)) != grades:
        raise part.error("grades", f"expected two or more grades in ascending order, got {list(words.names)}")
    definitions = tuple(words.text(text) for text in words.names)
    part.done()
    for grade in grades:
        if len(f"{code}-{grade:g}") > CODE_VALUE_CHARACTERS:
            raise part.error("code", f"{code!r} leaves no room for grade {grade:g} in a code value of {CODE_VALUE_CHARACTERS} characters")
    return Scale(key, tuple(grades), definitions, code)


def _items(table: _Table, codes: Mapping[str, Code], features: Mapping[str, Feature], scales: Mapping[str, Scale]) -> tuple[Item, ...]:
    items: dict[ItemKey, Item] = {}
    for part in table.list_of_tables("items"):
        region, feature, scale = part.text("region"), part.text("feature"), part.text("scale")
        sides = part.texts("sides", ())
        for key, name, known in (("feature", feature, features), ("scale", scale, scales)):
            if name not in known:
                raise part.error(key, f"unknown {key} {name!r}{nearest(name, known)}")
        if any(side not in SIDES for side in sides):
            raise part.error("sides", f"expected left and right, got {list(sides)}")
        names = part.texts("sites")
        for side in sides or (None,):
            for name in names:
                if name not in codes:
                    raise part.error("sites", f"site {name!r} has no code, neither under [sites] nor in {SITES_FILE}")
                site = Site(name, side, f"{region}_{side}" if side else region, codes[name])
                item = Item(site, feature, scales[scale])
                if item.key in items:
                    raise part.error("sites", f"{item.label} stands twice")
                items[item.key] = item
        part.done()
    where: dict[tuple[str, str | None], str] = {}
    for item in items.values():
        if where.setdefault((item.site, item.side), item.region) != item.region:
            raise table.error("items", f"{item.site} lies in two regions, {where[item.site, item.side]} and {item.region}")
    return tuple(items.values())


def _total(name: str, part: _Table, items: tuple[Item, ...], share: float) -> TotalRule:
    def chosen(key: str, values: Iterable[str]) -> tuple[str, ...]:
        known = tuple(dict.fromkeys(values))
        wanted = part.texts(key, known)
        for value in wanted:
            if value not in known:
                raise part.error(key, f"unknown {value!r}{nearest(value, known)}")
        return wanted

    regions = chosen("regions", (item.region for item in items))
    features = chosen("features", (item.feature for item in items))
    sites = chosen("sites", (item.site for item in items))
    taken = tuple(item for item in items if item.region in regions and item.feature in features and item.site in sites)
    if not taken:
        raise part.error("regions", "takes no item at all")
    combine, gather = part.text("combine", "sum"), part.text("gather", "sum")
    for key, value, kinds in (("combine", combine, get_args(Combine)), ("gather", gather, get_args(Gather))):
        if value not in kinds:
            raise part.error(key, f"expected one of {', '.join(kinds)}, got {value!r}")
    weights = part.table("weights", {})
    if (combine == "weighted") != bool(weights.names):
        raise part.error("weights", "weights go with combine = 'weighted', and only with it")
    if weights.names and set(weights.names) != {item.feature for item in taken}:
        raise part.error("weights", f"expected one weight for each of {', '.join(features)}")
    weight_of = {key: weights.number(key) for key in weights.names}
    if any(weight < 0 for weight in weight_of.values()):
        raise part.error("weights", "a weight below 0 would let damage lower the total")
    places = len({(item.site, item.side) for item in taken})
    allowed = part.number("unreadable_allowed", int(share * places))
    if allowed != int(allowed) or not 0 <= allowed < places:
        raise part.error("unreadable_allowed", f"expected a whole number from 0 to {places - 1}, got {allowed:g}")
    maximum = part.number("maximum")
    part.done()
    rule = TotalRule(name, taken, combine, gather, maximum, int(allowed), MappingProxyType(weight_of))  # type: ignore[arg-type]
    if not math.isclose(rule.reachable(), maximum, rel_tol=0, abs_tol=1e-6):
        raise part.error("maximum", f"declared {maximum:g}, but its {len(taken)} items reach {rule.reachable():g}")
    return rule


def _example(part: _Table, items: tuple[Item, ...], totals: Mapping[str, TotalRule]) -> Example:
    """Grades are given as [site, side, feature, grade]; ``rest`` fills all other items of ``regions`` (default all)."""
    known = {item.key: item for item in items}
    regions = part.texts("regions", tuple(dict.fromkeys(item.region for item in items)))
    grades: dict[ItemKey, float | None] = {}
    if "rest" in part.content:
        if part.content["rest"] == "maximum":
            part.text("rest")
            grades |= {item.key: item.maximum for item in items if item.region in regions}
        else:
            rest = part.number("rest")
            grades |= {item.key: rest for item in items if item.region in regions}
    for row in part._get("grades", list, "a list of [site, side, feature, grade]", ()):
        if not isinstance(row, list) or len(row) not in (3, 4) or (row[0], row[1] or None, row[2]) not in known:
            raise part.error("grades", f"expected [site, side, feature, grade] of an item (side '' for midline), got {row!r}")
        grades[row[0], row[1] or None, row[2]] = float(row[3]) if len(row) == 4 else None
    for key, grade in grades.items():
        if grade is not None and grade not in known[key].grades:
            raise part.error("grades", f"{known[key].label} is {grade:g}, expected {spoken_grades(known[key].grades)}")
    expected = part.table("totals", {})
    absent = part.texts("absent", ())
    for name in (*expected.names, *absent):
        if name not in totals:
            raise part.error("totals", f"unknown total {name!r}{nearest(name, totals)}")
    example = Example(
        part.text("name"),
        part.text("source"),
        MappingProxyType(grades),
        MappingProxyType({name: expected.number(name) for name in expected.names}),
        absent,
    )
    part.done()
    return example
