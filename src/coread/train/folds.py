"""Every case judged by a network that never saw its patient, its copies or its centre: cross-validation for small cohorts.

What is chosen (when to stop) is chosen on an inner part of the other folds, so that no figure of a fold was tuned on it. The calibration
of a fold is fitted on the other folds' answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from coread.errors import InputError
from coread.readers.image_doubt import fit_doubt
from coread.readers.image_input import GradeKind
from coread.train.fingerprint import Fingerprint
from coread.train.plan import Plan
from coread.train.split import VALIDATION, drawn_parts

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Judge = Callable[[str, list[int], list[int], list[int]], Floats]
"""Name of a fold, cases to learn from, to stop by, and held out, to the probabilities of those held out."""


def fold_names(found: Fingerprint, cases: Sequence[int], folds: int, column: Sequence[str]) -> list[str]:
    """The fold of each of some cases: what ``column`` says of it where there is one, else one of ``folds`` drawn by patient and grade.

    Raises:
        InputError: fewer than two folds, or a case without a value.
    """
    if column:
        names = list(column)
        if not all(names) or len(set(names)) < 2:
            raise InputError(f"folds need two values or more and one for each study, got {', '.join(sorted({n or 'none' for n in names}))}")
        return names
    shares = [(f"fold {k + 1}", 1 / folds) for k in range(folds)]
    drawn = drawn_parts(found, cases, shares[1:], 0)
    return [drawn.get(k, shares[0][0]) for k in cases]


def out_of_fold(found: Fingerprint, plan: Plan, cases: Sequence[int], names: Sequence[str], judge: Judge) -> Floats:
    """Probabilities of the grades of each case (cases, grades) by the network of the other folds.

    Raises:
        InputError: a fold leaves too few patients to learn from.
    """
    place = {case: row for row, case in enumerate(cases)}
    said: Floats = np.zeros((len(cases), len(found.cases[0].shares)))
    for name in dict.fromkeys(names):
        held = [k for k, fold in zip(cases, names, strict=True) if fold == name]
        groups = {found.groups[k] for k in held}
        rest = [k for k in cases if k not in set(held) and found.groups[k] not in groups]
        if len({found.groups[k] for k in rest}) < 4:
            raise InputError(f"without {name} fewer than 4 patients are left to learn from; use fewer folds")
        inner = drawn_parts(found, rest, [(VALIDATION, plan.split.validation)], plan.learning.seed)
        learned, stopped = [k for k in rest if k not in inner], list(inner)
        said[[place[k] for k in held]] = judge(name, learned, stopped, held)
    return said


def cross_calibrated(
    truth: npt.NDArray[np.int64], said: Floats, names: Sequence[str], kind: GradeKind, level: float
) -> tuple[Floats, Bools]:
    """Each fold's probabilities and sets by the calibration of the other folds.

    Raises:
        ValueError: too few cases for the level.
    """
    fold = np.array(names)
    shares, inside = np.zeros_like(said), np.zeros(said.shape, dtype=bool)
    for name in dict.fromkeys(names):
        here = fold == name
        shares[here], inside[here] = fit_doubt(truth[~here], said[~here], kind, level).apply(said[here])
    return shares, inside
