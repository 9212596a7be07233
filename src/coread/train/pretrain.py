"""Learning without labels: two changed views of an image shall look alike to the network, and unlike every other image (SimCLR).

Chen et al., ICML 2020: a trunk, a small projection and the normalised temperature-scaled cross entropy between views. The trunk's weights
are a start for a grader (``[network] init``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from coread.errors import CoreadError, InputError, not_written
from coread.formats.open import find_exams
from coread.train.augment import changed, draw_change
from coread.train.fingerprint import flat_images
from coread.train.loop import Watch, fit
from coread.train.order import Reporter, told_by
from coread.train.parallel import device
from coread.train.plan import Plan, read_plan
from coread.train.recipe import Training, build_network
from coread.vision.prepare import prepare

WEIGHTS = "pretrained.safetensors"
TEMPERATURE = 0.2
PROJECTED = 64
LEAST_IMAGES = 16
PIXELS = 128


@dataclass(frozen=True, slots=True)
class PretrainOrder:
    """What to learn from: files and folders of images, the recipe whose network, input and changes are used, updates, and the batch."""

    recipe: str
    images: tuple[Path, ...]
    out: Path
    steps: int = 500
    batch: int = 64


class Projected(nn.Module):
    """A trunk and its projection: images (n, 1, rows, columns) to unit vectors (n, ``PROJECTED``)."""

    def __init__(self, trunk: Any) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = nn.Sequential(nn.Linear(trunk.width, trunk.width), nn.ReLU(), nn.Linear(trunk.width, PROJECTED))

    def forward(self, image: Tensor) -> Tensor:
        """The vectors."""
        features = self.trunk((image - 0.5) * 4.0).mean(dim=(2, 3))
        return functional.normalize(self.head(features), dim=1)


def contrast(vectors: Tensor) -> Tensor:
    """NT-Xent of 2 n unit vectors, the views of image k at k and n + k; log(2 n - 1) where nothing is told apart."""
    n = len(vectors) // 2
    alike = vectors @ vectors.T / TEMPERATURE
    alike = alike.masked_fill(torch.eye(2 * n, dtype=torch.bool, device=vectors.device), -1e9)
    partner = (torch.arange(2 * n, device=vectors.device) + n) % (2 * n)
    return functional.cross_entropy(alike, partner)


def pretrain(order: PretrainOrder, reporter: Reporter | None = None) -> tuple[Path, tuple[str, ...]]:
    """Learns from images without labels; goes on where it was stopped. The file of weights, and a sentence for each image left out.

    Raises:
        InputError: there are too few images, or the folder cannot be written.
        DefinitionError: the recipe is not what it must be.
    """
    reporter = reporter or Reporter()
    plan, _ = read_plan(order.recipe)
    planes, notes = _planes(order.images, plan, reporter)
    if len(planes) < LEAST_IMAGES:
        raise InputError(
            f"{len(planes)} images can be learned from, at least {LEAST_IMAGES} are needed; the first fault: {(*notes, 'none')[0]}"
        )
    batch = min(order.batch, len(planes))
    torch.manual_seed(plan.learning.seed)
    network = Projected(build_network(plan.network.name, plan.network.options or {})).to(device())

    def draw(learner: nn.Module, rng: np.random.Generator) -> tuple[Tensor, Mapping[str, float]]:
        rows = rng.choice(len(planes), batch, replace=False)
        twice = torch.from_numpy(np.concatenate([planes[rows]] * 2).astype(np.float32))
        views = changed(twice, [draw_change(rng, plan.augment) for _ in range(2 * batch)])
        return contrast(learner(views[:, None].to(device())).float()), {}

    training = Training(order.steps, batch, plan.learning.rate, plan.learning.seed, plan.learning.average, max(1, order.steps // 10))
    told = told_by(reporter)
    watch = Watch(every=25, say=told.say, tick=lambda done: told.tick(done, order.steps))
    try:
        weights = fit(network, training, draw, order.out / "pretraining", watch)
        path = order.out / WEIGHTS
        facts = {"network": plan.network.name, "options": plan.network.options or {}, "images": len(planes), "steps": order.steps}
        trunk = {name: value.cpu().contiguous() for name, value in weights.items() if name.startswith("trunk.")}
        save_file(trunk, path, metadata={"coread": json.dumps(facts)})
    except OSError as error:
        raise not_written(order.out, error) from None
    return path, notes


def _planes(images: Sequence[Path], plan: Plan, reporter: Reporter) -> tuple[npt.NDArray[np.float16], tuple[str, ...]]:
    exams = [exam for path in images for exam in find_exams(path)]
    shape = replace(plan.input, rows=plan.input.rows or PIXELS, columns=plan.input.columns or PIXELS)
    ready = replace(plan, input=shape).preparation
    planes: list[npt.NDArray[np.float16]] = []
    notes: list[str] = []
    reporter.stage("opening", len(exams))
    for done, exam in enumerate(exams, start=1):
        try:
            if exam.study is None:
                raise InputError(exam.error or "cannot be opened")
            planes += [prepare(plane, ready).plane.astype(np.float16) for plane in flat_images(exam.study)]
        except CoreadError as error:
            notes.append(f"left out: {error}")
        reporter.tick(done)
    return (np.stack(planes) if planes else np.empty((0, 16, 16), dtype=np.float16)), tuple(notes)
