"""Training of the growth plate network (``models/hand_maturity.onnx``, which carries its calibration).

Every child is judged by a network that never saw it (folds by child), and the calibration is fitted on those judgements;
the shipped network is then trained on all children. Run as ``python -m coread.train.hand_maturity DATA OUT.onnx``.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from coread.train.hand_small import Batch, SmallNetwork, export, fit, outputs, recipe
from coread.vision.maturity import (
    CLOSURE_MONTHS,
    HALF_SIDE,
    JOINTS,
    KINDS,
    PATCH,
    Anchor,
    Calibration,
    both_views,
    inside,
    kind,
    mean_of_views,
    patch,
    pooled,
    radius_anchor,
    square,
)
from coread.vision.patches import cut

WIDE = 72
PALM_TO_LENGTH = 2.12
Planes = npt.NDArray[np.float32]
Anchors = Mapping[str, Anchor]


@dataclass(frozen=True, slots=True)
class Child:
    """One radiograph: its joints' wide cuts [joint, WIDE, WIDE] for training, its inputs for judging, and its relative age."""

    name: str
    joints: tuple[str, ...]
    wide: Planes
    inputs: Planes
    relative_age: float


def relative_age(months: float, sex: str) -> float:
    """Bone age over the bone age of closure of that sex."""
    return months / CLOSURE_MONTHS[sex]


def brought_down(path: Path, longest: int) -> Planes:
    """Grey pixels of a radiograph at most ``longest`` wide or high, after one lossy encoding as the smaller files had."""
    image = Image.open(path).convert("L")
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    if path.suffix != ".webp":
        store = io.BytesIO()
        image.save(store, "WEBP", quality=80)
        image = Image.open(io.BytesIO(store.getvalue())).convert("L")
    pixels: Planes = np.asarray(image, dtype=np.float32) / np.float32(255)
    return pixels


def anchors_of_points(points: Mapping[str, npt.NDArray[np.float64]]) -> tuple[Anchors, float]:
    """Anchors and hand length from the thirteen predicted points (MCP1..5, PIP2..5, IP1, W2), in pixels."""
    length = PALM_TO_LENGTH * float(np.linalg.norm(points["MCP3"] - points["W2"]))
    pairs = {"MCP 1": ("MCP1", "MCP1", "IP1"), "IP thumb": ("IP1", "MCP1", "IP1")}
    for k in range(2, 6):
        pairs[f"MCP {k}"] = (f"MCP{k}", f"MCP{k}", f"PIP{k}")
        pairs[f"PIP {k}"] = (f"PIP{k}", f"MCP{k}", f"PIP{k}")
    anchors = {name: _anchor(points[a], points[b], points[c]) for name, (a, b, c) in pairs.items()}
    carpus, knuckle = points["W2"], points["MCP3"]
    anchors["radius"] = radius_anchor((carpus[0], carpus[1]), (knuckle[0], knuckle[1]), length)
    return anchors, length


def _anchor(center: npt.NDArray[np.float64], near: npt.NDArray[np.float64], far: npt.NDArray[np.float64]) -> Anchor:
    way = far - near
    way = way / max(float(np.linalg.norm(way)), 1e-6)
    return Anchor((float(center[0]), float(center[1])), (float(way[0]), float(way[1])))


def plausible(points: Mapping[str, npt.NDArray[np.float64]]) -> bool:
    """Whether predicted points look like a hand: the four palm bones and the first bones of the fingers of ordinary relative length."""
    palm = float(np.linalg.norm(points["MCP3"] - points["W2"]))
    fingers = [float(np.linalg.norm(points[f"PIP{k}"] - points[f"MCP{k}"])) / max(palm, 1e-6) for k in range(2, 6)]
    knuckles = [float(np.linalg.norm(points[f"MCP{k}"] - points[f"MCP{k + 1}"])) / max(palm, 1e-6) for k in range(2, 5)]
    return all(0.3 < f < 0.95 for f in fingers) and all(0.12 < g < 0.5 for g in knuckles)


def child(name: str, pixels: Planes, anchors: Anchors, length: float, age: float) -> Child | None:
    """Cuts of one radiograph; None where no joint lies in the image."""
    names = tuple(j for j in JOINTS if j in anchors and inside(pixels, anchors[j], kind(j), length))
    if not names:
        return None
    wide = np.stack([cut(pixels, square(anchors[j], HALF_SIDE[kind(j)] * length * (WIDE - 1) / (PATCH - 1), WIDE)) for j in names])
    inputs = np.stack([patch(pixels, anchors[j], kind(j), length) for j in names])
    return Child(name, names, wide, inputs, age)


