"""What a training leaves for readers: the network as ONNX, its weights for explanation, and its card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file
from torch import Tensor

from coread.errors import DefinitionError, not_written
from coread.readers.image_doubt import Doubt
from coread.train.export import LARGEST, export_onnx
from coread.train.grader import Grader, Whole
from coread.train.images import Images
from coread.train.measure import LEVEL, Figure
from coread.train.plan import Plan
from coread.vision.evidence_map import relief
from coread.vision.network import Network

OUTPUTS = ("probabilities", "map", "strangeness")
MODEL, WEIGHTS, CARD = "model.onnx", "model.safetensors", "card.toml"
BATCH = 64
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What the exported network says of images: probabilities (n, grades), relief of the maps (n, rows, columns), strangeness (n,)."""

    probabilities: Floats
    maps: Floats
    strangeness: Floats


@dataclass(frozen=True, slots=True)
class Facts:
    """What a card says beside the plan.

    Attributes:
        parameters: numbers that the reader takes.
        figures: measured on held-out patients.
        of: what they were measured on, in words.
        kind: real or simulated.
        command: what gives them again.
        centres: centres that were learned from.
        trained: on what, in words.
        not_tested: what the training found that was not tested, in words.
    """

    parameters: Mapping[str, float]
    figures: Sequence[Figure]
    of: str
    kind: str
    command: str
    centres: Sequence[str]
    trained: str
    not_tested: Sequence[str]


def write_model(grader: Grader, scope: tuple[Tensor, Tensor], plan: Plan, folder: Path) -> None:
    """``model.onnx`` with three outputs, compared with torch, and ``model.safetensors``.

    Raises:
        DefinitionError: the exported network differs from the trained one.
    """
    grader.cpu().eval()
    whole = Whole(grader, *scope).eval()
    facts = {"coread": "image reader", "id": plan.id, "version": plan.version}
    export_onnx(whole, (1, plan.input.rows, plan.input.columns), folder / MODEL, facts, OUTPUTS)
    tensors = {name: value.contiguous() for name, value in grader.state_dict().items()}
    # One key: the order of several would differ from run to run.
    options = {"network": plan.network.name, "options": plan.network.options or {}, "loss": plan.learning.loss, "grades": grader.grades}
    try:
        save_file(tensors, folder / WEIGHTS, metadata={"coread": json.dumps(options)})
    except OSError as error:
        raise not_written(folder / WEIGHTS, error) from None


def said_by_model(path: Path, images: Images, mirror: bool) -> Said:
    """The exported network on every image, the probabilities averaged with those of the mirror image where asked for."""
    network = Network(path, threads=torch.get_num_threads())
    rows: list[tuple[npt.NDArray[Any], ...]] = []
    for start in range(0, len(images.planes), BATCH):
        planes = images.planes[start : start + BATCH].astype(np.float32)[:, None]
        said = network.run(planes)
        shares = (said[0] + network.run(planes[..., ::-1])[0]) / 2 if mirror else said[0]
        rows.append((shares, *said[1:]))
    first, second, third = (np.concatenate(part).astype(np.float64) for part in zip(*rows, strict=True))
    return Said(first, relief(second), third)


def refuse_difference(said: Said, probabilities: Floats, path: Path) -> None:
    """Pass where the exported network says of real images what torch says.

    Raises:
        DefinitionError: it does not.
    """
    gap = float(np.abs(said.probabilities - probabilities).max())
    if not gap <= LARGEST:
        raise DefinitionError(f"{path}: the exported network differs from the trained one by {gap:.1e} in a probability on held-out images")


def write_card(plan: Plan, doubt: Doubt, facts: Facts, folder: Path) -> Path:
    """``card.toml`` beside the model."""
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (MODEL, WEIGHTS)}
    kind = "nominal" if plan.learning.loss == "nominal" else "ordinal"
    task, shape = plan.task, plan.input
    heading = {
        "id": plan.id,
        "version": plan.version,
        "name": plan.name,
        "reader": "image",
        "system": task.system,
        "assesses": [task.feature],
        "training": [*plan.training, facts.trained],
        "training_centres": list(facts.centres),
        "not_tested": [*plan.not_tested, *facts.not_tested],
        "cautions": list(plan.cautions),
    }
    given = {
        "feature": task.feature,
        "site": task.site,
        "grades": kind,
        "modalities": list(task.modalities),
        "locate": task.locate,
        "views": ["mirror"] if plan.augment.mirror else [],
        "rows": shape.rows,
        "columns": shape.columns,
        "fit": shape.fit,
        "border": shape.border,
        "low": shape.low,
        "high": shape.high,
    }
    rights = {"licence": plan.licence, "trained_on": "; ".join(plan.training)}
    lines = [f"# Made by `{facts.command}`.", *_pairs(heading), "", "[input]", *_pairs(given), "", "[weights.image]"]
    lines += [*_pairs({"file": MODEL, "sha256": digests[MODEL], **rights})]
    lines += ["", "[weights.gradients]", *_pairs({"file": WEIGHTS, "sha256": digests[WEIGHTS], **rights})]
    lines += ["", "[parameters]", *_pairs({**doubt.parameters(), **facts.parameters})]
    for figure in facts.figures:
        if figure.value is None:
            lines += ["", f"# {figure.name}: none, {figure.why}"]
            continue
        told: dict[str, Any] = {"name": figure.name, "value": round(figure.value, 4)}
        if figure.low is not None and figure.high is not None and max(abs(figure.low), abs(figure.high)) < float("inf"):
            told |= {"low": round(figure.low, 4), "high": round(figure.high, 4), "level": LEVEL}
        told |= {"unit": "grades" if "error in grades" in figure.name else "1", "n": figure.n, "of": facts.of}
        lines += ["", "[[figures]]", *_pairs({**told, "kind": facts.kind, "command": facts.command})]
    path = folder / CARD
    try:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise not_written(path, error) from None
    return path


def _pairs(table: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items()]
