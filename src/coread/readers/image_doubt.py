"""A network's probabilities of the grades made to hold, with a set of grades at a level: the numbers stand in the card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from coread.readers.image_input import GradeKind
from coread.stats.conformal import SplitSet, fit_sets
from coread.stats.recalibrate import OrdinalCalibration, Temperature, fit_ordinal, fit_temperature

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Doubt:
    """The calibration of an image reader: of the probabilities, then of the sets."""

    probabilities: OrdinalCalibration | Temperature
    sets: SplitSet

    def apply(self, said: npt.ArrayLike) -> tuple[Floats, Bools]:
        """Probabilities (n, k) as they hold, and whether each grade is in the set (n, k), from the network's own (n, k)."""
        shares = self.probabilities.apply(said)
        return shares, self.sets.apply(shares)

    def parameters(self) -> dict[str, float]:
        """As a card keeps it."""
        kept: dict[str, float] = {"level": self.sets.level, "set_cutoff": self.sets.cutoff, "calibration_cases": float(self.sets.n)}
        if isinstance(self.probabilities, Temperature):
            return kept | {"temperature": self.probabilities.temperature}
        return kept | {"slope": self.probabilities.slope, "shift": self.probabilities.shift}


def fit_doubt(truth: npt.ArrayLike, said: npt.ArrayLike, kind: GradeKind, level: float) -> Doubt:
    """From held-out cases: their grades' positions (n,) and the network's probabilities (n, k).

    Raises:
        ValueError: too few cases for the level.
    """
    fitted: OrdinalCalibration | Temperature = fit_ordinal(truth, said) if kind == "ordinal" else fit_temperature(truth, said)
    return Doubt(fitted, fit_sets(truth, fitted.apply(said), level, kind))


def doubt_of_card(parameters: Mapping[str, float], kind: GradeKind) -> Doubt:
    """As `Doubt.parameters` wrote it.

    Raises:
        KeyError: a parameter is missing.
    """
    n = int(parameters["calibration_cases"])
    fitted: OrdinalCalibration | Temperature
    if kind == "ordinal":
        fitted = OrdinalCalibration(parameters["slope"], parameters["shift"], n)
    else:
        fitted = Temperature(parameters["temperature"], n)
    return Doubt(fitted, SplitSet(parameters["set_cutoff"], kind, parameters["level"], n))


def grades_said(shares: Floats, kind: GradeKind) -> npt.NDArray[np.int64]:
    """Position of the stated grade (n,): the middle of the probabilities of ordered grades, else the most likely one."""
    if kind == "nominal":
        return np.asarray(shares.argmax(axis=1), dtype=np.int64)
    return np.asarray((shares.cumsum(axis=1) < 0.5 - 1e-9).sum(axis=1).clip(max=shares.shape[1] - 1), dtype=np.int64)
