"""A compact residual network for one grey image, made to be trained on a processor.

Basic blocks (He et al., CVPR 2016); each stage halves the plane, the stem does too. Batch norm learns fastest and, when it reads, treats
every place alike. Group norm (`norm = "group"`) serves private training, which batch norm blocks; it sees the whole plane, so that a
finding in one corner changes the features everywhere and the evidence map says less surely where it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from coread.errors import DefinitionError

NORMS = ("batch", "group")


def _norm(kind: str, channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels) if kind == "batch" else nn.GroupNorm(max(1, channels // 8), channels)


class _Block(nn.Module):
    def __init__(self, before: int, after: int, stride: int, norm: str) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.first_norm = _norm(norm, after)
        self.second = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.second_norm = _norm(norm, after)
        self.short: nn.Module = nn.Identity()
        if stride != 1 or before != after:
            self.short = nn.Sequential(nn.AvgPool2d(stride, ceil_mode=True), nn.Conv2d(before, after, 1, bias=False))
        nn.init.zeros_(self.second_norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        y = nn.functional.relu(self.first_norm(self.first(x)))
        return nn.functional.relu(self.second_norm(self.second(y)) + self.short(x))


class Residual(nn.Module):
    """Images (n, 1, h, w) to features (n, ``width``, h / 2 ** (1 + stages), ...); ``width`` is the last of ``widths``."""

    def __init__(self, stem: int, widths: Sequence[int], blocks: int, norm: str) -> None:
        super().__init__()
        self.width = widths[-1]
        layers: list[nn.Module] = [nn.Conv2d(1, stem, 5, 2, 2, bias=False), _norm(norm, stem), nn.ReLU()]
        before = stem
        for width in widths:
            layers += [_Block(before, width, 2, norm), *(_Block(width, width, 1, norm) for _ in range(blocks - 1))]
            before = width
        self.layers = nn.Sequential(*layers)

    def forward(self, image: Tensor) -> Tensor:
        """The feature map."""
        out: Tensor = self.layers(image)
        return out


def build(*, stem: int = 24, widths: Sequence[int] = (48, 96, 160), blocks: int = 1, norm: str = "batch") -> Residual:
    """The network of a recipe's options: channels of the stem and of each stage, blocks a stage, and norm (batch or group).

    Raises:
        DefinitionError: another norm.
    """
    if norm not in NORMS:
        raise DefinitionError(f"network 'residual': norm must be one of {', '.join(NORMS)}, got {norm!r}")
    return Residual(stem, tuple(widths), blocks, norm)
