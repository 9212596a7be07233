"""Side markers on real radiographs: how many are read, how many wrongly. COREAD_DATA=... python bench/marker.py [--every N]

``marker_labels.csv``: by-eye labels of 240 radiographs of hand_joints (the first by name), none used in training.
The same images are shown mirrored (the letter must come out mirrored), turned and as negatives; knees carry no marker.
"""

from __future__ import annotations

import csv
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from coread.stats.proportion import wilson
from coread.vision.marker import MarkerReader

DATA = Path(os.environ["COREAD_DATA"])
Shown = Callable[[np.ndarray], np.ndarray]
WAYS: dict[str, tuple[Shown, bool]] = {
    "as it is": (lambda p: p, False),
    "mirrored": (lambda p: p[:, ::-1], True),
    "quarter turn": (lambda p: np.rot90(p), False),
    "half turn": (lambda p: np.rot90(p, 2), False),
    "turned by 33 degrees": (lambda p: ndimage.rotate(p, 33, order=1, cval=float(np.percentile(p, 5)), output=np.float32), False),
    "negative": (lambda p: 1 - p, False),
    "negative and mirrored": (lambda p: 1 - p[:, ::-1], True),
}


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("L"), dtype=np.float32) / 255


def say(name: str, count: int, n: int) -> None:
    share = wilson(count, n)
    print(f"  {name}: {count}/{n} = {100 * share.estimate:.1f} % ({100 * share.low:.1f}-{100 * share.high:.1f})")


def main() -> None:
    reader = MarkerReader(threads=1)
    with (Path(__file__).parent / "marker_labels.csv").open() as lines:
        rows = list(csv.DictReader(lines))[:: int(sys.argv[sys.argv.index("--every") + 1]) if "--every" in sys.argv else 1]
    images = {row["image"]: pixels(DATA / "hand_joints" / "images" / row["image"]) for row in rows}
    readable = [row for row in rows if row["letter"] in ("L", "R")]
    print(f"{len(rows)} radiographs, {len(readable)} with a side marker that a person can read")
    for name, (shown, turned) in WAYS.items():
        right = wrong = said_any = 0
        mistakes, missed = [], []
        start = time.perf_counter()
        for row in rows:
            found = {
                (m.letter, m.mirrored)
                for m in reader.find(np.ascontiguousarray(shown(images[row["image"]])), dark=name.startswith("negative"))
            }
            truth = {(row["letter"], (row["mirrored"] == "1") != turned)} if row in readable else set()
            said_any += bool(found)
            right += found == truth and bool(truth)
            if found - truth:
                wrong += 1
                mistakes.append(f"{row['image']} {sorted(found - truth)}")
            elif found != truth:
                missed.append(row["image"])
        print(f"{name} ({(time.perf_counter() - start) / len(rows) * 1000:.0f} ms an image)")
        say("read right, of those readable", right, len(readable))
        say("right, of those where a marker was read (precision)", said_any - wrong, max(said_any, 1))
        print(f"  wrong: {mistakes}")
        if name == "as it is":
            print(f"  missed: {missed}")
    knees = sorted((DATA / "knee_kl" / "images").iterdir())[::20]
    say("knees without a marker where one was read", sum(bool(reader.find(pixels(path))) for path in knees), len(knees))


if __name__ == "__main__":
    main()
