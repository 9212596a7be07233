"""Makes the shape model of the hand from landmark sets (``shapes37.csv``): mean, modes, variances, no single hand in it."""

from __future__ import annotations

import csv
from collections.abc import Collection
from pathlib import Path

import numpy as np

from coread.errors import InputError
from coread.vision.pose import Array, fit_pose
from coread.vision.shape import N_LANDMARKS, ShapeModel, hand_length

AXES = {
    17: (17, 18), 18: (17, 18), 19: (18, 19), 13: (13, 33), 14: (14, 29), 15: (15, 25), 16: (16, 21),
    21: (16, 21), 22: (21, 22), 23: (22, 23), 25: (15, 25), 26: (25, 26), 27: (26, 27),
    29: (14, 29), 30: (29, 30), 31: (30, 31), 33: (13, 33), 34: (33, 34), 35: (34, 35),
}  # fmt: skip
"""For each landmark at a joint of a ray, the two landmarks that point along the ray, distally."""

ATLAS_TO_SPACE = {
    18: -0.010, 19: 0.006, 21: -0.012, 22: 0.009, 23: 0.007, 25: -0.012, 26: 0.009, 27: 0.007,
    29: -0.011, 30: 0.009, 31: 0.007, 33: -0.010, 34: 0.007, 35: 0.006,
}  # fmt: skip
"""Way from the atlas' landmark to the middle of the joint space, along the ray, as a share of hand length."""


def moved(points: Array, offsets: dict[int, float]) -> Array:
    """Landmarks (37, 2) moved along their ray by shares of the hand's length."""
    length = hand_length(points)
    out = points.copy()
    for landmark, share in offsets.items():
        start, end = AXES[landmark]
        way = points[end] - points[start]
        out[landmark] += share * length * way / np.linalg.norm(way)
    return out


def read_shapes(path: Path, without: Collection[str]) -> Array:
    """Landmark sets (n, 37, 2) of ``shapes37.csv`` except those of the ids in ``without``."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["id"] not in without]
    if not rows:
        raise InputError(f"{path}: no landmark set left to learn from")
    return np.array([[[float(row[f"x{k}"]), float(row[f"y{k}"])] for k in range(N_LANDMARKS)] for row in rows])


def learn_shape(shapes: Array, modes: int = 24) -> ShapeModel:
    """The shape model of landmark sets (n, 37, 2) of left hands, fingers up (rows downward)."""
    sets = np.stack([moved(points, ATLAS_TO_SPACE) for points in shapes])
    mean = sets[0] - sets[0].mean(axis=0)
    mean = mean / hand_length(mean)
    ones = np.ones(N_LANDMARKS)
    for _ in range(6):
        aligned = np.stack([fit_pose(mean, points, ones, False).to_canonical(points) for points in sets])
        mean = aligned.mean(axis=0)
        mean = (mean - mean.mean(axis=0)) / hand_length(mean)
        up = mean[28] - (mean[7] + mean[8]) / 2
        turn = -np.pi / 2 - np.arctan2(up[1], up[0])
        mean = mean @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    low, high = mean.min(axis=0), mean.max(axis=0)
    mean = mean - (low + high) / 2
    aligned = np.stack([fit_pose(mean, points, ones, False).to_canonical(points) for points in sets])
    gaps = (aligned - mean).reshape(len(sets), -1)
    _, values, vectors = np.linalg.svd(gaps - gaps.mean(axis=0), full_matrices=False)
    variances = values**2 / (len(sets) - 1)
    residual = float(variances[modes:].sum() / (2 * N_LANDMARKS))
    return ShapeModel(mean, vectors[:modes].reshape(modes, N_LANDMARKS, 2), variances[:modes], residual)


def write_shape(model: ShapeModel, path: Path) -> None:
    """Writes the model as npz (float32, no pickle)."""
    np.savez_compressed(
        path,
        mean=model.mean.astype(np.float32),
        modes=model.modes.astype(np.float32),
        variances=model.variances.astype(np.float32),
        residual=np.float32(model.residual),
    )
