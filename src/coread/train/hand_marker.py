"""Training of the glyph network that reads side markers (``models/hand_marker.onnx``).

Markers are drawn: a plate, a side letter, smaller initials, stickers, at any angle, half of them mirrored, blurred and noisy,
and then cut by the same :func:`coread.vision.marker.candidates` that reads real images. What is no letter comes from
bones in real radiographs. Run as ``python -m coread.train.hand_marker DATA FONTS... OUT.onnx`` with font files (TrueType).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from coread.train.hand_glyphs import glyph_patches
from coread.train.hand_small import Batch, SmallNetwork, export, fit, recipe
from coread.vision.marker import GLYPHS, IN_THE_MIRROR, PATCH, candidates, reduced

SCENE = 288
SHOWN_AS = 640
OTHERS = "ABCDEFGHIJKMNOPQSTUVWXYZ0123456789"
SYMBOLS = "+<>/#&?=*"
Planes = npt.NDArray[np.float32]
Boxes = list[tuple[str, bool, tuple[float, float, float, float]]]


def draw_scene(rng: np.random.Generator, fonts: list[Path], background: Planes) -> tuple[Planes, Boxes]:
    """A marker over a background [SCENE, SCENE]: the image and, for each glyph, its name, whether it is mirrored, and its box."""
    mirrored = bool(rng.random() < 0.5)
    height = float(rng.uniform(11, 60))
    font = str(fonts[int(rng.integers(len(fonts)))])
    other = str(fonts[int(rng.integers(len(fonts)))]) if rng.random() < 0.3 else font
    main = _main_letter(rng)
    angle = float(rng.choice([0, 90, 180, 270])) + float(rng.normal(0, 12)) if rng.random() < 0.7 else float(rng.uniform(0, 360))
    places = _layout(rng, main, height, font, other)
    tag = Image.new("L", (SCENE, SCENE))
    _draw_plate(rng, ImageDraw.Draw(tag), height, len(places))
    plate = _turned(tag, angle, mirrored, soft=True)
    image = background.copy()
    image += plate * float(rng.uniform(-0.05, 0.25)) * (rng.random() < 0.8)
    ink = float(rng.uniform(0.25, 1.0))
    alpha = np.zeros_like(image)
    boxes: Boxes = []
    for name, layer in places:
        turned = _turned(layer, angle, mirrored, soft=True)
        where = np.argwhere(turned > 0.5)
        if not len(where):
            continue
        (r0, c0), (r1, c1) = where.min(axis=0), where.max(axis=0) + 1
        boxes.append((name, mirrored, (float(r0), float(c0), float(r1), float(c1))))
        alpha = np.maximum(alpha, turned)
    if rng.random() < 0.6:
        image = image * (1 - alpha) + np.maximum(image + 0.12, ink) * alpha
    else:
        image = image + alpha * float(rng.uniform(0.12, 0.6))
    image = ndimage.gaussian_filter(image, float(rng.uniform(0.1, 0.035 * height + 0.35)))
    image += rng.normal(0, float(rng.uniform(0, 0.025)), image.shape)
    return np.clip(image, 0, 1).astype(np.float32), boxes


def _main_letter(rng: np.random.Generator) -> str:
    draw = rng.random()
    if draw < 0.33:
        return "L"
    if draw < 0.62:
        return "R"
    if draw < 0.80:
        return str(rng.choice(list("JV7TAPBKF1ICUE4")))
    return str(rng.choice(list(OTHERS + SYMBOLS)))


def _layout(rng: np.random.Generator, main: str, height: float, font: str, other: str) -> list[tuple[str, Image.Image]]:
    """The glyphs, each on its own upright layer: the side letter in the middle and initials beside, below, or in a column."""
    middle = SCENE / 2
    stretch = float(rng.uniform(0.75, 1.3))
    glyphs = [(main, _glyph(main, font, height, (middle, middle), stretch, float(rng.normal(0, 3)), rng))]
    initials = "".join(rng.choice(list("LRLR" + OTHERS), size=int(rng.integers(0, 5))))
    size = height * float(rng.uniform(0.3, 0.85))
    column = rng.random() < 0.35
    gap = float(rng.uniform(0.95, 1.5))
    row = middle + height / 2 + size * float(rng.uniform(0.55, 1.0))
    for k, letter in enumerate(initials):
        if column:
            where = (middle + float(rng.normal(0, 0.15)) * size, row + k * size * gap)
        else:
            where = (middle + (k - (len(initials) - 1) / 2) * size * gap * 0.85, row)
        glyphs.append((letter, _glyph(letter, other, size, where, stretch, float(rng.normal(0, 4)), rng)))
    if rng.random() < 0.15:
        layer = Image.new("L", (SCENE, SCENE))
        radius = height * float(rng.uniform(0.25, 0.6))
        x, y = middle + float(rng.normal(0, 5)), middle - height * float(rng.uniform(0.9, 1.6))
        box = (x - radius, y - radius, x + radius, y + radius)
        ImageDraw.Draw(layer).ellipse(box, fill=255 if rng.random() < 0.5 else 0, outline=255, width=max(2, int(radius / 4)))
        glyphs.append(("circle", layer))
    return glyphs


def _glyph(
    name: str, font: str, height: float, where: tuple[float, float], stretch: float, tilt: float, rng: np.random.Generator
) -> Image.Image:
    big = 96
    canvas = Image.new("L", (3 * big, 3 * big))
    draw = ImageDraw.Draw(canvas)
    if name == "L" and rng.random() < 0.35:
        thick = int(big * rng.uniform(0.1, 0.28))
        draw.rectangle((big, big, big + thick, 2 * big), fill=255)
        draw.rectangle((big, 2 * big - int(thick * rng.uniform(0.8, 1.1)), big + int(big * rng.uniform(0.48, 0.75)), 2 * big), fill=255)
    else:
        face = ImageFont.truetype(font, int(big * 1.35))
        draw.text((1.5 * big, 1.5 * big), name, fill=255, font=face, anchor="mm", stroke_width=int(rng.integers(0, 5)))
    box = canvas.getbbox()
    if box is None:
        return Image.new("L", (SCENE, SCENE))
    cut = canvas.crop(box)
    scale = height / cut.height
    cut = cut.resize((max(2, round(cut.width * scale * stretch)), max(2, round(height))), Image.Resampling.LANCZOS).rotate(
        tilt, Image.Resampling.BICUBIC, expand=True
    )
    layer = Image.new("L", (SCENE, SCENE))
    layer.paste(cut, (round(where[0] - cut.width / 2), round(where[1] - cut.height / 2)))
    return layer


def _draw_plate(rng: np.random.Generator, draw: ImageDraw.ImageDraw, height: float, count: int) -> None:
    middle = SCENE / 2
    wide, tall = height * rng.uniform(0.55, 1.3), height * rng.uniform(0.6, 1.2 + 0.6 * (count > 1))
    box = (middle - wide, middle - height * rng.uniform(0.6, 1.2), middle + wide, middle + tall)
    if rng.random() < 0.2:
        draw.ellipse(box, fill=255)
    else:
        draw.rounded_rectangle(box, radius=height * rng.uniform(0, 0.3), fill=255)
    if rng.random() < 0.3:
        draw.ellipse((middle - 0.12 * height, box[1] + 2, middle + 0.12 * height, box[1] + 2 + 0.24 * height), fill=0)


def _turned(layer: Image.Image, angle: float, mirrored: bool, soft: bool) -> Planes:
    turned = layer.rotate(angle, Image.Resampling.BICUBIC if soft else Image.Resampling.NEAREST)
    plane: Planes = np.asarray(turned, dtype=np.float32) / np.float32(255)
    return plane[:, ::-1].copy() if mirrored else plane


def plain_background(rng: np.random.Generator) -> Planes:
    """An empty radiograph's corner: a ramp, now and then a collimator edge."""
    y, x = np.mgrid[0:SCENE, 0:SCENE] / SCENE - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    plane = rng.uniform(0.02, 0.5) ** 1.5 + rng.normal(0, 0.08) * (x * np.cos(angle) + y * np.sin(angle))
    if rng.random() < 0.25:
        edge = x * np.sin(angle) - y * np.cos(angle) > rng.uniform(-0.3, 0.4)
        plane = np.where(edge, rng.uniform(0, 1), plane)
    return np.asarray(np.clip(plane, 0, 1), dtype=np.float32)


