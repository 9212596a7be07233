"""Trains the Kellgren-Lawrence network: knees prepared once, patients held out to tune by, start weights of ImageNet.

Each knee is met mirrored as often as not, and the reader takes the mean over both views: the grade is the same for a knee and its mirror
image, so that a wrong side can never change it.
"""

from __future__ import annotations

import hashlib
import json
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from skimage.io import imread
from skimage.util import img_as_ubyte
from torch import Tensor, nn
from torch.nn import functional

from coread.errors import DefinitionError
from coread.train.loop import Progress, Watch, fit
from coread.train.networks.efficientnet_lite import EfficientNetLite, folded, freeze
from coread.train.networks.knee_lite import BOTTOM, COLUMNS, LEFT, RIGHT, ROWS, SIDE, TOP, Look
from coread.train.recipe import RECIPES, Training, build_network, read_toml, typed

# Colours of the first convolution that our planes take over: local contrast red and green, brightness blue.
COLOURS = ((0, 1), (2,))
# Planes are kept as whole numbers.
STEP = 127


@dataclass(frozen=True, slots=True)
class Knees:
    """Prepared knees.

    Attributes:
        planes: [knees, 2, 224, 224] int8, as `networks.knee_lite.Look` gives them times 127.
        grades: [knees] Kellgren-Lawrence grades.
        patients: [knees] patient of each.
    """

    planes: npt.NDArray[np.int8]
    grades: npt.NDArray[np.int64]
    patients: npt.NDArray[np.str_]

    def part(self, chosen: npt.NDArray[np.bool_]) -> Knees:
        """The knees chosen."""
        return Knees(self.planes[chosen], self.grades[chosen], self.patients[chosen])


def knees(data: Path, part: str, kept: Path | None = None) -> Knees:
    """Knees of a part of ``knee_kl/``; the prepared planes are kept in a folder and taken from there the next time.

    Raises:
        DefinitionError: a grade is outside 0..4.
    """
    table = pd.read_csv(data / "knee_kl" / f"labels_{part}.csv")
    wrong = table[~table["kellgren_lawrence"].isin(range(5))]
    if len(wrong):
        raise DefinitionError(
            f"labels_{part}.csv: {wrong['image'].iloc[0]} has grade {wrong['kellgren_lawrence'].iloc[0]}, expected 0 to 4"
        )
    file = None if kept is None else kept / f"{part}_planes.npy"
    if file is not None and file.is_file():
        found = np.load(file)
    else:
        look = Look()
        found = np.empty((len(table), 2, SIDE, SIDE), np.int8)
        for index, name in enumerate(table["image"]):
            image = torch.from_numpy(grey(data / "knee_kl" / "images" / name).astype(np.float32))
            found[index] = (look(image[None, None])[0] * STEP).round().numpy()
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            np.save(file, found)
    return Knees(found, table["kellgren_lawrence"].to_numpy(np.int64), table["patient"].to_numpy(str))


def grey(path: Path) -> npt.NDArray[np.uint8]:
    """An image file as one plane of grey."""
    image = img_as_ubyte(imread(path))
    plane: npt.NDArray[np.uint8] = image if image.ndim == 2 else image[..., 0]
    return plane


def held_out(patients: npt.NDArray[np.str_], every: int) -> npt.NDArray[np.bool_]:
    """Which knees are held out: those of one patient in so many, by the patient's name alone, so that it never changes."""
    return np.array([zlib.crc32(f"knee {one}".encode()) % every == 0 for one in patients])


def drawn(group: Knees, chosen: npt.NDArray[np.int64], rng: np.random.Generator) -> Tensor:
    """A batch of disturbed knees [n, 2, 128, 192]: turned, scaled, moved, mirrored, contrast, brightness, blur and noise changed."""
    size = len(chosen)
    angle, scale = rng.normal(0, 0.06, size), np.exp(rng.normal(0, 0.06, size))
    stretch = np.exp(rng.normal(0, 0.03, size))
    mirror = rng.choice([-1.0, 1.0], size)
    wide, tall = (RIGHT - LEFT) / SIDE * scale, (BOTTOM - TOP) / SIDE * scale * stretch
    matrix = np.zeros((size, 2, 3), dtype=np.float32)
    matrix[:, 0, 0], matrix[:, 0, 1] = mirror * wide * np.cos(angle), -tall * np.sin(angle)
    matrix[:, 1, 0], matrix[:, 1, 1] = mirror * wide * np.sin(angle), tall * np.cos(angle)
    matrix[:, 0, 2] = (LEFT + RIGHT) / SIDE - 1 + rng.normal(0, 0.04, size)
    matrix[:, 1, 2] = (TOP + BOTTOM) / SIDE - 1 + rng.normal(0, 0.04, size)
    whole = torch.from_numpy(group.planes[chosen]).float() / STEP
    grid = functional.affine_grid(torch.from_numpy(matrix), [size, 2, ROWS, COLUMNS], align_corners=False)
    out = functional.grid_sample(whole, grid, padding_mode="border", align_corners=False)
    gain = torch.from_numpy(np.exp(rng.normal(0, [0.15, 0.25], (size, 2))).astype(np.float32))[..., None, None]
    offset = torch.from_numpy(rng.normal(0, [0.03, 0.15], (size, 2)).astype(np.float32))[..., None, None]
    out = out * gain + offset
    soft = functional.avg_pool2d(out, 3, 1, 1, count_include_pad=False)
    mix = torch.from_numpy(rng.uniform(-0.6, 0.8, (size, 1, 1, 1)).astype(np.float32))
    out = out + mix * (soft - out)
    seed = torch.Generator().manual_seed(int(rng.integers(2**31)))
    noise = torch.randn((size, 1, ROWS, COLUMNS), generator=seed)
    return (out + noise * torch.from_numpy(rng.uniform(0, 0.08, (size, 1, 1, 1)).astype(np.float32))).clamp(-1, 1) * 2


