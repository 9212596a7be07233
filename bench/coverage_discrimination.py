"""Coverage of the nominal 95 % intervals of discrimination and calibration, simulated.

Run: python bench/coverage_discrimination.py [repeats]       (2000 repeats: about 3 minutes on one core)

Simulated scores only: negatives N(0, 1), positives N(d, 1), one third positive. "By patient": four cases a patient, correlation 0.64.
Each row says what share of the intervals held the true value, and how many were missed below and above; its Monte Carlo standard error at
0.95 and 2000 repeats is 0.005. The last column is the mean width. An interval that does not exist counts as a miss and is told.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm

from coread.stats.auc import auc
from coread.stats.binary import binary_measures
from coread.stats.brier import brier
from coread.stats.calibration import calibration_error, observed_to_expected
from coread.stats.grading import c_index
from coread.stats.logistic_calibration import logistic_calibration
from coread.stats.mrmc import DESIGNS, obuchowski_rockette
from coread.stats.paired import mcnemar
from coread.stats.partial_auc import Band, partial_auc
from coread.stats.precision_recall import average_precision
from coread.stats.proportion import clustered_share

Bounds = tuple[float | None, float | None]
LARGE = 600_000


def bounds(estimate: object) -> Bounds:
    return estimate.low, estimate.high  # type: ignore[attr-defined]


def scored(random: np.random.Generator, n: int, d: float) -> tuple[np.ndarray, np.ndarray]:
    truth = (np.arange(n) % 3 == 0).astype(int)
    return truth, d * truth + random.standard_normal(n)


def drawn(random: np.random.Generator, n: int, d: float) -> tuple[np.ndarray, np.ndarray]:
    """As scored, with a share of positives that varies: average precision depends on it."""
    truth = (random.random(n) < 1 / 3).astype(int)
    return truth, d * truth + random.standard_normal(n)


def by_patient(random: np.random.Generator, patients: int, d: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    patient = np.repeat(np.arange(patients), 4)
    truth = ((patient + (random.random(patient.size) < 0.2)) % 3 == 0).astype(int)
    return truth, d * truth + 0.8 * random.standard_normal(patients)[patient] + 0.6 * random.standard_normal(patient.size), patient


def predicted(random: np.random.Generator, n: int, slope: float) -> tuple[np.ndarray, np.ndarray]:
    p = random.beta(1.2, 2, n)
    return (random.random(n) < expit(slope * logit(p))).astype(int), p


def discrimination(random: np.random.Generator) -> Iterator[tuple[str, float, Callable[[], Bounds]]]:
    big = {d: scored(random, LARGE, d) for d in (0.74, 1.81, 2.66)}
    for d, (truth, scores) in big.items():
        true = float(norm.cdf(d / 2**0.5))
        for n in (30, 60, 150, 600):
            for scale in ("linear", "logit"):
                yield (
                    f"AUC {true:.2f}, DeLong {scale}, n {n}",
                    true,
                    lambda n=n, d=d, scale=scale: bounds(auc(*scored(random, n, d), scale=scale)),
                )  # type: ignore[misc]
        for n in (60, 150, 600):
            band = Band(0.8, 1.0)
            area = partial_auc(truth, scores, band).estimate
            precision = average_precision(truth, scores).estimate
            assert area is not None
            assert precision is not None
            yield (
                f"partial AUC (specificity 0.8-1) at AUC {true:.2f}, n {n}",
                area,
                lambda n=n, d=d: bounds(partial_auc(*scored(random, n, d), Band(0.8, 1.0))),
            )  # type: ignore[misc]
            yield f"average precision {precision:.2f}, n {n}", precision, lambda n=n, d=d: bounds(average_precision(*drawn(random, n, d)))  # type: ignore[misc]
    for patients in (20, 50, 150):
        for d in (0.74, 1.81):
            true = float(norm.cdf(d / 2**0.5))

            def clustered(patients: int = patients, d: float = d) -> Bounds:
                truth, scores, patient = by_patient(random, patients, d)
                return bounds(auc(truth, scores, patient))

            def ignored(patients: int = patients, d: float = d) -> Bounds:
                truth, scores, _ = by_patient(random, patients, d)
                return bounds(auc(truth, scores))

            yield f"AUC {true:.2f} by patient, {patients} patients x 4", true, clustered
            yield f"   the same, patients ignored (wrong), {patients} x 4", true, ignored
    truth, scores = graded(random, 60_000)
    concordance = c_index(truth, scores).estimate
    assert concordance is not None
    for n in (40, 100, 400):
        yield f"c-index {concordance:.2f}, 4 grades, n {n}", concordance, lambda n=n: bounds(c_index(*graded(random, n)))  # type: ignore[misc]


def graded(random: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    truth = np.arange(n) % 4
    return truth, truth + 1.5 * random.standard_normal(n)


def calls(random: np.random.Generator) -> Iterator[tuple[str, float, Callable[[], Bounds]]]:
    sensitivity, specificity = 0.85, 0.9
    true = {
        "sensitivity": sensitivity,
        "accuracy": (sensitivity + 2 * specificity) / 3,
        "balanced_accuracy": (sensitivity + specificity) / 2,
        "f1": 2 * sensitivity / (1 + sensitivity + 2 * (1 - specificity)),
        "positive_likelihood_ratio": sensitivity / (1 - specificity),
        "negative_likelihood_ratio": (1 - sensitivity) / specificity,
    }
    for name, value in true.items():
        for n in (30, 90, 300):

            def measure(name: str = name, n: int = n) -> Bounds:
                truth = np.arange(n) % 3 == 0
                called = random.random(n) < np.where(truth, sensitivity, 1 - specificity)
                return bounds(getattr(binary_measures(truth, called), name))

            yield f"{name.replace('_', ' ')} {value:.2f}, n {n}", value, measure
    for patients in (10, 20, 60):

        def share(patients: int = patients) -> Bounds:
            return bounds(clustered_share(random.binomial(6, random.beta(2.7, 0.3, patients)), np.full(patients, 6)))

        yield f"share 0.90 by patient, {patients} patients x 6, correlation 0.25", 0.9, share
    for n in (30, 100):

        def paired(n: int = n) -> Bounds:
            easy = random.random(n)
            return bounds(mcnemar(0.7 * easy + 0.3 * random.random(n) < 0.75, 0.7 * easy + 0.3 * random.random(n) < 0.75))

        yield f"paired difference 0 of two shares, n {n}", 0.0, paired


def calibration(random: np.random.Generator) -> Iterator[tuple[str, float, Callable[[], Bounds]]]:
    for slope in (1.0, 0.8, 0.5):
        truth, p = predicted(random, LARGE, slope)
        error = 0.0 if slope == 1.0 else calibration_error(truth, p).plug_in
        score = brier(truth, p).score.estimate
        ratio = observed_to_expected(truth, p).estimate
        assert score is not None
        assert ratio is not None
        for n in (100, 300, 1000):
            yield f"ECE {error:.3f}, 10 bins, n {n}", error, lambda n=n, s=slope: bounds(calibration_error(*predicted(random, n, s)))  # type: ignore[misc]
            yield f"Brier {score:.3f}, n {n}", score, lambda n=n, s=slope: bounds(brier(*predicted(random, n, s)).score)  # type: ignore[misc]
            yield f"O:E {ratio:.2f}, n {n}", ratio, lambda n=n, s=slope: bounds(observed_to_expected(*predicted(random, n, s)))  # type: ignore[misc]
            yield (
                f"calibration slope {slope:.1f}, n {n}",
                slope,
                lambda n=n, s=slope: bounds(logistic_calibration(*predicted(random, n, s)).slope),
            )  # type: ignore[misc]


def readers(random: np.random.Generator) -> Iterator[tuple[str, float, Callable[[], Bounds]]]:
    for count, cases in ((3, 60), (5, 120), (10, 120)):

        def difference(count: int = count, cases: int = cases) -> Bounds:
            truth = (np.arange(cases) % 2).astype(int)
            skill = 1.5 + 0.2 * random.standard_normal((1, count, 1)) + 0.15 * random.standard_normal((2, count, 1))
            common = 0.6 * random.standard_normal((1, 1, cases)) + 0.3 * random.standard_normal((2, 1, cases))
            scores = (
                skill * truth + common + 0.3 * random.standard_normal((1, count, cases)) + 0.67 * random.standard_normal((2, count, cases))
            )
            return bounds(obuchowski_rockette(truth, scores, DESIGNS[0]).differences[0])

        yield f"multi-reader difference 0, {count} readers, {cases} cases, both random", 0.0, difference


def main(repeats: int) -> None:
    print(f"{repeats} repeats each; nominal 95 %\n{'':68} held   below  above  none   width")
    for part, family in enumerate((discrimination, calls, calibration, readers)):
        for name, true, interval in family(np.random.default_rng([20260101, part])):
            found = [interval() for _ in range(repeats)]
            there = np.array([(low, high) for low, high in found if low is not None and high is not None], dtype=float).reshape(-1, 2)
            below, above = float((there[:, 1] < true - 1e-12).sum()) / repeats, float((there[:, 0] > true + 1e-12).sum()) / repeats
            none = 1 - len(there) / repeats
            print(
                f"{name:68} {1 - below - above - none:.3f}  {below:.3f}  {above:.3f}  {none:.3f}  {np.mean(there[:, 1] - there[:, 0]):.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
