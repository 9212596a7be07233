"""MONAI's DenseNet (Huang, CVPR 2017) as a trunk; needs the package monai, and for a cohort of thousands an accelerator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from coread.errors import MissingDependencyError


class Trunk(nn.Module):
    """Images (n, 1, h, w) to features (n, ``width``, h / 32, w / 32)."""

    def __init__(self, network: Any, width: int) -> None:
        super().__init__()
        self.features, self.width = network.features, width

    def forward(self, image: Tensor) -> Tensor:
        """The feature map, not below 0, as MONAI's own classifier takes it."""
        out: Tensor = nn.functional.relu(self.features(image))
        return out


def build(*, init_features: int = 32, growth_rate: int = 16, block_config: Sequence[int] = (4, 8, 12, 8)) -> Trunk:
    """The network of a recipe's options, as MONAI names them; DenseNet-121 is 64, 32, [6, 12, 24, 16].

    Raises:
        MissingDependencyError: monai is not installed.
    """
    try:
        from monai.networks.nets.densenet import DenseNet
    except ModuleNotFoundError as error:
        raise MissingDependencyError(f"network 'monai_densenet' needs {error.name}: pip install 'coread[train,monai]'") from None
    network = DenseNet(2, 1, 1, init_features=init_features, growth_rate=growth_rate, block_config=tuple(block_config))
    return Trunk(network, int(network.class_layers.out.in_features))
