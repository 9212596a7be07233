"""How far readings of the same hands lie apart when the image is taken a little differently: the reader's smallest detectable change.

    COREAD_DATA=... python bench/repeats.py

Patients are pairs of test hands with simulated damage of the second family, drawn as in bench/totals_damage.py. Each is read REPEATS
times from its pixels on, every time turned, shifted, sized, exposed, sharpened or blurred and made noisy anew: what is not the patient's.
Real repeats also differ in how the hand was laid, so that the change a clinic can detect is larger than this. SDC = 1.96 sqrt(2) SEM
(within-patient). Interval: 95 %, chi-square.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from damage_cases import FAMILIES, locator
from scipy.ndimage import gaussian_filter
from skimage.transform import SimilarityTransform, warp
from totals_damage import FEATURES, TOTALS, model, study_of

from coread.errors import OutOfScopeError
from coread.simulate.damage_draw import draw_severity
from coread.stats.measurement_error import smallest_detectable_change_of_sem, standard_error_of_measurement
from coread.train.hand_damage_data import RealHand, names_of, patients, real_hand, scored

REPEATS = 3


def taken_again(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The image turned by up to 10 degrees, shifted by up to 3 %, sized by up to 7 %, with other contrast, sharpness and noise."""
    rows, columns = pixels.shape
    middle = np.array([(columns - 1) / 2, (rows - 1) / 2])
    size = float(np.exp(random.uniform(-0.07, 0.07)))
    about = (
        SimilarityTransform(translation=-middle)
        + SimilarityTransform(rotation=np.deg2rad(random.uniform(-10, 10)), scale=size)
        + SimilarityTransform(translation=middle + random.uniform(-0.03, 0.03, 2) * rows)
    )
    out = warp(pixels.astype(float), about.inverse, order=3, mode="edge")
    out = np.clip(out, 0, 1) ** float(np.exp(random.uniform(-0.25, 0.25)))
    soft = gaussian_filter(out, 0.8)
    out = out + float(random.uniform(-0.4, 0.8)) * (soft - out)
    out = out + random.normal(0, float(random.uniform(0, 0.012)), out.shape)
    return np.clip(out, 0, 1).astype(np.float32)


def one(task: tuple[int, tuple[RealHand, RealHand]]) -> list[dict[str, float]] | None:
    """Totals and grades of each repeat of one patient; None where one of them was refused."""
    seed, pair = task
    draw, apply = FAMILIES["second"]
    random = np.random.default_rng([seed, 9])
    records = draw(random, scored(pair[0]), scored(pair[1]), draw_severity(random))
    damaged = [apply(hand.pixels, scored(hand), record).pixels for hand, record in zip(pair, records, strict=True)]
    again = np.random.default_rng([seed, 10])
    out = []
    for _ in range(REPEATS):
        try:
            reading = model().read(study_of([taken_again(plane, again) for plane in damaged]))
        except OutOfScopeError:
            return None
        grades = {f"site.{f.feature}|{f.site}|{f.side}": f.grade for f in reading.findings if f.feature in FEATURES and f.grade is not None}
        out.append({name: total.value for name, total in reading.totals.items()} | grades)
    return out


def say(name: str, table: list[list[float]], lacking: int) -> None:
    error = standard_error_of_measurement(np.array(table), "within")
    found = smallest_detectable_change_of_sem(error)
    missing = f", {lacking} without it in every repeat" if lacking else ""
    print(f"{name:26s} SDC {found.estimate:.2f} ({found.low:.2f}-{found.high:.2f}), n = {found.n} x {REPEATS}{missing}", flush=True)


def main() -> None:
    if "COREAD_DATA" not in os.environ:
        sys.exit("COREAD_DATA must name the data folder")
    folder = Path(os.environ["COREAD_DATA"]) / "hand_joints" / "images"
    found = (real_hand(folder / name, locator()) for name in names_of(folder.parents[1], "test"))
    pairs = list(patients([h for h in found if h is not None], np.random.default_rng(31), 2))
    with ProcessPoolExecutor(2) as pool:
        read = [r for r in pool.map(one, list(enumerate(pairs))) if r is not None]
    print(f"{len(read)} of {len(pairs)} patients read in every repeat")
    for name in TOTALS:
        table = [[repeat[name] for repeat in patient] for patient in read if all(name in repeat for repeat in patient)]
        if len(table) > 1:
            say(name, table, len(read) - len(table))
    for feature in FEATURES:
        keys = [(patient, key) for patient in read for key in patient[0] if key.startswith(f"site.{feature}|")]
        table = [[repeat[key] for repeat in patient] for patient, key in keys if all(key in repeat for repeat in patient)]
        say(f"site.{feature}", table, len(keys) - len(table))


if __name__ == "__main__":
    main()
