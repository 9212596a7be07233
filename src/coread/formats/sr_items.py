"""Content items of an SR as bytes, in Explicit VR Little Endian.

A report of a hundred findings holds two thousand content items, of which most differ in one number. As pydicom objects, or as highdicom's
templates, they cost seconds to build and copy; as bytes, whose coded parts are encoded once and kept, milliseconds. Only the
content tree is written here, the rest of the object is pydicom's; pydicom, highdicom, dcmtk, dicom3tools and Orthanc read it in the tests.

Each function gives one whole content item (PS3.3 C.17.3) with its children inside.
"""

from __future__ import annotations

import math
import struct
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache

from coread.errors import InputError
from coread.scoring import Code

CONTAINS = "CONTAINS"
HAS_PROPERTIES = "HAS PROPERTIES"
HAS_MODIFIER = "HAS CONCEPT MOD"
HAS_OBSERVATION = "HAS OBS CONTEXT"
HAS_ACQUISITION = "HAS ACQ CONTEXT"
SELECTED_FROM = "SELECTED FROM"

PRIVATE_CREATOR = "COREAD SR"
PRIVATE_GROUP = 0x0071
EXACT_COORDINATES, PROFILE_NAME, PROFILE_VALUES = 0x01, 0x10, 0x20  # last byte of the private elements; a profile takes one of each pair
PROFILES_AT_MOST = 16

SHORT_CODE, LONG_TEXT, LONG_STRING = 16, 64, 64
LONG_VRS = frozenset({"SQ", "UT", "UC"})
DS_CHARACTERS = 16
FARTHEST_PX = 10**7

Point = tuple[float, float]


def element(group: int, number: int, vr: str, value: bytes) -> bytes:
    """One data element; the value is padded to even length as its VR wants it."""
    if len(value) % 2:
        value += b"\0" if vr in ("UI", "OB") else b" "
    tag = struct.pack("<HH", group, number) + vr.encode("ascii")
    if vr in LONG_VRS:
        return tag + struct.pack("<HI", 0, len(value)) + value
    if len(value) > 0xFFFF:
        raise InputError(
            f"an SR cannot hold the {len(value)} bytes of element ({group:04X},{number:04X}); the finding's profile or outline is too long"
        )
    return tag + struct.pack("<H", len(value)) + value


def sequence(group: int, number: int, items: Iterable[bytes]) -> bytes:
    """One sequence of items of known length."""
    return element(group, number, "SQ", b"".join(b"\xfe\xff\x00\xe0" + struct.pack("<I", len(item)) + item for item in items))


@cache
def code_fields(code: Code) -> bytes:
    """The fields of a coded concept; a value longer than 16 characters goes into Long Code Value."""
    if not code.value or not code.meaning or not code.scheme:
        raise InputError(f"the code {code} lacks a part; a coded concept has a scheme, a value and a meaning")
    scheme = element(0x0008, 0x0102, "SH", code.scheme.encode())
    meaning = element(0x0008, 0x0104, "LO", code.meaning[:LONG_STRING].encode())
    if len(code.value) <= SHORT_CODE:
        return element(0x0008, 0x0100, "SH", code.value.encode()) + scheme + meaning
    return scheme + meaning + element(0x0008, 0x0119, "UC", code.value.encode())


@cache
def _head(relation: str | None, kind: str, name: Code | None) -> bytes:
    head = b"" if relation is None else element(0x0040, 0xA010, "CS", relation.encode())
    head += element(0x0040, 0xA040, "CS", kind.encode())
    return head if name is None else head + sequence(0x0040, 0xA043, (code_fields(name),))


def _children(items: Iterable[bytes]) -> bytes:
    body = [item for item in items if item]
    return sequence(0x0040, 0xA730, body) if body else b""


def _private(parts: Sequence[tuple[int, str, bytes]]) -> bytes:
    if not parts:
        return b""
    creator = element(PRIVATE_GROUP, 0x0010, "LO", PRIVATE_CREATOR.encode())
    return creator + b"".join(element(PRIVATE_GROUP, 0x1000 | last, vr, value) for last, vr, value in parts)


def decimal_string(value: float) -> str:
    """The number in at most 16 characters (VR DS), exact where they suffice.

    Raises:
        InputError: not a finite number.
    """
    number = float(value)
    if not math.isfinite(number):
        raise InputError(f"an SR cannot hold the number {value}; a finding that has none is unreadable with its reason")
    text = repr(number).removesuffix(".0")
    digits = 16
    while len(text) > DS_CHARACTERS:
        digits -= 1
        text = f"{number:.{digits}g}"
    return text


@cache
def _units(unit: Code) -> bytes:
    return sequence(0x0040, 0x08EA, (code_fields(unit),))


