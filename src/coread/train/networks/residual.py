"""A compact residual network for one grey image, made to be trained on a processor.

Basic blocks (He et al., CVPR 2016) with group norm, which neither blocks private training nor leaks across centres; each stage halves the
plane, the stem does too.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


class _Block(nn.Module):
    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.first_norm = nn.GroupNorm(max(1, after // 8), after)
        self.second = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.second_norm = nn.GroupNorm(max(1, after // 8), after)
        self.short: nn.Module = nn.Identity()
        if stride != 1 or before != after:
            self.short = nn.Sequential(nn.AvgPool2d(stride, ceil_mode=True), nn.Conv2d(before, after, 1, bias=False))
        nn.init.zeros_(self.second_norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        y = nn.functional.relu(self.first_norm(self.first(x)))
        return nn.functional.relu(self.second_norm(self.second(y)) + self.short(x))


class Residual(nn.Module):
    """Images (n, 1, h, w) to features (n, ``width``, h / 2 ** (1 + stages), ...); ``width`` is the last of ``widths``."""

    def __init__(self, stem: int, widths: Sequence[int], blocks: int) -> None:
        super().__init__()
        self.width = widths[-1]
        layers: list[nn.Module] = [nn.Conv2d(1, stem, 5, 2, 2, bias=False), nn.GroupNorm(max(1, stem // 8), stem), nn.ReLU()]
        before = stem
        for width in widths:
            layers += [_Block(before, width, 2), *(_Block(width, width, 1) for _ in range(blocks - 1))]
            before = width
        self.layers = nn.Sequential(*layers)

    def forward(self, image: Tensor) -> Tensor:
        """The feature map."""
        out: Tensor = self.layers(image)
        return out


def build(*, stem: int = 24, widths: Sequence[int] = (48, 96, 160), blocks: int = 1) -> Residual:
    """The network of a recipe's options: channels of the stem and of each stage, and blocks a stage."""
    return Residual(stem, tuple(widths), blocks)
