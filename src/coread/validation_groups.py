"""Groups of a cohort: by centre, sex, age band, scanner, internal or external, and any column asked for; and the gaps between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from coread.cohort import COHORT, Cohort, Member
from coread.errors import InputError
from coread.stats.multiplicity import holm
from coread.stats.permutation import permutation_groups, permutation_groups_each
from coread.validation_measures import (
    BRIER,
    KAPPA,
    MEAN_ERROR,
    REFUSED,
    UNREAD,
    Measured,
    Stratum,
    cut_boxes,
    kappa_parts,
    kappa_statistic,
    strata,
)
from coread.validation_pairs import AS_REPORTED, Pairs, Totals

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SMALL = 20
"""A group with fewer patients than this is marked as small: its intervals are wide, and finding no gap there says little."""
FEWEST = 5
"""With fewer patients than this on either side a gap is not tested."""
FOUND = 0.05
"""A gap whose adjusted p value is below this is called found."""
MOST_GROUPS = 30
PERMUTATIONS = 4999
"""Of each test; more where there are so many tests that no adjusted p value could become small."""
ALWAYS = ("centre", "sex", "scanner")
"""Columns by which a validation is always told, where the cohort has them; ``age band`` and ``internal or external`` are made."""
AGE_BAND, ORIGIN, EVERYTHING = "age band", "internal or external", "all"
INTERNAL, EXTERNAL, UNKNOWN = "internal", "external", "not known"
BANDS = ((0, "under 18"), (18, "18 to 39"), (40, "40 to 59"), (60, "60 to 74"), (75, "75 and over"))
COVERED = "interval of the total holds the reference"


@dataclass(frozen=True, slots=True)
class Group:
    """The figures of one group; ``small`` marks one of fewer than `SMALL` patients."""

    column: str
    value: str
    patients: int
    studies: int
    small: bool
    measures: tuple[Measured, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """A group against all others of its column.

    Attributes:
        column, value: the group.
        measure, of: what was compared, named as in `Measured`.
        difference: the figure of the group less that of the others.
        p: of a permutation over patients; None where it was not tested.
        p_adjusted: by Holm, over all gaps tested in the validation.
        patients: in the group, and in the others.
        undefined: why it was not tested.
        p_alike: of a gap that was found (adjusted p below `FOUND`): p with patients shuffled only among those of like damage, in fifths
            of their mean reference grade (Cochran, Biometrics 1968;24:295). A large one says that the gap may come from the groups'
            difference in damage. None for refusals, where the damage may not be known.
    """

    column: str
    value: str
    measure: str
    of: str
    difference: float | None
    p: float | None
    p_adjusted: float | None
    patients: tuple[int, int]
    undefined: str = ""
    p_alike: float | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """What a gap is measured in: each patient's share in the sums (patients, F), all patients in order, and the figure of the sums.

    ``constant`` where every case gives the same number: there can be no gap.
    """

    measure: str
    of: str
    patients: Ints
    parts: Floats
    statistic: Callable[[Floats], Floats]
    constant: bool = False


def labels(cohort: Cohort, by: Sequence[str], training_centres: Sequence[str] | None) -> dict[str, tuple[str, ...]]:
    """Column -> the group of each study, for the columns that the cohort has and those asked for.

    Args:
        cohort: the studies.
        by: columns asked for.
        training_centres: centres that the model was trained on; None where its card does not say.

    Raises:
        InputError: a column asked for does not exist, or has too many values to be groups.
    """
    cohort.check_columns(by)
    found: dict[str, tuple[str, ...]] = {}
    if "centre" in cohort.columns and training_centres is not None:
        found[ORIGIN] = tuple(_origin(member, training_centres) for member in cohort.members)
    for column in dict.fromkeys((*(c for c in ALWAYS if c in cohort.columns), *by)):
        found[column] = tuple((m.sex if column == "sex" else m.facts[column]) or UNKNOWN for m in cohort.members)
        count = len(set(found[column]))
        if count > MOST_GROUPS:
            raise InputError(
                f"{cohort.folder / COHORT}: column {column}: has {count} different values, more than the {MOST_GROUPS} groups that can be "
                "told apart; name a column of groups"
            )
    if "age" in cohort.columns:
        first: dict[str, str] = {}
        for member in cohort.members:
            first.setdefault(member.patient, _band(member.age_years))
        found[AGE_BAND] = tuple(first[member.patient] for member in cohort.members)
    return found


def values(column: str, groups: Sequence[str]) -> tuple[str, ...]:
    """The groups of a column in the order in which they are told; age bands by age, those not known last."""
    order = [name for _, name in BANDS] if column == AGE_BAND else sorted(set(groups))
    return tuple(v for v in order if v in groups and v != UNKNOWN) + ((UNKNOWN,) if UNKNOWN in groups else ())


def gaps(pairs: Pairs, groups: dict[str, tuple[str, ...]]) -> tuple[Gap, ...]:
    """Every group of every column against the others of its column, with p values of permutations over patients adjusted by Holm."""
    compared = tuple(_compared(pairs))
    told = [(column, value) for column, of_study in groups.items() for value in _tested(values(column, of_study))]
    permutations = max(PERMUTATIONS, 60 * len(told) * len(compared))
    found: list[Gap] = []
    for column, value in told:
        found += _gaps(pairs, (column, value), np.array([label == value for label in groups[column]]), (compared, permutations))
    tested = [gap.p for gap in found if gap.p is not None]
    adjusted = iter(holm(tested) if tested else ())
    found = [replace(gap, p_adjusted=float(next(adjusted))) if gap.p is not None else gap for gap in found]
    by_name = {(c.measure, c.of): c for c in compared}
    return tuple(_followed_up(pairs, gap, groups[gap.column], by_name[gap.measure, gap.of]) for gap in found)


def _followed_up(pairs: Pairs, gap: Gap, of_study: Sequence[str], what: Compared) -> Gap:
    """A gap that was found, tested again among patients of like damage; any other as it is."""
    if gap.p_adjusted is None or gap.p_adjusted >= FOUND or what.measure == REFUSED:
        return gap
    patients, rows = np.unique(pairs.patient[pairs.boxes.exam], return_inverse=True)
    damage = np.bincount(rows, pairs.boxes.reference) / np.bincount(rows)
    fifths = np.searchsorted(np.quantile(damage, (0.2, 0.4, 0.6, 0.8)), damage)
    inside = pairs.patient[np.array([label == gap.value for label in of_study])]
    known = np.isin(what.patients, patients)
    here, strata_of = np.isin(what.patients[known], inside), fifths[np.searchsorted(patients, what.patients[known])]
    test = permutation_groups(what.parts[known], here, what.statistic, strata_of, PERMUTATIONS)
    return replace(gap, p_alike=test.p_value)


def _origin(member: Member, training_centres: Sequence[str]) -> str:
    centre = member.facts["centre"]
    return UNKNOWN if not centre else INTERNAL if centre in training_centres else EXTERNAL


def _band(age: float | None) -> str:
    return UNKNOWN if age is None else [name for low, name in BANDS if age >= low][-1]


def _tested(names: tuple[str, ...]) -> tuple[str, ...]:
    """The groups to test: of two each is the other's counterpart, so that one test says it all."""
    return names[: {1: 0, 2: 1}.get(len(names), len(names))]


