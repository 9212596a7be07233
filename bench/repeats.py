"""How far readings of the same hands lie apart when the image is taken a little differently: the reader's smallest detectable change.

    COREAD_DATA=... python bench/repeats.py

Patients are simulated adults with narrowing (drawn as in bench/totals.py) and erosions at the knuckles, both hands on one film, for the
totals; and pairs of real test hands with simulated damage of the second family (as in bench/totals_damage.py), for the grades of erosion:
in those youths too few joint spaces can be measured for totals of narrowing. Each is read REPEATS times from its pixels on, every
time turned, shifted, sized, exposed, sharpened or blurred and made noisy anew: what is not the patient's. Real repeats also differ in how
the hand was laid, so that the change a clinic can detect is larger than this. SDC = 1.96 sqrt(2) SEM (within-patient). Interval: 95 %,
chi-square.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from damage_cases import FAMILIES, locator
from scipy.ndimage import gaussian_filter
from skimage.transform import SimilarityTransform, warp
from totals import PIXEL_MM, damage
from totals_damage import ADULT, FEATURES, TOTALS, model, study_of

from coread.errors import OutOfScopeError
from coread.simulate.damage_draw import draw_severity
from coread.simulate.hand import simulate_hand
from coread.simulate.record import Erosion
from coread.stats.measurement_error import smallest_detectable_change_of_sem, standard_error_of_measurement
from coread.study import Image
from coread.train.hand_damage_data import RealHand, names_of, patients, real_hand, scored

REPEATS = 3
ADULTS = range(85_000, 85_040)


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


def adult(seed: int) -> list[dict[str, float]] | None:
    """The same of one simulated adult."""
    random = np.random.default_rng([seed, 11])
    hands = damage(seed)
    for hand in hands.values():
        hit = [k for k in range(1, 6) if random.random() < 0.2]
        hand["erosions"] = tuple(
            Erosion(
                f"MCP {k}",
                f"metacarpal {k}",
                float(random.choice([-62, 62])),
                float(random.uniform(2.5, 5.5)),
                float(random.uniform(1.4, 2.8)),
            )
            for k in hit
        )
    study = replace(simulate_hand(seed, both=True, pixel_mm=PIXEL_MM, hands=hands).study, age_years=ADULT)
    again = np.random.default_rng([seed, 12])
    out = []
    for _ in range(REPEATS):
        one = study.images[0]
        plane = taken_again(one.pixels, again)
        image = Image(one.axes, plane.shape, lambda plane=plane: plane, one.grid, one.source, facts=one.facts)
        try:
            reading = model().read(replace(study, images=(image,)))
        except OutOfScopeError:
            return None
        out.append({name: total.value for name, total in reading.totals.items()})
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
    with ProcessPoolExecutor(2) as pool:
        grown = [r for r in pool.map(adult, ADULTS) if r is not None]
    totals(f"simulated adults: {len(grown)} of {len(ADULTS)} read in every repeat", grown)
    totals("real hands with simulated damage", read)
    sites(read)


def totals(title: str, read: list[list[dict[str, float]]]) -> None:
    print(title)
    for name in TOTALS:
        table = [[repeat[name] for repeat in patient] for patient in read if all(name in repeat for repeat in patient)]
        if len(table) > 1:
            say(name, table, len(read) - len(table))


def sites(read: list[list[dict[str, float]]]) -> None:
    for feature in FEATURES:
        keys = [(patient, key) for patient in read for key in patient[0] if key.startswith(f"site.{feature}|")]
        table = [[repeat[key] for repeat in patient] for patient, key in keys if all(key in repeat for repeat in patient)]
        say(f"site.{feature}", table, len(keys) - len(table))


if __name__ == "__main__":
    main()
