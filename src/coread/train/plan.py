"""The plan of a training: a recipe with every value filled in, in plain TOML that a person may change.

A recipe leaves out what should follow from the cohort (size of the input, epochs, batch); the plan has it all, and either can be given to
`coread train`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from coread.errors import DefinitionError, InputError, nearest
from coread.train.augment import Augmentation
from coread.train.cases import TEST
from coread.train.fingerprint import Fingerprint
from coread.train.grade_losses import LOSSES
from coread.train.recipe import RECIPES, read_toml, typed
from coread.vision.prepare import Preparation

AREA_PX = 20_000
LEAST_PX, MOST_PX = 64, 224
IMAGES_SEEN = 60_000


@dataclass(frozen=True, slots=True)
class Task:
    """What is graded: a feature at a site of a scoring system, in images of these DICOM modalities; whose grades, empty for everyone's.

    ``locate`` names how the place is found: ``whole`` takes the whole image, another name a finder of ``readers/image_places.py``, which
    only the reader uses: the cohort holds images as the finder cuts them.
    """

    system: str
    feature: str
    site: str
    modalities: tuple[str, ...]
    reference: str = ""
    locate: str = "whole"


@dataclass(frozen=True, slots=True)
class Shape:
    """The network's input; see `Preparation`. Rows and columns of 0 follow from the cohort."""

    rows: int = 0
    columns: int = 0
    fit: str = "pad"
    border: float = 0.0
    low: float = 0.5
    high: float = 99.5


@dataclass(frozen=True, slots=True)
class Learning:
    """How the network learns.

    Attributes:
        loss: nominal, soft, coral or corn.
        epochs: times that every image is seen; 0 follows from the cohort.
        batch: images of one update; 0 follows from the cohort.
        rate: highest learning rate.
        seed: of start weights, draws and split.
        average: weight of the past in the running mean of the weights.
        decay: weight decay.
        dropout: share of features left out.
        class_weight: power of the inverse frequency that weighs a grade: 0 all images alike, 1 all grades alike.
        mixup: parameter of the beta distribution of mixed images; 0 mixes none.
        patience: epochs without a lower validation error after which the training stops; 0 never.
    """

    loss: str
    epochs: int = 0
    batch: int = 0
    rate: float = 2e-3
    seed: int = 1
    average: float = 0.99
    decay: float = 1e-3
    dropout: float = 0.2
    class_weight: float = 0.5
    mixup: float = 0.2
    patience: int = 0


@dataclass(frozen=True, slots=True)
class Parts:
    """Shares of the patients (test aside) that are held out to stop the training and to calibrate."""

    validation: float = 0.15
    calibration: float = 0.2


@dataclass(frozen=True, slots=True)
class Doubt:
    """Level of the sets of grades, and the share of held-out images that the out-of-scope check lets pass."""

    level: float = 0.9
    scope: float = 0.98


@dataclass(frozen=True, slots=True)
class NetworkChoice:
    """A file of ``train/networks`` and its options; ``init`` a file of weights to start from, relative to the recipe."""

    name: str = "residual"
    options: Mapping[str, Any] | None = None
    init: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a training needs beside the cohort."""

    id: str
    name: str
    version: str
    licence: str
    training: tuple[str, ...]
    not_tested: tuple[str, ...]
    cautions: tuple[str, ...]
    task: Task
    input: Shape
    network: NetworkChoice
    learning: Learning
    augment: Augmentation
    split: Parts
    calibration: Doubt

    @property
    def preparation(self) -> Preparation:
        """How an image becomes the network's input."""
        return Preparation(**{field.name: getattr(self.input, field.name) for field in fields(Preparation)})


SECTIONS: Mapping[str, type] = {
    "task": Task,
    "input": Shape,
    "network": NetworkChoice,
    "learning": Learning,
    "augment": Augmentation,
    "split": Parts,
    "calibration": Doubt,
}
TEXTS: Mapping[str, Any] = {
    "id": None,
    "name": None,
    "version": "0.1.0",
    "licence": None,
    "training": None,
    "not_tested": None,
    "cautions": [],
}


def recipes() -> tuple[str, ...]:
    """The shipped recipes of image readers, by the stem of their file."""
    return tuple(sorted(path.stem for path in RECIPES.glob("*.toml") if "task" in read_toml(path)))


