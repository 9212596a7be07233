"""How well the joints are found on real hands never trained on: error, rotation, mirror, polarity, side.

    COREAD_DATA=... python bench/landmarks.py [--quick]

Truth: 4 hands with 37 landmarks (``hand_dha``) and 18 of the 27 hands with 21 points (``hand_joints/keypoints21.csv``; the other 9
were trained on, see ``coread/train/recipes/hand_landmarks.toml``). Errors are shares of hand length. "Offset out" removes for each
landmark the constant difference between conventions (median over the other hands of the set, in the frame of its finger), so that a
hand never helps to correct itself. Intervals: 95 %, bootstrap over hands.
"""

from __future__ import annotations

import csv
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from coread.train.hand_labels import POINTS21
from coread.train.hand_landmarks import read_recipe
from coread.vision.landmarks import Hand, HandLocator

Array = npt.NDArray[np.float64]
AXES = {17: (17, 18), 18: (17, 18), 19: (18, 19), 20: (19, 20)}
for base, first in ((16, 21), (15, 25), (14, 29), (13, 33)):
    AXES |= {base: (base, first), first: (base, first)} | {first + k: (first + k - 1, first + k) for k in (1, 2, 3)}


@dataclass(frozen=True)
class Truth:
    """One hand: landmark or ``wrist`` (-1) to its point in px."""

    name: str
    pixels: npt.NDArray[np.float32]
    points: Mapping[int, Array]

    @property
    def length(self) -> float:
        wrist = self.points[-1] if -1 in self.points else (self.points[7] + self.points[8]) / 2
        return float(np.linalg.norm(self.points[28] - wrist))

    @property
    def side(self) -> str:
        """Side by the labelled points: on which side of the middle finger the thumb's half lies, palm down."""
        up = self.points[28] - self.points[25]
        radial = self.points[21] - self.points[33]
        return "left" if up[0] * radial[1] - up[1] * radial[0] > 0 else "right"


def grey(path: Path) -> npt.NDArray[np.float32]:
    with Image.open(path) as image:
        return np.asarray(image.convert("L"), dtype=np.float32) / 255


def load(data: Path) -> dict[str, list[Truth]]:
    sets: dict[str, list[Truth]] = {"37 landmarks (hand_dha)": [], "21 points (hand_joints)": []}
    for name, rows in _table(data / "hand_dha" / "landmarks37.csv").items():
        pixels = grey(data / "hand_dha" / "images" / name)
        sets["37 landmarks (hand_dha)"].append(Truth(name, pixels, {int(r["landmark"]): _px(r, pixels) for r in rows}))
    kept = set(read_recipe().train_keypoints)
    for name, rows in _table(data / "hand_joints" / "keypoints21.csv").items():
        if name not in kept:
            pixels = grey(data / "hand_joints" / "images" / name)
            points = {(-1 if r["joint"] == "wrist" else POINTS21[r["joint"]]): _px(r, pixels) for r in rows}
            sets["21 points (hand_joints)"].append(Truth(name, pixels, points))
    return sets