def children(data: Path, longest: int) -> list[Child]:
    """Every child of ``hand_joints`` with plausible predicted points."""
    import pandas as pd

    table = pd.read_csv(data / "hand_joints" / "images.csv")
    ages = {str(n): relative_age(float(m), str(s)) for n, m, s in zip(table["image"], table["bone_age_months"], table["sex"], strict=True)}
    found = []
    for name, group in pd.read_csv(data / "hand_joints" / "pseudo13.csv").groupby("image"):
        pixels = brought_down(data / "hand_joints" / "images" / str(name), longest)
        size = np.array([pixels.shape[1], pixels.shape[0]], dtype=np.float64)
        points = {str(j): np.array([x, y]) * size for j, x, y in zip(group["joint"], group["x"], group["y"], strict=True)}
        if not plausible(points):
            continue
        anchors, length = anchors_of_points(points)
        one = child(str(name), pixels, anchors, length, ages[str(name)])
        if one is not None:
            found.append(one)
    return found


def batches(group: list[Child], size: int, rng: np.random.Generator) -> Iterator[Batch]:
    """Batches of single joints, turned, shifted, scaled, mirrored, blurred and noisy; ages drawn more evenly than they come."""
    wide = torch.from_numpy(np.concatenate([one.wide for one in group]))[:, None]
    ages = np.concatenate([np.full(len(one.joints), one.relative_age) for one in group])
    kinds = np.array([KINDS.index(kind(j)) for one in group for j in one.joints])
    bins = np.where(ages >= 1, 12, np.clip(np.round(ages * 12).astype(int), 3, 11))
    weights = np.bincount(bins, minlength=13)[bins] ** -0.8 * np.where(kinds == KINDS.index("radius"), 2.5, 1.0)
    weights = weights / weights.sum()
    flags = torch.eye(len(KINDS))
    while True:
        drawn = rng.choice(len(ages), size=size, p=weights)
        cut = _disturbed(wide[torch.from_numpy(drawn)], rng)
        constant = flags[torch.from_numpy(kinds[drawn])][:, :, None, None].expand(-1, -1, PATCH, PATCH)
        yield torch.cat([cut, constant], dim=1), torch.from_numpy(ages[drawn].astype(np.float32))


