"""Measurement groups of an SR: one for each finding (TID 1410 with an image region, else TID 1501) and one for each total (TID 1501)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from coread.errors import InputError
from coread.formats import sr_codes as c
from coread.formats import sr_items as put
from coread.formats.uids import derived_uid
from coread.reading import Evidence, Finding, Interval, Reading, Total
from coread.scoring import Code, Item, ScoringSystem, nearest

GRADE_UNIT = re.compile(r"\{(-?[\d.]+):(-?[\d.]+)\}")
NOT_ASSESSED = "not assessed"


def finding_group(reading: Reading, finding: Finding, scored: ScoringSystem, references: Sequence[bytes]) -> bytes:
    """The measurement group of a finding.

    Raises:
        InputError: the system does not know the site, the feature or the grade, or DICOM cannot hold a part of it.
    """
    site = scored.site(finding.site, finding.side)
    feature = feature_code(scored, finding.feature)
    evidence = finding.evidence
    if evidence is not None and not 0 <= evidence.image < len(references):
        raise InputError(f"{finding.label}: its evidence lies on image {evidence.image}, the study has {len(references)}")
    side = [put.coded(put.HAS_MODIFIER, c.LATERALITY, c.SIDES[finding.side])] if finding.side in c.SIDES else []
    named = finding.label if finding.instance is None else f"{finding.label} {finding.instance}"
    parts = [
        put.text(put.HAS_OBSERVATION, c.TRACKING_ID, named),
        put.uid_reference(
            put.HAS_OBSERVATION,
            c.TRACKING_UID,
            derived_uid("finding", reading.uid, finding.site, finding.side or "", finding.feature, finding.instance or ""),
        ),
        put.coded(put.CONTAINS, c.FINDING, feature),
        put.coded(put.HAS_MODIFIER, c.METHOD, scored.method),
        put.coded(put.HAS_MODIFIER, c.FINDING_SITE, site.code, side),
        *_algorithm(reading),
    ]
    if finding.instance is not None:
        parts.append(put.text(put.HAS_OBSERVATION, c.LESION, finding.instance))
    parts += _said(finding, scored, feature)
    template, profile = "1501", ()
    if evidence is not None:
        shown = list(_shown(evidence, references[evidence.image]))
        parts += shown
        template = "1410" if evidence_points(evidence) else "1501"
        profile = tuple(evidence.profile.items())
    return put.container(put.CONTAINS, c.GROUP, parts, template, profile)


def total_group(reading: Reading, name: str, total: Total, scored: ScoringSystem) -> bytes:
    """The measurement group of a named total."""
    span = f"0:{total.maximum:g}"
    properties = [
        put.number(put.HAS_PROPERTIES, c.MAXIMUM, total.maximum, c.NO_UNITS),
        put.number(put.HAS_PROPERTIES, c.SITES_UNREADABLE, total.sites_unreadable, c.SITES_UNIT),
        *_bounds(total.value, total.low, total.high, total.level, Code("UCUM", f"{{{span}}}", f"range: {span}")),
    ]
    unit = Code("UCUM", f"{{{span}}}", f"range: {span}")
    parts = [
        put.text(put.HAS_OBSERVATION, c.TRACKING_ID, f"total {name}"),
        put.uid_reference(put.HAS_OBSERVATION, c.TRACKING_UID, derived_uid("total", reading.uid, name)),
        put.coded(put.CONTAINS, c.FINDING, c.TOTAL),
        put.coded(put.HAS_MODIFIER, c.METHOD, scored.method),
        *_algorithm(reading),
        put.number(put.CONTAINS, total_code(name), total.value, unit, properties),
    ]
    return put.container(put.CONTAINS, c.GROUP, parts, "1501")


def feature_code(scored: ScoringSystem, feature: str) -> Code:
    """The code of what is graded or measured.

    Raises:
        InputError: the system has no such feature or measurement.
    """
    if feature in scored.features:
        return scored.features[feature].code
    if feature in scored.measurements:
        return scored.measurements[feature].code
    raise InputError(f"{scored.id}: unknown feature {feature!r}{nearest(feature, (*scored.features, *scored.measurements))}")


def total_code(name: str) -> Code:
    """The code of a total: its name."""
    return Code(c.OWN_SCHEME, name, f"Total score, {name.replace('_', ' ')}")


def evidence_points(evidence: Evidence) -> bool:
    """Whether the evidence has a place in its image."""
    return bool(evidence.outline_px) or evidence.box_px is not None or evidence.center_px is not None


def _algorithm(reading: Reading) -> list[bytes]:
    """TID 4019, for a model."""
    if reading.reader.kind == "person" or reading.reader.version is None:
        return []
    return [
        put.text(put.HAS_MODIFIER, c.ALGORITHM_NAME, reading.reader.id),
        put.text(put.HAS_MODIFIER, c.ALGORITHM_VERSION, reading.reader.version),
    ]


def _said(finding: Finding, scored: ScoringSystem, feature: Code) -> Iterator[bytes]:
    """The grade (a number in the range of its scale, and its code), the measurement, or why there is neither."""
    if finding.grade is not None:
        scored.check(finding.site, finding.side, finding.feature, finding.grade)
        item = scored.item(finding.site, finding.side, finding.feature)
        yield put.number(put.CONTAINS, feature, finding.grade, item.unit, _doubt(finding, finding.grade, item.unit, item))
        yield put.coded(put.CONTAINS, feature, item.grade_code(finding.grade))
    elif finding.value is not None:
        unit = Code("UCUM", finding.unit or "", finding.unit or "")
        if not unit.value or GRADE_UNIT.fullmatch(unit.value):
            raise InputError(f"{finding.label}: {finding.unit!r} is no unit of a measurement; give a UCUM unit such as mm")
        yield put.number(put.CONTAINS, feature, finding.value, unit, _doubt(finding, finding.value, unit, None))
    else:
        reason = finding.unreadable or ""
        why = c.NOT_ATTEMPTED if reason.startswith(NOT_ASSESSED) else c.VALUE_UNKNOWN
        comment = put.text(put.HAS_PROPERTIES, c.COMMENT, reason)
        yield put.coded(put.CONTAINS, feature, why, [comment, *_doubt(finding, None, c.NO_UNITS, scored_item(scored, finding))])


def scored_item(scored: ScoringSystem, finding: Finding) -> Item | None:
    """The box of the score sheet that a finding belongs to; None for a measurement."""
    return scored.item(finding.site, finding.side, finding.feature) if finding.feature in scored.features else None


def _doubt(finding: Finding, value: float | None, unit: Code, item: Item | None) -> Iterator[bytes]:
    """Interval and probabilities, as properties."""
    if finding.interval is not None:
        said: Interval = finding.interval
        if said.value != value:
            yield put.number(put.HAS_PROPERTIES, c.INTERVAL_VALUE, said.value, unit)
        yield from _bounds(value, said.low, said.high, said.level, unit)
    grades = item.grades if item is not None and len(item.grades) == len(finding.probabilities) else None
    for index, probability in enumerate(finding.probabilities):
        which = [put.coded(put.HAS_MODIFIER, c.GRADE, item.grade_code(grades[index]))] if item is not None and grades is not None else []
        yield put.number(put.HAS_PROPERTIES, c.PROBABILITY, probability, c.NO_UNITS, which)


def _bounds(value: float | None, low: float | None, high: float | None, level: float | None, unit: Code) -> Iterator[bytes]:
    """The bounds as they are, and where they enclose the value also as its uncertainty upwards and downwards (TID 310)."""
    if low is not None:
        yield put.number(put.HAS_PROPERTIES, c.INTERVAL_LOW, low, unit)
    if high is not None:
        yield put.number(put.HAS_PROPERTIES, c.INTERVAL_HIGH, high, unit)
    if level is not None:
        yield put.number(put.HAS_PROPERTIES, c.INTERVAL_LEVEL, level, c.NO_UNITS)
    if value is not None and low is not None and high is not None and low <= value <= high:
        yield put.number(put.HAS_PROPERTIES, c.UNCERTAINTY_ABOVE, high - value, unit)
        yield put.number(put.HAS_PROPERTIES, c.UNCERTAINTY_BELOW, value - low, unit)


def _shown(evidence: Evidence, reference: bytes) -> Iterator[bytes]:
    """The region of TID 1410 (outline, else box, else centre), and what else is known of the place beside it."""
    source = [put.image(put.SELECTED_FROM, c.SOURCE, reference)]
    regions: list[tuple[Code, Sequence[put.Point]]] = []
    if evidence.outline_px:
        regions.append((c.OUTLINE, evidence.outline_px))
    if evidence.box_px is not None:
        left, top, right, bottom = evidence.box_px
        regions.append((c.BOX, ((left, top), (right, top), (right, bottom), (left, bottom))))
    if evidence.center_px is not None:
        regions.append((c.CENTER, (evidence.center_px,)))
    if regions:
        yield put.coded(put.CONTAINS, c.REGION_PURPOSE, regions[0][0])
    else:
        yield put.image(put.CONTAINS, c.SOURCE_OF_MEASUREMENT, reference)
    for place, (purpose, points) in enumerate(regions):
        yield put.region(put.CONTAINS, purpose if place else c.IMAGE_REGION, points, source)
    if evidence.map is not None:
        yield put.text(put.CONTAINS, c.EVIDENCE_MAP, evidence.map)
