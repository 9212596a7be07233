"""Recipes: TOML in, typed values out, errors that name file and key."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from coread.errors import DefinitionError

RECIPES = Path(__file__).parent / "recipes"
T = TypeVar("T")


def read_toml(path: Path) -> Mapping[str, Any]:
    """The tables of a recipe.

    Raises:
        DefinitionError: the file is absent or no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DefinitionError(f"{path}: not a recipe that can be read ({error})") from error


def typed(kind: type[T], table: Mapping[str, Any], where: str) -> T:
    """A dataclass filled from a table: every key known, none missing, numbers and texts as the class says.

    Raises:
        DefinitionError: a key is unknown, missing or of another type; the message names it.
    """
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    for key in table:
        if key not in known:
            raise DefinitionError(f"{where}: unknown key '{key}', expected one of {', '.join(known)}")
    values: dict[str, Any] = {}
    for name, field in known.items():
        if name not in table:
            if field.default is MISSING and field.default_factory is MISSING:
                raise DefinitionError(f"{where}: key '{name}' is missing")
            continue
        value = table[name]
        wanted = str(field.type)
        if wanted == "float" and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if wanted.startswith("tuple") and isinstance(value, list):
            value = tuple(value)
        plain = {"float": float, "int": int, "str": str, "bool": bool}.get(wanted)
        if plain is not None and (not isinstance(value, plain) or (isinstance(value, bool) and plain is not bool)):
            raise DefinitionError(f"{where}: '{name}' must be {wanted}, got {value!r}")
        values[name] = value
    return kind(**values)


@dataclass(frozen=True, slots=True)
class Training:
    """How long and how fast a network learns.

    Attributes:
        steps: updates.
        batch: inputs of one update.
        rate: highest learning rate of AdamW, reached after ``warm_up`` updates and led to 2 % of it along a cosine.
        seed: of the start weights and of every draw.
        average: weight of the past in the running mean of the weights, which is what is kept in the end.
        warm_up: updates.
        decay: weight decay of AdamW.
    """

    steps: int
    batch: int
    rate: float
    seed: int
    average: float = 0.995
    warm_up: int = 60
    decay: float = 1e-4


def build_network(name: str, options: Mapping[str, Any]) -> nn.Module:
    """The network of ``train/networks/<name>.py``.

    Raises:
        DefinitionError: there is no such file, or it does not take these options.
    """
    try:
        module = import_module(f"coread.train.networks.{name}")
    except ModuleNotFoundError as error:
        have = ", ".join(sorted(p.stem for p in (Path(__file__).parent / "networks").glob("[a-z]*.py")))
        raise DefinitionError(f"network '{name}' is unknown, there are: {have}") from error
    try:
        network = module.build(**options)
    except TypeError as error:
        raise DefinitionError(f"network '{name}' does not take these options ({error})") from error
    assert isinstance(network, nn.Module)
    return network
