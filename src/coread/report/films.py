"""Where marks stand on a radiograph: films cut per hand, one mark a finding, badges placed so that none hides a joint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from coread.reading import Finding, Reading
from coread.report.evidence_heat import Heat, heat
from coread.report.palette import step_of
from coread.report.picture import Bytes, Picture, overview

REFERENCE_WIDTH = 430.0
BADGE_RADIUS = 9.0
LEADERS = (17.0, 23.0, 31.0, 41.0)


@dataclass(frozen=True, slots=True)
class Mark:
    """One finding on a film: a dot at its place and a badge beside it that carries the grade.

    Attributes:
        finding: the finding.
        feature: position of the feature among those shown.
        step: colour step of the grade; None where the finding is unreadable.
        x, y: place (column, row) in pixels of the image.
        dx, dy: from the place to the middle of the badge, in units that the page draws at a constant size.
    """

    finding: Finding
    feature: int
    step: int | None
    x: float
    y: float
    dx: float
    dy: float


@dataclass(frozen=True, slots=True)
class Film:
    """An image, or the half of it that shows one side, with its marks.

    Attributes:
        image: index into the study's images.
        side: the side shown where the image was cut between two; else None.
        left, top, width, height: the part shown, in pixels of the image.
        picture: the pixels; None where the reading came without its study.
        marks: the marks on it.
        scale: pixels of the image per unit of ``dx``, ``dy`` at the reference width.
        heats: evidence maps that lie over it.
    """

    image: int
    side: str | None
    left: int
    top: int
    width: int
    height: int
    picture: Picture | None
    marks: tuple[Mark, ...]
    scale: float
    heats: tuple[Heat, ...] = ()


def films(reading: Reading, pixels: Sequence[Bytes], highest: dict[str, float]) -> tuple[Film, ...]:
    """The films of a reading.

    Args:
        reading: the reading.
        pixels: each image of the study, uint8; empty where the study is not at hand: then the marks stand on a blank
            field of the image's size.
        highest: the highest grade of each feature that is graded, in the order of the features.
    """
    shown = marked_findings(reading, tuple(highest))
    made: list[Film] = []
    for image in range(max(len(pixels), 1 + max((f.evidence.image for f in shown if f.evidence), default=-1))):
        here = [f for f in shown if f.evidence and f.evidence.image == image]
        shape = _shape(reading, pixels, image, here)
        if shape is None:
            continue
        for side, box in _parts(here, shape):
            inside = [f for f in here if side is None or f.side in (side, None)]
            width, height = box[2] - box[0], box[3] - box[1]
            scale = width / REFERENCE_WIDTH
            made.append(
                Film(
                    image=image,
                    side=side,
                    left=box[0],
                    top=box[1],
                    width=width,
                    height=height,
                    picture=overview(pixels[image], box) if image < len(pixels) else None,
                    marks=_marks(inside, highest, box, scale),
                    scale=scale,
                    heats=_heats(inside, box),
                )
            )
    return tuple(made)


def _heats(inside: Sequence[Finding], box: tuple[int, int, int, int]) -> tuple[Heat, ...]:
    part = (box[0] - 0.5, box[1] - 0.5, box[2] - 0.5, box[3] - 0.5)
    return tuple(made for finding in inside if finding.evidence is not None and (made := heat(finding.evidence, part)) is not None)


def marked_findings(reading: Reading, features: tuple[str, ...]) -> list[Finding]:
    """The findings that get a mark: those of every feature of which something was graded, each with a place.

    What was not assessed would only cover the image; where nothing whatever was graded, one mark stands at each place, so that a
    person still sees what was found.
    """
    placed = [f for f in reading.findings if f.feature in features and f.evidence is not None and f.evidence.center_px is not None]
    if any(f.grade is not None for f in reading.findings):
        return [f for f in placed if f.unreadable is None or not f.unreadable.startswith("not assessed")]
    first: dict[tuple[str, str | None], Finding] = {}
    for finding in placed:
        first.setdefault((finding.site, finding.side), finding)
    return list(first.values())


def _shape(reading: Reading, pixels: Sequence[Bytes], image: int, here: list[Finding]) -> tuple[int, int] | None:
    """Rows and columns of an image: from its pixels, from the reading, or as far as its findings reach."""
    if image < len(pixels):
        return pixels[image].shape[0], pixels[image].shape[1]
    if not here:
        return None
    if image < len(reading.study.images):
        ref = reading.study.images[image]
        if ref.rows and ref.columns:
            return ref.rows, ref.columns
    points = _centers(here)
    return int(points[:, 1].max() * 1.15) + 10, int(points[:, 0].max() * 1.15) + 10


def _parts(here: list[Finding], shape: tuple[int, int]) -> list[tuple[str | None, tuple[int, int, int, int]]]:
    """The whole image, or two halves where left and right lie apart: a phone then shows each hand at full width."""
    rows, columns = shape
    left, right = (_centers([f for f in here if f.side == side]) for side in ("left", "right"))
    if len(left) >= 3 and len(right) >= 3:
        for axis, length in ((0, columns), (1, rows)):
            first, second, names = (left, right, ("left", "right"))
            if left[:, axis].mean() > right[:, axis].mean():
                first, second, names = (right, left, ("right", "left"))
            if first[:, axis].max() < second[:, axis].min():
                cut = min(length - 8, max(8, round(float(first[:, axis].max() + second[:, axis].min()) / 2)))
                if axis == 0:
                    return [(names[0], (0, 0, cut, rows)), (names[1], (cut, 0, columns, rows))]
                return [(names[0], (0, 0, columns, cut)), (names[1], (0, cut, columns, rows))]
    return [(None, (0, 0, columns, rows))]


def _centers(findings: list[Finding]) -> npt.NDArray[np.float64]:
    return np.array([f.evidence.center_px for f in findings if f.evidence and f.evidence.center_px], dtype=float).reshape(-1, 2)


def _marks(here: list[Finding], highest: dict[str, float], box: tuple[int, int, int, int], scale: float) -> tuple[Mark, ...]:
    """Marks with their badges placed greedily: away from every joint, from every badge before it, and inside the film."""
    if not here:
        return ()
    order = list(highest)
    centers = _centers(here) / scale
    low, high = np.array(box[:2]) / scale + BADGE_RADIUS, np.array(box[2:]) / scale - BADGE_RADIUS
    angles = np.arange(16) * (np.pi / 8)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    steps = np.concatenate([directions * leader for leader in LEADERS])
    away = np.repeat(np.arange(len(LEADERS)), len(angles)) * 0.5
    # Fingers run up and down the film: a badge to the side of a joint hides less than one on the bone.
    lean = np.tile(np.abs(directions[:, 1]), len(LEADERS)) * 0.35
    badges = np.empty((0, 2))
    marks: list[Mark] = []
    for finding, center in zip(here, centers, strict=True):
        at = center + steps
        cost = away + lean + 4.0 * ((at < low) | (at > high)).sum(axis=1)
        cost += (4.0 * _closer(at, centers, BADGE_RADIUS + 5.0)).sum(axis=1)
        cost += (3.0 * _closer(at, badges, 2 * BADGE_RADIUS + 3.0)).sum(axis=1)
        best = int(cost.argmin())
        badges = np.concatenate([badges, at[best : best + 1]])
        marks.append(
            Mark(
                finding=finding,
                feature=order.index(finding.feature),
                step=None if finding.grade is None else step_of(finding.grade, highest[finding.feature]),
                x=float(center[0] * scale),
                y=float(center[1] * scale),
                dx=float(steps[best, 0]),
                dy=float(steps[best, 1]),
            )
        )
    return tuple(marks)


def _closer(points: npt.NDArray[np.float64], others: npt.NDArray[np.float64], reach: float) -> npt.NDArray[np.float64]:
    """How far each point intrudes into the reach of each other one, 0..1; axes (point, other)."""
    apart = np.hypot(points[:, None, 0] - others[None, :, 0], points[:, None, 1] - others[None, :, 1])
    return np.clip((reach - apart) / reach * 2.0, 0.0, 1.0)
