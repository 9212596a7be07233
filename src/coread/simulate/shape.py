"""The skeleton's plan: 37 landmarks of a hand, drawn from the statistics of real hands and brought to adult size.

Landmarks (of the Digital Hand Atlas sets): 0 and 2 the ulna's two corners at its growth plate, 1 the tip of its styloid;
3 and 4 the radius' corners, 5 its styloid; 6 triquetrum, 7 lunate, 8 scaphoid, 9 hamate, 10 capitate, 11 trapezoid,
12 trapezium, each at its proximal surface; 13-17 bases of metacarpals 5, 4, 3, 2, 1; 18, 19, 20 thumb MCP, IP, tip;
21-24 index MCP (on the phalanx' base), PIP and DIP (on the head of the proximal bone), tip; 25-28 middle, 29-32 ring,
33-36 little finger.

Adult bone lengths (mm): Buryanov & Kotiuk, Proportions of hand segments, Int J Morphol 2010;28:755-758.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
N_LANDMARKS = 37
CHAINS: dict[int, tuple[int, ...]] = {
    1: (17, 18, 19, 20),
    2: (16, 21, 22, 23, 24),
    3: (15, 25, 26, 27, 28),
    4: (14, 29, 30, 31, 32),
    5: (13, 33, 34, 35, 36),
}
"""Landmarks of each ray, from the base of the metacarpal to the tip."""

LENGTHS_MM: dict[int, tuple[float, ...]] = {
    1: (46.22, 31.57, 21.67),
    2: (68.12, 39.78, 22.38, 15.82),
    3: (64.60, 44.63, 26.33, 17.40),
    4: (58.00, 41.37, 25.65, 17.30),
    5: (53.69, 32.74, 18.11, 15.96),
}
"""Adult metacarpal and phalangeal lengths of each ray, from proximal to distal."""

JOINT_MM: dict[str, float] = {
    "MCP": 1.7,
    "MCP 1": 1.4,
    "IP": 1.2,
    "PIP": 1.15,
    "DIP": 0.95,
    "CMC": 1.1,
    "scaphotrapeziotrapezoid": 1.3,
    "capitate-scaphoid-lunate": 1.4,
    "radiocarpal": 1.9,
}
"""Typical joint space widths of healthy adults; order and size as on radiographs (MCP wider than PIP, PIP wider than DIP; Pfeil et al.,
Acad Radiol 2007;14:594 for PIP), not the values of one table."""


@dataclass(frozen=True, slots=True)
class ShapeModel:
    """Mean and principal modes of 37 aligned landmarks; base of metacarpal 3 at the origin, its finger's tip at (0, -1).

    Attributes:
        mean: (37, 2).
        modes: (k, 37, 2) orthonormal.
        deviation: (k,) standard deviation along each mode.
    """

    mean: Array
    modes: Array
    deviation: Array

    def shape(self, weights: npt.ArrayLike) -> Array:
        """The landmarks for weights in standard deviations of the first modes: (37, 2)."""
        w = np.asarray(weights, dtype=float)
        out: Array = self.mean + np.tensordot(w * self.deviation[: len(w)], self.modes[: len(w)], axes=1)
        return out


@functools.cache
def shape_model() -> ShapeModel:
    """The shipped model, made by ``bench/make_hand_shape.py`` from 905 hands of children and youths."""
    with (resources.files("coread.simulate") / "hand_shape.npz").open("rb") as file, np.load(file, allow_pickle=False) as data:
        return ShapeModel(*(data[k].astype(float) for k in ("mean", "modes", "deviation")))


def _unit(v: Array) -> Array:
    out: Array = v / np.linalg.norm(v)
    return out


@dataclass(frozen=True, slots=True)
class Skeleton:
    """The plan of one left hand seen from its back: fingers up, thumb to the right, mm, base of metacarpal 3 at (0, 0).

    Attributes:
        landmarks: (37, 2) before joints are set; the proximal end of each phalanx follows from the joints.
        directions: for each ray, the unit vector of each of its bones, pointing distally.
        lengths: for each ray, the length of each of its bones in mm.
        wrist: unit vector of the forearm, pointing distally.
        scale: size against the mean adult hand.
    """

    landmarks: Array
    directions: dict[int, tuple[Array, ...]]
    lengths: dict[int, tuple[float, ...]]
    wrist: Array
    scale: float


def adult_skeleton(weights: npt.ArrayLike, scale: float = 1.0) -> Skeleton:
    """Bring a drawn shape to adult proportions.

    Directions of all bones and the arrangement of the wrist come from the shape; lengths are the adult mean, times the
    shape's own deviation from the mean shape (half of it: the rest is age), times ``scale``.
    """
    model = shape_model()
    own, mean = model.shape(weights), model.mean
    k = scale * (LENGTHS_MM[3][0] + JOINT_MM["MCP"]) / float(np.linalg.norm(mean[25] - mean[15]))
    landmarks = own * k
    directions: dict[int, tuple[Array, ...]] = {}
    lengths: dict[int, tuple[float, ...]] = {}
    for ray, chain in CHAINS.items():
        dirs, lens = [], []
        for i, (p, q) in enumerate(pairwise(chain)):
            ratio = float(np.linalg.norm(own[q] - own[p]) / np.linalg.norm(mean[q] - mean[p]))
            dirs.append(_unit(own[q] - own[p]))
            lens.append(LENGTHS_MM[ray][i] * float(np.clip(np.sqrt(ratio), 0.9, 1.1)) * scale)
        directions[ray], lengths[ray] = tuple(dirs), tuple(lens)
    across = _unit((own[4] - own[0]) + (own[5] - own[1]))
    wrist = np.array([across[1], -across[0]])
    return Skeleton(landmarks, directions, lengths, wrist, scale)
