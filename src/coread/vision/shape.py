"""The shape of a hand: 37 landmarks, how they vary together, and where the sites of the score lie among them.

The statistics are those of the landmark sets of the Digital Hand Atlas (Payer et al., MICCAI 2016), with the finger
joints' landmarks moved into the middle of the joint space. The file ``models/hand_shape_37.npz`` holds mean, modes and variances;
``coread.train.hand_shape`` makes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from coread.errors import InputError
from coread.vision.pose import Array, Pose, fit_pose

N_LANDMARKS = 37
TIP_MIDDLE = 28
WRIST = (7, 8)
SHAPE_FILE = Path(__file__).parents[1] / "models" / "hand_shape_37.npz"


@dataclass(frozen=True, slots=True)
class ShapeFit:
    """A hand's shape fitted to some of its landmarks.

    Attributes:
        pose: where the hand lies.
        points_px: (37, 2) expected landmarks, (column, row).
        deviation_px: (37,) standard deviation of each expected landmark around the truth, in px.
        z: the modes' weights in standard deviations.
    """

    pose: Pose
    points_px: Array
    deviation_px: Array
    z: Array


@dataclass(frozen=True, slots=True)
class ShapeModel:
    """Gaussian model of 37 landmarks in the canonical frame of :mod:`coread.vision.pose`.

    Attributes:
        mean: (37, 2), hand length 1.
        modes: (modes, 37, 2), unit vectors.
        variances: (modes,) variance along each mode.
        residual: variance of a coordinate that the modes leave.
    """

    mean: Array
    modes: Array
    variances: Array
    residual: float

    def fit(self, points_px: npt.ArrayLike, deviation: npt.ArrayLike, mirrored: bool, rounds: int = 4) -> ShapeFit:
        """The most probable hand given some of its landmarks, each with its doubt.

        Args:
            points_px: (37, 2); rows of unknown landmarks may hold anything finite.
            deviation: (37,) standard deviation of each given landmark as a share of hand length; infinite = not known. Three or
                more must be known.
            mirrored: whether the image shows the mirror image of the canonical hand.
            rounds: alternations of pose and shape.

        Raises:
            InputError: fewer than three landmarks are known.
        """
        target = np.asarray(points_px, dtype=float)
        doubt = np.asarray(deviation, dtype=float)
        known = np.isfinite(doubt)
        if int(known.sum()) < 3:
            raise InputError(f"a hand's shape needs three or more known landmarks, got {int(known.sum())}")
        basis = (self.modes * np.sqrt(self.variances)[:, None, None]).reshape(len(self.variances), -1)
        noise = np.repeat(np.where(known, doubt, 1.0) ** 2 + self.residual, 2)[np.repeat(known, 2)]
        seen = basis[:, np.repeat(known, 2)]
        precision = np.eye(len(basis)) + (seen / noise) @ seen.T
        cover = np.linalg.inv(precision)
        z = np.zeros(len(basis))
        shape = self.mean
        weights = 1 / noise[::2]
        pose = fit_pose(shape[known], target[known], weights, mirrored)
        for _ in range(rounds):
            gap = (pose.to_canonical(target[known]) - self.mean[known]).ravel()
            z = cover @ ((seen / noise) @ gap)
            shape = self.mean + (z @ basis).reshape(-1, 2)
            pose = fit_pose(shape[known], target[known], weights, mirrored)
        spread = np.einsum("mk,mn,nk->k", basis, cover, basis).reshape(-1, 2).sum(axis=1)
        return ShapeFit(pose, pose.to_image(shape), np.sqrt(spread + 2 * self.residual) * pose.length_px, z)


@lru_cache(maxsize=1)
def shape_model(path: Path = SHAPE_FILE) -> ShapeModel:
    """The shipped shape model."""
    with np.load(path, allow_pickle=False) as file:
        return ShapeModel(
            mean=file["mean"].astype(float),
            modes=file["modes"].astype(float),
            variances=file["variances"].astype(float),
            residual=float(file["residual"]),
        )


def hand_length(points: npt.ArrayLike) -> float:
    """Length of a hand, from the radiocarpal joint to the tip of the middle finger, in the unit of its 37 points."""
    values = np.asarray(points, dtype=float)
    return float(np.linalg.norm(values[TIP_MIDDLE] - values[list(WRIST)].mean(axis=0)))
