"""Side markers: lead letters L and R beside the hand, in any rotation, and mirrored ones, which give a mirrored image away.

Compact bright pieces of the image are proposed by thresholds (:func:`candidates`), a small network names each glyph
(L, R, their mirror images, another letter, no letter), and rules decide what may count as a side marker: a marker is the
tallest glyph of its group, because the initials of the radiographer stand smaller beside it and contain L and R too.
A wrong side does harm and a missed marker does not (the anatomy still tells), so every doubt ends in no marker.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from coread.errors import InputError
from coread.vision.network import Network

Letter = Literal["L", "R"]
Box = tuple[float, float, float, float]

GLYPHS = ("L", "L mirrored", "R", "R mirrored", "glyph", "none")
IN_THE_MIRROR = np.array([1, 0, 3, 2, 4, 5])
PATCH = 32
WORKING_SIZE = 640
LEVELS = 14
MIN_HEIGHT, MAX_HEIGHT = 8, 0.16
LEAST_READ = 14
NEEDED = 0.75
NEEDED_MIRRORED = 0.85
WEIGHTS = Path(__file__).parents[1] / "models" / "hand_marker.onnx"


@dataclass(frozen=True, slots=True)
class Marker:
    """A side marker that can be read.

    Attributes:
        letter: ``L`` or ``R``, as the letter reads once it is turned and, where needed, mirrored upright.
        box_px: first column, first row, last column, last row in image pixels.
        confidence: the network's probability of this letter in this handedness, 0..1.
        mirrored: the letter is a mirror image, so the radiograph is shown mirrored.
    """

    letter: Letter
    box_px: Box
    confidence: float
    mirrored: bool

    @property
    def side(self) -> Literal["left", "right"]:
        """The side that the letter names."""
        return "left" if self.letter == "L" else "right"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A compact bright piece that may be a glyph: its box in working pixels and its grey patch beside its own mask."""

    box: tuple[int, int, int, int]
    area: int
    patch: npt.NDArray[np.float32]


class MarkerReader:
    """Reads side markers with the shipped glyph network.

    Args:
        weights: ONNX file of the glyph network.
        threads: threads for the network; None leaves the choice to the engine.
    """

    def __init__(self, weights: Path = WEIGHTS, threads: int | None = None) -> None:
        self._network = Network(weights, threads)

    def glyphs(self, pieces: list[Candidate]) -> npt.NDArray[np.float64]:
        """Probabilities [candidate, glyph] in the order of :data:`GLYPHS`.

        For what may be a letter the network's logits are averaged over the quarter turns of the patch and of its mirror image.
        """
        if not pieces:
            return np.zeros((0, len(GLYPHS)))
        patches = np.stack([piece.patch for piece in pieces])
        logits = self._network.run(patches)[0].astype(np.float64)
        letters = np.flatnonzero(_chances(logits)[:, :4].sum(axis=1) > 0.1)
        if len(letters):
            total = np.zeros((len(letters), len(GLYPHS)))
            for mirrored in (False, True):
                shown = patches[letters][..., ::-1] if mirrored else patches[letters]
                for turn in range(4):
                    out = self._network.run(np.ascontiguousarray(np.rot90(shown, turn, axes=(2, 3))))[0]
                    total += out[:, IN_THE_MIRROR] if mirrored else out
            logits[letters] = total / 8
        return _chances(logits)

    def find(self, pixels: npt.NDArray[np.float32], dark: bool = False) -> tuple[Marker, ...]:
        """The readable side markers of one radiograph, surest first; empty where none can be read without doubt.

        Args:
            pixels: [y, x], 0..1.
            dark: the letters are darker than their surroundings, as in a negative (where bones are dark, lead is too).

        Raises:
            InputError: the pixels are not one two-dimensional image.
        """
        if pixels.ndim != 2 or min(pixels.shape) < PATCH:
            raise InputError(
                f"side markers are looked for in one image [y, x] of at least {PATCH} px each way, got the shape {pixels.shape}"
            )
        small, scale = reduced(1.0 - pixels if dark else pixels)
        pieces = candidates(small)
        return tuple(enlarged(marker, scale) for marker in decide(pieces, self.glyphs(pieces)))


def _chances(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def reduced(pixels: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], float]:
    """The image shrunk to :data:`WORKING_SIZE` along its longer side and stretched to 0..1, and how many old pixels make a new one."""
    scale = max(1.0, max(pixels.shape) / WORKING_SIZE)
    plane = np.asarray(pixels, dtype=np.float32)
    if scale > 1.0:
        size = max(1, round(scale))
        rows, columns = (np.linspace(0, n - 1, round(n / scale)) for n in plane.shape)
        plane = _between(_mean_rows(plane, size, rows), columns)
    low, high = float(np.percentile(plane, 0.5)), float(plane.max())
    if high - low < 1e-6:
        return np.zeros_like(plane), scale
    return np.clip((plane - low) / (high - low), 0, 1).astype(np.float32), scale


