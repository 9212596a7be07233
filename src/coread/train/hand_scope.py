"""Training of the scope network (``models/hand_scope.onnx``): hand radiographs, whole or in part, against everything else.

What is no hand comes in kinds: real ones (knees, brain slices, photographs) and drawn ones (noise and textures, text,
tubes and plates like those of other radiographs, hands cut into tiles and shuffled). A kind can be left out of training to see whether
images of a kind never met are refused too. Run as ``python -m coread.train.hand_scope DATA OUT.onnx FONTS...``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from coread.formats.open import open_study
from coread.train.hand_small import Batch, SmallNetwork, export, fit, recipe
from coread.vision.scope import THUMBNAIL, thumbnail

Planes = npt.NDArray[np.float32]
Draw = Callable[[np.random.Generator], Planes]
PHOTOGRAPHS = (
    "astronaut.png",
    "coffee.png",
    "chelsea.png",
    "rocket.jpg",
    "coins.png",
    "moon.png",
    "brick.png",
    "ihc.png",
    "motorcycle_left.png",
)
BRAINS = ("ms_lesions/ljubljana-07/FLAIR.nii.gz", "ms_lesions/ljubljana-07/T1.nii.gz", "ms_lesions/ljubljana-19/T2.nii.gz")


def loaded(path: Path, longest: int) -> Planes:
    """Grey pixels in 0..1, at most ``longest`` wide or high."""
    image = Image.open(path).convert("L")
    image.thumbnail((longest, longest), Image.Resampling.BOX)
    pixels: Planes = np.asarray(image, dtype=np.float32) / np.float32(255)
    return pixels


class Hands:
    """Hand radiographs and their known points, drawn from in whole, in part and in pairs."""

    def __init__(self, data: Path, names: list[str], longest: int) -> None:
        import pandas as pd

        self.images = [loaded(data / "hand_joints" / "images" / name, longest) for name in names]
        groups = pd.read_csv(data / "hand_joints" / "pseudo13.csv").groupby("image")
        known = set(groups.groups)
        self.points = [groups.get_group(n)[["x", "y"]].to_numpy(dtype=np.float64) if n in known else None for n in names]

    def draw(self, rng: np.random.Generator) -> Planes:
        """One image: a whole hand, two, or a part no smaller than two fifths of a hand."""
        index = int(rng.integers(len(self.images)))
        image, points = self.images[index], self.points[index]
        choice = rng.random()
        if choice < 0.15:
            other = self.images[int(rng.integers(len(self.images)))][:, ::-1]
            rows = min(len(image), len(other))
            return np.concatenate([image[:rows], other[:rows]], axis=1)
        if choice < 0.60 or points is None:
            return image
        where = points * [image.shape[1], image.shape[0]]
        length = 1.9 * float(np.ptp(where[:, 1]))
        center = where[int(rng.integers(len(where)))] + rng.normal(0, 0.04, 2) * length
        half = 0.5 * length * rng.uniform(0.42, 1.1, 2)
        c0, r0 = np.maximum(center - half, 0).astype(int)
        c1, r1 = (center + half).astype(int) + 1
        part = image[r0:r1, c0:c1]
        return part if min(part.shape) >= 24 else image


def turned(image: Planes, rng: np.random.Generator) -> Planes:
    """An image turned by any angle or a quarter, mirrored, cropped a little, and its empty corners filled."""
    plane = image[:, ::-1] if rng.random() < 0.5 else image
    draw = rng.random()
    if draw < 0.45:
        plane = np.rot90(plane, int(rng.integers(4)))
    elif draw < 0.85:
        angle = float(rng.normal(0, 15)) if rng.random() < 0.5 else float(rng.uniform(0, 360))
        fill = float(np.percentile(plane, 5)) if rng.random() < 0.6 else float(rng.random())
        plane = ndimage.rotate(plane, angle, reshape=bool(rng.random() < 0.7), order=1, cval=fill, output=np.float32)
    rows, columns = plane.shape
    cut = rng.uniform(0, 0.12, 4)
    kept: Planes = plane[int(cut[0] * rows) : rows - int(cut[1] * rows), int(cut[2] * columns) : columns - int(cut[3] * columns)]
    return kept


def toned(plane: Planes, rng: np.random.Generator) -> Planes:
    """Other exposure: gamma, a shading, noise, blur, now and then a collimator edge, the negative in three of ten."""
    low, high = float(plane.min()), float(plane.max())
    out = ((plane - low) / max(high - low, 1e-4)) ** float(np.exp(rng.normal(0, 0.45)))
    if rng.random() < 0.3:
        y, x = np.mgrid[0 : out.shape[0], 0 : out.shape[1]]
        angle = rng.uniform(0, 2 * np.pi)
        out = out + rng.uniform(0, 0.35) * (np.cos(angle) * x / out.shape[1] + np.sin(angle) * y / out.shape[0])
    if rng.random() < 0.2:
        margin = (rng.uniform(0, 0.12, 4) * np.repeat(out.shape, 2)).astype(int)
        frame = np.full_like(out, float(rng.random() < 0.5) * float(out.max()))
        inner = (slice(margin[0], out.shape[0] - margin[1]), slice(margin[2], out.shape[1] - margin[3]))
        frame[inner] = out[inner]
        out = frame
    if rng.random() < 0.4:
        out = ndimage.gaussian_filter(out, float(rng.uniform(0.3, 1.5)))
    out = out + rng.normal(0, float(rng.uniform(0, 0.06)) * (rng.random() < 0.6), out.shape)
    if rng.random() < 0.3:
        out = out.max() - out
    return np.asarray(out, dtype=np.float32)


def textures(rng: np.random.Generator) -> Planes:
    """Noise of any roughness, stripes, ramps, and sums of them."""
    size = (int(rng.integers(96, 200)), int(rng.integers(96, 200)))
    spectrum = np.fft.rfft2(rng.normal(0, 1, size))
    radius = np.hypot(np.fft.fftfreq(size[0])[:, None], np.fft.rfftfreq(size[1])[None]) + 1.0 / max(size)
    plane = np.fft.irfft2(spectrum * radius ** -float(rng.uniform(0, 2.2)), s=size)
    plane = (plane - plane.mean()) / max(float(plane.std()), 1e-6)
    y, x = np.mgrid[0 : size[0], 0 : size[1]]
    angle, period = rng.uniform(0, np.pi), rng.uniform(6, 80)
    wave = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period)
    kind = rng.random()
    if kind < 0.3:
        plane = plane * rng.uniform(0, 0.6) + (wave if rng.random() < 0.5 else np.sign(wave))
    elif kind < 0.45:
        plane = plane * rng.uniform(0, 0.4) + 4 * (x * np.cos(angle) + y * np.sin(angle)) / max(size)
    elif kind < 0.6:
        plane = (plane > rng.normal(0, 0.8)).astype(np.float64) + rng.normal(0, 0.05, size)
    return np.asarray(plane, dtype=np.float32)


def tubes(rng: np.random.Generator) -> Planes:
    """Blurred tubes, ellipses and stacked plates at random: long bones, ribs, vertebrae, fans and discs that are no hand."""
    size = 160
    plane = np.zeros((size, size), dtype=np.float32)
    kind = int(rng.integers(5))
    for k in range(int(rng.integers(2, 14))):
        layer = Image.new("L", (size, size))
        draw = ImageDraw.Draw(layer)
        if kind == 0:
            ends = rng.uniform(-20, size + 20, 4)
            draw.line([(ends[0], ends[1]), (ends[2], ends[3])], fill=255, width=int(rng.integers(4, 36)))
        elif kind == 1:
            x, y, w = size / 2 + rng.normal(0, 3), 15 + k * 14, rng.uniform(25, 45)
            draw.rounded_rectangle((x - w / 2, y, x + w / 2, y + 11), radius=4, fill=255)
        elif kind == 2:
            y = 10 + k * 13
            box = (8 + rng.normal(0, 2), y, size - 8, y + rng.uniform(40, 80))
            draw.arc(box, 180, 360, fill=255, width=int(rng.integers(3, 8)))
        elif kind == 3:
            x, y = rng.uniform(0, size, 2)
            a, b = rng.uniform(6, 60, 2)
            draw.ellipse((x - a, y - b, x + a, y + b), fill=255)
        else:
            x = size / 2 + rng.normal(0, 8)
            half = rng.uniform(8, 30)
            draw.rounded_rectangle((x - half, -10, x + half, size / 2 - 3), radius=int(half / 2), fill=255)
            draw.rounded_rectangle((x - half * 0.9, size / 2 + 3, x + half * 0.9, size + 10), radius=int(half / 2), fill=255)
        soft = ndimage.gaussian_filter(np.asarray(layer, dtype=np.float32) / 255, float(rng.uniform(0.5, 4)))
        inner = ndimage.gaussian_filter(soft, float(rng.uniform(3, 9)))
        plane += soft * float(rng.uniform(0.2, 1)) - (0.5 * inner if rng.random() < 0.5 else 0)
    body = ndimage.gaussian_filter(plane, 14) * float(rng.uniform(0, 2))
    return np.asarray(plane + body, dtype=np.float32)


def pages(fonts: list[Path]) -> Draw:
    """Draws pages of text."""

    def draw_page(rng: np.random.Generator) -> Planes:
        size = (int(rng.integers(200, 420)), int(rng.integers(200, 420)))
        page = Image.new("L", size, 255)
        draw = ImageDraw.Draw(page)
        height = int(rng.integers(7, 34))
        face = ImageFont.truetype(str(fonts[int(rng.integers(len(fonts)))]), height)
        y = int(rng.integers(0, 30))
        while y < size[1]:
            words = " ".join("".join(rng.choice(list("abcdefghijklmnoprstuvw0123456789.,"), int(rng.integers(1, 11)))) for _ in range(14))
            if rng.random() < 0.85:
                draw.text((int(rng.integers(4, 30)), y), words[: int(rng.integers(5, 90))], fill=0, font=face)
            y += int(height * 1.4)
        return np.asarray(page, dtype=np.float32) / np.float32(255)

    return draw_page


def shuffled(hands: Hands) -> Draw:
    """Draws hands cut into tiles and put together in another order: the texture of a hand without its structure."""

    def draw_tiles(rng: np.random.Generator) -> Planes:
        image = hands.images[int(rng.integers(len(hands.images)))]
        count = int(rng.integers(3, 6))
        rows, columns = (n // count for n in image.shape)
        tiles = [image[r * rows : (r + 1) * rows, c * columns : (c + 1) * columns] for r in range(count) for c in range(count)]
        order = rng.permutation(len(tiles))
        return np.concatenate([np.concatenate([tiles[order[r * count + c]] for c in range(count)], axis=1) for r in range(count)])

    return draw_tiles


def pieces_of(images: list[Planes], smallest: float) -> Draw:
    """Draws whole images of a list or parts of them."""

    def draw_piece(rng: np.random.Generator) -> Planes:
        image = images[int(rng.integers(len(images)))]
        if rng.random() < 0.5:
            return image
        rows, columns = (max(24, int(n * rng.uniform(smallest, 1))) for n in image.shape)
        r, c = int(rng.integers(max(1, image.shape[0] - rows + 1))), int(rng.integers(max(1, image.shape[1] - columns + 1)))
        return image[r : r + rows, c : c + columns]

    return draw_piece


def brain_slices(data: Path, count: int, rng: np.random.Generator) -> list[Planes]:
    """Slices of the brains of :data:`BRAINS` in the three directions."""
    found = []
    for name in BRAINS:
        volume = open_study(data / name).images[0].pixels
        for _ in range(count // len(BRAINS)):
            axis = int(rng.integers(3))
            index = int(volume.shape[axis] * rng.uniform(0.25, 0.75))
            cut = np.take(volume, index, axis=axis)
            found.append(cut / max(float(cut.max()), 1e-6))
    return found


def other_kinds(data: Path, hands: Hands, fonts: list[Path], plan: Mapping[str, float]) -> dict[str, Draw]:
    """Everything that is no hand, by kind."""
    import skimage

    rng = np.random.default_rng(int(plan["seed"]))
    longest = int(plan["longest"])
    knees = sorted((data / "knee_kl").joinpath("labels_train.csv").read_text().split()[1:])
    knees = [knees[int(i)].split(",")[0] for i in rng.permutation(len(knees))[: int(plan["knees"])]]
    photographs = [loaded(Path(skimage.__file__).parent / "data" / name, longest) for name in PHOTOGRAPHS]
    return {
        "knees": pieces_of([loaded(data / "knee_kl" / "images" / name, longest) for name in knees], 0.5),
        "brains": pieces_of(brain_slices(data, int(plan["slices"]), rng), 0.4),
        "photographs": pieces_of(photographs, 0.25),
        "textures": textures,
        "tubes": tubes,
        "pages": pages(fonts),
        "shuffled": shuffled(hands),
    }


def pool(hands: Hands, others: Mapping[str, Draw], count: int, rng: np.random.Generator) -> tuple[Planes, Planes]:
    """Inputs and truth of many images, half of hands, half of the other kinds in equal shares."""
    kinds = list(others.values())
    planes, truth = np.zeros((count, 2, THUMBNAIL, THUMBNAIL), dtype=np.float32), np.zeros((count, 1), dtype=np.float32)
    for k in range(count):
        image = hands.draw(rng) if k % 2 == 0 else kinds[k // 2 % len(kinds)](rng)
        planes[k] = thumbnail(toned(turned(image, rng), rng))
        truth[k] = float(k % 2 == 0)
    return planes, truth


def batches(planes: Planes, truth: Planes, size: int, rng: np.random.Generator) -> Iterator[Batch]:
    """Batches out of a pool, each quarter turned and mirrored as a whole."""
    while True:
        drawn = rng.integers(len(planes), size=size)
        batch = torch.rot90(torch.from_numpy(planes[drawn]), int(rng.integers(4)), dims=(2, 3))
        yield (batch.flip(3) if rng.random() < 0.5 else batch), torch.from_numpy(truth[drawn])


def loss(out: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Binary cross entropy, the truth softened by 2 %."""
    return torch.nn.functional.binary_cross_entropy_with_logits(out, batch[1] * 0.96 + 0.02)


