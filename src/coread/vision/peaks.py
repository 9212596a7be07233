"""Heat maps to landmarks, and scattered candidates of landmarks to one hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from coread.vision.pose import Array, Pose
from coread.vision.shape import N_LANDMARKS, ShapeModel

Maps = npt.NDArray[np.float32]
_INLIER = 0.10
_REFINED = 0.06


@dataclass(frozen=True, slots=True)
class Peaks:
    """Candidates of landmarks.

    Attributes:
        landmark: (n,) which landmark.
        points: (n, 2) column and row of the map.
        strength: (n,) 0..1.
    """

    landmark: npt.NDArray[np.intp]
    points: Array
    strength: Array


@dataclass(frozen=True, slots=True)
class Found:
    """A hand found among candidates.

    Attributes:
        pose: in the coordinates of the candidates.
        points: (37, 2) expected landmarks.
        support: summed strength of the candidates that agree.
        share: support over the number of landmarks expected inside the image, 0..1.
    """

    pose: Pose
    points: Array
    support: float
    share: float


def sigmoid(x: npt.ArrayLike) -> Array:
    """Logistic function without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * np.asarray(x, dtype=float))))


def find_peaks(maps: Maps, least: float = 0.1, most: int = 3) -> Peaks:
    """Up to ``most`` local maxima of each map (landmarks, rows, columns) of probabilities, to a fraction of a cell."""
    top = ndimage.maximum_filter(maps, size=(1, 3, 3), mode="constant")
    landmark, row, column = np.nonzero((maps == top) & (maps >= least))
    strength = maps[landmark, row, column].astype(float)
    keep: list[int] = []
    for k in range(len(maps)):
        own = np.flatnonzero(landmark == k)
        keep.extend(int(n) for n in own[np.argsort(-strength[own])[:most]])
    chosen = np.asarray(sorted(keep), dtype=np.intp)
    landmark, row, column, strength = landmark[chosen], row[chosen], column[chosen], strength[chosen]
    logs = np.log(np.pad(maps, ((0, 0), (1, 1), (1, 1)), mode="edge") + 1e-4)
    centre = logs[landmark, row + 1, column + 1]
    shifts = []
    for before, after in (
        (logs[landmark, row + 1, column], logs[landmark, row + 1, column + 2]),
        (logs[landmark, row, column + 1], logs[landmark, row + 2, column + 1]),
    ):
        # the top of the parabola through three logarithms, which for a Gaussian is its centre
        curve = np.minimum(before + after - 2 * centre, -1e-3)
        shifts.append(np.clip((before - after) / (2 * curve), -0.5, 0.5))
    points = np.stack([column + shifts[0], row + shifts[1]], axis=1)
    return Peaks(landmark, points.astype(float), strength)


