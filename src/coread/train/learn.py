"""A grader taught from prepared images: the batches, the judge that stops it, and what it says of images afterwards."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from coread.errors import DefinitionError
from coread.train.augment import changed, draw_change
from coread.train.grade_losses import grade_loss, probabilities_of
from coread.train.grader import Grader, descriptors
from coread.train.images import Images
from coread.train.loop import Progress, Watch, fit
from coread.train.parallel import count, device, is_first, share_of_batch
from coread.train.plan import Plan
from coread.train.recipe import Training, build_network
from coread.train.start import load_start

Floats = npt.NDArray[np.float64]
LEAST_CHECK = 10
BATCH = 64


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """Cases to learn from or to judge by: their images and the share of readers that gave each grade (cases, grades)."""

    images: Images
    shares: Floats

    @property
    def truth(self) -> npt.NDArray[np.int64]:
        """The grade that most readers gave, as its position."""
        return np.asarray(self.shares.argmax(axis=1), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Told:
    """What is told while a network learns: updates done, and where it stands at each check."""

    tick: Callable[[int, int], None] = lambda _done, _all: None
    say: Callable[[Progress], None] = lambda _: None


def new_grader(plan: Plan, grades: int, folder: Path) -> Grader:
    """The network of a plan with its start weights; ``folder`` is where the recipe lies.

    Raises:
        DefinitionError: no such network, options it does not take, or start weights that do not fit.
    """
    torch.manual_seed(plan.learning.seed)
    trunk = build_network(plan.network.name, plan.network.options or {})
    if not hasattr(trunk, "width"):
        raise DefinitionError(f"network '{plan.network.name}' is no trunk for grading: it has no width")
    grader = Grader(trunk, plan.learning.loss, grades, plan.learning.dropout)
    if plan.network.init:
        load_start(grader, folder / plan.network.init)
    grader.to(device())
    return grader


def training_of(plan: Plan, cases: int) -> tuple[Training, int]:
    """Length and rate of the training over so many cases, and the updates between two checks."""
    learning = plan.learning
    batch = math.ceil(learning.batch / count()) * count()
    each = max(1, round(cases / batch))
    steps = max(LEAST_CHECK, each * learning.epochs)
    warm_up = max(1, min(60, steps // 10))
    training = Training(steps, batch, learning.rate, learning.seed, learning.average, warm_up, learning.decay)
    return training, max(LEAST_CHECK, each)


def teach(grader: Grader, plan: Plan, parts: tuple[Taught, Taught], run: Path, told: Told) -> list[Mapping[str, float]]:
    """Trains a grader in place on the first part, stopped by the second; the curves as one row a check.

    Raises:
        InputError: a checkpoint cannot be written or is not of this network.
    """
    training, every = training_of(plan, len(parts[0].shares))
    curve = Curve(run / "curve.csv")
    judge_of = Grader(build_network(plan.network.name, plan.network.options or {}), plan.learning.loss, grader.grades).to(device())

    def judge(weights: Mapping[str, Tensor]) -> float:
        judge_of.load_state_dict(dict(weights))
        return error_of(plan.learning.loss, case_probabilities(judge_of, parts[1].images), parts[1].shares)

    def say(progress: Progress) -> None:
        curve.add(progress)
        told.say(progress)

    patience = math.ceil(plan.learning.patience * max(1, round(len(parts[0].shares) / training.batch)) / every)
    watch = Watch(every, say, judge, patience, lambda done: told.tick(done, training.steps))
    weights = fit(grader, training, batches(parts[0], plan, training), run, watch)
    grader.load_state_dict(dict(weights))
    grader.eval()
    return curve.rows()


class Curve:
    """The training curve beside the checkpoint; a check that is made again after a stop replaces its row."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, progress: Progress) -> None:
        """One row."""
        if not is_first():
            return
        kept = {row["step"]: row for row in self.rows() if row["step"] < progress.step}
        kept[progress.step] = {"step": progress.step, "loss": progress.loss, **progress.figures}
        names = ("step", "loss", "validation")
        text = "\n".join([",".join(names), *(",".join(f"{row.get(name, math.nan):.6g}" for name in names) for row in kept.values())])
        self.path.write_text(text + "\n", encoding="utf-8")

    def rows(self) -> list[Mapping[str, float]]:
        """All rows."""
        if not self.path.is_file():
            return []
        head, *lines = self.path.read_text(encoding="utf-8").splitlines()
        return [dict(zip(head.split(","), map(float, line.split(",")), strict=True)) for line in lines]


