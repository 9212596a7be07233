"""``reading.json``: everything that a reading holds, in the published form ``coread.reading/1`` (``reading.schema.json``)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn, TypeVar, get_args

from coread.errors import InputError
from coread.reading import Evidence, Finding, ImageRef, Interval, ReaderKind, ReaderRef, Reading, Status, StudyRef, Total
from coread.scoring import system

SCHEMA = "coread.reading/1"
SCHEMA_FILE = Path(__file__).with_name("reading.schema.json")
T = TypeVar("T")


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
        content = json.loads(source.read_bytes().decode("utf-8-sig"), parse_constant=_no_constant)
    except OSError as error:
        raise InputError(f"{source}: cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{source}: is not valid JSON: {error}") from None
    if not isinstance(content, dict) or "schema" not in content:
        raise InputError(f"{source}: is no reading of Coread: it has no key 'schema'")
    if content["schema"] != SCHEMA:
        raise InputError(f"{source}: schema: expected {SCHEMA}, got {content['schema']!r}")
    return _reading_in(_Object(source, "", content))


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
    interval, evidence = finding.interval, finding.evidence
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
        },
        "unreadable": finding.unreadable,
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


class _Object:
    """A JSON object whose keys must all be known; its errors name file and key."""

    def __init__(self, file: Path, at: str, content: Any) -> None:
        self.file, self.at, self.asked = file, at, {"schema"} if not at else set[str]()
        if not isinstance(content, dict):
            raise self.error("", f"expected an object, got {_brief(content)}")
        self.content: dict[str, Any] = content

    def error(self, key: str, fault: str) -> InputError:
        where = ".".join(part for part in (self.at, key) if part)
        return InputError(f"{self.file}: {where}: {fault}")

    def get(self, key: str, default: Any = None, required: bool = False) -> Any:
        self.asked.add(key)
        if required and self.content.get(key) is None:
            raise self.error(key, "is missing")
        found = self.content.get(key)
        return default if found is None else found

    def text(self, key: str) -> str:
        value = self.get(key, required=True)
        if not isinstance(value, str):
            raise self.error(key, f"expected text, got {_brief(value)}")
        return value

    def text_or_none(self, key: str) -> str | None:
        return None if self.get(key) is None else self.text(key)

    def number(self, key: str) -> float:
        return self.as_number(key, self.get(key, required=True))

    def number_or_none(self, key: str) -> float | None:
        return None if self.get(key) is None else self.number(key)

    def as_number(self, key: str, value: Any) -> float:
        try:
            number = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self.error(key, f"expected a finite number, got {_brief(value)}")
        return number

    def whole(self, key: str, lowest: int) -> int:
        number = self.number(key)
        if not number.is_integer() or number < lowest:
            raise self.error(key, f"expected a whole number from {lowest}, got {number:g}")
        return int(number)

    def numbers(self, key: str, length: int | None = None, value: Any = None) -> tuple[float, ...]:
        values = self.get(key, []) if value is None else value
        if not isinstance(values, list) or (length is not None and len(values) != length):
            raise self.error(key, f"expected {length or 'a list of'} numbers, got {_brief(values)}")
        return tuple(self.as_number(f"{key}[{i}]", v) for i, v in enumerate(values))

    def one_of(self, key: str, known: tuple[str, ...]) -> Any:
        value = self.text(key)
        if value not in known:
            raise self.error(key, f"expected {' or '.join(known)}, got {value!r}")
        return value

    def object(self, key: str, make: Callable[[_Object], T]) -> T:
        return _made(self.file, f"{self.at}.{key}".lstrip("."), self.get(key, required=True), make)

    def object_or_none(self, key: str, make: Callable[[_Object], T]) -> T | None:
        return None if self.get(key) is None else self.object(key, make)

    def objects(self, key: str, make: Callable[[_Object], T]) -> tuple[T, ...]:
        values = self.get(key, [])
        if not isinstance(values, list):
            raise self.error(key, f"expected a list, got {_brief(values)}")
        return tuple(_made(self.file, f"{self.at}.{key}[{i}]".lstrip("."), value, make) for i, value in enumerate(values))

    def named(self, key: str) -> tuple[tuple[str, Any], ...]:
        values = self.get(key, {})
        if not isinstance(values, dict):
            raise self.error(key, f"expected an object, got {_brief(values)}")
        return tuple(values.items())


def _made(file: Path, at: str, content: Any, make: Callable[[_Object], T]) -> T:
    """What ``make`` makes of an object, once every key of it was asked for."""
    found = _Object(file, at, content)
    result = make(found)
    for key in found.content:
        if key not in found.asked:
            raise found.error(key, "unknown key")
    return result


def _brief(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _reading_in(top: _Object) -> Reading:
    def make(o: _Object) -> Reading:
        warnings = o.get("warnings", [])
        if not isinstance(warnings, list) or not all(isinstance(w, str) for w in warnings):
            raise o.error("warnings", "expected a list of texts")
        totals = {
            name: _made(o.file, f"totals.{name}", value, lambda t: Total(
                t.number("value"), t.number("maximum"), t.number_or_none("low"), t.number_or_none("high"),
                t.number_or_none("level"), t.whole("sites_unreadable", 0),
            ))
            for name, value in o.named("totals")
        }  # fmt: skip
        return Reading(
            uid=o.text("uid"),
            reader=o.object("reader", _reader_in),
            system=o.text("system"),
            study=o.object("study", _study_in),
            findings=o.objects("findings", _finding_in),
            totals=totals,
            created=o.text("created"),
            status=o.one_of("status", get_args(Status)),
            basis=o.text_or_none("basis"),
            read=o.whole("read", 1),
            warnings=tuple(warnings),
        )

    reading = _made(top.file, "", top.content, make)
    _check_against_system(top.file, reading)
    return reading


def _reader_in(o: _Object) -> ReaderRef:
    return ReaderRef(o.one_of("kind", get_args(ReaderKind)), o.text("id"), o.text_or_none("version"), o.text_or_none("card_sha256"))


def _study_in(o: _Object) -> StudyRef:
    return StudyRef(
        source=o.text("source"),
        uid=o.text_or_none("uid"),
        patient=o.text_or_none("patient"),
        timepoint_days=o.number_or_none("timepoint"),
        side_source=o.text_or_none("side_source"),
        images=o.objects("images", _image_in),
    )


def _image_in(o: _Object) -> ImageRef:
    frame, rows, columns = (None if o.get(key) is None else o.whole(key, 1) for key in ("frame", "rows", "columns"))
    return ImageRef(o.text("source"), o.text_or_none("uid"), o.text_or_none("sop_class"), frame, rows, columns)


def _finding_in(o: _Object) -> Finding:
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
    }
    try:
        return Finding(**parts)
    except ValueError as error:
        raise o.error("", str(error)) from None


def _interval_in(o: _Object) -> Interval:
    return Interval(o.number("value"), o.number_or_none("low"), o.number_or_none("high"), o.number_or_none("level"))


def _evidence_in(o: _Object) -> Evidence:
    corners = o.get("outline_px", [])
    if not isinstance(corners, list):
        raise o.error("outline_px", f"expected a list of corners, got {_brief(corners)}")
    center, box = (None if o.get(key) is None else o.numbers(key, length) for key, length in (("center_px", 2), ("box_px", 4)))
    return Evidence(
        image=o.whole("image", 0),
        center_px=center,  # type: ignore[arg-type]
        box_px=box,  # type: ignore[arg-type]
        outline_px=tuple(o.numbers(f"outline_px[{i}]", 2, corner) for i, corner in enumerate(corners)),  # type: ignore[misc]
        profile=_profile_in(o),
        map=o.text_or_none("map"),
    )


def _profile_in(o: _Object) -> Mapping[str, tuple[float, ...]]:
    """Numbers by name; null stands for what could not be measured, NaN in memory."""
    profile = {}
    for name, values in o.named("profile"):
        if not isinstance(values, list):
            raise o.error(f"profile.{name}", f"expected a list of numbers, got {_brief(values)}")
        profile[name] = tuple(math.nan if v is None else o.as_number(f"profile.{name}[{i}]", v) for i, v in enumerate(values))
    return MappingProxyType(profile)


def _check_against_system(file: Path, reading: Reading) -> None:
    """Sites, features, grades and totals as the scoring system knows them."""
    try:
        by = system(reading.system)
        for finding in reading.findings:
            if finding.feature in by.measurements:
                by.site(finding.site, finding.side)
                if finding.grade is not None:
                    raise InputError(f"{finding.label} is measured, not graded; give a value with its unit")
            elif finding.value is not None:
                raise InputError(
                    f"{finding.label} is no measurement of {by.id}; its measurements are {', '.join(by.measurements) or 'none'}"
                )
            elif finding.grade is not None:
                by.check(finding.site, finding.side, finding.feature, finding.grade)
            else:
                by.item(finding.site, finding.side, finding.feature)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    unknown = [name for name in reading.totals if name not in by.totals]
    if unknown:
        raise InputError(f"{file}: totals.{unknown[0]}: {by.id} has no such total; its totals are {', '.join(by.totals)}")
    for finding in reading.findings:
        if finding.probabilities and (min(finding.probabilities) < 0 or abs(sum(finding.probabilities) - 1) > 1e-3):
            raise InputError(f"{file}: {finding.label}: probabilities {list(finding.probabilities)} must lie in 0..1 and sum to 1")
    for name, total in reading.totals.items():
        low, high = (total.value if bound is None else bound for bound in (total.low, total.high))
        if total.maximum != by.totals[name].maximum or not 0 <= low <= total.value <= high <= total.maximum:
            raise InputError(
                f"{file}: totals.{name}: {total.value:g} ({low:g} to {high:g}) of {total.maximum:g} cannot be, "
                f"this total of {by.id} goes from 0 to {by.totals[name].maximum:g}"
            )
