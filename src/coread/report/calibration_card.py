"""A local calibration as a card of its own: what was fitted, on whom, and what it did in patients it was not fitted on."""

from __future__ import annotations

from dataclasses import replace

from coread.readers.calibration import Calibration, GradeCalibration
from coread.readers.card import Card
from coread.report.validation_card import Told, figure_text, toml_number, toml_text
from coread.stats.recalibrate import Temperature
from coread.validation_groups import Group
from coread.validation_measures import CALIBRATION, COVERAGE, KAPPA, Measured
from coread.validation_pairs import AS_REPORTED


def calibration_card(card: Card, calibration: Calibration, figures: tuple[Group, Group], told: Told) -> str:
    """The TOML of the calibrated card.

    Args:
        card: what the new card is called: id, version, name, and the centres of its patients; the rest is the parent's.
        calibration: what was fitted.
        figures: before and after.
        told: of what patients, real or simulated, by which command.
    """
    whom = f"{calibration.patients} patients ({calibration.studies} studies) of {calibration.of}"
    parent = f"{calibration.parent} {calibration.parent_version} (card sha256 {calibration.parent_sha256[:12]})"
    lines = [
        f"# A local calibration of {parent}, made by `{told.command}`. Weights and parameters are the parent's.",
        f"id = {toml_text(card.id)}",
        f"version = {toml_text(card.version)}",
        f"name = {toml_text(card.name)}",
        _texts("training", [f"Calibration: {whom}, reference {calibration.reference}; {told.kind}."]),
        _texts("training_centres", card.training_centres),
        _texts("not_tested", [f"The calibration on patients other than those of {calibration.of}, which took part in it in turn."]),
        _texts("cautions", [f"probabilities and intervals were calibrated locally on {whom} from {parent}; elsewhere they need not hold"]),
        "",
        "[calibration]",
        f"parent = {toml_text(calibration.parent)}",
        f"parent_version = {toml_text(calibration.parent_version)}",
        f"parent_sha256 = {toml_text(calibration.parent_sha256)}",
        f"of = {toml_text(calibration.of)}",
        f"reference = {toml_text(calibration.reference)}",
        f"patients = {calibration.patients}",
        f"studies = {calibration.studies}",
        f"level = {toml_number(calibration.level)}",
        f"by = {toml_text(calibration.by)}",
        "# Coverage was measured with each fold of patients left out in turn, dealt by this seed; the card is fitted on all of them.",
        f"folds = {calibration.folds}",
        f"seed = {calibration.seed}",
        f"split = {toml_text(calibration.split)}",
        "",
        "[calibration.cohort_sha256]",
        *(f"{toml_text(name)} = {toml_text(digest)}" for name, digest in calibration.cohort_sha256.items()),
    ]
    lines += [line for grade in calibration.grades for line in _grade(grade)]
    for total in calibration.totals:
        lines += ["", "[[calibration.totals]]", f"name = {toml_text(total.name)}"]
        lines += [f"group = {toml_text(total.group)}"] if total.group else []
        lines += [f"# Points put on both sides of the interval.\nmargin = {total.margin!r}", f"patients = {total.patients}"]
    for group, of in zip(figures, (told.of, f"{told.of}, each read by a calibration fitted without the patient's fold"), strict=True):
        lines += ["", *(figure_text(measured, replace(told, of=of, when=f", {group.value}")) + "\n" for measured in carried(group))]
    return "\n".join(lines).rstrip() + "\n"


def carried(group: Group) -> tuple[Measured, ...]:
    """The figures that say what a calibration did, and so stand in its card: of whole features and of totals as reported."""
    whole = {measured.of for measured in group.measures if measured.measure == KAPPA}
    parts = (CALIBRATION, COVERAGE)
    return tuple(
        measured
        for measured in group.measures
        if (measured.part in parts or measured.measure == KAPPA) and (measured.of in whole or measured.of.endswith(f"({AS_REPORTED})"))
    )


def _grade(grade: GradeCalibration) -> list[str]:
    lines = ["", "[[calibration.grades]]", f"feature = {toml_text(grade.feature)}", f"scale = {toml_text(grade.scale)}"]
    bend = grade.bend
    if bend is None:
        lines.append('method = "as is"')
    elif isinstance(bend, Temperature):
        lines += ['method = "temperature"', f"temperature = {bend.temperature!r}", f"sites = {bend.n}"]
    else:
        lines += ['method = "ordinal"', f"slope = {bend.slope!r}", f"shift = {bend.shift!r}", f"sites = {bend.n}"]
    return [*lines, f"rule = {toml_text(grade.rule)}", f"cutoff = {grade.cutoff!r}", f"patients = {grade.patients}"]


def _texts(key: str, texts: list[str] | tuple[str, ...]) -> str:
    return f"{key} = [{', '.join(toml_text(text) for text in texts)}]"
