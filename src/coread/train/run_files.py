"""The files of a run beside the model: plan, fingerprint, split, the lock that keeps one training to one folder, and documents."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coread.cohort import Cohort
from coread.errors import InputError, not_written
from coread.train.cases import Labels
from coread.train.fingerprint import Fingerprint
from coread.train.order import Order
from coread.train.parallel import is_first
from coread.train.plan import Plan, plan_toml
from coread.whole_file import write_whole

PLAN, FINGERPRINT, SPLIT, LOCK = "plan.toml", "fingerprint.json", "split.csv", "started.json"


def write_document(path: Path, document: dict[str, Any]) -> Path:
    """A JSON document that is there as a whole or not at all."""
    return write_whole(path, json.dumps(document, indent=1, ensure_ascii=False))


def make_folder(out: Path) -> None:
    """The folder of a run, new or of a run before.

    Raises:
        InputError: it holds something else, or cannot be made.
    """
    try:
        if out.is_dir() and any(out.iterdir()) and not (out / PLAN).exists():
            raise InputError(f"{out}: holds files that `coread train` did not write; choose another folder with -o")
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out}: the folder cannot be made: {error.strerror or error}; choose another with -o") from None


def write_plan(order: Order, plan: Plan, found: Fingerprint, part: Sequence[str], labels: Labels) -> tuple[Path, ...]:
    """``plan.toml``, ``fingerprint.json`` and ``split.csv``, which says who is in which part."""
    if not is_first():
        return ()
    told = found.told(labels.grades)
    heading = (
        f"The plan of a training: {told['studies']} studies of {told['patients']} patients in {order.cohort.resolve().name}.",
        "Change a value and give this file in place of the recipe: `coread train plan.toml --cohort COHORT -o RUN`.",
        f"Grades {told['grades']}, centres {told['centres']}.",
    )
    rows = [",".join(("study", "patient", "centre", "grade", "part"))]
    rows += [
        ",".join(cell(text) for text in (case.study, case.patient, case.centre, f"{labels.grades[case.grade]:g}", name))
        for case, name in zip(found.cases, part, strict=True)
    ]
    texts = {PLAN: plan_toml(plan, heading), FINGERPRINT: json.dumps(told, indent=1), SPLIT: "\n".join(rows) + "\n"}
    for name, text in texts.items():
        try:
            (order.out / name).write_text(text, encoding="utf-8")
        except OSError as error:
            raise not_written(order.out / name, error) from None
    return tuple(order.out / name for name in texts)


def cell(text: str) -> str:
    """A text as a cell of a CSV table."""
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\n') else text


def lock(out: Path, plan: Plan, cohort: Cohort) -> None:
    """Pass where the folder's training, if one began, is of this plan and cohort: a checkpoint of another would be taken up."""
    tables = [hashlib.sha256((cohort.folder / name).read_bytes()).hexdigest() for name in ("cohort.csv", "readings.csv")]
    mine = {"plan": hashlib.sha256(plan_toml(plan).encode()).hexdigest(), "cohort": tables}
    path = out / LOCK
    if not path.is_file():
        if is_first():
            write_document(path, mine)
        return
    try:
        there = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        there = {}
    if there != mine:
        raise InputError(
            f"{out}: holds a training by another plan or of another cohort; choose another folder with -o, "
            f"or remove {path.name} and the folder training in it to begin anew"
        )
