"""The ROC curve and the points on it at which a reader can work."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from coread.stats.labels import Bools, Floats, binary, both_classes, numbers, same_length
from coread.stats.proportion import Proportion, wilson


@dataclass(frozen=True, slots=True)
class RocCurve:
    """Points (k,) of the empirical curve: a case with score >= ``threshold`` is called positive; the first threshold is infinite."""

    threshold: Floats
    sensitivity: Floats
    specificity: Floats
    positives: int
    negatives: int


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Sensitivity and specificity, with Wilson intervals, of calling score >= ``threshold`` positive."""

    threshold: float
    sensitivity: Proportion
    specificity: Proportion


def roc_curve(truth: npt.ArrayLike, scores: npt.ArrayLike) -> RocCurve:
    """Empirical ROC curve, one point a distinct score and (0, 0); ties make a slanted step (Fawcett, Pattern Recognit Lett 2006;27:861).

    Args:
        truth: (n,) 0/1.
        scores: (n,), higher = more positive.

    Raises:
        ValueError: one class only, missing values, lengths that differ.
    """
    t, s = _checked(truth, scores)
    m, n = both_classes(t)
    order = np.argsort(-s, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(s[order])), t.size - 1)
    hits, alarms = np.cumsum(t[order])[ends], np.cumsum(~t[order])[ends]
    threshold = np.concatenate([[np.inf], s[order][ends]])
    sensitivity = np.concatenate([[0.0], hits / m])
    return RocCurve(threshold, sensitivity, 1 - np.concatenate([[0.0], alarms / n]), m, n)


def operating_point(truth: npt.ArrayLike, scores: npt.ArrayLike, threshold: float, level: float = 0.95) -> OperatingPoint:
    """Sensitivity and specificity of calling score >= ``threshold`` positive.

    The intervals take the threshold as given beforehand; for one chosen on the same cases they are too narrow, and the point too good.

    Raises:
        ValueError: one class only, missing values, lengths that differ.
    """
    t, s = _checked(truth, scores)
    m, n = both_classes(t)
    called = s >= threshold
    return OperatingPoint(threshold, wilson(int((called & t).sum()), m, level), wilson(int((~called & ~t).sum()), n, level))


def threshold_for_sensitivity(truth: npt.ArrayLike, scores: npt.ArrayLike, wanted: float) -> float:
    """The highest threshold whose sensitivity is at least ``wanted``: the most specific such point.

    Raises:
        ValueError: ``wanted`` outside (0, 1], one class only, missing values, lengths that differ.
    """
    if not 0 < wanted <= 1:
        raise ValueError(f"a wanted sensitivity must lie in (0, 1], got {wanted}")
    curve = roc_curve(truth, scores)
    return float(curve.threshold[np.argmax(curve.sensitivity >= wanted - 1e-12)])


def threshold_for_specificity(truth: npt.ArrayLike, scores: npt.ArrayLike, wanted: float) -> float:
    """The lowest threshold whose specificity is at least ``wanted``: the most sensitive such point; infinite where no score reaches it.

    Raises:
        ValueError: ``wanted`` outside (0, 1], one class only, missing values, lengths that differ.
    """
    if not 0 < wanted <= 1:
        raise ValueError(f"a wanted specificity must lie in (0, 1], got {wanted}")
    curve = roc_curve(truth, scores)
    return float(curve.threshold[np.flatnonzero(curve.specificity >= wanted - 1e-12)[-1]])


def _checked(truth: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[Bools, Floats]:
    t, s = binary(truth), numbers(scores, "scores")
    same_length(t, s, "truth and scores")
    return t, s
