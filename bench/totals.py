"""Narrowing totals against the truth, from the pixels of simulated patients to the interval of the total.

Run: python bench/totals.py [--tune]       (simulated hands only; about 10 s a patient on one core)

Each patient has both hands on one film and a severity of its own, so that damage and errors go together. `--tune` picks the correlation
of errors on its own seeds; without it the card's value is judged on seeds that were never used for anything else.
A total's truth sums the sites that were readable, as the total does.
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from functools import cache

import numpy as np

from coread.readers import reader
from coread.readers.card import card
from coread.readers.joints import JointsReader
from coread.scoring import system
from coread.simulate.hand import simulate_hand
from coread.stats.ordinal import sum_interval
from coread.stats.proportion import wilson

FEATURE = "joint_space_narrowing"
TUNE, TEST = range(70_000, 70_030), range(80_000, 80_060)
PIXEL_MM = 0.15
TOTALS = ("hand_left_narrowing", "hand_right_narrowing", "hands_narrowing")
JOINTS = tuple(dict.fromkeys(i.site for i in system("svdh").items if i.feature == FEATURE and i.region == "hand_left"))


def damage(seed: int) -> dict[str, dict[str, dict[str, object]]]:
    """Narrowing of both hands of one patient: a severity, a share of it common to both sides, general or focal loss, rare fusion."""
    random = np.random.default_rng([seed, 7])
    severity = float(np.clip(random.exponential(0.25), 0, 0.9)) if random.uniform() < 0.8 else 0.0
    common = {j: random.uniform() < severity for j in JOINTS}
    hands: dict[str, dict[str, dict[str, object]]] = {}
    for side in ("left", "right"):
        narrowing: dict[str, object] = {}
        focal: dict[str, object] = {}
        for joint in JOINTS:
            hit = common[joint] if random.uniform() < 0.7 else random.uniform() < severity
            if not hit:
                continue
            kind = random.uniform()
            if kind < 0.2 and joint.startswith(("MCP", "PIP")):
                focal[joint] = (float(random.uniform(-0.8, 0.8)), float(random.uniform(0.2, 0.6)))
            elif kind < 0.26:
                narrowing[joint] = 0.0
            else:
                narrowing[joint] = float(random.uniform(0.15, 0.85))
        hands[side] = {"narrowing": narrowing, "focal": focal}
    return hands


@cache
def model() -> JointsReader:
    chosen = reader("hand_svdh")
    assert isinstance(chosen, JointsReader)
    return chosen


def one(seed: int) -> dict[str, object]:
    """Of one patient: for each graded joint (key, true grade, probabilities), and the hands that were missed."""
    hands = simulate_hand(seed, both=True, pixel_mm=PIXEL_MM, hands=damage(seed))  # type: ignore[arg-type]
    truth = {(name, hand.side, FEATURE): joint.grade for hand in hands.hands for name, joint in hand.joints.items() if name in JOINTS}
    reading = model().read(hands.study)
    graded = {
        (f.site, f.side, f.feature): (truth[(f.site, str(f.side), FEATURE)], f.grade, f.probabilities)
        for f in reading.findings
        if f.feature == FEATURE and f.grade is not None
    }
    return {"seed": seed, "graded": graded, "totals": dict(reading.totals), "joints": len(truth)}


def coverage(patients: list[dict[str, object]], correlation: float, level: float) -> dict[str, tuple[int, int]]:
    """For each total how often its interval held the truth, and of how many."""
    counts = dict.fromkeys(TOTALS, (0, 0))
    for patient in patients:
        graded = patient["graded"]
        for name in TOTALS:
            if name not in patient["totals"]:  # type: ignore[operator]
                continue
            keys = [item.key for item in system("svdh").totals[name].items if item.key in graded]  # type: ignore[operator]
            true = sum(graded[k][0] for k in keys)  # type: ignore[index]
            value = sum(graded[k][1] for k in keys)  # type: ignore[index]
            interval = sum_interval([graded[k][2] for k in keys], [range(5)] * len(keys), correlation, level)  # type: ignore[index]
            held = min(interval.low, value) <= true <= max(interval.high, value)
            counts[name] = (counts[name][0] + held, counts[name][1] + 1)
    return counts


def quadratic_kappa(true: list[int], read: list[int]) -> float:
    matrix = np.zeros((5, 5))
    np.add.at(matrix, (true, read), 1)
    weights = np.subtract.outer(np.arange(5), np.arange(5)) ** 2
    expected = np.outer(matrix.sum(1), matrix.sum(0)) / matrix.sum()
    return float(1 - (weights * matrix).sum() / (weights * expected).sum())


def main() -> None:
    tune = "--tune" in sys.argv
    with ProcessPoolExecutor(2) as pool:
        patients = list(pool.map(one, TUNE if tune else TEST))
    parameters = card("hand_svdh").parameters
    level = parameters["level"]
    if tune:
        for r in (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4):
            counts = coverage(patients, r, level)
            print(f"r = {r:.2f}  " + "  ".join(f"{name} {a}/{b}" for name, (a, b) in counts.items()))
        return
    for name, (held, n) in coverage(patients, parameters["error_correlation"], level).items():
        share = wilson(held, n)
        print(f"{level:.0%} interval of {name} holds the truth: {share.estimate:.3f} ({share.low:.3f}-{share.high:.3f}), n = {n} patients")
    random = np.random.default_rng(0)
    by_patient = [[(t, int(g)) for t, g, _ in p["graded"].values()] for p in patients]  # type: ignore[attr-defined]
    pairs = [pair for patient in by_patient for pair in patient]
    kappa = quadratic_kappa([t for t, _ in pairs], [g for _, g in pairs])
    draws = []
    for _ in range(1000):
        sample = [pair for i in random.integers(0, len(by_patient), len(by_patient)) for pair in by_patient[i]]
        draws.append(quadratic_kappa([t for t, _ in sample], [g for _, g in sample]))
    low, high = np.quantile(draws, [0.025, 0.975])
    joints = sum(int(p["joints"]) for p in patients)  # type: ignore[call-overload]
    count = f"n = {len(pairs)} joints of {len(patients)} patients"
    print(f"quadratic kappa of narrowing, from the pixels on: {kappa:.3f} ({low:.3f}-{high:.3f}), {count}")
    print(f"joints graded: {len(pairs)} of {joints}")
    for name in TOTALS:
        errors = []
        for p in patients:
            if name in p["totals"]:  # type: ignore[operator]
                keys = [i.key for i in system("svdh").totals[name].items if i.key in p["graded"]]  # type: ignore[operator]
                errors.append(p["totals"][name].value - sum(p["graded"][k][0] for k in keys))  # type: ignore[index]
        print(f"{name}: mean error {np.mean(errors):+.2f}, RMSE {np.sqrt(np.mean(np.square(errors))):.2f}, n = {len(errors)}")


if __name__ == "__main__":
    main()
