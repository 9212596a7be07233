"""Templates of knees for `vision.knees`: means of groups of real knees and their mirror images, and what tells right from left."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.cluster.vq import kmeans2

from coread.train.knee_grades import grey, held_out
from coread.train.recipe import RECIPES, read_toml
from coread.vision.knees import LOCAL_SHARE, TEMPLATE, local_contrast, reduced_to, side_plane

GROUPS = 4
RIDGE = 30.0
Floats = npt.NDArray[np.float64]


def fit_side(planes: Floats, right: npt.NDArray[np.bool_]) -> tuple[Floats, float]:
    """Weights (28, 28) and offset of the log odds of a right knee: a linear discriminant with a shrunk covariance."""
    flat = planes.reshape(len(planes), -1)
    means = flat[right].mean(axis=0), flat[~right].mean(axis=0)
    within = np.concatenate([flat[right] - means[0], flat[~right] - means[1]])
    covariance = within.T @ within / len(within)
    covariance += RIDGE / 100 * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    weights = np.linalg.solve(covariance, means[0] - means[1])
    return weights.reshape(planes.shape[1:]), float(-0.5 * weights @ (means[0] + means[1]))


def make(data: Path, out: Path) -> None:
    """Writes the templates out of the knees that the grades are learned from."""
    table = pd.read_csv(data / "knee_kl" / "labels_train.csv")
    learned = ~held_out(table["patient"].to_numpy(str), read_toml(RECIPES / "knee_kl.toml")["hold_out_every"])
    table = table[learned]
    joints, sides = [], []
    for name in table["image"]:
        image = grey(data / "knee_kl" / "images" / name).astype(np.float32) / np.float32(255)
        joints.append(local_contrast(reduced_to(image, TEMPLATE, TEMPLATE), LOCAL_SHARE * TEMPLATE))
        sides.append(side_plane(image))
    both = np.concatenate([np.stack(joints), np.stack(joints)[:, :, ::-1]]).reshape(2 * len(joints), -1).astype(np.float64)
    centres, _ = kmeans2(both, GROUPS, minit="++", seed=np.random.default_rng(1), iter=30)
    weights, offset = fit_side(np.stack(sides).astype(np.float64), (table["side"] == "right").to_numpy())
    np.savez(out, joints=centres.reshape(-1, TEMPLATE, TEMPLATE).astype(np.float16), side=weights.astype(np.float32), offset=offset)


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2]))