def batches(part: Taught, plan: Plan, training: Training) -> Callable[[nn.Module, np.random.Generator], tuple[Tensor, Mapping[str, float]]]:
    """Draws batches of changed images, mixed where the plan says so, and gives their loss."""
    of_case: list[npt.NDArray[np.int64]] = [np.flatnonzero(part.images.case == k) for k in range(len(part.shares))]
    weight = part.shares @ grade_weights(part.shares, plan.learning.class_weight)

    def draw(network: nn.Module, rng: np.random.Generator) -> tuple[Tensor, Mapping[str, float]]:
        cases = rng.integers(len(part.shares), size=training.batch)
        rows = np.array([of_case[int(k)][int(rng.integers(len(of_case[int(k)])))] for k in cases])
        changes = [draw_change(rng, plan.augment) for _ in rows]
        other = rng.permutation(training.batch)
        keep = float(rng.beta(plan.learning.mixup, plan.learning.mixup)) if plan.learning.mixup else 1.0
        keep = max(keep, 1 - keep)
        images = changed(torch.from_numpy(part.images.planes[rows].astype(np.float32)), changes)
        shares = torch.from_numpy(part.shares[cases]).float()
        weights = torch.from_numpy(weight[cases]).float()
        images = keep * images + (1 - keep) * images[other]
        shares = keep * shares + (1 - keep) * shares[other]
        weights = keep * weights + (1 - keep) * weights[other]
        mine = share_of_batch(training.batch)
        where = device()
        with torch.autocast(where.type, torch.bfloat16, enabled=where.type == "cuda"):
            logits = network(images[mine, None].to(where))
        return grade_loss(plan.learning.loss, logits.float(), shares[mine].to(where), weights[mine].to(where)), {}

    return draw


def grade_weights(shares: Floats, power: float) -> Floats:
    """Weight of each grade (grades,): its inverse frequency to a power, with mean 1 over the cases."""
    frequency = shares.mean(axis=0)
    weight = np.where(frequency > 0, np.maximum(frequency, 1e-3) ** -power, 0.0)
    return np.asarray(weight / float((frequency * weight).sum()), dtype=np.float64)


def error_of(loss: str, predicted: Floats, shares: Floats) -> float:
    """What validation minimises: ranked probability score of ordered grades (Epstein, J Appl Meteorol 1969;8:985), else the log loss."""
    if loss == "nominal":
        return float(-(shares * np.log(np.maximum(predicted, 1e-6))).sum(axis=1).mean())
    gap = predicted.cumsum(axis=1) - shares.cumsum(axis=1)
    return float((gap[:, :-1] ** 2).sum(axis=1).mean())


def case_probabilities(grader: Grader, images: Images, mirror: bool = False) -> Floats:
    """Probabilities of the grades of each case (cases, grades), the mean over its images, and over their mirror images where asked for."""
    each = image_outputs(grader, images, mirror)[0]
    cases = int(images.case.max()) + 1
    total = np.zeros((cases, each.shape[1]))
    np.add.at(total, images.case, each)
    return total / np.bincount(images.case, minlength=cases)[:, None]


def image_outputs(grader: Grader, images: Images, mirror: bool = False) -> tuple[Floats, Floats]:
    """Probabilities of the grades (images, grades) and descriptors (images, d) of every image."""
    grader.eval()
    shares, looks = [], []
    with torch.no_grad():
        for start in range(0, len(images.planes), BATCH):
            planes = torch.from_numpy(images.planes[start : start + BATCH].astype(np.float32))[:, None].to(device())
            features = grader.features(planes)
            said = probabilities_of(grader.loss, grader.judged(features))
            if mirror:
                said = (said + probabilities_of(grader.loss, grader(planes.flip(3)))) / 2
            shares.append(said.double().cpu().numpy())
            looks.append(descriptors(planes, features).double().cpu().numpy())
    return np.concatenate(shares), np.concatenate(looks)
