"""Turns the fine network's raw numbers into the probability that a landmark lies within 4 % of hand length of the truth.

Held-out hands are shown with everything the augmentation can do to them (cut, faint, noisy, inverted, marked over), so that there are
errors to learn from; a logistic regression of "within 4 %" on the log-odds of the map's share and on the distance from where
the rest of the hand expects the landmark gives the calibration.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from coread.train.hand_batches import fine_sample
from coread.train.hand_labels import LabelledHand
from coread.vision.landmarks import NEAR, Calibration, join, odds_of
from coread.vision.network import Network
from coread.vision.peaks import soft_places
from coread.vision.pose import HAND_FRAME, Array, Pose


@dataclass(frozen=True, slots=True)
class Reliability:
    """How the calibration does on hands that it was not fitted on.

    Attributes:
        said: mean confidence in each of ten bands that hold equally many landmarks.
        true: share within 4 % in the same bands.
        brier: mean squared difference.
        count: landmarks.
    """

    said: tuple[float, ...]
    true: tuple[float, ...]
    brier: float
    count: int


def collect(fine: Path, hands: Sequence[LabelledHand], draws: int, seed: int) -> tuple[Array, Array]:
    """Features (n, 3: 1, log-odds of the map's share, distance from the expected place) and outcomes (n,) of landmarks.

    Only landmarks whose label is sure, visible or not: one that was cut away counts by where it would have been.
    """
    network = Network(fine, threads=1)
    rows, columns = HAND_FRAME.size
    upright = Pose(((columns - 1) / 2, (rows - 1) / 2), HAND_FRAME.length_px, 0.0, False)
    features, outcomes = [], []
    for number, hand in enumerate(hands):
        for draw in range(draws):
            sample = fine_sample(hand, np.random.default_rng([seed, number, draw]))
            image = 1 - sample.image if sample.inverted == 1 else sample.image
            cells, mass = soft_places(network.run(image[None, None])[0][0])
            points = (cells + 0.5) * 4 - 0.5
            read = join(points, mass, upright, Calibration(), image.shape)
            length = read.fit.pose.length_px
            gap = np.linalg.norm(points - read.fit.points_px, axis=1) / length
            error = np.linalg.norm(points - sample.points, axis=1) / length
            sure = np.isfinite(hand.deviation) & (hand.deviation < 0.01)
            features.append(np.stack([np.ones(len(mass)), odds_of(mass), gap], axis=1)[sure])
            outcomes.append((error < NEAR)[sure])
    return np.concatenate(features), np.concatenate(outcomes).astype(float)


def logistic(features: Array, outcomes: Array, ridge: float = 1e-3) -> Array:
    """Coefficients of a logistic regression by Newton's method."""
    weights = np.zeros(features.shape[1])
    for _ in range(50):
        chance = 0.5 * (1 + np.tanh(0.5 * features @ weights))
        slope = features.T @ (chance - outcomes) + ridge * weights
        curve = (features * (chance * (1 - chance))[:, None]).T @ features + ridge * np.eye(len(weights))
        step = np.linalg.solve(curve, slope)
        weights = weights - step
        if float(np.abs(step).max()) < 1e-8:
            break
    return np.asarray(weights)


def calibrate(
    fine: Path, hands: Sequence[LabelledHand], least_score: float, draws: int = 4, seed: int = 7
) -> tuple[Calibration, Reliability]:
    """The calibration from all held-out hands, and its reliability when fitted on one half of them and tried on the other."""
    half = len(hands) // 2
    one, other = collect(fine, hands[:half], draws, seed), collect(fine, hands[half:], draws, seed + 1)
    tried = 0.5 * (1 + np.tanh(0.5 * other[0] @ logistic(*one)))
    order = np.argsort(tried)
    bands = np.array_split(order, 10)
    reliability = Reliability(
        tuple(float(tried[band].mean()) for band in bands),
        tuple(float(other[1][band].mean()) for band in bands),
        float(np.mean((tried - other[1]) ** 2)),
        len(tried),
    )
    bias, mass, gap = logistic(np.concatenate([one[0], other[0]]), np.concatenate([one[1], other[1]]))
    return Calibration(float(bias), float(mass), float(gap), least_score), reliability
