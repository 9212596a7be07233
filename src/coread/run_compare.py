"""Readings of one patient's visits compared, with the error that their readers' cards carry, into files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from coread.change import Change, change
from coread.change_sdc import DetectableChange, read_sdc, reader_name
from coread.errors import CoreadError, InputError
from coread.formats.any_reading import open_any_readings
from coread.formats.open import open_study
from coread.output import with_images
from coread.readers.card import Card, card, cards
from coread.reading import Reading
from coread.run import versions
from coread.run_folder import BusyError, claimed, publish, record_of, sha256_of
from coread.study import Study
from coread.whole_file import write_whole

NAMES = {"json": "change.json", "csv": "change.csv", "page": "page.html"}
"""Kind of output -> its file in a folder."""
SUFFIXES = {".json": "json", ".csv": "csv", ".html": "page"}
SDC_FIGURE = "smallest detectable change, "
"""A figure of a card with this name and the name of a score behind it is the model's smallest detectable change of that score."""

Source = Reading | str | Path
Errors = Mapping[str, float] | Sequence[DetectableChange] | str | Path


def compare(baseline: Source, followup: Source, *more: Source, sdc: Errors = (), model: str | Path | None = None) -> Change:
    """The change between readings of one patient at two or more visits.

    Args:
        baseline, followup, more: readings, or files that hold them: reading.json, a score sheet (.csv, .xlsx) or an SR (.dcm).
        sdc: smallest detectable changes of who read: name of a total (or ``site.FEATURE``) -> points, or a table (see `read_sdc`).
        model: id or path of the card of the model that read, where it is not one of ours.

    Returns:
        The change, judged by the errors given, else by those that the card of the model carries; without any, nothing is called real.

    Raises:
        InputError: a file cannot be used, or the readings cannot be compared; see `change`.
    """
    readings = [reading for source in (baseline, followup, *more) for reading in _readings(source)]
    return judged(readings, _errors(sdc), model)


def judged(readings: Sequence[Reading], given: Sequence[DetectableChange] = (), model: str | Path | None = None) -> Change:
    """The change between readings, by the errors given before those of the models' cards; arguments and errors as for `compare`."""
    measured: list[DetectableChange] = []
    notes: list[str] = []
    for name in dict.fromkeys(reader_name(reading.reader) for reading in readings if reading.reader.kind == "model"):
        own = [reading for reading in readings if reader_name(reading.reader) == name]
        found, note = _of_card(own, model)
        measured += [one for one in found if one.name not in {other.name for other in given}]
        notes += [note] if note else []
    made = change(readings, (*given, *measured))
    return replace(made, notes=(*made.notes, *notes))


def _readings(source: Source) -> tuple[Reading, ...]:
    return (source,) if isinstance(source, Reading) else open_any_readings(source)


def _errors(sdc: Errors) -> tuple[DetectableChange, ...]:
    if isinstance(sdc, (str, Path)):
        return read_sdc(str(sdc))
    if isinstance(sdc, Mapping):
        return tuple(DetectableChange(name, float(value), "given by the caller") for name, value in sdc.items())
    return tuple(sdc)


def _of_card(readings: Sequence[Reading], model: str | Path | None) -> tuple[tuple[DetectableChange, ...], str]:
    """What the card of one model's readings carries, and a note where that is nothing."""
    reader = readings[0].reader
    name = f"{reader.id}{f' {reader.version}' if reader.version else ''}"
    chosen = card(model) if model is not None else card(reader.id) if reader.id in cards() else None
    if chosen is None or chosen.id != reader.id:
        return (), f"The card of {name} is not at hand, so its measurement error is not known."
    if any(_other_card(reading, chosen) for reading in readings):
        return (), f"The card of {reader.id} at hand is not the one that {name} read by, so its measurement error is not used."
    found = tuple(
        DetectableChange(
            figure.name.removeprefix(SDC_FIGURE),
            figure.value,
            f"card of {name}: n = {figure.n} {figure.of}, {figure.kind}",
            (reader_name(reader), reader_name(reader)),
        )
        for figure in chosen.figures
        if figure.name.startswith(SDC_FIGURE)
    )
    return found, "" if found else f"The card of {name} carries no measured smallest detectable change."


def _other_card(reading: Reading, chosen: Card) -> bool:
    known = reading.reader.card_sha256
    return known != chosen.sha256 if known else reading.reader.version != chosen.version


