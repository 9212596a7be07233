"""Films of one or both knees made around crops of real knees: shafts, soft tissue, collimator, markers, and where each knee is.

Only the crops are real. What lies beyond them is drawn from their own borders: the rows at top and bottom go on as shafts that grow
narrower, the columns at the sides fade into air. Such films test whether a knee is found, cut and sided the same way; they say nothing
about how well real films are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont
from scipy import ndimage

Plane = npt.NDArray[np.float32]
AIR = 0.03


@dataclass(frozen=True, slots=True)
class KneeFilm:
    """A simulated film.

    Attributes:
        pixels: [y, x] in 0..1, bone dark where ``inverted``.
        boxes_px: (left, top, right, bottom) of each knee's square, in the order of the crops.
        sides: side of each knee.
        inverted: bone is dark.
        marked: a side marker stands beside each knee.
    """

    pixels: Plane
    boxes_px: tuple[tuple[float, float, float, float], ...]
    sides: tuple[str, ...]
    inverted: bool
    marked: bool


def knee_film(crops: Sequence[Plane], sides: Sequence[str], rng: np.random.Generator) -> KneeFilm:
    """A film of one or two knees.

    Args:
        crops: squares [n, n] in 0..1, bone bright, as they lie on the film.
        sides: ``left`` or ``right`` of each; two knees stand as on a view from the front, the right one on the left.
        rng: draws size, place, turn, contrast, collimator, markers, noise and polarity.
    """
    size = int(rng.integers(190, 420))
    order = sorted(range(len(crops)), key=lambda k: sides[k] != "right")
    rows, slot = int(size * rng.uniform(1.7, 2.6)), int(size * rng.uniform(1.12, 1.5))
    columns = slot * len(crops) + 2 * int(size * rng.uniform(0.05, 0.3))
    film = np.full((rows, columns), AIR, dtype=np.float32)
    middle = rows * rng.uniform(0.42, 0.58)
    boxes: dict[int, tuple[float, float, float, float]] = {}
    for position, k in enumerate(order):
        x = (columns - slot * len(crops)) / 2 + slot * (position + 0.5) + size * rng.uniform(-0.04, 0.04)
        y = middle + size * rng.uniform(-0.05, 0.05)
        own = size * rng.uniform(0.95, 1.05)
        leg = _leg(crops[k], (rows, columns), (x, y, own), float(rng.uniform(-6, 6)))
        film = np.maximum(film, leg)
        boxes[k] = (x - own / 2, y - own / 2, x + own / 2, y + own / 2)
    film = film ** np.float32(rng.uniform(0.7, 1.6))
    film *= 1 + rng.uniform(-0.15, 0.15) * np.linspace(-1, 1, columns, dtype=np.float32)
    marked = bool(rng.random() < 0.5)
    if marked:
        for k in order:
            _mark(film, "R" if sides[k] == "right" else "L", boxes[k], sides[k] == "right")
    _collimate(film, rng)
    film = film + rng.normal(0, rng.uniform(0.003, 0.02), film.shape).astype(np.float32)
    low, high = float(film.min()), float(film.max())
    film = ((film - low) / max(high - low, 1e-6)).astype(np.float32)
    inverted = bool(rng.random() < 0.5)
    return KneeFilm(1 - film if inverted else film, tuple(boxes[k] for k in range(len(crops))), tuple(sides), inverted, marked)


def _leg(crop: Plane, shape: tuple[int, int], place: tuple[float, float, float], angle_deg: float) -> Plane:
    """A leg [y, x] whose knee is the crop, its middle at (x, y) and its square of a size, turned about that middle."""
    x, y, size = place
    count = crop.shape[0]
    turn = np.deg2rad(angle_deg)
    across, down = np.meshgrid(np.arange(shape[1]) - x, np.arange(shape[0]) - y)
    u = (across * np.cos(turn) + down * np.sin(turn)) / size * count + (count - 1) / 2
    v = (-across * np.sin(turn) + down * np.cos(turn)) / size * count + (count - 1) / 2
    beyond = np.maximum(np.maximum(-v, v - (count - 1)), 0) / count
    middle = (count - 1) / 2
    u = middle + (u - middle) * (1 + 0.7 * np.minimum(beyond, 1.2))
    # The border goes on as the mean of its last rows, so that no grain is drawn out into stripes.
    soft = crop.copy()
    reach = max(2, count // 28)
    soft[0], soft[-1] = crop[:reach].mean(axis=0), crop[-reach:].mean(axis=0)
    leg = ndimage.map_coordinates(soft, [v.clip(0, count - 1), u.clip(0, count - 1)], order=1, mode="nearest").astype(np.float32)
    aside = np.maximum(np.maximum(-u, u - (count - 1)), 0) / count
    faded: Plane = (leg * np.exp(-aside * 14)).astype(np.float32)
    return faded


def _mark(film: Plane, letter: str, box: tuple[float, float, float, float], right: bool) -> None:
    """A lead letter beside a knee, on its outer side."""
    size = box[2] - box[0]
    height = max(16, int(size * 0.13))
    glyph = Pillow.new("L", (2 * height, 2 * height), 0)
    ImageDraw.Draw(glyph).text((height // 2, height // 4), letter, fill=255, font=ImageFont.load_default(height * 1.2))
    cut = np.asarray(glyph.crop(glyph.getbbox()), dtype=np.float32) / 255
    rows, columns = cut.shape
    top = int(box[1] + 0.12 * size)
    left = int(box[0] - columns - 0.01 * size) if right else int(box[2] + 0.01 * size)
    left = min(max(left, 4), film.shape[1] - columns - 4)
    top = min(max(top, 4), film.shape[0] - rows - 4)
    part = film[top : top + rows, left : left + columns]
    part[:] = np.maximum(part, cut * max(0.98, float(film.max())))


def _collimate(film: Plane, rng: np.random.Generator) -> None:
    """Darkens what lies outside the collimator, in place: a band at each border of up to 6 %."""
    rows, columns = film.shape
    top, bottom = (int(rows * rng.uniform(0, 0.06)) for _ in range(2))
    left, right = (int(columns * rng.uniform(0, 0.03)) for _ in range(2))
    inside = np.zeros(film.shape, dtype=bool)
    inside[top : rows - bottom, left : columns - right] = True
    film[~inside] *= 0.15
