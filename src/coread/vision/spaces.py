"""Joint spaces: the two bone ends traced across a joint, the width between them, and how the two bones stand to each other.

Everything is laid out in units of the bone's width, so that one set of numbers fits a little finger and a wrist, a coarse image and
a fine one. A joint is looked at twice: a coarse patch finds the gap and the sides of the bones near the place that the landmarks
gave (`coread.vision.gaps`), then a band straightened along the gap shows both bone ends as nearly straight lines, and in it each end
is traced by the steepest rise, corrected for blur where the two come close.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, uniform_filter1d
from scipy.special import erfinv

from coread.errors import InputError
from coread.vision.gaps import Frame, Gap, PlaceLike, find_gaps
from coread.vision.profiles import Array, best_path, refine_peak, sample, slope, smooth_curve, take

# Joints of the wrist lie among other bones: what is measured is an extent of the joint, this many times shorter than the piece of the
# wrist that is looked at, so that the gap's width is about the same share of it as in a finger.
CARPAL = {
    "CMC 3": 1.65,
    "CMC 4": 2.5,
    "CMC 5": 2.2,
    "scaphotrapeziotrapezoid": 1.65,
    "capitate-scaphoid-lunate": 1.45,
    "radiocarpal": 0.9,
}

# Band along the gap: half height in bone widths, samples across the gap and along the joint, smoothing across in samples.
_BAND, _ACROSS_GAP, _ALONG, _FINE = 0.20, 129, 49, 3.0
# Widest gap that is looked for, and the usual one, in bone widths.
_FARTHEST, _USUAL = 0.24, 0.09
# What a floor is worth that is as bright as the bone gets, this far (bone widths) behind its edge, and what an edge costs behind one.
_BEHIND, _FLOOR, _BEYOND, _PASSED = 0.035, 1.5, 3.0, 0.85
# Share of the bone's width over which a space is measured: beyond it the bone ends turn away from each other.
_CENTRAL, _CENTRAL_CARPAL = 0.68, 0.85
# The minimum is taken over a tenth of the joint: a single profile is mostly noise.
_MINIMUM_OVER = 5
# Blur of an image (Gaussian sigma, px) is estimated on gaps wider than _WIDE bone widths; without one a pixel and .13 mm are taken.
_WIDE, _BLUR_PX, _BLUR_PX_USUAL = 0.05, (0.3, 3.0), (0.35, 0.008)
# A bone's end is rounded from front to back, so that it is steepest a little within its edge: both ends together, in bone widths
# (simulated bones with rounded rims: .17 mm of 14 mm, .15 of 11.5, .1 of 13.5; the slope is 1.00 with and without).
_RIM, _RIM_CARPAL = 0.0125, 0.0105
# Fewest pixels over the width that is looked at (a bone's, in the wrist CARPAL times the extent). Simulated hands of an adult, 75 joints,
# measured against true widths: slope .93 or more for pixels up to 0.4 mm in the fingers (.81-.86 at 0.5 mm, .6-.7 at 0.6 mm), .87-.90 at
# 0.3 mm and .82 at 0.4 mm in the wrist; these counts stand for 0.45 and 0.35 mm.
FEWEST_PX = {"MCP": 31.0, "PIP": 26.0, "wrist": 38.0}
# Least and greatest depth that a hand's open gaps are held to have, and shares of it that make a slit, or an open gap.
# The thumb is seen from the side and the little finger's knuckle aslant: their gaps may be shallow and open.
_SHALLOW = ("MCP 1", "MCP 5")
_OPEN_DEPTH, _SLIT, _OPEN = {"MCP": (0.5, 1.2), "PIP": (0.3, 1.0)}, 0.4, 0.7
# Below this share of a bone's brightness over soft tissue there is no gap: shafts without any reach .17 at most (n = 56),
# open joints less in 2 of 100 (n = 126).
_NO_GAP, _NO_GAP_CARPAL = 0.14, 0.25


@dataclass(frozen=True, slots=True)
class Space:
    """The space of one joint, in pixels of the image.

    Attributes:
        name: site name.
        mean_px: mean distance of the two bone ends, perpendicular to the gap; 0 where they are one bone, NaN where not measurable.
        minimum_px: least distance over a tenth of the joint; 0 and NaN as above.
        positions: where along the joint the widths were taken, in widths of the place (bone or extent) from the middle.
        widths_px: distance of the two bone ends at each position.
        proximal_px: (n, 2) edge of the proximal bone as (column, row).
        distal_px: (n, 2) edge of the distal bone.
        center_px: middle of the gap as found, (column, row).
        bone_width_px: width of the bones at the joint, the mean of the two ends.
        angle_deg: angle between the axes of the two bones; NaN where their shafts are not seen.
        offset: sideways shift of the distal bone's axis against the proximal one's at the joint, share of bone width; NaN as above.
        contrast: depth of the gap over the brightness of bone above soft tissue, about 0 where there is no gap.
        quality: 0 to 1, how far the edges can be trusted.
        unmeasurable: why there is no width, or None.
    """

    name: str
    mean_px: float
    minimum_px: float
    positions: Array
    widths_px: Array
    proximal_px: Array
    distal_px: Array
    center_px: tuple[float, float]
    bone_width_px: float
    angle_deg: float
    offset: float
    contrast: float
    quality: float
    unmeasurable: str | None = None


def measure_space(pixels: NDArray[np.float32], place: PlaceLike) -> Space:
    """The space of one joint; see `measure_spaces`."""
    return measure_spaces(pixels, [place])[0]


def measure_spaces(pixels: NDArray[np.float32], places: Sequence[PlaceLike]) -> tuple[Space, ...]:
    """The joint space at each place.

    The joints of one image are best measured together: what is common to them, the blur, is estimated from all.

    Args:
        pixels: radiograph, axes (y, x), bone bright, 0 to 1.
        places: where the joints are, to about a third of a bone width, and which way they point.

    Returns:
        One space for each place, in order. One that cannot be measured says why in ``unmeasurable``.

    Raises:
        InputError: the pixels are no two-dimensional image, or a place has no size.
    """
    if pixels.ndim != 2:
        raise InputError(f"a radiograph of one plane (y, x) is needed to measure joint spaces, not an array of shape {pixels.shape}")
    for place in places:
        if not (np.isfinite(place.width_px) and place.width_px > 0 and np.isfinite(place.center_px).all() and np.any(place.axis)):
            raise InputError(
                f"the place {place.name!r} needs a finite centre, a direction and a bone width above 0, "
                f"not {place.center_px}, {place.axis} and {place.width_px} px"
            )
    if not places:
        return ()
    frame = Frame.of(places, np.array([CARPAL.get(p.name, 1.0) for p in places]))
    extent = np.array([1 / CARPAL[p.name] if p.name in CARPAL else np.nan for p in places])
    return _trace(pixels, places, frame, find_gaps(pixels, frame, extent), np.isfinite(extent))


def _trace(
    pixels: NDArray[np.float32], places: Sequence[PlaceLike], frame: Frame, gap: Gap, carpal: NDArray[np.bool_]
) -> tuple[Space, ...]:
    """Both bone ends in a band straightened along each gap."""
    joints = len(places)
    share = np.where(carpal, _CENTRAL_CARPAL, _CENTRAL)
    # A little more than the measured part: a path is least sure at its ends.
    t = np.linspace(-0.54, 0.54, _ALONG)
    inner = np.abs(t) <= 0.5
    x = (gap.left + gap.right)[:, None] / 2 + t * (share * (gap.right - gap.left))[:, None]
    y = np.stack([np.interp(x[j], gap.columns, gap.middle[j]) for j in range(joints)])
    y = smooth_curve(y, np.ones(y.shape), 60.0, rounds=1)
    lean = np.gradient(y, axis=1) / np.gradient(x, axis=1)
    normal_x, normal_y = -lean / np.hypot(1, lean), 1 / np.hypot(1, lean)
    n = np.linspace(-_BAND, _BAND, _ACROSS_GAP)
    column, row = frame.points(x[:, :, None] + normal_x[:, :, None] * n, y[:, :, None] + normal_y[:, :, None] * n)
    band = np.stack([sample(pixels, column[j], row[j], order=3) for j in range(joints)])
    band = gaussian_filter1d(band, 1.0, axis=1)
    edges = _edges(band, n, carpal)
    low, high = edges.low, edges.high
    contrast = np.median(_depth(band, n, low, high)[:, inner], axis=1) / _bone_step(gap, band, carpal)
    blur = _blur_px(edges, n, frame.width) / frame.width
    apart = _unblurred(high - low, np.hypot(blur, _FINE * (n[1] - n[0]))[:, None])
    apart = np.maximum(apart - np.where(carpal, _RIM_CARPAL, _RIM)[:, None], 0)
    true_half = _as_deep(apart, contrast, blur, [p.name for p in places]) / 2
    middle = (low + high) / 2
    ends = []
    for at in (middle - true_half, middle + true_half):
        ends.append(np.stack(frame.points(x + normal_x * at, y + normal_y * at), axis=-1)[:, inner])
    widths = 2 * (true_half * frame.width[:, None])[:, inner]
    coherent = np.exp(-((edges.rough / 0.02) ** 2)) * np.where(carpal, 1.0, np.clip(2 * gap.sided, 0, 1))
    spaces = []
    for j, place in enumerate(places):
        found = Space(
            name=place.name,
            mean_px=float(widths[j].mean()),
            minimum_px=float(uniform_filter1d(widths[j], _MINIMUM_OVER)[_MINIMUM_OVER // 2 : -(_MINIMUM_OVER // 2)].min()),
            positions=x[j, inner] * frame.width[j] / place.width_px,
            widths_px=widths[j],
            proximal_px=ends[0][j],
            distal_px=ends[1][j],
            center_px=_center(ends[0][j], ends[1][j]),
            bone_width_px=float(gap.bone[j] * frame.width[j]),
            angle_deg=float("nan") if carpal[j] else float(gap.angle_deg[j]),
            offset=float("nan") if carpal[j] else float(gap.offset[j] / gap.bone[j]),
            contrast=float(contrast[j]),
            quality=float(np.clip(contrast[j] / (0.7 if carpal[j] else 0.4), 0, 1) * coherent[j]),
        )
        fewest = FEWEST_PX["wrist" if carpal[j] else "MCP" if place.name.startswith("MCP") else "PIP"]
        if frame.width[j] < fewest:
            reason = f"too coarse: {frame.width[j]:.0f} pixels where at least {fewest:.0f} are needed to tell the edges of the bones"
            spaces.append(_without(found, reason))
            continue
        spaces.append(_judged(found, (pixels.shape[1], pixels.shape[0]), bool(carpal[j]), float(gap.sided[j])))
    return tuple(spaces)


@dataclass(frozen=True, slots=True)
class _Edges:
    """Heights of both bone ends (joints, positions), how far single profiles stray from them, and how steep they are, fine and coarse."""

    low: Array
    high: Array
    rough: Array
    steepness: tuple[Array, Array]


def _edges(band: Array, n: Array, carpal: NDArray[np.bool_]) -> _Edges:
    """The two bone ends: where a band (joints, positions, heights) falls and rises most steeply on both sides of its middle.

    The proximal end, a convex head, has one clear outline. The distal one, a shallow cup, shows its floor as a dense line and its lips
    as fainter ones nearer to the head: the floor is the one that runs at an even distance from the head and behind which the bone is
    brightest. In the wrist bones overlap, and the brightest line may be another bone's.
    """
    fine, coarse = slope(band, _FINE, axis=2), slope(band, 2 * _FINE, axis=2)
    scale = np.percentile(np.abs(fine), 97, axis=(1, 2))[:, None, None] + 1e-6
    wanted = np.minimum(-fine / scale, 1.5) - 0.5 * (n / 0.09) ** 2
    wanted[:, :, n > 0.03] = -5
    low, low_rough, low_rows = _smooth_path(-fine, wanted, scale, 2, 0.03)
    step = n[1] - n[0]
    low_at = np.interp(low, np.arange(n.size), n)
    away = np.arange(-8, round(_FARTHEST / step))
    rows = np.clip(low[:, :, None] + away, 0, n.size - 1)
    rise = take(fine, rows)
    far = away * step
    behind = round(_BEHIND / step)
    gained = _gained(take(band, np.minimum(rows + behind, n.size - 1)))
    passed = np.zeros_like(gained)
    passed[:, :, behind:] = np.maximum.accumulate(gained, axis=2)[:, :, :-behind]
    wanted = np.minimum(rise / scale, 1.5) - 0.35 * ((far - _USUAL) / 0.09) ** 2
    wanted += np.where(carpal, 0.0, _FLOOR)[:, None, None] * gained - _BEYOND * np.maximum(passed - _PASSED, 0)
    gap, high_rough, gap_rows = _smooth_path(rise, wanted, scale, 2, 0.12)
    high_at = low_at + np.interp(gap, np.arange(away.size), far)
    high_rows = np.clip(low + np.interp(gap_rows, np.arange(away.size), away), 0, n.size - 1)
    steep = [np.abs(np.concatenate([take(g, low_rows), take(g, high_rows)])) for g in (fine, coarse)]
    return _Edges(low_at, high_at, step * np.maximum(low_rough, high_rough), (steep[0], steep[1]))


def _gained(level: Array) -> Array:
    """Share of the way from the darkest to the brightest value of each column that is reached (joints, positions, heights)."""
    dark = np.minimum.accumulate(level, axis=2)
    nine_tenths = round(0.9 * level.shape[2])
    bright = np.partition(level, nine_tenths, axis=2)[:, :, nine_tenths, None]
    return np.asarray(np.clip((level - dark) / np.maximum(bright - dark[:, :, -1:], 1e-6), 0, 1))


def _smooth_path(rise: Array, wanted: Array, scale: Array, reach: int, penalty: float) -> tuple[Array, Array, Array]:
    """Smooth rows of the best path, how far single columns stray from it (rows), and the rows before smoothing."""
    rows = refine_peak(rise, best_path(wanted, reach, penalty))
    smooth = smooth_curve(rows, np.clip(take(rise / scale, rows), 0, 1), 20.0)
    return smooth, np.median(np.abs(rows - smooth), axis=1), rows


def _depth(band: Array, n: Array, low: Array, high: Array) -> Array:
    """How much darker the gap is than the dimmer of the two bone ends, at each position along the joint."""
    step = n[1] - n[0]
    proximal = (n <= low[:, :, None]) & (n >= low[:, :, None] - 0.06)
    distal = (n >= high[:, :, None]) & (n <= high[:, :, None] + 0.06)
    between = (n >= low[:, :, None] - step) & (n <= high[:, :, None] + step)
    bright = np.minimum(np.where(proximal, band, -1.0).max(axis=2), np.where(distal, band, -1.0).max(axis=2))
    dark = np.where(between, band, np.inf).min(axis=2)
    return np.where(np.isfinite(dark) & (bright > -1), bright - dark, 0.0)


def _bone_step(gap: Gap, band: Array, carpal: NDArray[np.bool_]) -> Array:
    """What a gap's depth is compared with: bone over the soft tissue beside it, or, among other bones, the band's own range."""
    spread = np.percentile(band, 95, axis=(1, 2)) - np.percentile(band, 5, axis=(1, 2))
    return np.asarray(np.where(carpal | (gap.step < 0.3 * spread), spread, gap.step)) + 1e-6


def _blur_px(edges: _Edges, n: Array, width_px: Array) -> float:
    """Blur of the image (Gaussian sigma, px), from how fast the edges of wide gaps flatten when they are smoothed twice as much."""
    fine, coarse = (np.median(np.abs(s), axis=1) for s in edges.steepness)
    ratio2 = np.clip((fine / np.maximum(coarse, 1e-9)) ** 2, 1.02, 4.0)
    own = np.sqrt((4 - ratio2) / (ratio2 - 1)) * _FINE * (n[1] - n[0]) * np.concatenate([width_px, width_px])
    wide = np.tile(np.median(edges.high - edges.low, axis=1) > _WIDE, 2)
    usual = np.hypot(_BLUR_PX_USUAL[0], _BLUR_PX_USUAL[1] * np.median(width_px))
    return float(np.clip(np.median(own[wide]) if wide.any() else usual, *_BLUR_PX))


def _unblurred(apart: Array, sigma: Array) -> Array:
    """Distance of two opposite edges from that of their steepest points, which blur pushes apart when they come close.

    Of two opposite steps ``g`` apart, blurred with ``sigma``, the steepest points lie ``D`` apart with
    tanh(g D / 4 sigma^2) = g / D (set the second derivative of the blurred pair to zero), so never closer than 2 sigma.
    """
    x = np.maximum(apart / (2 * sigma), 1e-6)
    a = x.copy()
    for _ in range(40):
        a = x * np.tanh(a * x)
    return np.asarray(2 * sigma * np.where(x > 1, a, 0.0))


def _as_deep(apart: Array, contrast: Array, blur: Array, names: Sequence[str]) -> Array:
    """Widths that agree with how deep the gaps are: what is traced far apart and yet too shallow is a slit that blur has filled.

    A slit ``w`` wide, blurred with ``sigma``, keeps erf(w / (2 sqrt(2) sigma)) of its depth. How deep an open gap is, the same kind of
    joints of the hand say, from which healthy joints seldom differ by more than a third (n = 213).
    """
    widths = apart.copy()
    for kind, (least, most) in _OPEN_DEPTH.items():
        same = [j for j, name in enumerate(names) if name.startswith(kind) and name not in _SHALLOW]
        if not same:
            continue
        depth = contrast[same] / float(np.clip(np.percentile(contrast[same], 70), least, most))
        open_gap = np.clip((depth - _SLIT) / (_OPEN - _SLIT), 0, 1)[:, None]
        slit = (2 * np.sqrt(2) * blur[same] * erfinv(np.clip(depth, 0, 0.95)))[:, None]
        widths[same] = open_gap * apart[same] + (1 - open_gap) * np.minimum(apart[same], slit)
    return widths


def _center(proximal: Array, distal: Array) -> tuple[float, float]:
    """Middle of the gap at the middle of the joint, as (column, row)."""
    column, row = (proximal + distal)[len(proximal) // 2] / 2
    return float(column), float(row)


def _judged(space: Space, size: tuple[int, int], carpal: bool, sided: float) -> Space:
    """The space, or the reason why its numbers mean nothing."""
    ends = np.concatenate([space.proximal_px, space.distal_px])
    if (ends < 0).any() or (ends > np.array(size) - 1).any():
        return _without(space, "outside the image")
    if space.contrast >= (_NO_GAP_CARPAL if carpal else _NO_GAP):
        return space
    if carpal:
        return _without(space, "no gap can be told from bones that overlap here, or have grown together")
    if sided < 0.35:
        return _without(space, "neither a gap nor the sides of the bones can be seen")
    return replace(space, mean_px=0.0, minimum_px=0.0, widths_px=np.zeros_like(space.widths_px))


def _without(space: Space, reason: str) -> Space:
    nothing = np.full_like(space.widths_px, np.nan)
    return replace(space, mean_px=float("nan"), minimum_px=float("nan"), widths_px=nothing, quality=0.0, unmeasurable=reason)
