"""A knee [n, 1, 224, 224] to features: its look evened out, the part about the joint cut out, then EfficientNet-Lite0.

What evens the look out stands in the network, so that training, every engine and every reader share it: one plane is the image with the
local mean and contrast taken out, which any equalisation of the film leaves about as it is, the other the image with its own mean and
spread, which keeps how bright the bone is beside the joint. All of it is linear maps of rows and columns, written as matrices.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from coread.train.networks.efficientnet_lite import HEAD_CHANNELS, MIDDLE_CHANNELS, EfficientNetLite, freeze

SIDE = 224
# The part that is graded, in px of the square, and the size it is brought to.
TOP, BOTTOM, LEFT, RIGHT = 60, 204, 4, 220
ROWS, COLUMNS = 128, 192
# Width of the neighbourhood that local contrast is relative to, in px of the square.
LOCAL_PX = 12.0
# Added to the local deviation, in deviations of the image: plain areas stay plain.
GUARD = 0.12
# Grey is cut off at so many deviations.
CUT = 2.5


class Look(nn.Module):
    """The two planes (n, 2, 224, 224) in -1..1 of knees (n, 1, 224, 224), bone bright; offset and positive factor change nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("blur", blur_matrix(SIDE, LOCAL_PX), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """The planes."""
        blur: Tensor = self.get_buffer("blur")
        away = image - image.mean(dim=(1, 2, 3), keepdim=True)
        spread = away.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
        grey = away / spread.clamp(min=1e-6)
        mean = blur @ grey @ blur.T
        deviation = (blur @ grey.square() @ blur.T - mean.square()).clamp(min=0).sqrt()
        return torch.cat([(grey - mean) / (deviation + GUARD), grey], dim=1).clamp(-CUT, CUT) / CUT


class KneeLite(nn.Module):
    """Knees to features (n, 1392, 8, 12) of the part about the joint; ``width`` is their number."""

    def __init__(self, network: EfficientNetLite) -> None:
        super().__init__()
        self.width = MIDDLE_CHANNELS + HEAD_CHANNELS
        self.look = Look()
        self.network = network
        self.register_buffer("down", resize_matrix(BOTTOM - TOP, ROWS), persistent=False)
        self.register_buffer("across", resize_matrix(RIGHT - LEFT, COLUMNS), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """The feature map; those at a thirty-second of the resolution are spread over four places each, which keeps their mean."""
        cut = self.look(image)[:, :, TOP:BOTTOM, LEFT:RIGHT]
        middle, last = self.network.features(2 * (self.get_buffer("down") @ cut @ self.get_buffer("across").T))
        last = nn.functional.interpolate(last, scale_factor=2.0, mode="bilinear", align_corners=False)
        return torch.cat([middle, last], dim=1)


def blur_matrix(size: int, deviation: float) -> Tensor:
    """Gaussian mean along an axis of so many pixels, the border repeated beyond it: (size, size), each row summing to 1."""
    reach = int(4 * deviation + 0.5)
    kernel = [math.exp(-0.5 * (k / deviation) ** 2) for k in range(-reach, reach + 1)]
    matrix = torch.zeros(size, size, dtype=torch.float64)
    for row in range(size):
        for k, weight in zip(range(-reach, reach + 1), kernel, strict=True):
            matrix[row, min(max(row + k, 0), size - 1)] += weight
    return (matrix / matrix.sum(dim=1, keepdim=True)).float()


def resize_matrix(before: int, after: int) -> Tensor:
    """Linear interpolation along an axis, from so many pixels to so many: (after, before), pixel edges on pixel edges."""
    matrix = torch.zeros(after, before)
    for row in range(after):
        at = min(max((row + 0.5) * before / after - 0.5, 0.0), before - 1.0)
        low = min(int(at), before - 2)
        matrix[row, low], matrix[row, low + 1] = 1 - (at - low), at - low
    return matrix


def build(*, frozen: int = 4) -> KneeLite:
    """The network with random weights, its first ``frozen`` blocks constant."""
    network = EfficientNetLite(5, 2, frozen, 0.0)
    freeze(network)
    return KneeLite(network)
