"""The small hand networks' common part: one plain convolutional network, a training loop of a few minutes on one core, export.

Serves the side marker, the maturity and the scope networks (:mod:`coread.train.hand_marker`, ``hand_maturity``, ``hand_scope``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from coread.errors import DefinitionError
from coread.train.recipe import RECIPES, read_toml

Batch = tuple[torch.Tensor, ...]


def recipe(name: str) -> Mapping[str, float]:
    """The numbers of ``recipes/<name>.toml``.

    Raises:
        DefinitionError: the file is absent, is no TOML, or holds something that is not a number.
    """
    path = RECIPES / f"{name}.toml"
    table = read_toml(path)
    for key, value in table.items():
        if not isinstance(value, (int, float)):
            raise DefinitionError(f"{path.name}: '{key}' must be a number, got {value!r}")
    return table


class SmallNetwork(nn.Module):
    """Blocks of two 3x3 convolutions with group norm, each halving the plane, then the mean over the plane and one linear layer.

    Args:
        channels_in: channels of the input plane.
        widths: channels of each block.
        outputs: numbers given out.
        stride: step of the very first convolution; 2 makes the network four times as fast.
    """

    def __init__(self, channels_in: int, widths: tuple[int, ...], outputs: int, stride: int = 1) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for width in widths:
            blocks += [_layer(channels_in, width, stride), _layer(width, width, 2)]
            channels_in, stride = width, 1
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(channels_in, outputs)

    def forward(self, plane: torch.Tensor) -> torch.Tensor:
        """[batch, channels, y, x] to [batch, outputs]."""
        features = self.blocks(plane).mean(dim=(2, 3))
        out: torch.Tensor = self.head(self.dropout(features))
        return out


def _layer(before: int, after: int, stride: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.GroupNorm(min(8, after // 4), after), nn.ReLU())


def fit(
    network: nn.Module,
    batches: Iterator[Batch],
    loss: Callable[[torch.Tensor, Batch], torch.Tensor],
    steps: int,
    rate: float,
) -> list[float]:
    """Trains for a number of steps with AdamW and one cosine of the learning rate; gives the mean loss of each tenth.

    A batch is a tuple whose first part goes into the network; the loss sees the output and the whole batch.
    """
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=rate, total_steps=steps, pct_start=0.1)
    network.train()
    trace = []
    for _ in range(steps):
        batch = next(batches)
        value = loss(network(batch[0]), batch)
        optimiser.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        trace.append(float(value.detach()))
    network.eval()
    return [float(np.mean(part)) for part in np.array_split(np.array(trace), min(10, steps))]


def outputs(network: nn.Module, planes: npt.NDArray[np.float32], size: int = 64) -> npt.NDArray[np.float32]:
    """The network's outputs over many planes, in batches, without gradients."""
    network.eval()
    with torch.no_grad():
        parts = [network(torch.from_numpy(planes[i : i + size])).numpy() for i in range(0, len(planes), size)]
    return np.concatenate(parts).astype(np.float32)


def export(network: nn.Module, example: torch.Tensor, path: Path) -> None:
    """Writes the network as ONNX with a free batch size, weights inside the one file."""
    network.eval()
    batch = torch.export.Dim("batch", min=1, max=4096)
    program = torch.onnx.export(
        network,
        (torch.cat([example, example]),),
        dynamo=True,
        dynamic_shapes=({0: batch},),
        input_names=["plane"],
        verbose=False,
    )
    if program is None:
        raise RuntimeError("the ONNX exporter gave no program back")
    program.save(str(path), external_data=False)