def _mean_rows(plane: npt.NDArray[np.float32], size: int, rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """The plane averaged over squares of ``size``, at fractional rows: what lies in no row asked for is never averaged."""
    low = np.minimum(rows.astype(np.intp), plane.shape[0] - 2)
    part = (rows - low)[:, None].astype(np.float32)
    first = low - size // 2
    # Both neighbours of a place share all rows but the first and the last.
    inner = np.zeros((len(rows), plane.shape[1]), dtype=np.float32)
    for step in range(1, size):
        inner += plane[np.clip(first + step, 0, plane.shape[0] - 1)]
    inner += plane[np.clip(first, 0, plane.shape[0] - 1)] * (1 - part)
    inner += plane[np.clip(first + size, 0, plane.shape[0] - 1)] * part
    return np.asarray(ndimage.uniform_filter1d(inner / np.float32(size), size, axis=1, mode="nearest"))


def _between(plane: npt.NDArray[np.float32], columns: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """The plane at fractional columns, linear between its own."""
    low = np.minimum(columns.astype(np.intp), plane.shape[1] - 2)
    part = columns - low
    between: npt.NDArray[np.float32] = (plane[:, low] * (1 - part) + plane[:, low + 1] * part).astype(np.float32)
    return between


def candidates(plane: npt.NDArray[np.float32], longest: int | None = None) -> list[Candidate]:
    """Compact pieces brighter than their surroundings: components at many thresholds, each kept where its box is most stable.

    Args:
        plane: [y, x] in 0..1, letters bright.
        longest: longer side in pixels of the radiograph that the plane was cut from; None where it is whole.
    """
    longest = longest or max(plane.shape)
    local = plane - ndimage.uniform_filter(plane, size=max(9, round(0.06 * longest)), mode="nearest")
    boxes: list[tuple[int, int, int, int, int, int, float]] = []
    for image, levels in ((plane, np.linspace(0.12, 0.97, LEVELS)), (local, np.geomspace(0.02, 0.5, LEVELS // 2))):
        for level in levels:
            boxes += _components(image, float(level), longest, image is local)
    kept = _stable(boxes)
    return [_cut(plane, local if flag else plane, (r0, c0, r1, c1), area, level) for r0, c0, r1, c1, area, flag, level in kept]


def _components(
    image: npt.NDArray[np.float32], level: float, longest: int, local: bool
) -> list[tuple[int, int, int, int, int, int, float]]:
    labels, _ = ndimage.label(image > level, structure=np.ones((3, 3)))
    rows, columns = image.shape
    found = []
    for index, place in enumerate(ndimage.find_objects(labels), start=1):
        (r0, r1), (c0, c1) = ((s.start, s.stop) for s in place)
        height, width = r1 - r0, c1 - c0
        longer, shorter = max(height, width), min(height, width)
        if longer < MIN_HEIGHT or longer > MAX_HEIGHT * longest or shorter < 0.25 * longer or shorter < 4:
            continue
        if r0 == 0 or c0 == 0 or r1 == rows or c1 == columns:
            continue
        area = int(np.count_nonzero(labels[place] == index))
        if area >= MIN_HEIGHT and 0.10 <= area / (height * width) <= 0.90:
            found.append((r0, c0, r1, c1, area, int(local), level))
    return found


def _stable(boxes: list[tuple[int, int, int, int, int, int, float]]) -> list[tuple[int, int, int, int, int, int, float]]:
    """Of the boxes that lie on each other (overlap 0.6), the middle one by area; groups that only one threshold saw are left out."""
    if not boxes:
        return []
    table = np.array([box[:4] for box in boxes], dtype=np.float64)
    areas = (table[:, 2] - table[:, 0]) * (table[:, 3] - table[:, 1])
    shared = np.ones((len(boxes), len(boxes)))
    for low, high in ((table[:, 0], table[:, 2]), (table[:, 1], table[:, 3])):
        shared *= np.maximum(np.minimum(high[:, None], high) - np.maximum(low[:, None], low), 0)
    same = shared / (areas[:, None] + areas - shared) > 0.6
    free = np.ones(len(boxes), dtype=bool)
    kept = []
    for index in np.argsort(-same.sum(axis=1), kind="stable"):
        if not free[index]:
            continue
        group = np.flatnonzero(same[index] & free)
        free[group] = False
        if len(group) >= 2:
            kept.append(boxes[int(group[np.argsort(areas[group], kind="stable")[len(group) // 2]])])
    return kept


def _cut(
    plane: npt.NDArray[np.float32], image: npt.NDArray[np.float32], box: tuple[int, int, int, int], area: int, level: float
) -> Candidate:
    """The square patch about a box, [2, PATCH, PATCH]: grey values stretched over it, and the piece's own mask."""
    r0, c0, r1, c1 = box
    half = 0.64 * max(r1 - r0, c1 - c0)
    middle = ((r0 + r1 - 1) / 2, (c0 + c1 - 1) / 2)
    rows, columns = (m + np.linspace(-half, half, PATCH) for m in middle)
    smooth = half / PATCH
    top, left = max(0, int(middle[0] - half) - 3), max(0, int(middle[1] - half) - 3)
    window = (slice(top, int(middle[0] + half) + 5), slice(left, int(middle[1] + half) + 5))
    mask = np.zeros_like(plane[window])
    inner = (slice(r0 - top, r1 - top), slice(c0 - left, c1 - left))
    labels, _ = ndimage.label(image[r0:r1, c0:c1] > level, structure=np.ones((3, 3)))
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    mask[inner] = labels == int(sizes.argmax())
    grid = np.meshgrid(rows - top, columns - left, indexing="ij")
    layers = np.stack([plane[window], mask])
    if smooth > 0.75:
        layers = ndimage.gaussian_filter(layers, smooth * 0.8, mode="nearest", axes=(1, 2))
    grey, piece = (
        ndimage.map_coordinates(layer, grid, order=1, mode=mode, output=np.float32)
        for layer, mode in zip(layers, ("nearest", "constant"), strict=True)
    )
    grey = (grey - grey.min()) / max(float(grey.max() - grey.min()), 1e-3)
    return Candidate(box, area, np.stack([grey, piece]).astype(np.float32))


def decide(pieces: list[Candidate], probabilities: npt.NDArray[np.float64]) -> list[Marker]:
    """Which pieces may count as side markers; boxes stay in working pixels.

    A letter is dropped when it is smaller than :data:`LEAST_READ` working pixels, or when another glyph of its group (nearer than
    two and a half heights) is as tall or taller: it may be one of the initials, or two sides contradict each other.
    """
    best = probabilities.argmax(axis=1) if len(pieces) else np.zeros(0, dtype=int)
    found = []
    for index, piece in enumerate(pieces):
        kind = int(best[index])
        sure = float(probabilities[index, kind])
        if kind > 3 or sure < (NEEDED_MIRRORED if kind % 2 else NEEDED) or _sides(piece)[0] < LEAST_READ:
            continue
        if any(_spoils(other, probabilities[k], piece, kind) for k, other in enumerate(pieces) if k != index):
            continue
        r0, c0, r1, c1 = piece.box
        found.append(Marker("L" if kind < 2 else "R", (float(c0), float(r0), float(c1 - 1), float(r1 - 1)), sure, bool(kind % 2)))
    return sorted(found, key=lambda marker: -marker.confidence)


def _sides(piece: Candidate) -> tuple[int, int]:
    """The longer and the shorter side of a piece's box."""
    height, width = piece.box[2] - piece.box[0], piece.box[3] - piece.box[1]
    return max(height, width), min(height, width)


def _spoils(other: Candidate, chances: npt.NDArray[np.float64], piece: Candidate, kind: int) -> bool:
    """Whether another glyph beside a letter may be the true side marker, so that the letter may be one of the initials.

    So it is with a letter of the other side that is nearly as tall, and with any glyph that is as tall. Letters that have
    grown together are as tall as their shorter side; filled discs are stickers.
    """
    longer, shorter = _sides(other)
    size = _sides(piece)[0]
    gap = max(other.box[0] - piece.box[2], piece.box[0] - other.box[2], other.box[1] - piece.box[3], piece.box[1] - other.box[3])
    if chances[GLYPHS.index("none")] > 0.5 or gap > 2.5 * max(longer, size) or gap < -0.3 * min(longer, size):
        return False
    against = float(chances[2:4].sum() if kind < 2 else chances[:2].sum())
    if against > 0.3 and longer > 0.8 * size:
        return True
    disc = other.area > 0.72 * longer * shorter and longer < 1.2 * shorter
    return not disc and min(longer, 1.15 * shorter) > 0.95 * size


def enlarged(marker: Marker, scale: float) -> Marker:
    """A marker of the working image in the pixels of the original."""
    box = [(value + 0.5) * scale - 0.5 for value in marker.box_px]
    return Marker(marker.letter, (box[0], box[1], box[2], box[3]), marker.confidence, marker.mirrored)
