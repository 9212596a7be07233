"""A reading laid out for a reader's eyes: joints, score sheet, totals, what was unreadable. The page and the PDF draw this."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from coread.reading import Finding, Reading, Total
from coread.report.palette import step_of
from coread.report.words import (
    SIDE_SOURCES,
    doubt_of,
    feature_words,
    key_of,
    place_words,
    region_words,
    said_words,
    sentence,
    signature_words,
    total_words,
    warning_words,
)
from coread.scoring import Item, ScoringSystem
from coread.study import Study

NOT_ASSESSED = "not assessed"


@dataclass(frozen=True, slots=True)
class Graded:
    """One box of the score sheet that was filled or could not be.

    ``step`` is its colour step, None where it is unreadable; ``doubt`` and ``share`` tell how sure the grade is.
    """

    finding: Finding
    feature_name: str
    grades: tuple[float, ...]
    definition: str
    step: int | None
    doubt: str
    share: float | None

    @property
    def assessed(self) -> bool:
        """False where the reader does not grade this feature at all."""
        return not (self.finding.unreadable or "").startswith(NOT_ASSESSED)

    @property
    def glyph(self) -> str:
        """What stands in the mark: the grade, or ``n`` for not readable."""
        return "n" if self.finding.grade is None else f"{self.finding.grade:g}"


@dataclass(frozen=True, slots=True)
class Joint:
    """All findings at one site of one side."""

    key: str
    title: str
    site: str
    side: str | None
    graded: tuple[Graded, ...]
    measured: tuple[tuple[str, Finding], ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """A box of the sheet: ``kind`` is ``grade``, ``unreadable``, ``empty`` (no finding) or ``none`` (not part of the score)."""

    kind: str
    graded: Graded | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A site of the sheet with one cell for each side and feature."""

    site: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A part of the body on the sheet; ``subtotals`` has one entry for each column, ``side_totals`` one for each side."""

    name: str
    rows: tuple[Row, ...]
    subtotals: tuple[Total | None, ...]
    side_totals: tuple[Total | None, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The score sheet: sides x features across, sites down, in groups of one part of the body each."""

    sides: tuple[str | None, ...]
    features: tuple[str, ...]
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything a report says, but for the pictures; ``changes`` are (place, feature, before, now) of each corrected finding."""

    reading: Reading
    system: ScoringSystem
    joints: tuple[Joint, ...]
    sheet: Sheet
    totals: tuple[tuple[str, str, Total], ...]
    headline: tuple[tuple[str, str, Total], ...]
    missing: tuple[str, ...]
    unreadable: tuple[tuple[str, str, tuple[str, ...], str], ...]
    changes: tuple[tuple[str, str, str, str], ...]
    warnings: tuple[str, ...]
    highest: dict[str, float]
    features: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    provenance: tuple[tuple[str, str], ...]


def shown(reading: Reading, system: ScoringSystem, study: Study | None) -> Shown:
    """Lay out a reading under its scoring system; the study adds its date, side and warnings."""
    items = {item.key: item for item in system.items}
    boxes = [_graded(f, items.get((f.site, f.side, f.feature)), system) for f in reading.findings if _is_graded(f, system)]
    totals = tuple((name, total_words(name, system), total) for name, total in _ordered(reading, system))
    return Shown(
        reading=reading,
        system=system,
        joints=_joints(reading, system, boxes),
        sheet=_sheet(reading, system, boxes),
        features=_features(reading, system),
        totals=totals,
        headline=_headline(totals),
        missing=_missing(reading, system),
        unreadable=_unreadable(reading, system),
        changes=tuple(
            (place_words(f.site, f.side), feature_words(f.feature, system), said_words(f.was), said_words(f))
            for f in reading.findings
            if f.was is not None
        ),
        warnings=_warnings(reading, system, study),
        highest=_highest(system, boxes),
        facts=_facts(reading, study),
        provenance=_provenance(reading, system),
    )


def _is_graded(finding: Finding, system: ScoringSystem) -> bool:
    """A grade, or an unreadable finding of a feature that is graded; not a measurement."""
    return finding.grade is not None or (finding.value is None and finding.feature in system.features)


def _graded(finding: Finding, item: Item | None, system: ScoringSystem) -> Graded:
    grades = item.grades if item else ()
    doubt, share = doubt_of(finding, grades)
    known = item is not None and finding.grade is not None and finding.grade in grades
    highest = grades[-1] if grades else finding.grade or 0.0
    return Graded(
        finding=finding,
        feature_name=feature_words(finding.feature, system),
        grades=grades,
        definition=item.grade_text(finding.grade) if item and known and finding.grade is not None else "",
        step=None if finding.grade is None else step_of(finding.grade, highest),
        doubt=doubt,
        share=share,
    )


def _highest(system: ScoringSystem, boxes: Sequence[Graded]) -> dict[str, float]:
    """The highest grade of each feature among the boxes, in the order of the system."""
    top = {
        feature: max((b.grades[-1] for b in boxes if b.finding.feature == feature and b.grades), default=0.0) for feature in system.features
    }
    return {feature: grade for feature, grade in top.items() if grade > 0}


def _joints(reading: Reading, system: ScoringSystem, boxes: Sequence[Graded]) -> tuple[Joint, ...]:
    """One entry for each place that holds any finding, in the order of the system, then of the reading."""
    places = [(site.name, site.side) for site in system.sites]
    order = dict.fromkeys(place for place in places if place in {(f.site, f.side) for f in reading.findings})
    order |= dict.fromkeys((f.site, f.side) for f in reading.findings)
    held: dict[tuple[str, str | None], tuple[list[Graded], list[tuple[str, Finding]]]] = {place: ([], []) for place in order}
    for box in boxes:
        held[box.finding.site, box.finding.side][0].append(box)
    for finding in reading.findings:
        if not _is_graded(finding, system):
            held[finding.site, finding.side][1].append((feature_words(finding.feature, system), finding))
    return tuple(
        Joint(key_of(*place), place_words(*place), place[0], place[1], tuple(graded), tuple(measured))
        for place, (graded, measured) in held.items()
    )


def _features(reading: Reading, system: ScoringSystem) -> tuple[str, ...]:
    """The features that a report draws at each joint: those of which anything was graded; where nothing was, those assessed."""
    graded = {f.feature for f in reading.findings if f.grade is not None}
    tried = graded or {f.feature for f in reading.findings if f.unreadable and not f.unreadable.startswith(NOT_ASSESSED)}
    return tuple(feature for feature in system.features if feature in tried)


def _sheet(reading: Reading, system: ScoringSystem, boxes: Sequence[Graded]) -> Sheet:
    """The system's sheet, cut down to the regions of which anything is said."""
    found: dict[tuple[str, str | None, str], Graded] = {}
    for box in boxes:
        found.setdefault((box.finding.site, box.finding.side, box.finding.feature), box)
    regions = {item.region for item in system.items if item.key in found}
    items = {item.key: item for item in system.items if item.region in regions}
    sides = tuple(side for side in ("left", "right", None) if any(key[1] == side for key in items))
    features = tuple(f for f in system.features if any(key[2] == f for key in items))
    parts: dict[str, dict[str, None]] = {}
    for item in items.values():
        part = item.region.removesuffix(f"_{item.side}") if item.side else item.region
        parts.setdefault(part, {}).setdefault(item.site)
    groups = []
    for part, sites in parts.items():
        rows = []
        for site in sites:
            cells = []
            for side in sides:
                for feature in features:
                    key = (site, side, feature)
                    if key not in items:
                        cells.append(Cell("none"))
                    elif key not in found:
                        cells.append(Cell("empty"))
                    else:
                        kind = "unreadable" if found[key].finding.grade is None else "grade"
                        cells.append(Cell(kind, found[key], key_of(site, side)))
            rows.append(Row(site, tuple(cells)))
        inside = [item for item in items.values() if item.region in (part, f"{part}_{item.side}")]
        columns = [[i for i in inside if (i.side, i.feature) == (side, feature)] for side in sides for feature in features]
        groups.append(
            Group(
                name=sentence(part.replace("_", " ")),
                rows=tuple(rows),
                subtotals=tuple(_total_over(column, reading, system) for column in columns),
                side_totals=tuple(_total_over([i for i in inside if i.side == side], reading, system) for side in sides),
            )
        )
    return Sheet(sides, features, tuple(groups))


