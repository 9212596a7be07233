"""JSON objects whose keys must all be known; every error names file and key."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from coread.errors import InputError, brief_text

T = TypeVar("T")


class JsonObject:
    """A JSON object of a file, at the place ``at`` in it; each getter checks the type, and remembers that its key was asked for."""

    def __init__(self, file: Path, at: str, content: Any) -> None:
        self.file, self.at, self.asked = file, at, {"schema"} if not at else set[str]()
        if not isinstance(content, dict):
            raise self.error("", f"expected an object, got {brief(content)}")
        self.content: dict[str, Any] = content

    def error(self, key: str, fault: str) -> InputError:
        """The fault at a key, as an error."""
        where = ".".join(part for part in (self.at, key) if part)
        return InputError(f"{self.file}: {where}: {fault}")

    def get(self, key: str, default: Any = None, required: bool = False) -> Any:
        """The value at a key; null is taken as absent."""
        self.asked.add(key)
        if required and self.content.get(key) is None:
            raise self.error(key, "is missing")
        found = self.content.get(key)
        return default if found is None else found

    def text(self, key: str) -> str:
        """Text that must be there."""
        value = self.get(key, required=True)
        if not isinstance(value, str):
            raise self.error(key, f"expected text, got {brief(value)}")
        return value

    def text_or_none(self, key: str) -> str | None:
        """Text, or None."""
        return None if self.get(key) is None else self.text(key)

    def number(self, key: str) -> float:
        """A finite number that must be there."""
        return self.as_number(key, self.get(key, required=True))

    def number_or_none(self, key: str) -> float | None:
        """A finite number, or None."""
        return None if self.get(key) is None else self.number(key)

    def as_number(self, key: str, value: Any) -> float:
        """The value as a finite number."""
        try:
            number = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self.error(key, f"expected a finite number, got {brief(value)}")
        return number

    def whole(self, key: str, lowest: int) -> int:
        """A whole number from ``lowest``."""
        number = self.number(key)
        if not number.is_integer() or number < lowest:
            raise self.error(key, f"expected a whole number from {lowest}, got {number:g}")
        return int(number)

    def numbers(self, key: str, length: int | None = None, value: Any = None) -> tuple[float, ...]:
        """Finite numbers, ``length`` of them where it is given; an absent key has none."""
        values = self.get(key, []) if value is None else value
        if not isinstance(values, list) or (length is not None and len(values) != length):
            raise self.error(key, f"expected {length or 'a list of'} numbers, got {brief(values)}")
        return tuple(self.as_number(f"{key}[{i}]", v) for i, v in enumerate(values))

    def one_of(self, key: str, known: tuple[str, ...]) -> Any:
        """One of the texts in ``known``."""
        value = self.text(key)
        if value not in known:
            raise self.error(key, f"expected {' or '.join(known)}, got {brief_text(value)}")
        return value

    def object(self, key: str, make: Callable[[JsonObject], T]) -> T:
        """What ``make`` makes of the object at a key."""
        return made(self.file, f"{self.at}.{key}".lstrip("."), self.get(key, required=True), make)

    def object_or_none(self, key: str, make: Callable[[JsonObject], T]) -> T | None:
        """What ``make`` makes of the object at a key, or None."""
        return None if self.get(key) is None else self.object(key, make)

    def objects(self, key: str, make: Callable[[JsonObject], T]) -> tuple[T, ...]:
        """What ``make`` makes of each object in a list; an absent key has none."""
        values = self.get(key, [])
        if not isinstance(values, list):
            raise self.error(key, f"expected a list, got {brief(values)}")
        return tuple(made(self.file, f"{self.at}.{key}[{i}]".lstrip("."), value, make) for i, value in enumerate(values))

    def named(self, key: str) -> tuple[tuple[str, Any], ...]:
        """Name and value of each entry of an object; an absent key has none."""
        values = self.get(key, {})
        if not isinstance(values, dict):
            raise self.error(key, f"expected an object, got {brief(values)}")
        return tuple(values.items())


def made(file: Path, at: str, content: Any, make: Callable[[JsonObject], T]) -> T:
    """What ``make`` makes of an object, once every key of it was asked for.

    Raises:
        InputError: ``content`` is no object, or holds a key that ``make`` did not ask for.
    """
    found = JsonObject(file, at, content)
    result = make(found)
    for key in found.content:
        if key not in found.asked:
            raise found.error(key, "unknown key")
    return result


def brief(value: Any) -> str:
    """A value as JSON for a message, cut after 40 characters."""
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
