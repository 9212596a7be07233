"""The training loop: batches in, weights out; stops and resumes anywhere with the same result.

Weights travel as safetensors. The loop takes start weights and gives weights back, so that one loop serves training alone and
in federation. Under ``torchrun`` every process draws the same batches, learns from its share and the gradients are averaged, so that one
recipe serves one processor and many.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from coread.errors import InputError, not_written
from coread.train.parallel import averaged_gradients, is_first, together
from coread.train.recipe import Training

Weights = Mapping[str, Tensor]
CHECKPOINT, BEST = "checkpoint.safetensors", "best.safetensors"


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


@dataclass(frozen=True, slots=True)
class Watch:
    """What happens beside the updates.

    Attributes:
        every: updates between checkpoints, each of which ``say`` is told of.
        say: told where the training stands.
        judge: error of the running mean of the weights on data for validation, the lower the better; None keeps the last weights.
        patience: checkpoints without a lower error after which the training stops; 0 never stops it.
        tick: told the number of updates after each one.
    """

    every: int = 100
    say: Callable[[Progress], None] = lambda _: None
    judge: Callable[[Weights], float] | None = None
    patience: int = 0
    tick: Callable[[int], None] = lambda _: None


@dataclass(slots=True)
class _State:
    step: int = 0
    best: float = math.inf
    best_step: int = 0


def rate_at(step: int, plan: Training) -> float:
    """Learning rate of an update as a share of the highest: linear rise, then a cosine to 2 %."""
    rise = min(1.0, (step + 1) / plan.warm_up)
    return rise * (0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, step / plan.steps))) + 0.02)


def fit(
    network: nn.Module,
    plan: Training,
    batch_loss: Callable[[nn.Module, np.random.Generator], tuple[Tensor, Mapping[str, float]]],
    run_path: Path,
    watch: Watch | None = None,
) -> Weights:
    """Trains a network in place and returns the running mean of its weights, at the step where validation was best if there is any.

    Args:
        network: with its start weights.
        plan: how long and how fast.
        batch_loss: draws a batch from the generator and returns its loss and figures to report. The generator of an update, and that of
            torch, depend on seed and update alone, so that a resumed run draws what an unbroken one would.
        run_path: folder of this network's checkpoint; one that is there is resumed.
        watch: checkpoints, progress and validation.

    Raises:
        InputError: a checkpoint cannot be written or is not of this network; what was written before is kept.
    """
    watch = watch or Watch()
    run_path.mkdir(parents=True, exist_ok=True)
    optimiser = torch.optim.AdamW(network.parameters(), lr=plan.rate, weight_decay=plan.decay)
    mean = {name: value.clone() for name, value in network.state_dict().items()}
    state = _resume(run_path, network, optimiser, mean)
    recent: list[dict[str, float]] = []
    while state.step < plan.steps and not _is_over(state, watch):
        step = state.step
        for group in optimiser.param_groups:
            group["lr"] = plan.rate * rate_at(step, plan)
        network.train()
        torch.manual_seed(plan.seed * 1_000_003 + step)
        loss, figures = batch_loss(network, np.random.default_rng([plan.seed, step]))
        optimiser.zero_grad()
        loss.backward()
        averaged_gradients(network)
        torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimiser.step()
        _average(mean, network, min(plan.average, (step + 1) / (step + 20)))
        recent.append({"loss": float(loss.detach()), **figures})
        state.step = step + 1
        watch.tick(state.step)
        if state.step % watch.every == 0 or state.step == plan.steps:
            told = {key: float(np.mean([one[key] for one in recent if key in one])) for key in recent[-1]}
            if watch.judge is not None:
                told["validation"] = _judged(watch.judge, mean, state, run_path)
            _keep(run_path, network, optimiser, mean, state)
            watch.say(Progress(state.step, told.pop("loss"), told))
            recent = []
    if watch.judge is None:
        return mean
    together(0.0)  # the first process has written by now
    best: Weights = load_file(run_path / BEST)
    return best


def _is_over(state: _State, watch: Watch) -> bool:
    return bool(watch.patience) and state.best_step > 0 and state.step - state.best_step >= watch.patience * watch.every


def _average(mean: dict[str, Tensor], network: nn.Module, keep: float) -> None:
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                mean[name].mul_(keep).add_(value, alpha=1 - keep)
            else:  # a counter has no mean
                mean[name].copy_(value)


def _judged(judge: Callable[[Weights], float], mean: Weights, state: _State, run_path: Path) -> float:
    """The error now; the weights are kept where it is the lowest so far, before the checkpoint that will speak of them."""
    error = together(judge(mean))
    if error < state.best:
        state.best, state.best_step = error, state.step
        _write(dict(mean), run_path / BEST, {})
    return error


def _write(tensors: Mapping[str, Tensor], path: Path, facts: Mapping[str, str]) -> None:
    """A file of weights that is there as a whole or not at all, whenever the program is killed."""
    if not is_first():
        return
    part = path.with_name(f".{path.name}.part")
    try:
        save_file({name: value.detach().clone().contiguous() for name, value in tensors.items()}, part, metadata=dict(facts))
        part.replace(path)
    except (OSError, SafetensorError) as error:
        part.unlink(missing_ok=True)
        cause = getattr(error, "strerror", None) or error
        raise not_written(
            path, OSError(0, f"{cause}; free space and give the same command again, it goes on from the last checkpoint")
        ) from error


def _keep(run_path: Path, network: nn.Module, optimiser: torch.optim.Optimizer, mean: Weights, state: _State) -> None:
    tensors = {f"mean.{k}": v for k, v in mean.items()} | {f"now.{k}": v for k, v in network.state_dict().items()}
    names = [name for name, _ in network.named_parameters()]
    for index, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"{key}.{names[index]}": value for key, value in moments.items() if key in ("exp_avg", "exp_avg_sq")}
    facts = {"step": str(state.step), "best": repr(state.best), "best_step": str(state.best_step)}
    _write(tensors, run_path / CHECKPOINT, facts)


def _resume(run_path: Path, network: nn.Module, optimiser: torch.optim.Optimizer, mean: dict[str, Tensor]) -> _State:
    file = run_path / CHECKPOINT
    if not file.is_file():
        return _State()
    try:
        with safe_open(file, framework="pt") as opened:
            facts = opened.metadata() or {}
        tensors = load_file(file)
        state = _State(int(facts["step"]), float(facts.get("best", "inf")), int(facts.get("best_step", "0")))
        network.load_state_dict({name: tensors[f"now.{name}"] for name in network.state_dict()})
        moments = {
            index: {
                "step": torch.tensor(float(state.step)),
                "exp_avg": tensors[f"exp_avg.{name}"],
                "exp_avg_sq": tensors[f"exp_avg_sq.{name}"],
            }
            for index, (name, _) in enumerate(network.named_parameters())
        }
    except (SafetensorError, KeyError, RuntimeError, OSError) as error:
        raise InputError(f"{file}: is no checkpoint of this network; remove its folder to begin anew, or choose another one") from error
    for name in mean:
        mean[name].copy_(tensors[f"mean.{name}"])
    optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})
    return state
