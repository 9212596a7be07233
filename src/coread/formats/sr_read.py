"""A Reading from a DICOM SR that ``write_sr`` wrote."""

from __future__ import annotations

import math
import struct
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import ComprehensiveSRStorage

from coread.errors import InputError
from coread.formats import sr_codes as c
from coread.formats import sr_items as put
from coread.formats.sr_decode import CONTENT, CutShortError, Decoder, Fields, content_items, text_decoder
from coread.formats.sr_groups import GRADE_UNIT
from coread.formats.sr_signature import verified_at
from coread.reading import Before, Evidence, Finding, ImageRef, Interval, ReaderKind, ReaderRef, Reading, Signature, StudyRef, Total
from coread.reading_check import check_reading
from coread.reading_signature import digest
from coread.scoring import Code, Feature, Measurement, ScoringSystem, system, systems

Concept = tuple[str, str]
DAMAGED = (AttributeError, LookupError, TypeError, ValueError, EOFError, ArithmeticError, RuntimeError, struct.error)
CODE_VALUE, CODE_SCHEME, LONG_CODE_VALUE = 0x00080100, 0x00080102, 0x00080119
REFERENCED, REFERENCED_CLASS, REFERENCED_UID, REFERENCED_FRAME = 0x00081199, 0x00081150, 0x00081155, 0x00081160
RELATION, VALUE_TYPE, NAME, CONCEPT_CODE = 0x0040A010, 0x0040A040, 0x0040A043, 0x0040A168
TEXT, PERSON_NAME = 0x0040A160, 0x0040A123
MEASURED, UNITS, EXACT, DECIMAL = 0x0040A300, 0x004008EA, 0x0040A161, 0x0040A30A
COORDINATES = 0x00700022
DECIMAL_ROUNDS = 1e-6
"""Relative difference that the sixteen characters of a decimal string may make."""
SIDE_OF = {(code.scheme, code.value): side for side, code in c.SIDES.items()}


class _NotOursError(Exception):
    """The content tree lacks something that ``write_sr`` always writes; the message says what."""


class _Item:
    """A content item: name, value type and relation, which are asked for often, its children, and its value by its type."""

    __slots__ = ("children", "decode", "fields", "kind", "name", "relation")

    def __init__(self, fields: Fields, decode: Decoder) -> None:
        self.fields, self.decode = fields, decode
        self.name = self.concept(NAME) if NAME in fields else None
        self.kind, self.relation = self.string(VALUE_TYPE), self.string(RELATION)
        self.children = tuple(_Item(child, decode) for child in _sequence(fields, CONTENT))

    def string(self, tag: int) -> str:
        return _string(self.fields, tag, self.decode)

    def concept(self, tag: int, fields: Fields | None = None) -> Concept:
        codes = _sequence(self.fields if fields is None else fields, tag)
        if not codes:
            raise _NotOursError(f"has a {self.kind or 'content'} item without its code")
        value = CODE_VALUE if CODE_VALUE in codes[0] else LONG_CODE_VALUE
        return _string(codes[0], CODE_SCHEME, self.decode), _string(codes[0], value, self.decode)

    def all(self, code: Code, kind: str, relation: str | None = None) -> Iterator[_Item]:
        wanted = (code.scheme, code.value)
        for child in self.children:
            if child.kind == kind and child.name == wanted and relation in (None, child.relation):
                yield child

    def one(self, code: Code, kind: str, relation: str | None = None) -> _Item:
        found = next(self.all(code, kind, relation), None)
        if found is None:
            raise _NotOursError(f"has no {kind} {code.meaning!r}")
        return found

    def text(self, code: Code) -> str | None:
        found = next(self.all(code, "TEXT"), None)
        return None if found is None else found.string(TEXT)

    def number(self, code: Code) -> float | None:
        found = next(self.all(code, "NUM"), None)
        return None if found is None else found.value

    @property
    def measured(self) -> Fields:
        values = _sequence(self.fields, MEASURED)
        if not values:
            raise _NotOursError("has a number without value")
        return values[0]

    @property
    def value(self) -> float:
        exact = self.measured.get(EXACT)
        said = _string(self.measured, DECIMAL, self.decode)
        try:
            decimal = float(said)
        except ValueError:
            raise _NotOursError(f"has a number {said[:40]!r}, which is none") from None
        if not isinstance(exact, bytes) or len(exact) != 8:
            return decimal
        number = float(struct.unpack("<d", exact)[0])
        if not math.isfinite(number) or not math.isclose(number, decimal, rel_tol=DECIMAL_ROUNDS, abs_tol=DECIMAL_ROUNDS):
            raise _NotOursError(f"has a number that is {decimal:g} as text and {number:g} as floating point value")
        return number

    @property
    def unit(self) -> str:
        return self.concept(UNITS, self.measured)[1]

    @property
    def coded(self) -> Concept:
        return self.concept(CONCEPT_CODE)

    def private(self, last: int) -> bytes | None:
        """The bytes of one of our private elements, in whichever block they were put (PS3.5 7.8.1)."""
        for block in range(0x10, 0x100):
            creator = self.fields.get(put.PRIVATE_GROUP << 16 | block)
            if creator is None:
                return None
            if isinstance(creator, bytes) and creator.rstrip(b" \0") == put.PRIVATE_CREATOR.encode():
                value = self.fields.get(put.PRIVATE_GROUP << 16 | block << 8 | last)
                return value if isinstance(value, bytes) else None
        return None


