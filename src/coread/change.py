"""Change between the readings of one patient: site by site and in total, judged against the measurement error of who read.

A higher grade is more damage or inflammation in every scoring system, so a rise is worse. A change counts as real where it exceeds the
smallest detectable change; one equal to it lies within measurement error (Bruynesteyn et al., Ann Rheum Dis 2005;64:179). Where none is
known for the readers, nothing is called a real change. A site that lacks a grade at one of two visits has no change, which is never 0, and
the change of a total is taken over the sites that have a grade at both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import Literal

from coread.change_sdc import PUBLISHED, SITE, DetectableChange, check_names, find, reader_name
from coread.errors import InputError
from coread.reading import ReaderRef, Reading, Total
from coread.reading_totals import grades_of
from coread.scoring import Item, ScoringSystem, system

Call = Literal["new", "worse", "better", "unchanged", "within_error", "error_unknown", "untold"]
Direction = Literal["new", "worse", "better", "unchanged"]
CALLS: tuple[Call, ...] = ("new", "worse", "better", "within_error", "error_unknown", "unchanged", "untold")
NOT_ASSESSED = "not assessed"
"""How the reason of a feature begins that a reader does not grade anywhere."""


@dataclass(frozen=True, slots=True)
class Step:
    """What happened to one score between two visits.

    Attributes:
        start, end: numbers of the visits, from 0.
        difference: later minus earlier, in points; None where it cannot be told.
        direction: which way the score went, judged or not: ``new`` (from 0 up, at a site), ``worse``, ``better``, ``unchanged``; None
            where it cannot be told.
        call: what may be said: the direction where the change exceeds the error; ``unchanged``; ``within_error``; ``error_unknown``
            where the score changed and no error is known; ``untold``.
        error: the smallest detectable change that judged it; None where none is known.
        reason: why it cannot be told; None where it can.
        left_out: sites of a total that lack a grade at one of the visits, and so take no part in the difference.
    """

    start: int
    end: int
    difference: float | None
    direction: Direction | None
    call: Call
    error: DetectableChange | None = None
    reason: str | None = None
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class SiteChange:
    """A feature at one site over the visits: the grade at each (None with its reason), each step, and first to last as ``whole``."""

    site: str
    side: str | None
    feature: str
    grades: tuple[float | None, ...]
    reasons: tuple[str | None, ...]
    steps: tuple[Step, ...]
    whole: Step

    @property
    def assessed(self) -> bool:
        """False where no visit's reader grades this feature at all."""
        return any(reason is None or not reason.startswith(NOT_ASSESSED) for reason in self.reasons)


@dataclass(frozen=True, slots=True)
class TotalChange:
    """A total over the visits: as each reading has it (None where it has none), each step, and first to last as ``whole``.

    A difference need not be that of two totals: where a site lacks a grade at one visit, it is taken over the others alone.
    """

    name: str
    maximum: float
    totals: tuple[Total | None, ...]
    steps: tuple[Step, ...]
    whole: Step


@dataclass(frozen=True, slots=True)
class Change:
    """The change of one patient over two or more visits.

    Attributes:
        system: key of the scoring system.
        patient: id; None where no reading has one.
        visits: the readings in the order of the visits.
        totals: every total that any visit has, in the order of the system.
        sites: every box of the score sheet that any visit speaks of, in the order of the system.
        notes: what a person should know, one sentence each.
    """

    system: str
    patient: str | None
    visits: tuple[Reading, ...]
    totals: tuple[TotalChange, ...]
    sites: tuple[SiteChange, ...]
    notes: tuple[str, ...]

    def total(self, name: str) -> TotalChange:
        """The named total.

        Raises:
            KeyError: no visit has it; the message says which there are.
        """
        for one in self.totals:
            if one.name == name:
                return one
        raise KeyError(f"no total {name!r} at any visit; there are: {', '.join(t.name for t in self.totals) or 'none'}")

    def at(self, site: str, side: str | None, feature: str) -> SiteChange:
        """The change of a feature at a site.

        Raises:
            KeyError: no visit speaks of it.
        """
        for one in self.sites:
            if (one.site, one.side, one.feature) == (site, side, feature):
                return one
        raise KeyError(f"no visit speaks of {feature} at {site}{f', {side}' if side else ''}")

    @property
    def counts(self) -> Mapping[Call, int]:
        """How many boxes of the score sheet got each call, from the first visit to the last; those that nobody assesses are left out."""
        found = Counter(one.whole.call for one in self.sites if one.assessed)
        return {call: found[call] for call in CALLS}


