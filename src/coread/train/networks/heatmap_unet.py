"""A small U-Net from one grey image to heat maps, with its own contrast normalisation inside.

The normalisation stands in the network, so that training and every later engine share it by construction: the image
enters as it is (any scale and offset), channel one is the image with mean 0 and deviation 1, channel two the same
with the local mean and contrast taken out, which shows a faint hand beside a bright collimator edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class HeatmapUnetConfig:
    """Size of the network.

    Attributes:
        outputs: number of heat maps.
        stem: channels at half resolution.
        widths: channels of the further levels, each at half the resolution of the one before.
        output_level: 0 for maps at half of the image's resolution, 1 for a quarter.
        local_px: side of the square over which the local mean and contrast are taken, in px (odd).
    """

    outputs: int
    stem: int
    widths: tuple[int, ...]
    output_level: int
    local_px: int


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.GroupNorm(outputs // (16 if outputs % 16 == 0 else 8), outputs),
        nn.ReLU(inplace=True),
    )


class HeatmapUnet(nn.Module):
    """Images (n, 1, h, w), h and w multiples of 2 ** (1 + levels), to logits (n, outputs, h / 2 or 4, w / 2 or 4)."""

    def __init__(self, config: HeatmapUnetConfig) -> None:
        super().__init__()
        self.config = config
        widths: Sequence[int] = (config.stem, *config.widths)
        self.stem = nn.Sequential(
            nn.Conv2d(2, config.stem, 5, stride=2, padding=2, bias=False), nn.GroupNorm(1, config.stem), nn.ReLU(inplace=True)
        )
        first = _block(config.stem, config.stem) if config.output_level == 0 else nn.Identity()
        self.down = nn.ModuleList([first])
        for before, width in pairwise(widths):
            self.down.append(nn.Sequential(_block(before, width, stride=2), _block(width, width)))
        self.across = nn.ModuleList()
        self.up = nn.ModuleList()
        for level in range(len(widths) - 2, config.output_level - 1, -1):
            self.across.append(nn.Conv2d(widths[level + 1], widths[level], 1))
            self.up.append(_block(widths[level], widths[level]))
        last = widths[config.output_level]
        self.head = nn.Sequential(_block(last, last + 16), nn.Conv2d(last + 16, config.outputs, 1))
        nn.init.normal_(self.head[1].weight, std=0.01)
        nn.init.constant_(self.head[1].bias, -4.0)

    def normalise(self, image: Tensor) -> Tensor:
        """The two input channels of an image (n, 1, h, w)."""
        centred = image - image.mean(dim=(2, 3), keepdim=True)
        whole = centred / torch.sqrt((centred * centred).mean(dim=(2, 3), keepdim=True) + 1e-6)
        local = (whole - self._spread(whole)) / torch.sqrt(torch.relu(self._spread((whole - self._spread(whole)) ** 2)) + 0.01)
        return torch.cat([whole.clamp(-4, 4), local.clamp(-4, 4)], dim=1)

    def _spread(self, image: Tensor) -> Tensor:
        """Local mean over about ``local_px``, taken at an eighth of the resolution: a plain box would cost more than the network."""
        small = functional.avg_pool2d(image, 8)
        side = max(1, self.config.local_px // 16 * 2 + 1)
        small = functional.avg_pool2d(small, side, 1, side // 2, count_include_pad=False)
        return functional.interpolate(small, scale_factor=8.0, mode="bilinear", align_corners=False)

    def forward(self, image: Tensor) -> Tensor:
        """Logits of the heat maps."""
        x = self.stem(self.normalise(image))
        kept = []
        for down in self.down:
            x = down(x)
            kept.append(x)
        kept.pop()
        for across, up in zip(self.across, self.up, strict=True):
            skip = kept.pop()
            x = up(skip + functional.interpolate(across(x), scale_factor=2.0, mode="nearest"))
        out: Tensor = self.head(x)
        return out


def build(*, outputs: int, stem: int, widths: Sequence[int], output_level: int, local_px: int) -> HeatmapUnet:
    """The network of a recipe's options."""
    return HeatmapUnet(HeatmapUnetConfig(outputs, stem, tuple(widths), output_level, local_px))
