"""A second round's labels: what the first round's network sees, joined with the label sets where the two agree.

One label set was made by another model and is wrong by more than 5 % of hand length on one image in eleven; a network trained on
all of them is right on most of those, because wrong labels contradict each other and right ones do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from coread.train.hand_labels import LabelledHand
from coread.vision.landmarks import Calibration, join
from coread.vision.network import Network
from coread.vision.peaks import soft_places
from coread.vision.pose import HAND_FRAME, Array, Pose, canonical_crop
from coread.vision.shape import N_LANDMARKS, hand_length

AGREE = 0.025
"""Farther apart than this share of hand length, a model's label and the network's place are two different opinions."""

_LOOKS = ((0.0, 1.0), (-8.0, 0.95), (7.0, 1.06))


def see(network: Network, hand: LabelledHand) -> tuple[Array, Array, Array]:
    """The network's landmarks over four slightly different crops: mean (37, 2), deviation and share of the map, both (37,)."""
    levels = tuple(np.asarray(level / np.float32(255), dtype=np.float32) for level in hand.levels)
    points, masses = [], []
    for turn, zoom in _LOOKS:
        pose = Pose(hand.pose.origin_px, hand.pose.length_px * zoom, hand.pose.angle_rad + float(np.deg2rad(turn)), False)
        cells, mass = soft_places(network.run(canonical_crop(levels, pose)[None, None])[0][0])
        points.append(pose.to_image(HAND_FRAME.to_canonical((cells + 0.5) * 4 - 0.5)))
        masses.append(mass)
    stack = np.stack(points)
    middle = np.median(stack, axis=0)
    spread = np.linalg.norm(stack - middle, axis=2).mean(axis=0) / hand.pose.length_px
    return middle, spread, np.mean(masses, axis=0)


def along(points: Array, landmark: int) -> Array:
    """2 x 2 rows: unit vectors along and across the finger of a landmark, from palm to tip."""
    first = 17 if landmark in (17, 18, 19, 20) else 21 + (landmark - 21) // 4 * 4 if landmark >= 21 else 25
    last = 20 if first == 17 else first + 3
    way = points[last] - points[first]
    way = way / max(float(np.linalg.norm(way)), 1e-9)
    return np.array([way, [-way[1], way[0]]])


def relabel(hands: Sequence[LabelledHand], fine: Path, by_hand: Mapping[str, Sequence[int]], out: Path) -> Mapping[str, float]:
    """Writes new labels of all hands as npz: ``names``, ``points`` (fractions of width and height), ``deviations`` (shares of length).

    Args:
        hands: with the first round's labels.
        fine: the first round's fine network.
        by_hand: for each label source, the landmarks that the source itself gives.
        out: npz file.

    Returns:
        For the log: share of given labels that agree with the network, and the share of hands kept.
    """
    network = Network(fine, threads=1)
    seen = [see(network, hand) for hand in hands]
    shift = _convention(hands, seen, by_hand.get("keypoints21", ()))
    points, doubts, agreed = [], [], []
    for hand, (place, spread, mass) in zip(hands, seen, strict=True):
        read = join(place, mass, hand.pose, Calibration(), hand.levels[0].shape)
        length = hand_length(read.points)
        target = read.points.copy()
        expected = read.fit.deviation_px / read.fit.pose.length_px
        sure = (np.linalg.norm(read.points - place, axis=1) < 1e-6) & (spread < 0.012)
        doubt = np.where(sure, np.clip(spread, 0.003, 0.02), np.clip(np.maximum(expected, 1.5 * spread), 0.01, 0.04))
        for landmark in by_hand.get(hand.source, ()):
            label = hand.points_px[landmark]
            if hand.source == "keypoints21":
                target[landmark] = label + length * (shift[landmark] @ along(read.points, landmark))
                doubt[landmark] = 0.003
                continue
            gap = float(np.linalg.norm(label - place[landmark]) / length)
            agreed.append(gap < AGREE)
            if gap < AGREE and sure[landmark]:
                target[landmark] = (label + 2 * place[landmark]) / 3
                doubt[landmark] = 0.003
        bad = float(np.median(mass)) < 0.3 or read.repaired > 10
        size = np.array(hand.levels[0].shape[::-1])
        points.append((target + 0.5) / size)
        doubts.append(np.full(N_LANDMARKS, np.inf) if bad else doubt)
    np.savez_compressed(out, names=np.array([hand.name for hand in hands]), points=np.stack(points), deviations=np.stack(doubts))
    return {"agree": float(np.mean(agreed)), "kept": float(np.mean([np.isfinite(d).any() for d in doubts]))}


def _convention(hands: Sequence[LabelledHand], seen: Sequence[tuple[Array, Array, Array]], landmarks: Sequence[int]) -> Array:
    """(37, 2) along and across the finger: from where the hand-placed label set puts a landmark to where the others do."""
    shift = np.zeros((N_LANDMARKS, 2))
    for landmark in landmarks:
        gaps = [
            along(place, landmark) @ (place[landmark] - hand.points_px[landmark]) / hand_length(place)
            for hand, (place, _, _) in zip(hands, seen, strict=True)
            if hand.source == "keypoints21"
        ]
        if gaps:
            shift[landmark] = np.clip(np.median(gaps, axis=0), -0.012, 0.012)
    return shift
