"""Lesion by lesion: which of the reference were found, which of the found are real."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.ndimage import center_of_mass, generate_binary_structure, label
from scipy.optimize import linear_sum_assignment

from coread.stats.estimate import Estimate, check_level, undefined
from coread.stats.labels import Bools, Floats, Ints
from coread.stats.shares import share_of


@dataclass(frozen=True, slots=True)
class MatchRule:
    """When a predicted lesion counts as a reference lesion.

    ``by`` overlap: at least ``threshold`` voxels in common; iou: intersection over union >= ``threshold``; distance: centroids at most
    ``threshold`` mm apart. ``one_to_one``: each lesion matches at most one, chosen so that most lesions match and, among
    these, with the best overlap or distance; otherwise every admissible pair counts (a lesion split in two pieces is found, and
    both pieces are real). ``faces_only`` joins voxels into one lesion over faces; otherwise also over edges and corners.
    """

    by: Literal["overlap", "iou", "distance"]
    threshold: float
    one_to_one: bool = True
    faces_only: bool = False

    def __post_init__(self) -> None:
        good = {"overlap": self.threshold >= 1, "iou": 0 < self.threshold <= 1, "distance": self.threshold >= 0}
        if not good.get(self.by, False):
            raise ValueError(f"no rule {self.by} {self.threshold}: overlap needs voxels >= 1, iou a share in (0, 1], distance mm >= 0")


ANY_OVERLAP = MatchRule("overlap", 1, one_to_one=False)
"""The plainest rule: one voxel in common."""


@dataclass(frozen=True, slots=True)
class Matches:
    """One exam: which of its reference lesions were ``found`` (r,), which predicted ones are ``real`` (p,), and the pairs (m, 2)."""

    found: Bools
    real: Bools
    pairs: Ints


@dataclass(frozen=True, slots=True)
class Detection:
    """Lesion-wise measures over exams, with intervals by patient; ``false_per_exam`` counts predicted lesions that are none."""

    sensitivity: Estimate
    precision: Estimate
    f1: Estimate
    false_per_exam: float
    exams: int


@dataclass(frozen=True, slots=True)
class Froc:
    """Points (k,) by falling ``threshold``: share of reference lesions found, and false calls per exam."""

    threshold: Floats
    sensitivity: Floats
    false_per_exam: Floats
    lesions: int
    exams: int


def match_lesions(reference: npt.ArrayLike, prediction: npt.ArrayLike, spacing_mm: Sequence[float], rule: MatchRule) -> Matches:
    """Lesions (connected components) of two masks, matched by ``rule``.

    Args:
        reference: mask of two or three axes, 0/1.
        prediction: mask of the same shape.
        spacing_mm: size of a voxel along each axis, in the order of the axes.
        rule: when two lesions are one.

    Raises:
        ValueError: shapes or spacing that do not fit.
    """
    a, b = np.asarray(reference).astype(np.bool_), np.asarray(prediction).astype(np.bool_)
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    if a.shape != b.shape or a.ndim not in (2, 3) or spacing.shape != (a.ndim,) or not (spacing > 0).all():
        raise ValueError(
            f"masks need one shape of two or three axes and a positive spacing for each; got {a.shape}, {b.shape}, {list(spacing_mm)}"
        )
    structure = generate_binary_structure(a.ndim, 1 if rule.faces_only else a.ndim)
    labels_a, n_a = label(a, structure)
    labels_b, n_b = label(b, structure)
    if n_a == 0 or n_b == 0:
        return Matches(np.zeros(n_a, dtype=bool), np.zeros(n_b, dtype=bool), np.zeros((0, 2), dtype=np.int64))
    if rule.by == "distance":
        centres_a = np.array(center_of_mass(a, labels_a, range(1, n_a + 1))) * spacing
        centres_b = np.array(center_of_mass(b, labels_b, range(1, n_b + 1))) * spacing
        quality = -np.sqrt(((centres_a[:, None, :] - centres_b[None, :, :]) ** 2).sum(axis=2))
        admissible = quality >= -rule.threshold - 1e-9
    else:
        both = a & b
        common = np.zeros((n_a, n_b))
        np.add.at(common, (labels_a[both] - 1, labels_b[both] - 1), 1)
        sizes_a, sizes_b = np.bincount(labels_a[a])[1:], np.bincount(labels_b[b])[1:]
        quality = common / (sizes_a[:, None] + sizes_b[None, :] - common)
        admissible = common >= rule.threshold if rule.by == "overlap" else quality >= rule.threshold - 1e-12
    if not rule.one_to_one:
        pairs = np.argwhere(admissible)
    else:
        # a match is worth more than all quality together, so that the number of matches comes first
        span = float(quality.max() - quality.min()) or 1.0
        worth = np.where(admissible, 1 + (quality - quality.min()) / span / (min(n_a, n_b) + 1), 0.0)
        rows, columns = linear_sum_assignment(worth, maximize=True)
        kept = admissible[rows, columns]
        pairs = np.stack([rows[kept], columns[kept]], axis=1)
    found, real = np.zeros(n_a, dtype=bool), np.zeros(n_b, dtype=bool)
    found[pairs[:, 0]], real[pairs[:, 1]] = True, True
    return Matches(found, real, pairs.astype(np.int64))


def detection(matches: Sequence[Matches], patients: npt.ArrayLike | None = None, level: float = 0.95) -> Detection:
    """Sensitivity, precision and F1 over the lesions of all exams, each exam (or patient) a cluster.

    Sensitivity = found / reference lesions, precision = real / predicted, with the intervals of clustered_share; F1 their harmonic mean,
    without interval (resample patients). Exams without lesions count in false_per_exam, and through what was predicted there.

    Args:
        matches: one for each exam.
        patients: (exams,) whose exam it is; None where each is of another patient.
        level: coverage of the intervals.

    Raises:
        ValueError: no exam, or another number of patients than exams.
    """
    check_level(level)
    names = np.arange(len(matches)) if patients is None else np.asarray(patients)
    if not matches or names.shape != (len(matches),):
        raise ValueError(f"need at least one exam and a patient for each, got {len(matches)} exams and {names.size} patients")
    codes = np.unique(names, return_inverse=True)[1]
    sensitivity = _pooled([m.found for m in matches], codes, level, "reference lesion")
    precision = _pooled([m.real for m in matches], codes, level, "predicted lesion")
    if sensitivity.estimate is None or precision.estimate is None:
        f1 = undefined(sensitivity.undefined if sensitivity.estimate is None else precision.undefined, len(matches), level, "F1")
    else:
        total = sensitivity.estimate + precision.estimate
        value = 2 * sensitivity.estimate * precision.estimate / total if total else 0.0
        f1 = Estimate(value, None, None, level, len(matches), "F1 of lesions", "no interval by formula: resample patients")
    false = float(sum((~m.real).sum() for m in matches)) / len(matches)
    return Detection(sensitivity, precision, f1, false, len(matches))


def froc(scores: npt.ArrayLike, lesion: npt.ArrayLike, exam: npt.ArrayLike, lesions: int, exams: int) -> Froc:
    """Free-response ROC: sensitivity for lesions against false calls per exam, as the threshold falls.

    A lesion is found at its best score; further calls on it are neither right nor wrong (Bunch, J Appl Photogr Eng 1978;4:166).

    Args:
        scores: (calls,) how sure each call is.
        lesion: (calls,) number of the lesion, within its exam, that the call hits; -1 for none.
        exam: (calls,) number of the exam, 0..exams-1.
        lesions: reference lesions in all exams, found or not.
        exams: exams read, with or without calls.

    Raises:
        ValueError: no lesion or exam, lengths that differ, or more lesions hit than there are.
    """
    s, hit, where = np.asarray(scores, dtype=np.float64), np.asarray(lesion, dtype=np.int64), np.asarray(exam, dtype=np.int64)
    if not s.shape == hit.shape == where.shape or s.ndim != 1 or not np.isfinite(s).all():
        raise ValueError(f"scores, lesion and exam must be equally long and finite, got shapes {s.shape}, {hit.shape}, {where.shape}")
    if lesions < 1 or exams < 1 or (s.size and (where.min() < 0 or where.max() >= exams)):
        raise ValueError(f"need at least one lesion, one exam, and exam numbers 0..exams-1; got {lesions} lesions and {exams} exams")
    order = np.argsort(-s, kind="stable")
    s, hit, where = s[order], hit[order], where[order]
    first = np.zeros(s.size, dtype=bool)
    real = np.flatnonzero(hit >= 0)
    first[real[np.unique(np.stack([where[real], hit[real]], axis=1), axis=0, return_index=True)[1]]] = True
    if int(first.sum()) > lesions:
        raise ValueError(f"calls hit {int(first.sum())} different lesions but only {lesions} are said to exist")
    ends = np.append(np.flatnonzero(np.diff(s)), s.size - 1) if s.size else np.zeros(0, dtype=np.int64)
    return Froc(s[ends], np.cumsum(first)[ends] / lesions, np.cumsum(hit < 0)[ends] / exams, lesions, exams)


def froc_sensitivity(curve: Froc, false_per_exam: float) -> float:
    """Sensitivity at the lowest threshold with at most ``false_per_exam`` false calls per exam; 0 where there is none.

    Raises:
        ValueError: a negative rate.
    """
    if not false_per_exam >= 0:
        raise ValueError(f"false_per_exam must be at least 0, got {false_per_exam}")
    allowed = curve.sensitivity[curve.false_per_exam <= false_per_exam + 1e-12]
    return float(allowed[-1]) if allowed.size else 0.0


def _pooled(hits: list[Bools], codes: Ints, level: float, name: str) -> Estimate:
    sizes = [h.size for h in hits]
    hit = np.concatenate(hits)
    return share_of(hit, np.ones(hit.size, dtype=bool), np.repeat(codes, sizes), level, name)
