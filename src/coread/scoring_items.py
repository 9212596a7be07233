"""The boxes of a score sheet: codes, features, scales, sites, items."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from coread.errors import InputError

ItemKey = tuple[str, str | None, str]


@dataclass(frozen=True, slots=True)
class Code:
    """A coded concept as DICOM writes it; scheme ``99COREAD`` marks a code of our own, where no standard one was verified."""

    scheme: str
    value: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that is graded at a site, such as ``joint_space_narrowing``."""

    key: str
    name: str
    code: Code


@dataclass(frozen=True, slots=True)
class Measurement:
    """Something that is measured at a site and never summed; ``units`` are the UCUM units that it may be given in."""

    key: str
    name: str
    code: Code
    units: tuple[Code, ...]
    definition: str


@dataclass(frozen=True, slots=True)
class Scale:
    """Grades in ascending order with their definitions in words; ``code`` is the stem of the codes of its grades."""

    key: str
    grades: tuple[float, ...]
    definitions: tuple[str, ...]
    code: str

    @property
    def maximum(self) -> float:
        """The highest grade."""
        return self.grades[-1]

    @property
    def unit(self) -> Code:
        """UCUM unit of a grade, an annotation of its range as DICOM writes scores."""
        span = f"{self.grades[0]:g}:{self.grades[-1]:g}"
        return Code("UCUM", f"{{{span}}}", f"range: {span}")


@dataclass(frozen=True, slots=True)
class Site:
    """An anatomical place on one side (None: midline), in the region whose imaging makes it readable."""

    name: str
    side: str | None
    region: str
    code: Code


@dataclass(frozen=True, slots=True)
class Item:
    """One box of the score sheet: a feature at a site."""

    at: Site
    feature: str
    scale: Scale

    @property
    def site(self) -> str:
        """Name of the site."""
        return self.at.name

    @property
    def side(self) -> str | None:
        """``left``, ``right`` or None."""
        return self.at.side

    @property
    def region(self) -> str:
        """Region whose imaging makes the item readable, such as ``hand_left``."""
        return self.at.region

    @property
    def key(self) -> ItemKey:
        """(site, side, feature), the key of the item's grade in a mapping of grades."""
        return (self.at.name, self.at.side, self.feature)

    @property
    def grades(self) -> tuple[float, ...]:
        """The grades allowed, ascending; their definitions are in ``scale.definitions``, in the same order."""
        return self.scale.grades

    @property
    def maximum(self) -> float:
        """The highest grade."""
        return self.scale.maximum

    @property
    def unit(self) -> Code:
        """UCUM unit of the grade."""
        return self.scale.unit

    @property
    def label(self) -> str:
        """Site, side and feature in words."""
        return " ".join(word for word in (self.site, self.side, self.feature.replace("_", " ")) if word)

    def grade_text(self, grade: float) -> str:
        """The definition of a grade in words.

        Raises:
            InputError: the item has no such grade.
        """
        return self.scale.definitions[self._position(grade)]

    def grade_code(self, grade: float) -> Code:
        """The code of a grade.

        Raises:
            InputError: the item has no such grade.
        """
        self._position(grade)
        return Code("99COREAD", f"{self.scale.code}-{grade:g}", f"{self.feature.replace('_', ' ')}, grade {grade:g}")

    def _position(self, grade: float) -> int:
        if grade not in self.grades:
            raise InputError(f"{self.label}: {grade:g} is no grade here, expected {spoken_grades(self.grades)}")
        return self.grades.index(grade)


def spoken_grades(grades: Sequence[float]) -> str:
    """Grades for a message: ``0 to 5 in steps of 1``, or the list."""
    steps = {b - a for a, b in itertools.pairwise(grades)}
    if len(grades) > 2 and len(steps) == 1:
        return f"{grades[0]:g} to {grades[-1]:g} in steps of {steps.pop():g}"
    return " or ".join(f"{grade:g}" for grade in grades)