def change(readings: Sequence[Reading], detectable: Iterable[DetectableChange] = ()) -> Change:
    """The change between two or more readings of one patient.

    Args:
        readings: of one patient under one scoring system, each of another visit. They are put in order by ``timepoint_days`` where all
            have it, else they are taken in the order given.
        detectable: smallest detectable changes that are known for their readers.

    Raises:
        InputError: fewer than two readings, another patient or system among them, one visit twice, an order that contradicts the days,
            no region in common, or a smallest detectable change that the system has no score for.
    """
    if len(readings) < 2:
        raise InputError(f"a change needs readings of two visits or more, got {len(readings)}")
    by = _one_system(readings)
    patient, notes = _one_patient(readings)
    known = tuple(detectable)
    check_names(known, by)
    visits, order_notes = _in_order(readings)
    seen = [_regions(visit, by) for visit in visits]
    if not seen[0] & seen[-1]:
        raise InputError(
            f"{_named(visits, 0)} shows {_spoken(seen[0], by)}, {_named(visits, -1)} shows {_spoken(seen[-1], by)}: nothing can be compared"
        )
    series = _Series(visits, by, known)
    sites = tuple(series.site(item) for item in by.items if any(item.key in grades for grades in series.grades))
    names = [name for name in by.totals if any(name in scores for scores in series.scores)]
    totals = tuple(series.total(name) for name in names)
    notes += (
        *order_notes,
        *_readers_differ(visits),
        *_regions_differ(seen, by),
        *_unused(known, (*totals, *sites)),
        *_error_notes(series, (*totals, *sites)),
    )
    return Change(by.id, patient, visits, totals, sites, notes)


