"""How often the nominal 95 % intervals of coread.stats hold the true value, by simulation.

Run: python bench/coverage.py [REPETITIONS [ROWS [SIZES]]]        (default 4000; ROWS: only rows whose name holds this; SIZES: 20,50,200)
Each row is one interval under one model; the columns are numbers of subjects. A cell is the coverage with its own 95 % (Wilson) interval,
since so many repetitions do not know it better. Rows that bootstrap take a quarter of the repetitions.
In brackets the share of samples without an interval, which count in neither.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.stats import norm

from coread.stats.alpha import krippendorff_alpha
from coread.stats.bland_altman import bland_altman
from coread.stats.bland_altman_repeated import bland_altman_clustered
from coread.stats.estimate import Estimate
from coread.stats.gwet import gwet_ac
from coread.stats.icc import icc, icc_of_sums, score_sums
from coread.stats.kappa import agreement_weights, cohen_kappa, contingency, fleiss_kappa, kappa_of_table, light_kappa
from coread.stats.measurement_error import smallest_detectable_change, standard_error_of_measurement, standard_error_of_sums
from coread.stats.proportion import wilson
from coread.stats.resampling import Plan, bootstrap_sums, sums_by_patient
from coread.stats.responsiveness import effect_size, guyatt_index, standardized_response_mean

SIZES = (10, 20, 50, 100, 300)
Draw = Callable[[np.random.Generator, int], Estimate]
Z = float(norm.ppf(0.975))
GRADES = np.arange(4)
SHARES = np.array([0.6, 0.2, 0.13, 0.07])
SLIP = np.array([[0.85, 0.12, 0.03, 0.0], [0.2, 0.6, 0.18, 0.02], [0.05, 0.2, 0.6, 0.15], [0.0, 0.05, 0.25, 0.7]])
"""How a reader grades a site of each true grade: skewed grades, errors of one step mostly."""


def grades(random: np.random.Generator, n: int, readers: int) -> np.ndarray:
    truth = random.choice(4, n, p=SHARES)
    return (random.random((n, readers, 1)) > np.cumsum(SLIP, axis=1)[truth][:, None, :-1]).sum(axis=2).astype(float)


def continuous(random: np.random.Generator, n: int, readers: int, between: float) -> np.ndarray:
    """Subjects N(0, 4), readers N(0, between), error N(0, 1)."""
    noise = random.standard_normal((n, readers)) + np.sqrt(between) * random.standard_normal(readers)
    return 2 * random.standard_normal((n, 1)) + noise


def bootstrapped_icc(random: np.random.Generator, n: int, kind: str, visits: int) -> Estimate:
    """Two readers, always the same, one of them a point higher, of patients with one or three visits that share the patient's level."""
    level = np.repeat(np.sqrt(3) * random.standard_normal(n), visits) + random.standard_normal(n * visits)
    scores = level[:, None] + np.array([-0.5, 0.5]) + random.standard_normal((n * visits, 2))
    parts = sums_by_patient(score_sums(scores), np.repeat(np.arange(n), visits))
    plan = Plan(resamples=1000, seed=int(random.integers(1 << 30)), kind="bca" if kind == "bca" else "percentile")
    return bootstrap_sums(parts, lambda sums: icc_of_sums(sums, 2, "A,1"), plan)[0]


def true_table() -> np.ndarray:
    return np.einsum("t,ti,tj->ij", SHARES, SLIP, SLIP)


def true_kappa(scheme: str) -> float:
    return float(kappa_of_table(true_table(), agreement_weights(GRADES, scheme)))


def true_ac1() -> float:
    table = true_table()
    share = table.sum(axis=0)
    chance = float(share @ (1 - share)) / 3
    return (float(np.trace(table)) - chance) / (1 - chance)


def true_alpha_ordinal() -> float:
    table = true_table()
    share = table.sum(axis=0)
    middle = np.cumsum(share) - share / 2
    delta = (middle[:, None] - middle) ** 2
    return 1 - float((table * delta).sum()) / float(share @ delta @ share)


