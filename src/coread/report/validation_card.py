"""The measured part of a model's card: a validation's figures over all studies as ``[[figures]]`` of the card's TOML."""

from __future__ import annotations

import json
from dataclasses import dataclass

from coread.validation import Validation
from coread.validation_measures import ABSOLUTE_ERROR, MEAN_ERROR, REFUSED, Measured


def figures_toml(validation: Validation, of: str, kind: str, command: str) -> str:
    """The figures with a value, as they stand in a card; those without are comments that say why.

    Args:
        validation: what was measured.
        of: on what, in words, such as the cohort's name and centres.
        kind: ``real`` or ``simulated``.
        command: what to run for the same figures.
    """
    parts = [
        f"# Measured by `{command}`: {validation.model} {validation.version or ''} against {validation.reference}, "
        f"{validation.patients} patients, {validation.studies} studies.",
        *(f"# {note}" for note in validation.notes),
    ]
    parts += [figure_text(measured, Told(of, kind, command)) for measured in validation.everything.measures]
    return "\n\n".join(parts).replace("\n\n#", "\n#") + "\n"


@dataclass(frozen=True, slots=True)
class Told:
    """What a card says of each figure: on what, ``real`` or ``simulated``, and the command; ``when`` ends its name."""

    of: str
    kind: str
    command: str
    when: str = ""


def figure_text(measured: Measured, told: Told) -> str:
    """One figure as ``[[figures]]`` of a card's TOML; a comment that says why where it has no value."""
    value, name = measured.value, f"{measured.measure}: {measured.of}{told.when}"
    if value.estimate is None:
        return f"# {name}: none, {value.undefined}"
    lines = ["[[figures]]", f"name = {toml_text(name)}", f"value = {toml_number(value.estimate)}"]
    bounds = (value.low, value.high)
    if bounds[0] is not None and bounds[1] is not None and max(map(abs, (bounds[0], bounds[1]))) < float("inf"):
        lines += [f"low = {toml_number(bounds[0])}", f"high = {toml_number(bounds[1])}", f"level = {toml_number(value.level)}"]
    elif value.undefined:
        lines.append(f"# {value.undefined}")
    # `n` is of patients, since intervals are; the sites or totals stand in words.
    lines += [
        f"unit = {toml_text(_unit(measured))}",
        f"n = {measured.patients}",
        f"of = {toml_text(f'patients ({measured.cases} {_cases(measured)}) of {told.of}')}",
        f"kind = {toml_text(told.kind)}",
        f"command = {toml_text(told.command)}",
    ]
    return "\n".join(lines)


def _cases(measured: Measured) -> str:
    """What the cases of a figure are."""
    if measured.measure == REFUSED:
        return "studies"
    return "totals" if "total" in measured.measure else "sites"


def _unit(measured: Measured) -> str:
    if measured.measure.startswith(("bias", "lower limit", "upper limit", "mean width")):
        return "points"
    return "grades" if measured.measure in (MEAN_ERROR, ABSOLUTE_ERROR) else "1"


def toml_text(words: str) -> str:
    """A TOML basic string, whose escapes are those of JSON."""
    return json.dumps(words, ensure_ascii=False)


def toml_number(value: float) -> str:
    """A number to four digits after the point."""
    return repr(round(float(value), 4))
