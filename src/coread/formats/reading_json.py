"""``reading.json``: everything that a reading holds, in the published form ``coread.reading/2`` (``reading.schema.json``).

Version 2 added ``evidence.lesions_px``, ``was`` and ``signature``. A program refuses keys that it does not know, so each new key is a new
version; files of version 1 open as before.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn, get_args

from coread.errors import InputError, brief_text
from coread.formats.json_object import JsonObject, brief, made
from coread.reading import Before, Evidence, Finding, ImageRef, Interval, ReaderKind, ReaderRef, Reading, Signature, Status, StudyRef, Total
from coread.reading_check import check_reading
from coread.reading_signature import digest

SCHEMA, FIRST_SCHEMA = "coread.reading/2", "coread.reading/1"
DIGITS_AT_MOST = 400
SCHEMA_FILE = Path(__file__).with_name("reading.schema.json")


def write_json(reading: Reading, path: str | Path) -> Path:
    """Write a reading; read back it is equal to what was written.

    Raises:
        InputError: the file cannot be written, or the reading holds a number that is not finite (only profiles may).
    """
    target = Path(path)
    try:
        text = _lines(_reading_out(reading))
    except ValueError:
        raise InputError(f"{target}: not written: the reading of {reading.study.source} holds a number that is not finite") from None
    try:
        target.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror or error}") from None
    return target


def read_json(path: str | Path) -> Reading:
    """The reading in a ``reading.json``.

    Raises:
        InputError: the file is no JSON, no reading, of another schema version, or says what its scoring system does not
            know; the message names the file and the key.
    """
    source = Path(path)
    try:
        content = json.loads(source.read_bytes().decode("utf-8-sig"), parse_constant=_no_constant, parse_int=_whole)
    except OSError as error:
        raise InputError(f"{source}: cannot be read: {error.strerror or error}") from None
    except RecursionError:
        raise InputError(f"{source}: is not valid JSON: it is nested too deep") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{source}: is not valid JSON: {error}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{source}: is not valid JSON: byte {error.start + 1} is not UTF-8 text") from None
    except ValueError as error:
        raise InputError(f"{source}: is not valid JSON: {error}") from None
    _refuse_half_characters(source, content)
    if not isinstance(content, dict) or "schema" not in content:
        raise InputError(f"{source}: is no reading of Coread: it has no key 'schema'")
    if content["schema"] not in (SCHEMA, FIRST_SCHEMA):
        raise InputError(f"{source}: schema: expected {SCHEMA} or {FIRST_SCHEMA}, got {brief_text(content['schema'])}")
    return _reading_in(JsonObject(source, "", content))


def _refuse_half_characters(source: Path, content: Any) -> None:
    """JSON can spell half a character, such as ``\\ud800``, which no text file, page or SR can hold."""
    try:
        json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = ascii(error.object[error.start : error.start + 1])
        raise InputError(f"{source}: holds {half}, which is half a character and no text") from None
    except RecursionError:
        raise InputError(f"{source}: is not valid JSON: it is nested too deep") from None


def _whole(text: str) -> int:
    if len(text) > DIGITS_AT_MOST:
        raise ValueError(f"{text[:20]}... is a number of {len(text)} digits")
    return int(text)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


# --- out


def _reading_out(reading: Reading) -> dict[str, Any]:
    who, study = reading.reader, reading.study
    return {
        "schema": SCHEMA,
        "uid": reading.uid,
        "status": reading.status,
        "basis": reading.basis,
        "created": reading.created,
        "reader": {"kind": who.kind, "id": who.id, "version": who.version, "card_sha256": who.card_sha256},
        "system": reading.system,
        "read": reading.read,
        "study": {
            "source": study.source,
            "uid": study.uid,
            "patient": study.patient,
            "timepoint": _number_out(study.timepoint_days),
            "side_source": study.side_source,
            "images": [_image_out(image) for image in study.images],
        },
        "findings": [_finding_out(finding) for finding in reading.findings],
        "totals": {
            name: {
                "value": _number_out(total.value),
                "maximum": _number_out(total.maximum),
                "low": _number_out(total.low),
                "high": _number_out(total.high),
                "level": _number_out(total.level),
                "sites_unreadable": int(total.sites_unreadable),
            }
            for name, total in reading.totals.items()
        },
        "warnings": list(reading.warnings),
        "signature": reading.signature and {name: getattr(reading.signature, name) for name in ("by", "at", "sha256")},
    }


def _lines(content: Mapping[str, Any]) -> str:
    """JSON with a line for each key and, inside a list of findings and the table of totals, for each entry."""

    def dumped(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)

    lines = []
    for key, value in content.items():
        if key == "findings" and value:
            text = "[\n  " + ",\n  ".join(map(dumped, value)) + "\n ]"
        elif key == "totals" and value:
            text = "{\n  " + ",\n  ".join(f"{dumped(name)}: {dumped(total)}" for name, total in value.items()) + "\n }"
        else:
            text = dumped(value)
        lines.append(f" {dumped(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}"


def _image_out(image: ImageRef) -> dict[str, Any]:
    return {name: getattr(image, name) for name in ("source", "uid", "sop_class", "frame", "rows", "columns")}


def _finding_out(finding: Finding) -> dict[str, Any]:
    interval, evidence, was = finding.interval, finding.evidence, finding.was
    return {
        "site": finding.site,
        "side": finding.side,
        "feature": finding.feature,
        "instance": finding.instance,
        "grade": _number_out(finding.grade),
        "value": _number_out(finding.value),
        "unit": finding.unit,
        "probabilities": _numbers_out(finding.probabilities),
        "interval": interval and {name: _number_out(getattr(interval, name)) for name in ("value", "low", "high", "level")},
        "evidence": evidence
        and {
            "image": int(evidence.image),
            "center_px": _numbers_out(evidence.center_px),
            "box_px": _numbers_out(evidence.box_px),
            "outline_px": [_numbers_out(corner) for corner in evidence.outline_px],
            "profile": {
                name: [None if math.isnan(number) else float(number) for number in numbers] for name, numbers in evidence.profile.items()
            },
            "map": evidence.map,
            "lesions_px": [[_numbers_out(corner) for corner in outline] for outline in evidence.lesions_px],
        },
        "unreadable": finding.unreadable,
        "was": was and {"grade": _number_out(was.grade), "value": _number_out(was.value), "unit": was.unit, "unreadable": was.unreadable},
    }


def _number_out(value: float | None) -> float | None:
    """A plain number; whole ones without a decimal point, as a person writes grades."""
    if value is None:
        return None
    number = float(value)
    return int(number) if number.is_integer() else number


def _numbers_out(values: tuple[float, ...] | None) -> list[float] | None:
    return None if values is None else [float(value) for value in values]


# --- in


def _reading_in(top: JsonObject) -> Reading:
    def make(o: JsonObject) -> Reading:
        warnings = o.get("warnings", [])
        if not isinstance(warnings, list) or not all(isinstance(w, str) for w in warnings):
            raise o.error("warnings", "expected a list of texts")
        totals = {
            name: made(o.file, f"totals.{name}", value, lambda t: Total(
                t.number("value"), t.number("maximum"), t.number_or_none("low"), t.number_or_none("high"),
                t.number_or_none("level"), t.whole("sites_unreadable", 0),
            ))
            for name, value in o.named("totals")
        }  # fmt: skip
        parts: dict[str, Any] = {
            "uid": o.text("uid"),
            "reader": o.object("reader", _reader_in),
            "system": o.text("system"),
            "study": o.object("study", _study_in),
            "findings": o.objects("findings", _finding_in),
            "totals": totals,
            "created": o.text("created"),
            "status": o.one_of("status", get_args(Status)),
            "basis": o.text_or_none("basis"),
            "read": o.whole("read", 1),
            "warnings": tuple(warnings),
            "signature": o.object_or_none("signature", lambda s: Signature(s.text("by"), s.text("at"), s.text("sha256"))),
        }
        return _reading(o, parts, top.content["schema"] == FIRST_SCHEMA)

    reading = made(top.file, "", top.content, make)
    try:
        check_reading(reading)
    except InputError as error:
        raise InputError(f"{top.file}: {error}") from None
    return reading


def _reading(o: JsonObject, parts: dict[str, Any], first_schema: bool) -> Reading:
    if first_schema and parts["status"] == "signed" and parts["reader"].kind == "person":
        # The first version held no signature: a signed reading of a person was signed by its reader when it was made.
        unsigned = Reading(**parts | {"status": "unverified"})
        by, at = unsigned.reader.id, unsigned.created
        return replace(unsigned, status="signed", signature=Signature(by, at, digest(unsigned, by, at)))
    try:
        return Reading(**parts)
    except ValueError as error:
        raise o.error("status", str(error)) from None


def _reader_in(o: JsonObject) -> ReaderRef:
    return ReaderRef(o.one_of("kind", get_args(ReaderKind)), o.text("id"), o.text_or_none("version"), o.text_or_none("card_sha256"))


def _study_in(o: JsonObject) -> StudyRef:
    return StudyRef(
        source=o.text("source"),
        uid=o.text_or_none("uid"),
        patient=o.text_or_none("patient"),
        timepoint_days=o.number_or_none("timepoint"),
        side_source=o.text_or_none("side_source"),
        images=o.objects("images", _image_in),
    )


def _image_in(o: JsonObject) -> ImageRef:
    frame, rows, columns = (None if o.get(key) is None else o.whole(key, 1) for key in ("frame", "rows", "columns"))
    return ImageRef(o.text("source"), o.text_or_none("uid"), o.text_or_none("sop_class"), frame, rows, columns)


def _finding_in(o: JsonObject) -> Finding:
    parts: dict[str, Any] = {
        "site": o.text("site"),
        "side": None if o.get("side") is None else o.one_of("side", ("left", "right")),
        "feature": o.text("feature"),
        "grade": o.number_or_none("grade"),
        "value": o.number_or_none("value"),
        "unit": o.text_or_none("unit"),
        "probabilities": o.numbers("probabilities"),
        "interval": o.object_or_none("interval", _interval_in),
        "evidence": o.object_or_none("evidence", _evidence_in),
        "unreadable": o.text_or_none("unreadable"),
        "instance": o.text_or_none("instance"),
        "was": o.object_or_none("was", _before_in),
    }
    try:
        return Finding(**parts)
    except ValueError as error:
        raise o.error("", str(error)) from None


def _before_in(o: JsonObject) -> Before:
    return Before(o.number_or_none("grade"), o.number_or_none("value"), o.text_or_none("unit"), o.text_or_none("unreadable"))


def _interval_in(o: JsonObject) -> Interval:
    return Interval(o.number("value"), o.number_or_none("low"), o.number_or_none("high"), o.number_or_none("level"))


def _evidence_in(o: JsonObject) -> Evidence:
    lesions = o.get("lesions_px", [])
    if not isinstance(lesions, list):
        raise o.error("lesions_px", f"expected a list of outlines, got {brief(lesions)}")
    center, box = (None if o.get(key) is None else o.numbers(key, length) for key, length in (("center_px", 2), ("box_px", 4)))
    return Evidence(
        image=o.whole("image", 0),
        center_px=center,  # type: ignore[arg-type]
        box_px=box,  # type: ignore[arg-type]
        outline_px=_corners_in(o, "outline_px", o.get("outline_px", [])),
        profile=_profile_in(o),
        map=o.text_or_none("map"),
        lesions_px=tuple(_corners_in(o, f"lesions_px[{i}]", outline, at_least=3) for i, outline in enumerate(lesions)),
    )


def _corners_in(o: JsonObject, key: str, corners: Any, at_least: int = 0) -> tuple[tuple[float, float], ...]:
    if not isinstance(corners, list) or len(corners) < at_least:
        raise o.error(key, f"expected a list of {f'{at_least} or more ' if at_least else ''}corners, got {brief(corners)}")
    return tuple(o.numbers(f"{key}[{i}]", 2, corner) for i, corner in enumerate(corners))  # type: ignore[misc]


def _profile_in(o: JsonObject) -> Mapping[str, tuple[float, ...]]:
    """Numbers by name; null stands for what could not be measured, NaN in memory."""
    profile = {}
    for name, values in o.named("profile"):
        if not isinstance(values, list):
            raise o.error(f"profile.{name}", f"expected a list of numbers, got {brief(values)}")
        profile[name] = tuple(math.nan if v is None else o.as_number(f"profile.{name}[{i}]", v) for i, v in enumerate(values))
    return MappingProxyType(profile)