def clustered_kappa(random: np.random.Generator, n: int, kind: str) -> Estimate:
    """Ten sites a patient, whose two readers are careful or careless together: half of the patients slip twice as often."""
    patients = np.repeat(np.arange(n), 10)
    truth = random.choice(4, 10 * n, p=SHARES)
    careful = (random.random(n) < 0.5)[patients]
    ladder = np.where(careful[:, None], np.cumsum(mixed(0.5), axis=1)[truth], np.cumsum(mixed(1.5), axis=1)[truth])[:, None, :-1]
    scores = (random.random((10 * n, 2, 1)) > ladder).sum(axis=2).astype(float)
    weights = agreement_weights(GRADES, "quadratic")
    if kind == "rows":
        return cohen_kappa(scores, "quadratic", categories=range(4))
    tables = contingency(scores, range(4), patients).reshape(n, 16)
    plan = Plan(resamples=1000, seed=int(random.integers(1 << 30)), kind="bca" if kind == "bca" else "percentile")
    return bootstrap_sums(tables, lambda s: kappa_of_table(s.reshape(-1, 4, 4), weights), plan)[0]


def mixed(slip: float) -> np.ndarray:
    return (1 - slip) * np.eye(4) + slip * SLIP


def true_clustered_kappa() -> float:
    table = sum(np.einsum("t,ti,tj->ij", SHARES, mixed(s), mixed(s)) for s in (0.5, 1.5)) / 2
    return float(kappa_of_table(np.asarray(table), agreement_weights(GRADES, "quadratic")))


def normal_limits(random: np.random.Generator, n: int, method: str) -> Estimate:
    return bland_altman(random.standard_normal(n), np.zeros(n), method=method).upper


def clustered_limits(random: np.random.Generator, n: int) -> Estimate:
    """Four pairs a subject, between-subject and within-subject variance 1 each."""
    difference = np.repeat(random.standard_normal(n), 4) + random.standard_normal(4 * n)
    return bland_altman_clustered(difference, np.zeros(4 * n), np.repeat(np.arange(n), 4)).upper


def growing_error(random: np.random.Generator, n: int, kind: str) -> Estimate:
    """Changes as radiographs have them: most near 0, errors that grow with the change."""
    truth = random.gamma(0.3, 8, (n, 1))
    changes = truth + (0.5 + 0.15 * truth) * random.standard_normal((n, 2))
    if kind == "chi-square":
        return smallest_detectable_change(changes)
    plan = Plan(resamples=1000, seed=int(random.integers(1 << 30)), kind="bca" if kind == "bca" else "percentile")
    return bootstrap_sums(score_sums(changes), lambda s: Z * standard_error_of_sums(s, 2, "consistency"), plan)[0]


def alpha(random: np.random.Generator, n: int) -> Estimate:
    return krippendorff_alpha(grades(random, n, 3), "ordinal", Plan(resamples=1000, seed=int(random.integers(1 << 30))))


def guyatt(random: np.random.Generator, n: int) -> Estimate:
    return guyatt_index(random.normal(1, 1.5, n), random.standard_normal(n))


def effect(random: np.random.Generator, n: int) -> Estimate:
    baseline = random.standard_normal(n)
    return effect_size(baseline, baseline + random.normal(0.8, 0.7, n))


