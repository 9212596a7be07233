"""Measurement groups of an SR: one for each finding (TID 1410 with an image region, else TID 1501) and one for each total (TID 1501)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from coread.errors import InputError, nearest
from coread.formats import sr_codes as c
from coread.formats import sr_items as put
from coread.formats.uids import derived_uid
from coread.reading import Before, Evidence, Finding, Interval, Reading, Total
from coread.scoring import Code, Item, ScoringSystem

GRADE_UNIT = re.compile(r"\{(-?[\d.]+):(-?[\d.]+)\}")
NOT_ASSESSED = "not assessed"


class Groups:
    """Measurement groups of one reading; what all of them share is encoded once.

    Args:
        reading: the reading.
        scored: its scoring system.
        references: for each image of the study, what ``sr_items.image_reference`` gives.
    """

    def __init__(self, reading: Reading, scored: ScoringSystem, references: Sequence[bytes]) -> None:
        self.reading, self.scored, self.references = reading, scored, references
        self.sites = {(site.name, site.side): site.code for site in scored.sites}
        self.method = put.coded(put.HAS_MODIFIER, c.METHOD, scored.method)
        self.algorithm = _algorithm(reading)

    def finding(self, finding: Finding) -> bytes:
        """The measurement group of a finding.

        Raises:
            InputError: the system does not know the site, the feature or the grade, or DICOM cannot hold a part of it.
        """
        place = self.sites.get((finding.site, finding.side)) or self.scored.site(finding.site, finding.side).code
        feature = feature_code(self.scored, finding.feature)
        side = [put.coded(put.HAS_MODIFIER, c.LATERALITY, c.SIDES[finding.side])] if finding.side in c.SIDES else []
        named = finding.label if finding.instance is None else f"{finding.label} {finding.instance}"
        parts = [
            put.text(put.HAS_OBSERVATION, c.TRACKING_ID, named),
            put.uid_reference(put.HAS_OBSERVATION, c.TRACKING_UID, tracking_uid(self.reading, finding)),
            put.coded(put.CONTAINS, c.FINDING, feature),
            self.method,
            put.coded(put.HAS_MODIFIER, c.FINDING_SITE, place, side),
            *self.algorithm,
        ]
        if finding.instance is not None:
            parts.append(put.text(put.HAS_OBSERVATION, c.LESION, finding.instance))
        parts += _said(finding, self.scored, feature)
        if finding.was is not None:
            parts.append(_was(finding, finding.was, self.scored))
        evidence = finding.evidence
        if evidence is None:
            return put.container(put.CONTAINS, c.GROUP, parts, "1501")
        if not 0 <= evidence.image < len(self.references):
            raise InputError(f"{finding.label}: its evidence lies on image {evidence.image}, the study has {len(self.references)}")
        regions = _regions(evidence)
        parts += _shown(evidence, regions, self.references[evidence.image])
        return put.container(put.CONTAINS, c.GROUP, parts, "1410" if regions else "1501", evidence.profile.items())

    def total(self, name: str, total: Total) -> bytes:
        """The measurement group of a named total."""
        span = f"0:{total.maximum:g}"
        unit = Code("UCUM", f"{{{span}}}", f"range: {span}")
        properties = [
            put.number(put.HAS_PROPERTIES, c.MAXIMUM, total.maximum, c.NO_UNITS),
            put.number(put.HAS_PROPERTIES, c.SITES_UNREADABLE, total.sites_unreadable, c.SITES_UNIT),
            *_bounds(total.value, total.low, total.high, total.level, unit),
        ]
        parts = [
            put.text(put.HAS_OBSERVATION, c.TRACKING_ID, f"total {name}"),
            put.uid_reference(put.HAS_OBSERVATION, c.TRACKING_UID, derived_uid("total", self.reading.uid, name)),
            put.coded(put.CONTAINS, c.FINDING, c.TOTAL),
            self.method,
            *self.algorithm,
            put.number(put.CONTAINS, total_code(name), total.value, unit, properties),
        ]
        return put.container(put.CONTAINS, c.GROUP, parts, "1501")


def tracking_uid(reading: Reading, finding: Finding) -> str:
    """The Tracking Unique Identifier of a finding, the same in the SR and the SEG of a reading."""
    return derived_uid("finding", reading.uid, finding.site, finding.side or "", finding.feature, finding.instance or "")


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
        yield put.coded(put.CONTAINS, feature, why, [comment, *_doubt(finding, None, c.NO_UNITS, _item(scored, finding))])


def _was(finding: Finding, was: Before, scored: ScoringSystem) -> bytes:
    """What a corrected finding said before: a number, the reason why there was none, or that there was no such finding."""
    if was.grade is not None:
        return put.number(put.CONTAINS, c.WAS, was.grade, scored.item(finding.site, finding.side, finding.feature).unit)
    if was.value is not None:
        return put.number(put.CONTAINS, c.WAS, was.value, Code("UCUM", was.unit or "", was.unit or ""))
    if was.unreadable is not None:
        return put.text(put.CONTAINS, c.WAS, was.unreadable)
    return put.coded(put.CONTAINS, c.WAS, c.NO_FINDING)


def _item(scored: ScoringSystem, finding: Finding) -> Item | None:
    """The box of the score sheet that a finding belongs to; None for a measurement."""
    return scored.item(finding.site, finding.side, finding.feature) if finding.feature in scored.features else None


def _doubt(finding: Finding, value: float | None, unit: Code, item: Item | None) -> Iterator[bytes]:
    """Interval and probabilities, as properties."""
    if finding.interval is not None:
        said: Interval = finding.interval
        if said.value != value or (said.low, said.high, said.level) == (None, None, None):
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


def _regions(evidence: Evidence) -> list[tuple[Code, Sequence[put.Point]]]:
    """What is known of the place, the most telling first: outline, box, centre."""
    regions: list[tuple[Code, Sequence[put.Point]]] = []
    if evidence.outline_px:
        regions.append((c.OUTLINE, evidence.outline_px))
    if evidence.box_px is not None:
        left, top, right, bottom = evidence.box_px
        regions.append((c.BOX, ((left, top), (right, top), (right, bottom), (left, bottom))))
    if evidence.center_px is not None:
        regions.append((c.CENTER, (evidence.center_px,)))
    return regions


def _shown(evidence: Evidence, regions: Sequence[tuple[Code, Sequence[put.Point]]], reference: bytes) -> Iterator[bytes]:
    """The one region of TID 1410 with its purpose, and what else is known of the place beside it; without any, the image."""
    source = [put.image(put.SELECTED_FROM, c.SOURCE, reference)]
    if regions:
        yield put.coded(put.CONTAINS, c.REGION_PURPOSE, regions[0][0])
    else:
        yield put.image(put.CONTAINS, c.SOURCE_OF_MEASUREMENT, reference)
    for place, (purpose, points) in enumerate(regions):
        yield put.region(put.CONTAINS, purpose if place else c.IMAGE_REGION, points, source)
    for outline in evidence.lesions_px:
        yield put.region(put.CONTAINS, c.LESION_OUTLINE, outline, source)
    if evidence.map is not None:
        yield put.text(put.CONTAINS, c.EVIDENCE_MAP, evidence.map)
