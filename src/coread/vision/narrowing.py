"""Narrowing grades 0-4 from measured joint spaces, as probabilities.

The grades of Sharp/van der Heijde (J Rheumatol 1999;26:743, 2000;27:261) speak of what is left of a space: 0 normal, 1 focal or
doubtful, 2 general with more than half left, 3 less than half left or subluxation, 4 ankylosis or complete luxation. What a joint had
before is not known, so it is inferred: from the norm of the site and from how wide the same hand's other joints are, with the spread
that healthy joints have about both. All joints of a hand are weighed together, in closed sums over a grid (Bayes' rule), so that one
narrow joint among wide ones stands out while a hand that is narrow throughout is still measured against the norm. A hand's MCP joints
resemble each other more than they do its PIP or wrist joints, so each kind has its own level about the hand's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr

from coread.errors import InputError
from coread.vision.expected_widths import Expected, expected_width
from coread.vision.spaces import CARPAL, Space

GRADES = (0, 1, 2, 3, 4)
FAINT = "the gap is too faint to tell a joint space from fused bones"
LEVEL = 0.90

# How often each grade is met in a joint of an exam that is sent for scoring: most joints are normal even in established disease.
PRIOR = (0.54, 0.14, 0.18, 0.10, 0.04)
# Cuts of what is left (share of the expected width): "doubtful" is taken as 80-90 %, half is the definition's own.
_NORMAL, _DOUBTFUL, _HALF, _LEAST = 0.90, 0.80, 0.50, 0.05
# Spread (log) of whole hands about the norm and of a hand's MCP, PIP and wrist joints about their hand, from hands without arthritis
# (n = 31, levels of MCP and PIP .14 each, correlated by .63; those of the wrist stand alone), and the grid over a level: bounded, for a
# hand narrowed throughout is no hand of narrow spaces.
_HAND_SPREAD, _KIND_SPREAD = 0.11, {"MCP": 0.09, "PIP": 0.09, "wrist": 0.12}
_LEVEL = np.linspace(-0.36, 0.36, 37)
_WITNESS = 0.5
# What a width is off by, repeated: pixels, and share of bone width (see bench/spaces.py).
_ERROR_PX, _ERROR_SHARE = 0.12, 0.005
# Sideways offset of the bones (share of bone width) from which a joint is subluxed, luxated, and how unsure an offset is; the thumb
# is seen from the side and stands off in health, and so, less, do the knuckles.
_SUBLUXED, _SUBLUXED_MCP, _SUBLUXED_THUMB, _LUXATED, _OFFSET_ERROR = 0.28, 0.36, 0.52, 0.95, 0.04
# A real hand with a plain gap in a faint film was once called fused: from this share of the expected width on, bone ends that were
# traced apart speak against it.
_TRACED_APART = 0.35
# Depth of a gap against bone at which fusion and a gap are equally likely, and how sharply one turns into the other.
_FUSED, _FUSED_SLOPE = 0.22, 0.02


@dataclass(frozen=True, slots=True)
class Narrowing:
    """How far one joint space is narrowed.

    Attributes:
        name: site name.
        probabilities: of the grades 0 to 4; empty where the space could not be measured.
        grade: the middle of the distribution (half of the probability lies at or below it); None as above.
        low: least grade of the 90 % interval.
        high: greatest grade of the 90 % interval.
        width_px: mean joint space width.
        width_low_px: lower bound of its 90 % interval.
        width_high_px: upper bound.
        expected_px: width that the joint would have without narrowing, in pixels, given the norm and the hand's other joints.
        left: share of the expected width that is left.
        subluxation: probability that the joint is subluxed or luxated.
        unmeasurable: why there is no grade, or None.
    """

    name: str
    probabilities: tuple[float, ...]
    grade: int | None
    low: int | None
    high: int | None
    width_px: float
    width_low_px: float
    width_high_px: float
    expected_px: float
    left: float
    subluxation: float
    unmeasurable: str | None = None


def in_unit(value_px: float, space: Space, spacing_mm: float | None) -> tuple[float, str]:
    """A length in the image in mm where the pixel spacing is known, else as per cent of the joint's bone width; with its UCUM unit."""
    return (value_px * spacing_mm, "mm") if spacing_mm is not None else (100 * value_px / space.bone_width_px, "%")


