"""Joint spaces into findings: the narrowing grade, and the widths and subluxation that it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite, sqrt

import numpy as np
import numpy.typing as npt

from coread.readers.rounding import point, shares
from coread.reading import Evidence, Finding, Interval
from coread.scoring import Item
from coread.vision.landmarks import Hand
from coread.vision.narrowing import LEVEL, Narrowing, grade_hand, in_unit
from coread.vision.pose import Pixels
from coread.vision.spaces import Space, measure_spaces

WIDTH, LEAST_WIDTH, SUBLUXATION = "joint_space_width", "minimum_joint_space_width", "subluxation"
FUSED = 4


Measured = Mapping[str, tuple[Space, Narrowing]]


def measured_spaces(items: Sequence[Item], hand: Hand, pixels: Pixels, spacing_mm: tuple[float, float] | None) -> Measured:
    """The joint space of each item's site, and how far it is narrowed given the hand's other spaces, by site.

    Args:
        items: narrowing items of this hand whose places can be looked at.
        hand: the hand as it was located.
        pixels: [y, x], 0..1, bone bright.
        spacing_mm: (row, column) distance of pixels; None where it is not known, then widths are per cent of bone width.
    """
    spaces = measure_spaces(pixels, [hand.places[item.site] for item in items])
    narrowings = grade_hand(spaces, _one_spacing(spacing_mm))
    return {item.site: (space, narrowing) for item, space, narrowing in zip(items, spaces, narrowings, strict=True)}


def space_findings(items: Sequence[Item], measured: Measured, image: int, spacing_mm: tuple[float, float] | None) -> list[Finding]:
    """What the spaces of one hand say about the items given: a grade, or why there is none, and the measurements behind it.

    Args:
        items: those that were measured.
        measured: by site, see `measured_spaces`.
        image: index of the image in the study, for the evidence.
        spacing_mm: as for `measured_spaces`.
    """
    spacing = _one_spacing(spacing_mm)
    findings: list[Finding] = []
    for item in items:
        space, narrowing = measured[item.site]
        evidence = _evidence(space, narrowing, image, spacing)
        if narrowing.grade is None:
            reason = narrowing.unmeasurable or "the space could not be measured"
            findings.append(Finding(item.site, item.side, item.feature, unreadable=reason, evidence=evidence))
            continue
        findings.append(
            Finding(
                item.site,
                item.side,
                item.feature,
                grade=float(narrowing.grade),
                probabilities=shares(narrowing.probabilities),
                interval=Interval(float(narrowing.grade), _number(narrowing.low), _number(narrowing.high), LEVEL),
                evidence=evidence,
            )
        )
        findings += _measurements(item, space, narrowing, spacing)
    return findings


def _one_spacing(spacing_mm: tuple[float, float] | None) -> float | None:
    return sqrt(spacing_mm[0] * spacing_mm[1]) if spacing_mm else None


def _measurements(item: Item, space: Space, narrowing: Narrowing, spacing: float | None) -> list[Finding]:
    """Widths and subluxation; a fused joint has no width, and bones whose shafts were not seen no subluxation."""
    found = []
    if narrowing.grade != FUSED:
        value, unit = in_unit(narrowing.width_px, space, spacing)
        low, high = (in_unit(bound, space, spacing)[0] for bound in (narrowing.width_low_px, narrowing.width_high_px))
        interval = Interval(round(value, 3), round(low, 3), round(high, 3), LEVEL)
        found.append(Finding(item.site, item.side, WIDTH, value=round(value, 3), unit=unit, interval=interval))
        found.append(Finding(item.site, item.side, LEAST_WIDTH, value=round(in_unit(space.minimum_px, space, spacing)[0], 3), unit=unit))
    if isfinite(space.offset):
        found.append(Finding(item.site, item.side, SUBLUXATION, value=round(100 * abs(space.offset), 1), unit="%"))
    return found


def _evidence(space: Space, narrowing: Narrowing, image: int, spacing: float | None) -> Evidence:
    if narrowing.grade is None or not len(space.widths_px):
        return Evidence(image, point(space.center_px))
    column, row = space.center_px
    half = 0.75 * space.bone_width_px
    scale = spacing if spacing is not None else 100 / space.bone_width_px
    profile = {
        "position": _rounded(space.positions * space.bone_width_px * scale),
        "width": _rounded(space.widths_px * scale),
        "expected_width": (round(narrowing.expected_px * scale, 3),),
    }
    for name, edge in (("proximal", space.proximal_px), ("distal", space.distal_px)):
        profile |= {f"{name}_x": _rounded(edge[:, 0]), f"{name}_y": _rounded(edge[:, 1])}
    box = tuple(round(v, 2) for v in (column - half, row - half, column + half, row + half))
    return Evidence(image, point(space.center_px), box_px=(box[0], box[1], box[2], box[3]), profile=profile)


def _rounded(values: npt.ArrayLike, digits: int = 3) -> tuple[float, ...]:
    return tuple(round(float(v), digits) for v in np.asarray(values, dtype=float))


def _number(value: int | None) -> float | None:
    return None if value is None else float(value)