def _gaps(pairs: Pairs, group: tuple[str, str], member: Bools, how: tuple[tuple[Compared, ...], int]) -> list[Gap]:
    """One group against the others of its column in everything compared, with one set of shuffles."""
    compared, permutations = how
    inside, outside = np.unique(pairs.patient[member]), np.unique(pairs.patient[~member])
    blank = [Gap(*group, c.measure, c.of, None, None, None, _count(c, inside)) for c in compared]
    mixed = np.intersect1d(inside, outside)
    if mixed.size:
        return [replace(gap, undefined=f"{mixed.size} patients have studies in this group and outside it") for gap in blank]
    everyone = np.unique(pairs.patient)
    table = np.zeros((len(everyone), sum(c.parts.shape[1] for c in compared)))
    slices, start = [], 0
    for what in compared:
        slices.append(slice(start, start + what.parts.shape[1]))
        table[np.searchsorted(everyone, what.patients), slices[-1]] = what.parts
        start = slices[-1].stop

    def statistics(sums: Floats) -> Floats:
        return np.stack([what.statistic(sums[:, part]) for what, part in zip(compared, slices, strict=True)], axis=1)

    tests = permutation_groups_each(table, np.isin(everyone, inside), statistics, permutations=permutations)
    found = []
    for gap, what, test in zip(blank, compared, tests, strict=True):
        why = _untested(gap, what)
        found.append(replace(gap, difference=test.difference, p=None if why else test.p_value, undefined=why or test.undefined))
    return found