def read_plan(recipe: str | Path) -> tuple[Plan, Path]:
    """A recipe or plan and where it lies: a shipped one by its stem, or any by the path of its TOML file.

    Raises:
        InputError: there is no such recipe.
        DefinitionError: a key is missing, unknown or of another type; the message names file and key.
    """
    path = Path(recipe)
    if path.suffix != ".toml":
        if str(recipe) not in recipes():
            raise InputError(f"no recipe {str(recipe)!r}{nearest(str(recipe), recipes())}; or give the path of a .toml file")
        path = RECIPES / f"{recipe}.toml"
    if not path.is_file():
        raise InputError(f"{path}: there is no such recipe; give the path of a .toml file, or one of {', '.join(recipes())}")
    table = read_toml(path)
    for key in table:
        if key not in SECTIONS and key not in TEXTS:
            raise DefinitionError(f"{path.name}: unknown key '{key}'{nearest(key, (*TEXTS, *SECTIONS))}")
    told: dict[str, Any] = {}
    for key, default in TEXTS.items():
        value = table.get(key, default)
        listed = key in ("training", "not_tested", "cautions")
        fine = (
            isinstance(value, list) and all(isinstance(text, str) for text in value) if listed else isinstance(value, str) and value.strip()
        )
        if not fine:
            raise DefinitionError(f"{path.name}: '{key}' must be {'a list of texts' if listed else 'a text'}, got {value!r}")
        told[key] = tuple(value) if listed else value
    for key, kind in SECTIONS.items():
        part = table.get(key, {})
        if not isinstance(part, dict):
            raise DefinitionError(f"{path.name}: '{key}' must be a table, got {part!r}")
        told[key] = typed(kind, part, f"{path.name} [{key}]")
    plan = Plan(**told)
    _check(plan, path.name)
    return plan, path


def _check(plan: Plan, file: str) -> None:
    learning, split = plan.learning, plan.split
    if learning.loss not in LOSSES:
        raise DefinitionError(f"{file} [learning]: 'loss' must be one of {', '.join(LOSSES)}, got {learning.loss!r}")
    for name, value, low, high in (
        ("learning: rate", learning.rate, 1e-7, 1.0),
        ("learning: average", learning.average, 0.0, 0.99999),
        ("learning: dropout", learning.dropout, 0.0, 0.9),
        ("learning: class_weight", learning.class_weight, 0.0, 1.0),
        ("learning: mixup", learning.mixup, 0.0, 10.0),
        ("learning: epochs", learning.epochs, 0, 100_000),
        ("learning: batch", learning.batch, 0, 4096),
        ("split: validation", split.validation, 0.01, 0.6),
        ("split: calibration", split.calibration, 0.0, 0.6),
        ("calibration: level", plan.calibration.level, 0.5, 0.99),
        ("calibration: scope", plan.calibration.scope, 0.5, 0.9999),
    ):
        if not low <= value <= high:
            raise DefinitionError(f"{file} [{name.replace(': ', ']: ')} must be from {low:g} to {high:g}, got {value:g}")


def complete(plan: Plan, found: Fingerprint) -> Plan:
    """The plan with what follows from the cohort: input of about ``AREA_PX`` pixels in the images' usual proportions, batch, epochs."""
    shape, learning = plan.input, plan.learning
    if not shape.rows or not shape.columns:
        shapes = [image.rows / image.columns for image in found.images if found.cases[image.case].split != TEST]
        tall = sorted(shapes)[len(shapes) // 2]
        rows = shape.rows or _sixteen((AREA_PX * tall) ** 0.5)
        shape = replace(shape, rows=rows, columns=shape.columns or _sixteen(rows / tall))
    count = len(found.images)
    if not learning.batch:
        learning = replace(learning, batch=32 if count >= 400 else 16)
    if not learning.epochs:
        learning = replace(learning, epochs=int(min(120, max(12, IMAGES_SEEN // max(count, 1)))))
    return replace(plan, input=shape, learning=learning, network=replace(plan.network, options=plan.network.options or {}))


def _sixteen(pixels: float) -> int:
    return int(min(MOST_PX, max(LEAST_PX, round(pixels / 16) * 16)))


def plan_toml(plan: Plan, heading: tuple[str, ...] = ()) -> str:
    """The plan as TOML, with comments above."""
    lines = [*(f"# {line}" for line in heading), ""]
    lines += [f"{key} = {_toml(getattr(plan, key))}" for key in TEXTS]
    for key, kind in SECTIONS.items():
        lines += ["", f"[{key}]"]
        for field in fields(kind):
            lines.append(f"{field.name} = {_toml(getattr(getattr(plan, key), field.name))}")
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }" if value else "{}"
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
