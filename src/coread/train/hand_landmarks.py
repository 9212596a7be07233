"""Trains the two landmark networks of the hand after ``recipes/hand_landmarks.toml``.

Rounds: 1 learns from the label sets; :mod:`coread.train.hand_relabel` then makes better labels with the fine network of round 1;
2 starts from the weights of round 1 and learns from those. Landmarks of radius, ulna and carpus come from the hands of
``recipes/hand_wrists.toml`` and from simulated ones until a network has learned them.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as PillowImage
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from coread.errors import InputError
from coread.train.export import export_onnx
from coread.train.hand_batches import Sample, coarse_sample, fine_sample
from coread.train.hand_labels import LabelledHand, read_grey, read_hands, read_points, simulated_hands, with_wrists
from coread.train.loop import Progress, Watch, fit
from coread.train.losses import batch_error, gaussian_maps, place_loss, presence_loss
from coread.train.recipe import RECIPES, Training, build_network, read_toml, typed
from coread.vision.pose import HAND_FRAME
from coread.vision.shape import N_LANDMARKS

STRIDE = 4


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """One network's part of the recipe.

    Attributes:
        network: file in ``train/networks``.
        options: of the network.
        steps, batch, rate, seed: see :class:`coread.train.recipe.Training`.
        target_px: deviation of a target, in px of the input, where the label is sure.
        side_px: side of the coarse network's input.
        place_weight: weight of the place loss beside the presence loss (coarse).
        polarity_weight: weight of the polarity loss (coarse).
        hidden_weight: weight of "nowhere in sight" for a landmark that is not visible (fine).
    """

    network: str
    options: Mapping[str, Any]
    steps: int
    batch: int
    rate: float
    seed: int
    target_px: float
    side_px: int = 0
    place_weight: float = 0.0
    polarity_weight: float = 0.0
    hidden_weight: float = 0.0

    @property
    def training(self) -> Training:
        """What the loop needs."""
        return Training(self.steps, self.batch, self.rate, self.seed)

    @property
    def input_size(self) -> tuple[int, int]:
        """(rows, columns) of the network's input."""
        return (self.side_px, self.side_px) if self.side_px else HAND_FRAME.size


@dataclass(frozen=True, slots=True)
class LandmarkRecipe:
    """The recipe.

    Attributes:
        name: of the recipe.
        train_keypoints: hands with points by hand that are learned from; the others of that set are for testing.
        hold_out_every: one in so many of the hands labelled by a model is held out.
        simulated: number of simulated hands.
        others: images that show no hand: tables below the cohort (column ``image``, files in ``images/`` beside it) and how many of each.
        coarse: the network that finds hands.
        fine: the network that places landmarks.
    """

    name: str
    train_keypoints: tuple[str, ...]
    hold_out_every: int
    simulated: int
    others: Mapping[str, int]
    coarse: NetworkPlan
    fine: NetworkPlan


def read_recipe(path: Path | None = None) -> LandmarkRecipe:
    """The typed recipe; None = the shipped one.

    Raises:
        DefinitionError: the message names file and key.
    """
    file = path or RECIPES / "hand_landmarks.toml"
    table = dict(read_toml(file))
    for part in ("coarse", "fine"):
        table[part] = typed(NetworkPlan, table.get(part, {}), f"{file.name} [{part}]")
    return typed(LandmarkRecipe, table, file.name)


def split_hands(recipe: LandmarkRecipe, cohort: Path, relabels: Path | None = None) -> tuple[list[LabelledHand], list[LabelledHand]]:
    """Hands to learn from and hands held out; hands for testing are never opened.

    Raises:
        InputError: the cohort lacks a hand that the recipe names.
    """
    named = sorted(read_points(cohort / "hand_joints" / "keypoints21.csv"))
    missing = sorted(set(recipe.train_keypoints) - set(named))
    if missing:
        raise InputError(f"{cohort}/hand_joints: lacks {', '.join(missing)}, which the recipe {recipe.name} learns from")
    hands = read_hands(cohort, frozenset(named) - set(recipe.train_keypoints), relabels)
    by_model = sorted(hand.name for hand in hands if hand.source == "pseudo13")
    held = set(by_model[:: recipe.hold_out_every])
    return [hand for hand in hands if hand.name not in held], [hand for hand in hands if hand.name in held]


