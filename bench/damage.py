"""How well damage is graded on real radiographs with simulated damage that nothing learned from, in both families.

    COREAD_DATA=... python bench/damage.py KEPT [PREPARED] [--validation] [--weights FILE]

Test hands are those of `coread.train.hand_damage_data.split_of`; everything is found anew in the damaged image, as a reader does
(bench/damage_cases.py; cases are kept in the folder KEPT). The second family was written apart from the first, with other means, and
nothing was trained on it. Compared: the network with the context of all sites, its single sites alone, and, with PREPARED (what the
network learned from), texture with ordinal regression; for narrowing also the measured space alone. Intervals: 95 %, over patients.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
from damage_cases import Cases, by_patient, cases

from coread.stats.auc import auc
from coread.stats.kappa import agreement_weights, contingency, kappa_of_table
from coread.stats.proportion import wilson
from coread.stats.resampling import Plan, bootstrap_sums
from coread.vision.damage import SITES, WEIGHTS, DamageGrader, grades_from


def kappa(name: str, truth: np.ndarray, read: np.ndarray, patient: np.ndarray, most: int) -> None:
    grades = list(range(most + 1))
    weights = agreement_weights(grades, "quadratic")
    tables = contingency(np.stack([truth, read], axis=1).astype(float), grades, patient)
    m = len(grades)
    (k,) = bootstrap_sums(tables.reshape(len(tables), -1), lambda sums: kappa_of_table(sums.reshape(-1, m, m), weights), Plan(1000))
    print(f"{name:74s} {k.estimate:.3f} ({k.low:.3f}-{k.high:.3f}), n = {len(truth)} sites of {k.n} patients", flush=True)


def area(name: str, truth: np.ndarray, score: np.ndarray, patient: np.ndarray) -> None:
    a = auc(truth, score, patient)
    print(f"{name:74s} {a.estimate:.3f} ({a.low:.3f}-{a.high:.3f}), n = {int(truth.sum())} of {len(truth)} sites", flush=True)


def middle(chances: np.ndarray) -> np.ndarray:
    """The grade at which half of the probability is reached."""
    return (np.cumsum(chances, axis=1) < 0.5).sum(axis=1)


def network(table: Cases, grader: DamageGrader) -> dict[str, np.ndarray]:
    """Probabilities of the network for every site, each patient seen as a whole, and each site alone."""
    out: dict[str, list[np.ndarray]] = {"context": [], "alone": []}
    for rows in by_patient(table):
        planes = table.plane[rows].astype(np.float32)
        out["context"].append(grader.chances(planes))
        out["alone"].append(np.concatenate([grader.chances(one[None]) for one in planes]))
    order = np.concatenate(list(by_patient(table)))
    back = np.argsort(order)
    return {key: np.concatenate(parts)[back] for key, parts in out.items()}


def deferral(truth: np.ndarray, chances: np.ndarray, patient: np.ndarray) -> None:
    """Error and kappa of erosion where the least sure sites are called unreadable, for growing shares of them."""
    order = np.argsort(-chances.max(axis=1), kind="stable")
    for share in (0.0, 0.05, 0.1, 0.2, 0.3, 0.5):
        kept = order[: round(len(order) * (1 - share))]
        off = np.abs(middle(chances[kept]) - truth[kept])
        head = f"{share:.0%} of sites called unreadable: grade right {np.mean(off == 0):.3f}, two or more off {np.mean(off > 1):.4f}; kappa"
        kappa(head, truth[kept], middle(chances[kept]), patient[kept], 5)


def report(family: str, table: Cases, grader: DamageGrader, plain: dict[str, np.ndarray] | None) -> None:
    said = network(table, grader)
    eroded, narrowed = table.erosion >= 0, table.narrowing >= 0
    ways = {"context": said["context"], "single sites": said["alone"]} | ({"texture": plain["reached"]} if plain else {})
    print(f"\n{family} family: {len(table.site)} sites, {len(np.unique(table.patient))} patients")
    for way, reached in ways.items():
        chances = np.stack([grades_from(r[:5]) for r in reached])
        kappa(f"erosion, quadratic kappa, {way}", table.erosion[eroded], middle(chances)[eroded], table.patient[eroded], 5)
        area(f"any erosion, AUC, {way}", table.erosion[eroded] > 0, 1 - chances[eroded, 0], table.patient[eroded])
        fingers = np.array([s.startswith(("MCP", "PIP", "IP")) for s in table.site])
        for group, inside in (("fingers", fingers), ("wrist", ~fingers)):
            these = eroded & inside
            kappa(f"erosion, quadratic kappa, {way}, {group}", table.erosion[these], middle(chances)[these], table.patient[these], 5)
    measured = narrowed & np.isfinite(table.measured[:, 0])
    for way, reached in ways.items():
        chances = np.stack([grades_from(r[5:9]) for r in reached])
        kappa(
            f"narrowing, quadratic kappa, {way}, where measured",
            table.narrowing[measured],
            middle(chances)[measured],
            table.patient[measured],
            4,
        )
    alone = middle(table.measured[measured])
    kappa("narrowing, quadratic kappa, measurement alone", table.narrowing[measured], alone, table.patient[measured], 4)
    for index, question in enumerate(("subluxation", "ankylosis")):
        truth = table.bony[narrowed, index] > 0
        score = said["context"][narrowed, 9 + index]
        if truth.sum() < 5:
            print(f"{question}: only {truth.sum()} cases")
            continue
        area(f"{question}, AUC", truth, score, table.patient[narrowed])
        cut = np.quantile(score[~truth], 0.98)
        found = wilson(int((score[truth] > cut).sum()), int(truth.sum()))
        print(f"{question}: found at a specificity of .98: {found.estimate:.3f} ({found.low:.3f}-{found.high:.3f}), n = {found.n}")
    chances = np.stack([grades_from(r[:5]) for r in said["context"]])
    deferral(table.erosion[eroded], chances[eroded], table.patient[eroded])
    print("erosion, truth in rows, read in columns:")
    print(contingency(np.stack([table.erosion[eroded], middle(chances)[eroded]], axis=1).astype(float), range(6)).astype(int))


def baseline(prepared: Path, table: Cases) -> dict[str, np.ndarray]:
    """What texture and ordinal regression, taught on the same hands, say of the sites."""
    from damage_baseline import Baseline, texture

    from coread.train.hand_damage import plain
    from coread.train.hand_damage_data import read_prepared

    data = read_prepared(prepared, "train")
    random = np.random.default_rng(0)
    rows = np.sort(random.choice(len(data.site), min(12_000, len(data.site)), replace=False))
    import torch

    known = texture(plain(torch.from_numpy(data.wide[rows].astype(np.float32) / 255))[:, 0].numpy(), data.site[rows])
    numbers = np.array([SITES.index(s) for s in table.site])
    asked = texture(table.plane[:, 0], numbers)
    reached = np.zeros((len(numbers), 11))
    for start, truth, most in ((0, data.erosion[rows], 5), (5, data.narrowing[rows], 4)):
        reached[:, start : start + most] = Baseline(known[truth >= 0], truth[truth >= 0], most).reached(asked)
    return {"reached": reached}


def main() -> None:
    if "COREAD_DATA" not in os.environ or len(sys.argv) < 2:
        sys.exit("usage: COREAD_DATA=... python bench/damage.py KEPT [PREPARED] [--validation] [--weights FILE]")
    data = Path(os.environ["COREAD_DATA"])
    weights = Path(sys.argv[sys.argv.index("--weights") + 1]) if "--weights" in sys.argv else WEIGHTS
    folders = [Path(a) for a in sys.argv[1:] if not a.startswith("--") and a != str(weights)]
    split = "validation" if "--validation" in sys.argv else "test"
    for family in ("first", "second"):
        table = cases(data, folders[0], family, split)
        report(family, table, DamageGrader(weights), baseline(folders[1], table) if len(folders) > 1 else None)


if __name__ == "__main__":
    main()