def _sequence(fields: Fields, tag: int) -> list[Fields]:
    items = fields.get(tag)
    return items if isinstance(items, list) else []


def _string(fields: Fields, tag: int, decode: Decoder) -> str:
    value = fields.get(tag)
    return decode(value) if isinstance(value, bytes) else ""


def _numbers(value: bytes | None, letter: str) -> tuple[float, ...]:
    """The numbers of an element of VR FL (letter f) or FD (letter d)."""
    if value is None:
        return ()
    return struct.unpack(f"<{len(value) // struct.calcsize(letter)}{letter}", value)


def read_sr(path: str | Path) -> Reading:
    """The reading in a DICOM SR that Coread wrote, exactly as it was.

    Raises:
        InputError: no DICOM file, cut short, no Comprehensive SR, or an SR that is not a Coread reading.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, about values that are not as they should be
        return _opened(Path(path))


def _opened(where: Path) -> Reading:
    try:
        ds = dcmread(where, stop_before_pixels=True)
        sop_class = ds.get("SOPClassUID")
        if sop_class != ComprehensiveSRStorage:
            raise _NotOursError(f"is {getattr(sop_class, 'name', None) or 'of no SOP class'}")
        found = _reading(ds)
    except InvalidDicomError:
        raise InputError(f"{where}: is no DICOM file; expected an SR that Coread wrote") from None
    except _NotOursError as error:
        raise InputError(f"{where}: is no Coread reading, expected a Comprehensive SR that Coread wrote: it {error}") from None
    except CutShortError as error:
        raise InputError(f"{where}: is cut short, {error}; get the file again") from None
    except OSError as error:
        raise InputError(f"{where}: cannot be read: {error.strerror or 'it is cut short'}") from None
    except DAMAGED:
        raise InputError(f"{where}: is damaged or cut short; get the file again") from None
    try:
        check_reading(found)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    return found


def _reading(ds: Dataset) -> Reading:
    template = (ds.get("ContentTemplateSequence") or [Dataset()])[0].get("TemplateIdentifier")
    if template != "1500":
        raise _NotOursError(f"follows template {template or 'none'}, expected TID 1500")
    lacking = [keyword for keyword in ("SOPInstanceUID", "StudyInstanceUID") if not ds.get(keyword)]
    if lacking:
        raise _NotOursError(f"has no {lacking[0]}")
    root = _Item({CONTENT: content_items(ds)}, text_decoder(ds))
    scored = _system(root)
    library = root.one(c.LIBRARY, "CONTAINER")
    images = tuple(_image(entry) for group in library.all(c.LIBRARY_GROUP, "CONTAINER") for entry in group.all(c.SOURCE, "IMAGE"))
    places = {(ref.uid, ref.frame): index for index, ref in enumerate(images)}
    groups = list(root.one(c.MEASUREMENTS, "CONTAINER").all(c.GROUP, "CONTAINER"))
    total = (c.TOTAL.scheme, c.TOTAL.value)
    kinds = [group.one(c.FINDING, "CODE").coded for group in groups]
    codes = _Codes(scored)
    created = root.text(c.CREATED)
    if created is None:
        raise _NotOursError("does not say when it was made")
    repeat = root.number(c.REPEAT)
    predecessors = ds.get("PredecessorDocumentsSequence")
    found = Reading(
        uid=str(ds.SOPInstanceUID),
        reader=_reader(root),
        system=scored.id,
        study=StudyRef(
            source=root.text(c.STUDY_SOURCE) or "",
            uid=str(ds.StudyInstanceUID),
            patient=str(ds.PatientID) if ds.get("PatientID") else None,
            timepoint_days=root.number(c.TIME_OFFSET),
            side_source=root.text(c.SIDE_SOURCE),
            images=images,
        ),
        findings=tuple(_finding(group, codes, places) for group, kind in zip(groups, kinds, strict=True) if kind != total),
        totals=dict(_total(group) for group, kind in zip(groups, kinds, strict=True) if kind == total),
        created=created,
        basis=str(predecessors[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID) if predecessors else None,
        read=1 if repeat is None else int(repeat),
        warnings=tuple(item.string(TEXT) for item in root.all(c.WARNING, "TEXT")),
    )
    return found if ds.get("VerificationFlag") != "VERIFIED" else replace(found, status="signed", signature=_signature(ds, root, found))


def _signature(ds: Dataset, root: _Item, unsigned: Reading) -> Signature:
    """Ours as it was written; of a report that another program verified, its verifying observer, over what it holds now."""
    by, at, sha256 = (root.text(code) for code in (c.SIGNED_BY, c.SIGNED_AT, c.SIGNED_SHA256))
    if by is not None and at is not None and sha256 is not None:
        return Signature(by, at, sha256)
    verified = ds.get("VerifyingObserverSequence")
    if not verified:
        raise _NotOursError("is verified, but does not say by whom")
    moment = verified_at(str(verified[0].get("VerificationDateTime") or "")) or unsigned.created
    by = str(verified[0].get("VerifyingObserverName") or "unnamed")
    return Signature(by, moment, digest(unsigned, by, moment))


def _system(root: _Item) -> ScoringSystem:
    method = root.one(c.METHOD, "CODE").coded
    likely = sorted(systems(), key=lambda id: id != method[1].lower())
    for scored in map(system, likely):
        if (scored.method.scheme, scored.method.value) == method:
            return scored
    raise _NotOursError(f"is scored by {method[0]} {method[1]}, which is none of {', '.join(systems())}")


class _Codes:
    """What the codes of a scoring system stand for."""

    def __init__(self, scored: ScoringSystem) -> None:
        self.sites = {(site.code.scheme, site.code.value, site.side): site.name for site in scored.sites}
        kinds: list[Feature | Measurement] = [*scored.features.values(), *scored.measurements.values()]
        self.features = {(kind.code.scheme, kind.code.value): kind.key for kind in kinds}

    def site(self, concept: Concept, side: str | None) -> str:
        try:
            return self.sites[(*concept, side)]
        except KeyError:
            raise _NotOursError(
                f"has a finding at {concept[0]} {concept[1]}, side {side}, which its scoring system does not have"
            ) from None

    def feature(self, concept: Concept) -> str:
        try:
            return self.features[concept]
        except KeyError:
            raise _NotOursError(f"has a finding {concept[0]} {concept[1]}, which its scoring system does not have") from None


def _reader(root: _Item) -> ReaderRef:
    kind: ReaderKind = "model"
    if root.one(c.OBSERVER_TYPE, "CODE").coded == (c.PERSON.scheme, c.PERSON.value):
        kind = "person"
        name = root.text(c.PERSON_LOGIN) or root.one(c.PERSON_NAME, "PNAME").string(PERSON_NAME)
    else:
        kind = "panel" if any(root.all(c.READER_KIND, "CODE")) else "model"
        name = root.one(c.DEVICE_NAME, "TEXT").string(TEXT)
    return ReaderRef(kind=kind, id=name, version=root.text(c.ALGORITHM_VERSION), card_sha256=root.text(c.DEVICE_SERIAL))


def _reference(item: _Item) -> tuple[str, str, int | None]:
    said = _sequence(item.fields, REFERENCED)
    if not said:
        raise _NotOursError("has an image item without reference")
    frame = _string(said[0], REFERENCED_FRAME, item.decode)
    return (
        _string(said[0], REFERENCED_CLASS, item.decode),
        _string(said[0], REFERENCED_UID, item.decode),
        int(frame) if frame else None,
    )


def _image(entry: _Item) -> ImageRef:
    sop_class, uid, frame = _reference(entry)
    rows, columns = entry.number(c.ROWS), entry.number(c.COLUMNS)
    return ImageRef(
        source=entry.text(c.IMAGE_SOURCE) or "",
        uid=uid,
        sop_class=sop_class,
        frame=frame,
        rows=None if rows is None else int(rows),
        columns=None if columns is None else int(columns),
    )


def _total(group: _Item) -> tuple[str, Total]:
    found = next((item for item in group.children if item.kind == "NUM"), None)
    if found is None or found.name is None:
        raise _NotOursError("has a total without number")
    maximum = found.number(c.MAXIMUM)
    if maximum is None:
        raise _NotOursError(f"does not say how high the total {found.name[1]} can be")
    total = Total(
        value=found.value,
        maximum=maximum,
        low=found.number(c.INTERVAL_LOW),
        high=found.number(c.INTERVAL_HIGH),
        level=found.number(c.INTERVAL_LEVEL),
        sites_unreadable=int(found.number(c.SITES_UNREADABLE) or 0),
    )
    return found.name[1], total


def _finding(group: _Item, codes: _Codes, places: dict[tuple[str | None, int | None], int]) -> Finding:
    at = group.one(c.FINDING_SITE, "CODE")
    lateral = next(at.all(c.LATERALITY, "CODE"), None)
    side = None if lateral is None else SIDE_OF.get(lateral.coded)
    kind = group.one(c.FINDING, "CODE").coded
    feature = Code(kind[0], kind[1], "finding")
    said = next(group.all(feature, "NUM", put.CONTAINS), None)
    reason = None
    if said is None:
        said = group.one(feature, "CODE", put.CONTAINS)
        reason = said.text(c.COMMENT)
        if reason is None:
            raise _NotOursError("has a finding with neither a number nor the reason why there is none")
        value, unit, graded = None, None, False
    else:
        value, unit = said.value, said.unit
        graded = GRADE_UNIT.fullmatch(unit) is not None
    return Finding(
        site=codes.site(at.coded, side),
        side=side,
        feature=codes.feature(kind),
        grade=value if graded else None,
        value=None if graded else value,
        unit=None if graded else unit,
        probabilities=tuple(item.value for item in said.all(c.PROBABILITY, "NUM")),
        interval=_interval(said, value),
        evidence=_evidence(group, places),
        unreadable=reason,
        instance=group.text(c.LESION),
        was=_was(group),
    )


def _was(group: _Item) -> Before | None:
    number = next(group.all(c.WAS, "NUM"), None)
    if number is not None:
        graded = GRADE_UNIT.fullmatch(number.unit) is not None
        return Before(grade=number.value) if graded else Before(value=number.value, unit=number.unit)
    reason = group.text(c.WAS)
    if reason is not None:
        return Before(unreadable=reason)
    return Before() if any(group.all(c.WAS, "CODE")) else None


def _interval(said: _Item, value: float | None) -> Interval | None:
    own = said.number(c.INTERVAL_VALUE)
    low, high, level = (said.number(code) for code in (c.INTERVAL_LOW, c.INTERVAL_HIGH, c.INTERVAL_LEVEL))
    center = value if own is None else own
    if center is None or (own is None and low is None and high is None and level is None):
        return None
    return Interval(center, low, high, level)


def _evidence(group: _Item, places: dict[tuple[str | None, int | None], int]) -> Evidence | None:
    purpose = next(group.all(c.REGION_PURPOSE, "CODE"), None)
    regions: dict[Concept, _Item] = {}
    lesions: list[_Item] = []
    for item in group.children:
        if item.kind == "SCOORD" and item.name is not None:
            first = item.name == (c.IMAGE_REGION.scheme, c.IMAGE_REGION.value)
            if item.name == (c.LESION_OUTLINE.scheme, c.LESION_OUTLINE.value):
                lesions.append(item)
                continue
            regions[purpose.coded if first and purpose is not None else item.name] = item
    pictures = [picture for item in (*regions.values(), *lesions) for picture in item.all(c.SOURCE, "IMAGE")]
    pictures += group.all(c.SOURCE_OF_MEASUREMENT, "IMAGE")
    if not pictures:
        return None
    _, uid, frame = _reference(pictures[0])
    if (uid, frame) not in places:
        raise _NotOursError(f"refers to image {uid}, which its image library does not hold")
    outline, box, center = (_points(regions.get((code.scheme, code.value))) for code in (c.OUTLINE, c.BOX, c.CENTER))
    return Evidence(
        image=places[(uid, frame)],
        center_px=center[0] if center else None,
        box_px=(*box[0], *box[2]) if box else None,
        outline_px=outline,
        profile=_profile(group),
        map=group.text(c.EVIDENCE_MAP),
        lesions_px=tuple(_points(item) for item in lesions),
    )


def _points(item: _Item | None) -> tuple[put.Point, ...]:
    """Our points of a region; exact where the private doubles agree with the public coordinates, as far as those go."""
    if item is None:
        return ()
    public = item.fields.get(COORDINATES)
    flat = _numbers(public if isinstance(public, bytes) else None, "f")
    drawn = list(zip(flat[::2], flat[1::2], strict=True))
    if len(drawn) > 3 and drawn[0] == drawn[-1]:
        drawn.pop()
    kept = _numbers(item.private(put.EXACT_COORDINATES), "d")
    single = struct.unpack(f"<{len(kept)}f", struct.pack(f"<{len(kept)}f", *(number + 0.5 for number in kept)))
    if single == tuple(number for point in drawn for number in point):
        return tuple(zip(kept[::2], kept[1::2], strict=True))
    return tuple((column - 0.5, row - 0.5) for column, row in drawn)


def _profile(group: _Item) -> dict[str, tuple[float, ...]]:
    profile = {}
    for place in range(put.PROFILES_AT_MOST):
        name = group.private(put.PROFILE_NAME + place)
        if name is None:
            break
        profile[name.decode("utf-8").rstrip("\0 ")] = _numbers(group.private(put.PROFILE_VALUES + place), "d")
    return profile