class _Series:
    """The grades of each visit, with what they allow."""

    def __init__(self, visits: Sequence[Reading], by: ScoringSystem, known: Sequence[DetectableChange]) -> None:
        self.visits, self.by, self.known = visits, by, known
        self.grades = [grades_of(visit) for visit in visits]
        self.means = any(visit.reader.kind == "panel" for visit in visits)
        self.scores = [by.score(grades, means=self.means) for grades in self.grades]
        self.paired = {pair: self._paired(*pair) for pair in {*pairwise(range(len(visits))), (0, len(visits) - 1)}}
        self.why = [{(f.site, f.side, f.feature): f.unreadable for f in visit.findings if f.unreadable} for visit in visits]
        self.regions = [_regions(visit, by) for visit in visits]
        self.readers = [reader_name(visit.reader) for visit in visits]

    def _paired(self, start: int, end: int) -> tuple[dict[str, tuple[float, int]], dict[str, float]]:
        """Totals of two visits over the boxes graded at both: (value, sites left out) of the first, value of the second."""
        first, second = self.grades[start], self.grades[end]
        both = {key for key, grade in first.items() if grade is not None and second.get(key) is not None}
        before, after = (self.by.score({key: grades[key] for key in both}, means=self.means) for grades in (first, second))
        return {n: (s.value, s.sites_unreadable) for n, s in before.items()}, {n: s.value for n, s in after.items()}

    def site(self, item: Item) -> SiteChange:
        grades = tuple(visit.get(item.key) for visit in self.grades)
        reasons = tuple(None if grade is not None else self._reason(visit, item) for visit, grade in enumerate(grades))
        steps, whole = self._steps(lambda pair: self._site_step(item, pair, grades, reasons))
        return SiteChange(item.site, item.side, item.feature, grades, reasons, steps, whole)

    def _reason(self, visit: int, item: Item) -> str:
        if item.region not in self.regions[visit]:
            return f"{item.region.replace('_', ' ')} not imaged or scored"
        return self.why[visit].get(item.key) or "not scored"

    def _site_step(self, item: Item, pair: tuple[int, int], grades: Sequence[float | None], reasons: Sequence[str | None]) -> Step:
        first, second = (grades[visit] for visit in pair)
        if first is None or second is None:
            why = "; ".join(f"visit {visit + 1}: {reasons[visit]}" for visit in pair if grades[visit] is None)
            return Step(*pair, None, None, "untold", reason=why)
        return self._judged(pair, second - first, SITE + item.feature, "new" if first == item.grades[0] else "worse")

    def total(self, name: str) -> TotalChange:
        steps, whole = self._steps(lambda pair: self._total_step(name, pair))
        return TotalChange(
            name, self.by.totals[name].maximum, tuple(self._total_at(visit, name) for visit in range(len(self.visits))), steps, whole
        )

    def _total_at(self, visit: int, name: str) -> Total | None:
        """The reading's own total, which may have an interval; one that its grades do not allow is not taken from the file."""
        score = self.scores[visit].get(name)
        if score is None:
            return None
        own = self.visits[visit].totals.get(name)
        return (
            own
            if own is not None and own.value == score.value
            else Total(score.value, score.maximum, sites_unreadable=score.sites_unreadable)
        )

    def _total_step(self, name: str, pair: tuple[int, int]) -> Step:
        before, after = self.paired[pair]
        lacking = [visit for visit in pair if name not in self.scores[visit]]
        if lacking:
            return Step(*pair, None, None, "untold", reason="; ".join(f"visit {visit + 1} has no such total" for visit in lacking))
        if name not in before or name not in after:
            rule = self.by.totals[name]
            return Step(
                *pair,
                None,
                None,
                "untold",
                reason=f"too few sites have a grade at both visits: at most {rule.unreadable_allowed} of {len(rule.sites)} may lack one",
            )
        value, left_out = before[name]
        return replace(self._judged(pair, after[name] - value, name, "worse"), left_out=left_out)

    def _judged(self, pair: tuple[int, int], difference: float, name: str, rise: Direction) -> Step:
        error = find(self.known, name, (self.readers[pair[0]], self.readers[pair[1]]))
        if difference == 0:
            return Step(*pair, 0.0, "unchanged", "unchanged", error)
        direction: Direction = "better" if difference < 0 else rise
        call: Call = "error_unknown" if error is None else "within_error" if abs(difference) <= error.value else direction
        return Step(*pair, difference, direction, call, error)

    def _steps(self, step: Callable[[tuple[int, int]], Step]) -> tuple[tuple[Step, ...], Step]:
        """The step from each visit to the next, and the one from first to last."""
        each = tuple(step(pair) for pair in pairwise(range(len(self.visits))))
        return each, each[0] if len(each) == 1 else step((0, len(self.visits) - 1))


def _regions(reading: Reading, by: ScoringSystem) -> set[str]:
    """Regions of which a reading says anything, readable or not."""
    return {by.site(f.site, f.side).region for f in reading.findings}


def _spoken(regions: set[str], by: ScoringSystem) -> str:
    return " and ".join(region.replace("_", " ") for region in by.regions if region in regions) or "nothing"


def _named(visits: Sequence[Reading], index: int) -> str:
    return f"visit {index % len(visits) + 1} ({visits[index].study.source})"


def _one_system(readings: Sequence[Reading]) -> ScoringSystem:
    names = dict.fromkeys(reading.system for reading in readings)
    if len(names) > 1:
        told = ", ".join(f"{next(r.study.source for r in readings if r.system == name)} is read by {name}" for name in names)
        raise InputError(f"readings under different scoring systems cannot be compared: {told}")
    return system(readings[0].system)


def _one_patient(readings: Sequence[Reading]) -> tuple[str | None, tuple[str, ...]]:
    """The patient's id, and a note where a reading has none."""
    named = {reading.study.patient: reading for reading in readings if reading.study.patient}
    if len(named) > 1:
        told = ", ".join(f"{reading.study.source} is of {patient}" for patient, reading in named.items())
        raise InputError(f"readings of different patients cannot be compared: {told}")
    lacking = [reading.study.source for reading in readings if not reading.study.patient]
    note = f"No patient id in {', '.join(dict.fromkeys(lacking))}: nothing but you tells that the visits are of one patient."
    return next(iter(named), None), (note,) if lacking else ()


