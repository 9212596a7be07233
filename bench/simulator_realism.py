"""How a simulated hand differs from real ones in plain statistics.

    COREAD_DATA=/path/to/data python bench/simulator_realism.py

For the 4 full-size hands of the Digital Hand Atlas and 12 simulated ones at the same number of pixels per hand length:
greys (as fractions of the range between background and brightest bone), the slope of the power spectrum, the share of
strong edges and the grain of the background. What differs here is what a network could learn to tell apart; it says
nothing of anatomy.
"""

import csv
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from coread.simulate import simulate_hand

DATA = Path(os.environ["COREAD_DATA"]) / "hand_dha"
NAMES = ("flesh", "metacarpal", "carpus", "radius", "spectrum", "edges", "grain")


def describe(pixels: np.ndarray, marks: np.ndarray) -> list[float]:
    """The figures of one picture (0..1) whose 37 landmarks are known in pixels."""

    def grey(point: np.ndarray, size: int = 6) -> float:
        c, r = np.rint(point).astype(int)
        return float(np.median(pixels[max(r - size, 0) : r + size + 1, max(c - size, 0) : c + size + 1]))

    low, high = float(np.quantile(pixels, 0.02)), float(np.quantile(pixels, 0.999))
    scale = high - low
    between = [(marks[15] + marks[16] + marks[25] + marks[21]) / 4, (marks[14] + marks[15] + marks[29] + marks[25]) / 4]
    flesh = min(grey(p, 3) for p in between)
    metacarpal = grey((marks[15] + marks[25]) / 2)
    carpus = grey((marks[10] + marks[15]) / 2)
    radius = grey(np.minimum((marks[3] + marks[4]) / 2 + [0, 0.06 * abs(marks[28, 1] - marks[7, 1])], [9e9, len(pixels) - 8]))
    c, r = np.rint(marks[25]).astype(int)
    half = 256
    patch = pixels[max(r - half, 0) : r + half, max(c - half, 0) : c + half]
    window = np.outer(np.hanning(patch.shape[0]), np.hanning(patch.shape[1]))
    power = np.abs(np.fft.fft2((patch - patch.mean()) * window)) ** 2
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(patch.shape[0]), np.fft.fftfreq(patch.shape[1]), indexing="ij"))
    edges = np.geomspace(0.01, 0.2, 12)
    mean = [np.log(power[(f >= a) & (f < b)].mean()) for a, b in pairwise(edges)]
    slope = float(np.polyfit(np.log(np.sqrt(edges[:-1] * edges[1:])), mean, 1)[0])
    gradient = np.hypot(*np.gradient(gaussian_filter(patch, 1.5)))
    strong = float((gradient > 0.02 * scale).mean())
    residual = patch - gaussian_filter(patch, 2)
    grain = float(1.4826 * np.median(np.abs(residual)) / scale)
    return [*((v - low) / scale for v in (flesh, metacarpal, carpus, radius)), slope, strong, grain]


def main() -> None:
    marks: dict[str, np.ndarray] = {}
    with (DATA / "landmarks37.csv").open() as file:
        for row in csv.DictReader(file):
            marks.setdefault(row["image"], np.zeros((37, 2)))[int(row["landmark"])] = float(row["x"]), float(row["y"])
    real, lengths = [], []
    for name, m in marks.items():
        pixels = np.asarray(Image.open(DATA / "images" / name).convert("L"), dtype=float) / 255
        points = m * [pixels.shape[1], pixels.shape[0]]
        lengths.append(float(np.linalg.norm(points[28] - points[7])))
        real.append(describe(pixels, points))
    pixel_mm = 188.0 / float(np.mean(lengths))
    simulated = []
    for seed in range(12):
        exam = simulate_hand(seed, side="left", pixel_mm=pixel_mm, plain=True, collimator=None)
        simulated.append(describe(exam.pixels.astype(float), exam.hand.landmarks_px))
    print(f"{len(real)} real and {len(simulated)} simulated hands, {pixel_mm:.3f} mm pixels: mean (least .. most)")
    for i, name in enumerate(NAMES):
        a, b = np.array(real)[:, i], np.array(simulated)[:, i]
        print(
            f"{name:11s} real {a.mean():6.3f} ({a.min():.3f} .. {a.max():.3f})   simulated {b.mean():6.3f} ({b.min():.3f} .. {b.max():.3f})"
        )


if __name__ == "__main__":
    main()
