"""A model's readings of a cohort, made or taken as they are, for what is measured of them and written into a folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from coread.cohort import Cohort
from coread.errors import InputError
from coread.formats.any_reading import open_any_readings
from coread.formats.open import Exam, open_study
from coread.formats.reading_json import read_json
from coread.output import NAMES
from coread.readers import reader
from coread.readers.card import Card, card
from coread.reading import Reading
from coread.run import read_exams
from coread.run_folder import RECORD
from coread.validation_pairs import Made, match
from coread.whole_file import write_whole

READINGS = "readings"
Step = Callable[[str, int], None]
"""Told the name of each study as it is done, and how many there are."""


def card_of(model: str, readings: Path | None) -> Card | None:
    """The card of a model; None where readings of a reader without one were given.

    Raises:
        CoreadError: there is no such card, or it is not what a card must be.
    """
    try:
        return card(model)
    except InputError:
        if readings is None or model.endswith(".toml"):
            raise
        return None


def part_of(cohort: Cohort, split: str | None, usual: str) -> Cohort:
    """The part of a cohort that was asked for, else its ``usual`` part where it is split, else everything.

    Raises:
        InputError: there is no such part, or it must be named.
    """
    if split is not None:
        return cohort.part(split)
    if not cohort.splits:
        return cohort
    if usual not in cohort.splits:
        raise InputError(f"{cohort.folder}: is split into {', '.join(cohort.splits)}; say which part to use with --split")
    return cohort.part(usual)


def prepared(out: Path, document: str, command: str) -> None:
    """Make the output folder.

    Raises:
        InputError: it cannot be made, or holds what would be lost: files, without this command's ``document`` or readings among them.
    """
    if out.is_dir() and any(out.iterdir()) and not (out / document).exists() and not (out / READINGS).is_dir():
        raise InputError(f"{out}: holds files that `{command}` did not write; choose another folder with -o")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out}: the output folder cannot be made: {error.strerror or error}; choose another with -o") from None


def read_cohort(cohort: Cohort, model: str, out: Path, jobs: int = 1, step: Step | None = None) -> Made:
    """Read a cohort into ``out/readings``, going on where an earlier run was stopped.

    Raises:
        InputError: something stopped the run, or every study was refused.
    """
    exams = [_exam(member.path) for member in cohort.members]
    chosen = reader(model, threads=1 if jobs > 1 else None)
    readings: dict[str, Reading] = {}
    refusals: dict[str, str] = {}
    outcomes = read_exams(exams, chosen, out / READINGS, ("json",), jobs=jobs)
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


def given(source: Path, cohort: Cohort, model: Card | str) -> Made:
    """Readings already made: a file, or a folder of outputs of ``coread read`` with the refusals that its records tell of.

    Args:
        source: the file or folder.
        cohort: the whole of it.
        model: the card, or the id of a reader that has none.

    Raises:
        InputError: they cannot be used, or were made by another model, version or card.
    """
    readings, refusals = _opened(source, cohort)
    name = model if isinstance(model, str) else model.id
    found = match(cohort, readings, str(source), name)
    version = next(iter(found.values())).reader.version
    if isinstance(model, str):
        return Made(name, version, found, refusals)
    if version and version != model.version:
        raise InputError(
            f"{source}: holds readings by {name} {version}, the card is of {model.version}; "
            "read the cohort again, or give the card of that version"
        )
    return _made(model, found, refusals)


def write_texts(out: Path, texts: Mapping[str, str]) -> list[Path]:
    """Write texts by file name into a folder, each whole or not at all.

    Raises:
        InputError: a file cannot be written.
    """
    return [write_whole(out / name, text) for name, text in texts.items()]


def _exam(path: Path) -> Exam:
    try:
        return Exam(path, open_study(path))
    except InputError as error:
        return Exam(path, None, str(error))


def _opened(source: Path, cohort: Cohort) -> tuple[list[Reading], dict[str, str]]:
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
