"""Augmentation of hands: chance is drawn once into a record, applying the record is not random.

Geometry is a :class:`~coread.vision.pose.Pose` in the network's input; the record below holds what is done to the grey values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont
from scipy import ndimage

from coread.vision.pose import Array, Pixels


@dataclass(frozen=True, slots=True)
class Look:
    """What is done to the grey values of one input, in this order.

    Attributes:
        markers: burned-in plates: (text, column, row, size in px, turn in degrees, grey of plate or -1 for none, grey of letters).
        field: collimated field, (column, row, half width, half height, turn in radians, grey outside) or None.
        gamma: exponent.
        black: grey value of black, white: grey value of white, before noise.
        white: see ``black``.
        shade: slope of a linear shading along columns and rows.
        blur_px: deviation of a Gaussian blur.
        noise: deviation of white noise.
        seed: of the noise.
        inverted: bones dark.
    """

    markers: tuple[tuple[str, float, float, float, float, float, float], ...]
    field: tuple[float, float, float, float, float, float] | None
    gamma: float
    black: float
    white: float
    shade: tuple[float, float]
    blur_px: float
    noise: float
    seed: int
    inverted: bool


def draw_look(rng: np.random.Generator, size: tuple[int, int], inverted_share: float) -> Look:
    """A random look for an input of this size (rows, columns)."""
    rows, columns = size
    markers = []
    for _ in range(int(rng.choice([0, 1, 2], p=[0.5, 0.35, 0.15]))):
        text = "".join(rng.choice(list("LRABCDEFGHKMNPSTW0123456789"), size=int(rng.integers(1, 5))))
        edge = rng.random(2)
        edge[int(rng.integers(2))] = rng.choice([0.06, 0.94])
        plate = float(rng.choice([-1.0, rng.uniform(0.2, 0.6), rng.uniform(0.0, 1.0)]))
        markers.append(
            (
                text,
                float(edge[0] * columns),
                float(edge[1] * rows),
                float(rng.uniform(8, 26) * rows / 224),
                float(rng.uniform(-180, 180)),
                plate,
                float(rng.uniform(0.6, 1.0)),
            )
        )
    field = None
    if rng.random() < 0.3:
        half = rng.uniform(0.36, 0.6, size=2)
        middle = 0.5 + rng.uniform(-0.08, 0.08, size=2)
        field = (
            float(middle[0] * columns),
            float(middle[1] * rows),
            float(half[0] * columns),
            float(half[1] * rows),
            float(rng.normal(0, 0.15)),
            float(rng.choice([0.0, 1.0, rng.random()])),
        )
    black = float(rng.uniform(0, 0.45)) if rng.random() < 0.5 else 0.0
    white = black + float(rng.uniform(0.25, 1.0)) * (1 - black)
    return Look(
        tuple(markers),
        field,
        float(np.exp(rng.normal(0, 0.35))),
        black,
        white,
        (float(rng.normal(0, 0.12)), float(rng.normal(0, 0.12))),
        float(abs(rng.normal(0, 0.6))) if rng.random() < 0.5 else 0.0,
        float(abs(rng.normal(0, 0.03))) if rng.random() < 0.6 else 0.0,
        int(rng.integers(2**31)),
        bool(rng.random() < inverted_share),
    )


def _plate(image: Pixels, marker: tuple[str, float, float, float, float, float, float]) -> Pixels:
    text, column, row, size, turn, plate, letters = marker
    font = ImageFont.load_default(size=max(6.0, size))
    box = font.getbbox(text)
    width, height = int(box[2]) + 8, int(box[3]) + 8
    grey = PillowImage.new("L", (width, height), 0)
    ImageDraw.Draw(grey).text((4, 4), text, fill=255, font=font)
    cover = PillowImage.new("L", (width, height), 255 if plate >= 0 else 0)
    grey, cover = grey.rotate(turn, expand=True), cover.rotate(turn, expand=True)
    ink, under = np.asarray(grey, dtype=np.float32) / 255, np.asarray(cover, dtype=np.float32) / 255
    top, left = int(row - ink.shape[0] / 2), int(column - ink.shape[1] / 2)
    r0, c0 = max(top, 0), max(left, 0)
    r1, c1 = min(top + ink.shape[0], image.shape[0]), min(left + ink.shape[1], image.shape[1])
    if r1 <= r0 or c1 <= c0:
        return image
    part = (slice(r0 - top, r1 - top), slice(c0 - left, c1 - left))
    out = image.copy()
    below = out[r0:r1, c0:c1]
    card = below * (1 - under[part]) + under[part] * (0.7 * plate + 0.3 * below)
    out[r0:r1, c0:c1] = card * (1 - ink[part]) + letters * ink[part]
    return out


def in_field(look: Look, points: Array) -> npt.NDArray[np.bool_]:
    """Whether points (n, 2), (column, row), lie inside the collimated field."""
    if look.field is None:
        return np.ones(len(points), dtype=bool)
    column, row, half_width, half_height, turn, _ = look.field
    gap = points - np.array([column, row])
    c, s = np.cos(turn), np.sin(turn)
    along, down = gap[:, 0] * c + gap[:, 1] * s, gap[:, 1] * c - gap[:, 0] * s
    return np.asarray((np.abs(along) < half_width) & (np.abs(down) < half_height))


def apply_look(image: Pixels, look: Look) -> Pixels:
    """The image (0..1) with this look."""
    rows, columns = image.shape
    out = np.clip(image, 0, 1) ** look.gamma
    for marker in look.markers:
        out = _plate(out, marker)
    row, column = np.mgrid[0:rows, 0:columns]
    out = out + look.shade[0] * (column / columns - 0.5) + look.shade[1] * (row / rows - 0.5)
    if look.field is not None:
        inside = in_field(look, np.stack([column.ravel(), row.ravel()], axis=1).astype(float)).reshape(rows, columns)
        out = np.where(inside, out, look.field[5])
    if look.blur_px > 0.2:
        out = ndimage.gaussian_filter(out, look.blur_px)
    if look.noise:
        out = out + np.random.default_rng(look.seed).normal(0, look.noise, size=out.shape)
    if look.inverted:
        out = 1 - out
    return np.asarray(look.black + (look.white - look.black) * np.clip(out, 0, 1), dtype=np.float32)
