"""Several processes that learn one network, as ``torchrun`` starts them; alone, everything here does nothing.

Every process draws the same batch from the same generator and takes its share of it; the mean of the shares' gradients is that of the
whole batch. Networks without batch norm therefore learn what one process would, but for rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import distributed, nn


@contextmanager
def processes() -> Iterator[None]:
    """Joins the processes that ``torchrun`` started, and leaves them at the end."""
    if not distributed.is_available() or not distributed.is_torchelastic_launched() or distributed.is_initialized():
        yield
        return
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield
        distributed.barrier()
    finally:
        distributed.destroy_process_group()


def device() -> torch.device:
    """Where this process learns: its own GPU where there is one."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", distributed.get_rank() % torch.cuda.device_count() if _joined() else 0)


def _joined() -> bool:
    return bool(distributed.is_available() and distributed.is_initialized())


def is_first() -> bool:
    """Whether this process writes files; alone it does."""
    return not _joined() or distributed.get_rank() == 0


def share_of_batch(size: int) -> slice:
    """The rows of a batch that this process learns from; all of them alone. ``size`` must be a multiple of the processes."""
    if not _joined():
        return slice(0, size)
    each = size // distributed.get_world_size()
    return slice(distributed.get_rank() * each, (distributed.get_rank() + 1) * each)


def count() -> int:
    """How many processes there are."""
    return distributed.get_world_size() if _joined() else 1


def averaged_gradients(network: nn.Module) -> None:
    """The mean of every gradient over the processes, in place."""
    if not _joined():
        return
    for parameter in network.parameters():
        if parameter.grad is not None:
            distributed.all_reduce(parameter.grad)
            parameter.grad /= distributed.get_world_size()


def together(value: float) -> float:
    """The first process's value, so that all decide alike; later files of it can be read by all when this returns."""
    if not _joined():
        return value
    told = torch.tensor([value], dtype=torch.float64, device=device())
    distributed.broadcast(told, 0)
    return float(told[0])