def _in_order(readings: Sequence[Reading]) -> tuple[tuple[Reading, ...], tuple[str, ...]]:
    """The readings in the order of their visits, with a note where the days do not tell it."""
    for first, second in combinations(readings, 2):
        _refuse_twice(first, second)
    days = [reading.study.timepoint_days for reading in readings]
    known = [day for day in days if day is not None]
    if len(known) == len(days):
        by_day = tuple(sorted(readings, key=lambda reading: reading.study.timepoint_days or 0.0))
        moved = by_day != tuple(readings)
        return by_day, ("The visits were put in the order of their days, which is not the order given.",) if moved else ()
    if known != sorted(known):
        told = ", ".join(f"{day:g}" for day in known)
        raise InputError(f"the days of the visits that are known ({told}) contradict the order given; give the earliest visit first")
    return tuple(readings), ("The visits stand in the order given: not every reading has the day of its visit.",)


def _refuse_twice(first: Reading, second: Reading) -> None:
    one, other = first.study, second.study
    names = f"{one.source} (read by {first.reader.id}) and {other.source} (read by {second.reader.id})"
    way_out = "give one reading of each visit, or take the mean of its readers with --mean"
    if (
        first.uid == second.uid
        or (one.uid is not None and one.uid == other.uid)
        or (one.uid is other.uid is None and one.source == other.source)
    ):
        raise InputError(f"{names} are readings of one exam: {way_out}")
    if one.timepoint_days is not None and one.timepoint_days == other.timepoint_days:
        raise InputError(f"{names} are both of day {one.timepoint_days:g}: {way_out}")


def _readers_differ(visits: Sequence[Reading]) -> tuple[str, ...]:
    readers = dict.fromkeys(visit.reader for visit in visits)
    if len(readers) == 1:
        return ()
    return (
        f"The visits were not read by one reader ({', '.join(map(_reader_words, readers))}): the error between readers is part of every "
        "change, and a smallest detectable change must be that of this pair.",
    )


def _reader_words(reader: ReaderRef) -> str:
    version = f" {reader.version}" if reader.version else ""
    card = f", card {reader.card_sha256[:8]}" if reader.card_sha256 else ""
    return f"{reader.kind} {reader.id}{version}{card}"


def _regions_differ(seen: Sequence[set[str]], by: ScoringSystem) -> tuple[str, ...]:
    if all(regions == seen[0] for regions in seen):
        return ()
    told = "; ".join(f"visit {number} shows {_spoken(regions, by)}" for number, regions in enumerate(seen, 1))
    return (f"Not the same was imaged at every visit: {told}. Only what both visits show is compared.",)


def _unused(known: Sequence[DetectableChange], scores: Sequence[TotalChange | SiteChange]) -> tuple[str, ...]:
    """That an error was given for a score that no visit has, such as ``hands`` where narrowing alone was graded."""
    there = {one.name if isinstance(one, TotalChange) else SITE + one.feature for one in scores}
    idle = dict.fromkeys(one.name.replace("_", " ") for one in known if one.name not in there)
    return (f"No visit has {', '.join(idle)}: the smallest detectable change of it judges nothing.",) if idle else ()


def _error_notes(series: _Series, scores: Sequence[TotalChange | SiteChange]) -> tuple[str, ...]:
    """That nothing is called real where no error is known, with what was published of human readers."""
    by, readers = series.by, " and ".join(dict.fromkeys(series.readers))
    lacking = [one for one in scores if any(step.call == "error_unknown" for step in (*one.steps, one.whole))]
    if not lacking:
        return ()
    totals = [one.name.replace("_", " ") for one in lacking if isinstance(one, TotalChange)]
    sites = sum(isinstance(one, SiteChange) for one in lacking)
    single = [f"the grade at single sites ({sites} changed)"] if sites else []
    what = " and of ".join([*([", ".join(totals)] if totals else []), *single])
    note = (
        f"Measurement error not known: there is no smallest detectable change of {what} for who read them ({readers}). None of these is "
        "called a real change."
    )
    return (note, PUBLISHED[by.id]) if by.id in PUBLISHED else (note,)
