"""Single glyphs as lead letters are cut: strokes of even width with round or square ends, and fonts made bolder.

Cheaper than whole scenes (:mod:`coread.train.hand_marker`) and closer to real side markers, whose L has a foot nearly as long as its stem.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from coread.vision.marker import GLYPHS, PATCH

Planes = npt.NDArray[np.float32]
Points = list[tuple[float, float]]
BIG = 96
OTHERS = "JJJ77VVTTAAPPKFBICUEE4411YXZNMHDGSOQ23569"


def strokes(name: str, rng: np.random.Generator) -> list[Points]:
    """The strokes of a letter in a box of height 1, random in their proportions; empty for a letter that fonts draw."""
    wide = float(rng.uniform(0.5, 0.75))
    if name == "L":
        return [[(0, 0), (0, 1), (float(rng.uniform(0.5, 0.88)), 1)]]
    if name == "R":
        middle, bend = float(rng.uniform(0.45, 0.58)), np.linspace(-np.pi / 2, np.pi / 2, 9)
        reach = float(rng.uniform(0.3, 0.6)) * wide
        bowl = [(wide - reach + reach * np.cos(a), middle / 2 + middle / 2 * np.sin(a)) for a in bend]
        return [[(0, 1), (0, 0), *bowl, (0, middle)], [(float(rng.uniform(0.1, 0.6)) * wide, middle), (wide, 1)]]
    if name == "J":
        hook = [
            (wide / 2 + wide / 2 * np.cos(a), 1 - wide / 2 + wide / 2 * np.sin(a)) for a in np.linspace(0, np.pi * rng.uniform(0.6, 1), 8)
        ]
        return [[(wide, 0), *hook]]
    if name == "7":
        return [[(0, 0), (wide, 0), (float(rng.uniform(0.1, 0.6)) * wide, 1)]]
    if name == "V":
        return [[(0, 0), (wide / 2, 1), (wide, 0)]]
    if name == "T":
        return [[(0, 0), (wide, 0)], [(wide / 2, 0), (wide / 2, 1)]]
    return []


def draw_glyph(name: str, fonts: list[Path], rng: np.random.Generator) -> Image.Image:
    """A letter 96 px tall on a dark square of 288 px, turned by any angle."""
    canvas = Image.new("L", (3 * BIG, 3 * BIG))
    draw = ImageDraw.Draw(canvas)
    lines = strokes(name, rng) if rng.random() < 0.75 else []
    if lines:
        width = int(BIG * rng.uniform(0.09, 0.27))
        lean, round_ends = float(rng.normal(0, 0.05)), rng.random() < 0.7
        for line in lines:
            points = [(1.2 * BIG + BIG * (x + lean * (1 - y)), BIG + BIG * y) for x, y in line]
            draw.line(points, fill=255, width=width, joint="curve")
            if round_ends:
                for x, y in points:
                    draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)
    else:
        face = ImageFont.truetype(str(fonts[int(rng.integers(len(fonts)))]), int(1.35 * BIG))
        draw.text((1.5 * BIG, 1.5 * BIG), name, fill=255, font=face, anchor="mm", stroke_width=int(rng.integers(0, 9)))
    draw_at = rng.choice([0, 90, 180, 270]) + rng.normal(0, 12) if rng.random() < 0.7 else rng.uniform(0, 360)
    return canvas.rotate(float(draw_at), Image.Resampling.BILINEAR)


def glyph_patch(name: str, mirrored: bool, fonts: list[Path], rng: np.random.Generator) -> Planes | None:
    """The network's input [2, PATCH, PATCH] for one letter among parts of others; None where nothing was drawn."""
    image = draw_glyph(name, fonts, rng)
    box = image.getbbox()
    if box is None:
        return None
    half = 0.64 * max(box[2] - box[0], box[3] - box[1])
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    corner = (int(x - half), int(y - half), int(x + half), int(y + half))
    size = int(np.clip(rng.lognormal(3.4, 0.5), 11, 90))
    ink = np.asarray(image.crop(corner).resize((size, size), Image.Resampling.BOX), dtype=np.float32) / np.float32(255)
    ground = float(rng.uniform(0, 0.5)) ** 1.5
    shade = np.linspace(-1, 1, size) * float(rng.normal(0, 0.04))
    plane = np.full((size, size), ground) + shade[:, None]
    if rng.random() < 0.5:
        edge = int(size * rng.uniform(0.02, 0.14))
        plane[:, :edge] += rng.normal(0, 0.12)
    beside = np.zeros_like(ink)
    if rng.random() < 0.6:
        letter = str(rng.choice(list(OTHERS)))
        face = ImageFont.truetype(str(fonts[int(rng.integers(len(fonts)))]), max(8, int(size * rng.uniform(0.4, 0.8))))
        layer = Image.new("L", (size, size))
        where = (size * rng.uniform(0, 1), size * (1.12 if rng.random() < 0.5 else -0.12))
        ImageDraw.Draw(layer).text(where, letter, fill=255, font=face, anchor="mm")
        beside = np.asarray(layer, dtype=np.float32) / np.float32(255)
        if rng.random() < 0.5:
            beside = beside.T
        beside = beside * (ndimage.uniform_filter(ink, 3) < 0.05)
    bright = ground + float(rng.uniform(0.2, 1.0 - ground))
    plane = plane + (bright - ground) * np.maximum(ink, beside)
    soft = float(rng.uniform(0.2, 0.03 * size + 0.3))
    plane = ndimage.gaussian_filter(plane, soft) + rng.normal(0, float(rng.uniform(0, 0.05)) * (bright - ground), plane.shape)
    level = float(rng.uniform(0.3, 0.75))
    labels, count = ndimage.label(ndimage.gaussian_filter(ink, soft) > level, structure=np.ones((3, 3)))
    if not count:
        return None
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    layers = [_resized((plane - plane.min()) / max(float(np.ptp(plane)), 1e-3)), _resized((labels == sizes.argmax()).astype(np.float32))]
    patch = np.stack(layers).astype(np.float32)
    return patch[:, :, ::-1].copy() if mirrored else patch


def _resized(plane: npt.NDArray[np.floating]) -> Planes:
    image = Image.fromarray(np.asarray(plane, dtype=np.float32))
    out: Planes = np.asarray(image.resize((PATCH, PATCH), Image.Resampling.BILINEAR), dtype=np.float32)
    return out


def glyph_patches(count: int, fonts: list[Path], rng: np.random.Generator) -> tuple[list[Planes], list[int]]:
    """Patches of L, R and other letters, a third each, half of them mirrored, and their classes."""
    patches, classes = [], []
    for k in range(count):
        name = ("L", "R", str(rng.choice(list(OTHERS))))[k % 3]
        mirrored = bool(rng.random() < 0.5)
        patch = glyph_patch(name, mirrored, fonts, rng)
        if patch is not None:
            patches.append(patch)
            classes.append(GLYPHS.index(f"{name} mirrored" if mirrored else name) if name in "LR" else GLYPHS.index("glyph"))
    return patches, classes
