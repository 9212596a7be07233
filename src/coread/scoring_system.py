"""What a scoring system is, and the small algebra that turns its grades into totals."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from coread.errors import InputError, nearest
from coread.scoring_items import Code, Feature, Item, ItemKey, Measurement, Site, spoken_grades

Combine = Literal["sum", "max", "weighted"]
Gather = Literal["sum", "mean", "max", "count"]
Grades = Mapping[ItemKey, float | None]
Place = tuple[str, str | None]
GATHERERS: Mapping[Gather, Callable[[Sequence[float]], float]] = {
    "sum": lambda values: float(sum(values)),
    "mean": lambda values: float(sum(values)) / len(values),
    "max": lambda values: float(max(values)),
    "count": lambda values: float(sum(value > 0 for value in values)),
}


@dataclass(frozen=True, slots=True)
class Score:
    """The value of a total.

    Attributes:
        value: gathered over what was graded; an unreadable site adds nothing to it.
        maximum: what the total can reach.
        sites_unreadable: how many sites of the total lack a grade that could change it.
        unread_points: by how much the value could rise if these sites were graded.
    """

    value: float
    maximum: float
    sites_unreadable: int = 0
    unread_points: float = 0.0


@dataclass(frozen=True, slots=True)
class TotalRule:
    """A named total: which items it takes, how they are combined at a site and gathered over sites.

    Attributes:
        name: key of the total, such as ``hand_left``.
        items: the items that it takes.
        combine: over the features at one site: ``sum``, ``max``, or ``weighted`` (sum of weight x grade).
        gather: over the sites: ``sum``, ``mean``, ``max``, or ``count`` of the sites above 0.
        maximum: what the total can reach.
        unreadable_allowed: with more unreadable sites than this there is no total.
        weights: weight of each feature, for ``weighted``.
    """

    name: str
    items: tuple[Item, ...]
    combine: Combine
    gather: Gather
    maximum: float
    unreadable_allowed: int
    weights: Mapping[str, float] = field(default_factory=dict)
    _at_site: Mapping[Place, tuple[Item, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        groups: dict[Place, tuple[Item, ...]] = {}
        for item in self.items:
            groups[item.site, item.side] = (*groups.get((item.site, item.side), ()), item)
        object.__setattr__(self, "_at_site", groups)

    @property
    def regions(self) -> tuple[str, ...]:
        """Regions that must be imaged for this total, in the order of the items."""
        return tuple(dict.fromkeys(item.region for item in self.items))

    @property
    def sites(self) -> tuple[Place, ...]:
        """(site, side) of each site in the total."""
        return tuple(self._at_site)

    def reachable(self) -> float:
        """What the total reaches when every item has its highest grade."""
        return GATHERERS[self.gather]([high for _, high in self._bounds({}).values()])

    def unreadable(self, grades: Grades) -> tuple[Place, ...]:
        """The sites that lack a grade which could change the total."""
        return tuple(place for place, (low, high) in self._bounds(grades).items() if low != high)

    def score(self, grades: Grades) -> Score | None:
        """The total over these grades; None where more sites are unreadable than the rule allows, or all of them."""
        bounds = self._bounds(grades)
        unreadable = sum(low != high for low, high in bounds.values())
        if unreadable > self.unreadable_allowed or unreadable == len(bounds):
            return None
        taken = [(low, high) for low, high in bounds.values() if self.gather != "mean" or low == high]
        low, high = (GATHERERS[self.gather](values) for values in zip(*taken, strict=True))
        return Score(low, self.maximum, unreadable, high - low)

    def _bounds(self, grades: Grades) -> dict[Place, tuple[float, float]]:
        """For each site its value with missing grades at their lowest, and at their highest."""
        bounds = {}
        for place, items in self._at_site.items():
            lows, highs = [], []
            for item in items:
                grade = grades.get(item.key)
                weight = self.weights[item.feature] if self.combine == "weighted" else 1.0
                lows.append(weight * (item.grades[0] if grade is None else grade))
                highs.append(weight * (item.grades[-1] if grade is None else grade))
            whole = max if self.combine == "max" else sum
            bounds[place] = (float(whole(lows)), float(whole(highs)))
        return bounds


@dataclass(frozen=True, slots=True)
class Example:
    """Grades with the totals that they give, worked by hand or taken from the paper; every one is a test."""

    name: str
    source: str
    grades: Grades
    totals: Mapping[str, float]
    absent: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScoringSystem:
    """Sites x features x grades, totals, the rule for missing sites, codes, sources and worked examples.

    Attributes:
        id: key of the system, the stem of its file.
        name: name as the literature has it.
        version: year or edition of the definition followed.
        modality: what is read: ``radiograph``, ``mri``, ``ultrasound``, ``fundus photograph``.
        sources: the papers.
        method: code of the system itself.
        features: key -> what is graded.
        measurements: key -> what is measured and never summed.
        items: all boxes of the score sheet, in its order.
        totals: name -> rule.
        missing_source: where the rule for missing sites comes from; begins with ``ours:`` where we set it.
        examples: grades with the totals that they give.
        notes: what a user of the score should know.
    """

    id: str
    name: str
    version: str
    modality: str
    sources: tuple[str, ...]
    method: Code
    features: Mapping[str, Feature]
    measurements: Mapping[str, Measurement]
    items: tuple[Item, ...]
    totals: Mapping[str, TotalRule]
    missing_source: str
    examples: tuple[Example, ...]
    notes: str = ""
    _index: Mapping[ItemKey, Item] = field(init=False, repr=False, compare=False)
    _places: Mapping[Place, Site] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", {item.key: item for item in self.items})
        object.__setattr__(self, "_places", {(item.site, item.side): item.at for item in self.items})

    @property
    def maximum(self) -> float | None:
        """What the total ``all`` can reach; None where the system has no grand total."""
        return self.totals["all"].maximum if "all" in self.totals else None

    @property
    def sites(self) -> tuple[Site, ...]:
        """Every site on every side, once, in the order of the items."""
        return tuple(self._places.values())

    @property
    def regions(self) -> tuple[str, ...]:
        """Every region, in the order of the items."""
        return tuple(dict.fromkeys(item.region for item in self.items))

    def site(self, name: str, side: str | None) -> Site:
        """A site by name and side.

        Raises:
            InputError: the system has no such site; the message names near ones.
        """
        found = self._places.get((name, side))
        if found is not None:
            return found
        sides = sorted({s.side or "no side" for s in self.sites if s.name == name})
        if not sides:
            raise InputError(f"{self.id}: unknown site {name!r}{nearest(name, dict.fromkeys(s.name for s in self.sites))}")
        raise InputError(f"{self.id}: site {name!r} has side {' or '.join(sides)}, got {side or 'no side'}")

    def item(self, site: str, side: str | None, feature: str) -> Item:
        """The box of the score sheet for a feature at a site.

        Raises:
            InputError: there is none; the message says which of site, side and feature is unknown and names near ones.
        """
        found = self._index.get((site, side, feature))
        if found is not None:
            return found
        self.site(site, side)
        if feature not in self.features:
            raise InputError(f"{self.id}: unknown feature {feature!r}{nearest(feature, self.features)}")
        scored = ", ".join(i.feature for i in self.items if (i.site, i.side) == (site, side))
        raise InputError(f"{self.id}: {feature} is not scored at {site}; scored there: {scored}")

    def check(self, site: str, side: str | None, feature: str, grade: float) -> None:
        """Pass if the system allows this grade here.

        Raises:
            InputError: unknown site, side or feature, or a grade that the item does not have.
        """
        item = self.item(site, side, feature)
        if grade not in item.grades:
            raise InputError(f"{self.id}: {item.label} is {grade:g}, expected {spoken_grades(item.grades)}")

    def score(self, grades: Grades, imaged: Collection[str] | None = None, means: bool = False) -> dict[str, Score]:
        """The totals that these grades allow.

        Args:
            grades: (site, side, feature) -> grade; None, or no entry, where it was not read.
            imaged: regions that were imaged; None takes the regions that hold any grade.
            means: whether grades are means over readers, which may lie between two grades of the scale.

        Returns:
            Name -> score. A total is absent, never extrapolated, where one of its regions was not imaged or more of its
            sites are unreadable than its rule allows.

        Raises:
            InputError: a grade that the system does not have, or an unknown region.
        """
        seen = self._imaged(grades, imaged, means)
        scores = {}
        for name, rule in self.totals.items():
            score = rule.score(grades) if seen.issuperset(rule.regions) else None
            if score is not None:
                scores[name] = score
        return scores

    def explain_missing(self, grades: Grades, imaged: Collection[str] | None = None) -> tuple[str, ...]:
        """Why totals are absent or lack sites, one sentence for all totals with the same reason; arguments as for ``score``."""
        seen = self._imaged(grades, imaged)
        reasons: dict[str, list[str]] = {}
        for name, rule in self.totals.items():
            reason = self._lack(rule, grades, seen)
            if reason:
                reasons.setdefault(reason, []).append(name)
        return tuple(f"{', '.join(names)}: {reason}" for reason, names in reasons.items())

    def _lack(self, rule: TotalRule, grades: Grades, seen: set[str]) -> str:
        """What a total lacks, in words; empty where it lacks nothing."""
        away = [region.replace("_", " ") for region in rule.regions if region not in seen]
        if away:
            return f"no total, because {' and '.join(away)} {'was' if len(away) == 1 else 'were'} not imaged or scored"
        lacking = rule.unreadable(grades)
        if not lacking:
            return ""
        features = dict.fromkeys(item.feature for item in rule.items)
        scored = {item.feature for item in rule.items if grades.get(item.key) is not None}
        unscored = [self.features[feature].name for feature in features if feature not in scored]
        if unscored:
            return f"no total, because {' and '.join(unscored)} {'was' if len(unscored) == 1 else 'were'} not scored"
        count = f"{len(lacking)} of {len(rule.sites)} sites {'is' if len(lacking) == 1 else 'are'} unreadable or not scored"
        which = ", ".join(" ".join(word for word in place if word) for place in lacking)
        if rule.score(grades) is None:
            return f"no total, because {count} and at most {rule.unreadable_allowed} may be ({which})"
        return f"{count} and add{'s' if len(lacking) == 1 else ''} nothing ({which})"

    def _imaged(self, grades: Grades, imaged: Collection[str] | None, means: bool = False) -> set[str]:
        for (site, side, feature), grade in grades.items():
            item = self.item(site, side, feature)
            if grade is not None and not (means and item.grades[0] <= grade <= item.grades[-1]):
                self.check(site, side, feature, grade)
        if imaged is None:
            return {self._index[key].region for key, grade in grades.items() if grade is not None}
        for region in imaged:
            if region not in self.regions:
                raise InputError(f"{self.id}: unknown region {region!r}; its regions are {', '.join(self.regions)}")
        return set(imaged)
