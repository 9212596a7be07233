"""Four ways to learn grades, each as a loss on logits and as the probabilities that the logits mean.

Targets are probabilities of the grades, so that the opinions of several readers and mixed images need no other loss.

- ``nominal``: softmax and cross entropy; the grades have no order.
- ``soft``: softmax against targets spread to the neighbouring grades (Diaz & Marathe, CVPR 2019).
- ``coral``: P(grade > j) from one score with a threshold each (Cao, Mirjalili & Raschka, Pattern Recognit Lett 2020;140:325).
- ``corn``: P(grade > j | grade > j - 1) (Shi, Cao & Raschka, Pattern Anal Appl 2023;26:941).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

LOSSES = ("nominal", "soft", "coral", "corn")
SPREAD = 2.0
"""Log odds that a soft target loses with each grade away from the truth."""
LEAST = 1e-7


def outputs_of(loss: str, grades: int) -> int:
    """How many logits a loss needs."""
    return grades if loss in ("nominal", "soft") else grades - 1


def above(probabilities: Tensor) -> Tensor:
    """P(grade > j) for j = 0 .. k - 2, (n, k - 1), from probabilities of the grades (n, k)."""
    return probabilities.flip(1).cumsum(1).flip(1)[:, 1:]


def probabilities_of(loss: str, logits: Tensor) -> Tensor:
    """Probability of each grade (n, k) that logits mean."""
    if loss in ("nominal", "soft"):
        return functional.softmax(logits, dim=1)
    exceeds = torch.sigmoid(logits)
    if loss == "corn":
        columns = [exceeds[:, :1]]
        for j in range(1, exceeds.shape[1]):
            columns.append(columns[-1] * exceeds[:, j : j + 1])
        exceeds = torch.cat(columns, dim=1)
    one = torch.ones_like(exceeds[:, :1])
    shares = torch.cat([one, exceeds], dim=1) - torch.cat([exceeds, torch.zeros_like(one)], dim=1)
    shares = shares.clamp(min=LEAST)
    return shares / shares.sum(dim=1, keepdim=True)


def grade_loss(loss: str, logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean loss over images.

    Args:
        loss: one of ``LOSSES``.
        logits: (n, outputs).
        target: (n, k) probabilities of the grades.
        weight: (n,) weight of each image.
    """
    if loss in ("nominal", "soft"):
        wanted = target if loss == "nominal" else softened(target)
        each = -(wanted * functional.log_softmax(logits, dim=1)).sum(dim=1)
    else:
        exceeds = above(target)
        asked = torch.ones_like(exceeds)
        if loss == "corn":
            asked = torch.cat([asked[:, :1], exceeds[:, :-1]], dim=1)
            exceeds = exceeds / asked.clamp(min=LEAST)
        each = (functional.binary_cross_entropy_with_logits(logits, exceeds.clamp(0, 1), reduction="none") * asked).sum(dim=1)
    return (each * weight).mean()


def softened(target: Tensor) -> Tensor:
    """Targets (n, k) spread to neighbouring grades: exp(-``SPREAD`` |i - j|), summing to 1."""
    grades = torch.arange(target.shape[1], dtype=target.dtype)
    kernel = torch.softmax(-SPREAD * (grades[:, None] - grades[None]).abs(), dim=1)
    return target @ kernel


def evidence_direction(loss: str, logits: Tensor) -> Tensor:
    """What the evidence map follows, as a weight of each logit (n, outputs): a higher grade, or for ``nominal`` the most likely one.

    The weights do not fade where the network is certain, as the gradient of a probability would.
    """
    if loss == "nominal":
        best = (logits >= logits.amax(dim=1, keepdim=True)).to(logits.dtype)
        return best - 1.0 / best.shape[1]
    if loss == "soft":
        grades = torch.linspace(-1.0, 1.0, int(logits.shape[1]))
        return torch.zeros_like(logits) + grades
    return torch.ones_like(logits) / int(logits.shape[1])
