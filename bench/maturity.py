"""Growth plates: open or closed. COREAD_DATA=... python bench/maturity.py [--train]

With ``--train`` the recipe's cross-validation runs (children are judged by networks that never saw them; some minutes). Without it
the shipped network judges, where the hand locator places the joints, hands that no training saw: grown patients' wrists, simulated
grown hands, and four healthy hands whose growth plates were judged by eye.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from coread.stats.proportion import wilson
from coread.vision.maturity import CLOSURE_MONTHS, Maturity, MaturityReader, anchors_of_places, combine

DATA = Path(os.environ["COREAD_DATA"])
BY_EYE = {"3177": "open, about to close", "3231": "closed", "7088": "open", "7236": "open, about to close"}
CALLED = 0.5


def say(name: str, count: int, n: int) -> None:
    share = wilson(count, n)
    print(f"{name}: {count}/{n} = {100 * share.estimate:.1f} % ({100 * share.low:.1f}-{100 * share.high:.1f})", flush=True)


def area_under_curve(positive: np.ndarray, negative: np.ndarray) -> float:
    """Mann-Whitney: the share of pairs in which the positive case has the higher value, ties by half."""
    above = (positive[:, None] > negative[None]).mean()
    return float(above + 0.5 * (positive[:, None] == negative[None]).mean())


def cross_validation() -> None:
    from coread.train.hand_maturity import calibration, children, cross_validated
    from coread.train.hand_small import recipe

    plan = recipe("hand_maturity")
    group = children(DATA, int(plan["longest"]))
    out = cross_validated(group, plan)
    numbers = calibration(group, out)
    judged = [combine(list(one.joints), o, numbers) for one, o in zip(group, out, strict=True)]
    report(judged, np.array([one.relative_age for one in group]))


def report(judged: list[Maturity], ages: np.ndarray) -> None:
    chance = np.array([m.open_probability for m in judged])
    value = np.array([m.relative_age for m in judged])
    open_plates = ages < 1
    print(f"{len(ages)} children held out, {int((~open_plates).sum())} of them mature; calibration fitted on the same judgements")
    print(f"AUC of open against closed: {area_under_curve(chance[open_plates], chance[~open_plates]):.3f}")
    say(f"open found (probability over {CALLED})", int((chance[open_plates] > CALLED).sum()), int(open_plates.sum()))
    late = open_plates & (ages > 0.85)
    say("open found in the last 15 % before closure", int((chance[late] > CALLED).sum()), int(late.sum()))
    say("mature called mature", int((chance[~open_plates] <= CALLED).sum()), int((~open_plates).sum()))
    error = (value - ages)[open_plates]
    months = np.mean(list(CLOSURE_MONTHS.values()))
    print(f"bone age: mean absolute error {months * np.abs(error).mean():.1f} months, bias {months * error.mean():+.1f} (sex unknown)")
    within = [m.low <= a <= m.high for m, a, o in zip(judged, ages, open_plates, strict=True) if o]
    say("90 % interval holds the bone age", sum(within), len(within))


def located(pixels: np.ndarray) -> Maturity | None:
    from coread.vision.landmarks import HandLocator

    global LOCATOR
    LOCATOR = LOCATOR or HandLocator(threads=1)
    hands = LOCATOR.locate(pixels)
    if not hands:
        return None
    shown = 1 - pixels if hands[0].inverted else pixels
    return READER.judge(shown, anchors_of_places(hands[0].places, hands[0].length_px), hands[0].length_px)


LOCATOR = None
READER = MaturityReader(threads=1)


def grey(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("L"), dtype=np.float32) / 255


def shipped() -> None:
    from coread.simulate.hand import simulate_hand

    for name, eye in BY_EYE.items():
        judged = located(grey(DATA / "hand_dha" / "images" / f"{name}.png"))
        print(f"hand_dha {name}, by eye {eye}: {judged}")
    for name, images in (
        ("wrists of adults with rheumatoid arthritis", [grey(p) for p in sorted((DATA / "wrist_erosion" / "images").iterdir())]),
        ("simulated grown hands", [simulate_hand(seed).pixels for seed in range(9000, 9008)]),
    ):
        judged = [m for m in map(located, images) if m is not None]
        say(f"{name}: judged", len(judged), len(images))
        if judged:
            say(f"{name}: rightly called mature", sum(m.open_probability <= CALLED for m in judged), len(judged))
            print("  relative age:", np.round(np.quantile([m.relative_age for m in judged], [0, 0.25, 0.5, 0.75, 1]), 2))


if __name__ == "__main__":
    if "--train" in sys.argv:
        cross_validation()
    else:
        shipped()
