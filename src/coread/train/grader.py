"""A network that grades whole images: a trunk of ``train/networks``, one linear layer, and what goes out with the grade.

The evidence map is the class activation (Zhou et al., CVPR 2016): since the grade is linear in the mean of the feature map, the same layer
applied to every place says how much that place speaks for the result.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from coread.train.grade_losses import evidence_direction, outputs_of, probabilities_of


class Grader(nn.Module):
    """Images (n, 1, rows, columns) in 0..1 to logits (n, outputs).

    Args:
        trunk: gives a feature map (n, ``width``, ...) and says its ``width``.
        loss: how grades are learned; see :mod:`coread.train.grade_losses`.
        grades: how many.
        dropout: share of features left out in training.
    """

    def __init__(self, trunk: Any, loss: str, grades: int, dropout: float = 0.2) -> None:
        super().__init__()
        self.trunk, self.loss, self.grades = trunk, loss, grades
        outputs = outputs_of(loss, grades)
        self.dropout = nn.Dropout(dropout)
        self.score = nn.Linear(trunk.width, 1 if loss == "coral" else outputs, bias=False)
        nn.init.normal_(self.score.weight, std=trunk.width**-0.5)
        start = torch.linspace(1.0, -1.0, outputs) if loss == "coral" else torch.zeros(outputs)
        self.threshold = nn.Parameter(start)

    def features(self, image: Tensor) -> Tensor:
        """The feature map (n, width, rows, columns)."""
        out: Tensor = self.trunk((image - 0.5) * 4.0)
        return out

    def judged(self, features: Tensor) -> Tensor:
        """Logits from a feature map."""
        out: Tensor = self.score(self.dropout(features.mean(dim=(2, 3)))) + self.threshold
        return out

    def forward(self, image: Tensor) -> Tensor:
        """Logits (n, outputs)."""
        return self.judged(self.features(image))

    def evidence(self, features: Tensor, logits: Tensor) -> Tensor:
        """(n, rows, columns): what each place adds to the result; the mean over the places is what the image adds."""
        along = evidence_direction(self.loss, logits)
        weight = self.score.weight.expand(logits.shape[1], -1) if self.loss == "coral" else self.score.weight
        channels = along @ weight
        return (features * channels[:, :, None, None]).sum(dim=1)


def descriptors(image: Tensor, features: Tensor) -> Tensor:
    """What an image looks like to the scope check (n, d): the network's features, their spread, and the image's own plain statistics."""
    mean = features.mean(dim=(2, 3))
    spread = ((features - mean[:, :, None, None]) ** 2).mean(dim=(2, 3)).add(1e-6).sqrt()
    # int: the exporter needs numbers here, not what it would trace.
    coarse = (max(1, int(image.shape[2]) // 6), max(1, int(image.shape[3]) // 6))
    parts = [mean, spread, nn.functional.avg_pool2d(image, coarse).flatten(1)]
    plane = image
    for _ in range(3):
        down, across = plane[:, :, 1:, :] - plane[:, :, :-1, :], plane[:, :, :, 1:] - plane[:, :, :, :-1]
        parts += [(step.abs().mean(dim=(1, 2, 3)) + 1e-3).log()[:, None] for step in (down, across)]
        plane = nn.functional.avg_pool2d(plane, 2)
    return torch.cat(parts, dim=1)


class Whole(nn.Module):
    """What is exported: image to probabilities (n, grades), evidence map (n, rows, columns), and strangeness (n,).

    Args:
        grader: trained.
        center, axes: (d,) and (d, d) of the scope check, see :func:`coread.train.scope_check.fit_scope`.
    """

    def __init__(self, grader: Grader, center: Tensor, axes: Tensor) -> None:
        super().__init__()
        self.grader = grader
        self.register_buffer("center", center)
        self.register_buffer("axes", axes)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """All three outputs."""
        features = self.grader.features(image)
        logits = self.grader.judged(features)
        along = (descriptors(image, features) - self.center) @ self.axes
        strange = (along**2).mean(dim=1).sqrt()
        return probabilities_of(self.grader.loss, logits), self.grader.evidence(features, logits), strange
