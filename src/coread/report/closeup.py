"""A joint seen close: the crop at native resolution, its edges, and the plot of its width along the joint."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from coread.reading import Evidence
from coread.report.picture import Bytes, Picture, crop, square_around
from coread.report.view import Joint

Points = tuple[tuple[float, float], ...]
WIDTH = "joint_space_width"
PLOT_WIDTH, PLOT_HEIGHT = 320.0, 150.0
PLOT_LEFT, PLOT_RIGHT, PLOT_TOP, PLOT_BOTTOM = 38.0, 8.0, 10.0, 32.0


@dataclass(frozen=True, slots=True)
class Plot:
    """The width of a joint space along the joint, in the units of an SVG of ``PLOT_WIDTH`` x ``PLOT_HEIGHT``.

    Attributes:
        width: points of the measured width, in runs (a gap where it was not measured).
        expected: points of the expected width; empty where none is known.
        narrowest: where the measured width is smallest.
        x_ticks, y_ticks: (position in the plot, number).
        unit: unit of both axes.
        summary: the plot in one sentence, for those who cannot see it.
    """

    width: tuple[Points, ...]
    expected: Points
    narrowest: tuple[float, float]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    unit: str
    summary: str


@dataclass(frozen=True, slots=True)
class Closeup:
    """Pictures of one joint, in pixels of the image; ``picture`` is None where the pixels are not at hand.

    ``lesions`` are the outlines of what was suspected there, ``suspected`` the name of that.
    """

    picture: Picture | None
    outline: Points
    proximal: Points
    distal: Points
    center: tuple[float, float] | None
    plot: Plot | None
    lesions: tuple[Points, ...] = ()
    suspected: str = ""


def closeup(joint: Joint, pixels: Sequence[Bytes], unit: str = "px") -> Closeup:
    """What there is to see of a joint, from the evidence of its findings.

    A profile is in the unit of the joint's own ``joint_space_width``; ``unit`` is taken where it has none.
    """
    findings = [*(box.finding for box in joint.graded), *(finding for _, finding in joint.measured)]
    placed = [f.evidence for f in findings if f.evidence is not None]
    measured = next((f for f in findings if f.evidence is not None and len(f.evidence.profile.get("width", ())) >= 2), None)
    best = measured.evidence if measured else None
    image = best.image if best else placed[0].image if placed else 0
    here = [e for e in placed if e.image == image]
    outline = (best.outline_px if best else ()) or next((e.outline_px for e in here if e.outline_px), ()) or _box_corners(here)
    center = next((e.center_px for e in here if e.center_px), None)
    proximal, distal = (_edge(best, name) for name in ("proximal", "distal"))
    lesions, suspected = _lesions(joint, image, outline)
    picture = None
    if image < len(pixels) and placed:
        rows, columns = pixels[image].shape[:2]
        points = [*outline, *proximal, *distal, *(corner for lesion in lesions for corner in lesion)]
        least = max(rows, columns) / 14
        spread = square_around(points or ([center] if center else []), 0.25 if points else 0.0, least, (rows, columns))
        picture = crop(pixels[image], spread) if spread else None
    plot = _plot(best, unit_of(joint) or unit) if best else None
    return Closeup(picture, outline, proximal, distal, center, plot, lesions, suspected)


def _lesions(joint: Joint, image: int, frame: Points) -> tuple[tuple[Points, ...], str]:
    """The outlines on an image and the name of what they outline; where a graded finding has only a box of its own, that box."""
    found: list[Points] = []
    names: dict[str, None] = {}
    for box in joint.graded:
        evidence = box.finding.evidence
        if evidence is None or evidence.image != image:
            continue
        own = _box_corners([evidence]) if box.finding.grade and not evidence.profile else ()
        shown = evidence.lesions_px or ((own,) if own and own != frame else ())
        if shown:
            found += shown
            names[box.feature_name] = None
    return tuple(found), " or ".join(names)


def unit_of(joint: Joint) -> str | None:
    """Unit of the joint's width, where it was measured."""
    return next((finding.unit for _, finding in joint.measured if finding.feature == WIDTH and finding.unit), None)


def _box_corners(evidence: Sequence[Evidence]) -> Points:
    box = next((e.box_px for e in evidence if e.box_px), None)
    if box is None:
        return ()
    left, top, right, bottom = box
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def _edge(evidence: Evidence | None, name: str) -> Points:
    """An edge curve in image pixels from the profile; points that are not finite are left out."""
    if evidence is None:
        return ()
    columns, rows = evidence.profile.get(f"{name}_x", ()), evidence.profile.get(f"{name}_y", ())
    return tuple((float(x), float(y)) for x, y in zip(columns, rows, strict=False) if math.isfinite(x) and math.isfinite(y))


def _plot(evidence: Evidence, unit: str) -> Plot | None:
    """The plot of a profile; None where fewer than two points of it were measured."""
    profile = evidence.profile
    width = np.asarray(profile["width"], dtype=float)
    position = np.asarray(profile.get("position", ()), dtype=float)
    if position.shape != width.shape:
        position = np.arange(len(width), dtype=float)
    good = np.isfinite(width) & np.isfinite(position)
    if good.sum() < 2:
        return None
    expected = np.asarray(profile.get("expected_width", ()), dtype=float)
    expected = np.full(len(width), expected[0]) if expected.size == 1 else expected
    expected = expected if expected.shape == width.shape else np.empty(0)
    unit = "% of bone width" if unit == "%" else unit
    low, high = float(position[good].min()), float(position[good].max())
    top = float(max(width[good].max(), np.nanmax(expected) if np.isfinite(expected).any() else 0.0)) * 1.12 or 1.0
    across = (PLOT_WIDTH - PLOT_LEFT - PLOT_RIGHT) / ((high - low) or 1.0)
    down = (PLOT_HEIGHT - PLOT_TOP - PLOT_BOTTOM) / top

    def at(x: float, y: float) -> tuple[float, float]:
        return round(PLOT_LEFT + (x - low) * across, 1), round(PLOT_HEIGHT - PLOT_BOTTOM - y * down, 1)

    runs: list[list[tuple[float, float]]] = [[]]
    for x, y, ok in zip(position, width, good, strict=True):
        if ok:
            runs[-1].append(at(float(x), float(y)))
        elif runs[-1]:
            runs.append([])
    least = int(np.nanargmin(np.where(good, width, np.nan)))
    line = tuple(
        at(float(x), float(y)) for x, y in zip(position, expected, strict=False) if np.isfinite(x) and np.isfinite(y) and low <= x <= high
    )
    mean = float(width[good].mean())
    said = f"Width along the joint: mean {mean:.2g} {unit}, narrowest {width[least]:.2g} {unit}"
    if len(line):
        said += f", expected {float(np.nanmean(expected)):.2g} {unit}"
    return Plot(
        width=tuple(tuple(run) for run in runs if len(run) > 1),
        expected=line,
        narrowest=at(float(position[least]), float(width[least])),
        x_ticks=tuple((at(x, 0)[0], text) for x, text in ticks(low, high)),
        y_ticks=tuple((at(low, y)[1], text) for y, text in ticks(0.0, top)),
        unit=unit,
        summary=said + ".",
    )


def ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Three to six round numbers between two bounds."""
    span = (high - low) or 1.0
    step = 10.0 ** math.floor(math.log10(span / 4))
    step *= next((m for m in (1, 2, 5, 10) if span / (step * m) <= 5.5), 10)
    first = math.ceil(low / step - 1e-9)
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    return [(i * step, f"{i * step:.{places}f}".replace("-", "−")) for i in range(first, math.floor(high / step + 1e-9) + 1)]
