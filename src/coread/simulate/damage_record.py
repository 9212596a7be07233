"""What simulated damage of a real hand depends on: plain values, drawn once, kept as JSON, able to be replayed.

Lengths are in widths of the bone at the site (``Joint.width_px``), so that one record fits every image of that hand. Sides are
anatomical: ``+`` is towards the thumb, whichever way the hand lies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from coread.errors import InputError

Part = Literal["proximal", "distal", "bone"]
BiteKind = Literal["marginal", "surface", "pocket", "collapse"]
MimicKind = Literal["notch", "cyst", "vessel", "sesamoid", "osteophyte", "overlap", "smoothed", "contrast", "resampled"]

FINGER_SITES = ("MCP 1", "MCP 2", "MCP 3", "MCP 4", "MCP 5", "PIP 2", "PIP 3", "PIP 4", "PIP 5", "IP thumb")
CARPAL_BONES = ("scaphoid", "lunate", "trapezium-trapezoid")
WRIST_BONES = ("metacarpal 1 base", "radius", "ulna", *CARPAL_BONES)
EROSION_SITES = FINGER_SITES + WRIST_BONES
WRIST_SPACES = ("CMC 3", "CMC 4", "CMC 5", "scaphotrapeziotrapezoid", "capitate-scaphoid-lunate", "radiocarpal")
NARROWING_SITES = tuple(s for s in FINGER_SITES if s != "IP thumb") + WRIST_SPACES


class Joint(Protocol):
    """A located site of a hand; ``coread.vision.landmarks.Place`` is one."""

    @property
    def name(self) -> str:
        """Site name of the Sharp/van der Heijde score."""

    @property
    def center_px(self) -> tuple[float, float]:
        """(column, row)."""

    @property
    def axis(self) -> tuple[float, float]:
        """Unit vector (columns, rows) across the joint, distally."""

    @property
    def width_px(self) -> float:
        """Width of the bone at the site."""


@dataclass(frozen=True, slots=True)
class Bite:
    """One erosion.

    Attributes:
        site: site of the score.
        part: the bone: proximal or distal of the joint; ``bone`` for a carpal bone.
        kind: marginal (at the rim), surface (of the bone's end), pocket (inside, with a narrow breach), collapse of the end.
        angle_deg: where on the bone's edge, seen from the middle of its end: 0 towards the joint, 90 towards the thumb.
        width, depth: extent along the edge and into the bone.
        through: share of the bone's thickness that is gone, 0..1.
        softness: half-width of the defect's edge.
        rim: sclerosis beside the defect, as a share of the bone's brightness over soft tissue.
        residue: share of what is gone that remains as trabecular remnants.
        square: exponent of the superellipse, 2 an ellipse.
        wobble: cosine and sine amplitudes of the outline's waves 2, 3, 4, 5.
    """

    site: str
    part: Part
    kind: BiteKind
    angle_deg: float
    width: float
    depth: float
    through: float
    softness: float
    rim: float = 0.0
    residue: float = 0.2
    square: float = 2.0
    wobble: tuple[float, ...] = (0.0,) * 8


@dataclass(frozen=True, slots=True)
class Narrowed:
    """One narrowed space.

    Attributes:
        site: joint.
        lost: share of the space that is lost, 0..1.
        focal_at: place across the joint (-0.5..0.5) of a loss of this place alone; None: general.
        ankylosis: bone bridges the space (``lost`` is then 1).
    """

    site: str
    lost: float
    focal_at: float | None = None
    ankylosis: bool = False


@dataclass(frozen=True, slots=True)
class Subluxed:
    """The distal bone shifted across by ``offset`` of the bone's width (+ towards the thumb) and over the proximal by ``overlap``."""

    site: str
    offset: float
    overlap: float = 0.0


@dataclass(frozen=True, slots=True)
class Osteopenic:
    """Mineral lost around a joint: ``strength`` of the bone's brightness over soft tissue, ``coarse`` of the trabecular contrast."""

    site: str
    strength: float
    coarse: float


@dataclass(frozen=True, slots=True)
class Mimic:
    """Something without a grade: a healthy variant, or an edit of the image in which nothing is lost.

    Attributes:
        site, part, angle_deg: as for ``Bite``.
        kind: notch, cyst, vessel, sesamoid, osteophyte, overlap (variants); smoothed, contrast, resampled (sham edits).
        size: extent in bone widths.
        strength: share of the bone's brightness over soft tissue (signed for contrast and overlap).
        wobble: as for ``Bite``.
    """

    site: str
    part: Part
    kind: MimicKind
    angle_deg: float
    size: float
    strength: float
    wobble: tuple[float, ...] = (0.0,) * 8


@dataclass(frozen=True, slots=True)
class DamageRecord:
    """All damage of one hand. ``seed`` draws the film grain that warping has smoothed away; ``severity`` is 0..1."""

    severity: float
    bites: tuple[Bite, ...] = ()
    narrowed: tuple[Narrowed, ...] = ()
    subluxed: tuple[Subluxed, ...] = ()
    osteopenic: tuple[Osteopenic, ...] = ()
    mimics: tuple[Mimic, ...] = ()
    seed: int = 0

    def to_json(self) -> str:
        """The record as JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> DamageRecord:
        """The record that ``to_json`` wrote.

        Raises:
            InputError: the text is no such record.
        """
        try:
            raw = json.loads(text)
            lists = {name: tuple(kind(**_tuples(one)) for one in raw[name]) for name, kind in _KINDS.items()}
            return cls(**{**raw, **lists})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"damage record: not what DamageRecord.to_json wrote ({error!r})") from error


_KINDS: Mapping[str, Any] = {"bites": Bite, "narrowed": Narrowed, "subluxed": Subluxed, "osteopenic": Osteopenic, "mimics": Mimic}


def _tuples(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
