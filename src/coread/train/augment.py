"""Changes of images that teach a network what does not matter: chance is drawn once into a record, applying the record is exact.

A `Change` is plain numbers; kept, it can be replayed. The traps of medical images: nothing is mirrored unless the recipe says that the
side does not matter, no crop is drawn (a finding at the border would be lost) and the shift is small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

COARSE = 4


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How much images are changed in training.

    Attributes:
        mirror: whether left and right may be exchanged; only where the side does not matter.
        turn_deg: largest turn to either side.
        zoom: largest change of size, as a share.
        shift: largest shift, as a share of the size.
        gamma: spread of the logarithm of gamma.
        gain: spread of the logarithm of the contrast about the mean.
        noise: largest standard deviation of white noise.
        speckle: largest standard deviation of multiplicative noise (ultrasound).
        bias: largest strength of a smooth field that the image is multiplied by (MRI coils, ultrasound gain over depth).
        blur: largest standard deviation of a Gaussian blur, in px of the input.
    """

    mirror: bool = False
    turn_deg: float = 8.0
    zoom: float = 0.1
    shift: float = 0.05
    gamma: float = 0.2
    gain: float = 0.15
    noise: float = 0.03
    speckle: float = 0.0
    bias: float = 0.0
    blur: float = 0.0


@dataclass(frozen=True, slots=True)
class Change:
    """One drawn change; ``seed`` draws its noise."""

    mirror: bool
    turn_deg: float
    zoom: float
    shift: tuple[float, float]
    gamma: float
    gain: float
    noise: float
    speckle: float
    bias: tuple[float, ...]
    blur: float
    seed: int


def draw_change(rng: np.random.Generator, how: Augmentation) -> Change:
    """The one place of chance."""
    return Change(
        mirror=bool(rng.random() < 0.5) and how.mirror,
        turn_deg=float(rng.uniform(-1, 1)) * how.turn_deg,
        zoom=float(np.exp(rng.uniform(-1, 1) * how.zoom)),
        shift=(float(rng.uniform(-1, 1)) * how.shift, float(rng.uniform(-1, 1)) * how.shift),
        gamma=float(np.exp(rng.normal() * how.gamma)),
        gain=float(np.exp(rng.normal() * how.gain)),
        noise=float(rng.random()) * how.noise,
        speckle=float(rng.random()) * how.speckle,
        bias=tuple(float(x) for x in rng.uniform(-1, 1, COARSE * COARSE) * how.bias),
        blur=float(rng.random()) * how.blur,
        seed=int(rng.integers(2**31)),
    )


def changed(images: Tensor, changes: Sequence[Change]) -> Tensor:
    """Images (n, rows, columns) in 0..1, each with its change; the same record gives the same image."""
    rows, columns = images.shape[1:]
    grid = functional.affine_grid(_turns(changes, rows / columns), [len(images), 1, rows, columns], align_corners=False)
    out = functional.grid_sample(images[:, None], grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    inside = (out > 0).to(out.dtype)
    gamma, gain = (_column([getattr(change, name) for change in changes]) for name in ("gamma", "gain"))
    out = out.clamp(0, 1).add(1e-6) ** gamma
    mean = out.mean(dim=(2, 3), keepdim=True)
    out = (out - mean) * gain + mean
    if any(any(change.bias) for change in changes):
        field = torch.tensor([change.bias for change in changes]).view(-1, 1, COARSE, COARSE)
        out = out * torch.exp(functional.interpolate(field, size=(rows, columns), mode="bicubic", align_corners=True))
    out = torch.stack([_blurred(one, change.blur) for one, change in zip(out, changes, strict=True)])
    grain = torch.from_numpy(np.stack([_grain(change, (rows, columns)) for change in changes]))
    out = out * (1 + grain[:, :1]) + grain[:, 1:] * inside
    return out.clamp(0, 1)[:, 0]


def _column(values: Sequence[float]) -> Tensor:
    return torch.tensor(values).view(-1, 1, 1, 1)


def _turns(changes: Sequence[Change], tall: float) -> Tensor:
    """The matrices of `affine_grid`, which sees both axes from -1 to 1: ``tall`` keeps turns turns where rows and columns differ."""
    angle = torch.deg2rad(torch.tensor([change.turn_deg for change in changes]))
    zoom = torch.tensor([change.zoom for change in changes])
    side = torch.tensor([-1.0 if change.mirror else 1.0 for change in changes])
    shift = torch.tensor([change.shift for change in changes]) * 2
    cos, sin = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    first = torch.stack([cos * side, -sin * tall * side, shift[:, 0]], dim=1)
    second = torch.stack([sin / tall, cos, shift[:, 1]], dim=1)
    return torch.stack([first, second], dim=1)


def _grain(change: Change, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Multiplicative and additive noise (2, rows, columns)."""
    if not change.noise and not change.speckle:
        return np.zeros((2, *size), dtype=np.float32)
    rng = np.random.default_rng(change.seed)
    white = rng.standard_normal((2, *size), dtype=np.float32)
    return white * np.array([change.speckle, change.noise], dtype=np.float32)[:, None, None]


def _blurred(image: Tensor, deviation: float) -> Tensor:
    if deviation < 0.2:
        return image
    reach = int(np.ceil(3 * deviation))
    x = torch.arange(-reach, reach + 1, dtype=image.dtype)
    kernel = torch.softmax(-(x**2) / (2 * deviation**2), dim=0)
    out = functional.pad(image[None], (reach, reach, reach, reach), mode="replicate")
    out = functional.conv2d(out, kernel.view(1, 1, 1, -1))
    return functional.conv2d(out, kernel.view(1, 1, -1, 1))[0]
