"""Which hand is which: tags and sidecar first, then a readable marker, then anatomy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

Point = tuple[float, float]


class SideMarker(Protocol):
    """A readable L or R in an image; a mirrored letter tells that the image is mirrored."""

    @property
    def letter(self) -> str:
        """``L`` or ``R``."""

    @property
    def mirrored(self) -> bool:
        """Whether the letter itself is mirrored."""

    @property
    def box_px(self) -> tuple[float, float, float, float]:
        """(left, top, right, bottom)."""


@dataclass(frozen=True, slots=True)
class Sides:
    """The side of each hand of one image, in their order, what said so (``tag``, ``sidecar``, ``marker``, ``anatomy``), and doubts."""

    sides: tuple[str, ...]
    source: str
    warnings: tuple[str, ...]


def decide_sides(
    anatomy: Sequence[str], centres_px: Sequence[Point], stated: str | None, stated_by: str, markers: Sequence[SideMarker]
) -> Sides:
    """The side of each hand found in one image.

    What a tag or sidecar states wins, then a readable marker, then anatomy under the assumption of an unmirrored,
    palm-down view. Each contradiction is a warning, never a silent choice.

    Args:
        anatomy: for each hand ``left`` or ``right`` as it would be in an unmirrored palm-down view.
        centres_px: centre of each hand, (column, row).
        stated: ``left``, ``right``, ``both`` or None, as the file or sidecar states it.
        stated_by: ``tag`` or ``sidecar``.
        markers: readable markers of the image.
    """
    warnings = []
    if len(anatomy) == 1:
        side, source = anatomy[0], "anatomy"
        letters = sorted({_side_of(m) for m in markers})
        if len(letters) > 1:
            warnings.append("the image holds both an L and an R marker beside a single hand: the markers were not used")
            letters = []
        if letters:
            side, source = letters[0], "marker"
        if stated in ("left", "right"):
            if letters and letters[0] != stated:
                warnings.append(
                    f"the {stated_by} says {stated}, a marker in the image says {letters[0]}: the {stated_by} was believed; check the side"
                )
            side, source = stated, stated_by
        elif stated == "both":
            warnings.append(f"the {stated_by} says both hands, one was found")
        warnings += _against_anatomy(side, source, anatomy[0], markers)
        return Sides((side,), source, tuple(warnings))

    sides = tuple(anatomy)
    source = "anatomy"
    if stated in ("left", "right"):
        warnings.append(f"the {stated_by} says {stated}, {len(anatomy)} hands were found: their sides were taken from markers or anatomy")
    agree = disagree = 0
    for marker in markers:
        nearest = min(range(len(sides)), key=lambda i: _distance(_centre(marker), centres_px[i]))
        if _side_of(marker) == anatomy[nearest]:
            agree += 1
        else:
            disagree += 1
    if disagree > agree:
        sides = tuple("right" if s == "left" else "left" for s in anatomy)
        source = "marker"
        warnings.append("the markers contradict the anatomy of an unmirrored palm-down view: the markers were believed; check the sides")
    elif agree > disagree:
        source = "marker"
    return Sides(sides, source, tuple(warnings))


def _against_anatomy(side: str, source: str, anatomy: str, markers: Sequence[SideMarker]) -> list[str]:
    if side == anatomy or source == "anatomy":
        return []
    if any(m.mirrored for m in markers):
        return [f"the image is mirrored: its marker reads right only in the mirror; the hand is taken as {side}, as the {source} says"]
    return [
        f"the {source} says {side}, the anatomy of an unmirrored palm-down view says {anatomy}: the {source} was believed; "
        "the image may be mirrored or the palm turned up"
    ]


def _side_of(marker: SideMarker) -> str:
    return "left" if marker.letter == "L" else "right"


def _centre(marker: SideMarker) -> Point:
    left, top, right, bottom = marker.box_px
    return (left + right) / 2, (top + bottom) / 2


def _distance(a: Point, b: Point) -> float:
    return float((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2)
