"""A model and a cohort into a folder: the readings, the tables, the document, the page, the checklists."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from coread.cohort import Cohort, open_cohort
from coread.errors import InputError
from coread.formats.any_reading import open_any_readings
from coread.formats.open import Exam, open_study
from coread.formats.reading_json import read_json
from coread.output import NAMES
from coread.readers import reader
from coread.readers.card import Card, card
from coread.reading import Reading
from coread.report.checklists import Facts, checklists_csv, filled
from coread.report.validation_card import figures_toml
from coread.report.validation_page import Imprint, validation_page
from coread.report.validation_tables import document, tables
from coread.run import read_exams, versions
from coread.run_folder import RECORD, sha256_of
from coread.validation import Asked, Validation, validate
from coread.validation_pairs import Made, match

DOCUMENT = "validation.json"
READINGS = "readings"
TEST = "test"
Step = Callable[[str, int], None]
"""Told the name of each study as it is done, and how many there are."""


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
    chosen = _card(order)
    whole = open_cohort(order.cohort, exams=order.readings is None)
    cohort = _part(whole, order.split)
    cohort.check_columns(order.asked.by)
    _refuse_foreign(order.out)
    try:
        order.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{order.out}: the output folder cannot be made: {error.strerror or error}; choose another with -o") from None
    made = _given(order, chosen, whole) if order.readings else _read(order, cohort, jobs, step)
    validation = validate(cohort, made, order.asked)
    return validation, _write(order, validation, chosen)


def _refuse_foreign(out: Path) -> None:
    """Pass if nothing in the output folder is lost by writing into it."""
    if out.is_dir() and any(out.iterdir()) and not (out / DOCUMENT).exists() and not (out / READINGS).is_dir():
        raise InputError(f"{out}: holds files that `coread validate` did not write; choose another folder with -o")


def _card(order: Order) -> Card | None:
    """The card of the model; None where readings of a reader without one were given."""
    try:
        return card(order.model)
    except InputError:
        if order.readings is None or order.model.endswith(".toml"):
            raise
        return None


def _part(cohort: Cohort, split: str | None) -> Cohort:
    if split is not None:
        return cohort.part(split)
    if not cohort.splits:
        return cohort
    if TEST not in cohort.splits:
        raise InputError(f"{cohort.folder}: is split into {', '.join(cohort.splits)}; say which part to validate with --split")
    return cohort.part(TEST)


def _read(order: Order, cohort: Cohort, jobs: int, step: Step | None) -> Made:
    exams = [_exam(member.path) for member in cohort.members]
    chosen = reader(order.model, threads=1 if jobs > 1 else None)
    readings: dict[str, Reading] = {}
    refusals: dict[str, str] = {}
    outcomes = read_exams(exams, chosen, order.out / READINGS, ("json",), jobs=jobs)
    studies = {str(exam.path): member.study for exam, member in zip(exams, cohort.members, strict=True)}
    for outcome in outcomes:
        study = studies[outcome.exam]
        if step:
            step(study, len(exams))
        if outcome.stopped:
            raise InputError(f"{outcome.reason}; what was read is kept, the same command goes on from there")
        if outcome.status == "refused":
            refusals[study] = outcome.reason or "refused"
        else:
            readings[study] = outcome.reading or read_json(outcome.folder / NAMES["json"])
    if not readings:
        first = next(iter(refusals.values()))
        raise InputError(f"{cohort.folder}: every study was refused, so there is nothing to compare; the first: {first}")
    return _made(chosen.card, readings, refusals)


def _exam(path: Path) -> Exam:
    try:
        return Exam(path, open_study(path))
    except InputError as error:
        return Exam(path, None, str(error))


def _given(order: Order, chosen: Card | None, cohort: Cohort) -> Made:
    source = order.readings
    assert source is not None
    given, refusals = _opened(source, cohort)
    name = chosen.id if chosen else order.model
    readings = match(cohort, given, str(source), name)
    version = next(iter(readings.values())).reader.version
    if chosen is None:
        return Made(name, version, readings, refusals)
    if version and version != chosen.version:
        raise InputError(
            f"{source}: holds readings by {name} {version}, the card is of {chosen.version}; "
            "read the cohort again, or give the card of that version"
        )
    return _made(chosen, readings, refusals)


def _opened(source: Path, cohort: Cohort) -> tuple[list[Reading], dict[str, str]]:
    """The readings in a file, or in a folder of outputs with the refusals that its records tell of."""
    if not source.exists():
        raise InputError(f"{source}: there is no such file or folder; give the readings with --readings")
    if not source.is_dir():
        return list(open_any_readings(source)), {}
    paths = {member.path.resolve(): member.study for member in cohort.members}
    refusals = {}
    for path in sorted(source.rglob(RECORD)):
        record = _record(path)
        study = paths.get(Path(str(record.get("exam"))).resolve())
        if record.get("status") == "refused" and study:
            refusals[study] = str(record.get("reason"))
    readings = [read_json(path) for path in sorted(source.rglob(NAMES["json"]))]
    if not readings:
        raise InputError(f"{source}: holds no {NAMES['json']}; give the output folder of `coread read`, or a table of readings")
    return readings, refusals


def _record(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as a record: {error}; remove it and read that exam again") from None
    return content if isinstance(content, dict) else {}


def _made(chosen: Card, readings: dict[str, Reading], refusals: dict[str, str]) -> Made:
    return Made(chosen.id, chosen.version, readings, refusals, chosen.assesses, chosen.training_centres or None)


def _write(order: Order, validation: Validation, chosen: Card | None) -> list[Path]:
    plan = order.asked.plan
    run: dict[str, Any] = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": order.command,
        "card_sha256": chosen.sha256 if chosen else None,
        "cohort": {name: sha256_of(order.cohort / name) for name in ("cohort.csv", "readings.csv")},
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
    written = []
    for name, text in texts.items():
        path = order.out / name
        part = path.with_name(f".{name}.part")
        try:
            part.write_text(text, encoding="utf-8", newline="")
            part.replace(path)
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
        finally:
            part.unlink(missing_ok=True)
        written.append(path)
    return written


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
