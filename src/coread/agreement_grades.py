"""Agreement on grades: pooled over sites, by joint group, by site, and which sites drive the disagreement."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt

from coread.agreement_scores import Array, Scores
from coread.scoring import Item
from coread.stats.estimate import Estimate, undefined
from coread.stats.kappa import agreement_weights, kappa_of_table
from coread.stats.resampling import Plan, bootstrap_sums
from coread.stats.shares import share_of

MEASURES: Mapping[str, str] = {
    "kappa_quadratic": "weighted kappa, quadratic",
    "kappa_linear": "weighted kappa, linear",
    "exact": "exact agreement",
    "within_one": "agreement within one point",
}
"""What is told of grades, in this order; a key and its name in words."""
BLOCK_BYTES = 200_000_000
ONE_GRADE = "no kappa: both readers gave one and the same grade throughout"


@dataclass(frozen=True, slots=True)
class GradeAgreement:
    """Agreement on the grades of some boxes of the score sheet.

    Attributes:
        level: ``feature`` (pooled over all sites), ``group`` (joints of one kind, both sides) or ``site``.
        name: of the group or site (``MCP``, ``MCP 2, left``); empty for all sites.
        feature: key of the feature.
        n: boxes that two readers graded, counted once for each pair of readers.
        estimates: key of `MEASURES` -> estimate; ``n`` of kappas counts patients, that of shares boxes.
    """

    level: str
    name: str
    feature: str
    n: int
    estimates: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class Driver:
    """How much one box of the score sheet adds to the disagreement.

    Attributes:
        item: the box.
        share: of the sum of absolute differences over all boxes, bootstrapped over patients.
        points: that sum at this box.
        n: pairs of grades.
        mean_difference: first minus second reader; None with more than two, or where no pair was graded.
    """

    item: Item
    share: Estimate
    points: float
    n: int
    mean_difference: float | None


def group_of(site: str) -> str:
    """The kind of joint that a site is one of: its name without numbers, ``MCP 2`` -> ``MCP``."""
    return re.sub(r"\s+", " ", re.sub(r"\d+(-\d+)?", "", site)).strip() or site


def site_words(item: Item) -> str:
    """``MCP 2, left``."""
    return f"{item.site}, {item.side}" if item.side else item.site


def agreement_on_grades(scores: Scores, columns: list[int], plan: Plan) -> tuple[GradeAgreement, ...]:
    """Agreement of these columns on every feature, joint group and site; kappas of more than two are Light's, the mean over their pairs."""
    found: list[GradeAgreement] = []
    for feature in dict.fromkeys(item.feature for item in scores.items):
        boxes = [i for i, item in enumerate(scores.items) if item.feature == feature]
        found += _of_feature(scores, feature, boxes, columns, plan)
    return tuple(found)


def _levels(scores: Scores, boxes: list[int]) -> dict[tuple[str, str], list[int]]:
    """(level, name) -> positions among the boxes of one feature; a group of one site is that site."""
    groups: dict[str, list[int]] = {}
    for position, box in enumerate(boxes):
        groups.setdefault(group_of(scores.items[box].site), []).append(position)
    levels = {("feature", ""): list(range(len(boxes)))}
    levels |= {("group", name): places for name, places in groups.items() if len(places) > 1}
    return levels | {("site", site_words(scores.items[box])): [position] for position, box in enumerate(boxes)}


def _of_feature(scores: Scores, feature: str, boxes: list[int], columns: list[int], plan: Plan) -> Iterator[GradeAgreement]:
    grades = scores.grades[:, :, boxes][:, columns]
    pairs = list(combinations(range(len(columns)), 2))
    values = np.unique(grades[~np.isnan(grades)])
    if not len(values):
        return
    levels = _levels(scores, boxes)
    _, patient = np.unique(scores.patients, return_inverse=True)
    both = np.stack([~np.isnan(grades[:, a]) & ~np.isnan(grades[:, b]) for a, b in pairs])
    distance = np.stack([np.abs(grades[:, a] - grades[:, b]) for a, b in pairs])
    tables = _tables(grades, pairs, values, patient)
    kappas = _kappas(tables, values, list(levels.values()), plan)
    whose = np.broadcast_to(patient[None, :, None], both.shape)
    for ((level, name), places), (quadratic, linear) in zip(levels.items(), kappas, strict=True):
        among = both[..., places].ravel()
        apart, codes = np.nan_to_num(distance[..., places]).ravel(), whose[..., places].ravel()
        n = int(among.sum())
        shares = [
            share_of((apart <= most) & among, among, codes, plan.level, "box of the sheet was graded by both readers") for most in (0, 1)
        ]
        measured = dict(zip(MEASURES, (quadratic, linear, *shares), strict=True))
        yield GradeAgreement(level, name, feature, n, measured)


