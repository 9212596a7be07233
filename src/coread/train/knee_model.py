"""The trained Kellgren-Lawrence network as an image reader takes it: one file with probabilities, evidence map and strangeness."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from coread.train.grade_losses import probabilities_of
from coread.train.grader import Grader, Whole, descriptors
from coread.train.networks.efficientnet_lite import MIDDLE_CHANNELS, EfficientNetLite
from coread.train.networks.knee_lite import BOTTOM, LEFT, RIGHT, SIDE, TOP, KneeLite

# Pixels of the square that one place of the map stands for; the part that is graded begins and ends on whole places.
PLACE_PX = 4


class KneeGrader(Grader):
    """Grades the part about the joint; its evidence map is laid out over the whole square."""

    def evidence(self, features: Tensor, logits: Tensor) -> Tensor:
        """(n, 56, 56): what each place adds to the expected grade; beyond the part that is graded, the mean of that part."""
        inner = super().evidence(features, logits)[:, None]
        size = ((BOTTOM - TOP) // PLACE_PX, (RIGHT - LEFT) // PLACE_PX)
        mean = inner.mean(dim=(2, 3), keepdim=True)
        away = functional.interpolate(inner, size=size, mode="bilinear", align_corners=False) - mean
        rim = (LEFT // PLACE_PX, (SIDE - RIGHT) // PLACE_PX, TOP // PLACE_PX, (SIDE - BOTTOM) // PLACE_PX)
        return (functional.pad(away, rim) + mean)[:, 0]


def scope_descriptors(image: Tensor, features: Tensor) -> Tensor:
    """What a knee looks like to the scope check (n, d): the features at a sixteenth alone, which keeps the file small."""
    return descriptors(image, features[:, :MIDDLE_CHANNELS])


class KneeWhole(Whole):
    """What is exported: knees (n, 1, 224, 224) to probabilities, evidence map and strangeness."""

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """All three outputs."""
        features = self.grader.features(image)
        logits = self.grader.judged(features)
        along = (scope_descriptors(image, features) - self.center) @ self.axes
        return probabilities_of("soft", logits), self.grader.evidence(features, logits), along.square().mean(dim=1).sqrt()


def knee_grader(network: EfficientNetLite) -> KneeGrader:
    """The grader that scores as the trained network does: its two layers of scores become one over both kinds of features."""
    grader = KneeGrader(KneeLite(network), "soft", network.score.out_features, 0.0)
    with torch.no_grad():
        grader.score.weight.copy_(torch.cat([network.middle.weight, network.score.weight], dim=1))
        grader.threshold.copy_(network.middle.bias + network.score.bias)
    grader.eval()
    return grader