CASES: list[tuple[str, float, Draw]] = [
    ("ICC(1), 2 readers, true 0.8", 0.8, lambda r, n: icc(continuous(r, n, 2, 0.0), "1")),
    ("ICC(C,1), 2 readers, true 0.8", 0.8, lambda r, n: icc(continuous(r, n, 2, 0.0), "C,1")),
    ("ICC(C,k), 3 readers, true 0.923", 12 / 13, lambda r, n: icc(continuous(r, n, 3, 0.0), "C,k")),
    ("ICC(A,1), 2 readers who hardly differ", 4 / 5.05, lambda r, n: icc(continuous(r, n, 2, 0.05), "A,1")),
    ("ICC(A,1), 2 readers who differ much", 4 / 6, lambda r, n: icc(continuous(r, n, 2, 1.0), "A,1")),
    ("ICC(A,1), 5 readers who differ much", 4 / 6, lambda r, n: icc(continuous(r, n, 5, 1.0), "A,1")),
    ("the same, 2 readers, generalised", 4 / 6, lambda r, n: icc(continuous(r, n, 2, 1.0), "A,1", interval="generalised")),
    ("the same, 5 readers, generalised", 4 / 6, lambda r, n: icc(continuous(r, n, 5, 1.0), "A,1", interval="generalised")),
    ("the same, 2 who hardly differ, gen.", 4 / 5.05, lambda r, n: icc(continuous(r, n, 2, 0.05), "A,1", interval="generalised")),
    *(
        (f"ICC(A,1), {visits} visit(s) a patient, {kind}", 4 / 5.5, partial(bootstrapped_icc, kind=kind, visits=visits))
        for visits in (1, 3)
        for kind in ("percentile", "bca")
    ),
    ("Cohen's kappa, unweighted", true_kappa("unweighted"), lambda r, n: cohen_kappa(grades(r, n, 2))),
    ("Cohen's kappa, quadratic", true_kappa("quadratic"), lambda r, n: cohen_kappa(grades(r, n, 2), "quadratic")),
    ("Light's kappa of 3, quadratic", true_kappa("quadratic"), lambda r, n: light_kappa(grades(r, n, 3), "quadratic")),
    ("Fleiss' kappa of 3", true_kappa("unweighted"), lambda r, n: fleiss_kappa(grades(r, n, 3))),
    ("Gwet's AC1 of 3", true_ac1(), lambda r, n: gwet_ac(grades(r, n, 3), categories=range(4))),
    ("Krippendorff's alpha of 3, ordinal", true_alpha_ordinal(), alpha),
    ("limit of agreement, exact", Z, partial(normal_limits, method="exact")),
    ("limit of agreement, approximate", Z, partial(normal_limits, method="approximate")),
    ("limit of agreement, 4 pairs a subject", Z * np.sqrt(2), clustered_limits),
    ("SEM, consistency, 2 readers", 1.0, lambda r, n: standard_error_of_measurement(continuous(r, n, 2, 0.0), "consistency")),
    ("SEM, agreement, 2 readers who differ", np.sqrt(1.5), lambda r, n: standard_error_of_measurement(continuous(r, n, 2, 0.5))),
    ("SEM, agreement, 5 readers who differ", np.sqrt(1.5), lambda r, n: standard_error_of_measurement(continuous(r, n, 5, 0.5))),
    ("SDC, 2 readers, normal errors", Z, lambda r, n: smallest_detectable_change(continuous(r, n, 2, 0.0))),
    *(
        (f"SDC, errors that grow, {kind}", Z * np.sqrt(0.25 + 0.15 * 2.4 + 0.0225 * (2.4**2 + 19.2)), partial(growing_error, kind=kind))
        for kind in ("chi-square", "percentile", "bca")
    ),
    ("standardized response mean 0.8", 0.8, lambda r, n: standardized_response_mean(r.normal(0.8, 1, n))),
    ("effect size 0.8", 0.8, effect),
    ("Guyatt's index 1", 1.0, guyatt),
    ("kappa, 10 sites a patient, rows", true_clustered_kappa(), partial(clustered_kappa, kind="rows")),
    ("kappa, 10 sites a patient, percentile", true_clustered_kappa(), partial(clustered_kappa, kind="percentile")),
    ("kappa, 10 sites a patient, BCa", true_clustered_kappa(), partial(clustered_kappa, kind="bca")),
]


def coverage(truth: float, draw: Draw, n: int, repetitions: int) -> tuple[int, int]:
    """How many intervals hold the truth, and how many samples have none."""
    random = np.random.default_rng(n)
    held = lost = 0
    for _ in range(repetitions):
        result = draw(random, n)
        if result.low is None or result.high is None:
            lost += 1
        else:
            held += result.low <= truth <= result.high
    return held, lost


def main() -> None:
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    print(f"coverage in % of nominal 95 % intervals, {repetitions} repetitions")
    wanted = sys.argv[2] if len(sys.argv) > 2 else ""
    sizes = tuple(map(int, sys.argv[3].split(","))) if len(sys.argv) > 3 else SIZES
    print(f"{'n =':40s}" + "".join(f"{n:>24d}" for n in sizes))
    for name, truth, draw in CASES:
        if wanted not in name:
            continue
        cells = []
        share_of = 4 if any(word in name for word in ("percentile", "BCa", "bca", "alpha")) else 1
        for n in sizes:
            tries = repetitions // share_of
            held, lost = coverage(truth, draw, n, tries)
            share = wilson(held, tries - lost) if lost < tries else None
            cell = "none" if share is None else f"{100 * share.estimate:.1f} ({100 * share.low:.1f}-{100 * share.high:.1f})"
            cells.append(cell + (f" ({100 * lost / tries:.1f})" if lost else ""))
        print(f"{name:40s}" + "".join(f"{cell:>24s}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
