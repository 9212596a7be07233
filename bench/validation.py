"""Speed of a validation: 10,000 patients x 40 sites, 2,000 resamples, against the usual loop over scikit-learn.

Run: python bench/validation.py [PATIENTS]        (made-up grades; no images; about a minute on one core)

The usual loop draws patients, gathers their rows and calls scikit-learn's cohen_kappa_score; five of its resamples are timed and carried
forward to 2,000. Ours is the same figure with its interval, as `coread validate` computes it. Reading the cohort's tables is not counted.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

import numpy as np

from coread.cohort import Cohort, Member
from coread.reading import Finding, Interval, ReaderRef, Reading, StudyRef, Total
from coread.scoring import Item, system
from coread.stats.kappa import agreement_weights, contingency, kappa_of_table
from coread.stats.resampling import Plan, bootstrap_sums
from coread.validation import validate
from coread.validation_pairs import Made

SITES = 40
TIMED = 5


def items() -> tuple[Item, ...]:
    hands = [item for item in system("svdh").items if item.region.startswith("hand")]
    narrowing = [item for item in hands if item.feature == "joint_space_narrowing"]
    return tuple(narrowing + [item for item in hands if item.feature == "erosion"][: SITES - len(narrowing)])


def reading(study: str, who: ReaderRef, findings: tuple[Finding, ...]) -> Reading:
    narrowing = sum(f.grade or 0 for f in findings if f.feature == "joint_space_narrowing")
    total = Total(narrowing, 120, max(0, narrowing - 8), min(120, narrowing + 8), 0.9)
    return Reading("1.2", who, "svdh", StudyRef(study), findings, {"hands_narrowing": total}, "2026-01-01T00:00:00+00:00")


def make(patients: int) -> tuple[Cohort, Made]:
    random = np.random.default_rng(20260101)
    boxes = items()
    truth = np.minimum(random.poisson(random.gamma(1, 1, (patients, 1)), (patients, SITES)), 4)
    said = np.clip(truth + random.integers(-1, 2, truth.shape) * (random.random(truth.shape) < 0.4), 0, 4)
    members, references, readings = [], [], {}
    for number in range(patients):
        name = f"p{number}.dcm"
        facts = {
            "study": name,
            "patient": f"p{number}",
            "centre": "NSEW"[number % 4],
            "sex": "FM"[number % 2],
            "age": str(20 + number % 60),
        }
        members.append(Member(name, Path(name), facts["patient"], facts["sex"], float(facts["age"]), "", facts, number + 2))
        person = tuple(Finding(b.site, b.side, b.feature, grade=float(g)) for b, g in zip(boxes, truth[number], strict=True))
        references.append(reading(name, ReaderRef("person", "A"), person))
        model = []
        for box, grade in zip(boxes, said[number], strict=True):
            shares = [0.05] * len(box.grades)
            shares[int(grade)] += 1 - sum(shares)
            interval = Interval(float(grade), float(max(0, grade - 1)), float(grade + 1), 0.9)
            model.append(Finding(box.site, box.side, box.feature, grade=float(grade), probabilities=tuple(shares), interval=interval))
        readings[name] = reading(name, ReaderRef("model", "m", "1"), tuple(model))
    columns = ("study", "patient", "centre", "sex", "age")
    return Cohort(Path("cohort"), tuple(members), columns, tuple(references)), Made("m", "1", readings, {}, training_centres=("N",))


def main() -> None:
    patients = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    cohort, made = make(patients)
    start, worked = time.perf_counter(), time.process_time()
    found = validate(cohort, made)
    seconds, worked = time.perf_counter() - start, time.process_time() - worked
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    figures = sum(len(group.measures) for group in found.groups)
    tested = sum(gap.p is not None for gap in found.gaps)
    size = f"{patients} patients x {SITES} sites, {len(found.groups)} groups"
    print(f"{size}: {figures} figures and {tested} gaps in {seconds:.1f} s ({worked:.1f} s of one core), {memory:.2f} GB")

    pairs = [(b.grade, r.grade) for m, ref in zip(cohort.members, cohort.references, strict=True)
             for b, r in zip(made.readings[m.study].findings, ref.findings, strict=True)]  # fmt: skip
    scores, labels = np.array(pairs), np.repeat(np.arange(patients), SITES)
    start = time.perf_counter()
    weights = agreement_weights(range(5), "quadratic")
    parts = contingency(scores, range(5), labels).reshape(patients, -1)
    (ours,) = bootstrap_sums(parts, lambda sums: kappa_of_table(sums.reshape(-1, 5, 5), weights), Plan())
    vectorised = time.perf_counter() - start

    from sklearn.metrics import cohen_kappa_score

    random = np.random.default_rng(0)
    rows = np.arange(len(scores)).reshape(patients, SITES)
    start = time.perf_counter()
    for _ in range(TIMED):
        drawn = rows[random.integers(0, patients, patients)].ravel()
        cohen_kappa_score(scores[drawn, 0].astype(int), scores[drawn, 1].astype(int), weights="quadratic")
    loop = (time.perf_counter() - start) / TIMED * Plan().resamples
    theirs = cohen_kappa_score(scores[:, 0].astype(int), scores[:, 1].astype(int), weights="quadratic")
    print(f"weighted kappa with its bootstrap interval: {vectorised:.2f} s; the usual loop {loop:.0f} s, {loop / vectorised:.0f} x")
    print(f"the same figure: {ours.estimate:.6f} and {theirs:.6f}")


if __name__ == "__main__":
    main()