def labelled(plane: Planes, boxes: Boxes) -> tuple[list[Planes], list[int]]:
    """Patches of the candidates and their classes; candidates that cover a glyph only in part are left out."""
    patches, classes = [], []
    for piece in candidates(plane, SHOWN_AS):
        ratios = [_overlap(piece.box, box) for _, _, box in boxes]
        top = int(np.argmax(ratios)) if ratios else -1
        if top >= 0 and ratios[top] > 0.62:
            name, mirrored, _ = boxes[top]
            known = f"{name} mirrored" if mirrored else name
            patches.append(piece.patch)
            classes.append(GLYPHS.index(known) if known in GLYPHS else GLYPHS.index("glyph"))
        elif top < 0 or ratios[top] < 0.02:
            patches.append(piece.patch)
            classes.append(GLYPHS.index("none"))
    return patches, classes


def _overlap(a: tuple[int, int, int, int], b: tuple[float, float, float, float]) -> float:
    height, width = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if height <= 0 or width <= 0:
        return 0.0
    shared = height * width
    return float(shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared))


def hand_patches(data: Path, names: list[str]) -> list[Planes]:
    """Candidates inside the hands of radiographs (within the box about the known joint points): none of them is a letter."""
    import pandas as pd

    points = pd.read_csv(data / "hand_joints" / "pseudo13.csv").groupby("image")
    patches = []
    for name in names:
        pixels: Planes = np.asarray(Image.open(data / "hand_joints" / "images" / name).convert("L"), dtype=np.float32) / np.float32(255)
        plane, scale = reduced(pixels)
        here = points.get_group(name)
        columns, rows = here["x"].to_numpy() * pixels.shape[1] / scale, here["y"].to_numpy() * pixels.shape[0] / scale
        for piece in candidates(plane):
            row, column = (piece.box[0] + piece.box[2]) / 2, (piece.box[1] + piece.box[3]) / 2
            if columns.min() + 5 < column < columns.max() - 5 and rows.min() < row < rows.max():
                patches.append(piece.patch)
    return patches


