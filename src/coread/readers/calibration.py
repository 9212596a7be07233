"""The calibration that a card may carry: how a hospital's own patients bend a model's probabilities and widen its intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from coread.stats.labels import Floats, Ints
from coread.stats.recalibrate import OrdinalCalibration, Temperature
from coread.toml_table import TomlTable

Rule = Literal["middle", "likeliest", "kept"]
"""How a grade follows from its probabilities: half of the probability lies at or below it; it has the highest; or the model's stays."""
By = Literal["", "sex", "scanner"]
"""What intervals of totals may be conditional on: only what a reader can tell from an exam itself."""
HALF_DIGIT = 5e-5
"""Readings carry probabilities to four digits: a 0 may be up to this much."""
Bend = Temperature | OrdinalCalibration | None


@dataclass(frozen=True, slots=True)
class GradeCalibration:
    """What becomes of the grades of one feature on one scale.

    Attributes:
        feature, scale: keys in the scoring system.
        bend: applied to the probabilities; None leaves them as they are.
        rule: how the grade follows from them.
        cutoff: of the ordinal conformal set that is the grade's interval, see `coread.stats.conformal.SplitSet`.
        patients: how many it was fitted on.
    """

    feature: str
    scale: str
    bend: Bend
    rule: Rule
    cutoff: float
    patients: int

    def bent(self, probabilities: Floats) -> Floats:
        """Recalibrated probabilities (n, k) of grades."""
        if self.bend is None:
            return probabilities
        return self.bend.apply(unrounded(probabilities))


@dataclass(frozen=True, slots=True)
class TotalCalibration:
    """What is put on both sides of a total's interval, for one group of patients (empty: all), see `coread.stats.conformal_margin`."""

    name: str
    group: str
    margin: float
    patients: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """A local calibration and where it comes from.

    Attributes:
        parent, parent_version, parent_sha256: id or path, version and hash of the card that was calibrated.
        of: whose patients, in words.
        reference: who made the reference readings.
        patients, studies: how many.
        level: of the intervals.
        by: what intervals of totals are conditional on.
        folds, seed: how the patients were divided to measure coverage on those not fitted on.
        split: part of the cohort; empty where it is not split.
        cohort_sha256: hashes of the cohort's tables, by file name.
        grades: for each feature and scale whose probabilities could be calibrated.
        totals: for each total, or each group of it, that had patients enough.
    """

    parent: str
    parent_version: str
    parent_sha256: str
    of: str
    reference: str
    patients: int
    studies: int
    level: float
    by: By
    folds: int
    seed: int
    split: str
    cohort_sha256: Mapping[str, str]
    grades: tuple[GradeCalibration, ...]
    totals: tuple[TotalCalibration, ...]

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that intervals of totals are told apart by, empty where they are not."""
        return tuple(dict.fromkeys(total.group for total in self.totals if total.group))


def unrounded(probabilities: Floats) -> Floats:
    """Probabilities (n, k) of which none is 0 for having been rounded."""
    lifted = np.maximum(probabilities, HALF_DIGIT)
    lifted /= lifted.sum(axis=1, keepdims=True)
    return lifted


def grades_by(rule: Rule, probabilities: Floats) -> Ints:
    """Index of the grade (n,) that a rule other than ``kept`` takes from probabilities (n, k)."""
    if rule == "likeliest":
        likeliest: Ints = probabilities.argmax(axis=1)
        return likeliest
    middle: Ints = (np.cumsum(probabilities, axis=1) < 0.5 - 1e-9).sum(axis=1)
    return middle


def calibration_in(table: TomlTable) -> Calibration:
    """The ``[calibration]`` of a card.

    Raises:
        DefinitionError: a key is missing, unknown or out of range; the message names file and key.
    """
    level = table.number("level")
    if not 0 < level < 1:
        raise table.error("level", f"expected a number between 0 and 1, got {level:g}")
    by = table.text("by", "")
    if by not in get_args(By):
        raise table.error("by", f"expected {' or '.join(name for name in get_args(By) if name)}, got {by!r}")
    hashes = table.table("cohort_sha256")
    found = Calibration(
        parent=table.text("parent"),
        parent_version=table.text("parent_version"),
        parent_sha256=table.text("parent_sha256"),
        of=table.text("of"),
        reference=table.text("reference"),
        patients=int(table.number("patients")),
        studies=int(table.number("studies")),
        level=level,
        by=by,  # type: ignore[arg-type]
        folds=int(table.number("folds")),
        seed=int(table.number("seed")),
        split=table.text("split", ""),
        cohort_sha256={name: hashes.text(name) for name in hashes.names},
        grades=tuple(_grade(part) for part in table.list_of_tables("grades")) if "grades" in table.names else (),
        totals=tuple(_total(part) for part in table.list_of_tables("totals")) if "totals" in table.names else (),
    )
    table.done()
    return found


def _grade(part: TomlTable) -> GradeCalibration:
    rule, method = part.text("rule"), part.text("method")
    if rule not in get_args(Rule):
        raise part.error("rule", f"expected {', '.join(get_args(Rule))}, got {rule!r}")
    bend: Bend = None
    if method == "temperature":
        bend = Temperature(_positive(part, "temperature"), int(part.number("sites")))
    elif method == "ordinal":
        bend = OrdinalCalibration(_positive(part, "slope"), part.number("shift"), int(part.number("sites")))
    elif method != "as is":
        raise part.error("method", f"expected as is, temperature or ordinal, got {method!r}")
    found = GradeCalibration(
        part.text("feature"),
        part.text("scale"),
        bend,
        rule,  # type: ignore[arg-type]
        part.number("cutoff"),
        int(part.number("patients")),
    )
    part.done()
    return found


def _positive(part: TomlTable, key: str) -> float:
    value = part.number(key)
    if value <= 0:
        raise part.error(key, f"expected a number above 0, got {value:g}")
    return value


def _total(part: TomlTable) -> TotalCalibration:
    found = TotalCalibration(part.text("name"), part.text("group", ""), part.number("margin"), int(part.number("patients")))
    part.done()
    return found
