"""What a plain image cannot say of itself, in a TOML file beside it.

``hand.toml`` beside ``hand.png`` speaks of that one image; ``study.toml`` speaks of all plain images of its folder, or of those it lists,
and makes them one study. Every key is optional, every key is typed, and a key that does not exist is an error with the nearest name.
"""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, cast

from coread.errors import InputError

SidecarSide = Literal["left", "right", "both"]
STUDY_NAME = "study.toml"


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What a sidecar states about one image and its study; None where it does not say.

    Attributes:
        path: the sidecar file, for messages.
        patient: patient's id.
        timepoint_days: days from the patient's first exam.
        date: day of the exam, ISO 8601.
        age_years: age at the exam.
        sex: ``F``, ``M`` or ``O``.
        group: images of one folder with the same group are one study.
        side: side imaged; ``both`` where both are on the image.
        spacing_mm: distance between pixel centres (down, right).
        view: such as ``PA``.
        body_part: such as ``HAND``.
    """

    path: Path
    patient: str | None = None
    timepoint_days: float | None = None
    date: str | None = None
    age_years: float | None = None
    sex: str | None = None
    group: str | None = None
    side: SidecarSide | None = None
    spacing_mm: tuple[float, float] | None = None
    view: str | None = None
    body_part: str | None = None


@dataclass(frozen=True, slots=True)
class StudySidecar:
    """A ``study.toml``: what holds for the whole study, and the images that it lists (None: all of its folder)."""

    study: Sidecar
    images: Mapping[str, Sidecar] | None


def read_sidecar(path: Path) -> Sidecar:
    """Reads the sidecar of one image.

    Raises:
        InputError: not readable, not TOML, an unknown key or a value of the wrong type; the message names file and key.
    """
    return Sidecar(path, **_values(path, _load(path), STUDY_KEYS | IMAGE_KEYS, ""))


def read_study_sidecar(path: Path) -> StudySidecar:
    """Reads a ``study.toml``: study keys, image keys that hold for all, and ``[[image]]`` tables with ``file`` and image keys.

    Raises:
        InputError: as `read_sidecar`; also for an image listed twice, without ``file``, or that is not there.
    """
    table = _load(path)
    listed = table.pop("image", None)
    common = _values(path, table, (STUDY_KEYS | IMAGE_KEYS) - {"group"}, "", also=("image",))
    if listed is None:
        return StudySidecar(Sidecar(path, **common), None)
    if not isinstance(listed, list) or not listed or not all(isinstance(entry, dict) for entry in listed):
        raise InputError(f'{path}: image must be written as [[image]] tables, each with a file, such as file = "left.png"')
    images: dict[str, Sidecar] = {}
    for number, entry in enumerate(cast("list[dict[str, Any]]", listed), 1):
        where = f"image {number}: "
        name = entry.pop("file", None)
        if not isinstance(name, str) or not name:
            raise InputError(f'{path}: {where}the key file is missing; name an image in the same folder, such as file = "left.png"')
        if name in images:
            raise InputError(f"{path}: {where}{name} is listed twice; keep one of the two")
        if Path(name).name != name or not (path.parent / name).is_file():
            raise InputError(f"{path}: {where}{name} is not a file in {path.parent}; file names an image beside the sidecar")
        images[name] = Sidecar(path, **{**common, **_values(path, entry, IMAGE_KEYS, where, also=("file",))})
    return StudySidecar(Sidecar(path, **common), images)


def merge(whole: Sidecar, own: Sidecar | None) -> Sidecar:
    """What a study's sidecar says, overruled by an image's own.

    Raises:
        InputError: the two name different patients.
    """
    if own is None:
        return whole
    if whole.patient is not None and own.patient is not None and whole.patient != own.patient:
        raise InputError(f"{own.path}: patient differs from the one in {whole.path}; one study has one patient")
    keys = sorted(STUDY_KEYS | IMAGE_KEYS)
    said = {key: getattr(own, key) if getattr(own, key) is not None else getattr(whole, key) for key in keys}
    return Sidecar(own.path, **said)


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: the sidecar cannot be read ({error.strerror}); check its permissions") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: the sidecar is not UTF-8 text; save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: the sidecar is not valid TOML ({str(error).rstrip('.')}); correct that place") from error


def _values(path: Path, table: Mapping[str, Any], allowed: frozenset[str], where: str, also: tuple[str, ...] = ()) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for key, value in table.items():
        if key not in allowed:
            names = sorted(allowed | set(also))
            near = difflib.get_close_matches(key.lower(), names, 1, 0.5)
            hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(names)}"
            raise InputError(f"{path}: {where}unknown key {key}; {hint}")
        try:
            said[key] = KEYS[key](value)
        except ValueError as error:
            raise InputError(f"{path}: {where}{key} must be {error}, got {value!r}") from None
    return said


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a text that is not empty")
    return value.strip()


def _identifier(value: object) -> str:
    """DICOM's long string: 64 characters at most, no backslash or control character; so that it can travel on."""
    if not isinstance(value, str) or not value.strip() or len(value.strip()) > 64 or "\\" in value or not value.isprintable():
        raise ValueError("a text of 1 to 64 printable characters without backslash")
    return value.strip()


def _number(low: float, high: float, wanted: str) -> Callable[[object], float]:
    def parse(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not low <= value <= high:
            raise ValueError(wanted)
        return float(value)

    return parse


def _spacing(value: object) -> tuple[float, float]:
    wanted = "a number of mm between 0.001 and 10, or two of them (down, right)"
    one = _number(0.001, 10, wanted)
    if isinstance(value, list):
        if len(value) != 2:
            raise ValueError(wanted)
        return one(value[0]), one(value[1])
    return one(value), one(value)


def _choice(*words: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return value

    return parse


def _day(value: object) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        try:
            return date.fromisoformat(value.strip()).isoformat()
        except ValueError:
            pass
    raise ValueError("a date such as 2024-03-31")


KEYS: Mapping[str, Callable[[object], object]] = {
    "patient": _identifier,
    "timepoint_days": _number(0, 100_000, "a number of days that is not negative"),
    "date": _day,
    "age_years": _number(0, 130, "a number of years between 0 and 130"),
    "sex": _choice("F", "M", "O"),
    "group": _text,
    "side": _choice("left", "right", "both"),
    "spacing_mm": _spacing,
    "view": _text,
    "body_part": _text,
}
IMAGE_KEYS = frozenset({"side", "spacing_mm", "view", "body_part"})
STUDY_KEYS = frozenset(KEYS) - IMAGE_KEYS
