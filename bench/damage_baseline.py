"""The plain baseline: texture of a site's patch and ordinal regression, for bench/damage.py.

Texture: deciles, gradient orientations in a grid (HOG), local binary patterns; with the site. Ordinal regression: one logistic regression
for each threshold (Frank & Hall 2001).
"""

from __future__ import annotations

import numpy as np
from skimage.feature import hog, local_binary_pattern
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from coread.vision.damage import PATCH, SITES


def texture(patches: np.ndarray, sites: np.ndarray) -> np.ndarray:
    """(n, PATCH, PATCH), standardised, and site numbers, to (n, features)."""
    rows = []
    for patch, site in zip(patches.astype(np.float32), sites, strict=True):
        level = np.round(np.clip((patch + 3) / 6, 0, 1) * 255).astype(np.uint8)
        middle = patch[PATCH // 4 : -PATCH // 4, PATCH // 4 : -PATCH // 4]
        pattern = local_binary_pattern(level, 8, 1.5, "uniform")
        parts = [
            np.percentile(patch, np.arange(10, 100, 10)),
            np.percentile(middle, np.arange(10, 100, 10)),
            hog(patch, 8, (16, 16), (1, 1)),
            np.bincount(pattern.astype(int).ravel(), minlength=10)[:10] / pattern.size,
            np.eye(len(SITES))[site],
        ]
        rows.append(np.concatenate(parts))
    return np.stack(rows)


class Baseline:
    """One logistic regression a threshold on standardised texture."""

    def __init__(self, features: np.ndarray, grades: np.ndarray, most: int) -> None:
        self.scale = StandardScaler().fit(features)
        x = self.scale.transform(features)
        self.models = [LogisticRegression(C=0.05, max_iter=300).fit(x, grades >= k) for k in range(1, most + 1)]

    def reached(self, features: np.ndarray) -> np.ndarray:
        """(n, most) probabilities of reaching each grade, made to fall."""
        x = self.scale.transform(features)
        return np.minimum.accumulate(np.stack([m.predict_proba(x)[:, 1] for m in self.models], axis=1), axis=1)