def _table(path: Path) -> dict[str, list[dict[str, str]]]:
    out: dict[str, list[dict[str, str]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            out.setdefault(row["image"], []).append(row)
    return out


def _px(row: Mapping[str, str], pixels: npt.NDArray[np.float32]) -> Array:
    return np.array([float(row["x"]) * pixels.shape[1] - 0.5, float(row["y"]) * pixels.shape[0] - 0.5])


def turned(pixels: npt.NDArray[np.float32], degrees: float) -> tuple[npt.NDArray[np.float32], Callable[[Array], Array]]:
    """The image turned about its middle on a larger canvas, and where a point of it came from."""
    angle = np.deg2rad(degrees)
    c, s = np.cos(angle), np.sin(angle)
    rows, columns = pixels.shape
    size = (int(np.ceil(abs(rows * c) + abs(columns * s))), int(np.ceil(abs(rows * s) + abs(columns * c))))
    old, new = np.array([(rows - 1) / 2, (columns - 1) / 2]), np.array([(size[0] - 1) / 2, (size[1] - 1) / 2])
    matrix = np.array([[c, -s], [s, c]])
    out = ndimage.affine_transform(pixels, matrix, old - matrix @ new, size, order=1, mode="constant", cval=float(np.median(pixels)))

    def back(points: Array) -> Array:
        return np.asarray((points[:, ::-1] - new) @ matrix.T + old)[:, ::-1]

    return out.astype(np.float32), back


def predictions(hand: Hand, truth: Truth, back: Callable[[Array], Array]) -> dict[int, Array]:
    points = back(hand.landmarks_px)
    return {k: (points[[7, 8]].mean(axis=0) if k < 0 else points[k]) for k in truth.points}


def frame(truth: Truth, k: int) -> Array:
    """2 x 2 rows: unit vectors along the finger (or the hand) and across it, towards the thumb."""
    start, end = AXES.get(k, (25, 28))
    if start not in truth.points:
        start = 17 if start < 17 and 17 in truth.points and k == 17 else 25
        end = 28
    way = truth.points[end] - truth.points[start]
    way = way / max(float(np.linalg.norm(way)), 1e-9)
    thumb = 1.0 if truth.side == "left" else -1.0
    return np.array([way, [-thumb * way[1], thumb * way[0]]])


def errors(hands: list[Truth], found: list[dict[int, Array] | None]) -> tuple[Array, Array]:
    """(hands, landmarks) errors as shares of hand length, as is and with conventions' offsets taken out; NaN where not found."""
    marks = sorted(hands[0].points)
    gap = np.full((len(hands), len(marks), 2), np.nan)
    for n, (truth, points) in enumerate(zip(hands, found, strict=True)):
        if points is not None:
            for m, k in enumerate(marks):
                gap[n, m] = frame(truth, k) @ (points[k] - truth.points[k]) / truth.length
    out = gap.copy()
    for n in range(len(hands)):
        others = np.delete(gap, n, axis=0)
        out[n] -= np.nanmedian(others, axis=0)
    return np.linalg.norm(gap, axis=2), np.linalg.norm(out, axis=2)


def interval(values: Array, figure: Callable[[Array], float], seed: int = 0) -> str:
    rng = np.random.default_rng(seed)
    draws = [figure(values[rng.integers(len(values), size=len(values))]) for _ in range(1000)]
    low, high = np.quantile(draws, [0.025, 0.975])
    return f"{100 * figure(values):.2f} % ({100 * low:.2f}-{100 * high:.2f})"


def within(values: Array) -> float:
    return float(np.mean(np.where(np.isnan(values), np.inf, values) <= 0.04))


def median(values: Array) -> float:
    return float(np.nanmedian(values))


def locate_all(locator: HandLocator, hands: list[Truth], way: str, degrees: float) -> tuple[list[dict[int, Array] | None], int]:
    """Landmarks of each hand in its own image, and in how many the side was right; None = no hand found."""
    out: list[dict[int, Array] | None] = []
    right = 0
    for truth in hands:
        pixels, back = turned(truth.pixels, degrees) if degrees else (truth.pixels, lambda p: p)
        wide = pixels.shape[1]
        if way == "mirrored":
            pixels = pixels[:, ::-1]
            back = lambda p, inner=back, w=wide: inner(np.stack([w - 1 - p[:, 0], p[:, 1]], axis=1))  # noqa: E731
        if way == "inverted":
            pixels = 1 - pixels
        found = locator.locate(np.ascontiguousarray(pixels))
        hand = max(found, key=lambda h: h.score, default=None)
        out.append(None if hand is None else predictions(hand, truth, back))
        right += hand is not None and (hand.chirality == truth.side) != (way == "mirrored")
    return out, right


def sides(locator: HandLocator, data: Path, most: int) -> None:
    """Side by anatomy on images without any label. Truth: ``landmark_sides.csv``, seen by eye; all others show left hands.

    Nearly all of these images were learned from with labels that an earlier round made, so this is no figure on unseen hands.
    """
    with (data / "hand_joints" / "images.csv").open(encoding="utf-8", newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["has_keypoints21"] + r["has_boxes17"] + r["has_pseudo13"] == "000"]
    with (Path(__file__).parent / "landmark_sides.csv").open(encoding="utf-8", newline="") as file:
        seen = {r["image"]: r["side"] for r in csv.DictReader(file)}
    wrong, none = [], []
    for row in rows[:most]:
        best = max(locator.locate(grey(data / "hand_joints" / "images" / row["image"])), key=lambda h: h.score, default=None)
        if best is None:
            none.append(row["image"])
        elif best.chirality != seen.get(row["image"], "left"):
            wrong.append(row["image"])
    n = min(most, len(rows))
    ok = n - len(wrong) - len(none)
    print(f"\nside on {n} whole hands without labels (most learned from): right in {ok}, wrong {wrong}, no hand found {none}")


def wrists(locator: HandLocator, data: Path) -> None:
    """Wrists without fingers of patients with rheumatoid arthritis, never trained on: found, and the side that the file states."""
    rows = list(csv.DictReader((data / "wrist_erosion" / "labels.csv").open(encoding="utf-8", newline="")))
    found = right = fingers = 0
    for row in rows:
        best = max(locator.locate(grey(data / "wrist_erosion" / "images" / row["image"])), key=lambda h: h.score, default=None)
        if best is not None:
            found += 1
            right += best.chirality == row["side"]
            fingers += any(best.places[f"PIP {k}"].inside for k in (2, 3, 4, 5))
    print(f"wrist crops of rheumatoid arthritis: n = {len(rows)}, found {found}, side right {right}, with a finger joint inside {fingers}")


def main() -> None:
    if "COREAD_DATA" not in os.environ:
        sys.exit("COREAD_DATA is not set: it names the folder that holds hand_joints/ and hand_dha/")
    data = Path(os.environ["COREAD_DATA"])
    quick = "--quick" in sys.argv
    locator = HandLocator(threads=2)
    for title, hands in load(data).items():
        base = None
        print(f"\n{title}: n = {len(hands)} hands, {sum(len(t.points) for t in hands)} points")
        ways = (
            [("as is", 0.0)]
            + ([] if quick else [("as is", a) for a in (30.0, 90.0, 145.0, 180.0, 250.0, 315.0)])
            + [("mirrored", 0.0), ("inverted", 0.0)]
        )
        for way, degrees in ways:
            start = time.perf_counter()
            found, right = locate_all(locator, hands, way, degrees)
            seconds = (time.perf_counter() - start) / len(hands)
            raw, out = errors(hands, found)
            base = base or median(out)
            print(
                f"  {way:9s} {degrees:4.0f} deg: median {interval(raw, median)}, offset out {interval(out, median)} "
                f"(x{median(out) / base:.2f}), within 4 % {interval(out, within)}, "
                f"found {sum(f is not None for f in found)}/{len(hands)}, side {right}/{len(hands)}, {seconds:.2f} s"
            )
            if way == "as is" and not degrees:
                print(
                    "    by landmark, offset out, median %:",
                    " ".join(f"{k}:{100 * v:.1f}" for k, v in zip(sorted(hands[0].points), np.nanmedian(out, axis=0), strict=True)),
                )
                worst = np.nanmax(out, axis=1)
                print("    worst of each hand %:", " ".join(f"{t.name}:{100 * w:.1f}" for t, w in zip(hands, worst, strict=True)))
    wrists(locator, data)
    sides(locator, data, 60 if quick else 1000)


if __name__ == "__main__":
    main()