def _disturbed(cut: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    size = len(cut)
    angle, scale = rng.normal(0, 0.2, size), np.exp(rng.normal(0, 0.13, size)) * PATCH / WIDE
    mirror = rng.choice([-1.0, 1.0], size)
    matrix = np.zeros((size, 2, 3), dtype=np.float32)
    matrix[:, 0, 0], matrix[:, 0, 1] = scale * np.cos(angle) * mirror, -scale * np.sin(angle)
    matrix[:, 1, 0], matrix[:, 1, 1] = scale * np.sin(angle) * mirror, scale * np.cos(angle)
    matrix[:, :, 2] = rng.normal(0, 0.06, (size, 2))
    grid = torch.nn.functional.affine_grid(torch.from_numpy(matrix), [size, 1, PATCH, PATCH], align_corners=False)
    out = torch.nn.functional.grid_sample(cut, grid, padding_mode="border", align_corners=False)
    low, high = out.amin(dim=(2, 3), keepdim=True), out.amax(dim=(2, 3), keepdim=True)
    gamma = torch.from_numpy(np.exp(rng.normal(0, 0.3, (size, 1, 1, 1))).astype(np.float32))
    out = ((out - low) / (high - low + 1e-4)) ** gamma
    soft = torch.nn.functional.avg_pool2d(out, 3, 1, 1, count_include_pad=False)
    mix = torch.from_numpy(rng.uniform(-0.4, 1.0, (size, 1, 1, 1)).astype(np.float32)).clamp(min=0)
    out = out * (1 - mix) + soft * mix
    out = out + torch.from_numpy(rng.normal(0, 1, out.shape).astype(np.float32)) * torch.from_numpy(
        rng.uniform(0, 0.04, (size, 1, 1, 1)).astype(np.float32)
    )
    return (out - out.mean(dim=(2, 3), keepdim=True)) / (out.std(dim=(2, 3), keepdim=True) + 1e-4)


def loss(out: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Gaussian negative log likelihood of the relative age; beyond closure an age may be read as any later one."""
    log_variance = out[:, 1].clamp(-7.0, 1.0)
    error = out[:, 0] - batch[1]
    error = torch.where((batch[1] >= 1.0) & (error > 0), 0.3 * error, error)
    return (0.5 * error**2 * torch.exp(-log_variance) + 0.5 * log_variance).mean()


def new_network() -> SmallNetwork:
    """The network before training, its output near the middle of the scale."""
    network = SmallNetwork(1 + len(KINDS), (12, 24, 48), 2, stride=2)
    torch.nn.init.zeros_(network.head.weight)
    network.head.bias.data = torch.tensor([0.75, -3.0])
    return network


class WithCalibration(torch.nn.Module):
    """The network with the numbers of its calibration as a second output, so that one file and one hash hold both."""

    def __init__(self, network: SmallNetwork, numbers: Calibration) -> None:
        super().__init__()
        self.network = network
        values = [numbers.spread, numbers.spread_single, numbers.open_slope, numbers.open_offset]
        self.register_buffer("numbers", torch.tensor(values, dtype=torch.float32))

    def forward(self, plane: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """[batch, channels, y, x] to [batch, 2] and [batch, 4]."""
        out = self.network(plane)
        return out, self.numbers.expand(plane.shape[0], -1)


def trained(group: list[Child], plan: Mapping[str, float], seed: int) -> SmallNetwork:
    """A network trained on a group of children."""
    torch.manual_seed(seed)
    network = new_network()
    fit(network, batches(group, int(plan["batch"]), np.random.default_rng(seed)), loss, int(plan["steps"]), plan["rate"])
    return network


def judged(network: SmallNetwork, one: Child) -> npt.NDArray[np.float64]:
    """The network's outputs for each joint of a child, as `MaturityReader` takes them."""
    return mean_of_views(outputs(network, both_views(one.inputs)))


def folds(group: list[Child], count: int, seed: int) -> npt.NDArray[np.int64]:
    """Fold of each child; sorted by age and dealt out, so that every fold has its share of mature hands."""
    rng = np.random.default_rng(seed)
    order = np.argsort([one.relative_age + 1e-3 * rng.random() for one in group])
    where = np.zeros(len(group), dtype=np.int64)
    for start in range(0, len(order), count):
        part = order[start : start + count]
        where[part] = rng.permutation(count)[: len(part)]
    return where


def calibration(group: list[Child], out: list[npt.NDArray[np.float64]]) -> Calibration:
    """Spread of the errors and the log odds of open plates, fitted on children judged by networks that never saw them."""
    ages = np.array([one.relative_age for one in group])
    values = np.array([pooled(o) for o in out])
    near = ages > 0.7
    errors = np.clip(values, None, np.where(ages >= 1, ages, np.inf)) - ages
    single = np.concatenate([o[:, 0] - a for o, a, n in zip(out, ages, near, strict=True) if n])
    slope, offset = _logistic(1.0 - values, ages < 1.0)
    spread, spread_single = float(np.sqrt(np.mean(errors[near] ** 2))), float(np.sqrt(np.mean(single**2)))
    return Calibration(spread, spread_single, slope, offset)


def _logistic(x: npt.NDArray[np.float64], truth: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset of a logistic curve by Newton's steps, both classes weighing alike, with a weak pull to a flat curve."""
    weights = np.where(truth, 0.5 / truth.sum(), 0.5 / (~truth).sum()) * len(truth)
    design = np.stack([x, np.ones_like(x)], axis=1)
    ridge = 1e-4 * len(x)

    def cost(beta: npt.NDArray[np.float64]) -> float:
        odds = design @ beta
        return float((weights * (np.logaddexp(0, odds) - truth * odds)).sum() + 0.5 * ridge * beta @ beta)

    beta = np.zeros(2)
    for _ in range(200):
        p = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        gradient = design.T @ (weights * (truth - p)) - ridge * beta
        curvature = (design * (weights * p * (1 - p))[:, None]).T @ design + ridge * np.eye(2)
        step, share = np.linalg.solve(curvature, gradient), 1.0
        while share > 1e-6 and cost(beta + share * step) > cost(beta):
            share /= 2
        beta = beta + share * step
        if float(np.abs(share * step).max()) < 1e-8:
            break
    return float(beta[0]), float(beta[1])


def cross_validated(group: list[Child], plan: Mapping[str, float]) -> list[npt.NDArray[np.float64]]:
    """Each child's outputs from a network that never saw it."""
    where = folds(group, int(plan["folds"]), int(plan["seed"]))
    out: list[npt.NDArray[np.float64]] = [np.zeros((0, 2))] * len(group)
    for fold in range(int(plan["folds"])):
        network = trained([one for one, f in zip(group, where, strict=True) if f != fold], plan, int(plan["seed"]) + fold)
        for index in np.flatnonzero(where == fold):
            out[int(index)] = judged(network, group[int(index)])
    return out


def main() -> None:
    """Command: DATA OUT."""
    data, path = Path(sys.argv[1]), Path(sys.argv[2])
    plan = recipe("hand_maturity")
    group = children(data, int(plan["longest"]))
    numbers = calibration(group, cross_validated(group, plan))
    network = trained(group, plan, int(plan["seed"]))
    export(WithCalibration(network, numbers), torch.zeros(1, 1 + len(KINDS), PATCH, PATCH), path)


if __name__ == "__main__":
    main()