PHOTOGRAPHS = ("camera", "coins", "moon", "page", "text", "clock", "brick", "grass", "gravel", "astronaut", "coffee", "chelsea", "rocket")
"""Pictures of scikit-image that show no hand."""


def read_others(recipe: LandmarkRecipe, cohort: Path) -> list[np.ndarray[Any, np.dtype[np.uint8]]]:
    """Images that show no hand, for the coarse network: those that the recipe names, and photographs of scikit-image.

    Raises:
        InputError: a table of the recipe is missing from the cohort.
    """
    import skimage.data

    out = [np.asarray(PillowImage.fromarray(getattr(skimage.data, name)()).convert("L")) for name in PHOTOGRAPHS]
    rng = np.random.default_rng(recipe.coarse.seed)
    for table, count in recipe.others.items():
        path = cohort / table
        if not path.is_file():
            raise InputError(f"{path}: missing, the recipe {recipe.name} takes {count} images that show no hand from it")
        with path.open(encoding="utf-8", newline="") as file:
            names = [row["image"] for row in csv.DictReader(file)]
        for k in rng.permutation(len(names))[:count]:
            out.append(np.round(read_grey(path.parent / "images" / names[k]) * 255).astype(np.uint8))
    return out


def chances(hands: Sequence[LabelledHand], by_eye: Mapping[str, object]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """How often each hand is drawn: the older the likelier, since readers of adults are what is wanted; hands labelled by people most."""
    weight = np.array([2.5 if h.age_months >= 144 else 1.2 if h.age_months >= 96 else 1.0 for h in hands])
    weight *= np.array([8.0 if h.name in by_eye else {"keypoints21": 4.0, "simulated": 4.0}.get(h.source, 1.0) for h in hands])
    return np.asarray(weight / weight.sum())


def tensors(samples: Sequence[Sample]) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Images, landmarks in cells, their doubt in cells (1 where unknown), which are visible, which are known."""
    images = torch.from_numpy(np.stack([s.image for s in samples]))[:, None]
    points = torch.from_numpy(np.stack([(s.points + 0.5) / STRIDE - 0.5 for s in samples])).float()
    doubt = torch.from_numpy(np.stack([s.deviation_px for s in samples])).float() / STRIDE
    visible = torch.from_numpy(np.stack([s.visible for s in samples]))
    known = torch.isfinite(doubt)
    return images, points, torch.where(known, doubt, torch.ones(())), visible, known


def coarse_loss(network: nn.Module, samples: Sequence[Sample], plan: NetworkPlan) -> tuple[Tensor, Mapping[str, float]]:
    """Presence and place of every landmark, and polarity around them."""
    images, points, doubt, visible, known = tensors(samples)
    sure = plan.target_px / STRIDE
    spread = torch.sqrt(sure**2 + doubt**2)
    maps = network(images)
    target = gaussian_maps(points, spread.clamp(max=3), (maps.shape[2], maps.shape[3])) * visible[..., None, None]
    weight = (known | ~visible).float() * torch.where(visible, sure / spread, torch.ones(()))
    loss = presence_loss(maps[:, :N_LANDMARKS], target, weight)
    seen = (visible & known).float() * (sure / spread)
    loss = loss + plan.place_weight * place_loss(maps[:, :N_LANDMARKS], points, spread, seen, 0 * seen)
    inverted = torch.tensor([s.inverted for s in samples])
    area = target.amax(dim=1) * (inverted >= 0)[:, None, None]
    wanted = (inverted == 1).float()[:, None, None].expand_as(area)
    polarity = functional.binary_cross_entropy_with_logits(maps[:, N_LANDMARKS], wanted, reduction="none")
    loss = loss + plan.polarity_weight * (polarity * area).sum() / area.sum().clamp(min=1)
    return loss, {"error_px": STRIDE * float(batch_error(maps[:, :N_LANDMARKS], points, seen))}


def fine_loss(network: nn.Module, samples: Sequence[Sample], plan: NetworkPlan) -> tuple[Tensor, Mapping[str, float]]:
    """Place of every landmark in the upright crop."""
    images, points, doubt, visible, known = tensors(samples)
    sure = plan.target_px / STRIDE
    spread = torch.sqrt(sure**2 + doubt**2)
    maps = network(images)
    weight = (visible & known).float() * (sure / spread)
    loss = place_loss(maps, points, spread, weight, plan.hidden_weight * (~visible).float())
    return loss, {"error_px": STRIDE * float(batch_error(maps, points, weight))}


def train(
    recipe_path: Path | None,
    cohort_path: Path,
    run_path: Path,
    relabels: Path | None = None,
    start: Path | None = None,
    say: Callable[[str, Progress], None] = lambda _name, _progress: None,
) -> Mapping[str, Path]:
    """Trains both networks and exports them.

    Args:
        recipe_path: the recipe; None = the shipped one.
        cohort_path: folder that holds ``hand_joints/`` and the folders of ``others``.
        run_path: checkpoints, ``coarse.safetensors``, ``fine.safetensors`` and both as ONNX go here; a run that is there is resumed.
        relabels: labels of the second round; None = first round.
        start: folder of an earlier run whose weights are the start (safetensors of the same names). Without it the fine network
            starts from chance and the coarse one from the fine one.
        say: told of progress, with the network's name.

    Returns:
        The two ONNX files by name.
    """
    recipe = read_recipe(recipe_path)
    hands, _ = split_hands(recipe, cohort_path, relabels)
    out: dict[str, Path] = {}
    for name, plan in (("fine", recipe.fine), ("coarse", recipe.coarse)):
        torch.manual_seed(plan.seed)
        network = build_network(plan.network, plan.options)
        if start is not None:
            network.load_state_dict(load_file(start / f"{name}.safetensors"))
        elif name == "coarse":
            start_from(network, load_file(run_path / "fine.safetensors"))
        draw = coarse_draw(recipe, cohort_path, hands) if name == "coarse" else fine_draw(recipe, hands, relabels is not None)
        watch = Watch(say=lambda progress, who=name: say(who, progress))  # type: ignore[misc]
        mean = fit(network, plan.training, draw, run_path / name, watch)
        network.load_state_dict(dict(mean))
        save_file({key: value.contiguous() for key, value in mean.items()}, run_path / f"{name}.safetensors")
        out[name] = run_path / f"hand_{name}.onnx"
        export_onnx(network, (1, *plan.input_size), out[name], {"side": str(plan.side_px), "calibration": {}, "recipe": recipe.name})
    return out


def start_from(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copies the weights of another network wherever name and shape agree; of a longer tensor the first rows."""
    own = network.state_dict()
    for name, value in weights.items():
        if name in own and value.ndim and own[name].shape[1:] == value.shape[1:] and len(own[name]) >= len(value):
            own[name][: len(value)] = value
    network.load_state_dict(own)


Draw = Callable[[nn.Module, np.random.Generator], tuple[Tensor, Mapping[str, float]]]


def coarse_draw(recipe: LandmarkRecipe, cohort: Path, hands: Sequence[LabelledHand]) -> Draw:
    """Batches of the coarse network."""
    others = read_others(recipe, cohort)
    wrists = read_toml(RECIPES / "hand_wrists.toml")
    hands = with_wrists(list(hands), wrists, True) + simulated_hands(recipe.simulated)
    chance = chances(hands, {})
    plan = recipe.coarse

    def draw(network: nn.Module, rng: np.random.Generator) -> tuple[Tensor, Mapping[str, float]]:
        picked = [[hands[k] for k in rng.choice(len(hands), 3, p=chance)] for _ in range(plan.batch)]
        return coarse_loss(network, [coarse_sample(three, others, rng, plan.side_px) for three in picked], plan)

    return draw


def fine_draw(recipe: LandmarkRecipe, hands: Sequence[LabelledHand], carpus_known: bool) -> Draw:
    """Batches of the fine network; ``carpus_known``: whether the labels of landmarks 0-12 come from a network that has learned them."""
    wrists = read_toml(RECIPES / "hand_wrists.toml")
    all_hands = with_wrists(list(hands), wrists, carpus_known) + simulated_hands(recipe.simulated)
    chance = chances(all_hands, wrists)
    plan = recipe.fine

    def draw(network: nn.Module, rng: np.random.Generator) -> tuple[Tensor, Mapping[str, float]]:
        picked = [all_hands[k] for k in rng.choice(len(all_hands), plan.batch, p=chance)]
        return fine_loss(network, [fine_sample(hand, rng) for hand in picked], plan)

    return draw