def text(relation: str, name: Code, value: str, children: Iterable[bytes] = ()) -> bytes:
    """TEXT; blanks at its end are no part of it (VR UT).

    Raises:
        InputError: there is no text, or it holds characters that DICOM does not.
    """
    if not value.strip():
        raise InputError(f"an SR cannot hold an empty text as {name.meaning!r}; say it, or leave it out")
    if any(unicodedata.category(character) in ("Cc", "Cs") and character not in "\t\n\r\f" for character in value):
        raise InputError(f"an SR cannot hold the control characters in {value!r}; take them out")
    return _head(relation, "TEXT", name) + element(0x0040, 0xA160, "UT", value.encode()) + _children(children)


def number(relation: str, name: Code, value: float, unit: Code, children: Iterable[bytes] = ()) -> bytes:
    """NUM: a decimal string of 16 characters for all readers, and beside it the exact double (Floating Point Value)."""
    short = decimal_string(value)
    measured = _units(unit) + element(0x0040, 0xA161, "FD", struct.pack("<d", value)) + element(0x0040, 0xA30A, "DS", short.encode())
    return _head(relation, "NUM", name) + sequence(0x0040, 0xA300, (measured,)) + _children(children)


def coded(relation: str, name: Code, value: Code, children: Iterable[bytes] = ()) -> bytes:
    """CODE."""
    return _head(relation, "CODE", name) + sequence(0x0040, 0xA168, (code_fields(value),)) + _children(children)


def uid_reference(relation: str, name: Code, uid: str) -> bytes:
    """UIDREF."""
    return _head(relation, "UIDREF", name) + element(0x0040, 0xA124, "UI", uid.encode("ascii"))


def person(relation: str, name: Code, person_name: str) -> bytes:
    """PNAME."""
    return _head(relation, "PNAME", name) + element(0x0040, 0xA123, "PN", person_name.encode())


def day(relation: str, name: Code, date: str) -> bytes:
    """DATE, from eight digits."""
    return _head(relation, "DATE", name) + element(0x0040, 0xA121, "DA", date.encode("ascii"))


def image(relation: str, name: Code, reference: bytes, children: Iterable[bytes] = ()) -> bytes:
    """IMAGE; ``reference`` comes from ``image_reference``."""
    return reference + _head(relation, "IMAGE", name) + _children(children)


def image_reference(sop_class: str, uid: str, frame: int | None) -> bytes:
    """What an IMAGE item refers to."""
    fields = element(0x0008, 0x1150, "UI", sop_class.encode("ascii")) + element(0x0008, 0x1155, "UI", uid.encode("ascii"))
    if frame is not None:
        fields += element(0x0008, 0x1160, "IS", str(frame).encode("ascii"))
    return sequence(0x0008, 0x1199, (fields,))


def region(relation: str, name: Code, points: Sequence[Point], children: Iterable[bytes]) -> bytes:
    """SCOORD of our points, (column, row) with the first pixel's centre at (0, 0): one point, or a line that closes from three on.

    DICOM's coordinates (PS3.3 C.18.6) have (0, 0) at the top left corner of that pixel and its centre at (0.5, 0.5), and are single
    precision; the exact doubles go into a private element beside them, as they are in ours.
    """
    drawn = [*points, points[0]] if len(points) > 2 else list(points)
    flat = [coordinate for point in drawn for coordinate in point]
    exact = [coordinate for point in points for coordinate in point]
    for coordinate in exact:
        if not abs(coordinate) < FARTHEST_PX:
            raise InputError(f"an SR cannot hold the coordinate {coordinate}; a place in an image is less than {FARTHEST_PX} pixels away")
    graphic = "POINT" if len(points) == 1 else "POLYLINE"
    return (
        _head(relation, "SCOORD", name)
        + _children(children)
        + element(0x0070, 0x0022, "FL", struct.pack(f"<{len(flat)}f", *(coordinate + 0.5 for coordinate in flat)))
        + element(0x0070, 0x0023, "CS", graphic.encode())
        + _private([(EXACT_COORDINATES, "FD", struct.pack(f"<{len(exact)}d", *exact))])
    )


def container(
    relation: str | None,
    name: Code,
    children: Iterable[bytes],
    template: str | None = None,
    profile: Iterable[tuple[str, Sequence[float]]] = (),
) -> bytes:
    """CONTAINER after a template of PS3.16; ``profile`` goes into private elements, for it has no place in an SR."""
    body = _head(relation, "CONTAINER", name) + element(0x0040, 0xA050, "CS", b"SEPARATE")
    if template is not None:
        fields = element(0x0008, 0x0105, "CS", b"DCMR") + element(0x0040, 0xDB00, "CS", template.encode())
        body += sequence(0x0040, 0xA504, (fields,))
    return body + _children(children) + _private(_profile_parts(profile))


def _profile_parts(profile: Iterable[tuple[str, Sequence[float]]]) -> list[tuple[int, str, bytes]]:
    names, values = [], []
    for place, (key, numbers) in enumerate(profile):
        if place >= PROFILES_AT_MOST:
            raise InputError(f"an SR holds at most {PROFILES_AT_MOST} profiles of a finding; write fewer")
        names.append((PROFILE_NAME + place, "UT", key.encode()))
        values.append((PROFILE_VALUES + place, "FD", struct.pack(f"<{len(numbers)}d", *numbers)))
    return names + values