def trained(hands: Hands, others: Mapping[str, Draw], plan: Mapping[str, float]) -> SmallNetwork:
    """A scope network trained on hands and the given other kinds."""
    torch.manual_seed(int(plan["seed"]))
    network = SmallNetwork(2, (16, 24, 40, 64), 1, stride=2)
    rng = np.random.default_rng(int(plan["seed"]))
    planes, truth = pool(hands, others, int(plan["pool"]), rng)
    fit(network, batches(planes, truth, int(plan["batch"]), rng), loss, int(plan["steps"]), plan["rate"])
    return network


def split(data: Path) -> tuple[list[str], list[str]]:
    """Names of the hand radiographs for training and those held out: every fifth child."""
    names = sorted(path.name for path in (data / "hand_joints" / "images").iterdir())
    return [n for k, n in enumerate(names) if k % 5], names[::5]


def main() -> None:
    """Command: DATA OUT FONTS."""
    data, out, *fonts = (Path(argument) for argument in sys.argv[1:])
    plan = recipe("hand_scope")
    hands = Hands(data, split(data)[0], int(plan["longest"]))
    network = trained(hands, other_kinds(data, hands, fonts, plan), plan)
    export(network, torch.zeros(1, 2, THUMBNAIL, THUMBNAIL), out)


if __name__ == "__main__":
    main()
