"""The measured part of a model's card: a validation's figures over all studies as ``[[figures]]`` of the card's TOML."""

from __future__ import annotations

import json

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
    for measured in validation.everything.measures:
        value, name = measured.value, f"{measured.measure}: {measured.of}"
        if value.estimate is None:
            parts.append(f"# {name}: none, {value.undefined}")
            continue
        lines = ["[[figures]]", f"name = {_text(name)}", f"value = {_number(value.estimate)}"]
        bounds = (value.low, value.high)
        if bounds[0] is not None and bounds[1] is not None and max(map(abs, (bounds[0], bounds[1]))) < float("inf"):
            lines += [f"low = {_number(bounds[0])}", f"high = {_number(bounds[1])}", f"level = {_number(value.level)}"]
        elif value.undefined:
            lines.append(f"# {value.undefined}")
        # `n` is of patients, since intervals are; the sites or totals stand in words.
        lines += [
            f"unit = {_text(_unit(measured))}",
            f"n = {measured.patients}",
            f"of = {_text(f'patients ({measured.cases} {_cases(measured)}) of {of}')}",
            f"kind = {_text(kind)}",
            f"command = {_text(command)}",
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts).replace("\n\n#", "\n#") + "\n"


def _cases(measured: Measured) -> str:
    """What the cases of a figure are."""
    if measured.measure == REFUSED:
        return "studies"
    return "totals" if "total" in measured.measure else "sites"


def _unit(measured: Measured) -> str:
    if measured.measure.startswith(("bias", "lower limit", "upper limit")):
        return "points"
    return "grades" if measured.measure in (MEAN_ERROR, ABSOLUTE_ERROR) else "1"


def _text(words: str) -> str:
    """A TOML basic string, whose escapes are those of JSON."""
    return json.dumps(words, ensure_ascii=False)


def _number(value: float) -> str:
    return repr(round(float(value), 4))
