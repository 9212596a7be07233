"""A plain baseline beside a cross-validated training: texture and logistic regression in the same folds, with the paired difference.

python bench/texture_baseline.py COHORT RUN [LEAST [OTHER]]

RUN is the folder of `coread train ... --folds N` or `--leave-out COLUMN`; LEAST the grade from which a case counts as positive (1);
OTHER a further run over the same cohort, whose difference to RUN is told too.
The features know the image alone (no size, no centre): grey statistics, local binary patterns and co-occurrence at three scales of the
input that the network takes. The strength of the penalty is chosen inside the other folds, by patient. Intervals: bootstrap of patients.
"""

import csv
import sys
from pathlib import Path

import numpy as np
from skimage.feature import graycomatrix, graycoprops, local_binary_pattern
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from coread.formats.open import open_study
from coread.stats.auc import auc
from coread.stats.kappa import agreement_weights, contingency, kappa_of_table
from coread.stats.resampling import Plan, bootstrap
from coread.train.plan import read_plan
from coread.vision.prepare import prepare

PLAN = Plan(resamples=2000)


def features(plane: np.ndarray) -> np.ndarray:
    found = [plane.mean(), plane.std(), *np.percentile(plane, (5, 25, 50, 75, 95))]
    for step in (1, 2, 4):
        small = plane[: plane.shape[0] // step * step, : plane.shape[1] // step * step]
        small = small.reshape(small.shape[0] // step, step, -1, step).mean(axis=(1, 3))
        grey = np.round(small * 255).astype(np.uint8)
        pattern = local_binary_pattern(grey, 8, 1, "uniform")
        found += list(np.bincount(pattern.astype(int).ravel(), minlength=10) / pattern.size)
        table = graycomatrix(grey // 16, [1, 2], [0, np.pi / 2], levels=16, symmetric=True, normed=True)
        for name in ("contrast", "homogeneity", "energy", "correlation"):
            found += list(graycoprops(table, name).mean(axis=1))
    return np.array(found)


def baseline(x: np.ndarray, truth: np.ndarray, patient: np.ndarray, fold: np.ndarray) -> np.ndarray:
    said = np.zeros(len(truth))
    for name in np.unique(fold):
        rest = (fold != name) & ~np.isin(patient, patient[fold == name])
        inner = list(GroupKFold(4).split(x[rest], truth[rest], patient[rest]))
        chosen = LogisticRegressionCV(
            Cs=np.logspace(-4, 1, 8),
            cv=inner,
            scoring="neg_log_loss",
            class_weight="balanced",
            max_iter=3000,
            l1_ratios=(0,),
            use_legacy_attributes=False,
        )
        model = make_pipeline(StandardScaler(), chosen)
        said[fold == name] = model.fit(x[rest], truth[rest]).predict_proba(x[fold == name])[:, 1]
    return said


def line(name: str, estimate: float, low: float, high: float) -> None:
    print(f"{name}: {estimate:.3f} ({low:.3f} to {high:.3f})")


def main() -> None:
    cohort, run = Path(sys.argv[1]), Path(sys.argv[2])
    least = float(sys.argv[3]) if len(sys.argv) > 3 else 1.0
    with (run / "folds.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    grades = [float(name[1:]) for name in table[0] if name[0] == "p" and name != "patient"]
    truth = np.array([float(row["grade"]) for row in table])
    patient = np.array([row["patient"] for row in table])
    fold = np.array([row["fold"] for row in table])
    shares = np.array([[float(row[f"p{grade:g}"]) for grade in grades] for row in table])
    network = shares[:, [grade >= least for grade in grades]].sum(axis=1)
    how = read_plan(run / "plan.toml")[0].preparation
    x = np.stack([features(prepare(open_study(cohort / row["study"]).images[0].pixels, how).plane) for row in table])
    positive = truth >= least
    plain = baseline(x, positive, patient, fold)
    print(
        f"{len(truth)} studies of {len(set(patient))} patients, {int(positive.sum())} with grade {least:g} or more, {len(set(fold))} folds"
    )
    for name, said in (("network", network), ("texture and logistic regression", plain)):
        found = auc(positive, said, patient)
        line(f"AUC, {name}", found.estimate, found.low, found.high)
        for one in np.unique(fold):
            here = fold == one
            if len(set(fold)) <= 4 and 0 < positive[here].sum() < here.sum():
                part = auc(positive[here], said[here], patient[here])
                line(f"  {one} (n {here.sum()})", part.estimate, part.low, part.high)

    def difference(rows: np.ndarray, other: np.ndarray) -> float:
        if len(set(positive[rows])) < 2:
            return np.nan
        return auc(positive[rows], network[rows]).estimate - auc(positive[rows], other[rows]).estimate

    gap = bootstrap(lambda rows: difference(rows, plain), patient, PLAN)[0]
    print(
        f"difference of the AUC, network - baseline: {gap.estimate:.3f}",
        f"({gap.low:.3f} to {gap.high:.3f})" if gap.low is not None else gap.undefined,
    )
    if len(sys.argv) > 4:
        with (Path(sys.argv[4]) / "folds.csv").open(encoding="utf-8", newline="") as file:
            rows = {row["study"]: row for row in csv.DictReader(file)}
        other = np.array([sum(float(rows[row["study"]][f"p{grade:g}"]) for grade in grades if grade >= least) for row in table])
        gap = bootstrap(lambda rows: difference(rows, other), patient, PLAN)[0]
        print(f"difference of the AUC, {run} - {sys.argv[4]}: {gap.estimate:.3f} ({gap.low:.3f} to {gap.high:.3f})")
    if len(grades) > 2:
        stated = np.array(grades)[(shares.cumsum(axis=1) < 0.5 - 1e-9).sum(axis=1)]
        weights = agreement_weights(grades, "quadratic")
        for one in np.unique(fold):
            here = fold == one
            value = kappa_of_table(contingency(np.stack([truth[here], stated[here]], axis=1), grades), weights)
            print(f"quadratic kappa of the network, {one}: {float(np.squeeze(value)):.3f}")


if __name__ == "__main__":
    main()
