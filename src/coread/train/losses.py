"""Losses of heat-map networks. Targets are Gaussians whose width is the label's doubt."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def gaussian_maps(points: Tensor, deviation: Tensor, size: tuple[int, int]) -> Tensor:
    """Gaussians with maximum 1, (n, landmarks, rows, columns), at points (n, landmarks, 2) given as (column, row) of the map."""
    row = torch.arange(size[0], dtype=points.dtype).view(1, 1, -1, 1)
    column = torch.arange(size[1], dtype=points.dtype).view(1, 1, 1, -1)
    spread = 2 * deviation[..., None, None] ** 2
    down = torch.exp(-((row - points[..., 1, None, None]) ** 2) / spread)
    across = torch.exp(-((column - points[..., 0, None, None]) ** 2) / spread)
    return down * across


def presence_loss(logits: Tensor, target: Tensor, weight: Tensor, positive: float = 40.0) -> Tensor:
    """Cross entropy of each cell of sigmoid heat maps; cells near a landmark weigh up to ``1 + positive``.

    Args:
        logits: (n, landmarks, rows, columns).
        target: the same shape, 0..1.
        weight: (n, landmarks) weight of each map, 0 where the label is unknown.
        positive: extra weight of a cell at a landmark, which is one of a thousand.
    """
    each = functional.binary_cross_entropy_with_logits(logits, target, reduction="none") * (1 + positive * target)
    return (each.mean(dim=(2, 3)) * weight).sum() / weight.sum().clamp(min=1)


def place_loss(logits: Tensor, points: Tensor, deviation: Tensor, weight: Tensor, hidden: Tensor) -> Tensor:
    """Cross entropy between the softmax over all cells of a map and a Gaussian at the landmark.

    Args:
        logits: (n, landmarks, rows, columns).
        points: (n, landmarks, 2), (column, row) of the map.
        deviation: (n, landmarks) in cells.
        weight: (n, landmarks), 0 = unknown.
        hidden: (n, landmarks) weight of the flat target that says "nowhere in sight".
    """
    size = (logits.shape[2], logits.shape[3])
    target = gaussian_maps(points, deviation, size).flatten(2)
    target = target / target.sum(dim=2, keepdim=True).clamp(min=1e-6)
    log_share = functional.log_softmax(logits.flatten(2), dim=2)
    seen = -(target * log_share).sum(dim=2)
    flat = -log_share.mean(dim=2)
    total = (seen * weight).sum() + (flat * hidden).sum()
    return total / (weight.sum() + hidden.sum()).clamp(min=1)


def batch_error(logits: Tensor, points: Tensor, weight: Tensor) -> Tensor:
    """Mean distance in cells between the maximum of each map and its landmark, over landmarks with weight."""
    best = logits.flatten(2).argmax(dim=2)
    found = torch.stack([best % logits.shape[3], torch.div(best, logits.shape[3], rounding_mode="floor")], dim=-1)
    gap = (found.to(points.dtype) - points).norm(dim=-1)
    return (gap * (weight > 0)).sum() / (weight > 0).sum().clamp(min=1)
