"""What is measured on held-out cases, each figure with its interval over patients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from coread.readers.image_doubt import fit_doubt, grades_said
from coread.readers.image_input import GradeKind
from coread.stats.auc import auc
from coread.stats.calibration import calibration_error, reliability_curve
from coread.stats.estimate import Estimate
from coread.stats.grading import grade_measures
from coread.stats.kappa import agreement_weights, contingency, kappa_of_table
from coread.stats.resampling import Plan as Resampling
from coread.stats.resampling import bootstrap_sums
from coread.stats.shares import share_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
LEVEL = 0.95
FOLDS = 5


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Cases that taught nothing: grades' positions (n,), calibrated probabilities (n, k), patients (n,), and how grades are meant."""

    truth: Ints
    probabilities: Floats
    patients: Ints
    grades: tuple[float, ...]
    kind: GradeKind


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured figure; ``value`` is None where these cases have none, then ``why`` says so."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    why: str = ""


def figures(held: HeldOut) -> tuple[Figure, ...]:
    """Accuracy, quadratic kappa, mean error, AUC of each threshold and calibration error."""
    said = grades_said(held.probabilities, held.kind)
    found: list[Figure] = []
    k, n = len(held.grades), len(held.truth)
    measures = grade_measures(held.truth, said, k, held.patients, LEVEL)
    found.append(_figure("same grade", measures.accuracy))
    if held.kind == "ordinal":
        found.append(_figure("within one grade", measures.within_one))
        found.append(_figure("mean absolute error in grades", measures.mean_absolute_error))
    found.append(_attempt("kappa, quadratic weights", n, lambda: _kappa(held, said)))
    for j in range(1, k):
        name = f"AUC for grade {held.grades[j]:g} or more"
        score = held.probabilities[:, j:].sum(axis=1)
        found.append(_attempt(name, n, lambda score=score, j=j: _plain(auc(held.truth >= j, score, held.patients, LEVEL))))
    damage = held.probabilities[:, 1:].sum(axis=1)
    name = f"expected calibration error of grade {held.grades[1]:g} or more"
    found.append(_attempt(name, n, lambda: _plain(calibration_error(held.truth >= 1, damage, clusters=held.patients, level=LEVEL))))
    return tuple(found)


def _plain(found: Any) -> Estimate:
    return Estimate(found.estimate, found.low, found.high, found.level, found.n, found.method)


def _figure(name: str, value: Estimate) -> Figure:
    return Figure(name, value.estimate, value.low, value.high, value.n, value.undefined or "")


def _attempt(name: str, n: int, make: Any) -> Figure:
    try:
        return _figure(name, make())
    except ValueError as error:
        return Figure(name, None, None, None, n, str(error))


def _kappa(held: HeldOut, said: Ints) -> Estimate:
    k = len(held.grades)
    tables = contingency(np.stack([held.truth, said], axis=1).astype(np.float64), tuple(map(float, range(k))), held.patients)
    weights = agreement_weights(tuple(map(float, range(k))), "quadratic")
    if np.isnan(kappa_of_table(tables.sum(axis=0)[None], weights)[0]):
        raise ValueError("no kappa: model and reference gave one and the same grade throughout")
    parts = tables.reshape(len(tables), -1)
    return bootstrap_sums(parts, lambda sums: kappa_of_table(sums.reshape(*sums.shape[:-1], k, k), weights), Resampling(level=LEVEL))[0]


def coverage(truth: Ints, said: Floats, patients: Ints, kind: GradeKind, level: float) -> tuple[Figure, Figure]:
    """How often sets of a level hold the grade, and how many grades they name, each patient's by a calibration without that patient.

    Args:
        truth: (n,) positions.
        said: (n, k) the network's own probabilities.
        patients: (n,) numbers.
        kind: how grades are meant.
        level: of the sets.
    """
    fold = patients_in_folds(patients, FOLDS)
    inside = np.zeros(said.shape, dtype=bool)
    for k in range(FOLDS):
        rest, here = fold != k, fold == k
        if not here.any():
            continue
        try:
            inside[here] = fit_doubt(truth[rest], said[rest], kind, level).apply(said[here])[1]
        except ValueError as error:
            why = f"too few cases to leave some out: {error}"
            return Figure(f"{level:.0%} set holds the grade", None, None, None, len(truth), why), Figure(
                "grades in a set", None, None, None, len(truth), why
            )
    return set_figures(truth, inside, patients, level)


def set_figures(truth: Ints, inside: npt.NDArray[np.bool_], patients: Ints, level: float) -> tuple[Figure, Figure]:
    """How often sets (n, k) hold the grade, and how many grades they name."""
    hit = inside[np.arange(len(truth)), truth]
    share = share_of(hit, np.ones(len(hit), dtype=bool), patients, LEVEL, "case")
    size = inside.sum(axis=1)
    return _figure(f"{level:.0%} set holds the grade", share), Figure("grades in a set, mean", float(size.mean()), None, None, len(truth))


def patients_in_folds(patients: Ints, folds: int) -> Ints:
    """A fold for each case, whole patients, drawn once and for all."""
    names, codes = np.unique(patients, return_inverse=True)
    order = np.random.default_rng(0).permutation(len(names)) % folds
    return np.asarray(order[codes], dtype=np.int64)


def abstention(held: HeldOut) -> list[Mapping[str, float]]:
    """Error rate among the cases kept, when the least sure are refused: one row for each tenth refused."""
    said = grades_said(held.probabilities, held.kind)
    sure = held.probabilities[np.arange(len(said)), said]
    order = np.argsort(-sure, kind="stable")
    wrong = (said != held.truth)[order]
    rows: list[Mapping[str, float]] = []
    for refused in np.arange(0, 1.0, 0.1):
        kept = max(1, round(len(order) * (1 - refused)))
        rows.append({"refused": round(float(refused), 2), "error": float(wrong[:kept].mean()), "kept": float(kept)})
    return rows


def reliability(held: HeldOut) -> list[Mapping[str, float]]:
    """Reliability curve of the second grade or more."""
    damage = held.probabilities[:, 1:].sum(axis=1)
    bins = reliability_curve(held.truth >= 1, damage, clusters=held.patients, level=LEVEL)
    rows: list[Mapping[str, float]] = []
    for one in bins:
        seen = one.observed
        if seen.estimate is not None:
            low, high = (seen.estimate if bound is None else bound for bound in (seen.low, seen.high))
            rows.append({"said": one.predicted, "came_true": seen.estimate, "low": low, "high": high, "n": float(seen.n)})
    return rows


def confusion(held: HeldOut) -> list[list[int]]:
    """Cases by true (rows) and stated (columns) grade."""
    table = np.zeros((len(held.grades), len(held.grades)), dtype=np.int64)
    np.add.at(table, (held.truth, grades_said(held.probabilities, held.kind)), 1)
    return [[int(n) for n in row] for row in table]