def exams_of(readings: Sequence[Reading], exams: Sequence[Path] = ()) -> tuple[Study | None, ...]:
    """The exam of each reading, for its pixels.

    Args:
        readings: the visits.
        exams: files or folders, in any order; for readings that do not name their study (score sheets) one for each, in the order of the
            visits. None: each is looked for where it was read, and may be absent.

    Raises:
        InputError: an exam that was given cannot be opened or belongs to none of the readings.
    """
    if not exams:
        return tuple(_where_it_was(reading) for reading in readings)
    found: list[Study | None] = [None] * len(readings)
    for number, path in enumerate(exams):
        study = open_study(path)
        fits = [i for i, reading in enumerate(readings) if found[i] is None and _is_of(reading, study)]
        if not fits and len(exams) == len(readings) and found[number] is None and readings[number].study.uid is None:
            with_images(readings[number], study)  # refuses another patient's exam
            fits = [number]
        if not fits:
            raise InputError(f"{path}: is study {study.uid}, which none of the readings is of; give the exams that were read")
        found[fits[0]] = study
    return tuple(found)


def _is_of(reading: Reading, study: Study) -> bool:
    return reading.study.uid is not None and (reading.study.uid, len(reading.study.images)) == (study.uid, len(study.images))


def _where_it_was(reading: Reading) -> Study | None:
    if reading.study.uid is None or not Path(reading.study.source).exists():
        return None
    try:
        study = open_study(reading.study.source)
    except CoreadError:
        return None
    return study if _is_of(reading, study) else None


def with_dates(made: Change, studies: Sequence[Study | None]) -> Change:
    """The change with a note where the dates of the exams contradict the order of the visits."""
    dated = [(number, study.date) for number, study in enumerate(studies, 1) if study and study.date]
    wrong = [f"visit {a} of {then}, visit {b} of {now}" for (a, then), (b, now) in pairwise(dated) if now < then]
    if not wrong:
        return made
    return replace(made, notes=(f"The dates of the exams contradict the order of the visits: {'; '.join(wrong)}.", *made.notes))


@dataclass(frozen=True, slots=True)
class Comparison:
    """A change, the exams behind its visits (None where one is not at hand, empty for none), and the files that it was made from."""

    change: Change
    studies: tuple[Study | None, ...]
    inputs: tuple[Path, ...]


def write_change(comparison: Comparison, out: str | Path, kinds: Iterable[str] | None = None) -> list[Path]:
    """Write a change as one file where ``out`` ends in .json, .csv or .html, else into the folder ``out`` with its ``run.json``.

    Args:
        comparison: what is written.
        out: file, or folder, which must be new, empty, or hold an earlier comparison.
        kinds: outputs for a folder, out of ``NAMES``; None: all.

    Returns:
        The files that were written.

    Raises:
        InputError: the folder holds something else, or something cannot be written; then nothing is.
    """
    target = Path(out)
    kind = SUFFIXES.get(target.suffix.lower())
    if kind is not None:
        return [_write_one(comparison, target, kind)]
    _refuse_others(target)
    asked = tuple(NAMES) if kinds is None else tuple(kinds)
    try:
        with claimed(target) as part:
            for kind in asked:
                (part / NAMES[kind]).write_text(_text(kind)(comparison), encoding="utf-8", newline="")
            publish(part, target, _record(comparison, {NAMES[kind]: sha256_of(part / NAMES[kind]) for kind in asked}))
    except BusyError:
        raise InputError(f"{target}: another run is writing there; wait for it or choose another folder with -o") from None
    except OSError as error:
        raise InputError(f"{target}: the outputs cannot be written: {error.strerror or error}") from None
    return [target / NAMES[kind] for kind in asked]


def _write_one(comparison: Comparison, target: Path, kind: str) -> Path:
    if not target.parent.is_dir():
        raise InputError(f"{target}: the folder {target.parent} does not exist; make it first")
    return write_whole(target, _text(kind)(comparison))


def _text(kind: str) -> Callable[[Comparison], str]:
    if kind == "json":
        from coread.change_json import change_text

        return lambda made: change_text(made.change)
    if kind == "csv":
        from coread.change_table import change_table

        return lambda made: change_table(made.change)
    from coread.report.change_page import change_page

    return lambda made: change_page(made.change, made.studies)


def _record(comparison: Comparison, outputs: Mapping[str, str]) -> dict[str, Any]:
    return {
        "schema": "coread.run/1",
        "status": "compared",
        "inputs": [{"path": str(path), "sha256": sha256_of(path)} for path in comparison.inputs],
        "readings": [visit.uid for visit in comparison.change.visits],
        "outputs": dict(outputs),
        "versions": versions(),
    }


def _refuse_others(folder: Path) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if record_of(folder).get("status") != "compared":
        raise InputError(f"{folder}: holds no comparison, so it is not replaced; choose another folder with -o")
