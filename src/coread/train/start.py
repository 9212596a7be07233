"""Start weights from another training, of the same task or of none: what fits is taken."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from coread.errors import DefinitionError

LEAST_SHARE = 0.5


def load_start(network: nn.Module, path: Path) -> None:
    """Copies the weights of a file wherever name and shape agree.

    Raises:
        DefinitionError: the file cannot be read, or less than half of the network finds its weights there.
    """
    try:
        given = load_file(path)
    except (OSError, SafetensorError) as error:
        raise DefinitionError(f"{path}: is no file of weights (safetensors) to start from ({error})") from error
    own = network.state_dict()
    taken = {name: value for name, value in given.items() if name in own and own[name].shape == value.shape}
    share = sum(value.numel() for value in taken.values()) / sum(value.numel() for value in own.values())
    if share < LEAST_SHARE:
        raise DefinitionError(f"{path}: only {share:.0%} of this network's weights are in it; take weights of the same network and options")
    network.load_state_dict({**own, **taken})