def find_hand(peaks: Peaks, size: tuple[int, int], model: ShapeModel, trials: int = 400) -> Found | None:
    """The left hand that most candidates agree on, in maps of this size (rows, columns); None where no four agree.

    Two candidates fix a similarity; the one with the largest support (candidates near where it expects their landmark)
    is refined with the shape model (RANSAC, Fischler & Bolles 1981, over the strongest pairs rather than random ones).
    """
    if len(np.unique(peaks.landmark)) < 4:
        return None
    mean = model.mean @ np.array([1, 1j])
    points = peaks.points @ np.array([1, 1j])
    first, second = np.triu_indices(len(points), 1)
    apart = mean[peaks.landmark[second]] - mean[peaks.landmark[first]]
    gap = points[second] - points[first]
    good = (np.abs(apart) > 0.22) & (np.abs(gap) > 2)
    first, second, apart, gap = first[good], second[good], apart[good], gap[good]
    if not len(first):
        return None
    merit = peaks.strength[first] * peaks.strength[second] * np.minimum(np.abs(apart), 0.6)
    order = np.argsort(-merit, kind="stable")
    # half the trials the best pairs, half spread over all others, lest one wrong cluster take them all
    spread = order[trials // 2 :: max(1, len(order) // max(1, trials // 2))]
    chosen = np.unique(np.concatenate([order[: trials // 2], spread]))
    factor = gap[chosen] / apart[chosen]
    shift = points[first[chosen]] - factor * mean[peaks.landmark[first[chosen]]]
    length = np.abs(factor)
    near = _agreement(points, peaks, factor[:, None] * mean[None, :] + shift[:, None], length)
    # A tiny hypothesis explains few candidates by chance and a huge one explains every candidate that lies in a bunch.
    support = np.where((length > 0.2 * max(size)) & (length < 4 * max(size)), near.sum(axis=1), 0)
    best = int(np.argmax(support))
    if support[best] <= 0:
        return None
    expected = factor[best] * mean + shift[best]
    found: Found | None = None
    for tolerance in (_INLIER, _REFINED, _REFINED):
        scale = np.abs(factor[best]) if found is None else found.pose.length_px
        distance = np.abs(points - expected[peaks.landmark]) / scale
        weight = np.where(distance < tolerance, peaks.strength * (1 - (distance / tolerance) ** 2), 0)
        target, doubt = np.zeros((N_LANDMARKS, 2)), np.full(N_LANDMARKS, np.inf)
        total = 0.0
        for k in np.unique(peaks.landmark[weight > 0]):
            own = np.flatnonzero((peaks.landmark == k) & (weight > 0))
            pick = own[np.argmax(weight[own])]
            target[k] = peaks.points[pick]
            doubt[k] = 0.012 / max(float(peaks.strength[pick]), 0.1)
            total += float(peaks.strength[pick])
        if np.isfinite(doubt).sum() < 4:
            return None
        fit = model.fit(target, doubt, mirrored=False)
        inside = ((fit.points_px >= -0.5) & (fit.points_px <= np.array([size[1], size[0]]) - 0.5)).all(axis=1)
        found = Found(fit.pose, fit.points_px, total, total / max(int(inside.sum()), 4))
        expected = fit.points_px @ np.array([1, 1j])
    return found


def _agreement(points: npt.NDArray[np.complex128], peaks: Peaks, expected: npt.NDArray[np.complex128], length: Array) -> Array:
    """(hypotheses, landmarks) the best strength of a candidate near each expected landmark, less the farther it lies."""
    distance = np.abs(points[None, :] - expected[:, peaks.landmark]) / length[:, None]
    merit = peaks.strength[None, :] * np.maximum(0, 1 - (distance / _INLIER) ** 2)
    out = np.zeros((len(length), N_LANDMARKS))
    for k in np.unique(peaks.landmark):
        out[:, k] = merit[:, peaks.landmark == k].max(axis=1)
    return out


def soft_places(logits: Maps, reach: int = 3) -> tuple[Array, Array]:
    """Place of each landmark as the mean of its map's softmax around the maximum, and the share of the map that lies there.

    Args:
        logits: (landmarks, rows, columns).
        reach: half side of the square around the maximum, in cells.

    Returns:
        (landmarks, 2) column and row of the map, and (landmarks,) share 0..1.
    """
    count, rows, columns = logits.shape
    flat = logits.reshape(count, -1).astype(float)
    share = np.exp(flat - flat.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    top = share.argmax(axis=1)
    row, column = top // columns, top % columns
    padded = np.pad(share.reshape(count, rows, columns), ((0, 0), (reach, reach), (reach, reach)))
    step = np.arange(-reach, reach + 1)
    k = np.arange(count)[:, None, None]
    around = padded[k, (row + reach)[:, None, None] + step[None, :, None], (column + reach)[:, None, None] + step[None, None, :]]
    mass = around.sum(axis=(1, 2))
    across = (around * step[None, None, :]).sum(axis=(1, 2)) / mass
    down = (around * step[None, :, None]).sum(axis=(1, 2)) / mass
    return np.stack([column + across, row + down], axis=1), mass
