"""Bootstrap over patients: how much faster than the usual loop over scikit-learn or pingouin, and what the whole size costs.

Run: python bench/agreement.py           (needs scikit-learn; pingouin too, if it is there)
Same data, same number of resamples, one thread each; the loop is timed on fewer resamples and scaled up. Ratios are of
wall clock in the same run.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import resource
import time
from collections.abc import Callable

import numpy as np

from coread.stats.icc import icc_of_sums, score_sums
from coread.stats.kappa import agreement_weights, contingency, kappa_of_table
from coread.stats.resampling import Plan, bootstrap_sums, sums_by_patient

GRADES = range(6)
PLAN = Plan(2000)


def cohort(patients: int, sites: int) -> tuple[np.ndarray, np.ndarray]:
    """Grades 0-5 of two readers at the sites of simulated patients, (patients * sites, 2), and the patient of each row."""
    random = np.random.default_rng(1)
    severity = random.gamma(0.6, 1.2, (patients, 1))
    truth = np.minimum(random.poisson(np.broadcast_to(severity, (patients, sites))), 5).ravel()
    scores = np.clip(truth[:, None] + random.choice([-1, 0, 1], (truth.size, 2), p=[0.1, 0.8, 0.1]), 0, 5)
    return scores.astype(float), np.repeat(np.arange(patients), sites)


def kappa(scores: np.ndarray, patients: np.ndarray) -> object:
    weights = agreement_weights(GRADES, "quadratic")
    tables = contingency(scores, GRADES, patients).reshape(-1, 36)
    return bootstrap_sums(tables, lambda s: kappa_of_table(s.reshape(-1, 6, 6), weights), PLAN)


def kappa_of_each_site(scores: np.ndarray, patients: np.ndarray, sites: int) -> object:
    weights = agreement_weights(GRADES, "quadratic")
    tables = contingency(scores, GRADES, np.arange(len(scores))).reshape(-1, sites * 36)
    return bootstrap_sums(tables, lambda s: kappa_of_table(s.reshape(-1, sites, 6, 6), weights), PLAN)


def totals(scores: np.ndarray, patients: np.ndarray) -> np.ndarray:
    return sums_by_patient(scores, patients)


def icc_of_totals(scores: np.ndarray, patients: np.ndarray) -> object:
    return bootstrap_sums(score_sums(totals(scores, patients)), lambda s: icc_of_sums(s, 2, "A,1"), PLAN)


def loop(statistic: Callable[[np.ndarray], object], rows: list[np.ndarray], resamples: int) -> None:
    """The usual bootstrap: draw patients, gather their rows, call."""
    random = np.random.default_rng(1)
    for _ in range(resamples):
        drawn = random.integers(0, len(rows), len(rows))
        statistic(np.concatenate([rows[i] for i in drawn]))


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def compare(name: str, ours: Callable[[], object], theirs: Callable[[int], object], resamples: int) -> None:
    fast = min(seconds(ours) for _ in range(3))
    slow = seconds(lambda: theirs(resamples)) * PLAN.resamples / resamples
    print(f"{name:58s} {fast:8.2f} s {slow:9.1f} s  {slow / fast:6.0f} x   (loop: {resamples} of {PLAN.resamples})")


def against_scikit_learn(patients: int, resamples: int) -> None:
    from sklearn.metrics import cohen_kappa_score

    scores, of = cohort(patients, 40)
    rows = np.split(np.arange(len(scores)), patients)

    def theirs(r: np.ndarray) -> object:
        return cohen_kappa_score(scores[r, 0], scores[r, 1], weights="quadratic")

    name = f"quadratic kappa, {patients} patients x 40 sites, scikit-learn"
    compare(name, lambda: kappa(scores, of), lambda n: loop(theirs, rows, n), resamples)


def against_pingouin(patients: int, resamples: int) -> None:
    import pandas
    import pingouin

    scores, of = cohort(patients, 40)
    table = totals(scores, of)

    def theirs(r: np.ndarray) -> object:
        names = {"subject": np.repeat(np.arange(patients), 2), "reader": np.tile([0, 1], patients)}
        return pingouin.intraclass_corr(pandas.DataFrame({**names, "score": table[r].ravel()}), "subject", "reader", "score")

    rows = list(np.arange(patients)[:, None])
    compare(f"ICC of totals, {patients} patients, pingouin", lambda: icc_of_totals(scores, of), lambda n: loop(theirs, rows, n), resamples)


def main() -> None:
    have = [p for p in ("scikit-learn", "pingouin") if importlib.util.find_spec(p.replace("scikit-learn", "sklearn"))]
    print(f"{PLAN.resamples} resamples; " + ", ".join(f"{p} {importlib.metadata.version(p)}" for p in ("numpy", *have)))
    print(f"{'':58s} {'ours':>10s} {'loop':>11s}  {'ratio':>8s}")
    for patients, resamples in ((200, 200), (1000, 50)):
        if "scikit-learn" in have:
            against_scikit_learn(patients, resamples)
        if "pingouin" in have:
            against_pingouin(patients, resamples)
    scores, of = cohort(10_000, 40)
    print("\n10000 patients x 40 sites, ours alone")
    for name, call in (
        ("quadratic kappa over all sites", lambda: kappa(scores, of)),
        ("quadratic kappa of each of 40 sites", lambda: kappa_of_each_site(scores, of, 40)),
        ("ICC of the totals", lambda: icc_of_totals(scores, of)),
    ):
        print(f"{name:58s} {seconds(call):8.2f} s")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