def grade_hand(spaces: Sequence[Space], spacing_mm: float | None = None) -> tuple[Narrowing, ...]:
    """Narrowing of all joints of one hand, each seen against the others.

    Args:
        spaces: the spaces of one hand.
        spacing_mm: distance of neighbouring pixels, None where unknown: then widths are compared as shares of bone width.

    Returns:
        One result for each space, in order; one that was not measured keeps its reason.

    Raises:
        InputError: a site without a norm, or a spacing that is not above 0.
    """
    if spacing_mm is not None and not (np.isfinite(spacing_mm) and spacing_mm > 0):
        raise InputError(f"the pixel spacing must be a length above 0 mm, not {spacing_mm}")
    norms = [expected_width(s.name) for s in spaces]
    seen = [i for i, s in enumerate(spaces) if s.unmeasurable is None]
    base = {i: _norm_px(spaces[i], norms[i], spacing_mm) for i in seen}
    errors = {i: _error_px(spaces[i]) for i in seen}
    likelihoods = {i: _likelihoods(spaces[i], norms[i], base[i], errors[i]) for i in seen}
    told = {kind: np.ones_like(_LEVEL) for kind in _KIND_SPREAD}
    for i in seen:
        # A fused joint says nothing about how wide this hand's spaces are.
        open_gap = 1 - _fused(spaces[i])
        total = likelihoods[i].sum(axis=0)
        # Damage comes to many joints of a hand at once, so they are less than that many witnesses to its own width.
        told[_kind(spaces[i].name)] *= (1 - open_gap + open_gap * total / total.max()) ** _WITNESS
    levels = _levels(told)
    results = []
    for i, s in enumerate(spaces):
        level = levels[_kind(s.name)]
        known = i in base
        results.append(
            _result(s, _posterior(likelihoods[i], level), base[i] * float(np.exp(_LEVEL @ level)), errors[i]) if known else _nothing(s)
        )
    return tuple(results)


def _kind(name: str) -> str:
    return "wrist" if name in CARPAL else name.split()[0]