def _total_over(items: Sequence[Item], reading: Reading, system: ScoringSystem) -> Total | None:
    """The reading's total over exactly these items, if it has one."""
    wanted = {item.key for item in items}
    names = (name for name, rule in system.totals.items() if name in reading.totals and {item.key for item in rule.items} == wanted)
    return next((reading.totals[name] for name in names), None)


def _ordered(reading: Reading, system: ScoringSystem) -> list[tuple[str, Total]]:
    """The reading's totals in the order of the system, then any others."""
    names = [name for name in system.totals if name in reading.totals]
    return [(name, reading.totals[name]) for name in dict.fromkeys((*names, *reading.totals))]


def _headline(totals: tuple[tuple[str, str, Total], ...]) -> tuple[tuple[str, str, Total], ...]:
    """The widest total first and at most three behind it that have the next largest maxima."""
    ranked = sorted(range(len(totals)), key=lambda i: (-totals[i][2].maximum, i))
    return tuple(totals[i] for i in ranked[:4])


def _missing(reading: Reading, system: ScoringSystem) -> tuple[str, ...]:
    """Why totals of imaged regions are absent, grouped by the reason; and which regions the reading does not speak of."""
    regions = {(site.name, site.side): site.region for site in system.sites}
    seen = {regions[f.site, f.side] for f in reading.findings if (f.site, f.side) in regions}
    grades = {(f.site, f.side, f.feature): f.grade for f in reading.findings}
    graded = {f.feature for f in reading.findings if f.grade is not None}
    away = [region_words(region) for region in system.regions if region not in seen]
    said: list[str] = []
    few: dict[str, list[str]] = {}
    for name, rule in system.totals.items():
        if name in reading.totals or not seen.issuperset(rule.regions):
            continue
        lacking = [feature for feature in dict.fromkeys(item.feature for item in rule.items) if feature not in graded]
        if lacking:
            said.append(f"No total with {' or '.join(feature_words(f, system) for f in lacking)}: it was not graded at any site.")
        else:
            count = len(rule.unreadable(grades))
            words = total_words(name, system)
            few.setdefault(f"{count} of {len(rule.sites)} sites lack a grade, at most {rule.unreadable_allowed} may", []).append(
                words[:1].lower() + words[1:]
            )
    said += [f"No total for {'; '.join(names)}: {why}." for why, names in few.items()]
    if away and seen:
        said.append(f"Not in this reading: {', '.join(away)}.")
    return tuple(dict.fromkeys(said))


