"""The training loop: batches in, weights out; stops and resumes anywhere with the same result.

Weights travel as safetensors. The loop takes start weights and gives weights back, so that one loop serves training alone and
in federation.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from coread.train.recipe import Training

Weights = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training stands.

    Attributes:
        step: updates done.
        loss: mean loss of the last updates.
        figures: means of whatever else the loss function reports.
    """

    step: int
    loss: float
    figures: Mapping[str, float]


def rate_at(step: int, plan: Training) -> float:
    """Learning rate of an update as a share of the highest: linear rise, then a cosine to 2 %."""
    rise = min(1.0, (step + 1) / plan.warm_up)
    return rise * (0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, step / plan.steps))) + 0.02)


def fit(
    network: nn.Module,
    plan: Training,
    batch_loss: Callable[[nn.Module, np.random.Generator], tuple[Tensor, Mapping[str, float]]],
    run_path: Path,
    say: Callable[[Progress], None] = lambda _: None,
    every: int = 100,
) -> Weights:
    """Trains a network in place and returns the running mean of its weights.

    Args:
        network: with its start weights.
        plan: how long and how fast.
        batch_loss: draws a batch from the generator and returns its loss and figures to report. The generator of an update depends
            on seed and update alone, so that a resumed run draws what an unbroken one would.
        run_path: folder of this network's checkpoint (``checkpoint.safetensors``, ``checkpoint.json``); one that is there is resumed.
        say: called every ``every`` updates, when the checkpoint is written too.
        every: updates between checkpoints.
    """
    run_path.mkdir(parents=True, exist_ok=True)
    optimiser = torch.optim.AdamW(network.parameters(), lr=plan.rate, weight_decay=1e-4)
    mean = {name: value.clone() for name, value in network.state_dict().items()}
    start = _resume(run_path, network, optimiser, mean)
    recent: list[dict[str, float]] = []
    for step in range(start, plan.steps):
        for group in optimiser.param_groups:
            group["lr"] = plan.rate * rate_at(step, plan)
        network.train()
        loss, figures = batch_loss(network, np.random.default_rng([plan.seed, step]))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimiser.step()
        keep = min(plan.average, (step + 1) / (step + 20))
        with torch.no_grad():
            for name, value in network.state_dict().items():
                mean[name].mul_(keep).add_(value, alpha=1 - keep)
        recent.append({"loss": float(loss.detach()), **figures})
        if (step + 1) % every == 0 or step + 1 == plan.steps:
            _keep(run_path, network, optimiser, mean, step + 1)
            figures = {key: float(np.mean([one[key] for one in recent if key in one])) for key in recent[-1]}
            say(Progress(step + 1, figures.pop("loss"), figures))
            recent = []
    return mean


def _keep(run_path: Path, network: nn.Module, optimiser: torch.optim.Optimizer, mean: Weights, step: int) -> None:
    tensors = {f"mean.{k}": v for k, v in mean.items()} | {f"now.{k}": v for k, v in network.state_dict().items()}
    names = [name for name, _ in network.named_parameters()]
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"{key}.{names[index]}": value for key, value in state.items() if key in ("exp_avg", "exp_avg_sq")}
    save_file({name: value.detach().clone().contiguous() for name, value in tensors.items()}, run_path / "checkpoint.safetensors")
    (run_path / "checkpoint.json").write_text(json.dumps({"step": step}), encoding="utf-8")


def _resume(run_path: Path, network: nn.Module, optimiser: torch.optim.Optimizer, mean: dict[str, Tensor]) -> int:
    state_file, step_file = run_path / "checkpoint.safetensors", run_path / "checkpoint.json"
    if not (state_file.is_file() and step_file.is_file()):
        return 0
    step = int(json.loads(step_file.read_text(encoding="utf-8"))["step"])
    tensors = load_file(state_file)
    network.load_state_dict({name: tensors[f"now.{name}"] for name in network.state_dict()})
    for name in mean:
        mean[name] = tensors[f"mean.{name}"]
    state = {}
    for index, (name, _) in enumerate(network.named_parameters()):
        state[index] = {
            "step": torch.tensor(float(step)),
            "exp_avg": tensors[f"exp_avg.{name}"],
            "exp_avg_sq": tensors[f"exp_avg_sq.{name}"],
        }
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    return step