def _levels(told: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """How wide the joints of each kind are in this hand: distributions over ``_LEVEL``, from what each kind tells of its own level."""
    hand = np.exp(-0.5 * (_LEVEL / _HAND_SPREAD) ** 2)
    about = {kind: np.exp(-0.5 * ((_LEVEL[:, None] - _LEVEL) / spread) ** 2) for kind, spread in _KIND_SPREAD.items()}
    heard = {kind: about[kind] @ told[kind] for kind in told}
    levels = {}
    for kind, own in told.items():
        others = np.prod([heard[k] for k in told if k != kind], axis=0)
        level = own * ((hand * others) @ about[kind])
        levels[kind] = level / level.sum()
    return levels


def grade_narrowing(space: Space, others: Sequence[Space] = (), spacing_mm: float | None = None) -> Narrowing:
    """Narrowing of one joint, seen against other joints of the same hand where there are any; see `grade_hand`."""
    return grade_hand([space, *others], spacing_mm)[0]


def _norm_px(space: Space, norm: Expected, spacing_mm: float | None) -> float:
    """Usual width of a healthy space at this site, px."""
    return norm.share * space.bone_width_px if spacing_mm is None else norm.mm / spacing_mm


def _error_px(space: Space) -> float:
    """Standard deviation of a measured mean width, px."""
    sure = max(space.quality, 0.25)
    return float(np.hypot(_ERROR_PX, _ERROR_SHARE * space.bone_width_px) / sure)


def _likelihoods(space: Space, norm: Expected, base_px: float, error_px: float) -> NDArray[np.float64]:
    """Prior times likelihood of the measured mean and minimum for grades 0-3 (rows) at each width of the whole hand (columns)."""
    expected = base_px * np.exp(_LEVEL)
    evenness = space.minimum_px / space.mean_px if space.mean_px > 0 else 0.0
    even = _density(evenness, norm.even, norm.even_spread)
    # A focal loss may be anything down to a quarter of the usual evenness.
    uneven = 1 / (0.65 * norm.even) if 0.2 * norm.even <= evenness <= 0.9 * norm.even else 0.05
    focal = _mean_over(_DOUBTFUL - 0.05, 1.0, space, expected, norm, error_px)
    return np.stack(
        [
            PRIOR[0] * _mean_over(1.0, 1.0, space, expected, norm, error_px) * (0.98 * even + 0.02 * uneven),
            PRIOR[1] * (0.5 * _mean_over(_DOUBTFUL, _NORMAL, space, expected, norm, error_px) * even + 0.5 * focal * uneven),
            PRIOR[2] * _mean_over(_HALF, _DOUBTFUL, space, expected, norm, error_px) * (0.75 * even + 0.25 * uneven),
            PRIOR[3] * _mean_over(_LEAST, _HALF, space, expected, norm, error_px) * (0.5 * even + 0.5 * uneven),
        ]
    )


def _mean_over(
    low: float, high: float, space: Space, expected: NDArray[np.float64], norm: Expected, error_px: float
) -> NDArray[np.float64]:
    """Density of the measured width if the share that is left lies evenly between two bounds, for each expected width."""
    left = np.linspace(low, high, 1 if low == high else 12)[:, None]
    # Bones of the wrist overlap: the fainter a gap between them, the less is it the one that was meant.
    doubt = 1 / max(space.quality, 0.25) if space.name in CARPAL else 1.0
    spread = np.hypot(left * norm.spread * doubt, error_px / expected)
    # Some joints stray further than most: they were turned against the beam, or their edges were taken from another line.
    measured = space.mean_px / expected
    return np.asarray((0.94 * _density(measured, left, spread) + 0.06 * _density(measured, left, 3 * spread)).mean(axis=0))


def _density(x: NDArray[np.float64] | float, mean: NDArray[np.float64] | float, sd: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Normal density with a floor for what no model foresees."""
    z = (np.asarray(x) - mean) / sd
    return np.asarray(np.exp(-0.5 * z * z) / (np.sqrt(2 * np.pi) * np.asarray(sd)) + 1e-4)


def _posterior(likelihood: NDArray[np.float64], level: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of grades 0-3 from the width alone."""
    return np.asarray((likelihood / likelihood.sum(axis=0)) @ level)


def _fused(space: Space) -> float:
    """Probability that there is one bone where two should be."""
    return 0.0 if space.name in CARPAL else float(expit((_FUSED - space.contrast) / _FUSED_SLOPE))


def _traced_apart(space: Space, expected_px: float) -> bool:
    """Whether bone ends were traced too far apart for fusion, however faint the gap."""
    return bool(space.mean_px > _TRACED_APART * expected_px)


def _offset(space: Space) -> tuple[float, float]:
    """Probabilities that a joint is subluxed and luxated, from how far its bones' axes stand apart."""
    if not np.isfinite(space.offset):
        return 0.0, 0.0
    cut = {"MCP 1": _SUBLUXED_THUMB}.get(space.name, _SUBLUXED_MCP if space.name.startswith("MCP") else _SUBLUXED)
    sure = min(1.0, 1.25 * space.quality)
    subluxed, luxated = (float(ndtr((abs(space.offset) - c) / _OFFSET_ERROR)) * sure for c in (cut, _LUXATED))
    return subluxed, min(luxated, subluxed)


def _result(space: Space, by_width: NDArray[np.float64], expected_px: float, error_px: float) -> Narrowing:
    fused = _fused(space)
    if _traced_apart(space, expected_px):
        if fused > 0.5:
            return replace(_nothing(space), unmeasurable=FAINT)
        fused = 0.0
    subluxed, luxated = _offset(space)
    p = np.append(by_width * (1 - fused), fused)
    p[:3] *= 1 - subluxed
    p[3] = 1 - p[:3].sum() - p[4]
    p[3], p[4] = p[3] * (1 - luxated), p[4] + p[3] * luxated
    p = np.clip(p, 0, 1) / np.clip(p, 0, 1).sum()
    low, middle, high = (min(int(np.searchsorted(np.cumsum(p), q)), 4) for q in ((1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2))
    reach = 1.645 * error_px
    return Narrowing(
        space.name,
        tuple(float(v) for v in p),
        middle,
        low,
        high,
        space.mean_px,
        max(space.mean_px - reach, 0.0),
        space.mean_px + reach,
        expected_px,
        space.mean_px / expected_px,
        subluxed,
    )


def _nothing(space: Space) -> Narrowing:
    nan = float("nan")
    return Narrowing(space.name, (), None, None, None, nan, nan, nan, nan, nan, nan, space.unmeasurable)
