"""A model's card: what it reads, with which weights, on what it was trained, what was measured and what was not."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from coread.errors import CoreadError, DefinitionError, InputError
from coread.readers.image_input import ImageInput, image_input
from coread.toml_table import TomlTable

if TYPE_CHECKING:
    from coread.readers.calibration import Calibration

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
    """The whole card.

    ``parameters`` holds the plain values that the reader takes from it, ``cautions`` what every reading must say, ``training_centres``
    the centres and data sets it was trained on, spelt as the column ``centre`` of a cohort has them; empty where they are not named.
    ``calibration`` is there where this is another card, calibrated for a hospital of its own: weights and parameters are then that
    card's.
    ``input`` says what an image reader takes; other readers have none.
    """

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
    cautions: tuple[str, ...]
    path: Path
    sha256: str
    training_centres: tuple[str, ...] = ()
    calibration: Calibration | None = None
    input: ImageInput | None = None

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
    table = TomlTable.read(path)
    if "calibration" in table.names:
        return _calibrated(table, path)
    weights = {role: _weights(role, part, path.parent) for role, part in table.parts("weights")}
    parameters = table.table("parameters")
    read = Card(
        id=table.text("id"),
        version=table.text("version"),
        name=table.text("name"),
        reader=table.text("reader"),
        system=table.text("system"),
        assesses=table.texts("assesses"),
        weights=weights,
        parameters={key: parameters.number(key) for key in parameters.names},
        figures=tuple(_figure(part) for part in table.list_of_tables("figures")),
        training=table.texts("training"),
        not_tested=table.texts("not_tested"),
        cautions=table.texts("cautions", ()),
        path=path,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        training_centres=table.texts("training_centres", ()),
        input=image_input(table.table("input")) if "input" in table.names else None,
    )
    table.done()
    return read


def _calibrated(table: TomlTable, path: Path) -> Card:
    """A card that calibrates another: what it does not say itself is that card's."""
    from coread.readers.calibration import calibration_in  # loads scipy, which listing cards must not

    own = calibration_in(table.table("calibration"))
    name = path.parent / own.parent if own.parent.endswith(".toml") else own.parent
    try:
        parent = card(name)
    except CoreadError as error:
        raise DefinitionError(f"{path}: calibration.parent: {error}") from None
    if parent.calibration is not None:
        raise DefinitionError(f"{path}: calibration.parent: {parent.id} is itself a local calibration, of {parent.calibration.parent}")
    if parent.sha256 != own.parent_sha256:
        raise DefinitionError(
            f"{path}: calibration.parent_sha256: was calibrated for {parent.id} {own.parent_version} (sha256 {own.parent_sha256[:12]}…), "
            f"the card at hand is {parent.version} ({parent.sha256[:12]}…); calibrate that one with `coread calibrate`"
        )
    read = replace(
        parent,
        id=table.text("id"),
        version=table.text("version"),
        name=table.text("name"),
        figures=tuple(_figure(part) for part in table.list_of_tables("figures")),
        training=(*parent.training, *table.texts("training")),
        not_tested=(*parent.not_tested, *table.texts("not_tested")),
        cautions=(*parent.cautions, *table.texts("cautions")),
        path=path,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        training_centres=table.texts("training_centres", ()),
        calibration=own,
    )
    table.done()
    return read


def _weights(role: str, part: TomlTable, folder: Path) -> Weights:
    weights = Weights(role, folder / part.text("file"), part.text("sha256"), part.text("licence"), part.text("trained_on"))
    part.done()
    return weights


def _figure(part: TomlTable) -> Figure:
    kind = part.text("kind")
    if kind not in KINDS:
        raise part.error("kind", f"expected one of {', '.join(KINDS)}, got {kind!r}")
    given = [key for key in ("low", "high", "level") if key in part.names]
    if given and len(given) < 3:
        raise part.error(given[0], f"expected low, high and level together or none of them, got {', '.join(given)}")
    low, high, level = (part.number(key) if given else None for key in ("low", "high", "level"))
    figure = Figure(
        name=part.text("name"),
        value=part.number("value"),
        unit=part.text("unit"),
        n=int(part.number("n")),
        of=part.text("of"),
        kind=kind,
        command=part.text("command"),
        low=low,
        high=high,
        level=level,
    )
    part.done()
    return figure
