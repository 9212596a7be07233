"""Who is learned from, who stops the training, who calibrates it: whole groups of patients, each grade in every part where it can be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from coread.errors import InputError
from coread.stats.conformal import cases_needed
from coread.train.cases import TEST, Case
from coread.train.fingerprint import Fingerprint
from coread.train.plan import Plan

TRAINING, VALIDATION, CALIBRATION, LEFT_OUT = "training", "validation", "calibration", "left out"
GIVEN = {
    "train": TRAINING,
    "training": TRAINING,
    "val": VALIDATION,
    "validation": VALIDATION,
    "tune": VALIDATION,
    "tuning": VALIDATION,
    "calibration": CALIBRATION,
    TEST: TEST,
}
"""What the names of a cohort's splits mean; any other name is learned from."""


def parts(found: Fingerprint, plan: Plan) -> tuple[str, ...]:
    """The part of each case. What the cohort says stands; validation and calibration that it does not name are drawn from the training.

    A copy of a test image is left out, in whichever part it stands.
    """
    cases = found.cases
    part = [GIVEN.get(case.split.casefold(), TRAINING) for case in cases]
    for a, b in (*found.copies, *found.near):
        for one, other in ((a, b), (b, a)):
            if part[other] == TEST and part[one] != TEST:
                part[one] = LEFT_OUT
    wanted = [(VALIDATION, plan.split.validation), (CALIBRATION, plan.split.calibration)]
    wanted = [(name, share) for name, share in wanted if name not in part and share > 0]
    free = [k for k in range(len(cases)) if part[k] == TRAINING]
    for k, name in drawn_parts(found, free, wanted, plan.learning.seed).items():
        part[k] = name
    return tuple(part)


def drawn_parts(found: Fingerprint, free: Sequence[int], wanted: Sequence[tuple[str, float]], seed: int) -> dict[int, str]:
    """The cases of ``free`` that go into each wanted part (name, share of the patients): whole groups, each grade in its share."""
    cases, rng = found.cases, np.random.default_rng(seed)
    groups: dict[int, list[int]] = {}
    for k in free:
        groups.setdefault(found.groups[k], []).append(k)
    strata: dict[int, list[int]] = {}
    for group, members in groups.items():
        strata.setdefault(max(cases[k].grade for k in members), []).append(group)
    due = {name: 0.0 for name, _ in wanted}
    taken: dict[int, str] = {}
    for grade in sorted(strata):
        order = [strata[grade][i] for i in rng.permutation(len(strata[grade]))]
        for name, share in wanted:
            due[name] += share * len(strata[grade])
            while due[name] >= 0.5 and order:
                due[name] -= 1
                taken |= dict.fromkeys(groups[order.pop()], name)
    return taken


def check_parts(found: Fingerprint, part: Sequence[str], plan: Plan, calibrating: bool = True) -> list[str]:
    """What a person should know of the parts, one sentence each; ``calibrating`` asks for a part to calibrate by.

    Raises:
        InputError: a part is too small to be of use; the message says how many it needs.
    """
    cases, notes = found.cases, []
    patients = {name: {found.groups[k] for k, p in enumerate(part) if p == name} for name in (TRAINING, VALIDATION, CALIBRATION)}
    for name in (TRAINING, VALIDATION):
        if len(patients[name]) < 2:
            raise InputError(f"{len(patients[name])} patients are in the {name} part, at least 2 are needed; change [split] in the plan")
    needed = cases_needed(plan.calibration.level)
    if calibrating and len(patients[CALIBRATION]) < needed:
        raise InputError(
            f"{len(patients[CALIBRATION])} patients are held out for calibration, sets of level {plan.calibration.level:g} need {needed}: "
            "raise [split] calibration, lower [calibration] level, or use --folds, which calibrates on every patient"
        )
    missing = missing_grades([cases[k] for k, p in enumerate(part) if p == TRAINING], range(len(cases[0].shares)))
    if missing:
        notes.append(f"no case of the training part has the grade{'s' if len(missing) > 1 else ''} {', '.join(missing)}: never learned")
    left = sum(p == LEFT_OUT for p in part)
    if left:
        notes.append(f"{left} copies of test images were left out")
    return notes


def missing_grades(cases: Sequence[Case], grades: Sequence[float]) -> list[str]:
    """The grades that none of the cases has."""
    return [f"{grade:g}" for k, grade in enumerate(grades) if not any(case.shares[k] > 0 for case in cases)]
