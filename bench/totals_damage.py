"""Totals of damaged real hands against the truth, in both families, and their 90 % intervals; and what is called on undamaged ones.

    COREAD_DATA=... python bench/totals_damage.py [--tune]

Patients are pairs of test hands with simulated damage (bench/damage_cases.py; with `--tune`, hands of the validation part and the first
family alone, for each correlation of errors), read by the whole reader. The hands are those of youths: their age is stated as that of an
adult, so that growth plates are not asked about. A total's truth sums the sites that were readable, as the total does. Last, hands
without arthritis that nothing learned damage from (mature ones, test hands of a bone age of 180 months or more, the mature hand of
hand_dha): grades and totals that are called all the same.
"""

from __future__ import annotations

import csv
import os
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from damage_cases import FAMILIES, locator

from coread.errors import OutOfScopeError
from coread.formats.open import open_study
from coread.readers import reader
from coread.readers.card import card
from coread.readers.totals import correlation_of
from coread.reading import Reading
from coread.scoring import system
from coread.simulate.damage_draw import draw_severity
from coread.stats.ordinal import sum_interval
from coread.stats.proportion import wilson
from coread.study import Image, Study
from coread.train.hand_damage_data import RealHand, names_of, patients, real_hand, scored, split_of

FEATURES = ("erosion", "joint_space_narrowing")
TOTALS = tuple(f"{region}{feature}" for region in ("hand_left", "hand_right", "hands") for feature in ("", "_erosion", "_narrowing"))
ADULT = 58.0
OLDEST = 180.0


@cache
def model():
    return reader("hand_svdh", threads=1)


def study_of(pixels: list[np.ndarray]) -> Study:
    images = []
    for index, plane in enumerate(pixels):
        facts = {"laterality": "LR"[index]}
        images.append(Image(("y", "x"), plane.shape, lambda plane=plane: plane, None, str(index), facts=facts))
    return Study(uid="1.2.3", images=tuple(images), source="damaged", age_years=ADULT)


def one(task: tuple[str, int, tuple[RealHand, RealHand]]) -> dict | None:
    family, seed, pair = task
    draw, apply = FAMILIES[family]
    random = np.random.default_rng([seed, 9])
    records = draw(random, scored(pair[0]), scored(pair[1]), draw_severity(random))
    damaged = [apply(hand.pixels, scored(hand), record) for hand, record in zip(pair, records, strict=True)]
    try:
        reading = model().read(study_of([d.pixels for d in damaged]))
    except OutOfScopeError:
        return None
    truth = {(s, side, f): g for side, d in zip(("left", "right"), damaged, strict=True) for (s, f), g in d.grades.items()}
    graded = {
        (f.site, f.side, f.feature): (truth[f.site, f.side, f.feature], f.grade, f.probabilities)
        for f in reading.findings
        if f.feature in FEATURES and f.grade is not None and (f.site, f.side, f.feature) in truth
    }
    return {"graded": graded, "totals": dict(reading.totals)}


def held(found: list[dict], level: float, correlation: float | None = None) -> None:
    """Says how often intervals held the truth: as the reader gave them, or with another correlation of errors."""
    for name in TOTALS:
        inside, errors, true_sums = 0, [], []
        for patient in found:
            if name not in patient["totals"]:
                continue
            items = [i for i in system("svdh").totals[name].items if i.key in patient["graded"]]
            values = [patient["graded"][i.key] for i in items]
            true, value = sum(v[0] for v in values), sum(v[1] for v in values)
            r = correlation_of(items, model().card.parameters) if correlation is None else correlation
            interval = sum_interval([v[2] for v in values], [i.grades for i in items], r, level)
            inside += min(interval.low, value) <= true <= max(interval.high, value)
            errors.append(value - true)
            true_sums.append(true)
        if not errors:
            print(f"{name}: no patient has it")
            continue
        share, n = wilson(inside, len(errors)), len(errors)
        read_sums = np.add(errors, true_sums)
        off = f"mean error {np.mean(errors):+.2f}, RMSE {np.sqrt(np.mean(np.square(errors))):.2f}"
        held_by = f"{level:.0%} interval holds the truth {share.estimate:.3f} ({share.low:.3f}-{share.high:.3f})"
        print(f"{name:22s} {held_by}; {off}, r {np.corrcoef(true_sums, read_sums)[0, 1]:.3f}; n = {n}", flush=True)


def undamaged(data: Path) -> None:
    with (data / "hand_joints" / "images.csv").open(newline="") as file:
        rows = [(r["image"], float(r["bone_age_months"]), r["mature"] == "1") for r in csv.DictReader(file)]
    names = [name for name, months, grown in rows if grown or (months >= OLDEST and split_of(name, months, grown) == "test")]
    paths = [data / "hand_joints" / "images" / n for n in names] + [data / "hand_dha" / "images" / "3231.png"]
    grades: Counter[float] = Counter()
    totals: dict[str, list[float]] = {"erosion": [], "all": []}
    for path in paths:
        try:
            reading: Reading = model().read(replace(open_study(path), age_years=ADULT))
        except OutOfScopeError as error:
            print(f"{path.name}: {error}")
            continue
        mine = [f.grade for f in reading.findings if f.feature == "erosion" and f.grade is not None]
        grades.update(mine)
        totals["erosion"].append(sum(mine))
        totals["all"].append(sum(f.grade for f in reading.findings if f.feature in FEATURES and f.grade is not None))
    n = sum(grades.values())
    print(f"\nhands without arthritis: {len(totals['all'])} hands, {n} sites graded for erosion")
    none = wilson(grades[0.0], n)
    print(f"graded 0 for erosion: {none.estimate:.3f} ({none.low:.3f}-{none.high:.3f})")
    print("erosion grades:", {int(g): round(c / n, 4) for g, c in sorted(grades.items())})
    for name, values in totals.items():
        high = np.percentile(values, 95)
        print(f"total of one hand, {name}: median {np.median(values):g}, 95th percentile {high:.1f}; {sorted(map(int, values))}")


def main() -> None:
    if "COREAD_DATA" not in os.environ:
        sys.exit("COREAD_DATA must name the data folder")
    data = Path(os.environ["COREAD_DATA"])
    tune = "--tune" in sys.argv
    split = "validation" if tune else "test"
    found = (real_hand(data / "hand_joints" / "images" / name, locator()) for name in names_of(data, split))
    hands = [h for h in found if h is not None]
    pairs = list(patients(hands, np.random.default_rng(31), 2))
    level = card("hand_svdh").parameters["level"]
    for family in ("first",) if tune else ("first", "second"):
        with ProcessPoolExecutor(2) as pool:
            read = [r for r in pool.map(one, [(family, k, pair) for k, pair in enumerate(pairs)]) if r is not None]
        print(f"\n{family} family: {len(read)} of {len(pairs)} patients read")
        for r in (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5) if tune else (None,):
            print(f"correlation of errors {r if tune else 'of the card'}")
            held(read, level, r)
    if not tune:
        undamaged(data)


if __name__ == "__main__":
    main()