def _tables(grades: Array, pairs: list[tuple[int, int]], values: Array, patient: npt.NDArray[np.intp]) -> Array:
    """Contingency tables (patients, boxes, pairs, m, m) of the grades (n, columns, boxes)."""
    m, boxes = len(values), grades.shape[2]
    codes = np.searchsorted(values, np.nan_to_num(grades))
    counts = np.zeros((int(patient.max()) + 1, boxes, len(pairs), m, m))
    for position, (a, b) in enumerate(pairs):
        row, box = np.nonzero(~np.isnan(grades[:, a]) & ~np.isnan(grades[:, b]))
        np.add.at(counts, (patient[row], box, np.full_like(row, position), codes[row, a, box], codes[row, b, box]), 1)
    return counts


def _kappas(tables: Array, values: Array, levels: list[list[int]], plan: Plan) -> list[tuple[Estimate, Estimate]]:
    """Quadratic and linear kappa of each level, in blocks of levels that fit into memory."""
    weights = [agreement_weights(values, scheme) for scheme in ("quadratic", "linear")]
    n, _, pairs, m, _ = tables.shape
    size = max(1, int(BLOCK_BYTES / (8 * n * pairs * max(1, m * m))))
    found: list[tuple[Estimate, Estimate]] = []
    for start in range(0, len(levels), size):
        block = np.stack([tables[:, places].sum(axis=1) for places in levels[start : start + size]], axis=1)
        count = block.shape[1]

        def statistic(sums: Array, count: int = count) -> Array:
            each = sums.reshape(len(sums), count, pairs, m, m)
            both = [kappa_of_table(each, of).mean(axis=-1) for of in weights]
            return np.stack(both, axis=-1).reshape(len(sums), 2 * count)

        made = bootstrap_sums(block.reshape(n, -1), statistic, plan)
        seen = block.sum(axis=(2, 3, 4))
        for level in range(count):
            patients = int((seen[:, level] > 0).sum())
            quadratic, linear = (_told(made[2 * level + i], patients, pairs) for i in range(2))
            found.append((quadratic, linear))
    return found


def _told(kappa: Estimate, patients: int, pairs: int) -> Estimate:
    """A kappa with the number of patients that it comes from, and a reason that says what was the matter."""
    method = ("Cohen's weighted kappa" if pairs == 1 else f"Light's weighted kappa, {pairs} pairs of readers") + f", {kappa.method}"
    if kappa.estimate is None:
        reason = ONE_GRADE if pairs == 1 else "no kappa: in a pair of readers both gave one and the same grade throughout, or none"
        return undefined(reason if patients else "no box was graded by two readers", patients, kappa.level, method)
    return replace(kappa, n=patients, method=method)


def drivers_of(scores: Scores, columns: list[int], plan: Plan) -> tuple[Driver, ...]:
    """Each box's share of the disagreement, the largest first.

    The share of a box is its sum of absolute differences between two readers' grades, over all exams and pairs of readers, divided by
    that sum over all boxes. Boxes that only one of two readers graded count nowhere.
    """
    pairs = list(combinations(columns, 2))
    differences = np.stack([scores.grades[:, a] - scores.grades[:, b] for a, b in pairs])
    n = (~np.isnan(differences)).sum(axis=(0, 1))
    by_exam = np.nan_to_num(np.abs(differences)).sum(axis=0)
    _, patient = np.unique(scores.patients, return_inverse=True)
    parts = np.zeros((int(patient.max()) + 1, len(scores.items)))
    np.add.at(parts, patient, by_exam)

    def statistic(sums: Array) -> Array:
        whole = sums.sum(axis=-1, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(whole > 0, sums / whole, np.nan))

    shares = bootstrap_sums(parts, statistic, plan) if len(scores.items) else ()
    points = parts.sum(axis=0)
    means = [float(np.nansum(differences[0, :, i])) / int(n[i]) if len(pairs) == 1 and n[i] else None for i in range(len(scores.items))]
    found = [
        Driver(item, _share_told(share), float(points[i]), int(n[i]), means[i])
        for i, (item, share) in enumerate(zip(scores.items, shares, strict=True))
    ]
    return tuple(sorted(found, key=lambda driver: -driver.points))


def _share_told(share: Estimate) -> Estimate:
    if share.estimate is not None:
        return share
    return undefined("no disagreement: the readers gave the same grade everywhere", share.n, share.level, share.method)
