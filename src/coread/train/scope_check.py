"""The out-of-scope check of every grader: how far an image lies from those it learned from, in the features of the same network.

Mahalanobis distance (Lee et al., NeurIPS 2018) over the features' means and spreads and the image's plain statistics, with a covariance
shrunk to its diagonal's mean where images are few; the limit is set on held-out images.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from coread.stats.conformal import conformal_quantile

Floats = npt.NDArray[np.float64]


def fit_scope(looks: Floats) -> tuple[Tensor, Tensor]:
    """Center (d,) and whitening axes (d, d) of descriptors (n, d): the strangeness of x is the root mean square of (x - center) @ axes."""
    center, spread = looks.mean(axis=0), looks.std(axis=0) + 1e-6
    standard = (looks - center) / spread
    values, vectors = np.linalg.eigh(standard.T @ standard / len(standard))
    n, d = standard.shape
    shrink = d / (n + d)
    kept = (1 - shrink) * np.maximum(values, 0) + shrink
    axes = vectors / np.sqrt(kept) / spread[:, None]
    return torch.from_numpy(center).float(), torch.from_numpy(axes).float()


def strangeness(looks: Floats, center: Tensor, axes: Tensor) -> Floats:
    """Of descriptors (n, d), as the exported network gives it."""
    along = (looks - center.double().numpy()) @ axes.double().numpy()
    return np.asarray(np.sqrt((along**2).mean(axis=1)))


def limit_of(held_out: Floats, share: float) -> float:
    """The strangeness above which an image is refused: so that ``share`` of further images of the kind pass, as far as n can tell."""
    return conformal_quantile(held_out, min(share, len(held_out) / (len(held_out) + 1)))
