"""What one reader found in one study under one scoring system; human and model readings are this one type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Status = Literal["unverified", "signed"]
ReaderKind = Literal["model", "person", "panel"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with the bounds that hold it with probability ``level``; bounds are None where none were measured."""

    value: float
    low: float | None = None
    high: float | None = None
    level: float | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """A named total: its value out of ``maximum``, its interval, and how many of its sites were unreadable."""

    value: float
    maximum: float
    low: float | None = None
    high: float | None = None
    level: float | None = None
    sites_unreadable: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where in the study a finding was made.

    Attributes:
        image: index into the study's images.
        center_px: (column, row) of the place, in pixels of that image, the centre of the first pixel being (0, 0).
        box_px: (left, top, right, bottom) of the region looked at, in the same pixels.
        outline_px: corners of the region looked at as (column, row), where it is turned against the image.
        profile: what was measured along the joint, for the page: name -> numbers (``position``, ``width``, ...).
        map: the evidence map, a ``data:`` URI of a small grey PNG that lies over ``box_px`` (see ``vision.evidence_map``).
        lesions_px: outlines of what was found there, such as suspected erosions: each a polygon of (column, row) that closes
            by itself, in the same pixels. Where two overlap, both hold the pixel.
    """

    image: int
    center_px: tuple[float, float] | None = None
    box_px: tuple[float, float, float, float] | None = None
    outline_px: tuple[tuple[float, float], ...] = ()
    profile: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    map: str | None = None
    lesions_px: tuple[tuple[tuple[float, float], ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Before:
    """What a corrected finding said in the reading that was corrected; all None where that reading had no such finding."""

    grade: float | None = None
    value: float | None = None
    unit: str | None = None
    unreadable: str | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed a reading and when, with the digest of what was signed (see ``reading_signature``).

    Attributes:
        by: name of the person.
        at: ISO 8601 with time zone.
        sha256: digest of the signed findings and totals.
    """

    by: str
    at: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A feature's grade or measurement at a site, or the reason why there is none: never a silent 0.

    Attributes:
        site: name of the site in the scoring system, such as ``MCP 2``.
        side: ``left``, ``right``, or None for a midline site.
        feature: key of the feature in the scoring system, such as ``joint_space_narrowing``.
        grade: the grade; None for a measurement or an unreadable site.
        value: the measurement; None for a grade.
        unit: UCUM unit of the value (``mm``, ``%``, ``deg``, ``mL``).
        probabilities: calibrated probability of each grade, in the order of the system's grades; empty where unknown.
        interval: interval of the grade or value.
        evidence: where it was found.
        unreadable: why there is neither grade nor value.
        instance: tracking identifier of a lesion, where a site holds several.
        was: what the corrected reading said here; None where this finding was not changed.
    """

    site: str
    side: str | None
    feature: str
    grade: float | None = None
    value: float | None = None
    unit: str | None = None
    probabilities: tuple[float, ...] = ()
    interval: Interval | None = None
    evidence: Evidence | None = None
    unreadable: str | None = None
    instance: str | None = None
    was: Before | None = None

    def __post_init__(self) -> None:
        said = (self.grade is not None) + (self.value is not None) + (self.unreadable is not None)
        if said != 1:
            raise ValueError(f"{self.label}: a finding has exactly one of grade, value and unreadable")
        if self.value is not None and self.unit is None:
            raise ValueError(f"{self.label}: a value needs its unit")

    @property
    def label(self) -> str:
        """Site, side and feature in words, for messages."""
        return " ".join(word for word in (self.site, self.side, self.feature.replace("_", " ")) if word)


@dataclass(frozen=True, slots=True)
class ReaderRef:
    """Who made a reading: a model (id, version and hash of its card), a person, or a panel."""

    kind: ReaderKind
    id: str
    version: str | None = None
    card_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class ImageRef:
    """An image that a reading speaks of; ``uid`` and ``sop_class`` name the DICOM object where there is one."""

    source: str
    uid: str | None = None
    sop_class: str | None = None
    frame: int | None = None
    rows: int | None = None
    columns: int | None = None


@dataclass(frozen=True, slots=True)
class StudyRef:
    """The study that a reading speaks of; a Reading travels without pixels."""

    source: str
    uid: str | None = None
    patient: str | None = None
    timepoint_days: float | None = None
    side_source: str | None = None
    images: tuple[ImageRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """One reader's findings in one study under one scoring system.

    Attributes:
        uid: DICOM UID of the reading.
        reader: who made it.
        system: key of the scoring system.
        study: what was read.
        findings: all findings, those that could not be read with their reason among them.
        totals: named totals that the findings allow; one whose region was not imaged is absent.
        created: ISO 8601 with time zone.
        status: ``unverified`` until a person signs.
        basis: uid of the reading that this one corrects, or is the signed copy of.
        read: repeat number of the same reader on the same study, from 1.
        warnings: what a person should know, one sentence each.
        signature: who signed; there exactly when the status is ``signed``.
    """

    uid: str
    reader: ReaderRef
    system: str
    study: StudyRef
    findings: tuple[Finding, ...]
    totals: Mapping[str, Total]
    created: str
    status: Status = "unverified"
    basis: str | None = None
    read: int = 1
    warnings: tuple[str, ...] = ()
    signature: Signature | None = None

    def __post_init__(self) -> None:
        if (self.status == "signed") != (self.signature is not None):
            raise ValueError(f"reading {self.uid}: its status is {self.status}, but it {'has' if self.signature else 'lacks'} a signature")

    def total(self, name: str) -> Total:
        """The named total.

        Raises:
            KeyError: no such total; the message says which there are.
        """
        if name not in self.totals:
            raise KeyError(f"no total {name!r} in this reading; it has: {', '.join(self.totals) or 'none'}")
        return self.totals[name]

    def at(self, site: str, side: str | None = None) -> tuple[Finding, ...]:
        """All findings at a site, on one side where it is given."""
        return tuple(f for f in self.findings if f.site == site and (side is None or f.side == side))

    @property
    def unreadable(self) -> tuple[str, ...]:
        """One line for each finding that could not be read: what and why."""
        return tuple(f"{f.label}: {f.unreadable}" for f in self.findings if f.unreadable)


def commonest(reasons: Iterable[str]) -> str:
    """The three reasons given most often, each with how often, in one line; empty where there is none."""
    return ", ".join(f"{reason} ({count})" for reason, count in Counter(reasons).most_common(3))
