"""A model and a hospital's cohort into a folder: the readings, the calibrated card, and what the calibration did."""

from __future__ import annotations

import os
import re
import unicodedata
from dataclasses import dataclass, field, replace
from pathlib import Path

from coread.calibration import Calibrated, Wanted, calibrate, check_patients
from coread.cohort import COHORT, REFERENCE, Cohort, open_cohort
from coread.errors import InputError
from coread.printable import printable
from coread.readers.card import Card, card
from coread.report.calibration_card import calibration_card
from coread.report.validation_card import Told
from coread.report.validation_tables import measures_text
from coread.run_cohort import Step, given, part_of, prepared, read_cohort, write_texts
from coread.run_folder import sha256_of

CARD = "card.toml"
FIGURES = "before_after.csv"
PART = "calibration"
"""The part of a split cohort that is used where none is named."""
KEPT_OUT = "test"


@dataclass(frozen=True, slots=True)
class Order:
    """What to calibrate and how.

    Attributes:
        model: id or path of a card.
        cohort: folder of the cohort.
        out: folder for the card and everything else.
        readings: readings already made: a file, or a folder of outputs of ``coread read``; None reads the cohort.
        split: part of the cohort; None takes ``calibration`` where the cohort is split, else everything.
        name: of the hospital, at the end of the new card's id; None takes the name of ``out``.
        simulated: whether the exams are simulated.
        command: the command line, for the card.
        wanted: what is asked of the calibration.
    """

    model: str
    cohort: Path
    out: Path
    readings: Path | None = None
    split: str | None = None
    name: str | None = None
    simulated: bool = False
    command: str = "coread calibrate"
    wanted: Wanted = field(default_factory=Wanted)


def calibrate_model(order: Order, jobs: int = 1, step: Step | None = None) -> tuple[Calibrated, list[Path]]:
    """Read the cohort, or take the readings made of it, calibrate, and write ``card.toml`` and its figures into ``order.out``.

    Goes on where it was stopped: a study that was read is not read again.

    Returns:
        What came of it, and the files written; the first is the card.

    Raises:
        InputError: the cohort, the readings or the folder cannot be used, or there are too few patients; one sentence says what is needed.
        DefinitionError: the card is not what a card must be.
    """
    parent = card(order.model)
    if parent.calibration is not None:
        raise InputError(
            f"{parent.path}: is itself a local calibration of {parent.calibration.parent}; calibrate {parent.calibration.parent} anew"
        )
    name = _named(order)
    whole = open_cohort(order.cohort, exams=order.readings is None)
    cohort = part_of(whole, order.split, PART)
    check_patients(cohort, parent, order.wanted)
    prepared(order.out, CARD, "coread calibrate")
    made = given(order.readings, whole, parent) if order.readings else read_cohort(cohort, order.model, order.out, jobs, step)
    for study, reading in made.readings.items():
        if reading.reader.card_sha256 not in (None, parent.sha256):
            raise InputError(
                f"{order.readings or order.out}: the reading of {study} was made by another card of {parent.id} "
                f"(sha256 {str(reading.reader.card_sha256)[:12]}…, the card at hand is {parent.sha256[:12]}…); read the cohort again"
            )
    done = calibrate(cohort, made, parent, order.wanted)
    done = replace(
        done,
        calibration=replace(
            done.calibration,
            parent=_parent(parent, order),
            of=printable(done.calibration.of),
            split=order.split or (PART if cohort.splits else ""),
            cohort_sha256={table: sha256_of(order.cohort / table) for table in (COHORT, REFERENCE)},
        ),
        notes=(*done.notes, *_notes(cohort, order)),
    )
    return done, _write(order, done, _renamed(parent, name, cohort))


def _named(order: Order) -> str:
    """The name of the hospital as an id may have it."""
    asked = order.name if order.name is not None else order.out.resolve().name
    plain = unicodedata.normalize("NFKD", asked).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "_", plain.casefold()).strip("_")
    if not name:
        raise InputError(
            f"{asked!r} holds no letter or digit that a card's id can have; name the hospital with --name, such as --name north"
        )
    return name


def _parent(parent: Card, order: Order) -> str:
    """The parent as the new card finds it: the id of a shipped card, or the path from the new card's folder."""
    if not order.model.endswith(".toml"):
        return parent.id
    return Path(os.path.relpath(parent.path.resolve(), order.out.resolve())).as_posix()


def _renamed(parent: Card, name: str, cohort: Cohort) -> Card:
    centres = {member.facts["centre"] for member in cohort.members if member.facts.get("centre")}
    return replace(
        parent,
        id=f"{parent.id}-{name}",
        version=f"{parent.version}+calibrated.{parent.sha256[:12]}",
        name=f"{parent.name}; calibrated for {name}",
        # Where the parent does not name its own, a list would say that every other centre is external.
        training_centres=tuple(dict.fromkeys((*parent.training_centres, *sorted(centres)))) if parent.training_centres else (),
    )


def _notes(cohort: Cohort, order: Order) -> list[str]:
    notes = []
    if order.split == KEPT_OUT:
        notes.append("the part test was used to calibrate, so it can no longer test this card")
    if cohort.shared_centres and cohort.splits:
        notes.append(f"the centre {cohort.shared_centres[0]} has studies in several splits, so they do not test the card on a new centre")
    return notes


def _write(order: Order, done: Calibrated, named: Card) -> list[Path]:
    kind = "simulated" if order.simulated else "real"
    told = Told(done.calibration.of, kind, printable(order.command))
    text = calibration_card(named, done.calibration, (done.before, done.after), told)
    return write_texts(order.out, {CARD: text, FIGURES: measures_text((done.before, done.after))})