def _warnings(reading: Reading, system: ScoringSystem, study: Study | None) -> tuple[str, ...]:
    """What a person should know, but for absent totals: why they are absent stands beside the totals."""
    said = dict.fromkeys((*(study.warnings if study else ()), *reading.warnings))
    return tuple(warning_words(text, system) for text in said if not re.match(r"\w+(, \w+)*: no total, because ", text))


def _unreadable(reading: Reading, system: ScoringSystem) -> tuple[tuple[str, str, tuple[str, ...], str], ...]:
    """(feature, reason, places, summary) of what could not be read; a feature that fails everywhere for one reason is one line.

    Reasons that differ only by a number in brackets are one reason, and a measurement that fails with its grade is not
    said again.
    """
    why = {(f.site, f.side, _bare(f.unreadable)) for f in reading.findings if f.unreadable and f.feature in system.features}
    groups: dict[tuple[str, str], list[Finding]] = {}
    count: dict[str, int] = {}
    for finding in reading.findings:
        count[finding.feature] = count.get(finding.feature, 0) + 1
        if finding.unreadable is None or (
            finding.feature not in system.features and (finding.site, finding.side, _bare(finding.unreadable)) in why
        ):
            continue
        groups.setdefault((finding.feature, _bare(finding.unreadable)), []).append(finding)
    lines = []
    for (feature, reason), found in groups.items():
        every = len(found) == count[feature]
        reasons = {f.unreadable for f in found}
        places = () if every else tuple(place_words(f.site, f.side) for f in found)
        summary = f"all {len(found)} sites" if every else f"{len(found)} of {count[feature]} sites"
        lines.append((feature_words(feature, system), str(reasons.pop()) if len(reasons) == 1 else reason, places, summary))
    return tuple(lines)


def _bare(reason: str) -> str:
    """A reason without the numbers that it gives in brackets."""
    return re.sub(r"\s*\([^()]*\d[^()]*\)", "", reason)


def _facts(reading: Reading, study: Study | None) -> tuple[tuple[str, str], ...]:
    """What the header says of the exam: the patient's id, never the name."""
    sides = tuple(side for side in ("left", "right") if any(f.side == side for f in reading.findings))
    side = " and ".join(sides) or (study.side if study and study.side else "")
    source = reading.study.side_source or (study.side_source if study else None)
    day = reading.study.timepoint_days
    found = (
        ("Patient", reading.study.patient or (study.patient if study else None) or "no id in the file"),
        ("Exam", (study.date if study else None) or ""),
        ("Day", f"{day:g} from the first exam" if day is not None else ""),
        ("Side", side + (f" ({SIDE_SOURCES.get(source, f'from {source}')})" if side and source else "")),
        (
            "Age, sex",
            ", ".join(w for w in (f"{study.age_years:g} y" if study.age_years is not None else "", study.sex or "") if w) if study else "",
        ),
    )
    return tuple((name, text) for name, text in found if text)


def _provenance(reading: Reading, system: ScoringSystem) -> tuple[tuple[str, str], ...]:
    """Where the reading comes from: versions, identifiers, hashes."""
    try:
        program = version("coread")
    except PackageNotFoundError:
        program = "not installed"
    ref = reading.reader
    lines = [
        ("Reader", f"{ref.id} ({ref.kind})" + (f", version {ref.version}" if ref.version else "")),
        ("Card sha256", ref.card_sha256 or ""),
        ("Status", signature_words(reading) or reading.status),
        ("Created", reading.created),
        ("Reading", reading.uid),
        ("Signed copy of" if reading.signature else "Corrects", reading.basis or ""),
        ("Scoring system", f"{system.name} ({system.id}), {system.version}"),
        ("Study", reading.study.uid or ""),
        ("Source", reading.study.source),
    ]
    for index, image in enumerate(reading.study.images):
        size = f", {image.columns} x {image.rows} px" if image.rows and image.columns else ""
        frame = f", frame {image.frame}" if image.frame else ""
        lines.append((f"Image {index + 1}", (image.uid or image.source) + frame + size))
    lines.append(("Page made by", f"Coread {program}"))
    return tuple((name, text) for name, text in lines if text)


def drawn_boxes(joint: Joint, view: Shown) -> tuple[Graded, ...]:
    """The boxes of a joint that a close view shows: graded, or unreadable with a place to look at."""
    return tuple(box for box in joint.graded if box.finding.feature in view.features and (box.step is not None or box.finding.evidence))
