"""A model and a cohort into a folder: the readings, the tables, the document, the page, the checklists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from coread.cohort import COHORT, REFERENCE, Cohort, open_cohort
from coread.readers.card import Card
from coread.report.checklists import Facts, checklists_csv, filled
from coread.report.validation_card import figures_toml
from coread.report.validation_page import Imprint, validation_page
from coread.report.validation_tables import document, tables
from coread.run import versions
from coread.run_cohort import Step, card_of, given, part_of, prepared, read_cohort, write_texts
from coread.run_folder import sha256_of
from coread.validation import Asked, Validation, validate

DOCUMENT = "validation.json"
TEST = "test"
SAME_PATIENTS = (
    "the card was calibrated on these very patients: its calibration and coverage look better here than they are; its own figures, from "
    "patients left out in turn, are the ones to trust"
)


@dataclass(frozen=True, slots=True)
class Order:
    """What to validate and how.

    Attributes:
        model: id or path of a card; with ``readings`` any reader whose readings they are.
        cohort: folder of the cohort.
        out: folder for everything that is written.
        readings: readings already made: a file, or a folder of outputs of ``coread read``; None reads the cohort.
        split: part of the cohort; None takes ``test`` where the cohort is split, else everything.
        simulated: whether the exams are simulated.
        report_card: whether to write the figures for the model's card.
        command: the command line, for the record and the card.
        asked: what is asked of the statistics.
    """

    model: str
    cohort: Path
    out: Path
    readings: Path | None = None
    split: str | None = None
    simulated: bool = False
    report_card: bool = False
    command: str = ""
    asked: Asked = field(default_factory=Asked)


def validate_model(order: Order, jobs: int = 1, step: Step | None = None) -> tuple[Validation, list[Path]]:
    """Read the cohort, or take the readings made of it, compare with the reference and write everything into ``order.out``.

    Goes on where it was stopped: a study that was read is not read again.

    Returns:
        The validation, and the files written.

    Raises:
        InputError: the cohort, the readings or the folder cannot be used; one sentence says what and where.
    """
    chosen = card_of(order.model, order.readings)
    whole = open_cohort(order.cohort, exams=order.readings is None)
    cohort = part_of(whole, order.split, TEST)
    cohort.check_columns(order.asked.by)
    prepared(order.out, DOCUMENT, "coread validate")
    if order.readings:
        made = given(order.readings, whole, chosen or order.model)
    else:
        made = read_cohort(cohort, order.model, order.out, jobs, step)
    validation = validate(cohort, made, order.asked)
    if chosen is not None and _calibrated_on(chosen, cohort, order.split):
        validation = replace(validation, notes=(SAME_PATIENTS, *validation.notes))
    return validation, _write(order, validation, chosen)


def _calibrated_on(chosen: Card, cohort: Cohort, split: str | None) -> bool:
    """Whether a card was calibrated on this very part of this cohort."""
    own = chosen.calibration
    if own is None or any(own.cohort_sha256.get(name) != sha256_of(cohort.folder / name) for name in (COHORT, REFERENCE)):
        return False
    return own.split == (split or (TEST if cohort.splits else ""))


def _write(order: Order, validation: Validation, chosen: Card | None) -> list[Path]:
    plan = order.asked.plan
    run: dict[str, Any] = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": order.command,
        "card_sha256": chosen.sha256 if chosen else None,
        "cohort": {name: sha256_of(order.cohort / name) for name in (COHORT, REFERENCE)},
        "readings": str(order.readings) if order.readings else None,
        "split": order.split,
        "simulated": order.simulated,
        "resamples": plan.resamples,
        "seed": plan.seed,
        "versions": versions(),
    }
    rows = filled(validation, _facts(order, chosen, run["versions"]))
    imprint = Imprint(run["versions"].get("coread", ""), order.command, order.simulated)
    texts = {
        **tables(validation),
        "checklists.csv": checklists_csv(rows),
        DOCUMENT: document(validation, run),
        "page.html": validation_page(validation, rows, imprint),
    }
    if order.report_card:
        kind = "simulated" if order.simulated else "real"
        texts["figures.toml"] = figures_toml(validation, f"the cohort {order.cohort.resolve().name}", kind, order.command)
    return write_texts(order.out, texts)


def _facts(order: Order, chosen: Card | None, used: Mapping[str, str]) -> Facts:
    """What the checklists say that is no figure."""
    plan = order.asked.plan
    model = f"{order.model}, of which there is no card here"
    training: tuple[str, ...] = ()
    not_tested: tuple[str, ...] = ()
    if chosen is not None:
        licences = ", ".join(dict.fromkeys(weights.licence for weights in chosen.weights.values()))
        model = f"{chosen.name} ({chosen.id} {chosen.version}, card sha256 {chosen.sha256[:12]}), weights under {licences or 'no licence'}"
        training, not_tested = chosen.training, chosen.not_tested
    return Facts(
        model=model,
        training=training,
        not_tested=not_tested,
        partition=f"part of the cohort: {order.split or 'test, where it is split'}; no patient is in two parts",
        software=", ".join(f"{name} {version}" for name, version in used.items()),
        uncertainty=f"intervals over patients, {plan.level:.0%}; bootstrap with {plan.resamples} resamples, seed {plan.seed}; gaps by "
        "permutation of patients, p values adjusted by Holm",
    )