def batches(patches: Planes, classes: npt.NDArray[np.int64], size: int, rng: np.random.Generator) -> Iterator[Batch]:
    """Batches with the classes drawn alike often, each patch in one of its eight quarter turns and reflections."""
    weights = 1.0 / np.bincount(classes, minlength=len(GLYPHS))[classes]
    weights *= np.where(classes == GLYPHS.index("glyph"), 2.0, 1.0)
    weights /= weights.sum()
    while True:
        drawn = rng.choice(len(classes), size=size, p=weights)
        planes, names = patches[drawn].copy(), classes[drawn].copy()
        for k in range(size):
            plane = np.rot90(planes[k], int(rng.integers(4)), axes=(1, 2))
            if rng.random() < 0.5:
                plane = plane[:, :, ::-1]
                names[k] = IN_THE_MIRROR[names[k]]
            planes[k] = plane
            planes[k, 0] = np.clip(planes[k, 0] ** rng.uniform(0.7, 1.4) + rng.normal(0, 0.02, (PATCH, PATCH)), 0, 1)
        yield torch.from_numpy(planes), torch.from_numpy(names)


def _loss(out: torch.Tensor, batch: Batch) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(out, batch[1], label_smoothing=0.02)


def train(data: Path, fonts: list[Path], out: Path, held_out: set[str]) -> list[float]:
    """Draws the scenes, trains the glyph network and writes it as ONNX; gives the trace of the loss.

    Args:
        data: the data folder with ``hand_joints``.
        fonts: TrueType files to draw letters with.
        out: ONNX file to write.
        held_out: names of radiographs that must not be used.
    """
    import pandas as pd

    plan = recipe("hand_marker")
    rng = np.random.default_rng(int(plan["seed"]))
    torch.manual_seed(int(plan["seed"]))
    known = pd.read_csv(data / "hand_joints" / "pseudo13.csv")["image"].unique()
    names = [str(name) for name in known if name not in held_out]
    names = [str(name) for name in rng.permutation(names)[: int(plan["hand_backgrounds"])]]
    patches = hand_patches(data, names)
    classes = [GLYPHS.index("none")] * len(patches)
    for _ in range(int(plan["scenes"])):
        plane, boxes = draw_scene(rng, fonts, plain_background(rng))
        more, kinds = labelled(plane, boxes)
        patches += more
        classes += kinds
    more, kinds = glyph_patches(int(plan["glyphs"]), fonts, rng)
    patches += more
    classes += kinds
    every = np.array(classes)
    print("patches", dict(zip(GLYPHS, np.bincount(every, minlength=len(GLYPHS)).tolist(), strict=True)), flush=True)  # noqa: T201
    network = SmallNetwork(2, (16, 32, 48, 64), len(GLYPHS))
    stream = batches(np.stack(patches), every, int(plan["batch"]), rng)
    trace = fit(network, stream, _loss, int(plan["steps"]), plan["rate"])
    export(network, torch.zeros(1, 2, PATCH, PATCH), out)
    return trace


def main() -> None:
    """Command: DATA FONT... OUT; ``bench/marker_labels.csv`` beside the working folder names the radiographs held out."""
    data, *fonts, out = (Path(argument) for argument in sys.argv[1:])
    labels = Path("bench/marker_labels.csv")
    held_out = {line.split(",")[0] for line in labels.read_text().splitlines()[1:]} if labels.exists() else set()
    print(train(data, fonts, out, held_out))  # noqa: T201


if __name__ == "__main__":
    main()
