"""A model's card: what it reads, with which weights, on what it was trained, what was measured and what was not."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from coread.errors import DefinitionError, InputError

KINDS = ("real", "simulated")


@dataclass(frozen=True, slots=True)
class Weights:
    """One file of weights beside the card: its role, hash, licence, and what it was trained on."""

    role: str
    path: Path
    sha256: str
    licence: str
    trained_on: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure with its interval, its n, on real or simulated exams, and the command that gives it."""

    name: str
    value: float
    unit: str
    n: int
    of: str
    kind: str
    command: str
    low: float | None = None
    high: float | None = None
    level: float | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """The whole card; ``parameters`` holds the plain values that the reader takes from it."""

    id: str
    version: str
    name: str
    reader: str
    system: str
    assesses: tuple[str, ...]
    weights: Mapping[str, Weights]
    parameters: Mapping[str, float]
    figures: tuple[Figure, ...]
    training: tuple[str, ...]
    not_tested: tuple[str, ...]
    path: Path
    sha256: str

    def checked(self, role: str) -> Path:
        """Path of the weights with this role, after their hash was found to be the card's.

        Raises:
            DefinitionError: the card names no such weights, they are missing, or they are not those of the card.
        """
        if role not in self.weights:
            raise DefinitionError(f"{self.path}: the card names no weights for {role!r}; it has: {', '.join(self.weights)}")
        weights = self.weights[role]
        if not weights.path.is_file():
            raise DefinitionError(f"{self.path}: weights.{role}: {weights.path} is missing; install Coread again or put the file there")
        found = hashlib.sha256(weights.path.read_bytes()).hexdigest()
        if found != weights.sha256:
            raise DefinitionError(
                f"{self.path}: weights.{role}: {weights.path.name} has sha256 {found[:12]}…, the card expects {weights.sha256[:12]}…: "
                "the file was changed or belongs to another version"
            )
        return weights.path


def cards() -> tuple[str, ...]:
    """Ids of the shipped cards, from their file names alone."""
    return tuple(sorted(p.name.removesuffix(".toml") for p in files("coread").joinpath("models").iterdir() if p.name.endswith(".toml")))


def card(name: str | Path) -> Card:
    """A shipped card by its id, or any card by the path of its TOML file.

    Raises:
        InputError: there is no such card.
        DefinitionError: the card is not what a card must be; the message names file and key.
    """
    path = Path(name)
    if path.suffix != ".toml":
        if str(name) not in cards():
            raise InputError(f"no model {str(name)!r}: use one of {', '.join(cards())}, or the path of a card ending in .toml")
        path = Path(str(files("coread").joinpath("models", f"{name}.toml")))
    if not path.is_file():
        raise InputError(f"{path}: no such card; give the path of a card's .toml file, or one of {', '.join(cards())}")
    raw = path.read_bytes()
    try:
        table = tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DefinitionError(f"{path}: not a TOML file: {error}") from None
    read = _Table(table, str(path), "")
    weights = {}
    for role in read.table("weights").keys_:
        entry = read.table("weights").table(role)
        weights[role] = Weights(
            role, path.parent / entry.text("file"), entry.text("sha256"), entry.text("licence"), entry.text("trained_on")
        )
    figures = tuple(_figure(entry) for entry in read.tables("figures"))
    parameters = read.table("parameters")
    return Card(
        id=read.text("id"),
        version=read.text("version"),
        name=read.text("name"),
        reader=read.text("reader"),
        system=read.text("system"),
        assesses=read.texts("assesses"),
        weights=weights,
        parameters={key: parameters.number(key) for key in parameters.keys_},
        figures=figures,
        training=read.texts("training"),
        not_tested=read.texts("not_tested"),
        path=path,
        sha256=hashlib.sha256(raw).hexdigest(),
    )


def _figure(entry: _Table) -> Figure:
    kind = entry.text("kind")
    if kind not in KINDS:
        raise entry.wrong("kind", f"one of {', '.join(KINDS)}", kind)
    bounds = [entry.number(key) if key in entry.keys_ else None for key in ("low", "high", "level")]
    if any(b is None for b in bounds) and any(b is not None for b in bounds):
        raise entry.wrong("low", "low, high and level together or none of them", bounds)
    return Figure(
        name=entry.text("name"),
        value=entry.number("value"),
        unit=entry.text("unit"),
        n=int(entry.number("n")),
        of=entry.text("of"),
        kind=kind,
        command=entry.text("command"),
        low=bounds[0],
        high=bounds[1],
        level=bounds[2],
    )


class _Table:
    """Typed access to a TOML table; each refusal names file and key."""

    def __init__(self, values: Mapping[str, Any], path: str, prefix: str) -> None:
        self.values, self.path, self.prefix = values, path, prefix
        self.keys_ = tuple(values)

    def wrong(self, key: str, wanted: str, came: object) -> DefinitionError:
        return DefinitionError(f"{self.path}: {self.prefix}{key}: expected {wanted}, got {came!r}")

    def _get(self, key: str, wanted: str) -> Any:
        if key not in self.values:
            raise DefinitionError(f"{self.path}: {self.prefix}{key} is missing: expected {wanted}")
        return self.values[key]

    def text(self, key: str) -> str:
        value = self._get(key, "a text")
        if not isinstance(value, str) or not value:
            raise self.wrong(key, "a text", value)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._get(key, "a list of texts")
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise self.wrong(key, "a list of texts", value)
        return tuple(value)

    def number(self, key: str) -> float:
        value = self._get(key, "a number")
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.wrong(key, "a number", value)
        return float(value)

    def table(self, key: str) -> _Table:
        value = self._get(key, "a table")
        if not isinstance(value, dict):
            raise self.wrong(key, "a table", value)
        return _Table(value, self.path, f"{self.prefix}{key}.")

    def tables(self, key: str) -> tuple[_Table, ...]:
        value = self._get(key, "a list of tables")
        if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
            raise self.wrong(key, "a list of tables", value)
        return tuple(_Table(v, self.path, f"{self.prefix}{key}[{i}].") for i, v in enumerate(value))
