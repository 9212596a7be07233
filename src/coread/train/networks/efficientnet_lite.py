"""EfficientNet-Lite0 without normalisation layers, for grades of one radiograph, with a map of what spoke for a higher grade.

Tan and Le, ICML 2019 (EfficientNet); the Lite variant leaves out squeeze-and-excitation and swish, so it is fast on a CPU. Its batch
normalisations are folded into the convolutions (``folded``), so that nothing leaks between the images of a batch and a resumed training is
the same training.

Each grade's score is the mean over places of a linear map of the features at a sixteenth and at a thirty-second of the resolution, so a
score is exactly the sum of what its places gave (class activation, Zhou, CVPR 2016): the map costs no second pass.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

# (expansion, kernel, stride, channels in, channels out, repeats) of each stage.
STAGES = (
    (1, 3, 1, 32, 16, 1),
    (6, 3, 2, 16, 24, 2),
    (6, 5, 2, 24, 40, 2),
    (6, 3, 2, 40, 80, 3),
    (6, 5, 1, 80, 112, 3),
    (6, 5, 2, 112, 192, 4),
    (6, 3, 1, 192, 320, 1),
)
# Blocks before the features at a sixteenth of the resolution are taken, and their channels.
MIDDLE = 11
MIDDLE_CHANNELS = 112
HEAD_CHANNELS = 1280
# Batch normalisation's guard against division by zero, as the weights were trained with.
EPSILON = 1e-3


def _conv(inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2 if stride == 1 else 0, groups=groups)


def _padded(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """The rim that TensorFlow gives a convolution with stride 2 on an even image: less before than behind."""
    if conv.stride[0] == 1:
        return x
    before, behind = (conv.kernel_size[0] - 2) // 2, (conv.kernel_size[0] - 1) // 2
    return functional.pad(x, (before, behind, before, behind))


class Block(nn.Module):
    """Inverted residual: widen, filter each channel, narrow."""

    def __init__(self, expansion: int, kernel: int, stride: int, channels: tuple[int, int]) -> None:
        super().__init__()
        inputs, outputs = channels
        wide = inputs * expansion
        self.expand = _conv(inputs, wide, 1, 1) if expansion > 1 else None
        self.deep = _conv(wide, wide, kernel, stride, groups=wide)
        self.project = _conv(wide, outputs, 1, 1)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """[batch, channels, y, x] to the same, halved where the stride is 2."""
        y = x if self.expand is None else functional.relu6(self.expand(x))
        y = self.project(functional.relu6(self.deep(_padded(y, self.deep))))
        return x + y if self.residual else y


class EfficientNetLite(nn.Module):
    """Grades of an image with channels in -2..2, rows and columns multiples of 32."""

    def __init__(self, grades: int, inputs: int, frozen: int, dropout: float) -> None:
        super().__init__()
        self.stem = _conv(inputs, 32, 3, 2)
        blocks = []
        for expansion, kernel, stride, before, after, repeats in STAGES:
            for index in range(repeats):
                first = index == 0
                blocks.append(Block(expansion, kernel, stride if first else 1, (before if first else after, after)))
        self.blocks = nn.ModuleList(blocks)
        self.head = _conv(STAGES[-1][4], HEAD_CHANNELS, 1, 1)
        self.dropout = nn.Dropout(dropout)
        self.middle = nn.Linear(MIDDLE_CHANNELS, grades)
        self.score = nn.Linear(HEAD_CHANNELS, grades)
        nn.init.zeros_(self.middle.weight)
        nn.init.zeros_(self.score.weight)
        self.frozen = frozen

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features at a sixteenth [batch, 112, y, x] and at a thirty-second [batch, 1280, y, x] of the resolution."""
        x = functional.relu6(self.stem(_padded(x, self.stem)))
        middle = x
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index + 1 == MIDDLE:
                middle = x
        return middle, functional.relu6(self.head(x))

    def forward(self, x: Tensor) -> Tensor:
        """[batch, channels, y, x] to scores [batch, grades] before the softmax."""
        middle, last = self.features(x)
        scores: Tensor = self.score(self.dropout(last.mean(dim=(2, 3)))) + self.middle(middle.mean(dim=(2, 3)))
        return scores

    def with_map(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scores, and a map [batch, y, x] at a sixteenth: each place's part in the expected grade, to first order.

        The derivative of the expected grade E by the score of grade g is p(g) (g - E); the map is the places' scores weighted with it.
        """
        middle, last = self.features(x)
        scores = self.score(last.mean(dim=(2, 3))) + self.middle(middle.mean(dim=(2, 3)))
        share = scores.softmax(dim=1)
        grade = torch.arange(scores.shape[1], dtype=share.dtype)
        weight = share * (grade - (share * grade).sum(dim=1, keepdim=True))
        coarse = torch.einsum("bg,gc,bcyx->byx", weight, self.score.weight, last)
        fine = torch.einsum("bg,gc,bcyx->byx", weight, self.middle.weight, middle)
        return scores, fine + functional.interpolate(coarse[:, None], scale_factor=2.0, mode="bilinear", align_corners=False)[:, 0]


def folded(state: Mapping[str, Tensor], inputs: tuple[tuple[int, ...], ...]) -> dict[str, Tensor]:
    """Weights of the published EfficientNet-Lite0 (PyTorch port) with each batch normalisation folded into its convolution.

    Args:
        state: of the port, read from its file.
        inputs: for each channel of ours, the colours (0 red, 1 green, 2 blue) of the first convolution that it takes over.

    Returns:
        Everything but the two layers of scores.
    """
    found: dict[str, Tensor] = {}

    def take(ours: str, conv: str, norm: str) -> None:
        scale = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + EPSILON).sqrt()
        found[f"{ours}.weight"] = state[f"{conv}.weight"] * scale[:, None, None, None]
        found[f"{ours}.bias"] = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale

    take("stem", "_conv_stem", "_bn0")
    found["stem.weight"] = torch.stack([found["stem.weight"][:, list(colours)].sum(dim=1) for colours in inputs], dim=1)
    for index in range(sum(stage[-1] for stage in STAGES)):
        theirs = f"_blocks.{index}"
        if f"{theirs}._expand_conv.weight" in state:
            take(f"blocks.{index}.expand", f"{theirs}._expand_conv", f"{theirs}._bn0")
        take(f"blocks.{index}.deep", f"{theirs}._depthwise_conv", f"{theirs}._bn1")
        take(f"blocks.{index}.project", f"{theirs}._project_conv", f"{theirs}._bn2")
    take("head", "_conv_head", "_bn1")
    return found


def freeze(network: EfficientNetLite) -> None:
    """Makes the stem and the first blocks constants, which spares their backward pass: edges are edges on every image."""
    for part in [network.stem, *network.blocks[: network.frozen]]:
        for layer in part.modules():
            if isinstance(layer, nn.Conv2d):
                for name in ("weight", "bias"):
                    value = getattr(layer, name).detach()
                    delattr(layer, name)
                    layer.register_buffer(name, value)


def build(grades: int = 5, inputs: int = 2, frozen: int = 3, dropout: float = 0.2) -> EfficientNetLite:
    """The network with random weights; ``frozen`` counts the blocks that ``freeze`` makes constant."""
    return EfficientNetLite(grades, inputs, frozen, dropout)
