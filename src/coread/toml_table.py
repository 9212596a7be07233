"""TOML read as what it must be: typed access whose refusals name file and key. Systems, cards and recipes are read with it."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from coread.errors import DefinitionError, nearest


class TomlTable:
    """A TOML table whose every key must be asked for; what is missing, mistyped or unknown is a ``DefinitionError``.

    A key given with a default may be missing; ``done`` refuses keys that nobody asked for, so that a misspelt one is found.
    """

    def __init__(self, file: str, key: str, content: Mapping[str, Any]) -> None:
        self.file, self.key, self.content = file, key, content
        self.asked: set[str] = set()

    @classmethod
    def read(cls, path: Path) -> Self:
        """The top table of a file.

        Raises:
            DefinitionError: the file cannot be read or is not TOML.
        """
        try:
            return cls(path.name, "", tomllib.loads(path.read_text(encoding="utf-8")))
        except OSError as error:
            raise DefinitionError(f"{path.name}: cannot be read: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise DefinitionError(f"{path.name}: is not valid TOML: {error}") from error

    def error(self, key: str, wrong: str) -> DefinitionError:
        """The error to raise about a key: file, whole key, what is wrong."""
        where = ".".join(part for part in (self.key, key) if part)
        return DefinitionError(f"{self.file}: {where}: {wrong}")

    @property
    def names(self) -> tuple[str, ...]:
        """The keys in the order of the file."""
        return tuple(self.content)

    def done(self) -> None:
        """End of this table: a key that was not asked for is an error."""
        for key in self.content:
            if key not in self.asked:
                raise self.error(key, f"unknown key{nearest(key, sorted(self.asked))}")

    def _get(self, key: str, kind: type | tuple[type, ...], expected: str, default: Any = None) -> Any:
        self.asked.add(key)
        if key not in self.content:
            if default is None:
                raise self.error(key, f"missing, expected {expected}")
            return default
        value = self.content[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.error(key, f"expected {expected}, got {value!r}")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """A text, not empty unless a default is given."""
        value: str = self._get(key, str, "text", default)
        if default is None and not value.strip():
            raise self.error(key, "expected text, got an empty one")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """A finite number."""
        value = float(self._get(key, (int, float), "a number", default))
        if not math.isfinite(value):
            raise self.error(key, f"expected a finite number, got {value}")
        return value

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of texts, not empty unless a default is given."""
        values = self._get(key, (list, tuple), "a list of texts", default)
        if not all(isinstance(value, str) for value in values) or (default is None and not values):
            raise self.error(key, f"expected a list of texts, got {values!r}")
        return tuple(values)

    def table(self, key: str, default: Mapping[str, Any] | None = None) -> Self:
        """A table below this one."""
        return type(self)(self.file, f"{self.key}.{key}".lstrip("."), self._get(key, dict, "a table", default))

    def parts(self, key: str, required: bool = True) -> list[tuple[str, Self]]:
        """The tables below a table, with their names."""
        table = self.table(key, None if required else {})
        return [(name, table.table(name)) for name in table.names]

    def list_of_tables(self, key: str) -> list[Self]:
        """The tables ``[[key]]``, at least one."""
        values = self._get(key, list, "a list of tables")
        if not values or not all(isinstance(value, dict) for value in values):
            raise self.error(key, f"expected one or more tables [[{key}]]")
        return [type(self)(self.file, f"{key}[{number}]", value) for number, value in enumerate(values)]