def _count(what: Compared, inside: Ints) -> tuple[int, int]:
    here = int(np.isin(what.patients, inside).sum())
    return here, len(what.patients) - here


def _untested(gap: Gap, what: Compared) -> str:
    """Why a gap is not tested; empty where it is."""
    if what.constant:
        return "it is the same in every case, so that there is nothing to test"
    if min(gap.patients) < FEWEST:
        return f"{gap.patients[0]} patients in the group and {gap.patients[1]} outside it have this figure, a test needs {FEWEST} of each"
    return ""


def _compared(pairs: Pairs) -> Iterator[Compared]:
    refused = np.array([float(bool(reason)) for reason in pairs.refused])
    yield _mean(REFUSED, "all studies", refused, pairs.patient)
    for stratum in strata(pairs.system, pairs.boxes.item):
        rows = cut_boxes(pairs.boxes, np.isin(pairs.boxes.item, stratum.items))
        unread = np.isnan(rows.grade)
        yield _mean(UNREAD, stratum.name, unread.astype(np.float64), pairs.patient[rows.exam])
        if unread.all():
            continue
        patients, parts = kappa_parts(rows, stratum, pairs.patient)
        yield Compared(KAPPA, stratum.name, patients, parts, kappa_statistic(stratum, "quadratic"))
        rows = cut_boxes(rows, ~unread)
        codes = pairs.patient[rows.exam]
        yield _mean(MEAN_ERROR, stratum.name, rows.grade - rows.reference, codes)
        if not np.isnan(rows.damage).any():
            yield _mean(BRIER, stratum.name, (rows.damage - _damaged(pairs, rows.reference, stratum)) ** 2, codes)
    widest = max(
        (t for t in pairs.totals if t.sites == AS_REPORTED and not np.isnan(t.held).all()), key=lambda t: _width(pairs, t), default=None
    )
    if widest is not None:
        known = ~np.isnan(widest.held)
        yield _mean(COVERED, f"{widest.name} ({widest.sites})", widest.held[known], pairs.patient[widest.exam[known]])


def _damaged(pairs: Pairs, reference: Floats, stratum: Stratum) -> Floats:
    return (reference > stratum.grades[0]).astype(np.float64)


def _width(pairs: Pairs, total: Totals) -> int:
    return len(pairs.system.totals[total.name].items)


def _mean(measure: str, of: str, numbers: Floats, codes: Ints) -> Compared:
    """The mean of numbers, over sums of them and of how many there are."""
    patients, index = np.unique(codes, return_inverse=True)
    parts = np.stack([np.bincount(index, weight, len(patients)) for weight in (numbers, np.ones(len(numbers)))], axis=1)

    def mean(sums: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(sums[..., 0] / sums[..., 1])

    return Compared(measure, of, patients, parts.astype(np.float64), mean, bool(numbers.size and np.ptp(numbers) == 0))