def plain(group: Knees, chosen: npt.NDArray[np.int64]) -> Tensor:
    """Undisturbed knees as the reader cuts them, [n, 2, 128, 192]."""
    matrix = torch.tensor([[(RIGHT - LEFT) / SIDE, 0, (LEFT + RIGHT) / SIDE - 1], [0, (BOTTOM - TOP) / SIDE, (TOP + BOTTOM) / SIDE - 1]])
    grid = functional.affine_grid(matrix.expand(len(chosen), 2, 3), [len(chosen), 2, ROWS, COLUMNS], align_corners=False)
    whole = torch.from_numpy(group.planes[chosen]).float() / STEP
    return functional.grid_sample(whole, grid, padding_mode="border", align_corners=False) * 2


def soft_labels(grades: Tensor, count: int, neighbour: float) -> Tensor:
    """Labels that allow for a reader's step: a grade ``d`` away has ``neighbour ** d`` of the weight, [n, grades] summing to 1."""
    away = (torch.arange(count)[None] - grades[:, None]).abs().float()
    share = neighbour**away
    return share / share.sum(dim=1, keepdim=True)


def loss(scores: Tensor, grades: Tensor, neighbour: float, squared: float) -> Tensor:
    """Cross entropy with soft ordinal labels, and the squared error of the expected grade."""
    target = soft_labels(grades, scores.shape[1], neighbour)
    share = scores.softmax(dim=1)
    expected = (share * torch.arange(scores.shape[1], dtype=share.dtype)).sum(dim=1)
    entropy = -(target * scores.log_softmax(dim=1)).sum(dim=1).mean()
    return entropy + squared * (expected - grades).square().mean()


def scores(network: EfficientNetLite, group: Knees, size: int = 32) -> npt.NDArray[np.float64]:
    """Scores [knees, grades], the mean over each knee and its mirror image."""
    found = []
    network.eval()
    with torch.no_grad():
        for start in range(0, len(group.grades), size):
            batch = plain(group, np.arange(start, min(start + size, len(group.grades)))).to(memory_format=torch.channels_last)
            found.append(((network(batch) + network(batch.flip(3))) / 2).numpy())
    return np.concatenate(found).astype(np.float64)


def start_network(recipe: Mapping[str, Any], start: Path) -> EfficientNetLite:
    """The network with the start weights that the recipe names.

    Raises:
        DefinitionError: the file is not the one that the recipe names.
    """
    if hashlib.sha256(start.read_bytes()).hexdigest() != recipe["start_sha256"]:
        raise DefinitionError(f"{start}: not the start weights of the recipe ({recipe['start']}, sha256 {recipe['start_sha256'][:12]}...)")
    torch.manual_seed(recipe["training"]["seed"])
    network = build_network(recipe["network"], recipe["options"])
    assert isinstance(network, EfficientNetLite)
    own = folded(torch.load(start, weights_only=True), COLOURS)
    network.load_state_dict(network.state_dict() | own)
    freeze(network)
    network.to(memory_format=torch.channels_last)
    return network


def train(recipe: Mapping[str, Any], group: Knees, network: EfficientNetLite, run: Path) -> EfficientNetLite:
    """Trains a network in place, resuming what stands in the run's folder, and gives it the running mean of its weights."""
    plan = typed(Training, recipe["training"], "knee_kl.toml [training]")

    def batch_loss(net: nn.Module, rng: np.random.Generator) -> tuple[Tensor, Mapping[str, float]]:
        chosen = rng.integers(len(group.grades), size=plan.batch)
        out = net(drawn(group, chosen, rng).to(memory_format=torch.channels_last))
        grades = torch.from_numpy(group.grades[chosen])
        right = float((out.argmax(dim=1) == grades).float().mean())
        return loss(out, grades, recipe["neighbour"], recipe["squared"]), {"right": right}

    def say(at: Progress) -> None:
        line = {"step": at.step, "loss": round(at.loss, 4), **{key: round(value, 4) for key, value in at.figures.items()}}
        with (run / "progress.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    network.load_state_dict(dict(fit(network, plan, batch_loss, run, Watch(every=50, say=say))))
    return network


def main() -> None:
    """Command: DATA START RUN."""
    data, start, run = (Path(word) for word in sys.argv[1:4])
    recipe = read_toml(RECIPES / "knee_kl.toml")
    group = knees(data, "train", run)
    fitted = group.part(~held_out(group.patients, recipe["hold_out_every"]))
    train(recipe, fitted, start_network(recipe, start), run)


if __name__ == "__main__":
    main()
