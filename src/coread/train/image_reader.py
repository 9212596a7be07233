"""A cohort and a recipe into a reader of whole images: fingerprint, plan, training, calibration on held-out patients, model and card."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from coread.cohort import Cohort, open_cohort
from coread.errors import InputError, not_written
from coread.readers.image_doubt import Doubt, fit_doubt
from coread.readers.image_input import GradeKind
from coread.scoring import system
from coread.train.cases import TEST, Labels, labelled
from coread.train.drawn import drawn_images
from coread.train.examples import examples
from coread.train.fingerprint import Fingerprint, fingerprint
from coread.train.folds import cross_calibrated, fold_names, out_of_fold
from coread.train.images import Images, prepared
from coread.train.learn import Taught, case_probabilities, image_outputs, new_grader, teach
from coread.train.measure import Figure, HeldOut, abstention, confusion, coverage, figures, reliability, set_figures
from coread.train.model_files import MODEL, Facts, Said, refuse_difference, said_by_model, write_card, write_model
from coread.train.order import Order, Reporter, told_by
from coread.train.parallel import is_first, processes
from coread.train.plan import Plan, complete, read_plan
from coread.train.run_files import cell, lock, make_folder, write_document, write_plan
from coread.train.scope_check import fit_scope, limit_of
from coread.train.split import CALIBRATION, TRAINING, VALIDATION, check_parts, missing_grades, parts

DOCUMENT = "training.json"
FOLDS = "folds.csv"
MAP_QUANTILE = 0.95
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out: the files written, the figures measured, and what a person should know."""

    written: tuple[Path, ...]
    figures: tuple[Figure, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """A cohort made ready for a plan: its fingerprint, prepared images, and the share of readers for each grade (cases, grades)."""

    plan: Plan
    folder: Path
    found: Fingerprint
    images: Images
    grades: tuple[float, ...]

    def taught(self, cases: Sequence[int]) -> Taught:
        """Some of the cases, to learn from or to judge by."""
        order = np.asarray(cases, dtype=np.int64)
        shares = np.array([self.found.cases[k].shares for k in order], dtype=np.float64)
        return Taught(self.images.of_cases(order), shares)

    @property
    def kind(self) -> GradeKind:
        """Whether the grades have an order for this plan."""
        return "nominal" if self.plan.learning.loss == "nominal" else "ordinal"


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """Held-out cases with their calibration and what its sets cover."""

    held: HeldOut
    doubt: Doubt
    coverage: tuple[Figure, Figure]


def train_reader(order: Order, reporter: Reporter | None = None) -> Outcome:
    """Everything from a cohort's folder to a reader in ``order.out``; goes on where it was stopped.

    Raises:
        InputError: cohort, recipe and folder do not fit each other, or a part of the cohort is too small; one sentence says what to do.
        DefinitionError: the recipe or plan is not what it must be, or the exported network differs from the trained one.
    """
    reporter = reporter or Reporter()
    plan, path = read_plan(order.recipe)
    if order.init or plan.network.init:
        start = (order.init or path.parent / plan.network.init).resolve()
        plan = replace(plan, network=replace(plan.network, init=str(start)))
    cohort = open_cohort(order.cohort)
    cohort.check_columns([order.leave_out] if order.leave_out else [])
    labels = Labels(system(plan.task.system), plan.task.feature, plan.task.site, plan.task.reference or None)
    cases, notes = labelled(cohort, labels)
    make_folder(order.out)
    with processes():
        reporter.stage("opening", len(cases))
        done = iter(range(1, len(cases) + 1))
        found = fingerprint(cohort, cases, lambda: reporter.tick(next(done)))
        plan = complete(plan, found)
        if order.crossed:
            plan = replace(plan, split=replace(plan.split, calibration=0.0))
        part = parts(found, plan)
        notes = (*notes, *found.notes)
        written = write_plan(order, plan, found, part, labels)
        if order.plan_only:
            return Outcome(written, (), notes)
        notes = (*notes, *check_parts(found, part, plan, not order.crossed))
        lock(order.out, plan, cohort)
        reporter.stage("preparing", len(found.cases))
        ready = iter(range(1, len(found.cases) + 1))
        images = prepared(cohort, found, plan.preparation, order.out, lambda: reporter.tick(next(ready)))
        material = Material(plan, order.out, found, images, labels.grades)
        crossed = _crossed(order, cohort, material, part, reporter) if order.crossed else None
        made, measured = _one_reader(order, material, part, (reporter, crossed), notes)
    return Outcome((*written, *made), measured, notes)


def _one_reader(
    order: Order, material: Material, part: Sequence[str], beside: tuple[Reporter, Calibrated | None], notes: Sequence[str]
) -> tuple[tuple[Path, ...], tuple[Figure, ...]]:
    """Trains on the training part, stops by validation, calibrates and measures on held-out patients or folds, writes the reader."""
    plan, out = material.plan, order.out
    reporter, crossed = beside
    learned, stopped, held = ([k for k, p in enumerate(part) if p == name] for name in (TRAINING, VALIDATION, CALIBRATION))
    grader = new_grader(plan, len(material.grades), out)
    reporter.stage("learning", 1)
    curve = teach(grader, plan, (material.taught(learned), material.taught(stopped)), out / "training", told_by(reporter))
    if not is_first():
        return (), ()
    reporter.stage("calibrating", 1)
    if crossed:
        held = stopped
    taught = material.taught(held)
    scope = fit_scope(image_outputs(grader, material.taught(learned).images)[1])
    write_model(grader, scope, plan, out)
    said = said_by_model(out / MODEL, taught.images, plan.augment.mirror)
    mirrored = image_outputs(grader, taught.images, plan.augment.mirror)[0]
    refuse_difference(said, mirrored, out / MODEL)
    judged = crossed or _held_out(material, held, case_probabilities(grader, taught.images, plan.augment.mirror))
    parameters, more = _parameters(material, said, out)
    measured = (*figures(judged.held), *judged.coverage, *more)
    patients = len(np.unique(judged.held.patients))
    counts = f"{len(learned)} studies learned from, {len(stopped)} to stop by"
    facts = Facts(
        parameters=parameters,
        figures=measured,
        of=_measured_on(order, judged, patients),
        kind="simulated" if order.simulated else "real",
        command=order.command,
        centres=_centres(material.found, learned),
        trained=f"Cohort {order.cohort.resolve().name}: {counts}, {len(judged.held.truth)} to calibrate.",
        not_tested=_untested(material.found, part),
    )
    card = write_card(plan, judged.doubt, facts, out)
    document: dict[str, Any] = {
        "plan": asdict(plan),
        "command": order.command,
        "notes": [*notes],
        "fingerprint": material.found.told(material.grades),
        "parts": {name: list(part).count(name) for name in dict.fromkeys(part)},
        "curve": curve,
        "figures": [asdict(figure) for figure in measured],
        "of": facts.of,
        "confusion": confusion(judged.held),
        "grades": list(material.grades),
        "reliability": reliability(judged.held),
        "abstention": abstention(judged.held),
        "examples": [] if crossed else _examples(material, judged, held, (said, parameters["map_scale"])),
    }
    return (out / MODEL, card, write_document(out / DOCUMENT, document)), measured


def _crossed(order: Order, cohort: Cohort, material: Material, part: Sequence[str], reporter: Reporter) -> Calibrated:
    """Every case outside the test part judged by a network of the other folds, kept in ``folds/``, with the calibration of all."""
    plan, found = material.plan, material.found
    cases = [k for k, name in enumerate(part) if name in (TRAINING, VALIDATION)]
    facts = {member.study: member.facts for member in cohort.members}
    column = [facts[found.cases[k].study].get(order.leave_out, "") for k in cases] if order.leave_out else []
    names = fold_names(found, cases, order.folds, column)

    def judge(name: str, learned: list[int], stopped: list[int], held: list[int]) -> Floats:
        reporter.say(f"{name}: {len(learned)} studies to learn from, {len(stopped)} to stop by, {len(held)} held out")
        absent = missing_grades([found.cases[k] for k in learned], material.grades)
        if absent:
            reporter.say(f"{name}: none of its studies to learn from has the grade {', '.join(absent)}; it will never be said")
        grader = new_grader(plan, len(material.grades), material.folder)
        run = material.folder / "folds" / re.sub(r"[^\w.-]+", "_", name)
        teach(grader, plan, (material.taught(learned), material.taught(stopped)), run, told_by(reporter))
        return case_probabilities(grader, material.taught(held).images, plan.augment.mirror)

    said = out_of_fold(found, plan, cases, names, judge)
    truth = material.taught(cases).truth
    level = plan.calibration.level
    try:
        shares, inside = cross_calibrated(truth, said, names, material.kind, level)
        doubt = fit_doubt(truth, said, material.kind, level)
    except ValueError as error:
        raise InputError(
            f"{cohort.folder}: the folds cannot be calibrated: {error}; lower [calibration] level or use fewer folds"
        ) from None
    patients = np.array([found.groups[k] for k in cases])
    _write_folds(material, cases, names, shares)
    held = HeldOut(truth, shares, patients, material.grades, material.kind)
    return Calibrated(held, doubt, set_figures(truth, inside, patients, level))


def _write_folds(material: Material, cases: Sequence[int], names: Sequence[str], shares: Floats) -> None:
    """``folds.csv``: each study's fold, reference and calibrated probabilities."""
    if not is_first():
        return
    rows = [",".join(("study", "patient", "fold", "grade", *(f"p{grade:g}" for grade in material.grades)))]
    for k, name, said in zip(cases, names, shares, strict=True):
        case = material.found.cases[k]
        grade = f"{material.grades[case.grade]:g}"
        rows.append(",".join([cell(case.study), cell(case.patient), cell(name), grade, *(f"{p:.6f}" for p in said)]))
    path = material.folder / FOLDS
    try:
        path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    except OSError as error:
        raise not_written(path, error) from None


def _measured_on(order: Order, judged: Calibrated, patients: int) -> str:
    studies, name = f"{len(judged.held.truth)} studies of {patients} patients", order.cohort.resolve().name
    if order.leave_out:
        return f"{studies}, cohort {name}, each by networks and a calibration without its {order.leave_out}; not the shipped network itself"
    if order.folds:
        return (
            f"{studies}, cohort {name}, in {order.folds} folds, each by a network and a calibration without its patient; "
            "not the shipped network itself"
        )
    return (
        f"{studies} held out of learning and stopping, cohort {name}; the calibration was fitted on them, "
        "coverage by a calibration without the patient"
    )


def _examples(material: Material, judged: Calibrated, held: Sequence[int], shown: tuple[Said, float]) -> list[dict[str, Any]]:
    names = [material.found.cases[k].study for k in held]
    return examples(judged.held, names, material.taught(held).images, shown)


def _held_out(material: Material, cases: Sequence[int], said: Any) -> Calibrated:
    truth = material.taught(cases).truth
    patients = np.array([material.found.groups[k] for k in cases])
    level = material.plan.calibration.level
    doubt = fit_doubt(truth, said, material.kind, level)
    held = HeldOut(truth, doubt.apply(said)[0], patients, material.grades, material.kind)
    return Calibrated(held, doubt, coverage(truth, said, patients, material.kind, level))


def _parameters(material: Material, said: Said, out: Path) -> tuple[dict[str, float], tuple[Figure, ...]]:
    """The limit of the scope check and the scale of the maps, from held-out images; and how many drawn images that are none are refused."""
    plan = material.plan
    limit = limit_of(said.strangeness, plan.calibration.scope)
    peaks = said.maps.reshape(len(said.maps), -1).max(axis=1)
    scale = max(float(np.quantile(peaks, MAP_QUANTILE)), 1e-6)
    planes = drawn_images(plan.preparation)
    strange = said_by_model(out / MODEL, Images(planes, np.arange(len(planes))), False).strangeness
    refused = Figure(
        "drawn images refused (noise, tubes, pages, ramps; simulated)", float((strange > limit).mean()), None, None, len(planes)
    )
    passed = Figure(
        "held-out images within scope, the limit set on them", float((said.strangeness <= limit).mean()), None, None, len(said.maps)
    )
    return {"scope_limit": round(limit, 6), "map_scale": round(scale, 6)}, (passed, refused)


def _centres(found: Fingerprint, cases: Sequence[int]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found.cases[k].centre for k in cases if found.cases[k].centre))


def _untested(found: Fingerprint, part: Sequence[str]) -> list[str]:
    notes = ["Images of other centres than those learned from."]
    if TEST in part:
        notes.append(f"The {list(part).count(TEST)} studies of the test part: `coread validate` on this card does that.")
    return notes
