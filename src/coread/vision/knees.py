"""Knees in a radiograph of one or both knees, of either polarity: where each stands, how large, and which side it looks like.

Templates of the joint (means of groups of real knees) are compared at all sizes by normalised cross correlation of local contrast, where an
inverted image gives the same number with the other sign. A knee is a square as in the crops that were learned from: about as wide as the
joint with its soft tissue, the joint space a little below the middle. The side is told by the asymmetry of the joint, which is weaker than
a marker or a tag.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from scipy import ndimage, signal

Plane = npt.NDArray[np.float32]
Box = tuple[float, float, float, float]

TEMPLATES = Path(__file__).parents[1] / "models" / "knee_templates.npz"
TEMPLATE = 32
"""Rows and columns of a template."""
SIDE_GRID = 28
LOCAL_SHARE = 12 / 224
"""Width of the neighbourhood that local contrast is relative to, as a share of the square."""
GUARD = 0.12
CUT = 2.5
# Sizes of the square that are looked for, as shares of the image's longer side.
SHARES = np.geomspace(0.18, 1.1, 17)
WHOLE_SHARES = (0.94, 1.0, 1.06)
# Correlation that a knee needs, and that an image of one knee cut to the joint needs at its middle.
NEEDED = 0.50
NEEDED_WHOLE = 0.40
# A second knee stands at about the same height, is about as large, and correlates not much less.
LEVEL_SHARE, SIZE_RATIO, SECOND_SHARE = 0.6, 1.35, 0.75
# Longer side over shorter side of an image that may be one knee already cut.
SQUARE = 1.15
# Share of the square by which a place may be away from the middle of an image that is one knee already cut.
CENTRED = 0.16


@dataclass(frozen=True, slots=True)
class FoundKnee:
    """A knee in an image.

    Attributes:
        box_px: (left, top, right, bottom) of its square, edges in pixels of the image; may reach beyond it.
        score: correlation with the templates, 0..1.
        inverted: bone is dark.
        right_probability: how surely the joint's asymmetry is that of a right knee, under the view from the front.
        whole: the square is the whole image.
    """

    box_px: tuple[int, int, int, int]
    score: float
    inverted: bool
    right_probability: float
    whole: bool = False

    @property
    def centre_px(self) -> tuple[float, float]:
        """(column, row)."""
        left, top, right, bottom = self.box_px
        return (left + right - 1) / 2, (top + bottom - 1) / 2


@dataclass(frozen=True, slots=True, eq=False)
class Templates:
    """``joints`` (templates, 32, 32) with mean 0 and length 1; ``side`` (28, 28) and ``offset`` give the log odds of a right knee."""

    joints: Plane
    side: Plane
    offset: float


@cache
def templates(path: Path = TEMPLATES) -> Templates:
    """The shipped templates."""
    with np.load(path) as kept:
        joints = kept["joints"].astype(np.float32)
        joints -= joints.mean(axis=(1, 2), keepdims=True)
        joints /= np.sqrt((joints**2).sum(axis=(1, 2), keepdims=True))
        return Templates(joints, kept["side"].astype(np.float32), float(kept["offset"]))


def find_knees(pixels: Plane) -> tuple[FoundKnee, ...]:
    """The knees of a radiograph [y, x] in 0..1, at most two, from left to right; empty where there is none."""
    rows, columns = pixels.shape
    if max(rows, columns) <= SQUARE * min(rows, columns):
        whole = _whole(pixels)
        if whole is not None:
            return (whole,)
    peaks = _peaks(pixels)
    if not peaks or peaks[0].score < NEEDED:
        return ()
    first = _refined(pixels, peaks[0])
    found = [first]
    for peak in peaks[1:]:
        ratio = peak.size / peaks[0].size
        if (
            abs(peak.x - peaks[0].x) > 0.8 * max(peak.size, peaks[0].size)
            and abs(peak.y - peaks[0].y) < LEVEL_SHARE * peaks[0].size
            and 1 / SIZE_RATIO < ratio < SIZE_RATIO
            and peak.score > max(SECOND_SHARE * peaks[0].score, NEEDED - 0.05)
            and peak.inverted == peaks[0].inverted
        ):
            found.append(_refined(pixels, peak))
            break
    return tuple(sorted((_knee(pixels, peak) for peak in found), key=lambda knee: knee.box_px[0]))


def square(pixels: Plane, knee: FoundKnee) -> Plane:
    """The square of a knee out of its image, bone bright; the border is repeated beyond the image."""
    left, top, right, bottom = knee.box_px
    rows, columns = pixels.shape
    down, across = np.arange(top, bottom).clip(0, rows - 1), np.arange(left, right).clip(0, columns - 1)
    cut = pixels[np.ix_(down, across)]
    return np.ascontiguousarray(1 - cut if knee.inverted else cut, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class _Peak:
    x: float
    y: float
    size: float
    score: float
    inverted: bool


def reduced_to(pixels: Plane, rows: int, columns: int) -> Plane:
    """The plane at another size, averaged where it becomes smaller."""
    picture = Pillow.fromarray(np.ascontiguousarray(pixels, dtype=np.float32))
    return np.asarray(picture.resize((columns, rows), Pillow.Resampling.BILINEAR, reducing_gap=3.0), dtype=np.float32)


def local_contrast(plane: Plane, deviation: float) -> Plane:
    """The plane with local mean and deviation taken out, cut off at 2.5 deviations."""
    grey = (plane - plane.mean()) / max(float(plane.std()), 1e-6)
    mean = ndimage.gaussian_filter(grey, deviation, mode="nearest")
    spread = np.sqrt(np.maximum(ndimage.gaussian_filter(grey**2, deviation, mode="nearest") - mean**2, 0))
    out: Plane = np.clip((grey - mean) / (spread + GUARD), -CUT, CUT).astype(np.float32)
    return out


def _correlated(plane: Plane) -> npt.NDArray[np.float64]:
    """Strongest normalised correlation of the templates at each place [y, x] of a plane of local contrast, with its sign."""
    half = TEMPLATE // 2
    wide = np.pad(plane, half, mode="edge").astype(np.float64)
    ones = np.ones((TEMPLATE, TEMPLATE)) / TEMPLATE**2
    mean = signal.fftconvolve(wide, ones, mode="valid")
    power = np.maximum(signal.fftconvolve(wide**2, ones, mode="valid") - mean**2, 0.02) * TEMPLATE**2
    each = [signal.fftconvolve(wide, joint[::-1, ::-1].astype(np.float64), mode="valid") for joint in templates().joints]
    stacked = np.stack(each) / np.sqrt(power)
    strongest = np.abs(stacked).argmax(axis=0)
    best: npt.NDArray[np.float64] = np.take_along_axis(stacked, strongest[None], axis=0)[0]
    return best


def _at_size(pixels: Plane, size: float) -> tuple[npt.NDArray[np.float64], float]:
    """Correlation at each place of the image made so small that a square of so many px is a template, and the factor of that."""
    factor = TEMPLATE / size
    rows, columns = (max(8, round(n * factor)) for n in pixels.shape)
    return _correlated(local_contrast(reduced_to(pixels, rows, columns), LOCAL_SHARE * TEMPLATE)), factor


def _peaks(pixels: Plane) -> list[_Peak]:
    """Places that correlate more than all around them, at all sizes, the strongest first; none lies within another."""
    longest = 640 / max(pixels.shape)
    plane = reduced_to(pixels, *(max(8, round(n * longest)) for n in pixels.shape)) if longest < 0.75 else pixels
    back = max(pixels.shape) / max(plane.shape)
    found = []
    for share in SHARES:
        size = share * max(plane.shape)
        if size > 1.25 * min(plane.shape):
            continue
        values, factor = _at_size(plane, size)
        strength = np.abs(values)
        top = (strength == ndimage.maximum_filter(strength, size=TEMPLATE // 2)) & (strength > NEEDED - 0.1)
        for y, x in np.argwhere(top):
            found.append(
                _Peak(float(x) / factor * back, float(y) / factor * back, size * back, float(strength[y, x]), bool(values[y, x] < 0))
            )
    kept: list[_Peak] = []
    for peak in sorted(found, key=lambda p: -p.score):
        if all(np.hypot(peak.x - other.x, peak.y - other.y) > 0.6 * max(peak.size, other.size) for other in kept):
            kept.append(peak)
    return kept


def _refined(pixels: Plane, peak: _Peak) -> _Peak:
    """The best size and place near a peak, the size read from a parabola over its neighbours."""
    reach = peak.size * 0.75
    rows, columns = pixels.shape
    left, top = int(max(0, peak.x - reach)), int(max(0, peak.y - reach))
    part = pixels[top : int(min(rows, peak.y + reach)), left : int(min(columns, peak.x + reach))]
    sizes = peak.size * np.geomspace(0.82, 1.22, 9)
    best = []
    for size in sizes:
        values, factor = _at_size(part, float(size))
        signed = -values if peak.inverted else values
        y, x = np.unravel_index(int(signed.argmax()), signed.shape)
        best.append((float(signed[y, x]), _vertex(signed[y], int(x)) / factor + left, _vertex(signed[:, x], int(y)) / factor + top))
    scores = np.array([one[0] for one in best])
    at = _vertex(scores, int(scores.argmax()))
    k = round(at)
    size = float(np.exp(np.interp(at, np.arange(len(sizes)), np.log(sizes))))
    return _Peak(best[k][1], best[k][2], size, best[k][0], peak.inverted)


def _vertex(values: npt.NDArray[np.float64], at: int) -> float:
    """Where the parabola through a maximum and its neighbours is highest."""
    if not 0 < at < len(values) - 1:
        return float(at)
    before, here, after = (float(values[at + k]) for k in (-1, 0, 1))
    bend = before - 2 * here + after
    return at + (0.5 * (before - after) / bend if bend < 0 else 0.0)


def _whole(pixels: Plane) -> FoundKnee | None:
    """The image itself as a knee already cut; None where it does not look like one."""
    rows, columns = pixels.shape
    edge = min(rows, columns)
    best: tuple[float, bool] | None = None
    for share in WHOLE_SHARES:
        values, factor = _at_size(pixels, share * edge)
        y, x = rows * factor / 2, columns * factor / 2
        reach = CENTRED * TEMPLATE
        part = values[max(0, int(y - reach)) : int(y + reach) + 2, max(0, int(x - reach)) : int(x + reach) + 2]
        strongest = float(part.flat[int(np.abs(part).argmax())])
        if best is None or abs(strongest) > best[0]:
            best = (abs(strongest), strongest < 0)
    if best is None or best[0] < NEEDED_WHOLE:
        return None
    box = (0, 0, columns, rows)
    return FoundKnee(box, best[0], best[1], _right_probability(pixels, FoundKnee(box, best[0], best[1], 0.5)), True)


def _knee(pixels: Plane, peak: _Peak) -> FoundKnee:
    size = round(peak.size)
    left, top = round(peak.x - peak.size / 2), round(peak.y - peak.size / 2)
    knee = FoundKnee((left, top, left + size, top + size), min(1.0, peak.score), peak.inverted, 0.5)
    return FoundKnee(knee.box_px, knee.score, knee.inverted, _right_probability(pixels, knee))


def _right_probability(pixels: Plane, knee: FoundKnee) -> float:
    kept = templates()
    plane = side_plane(square(pixels, knee))
    return 1 / (1 + float(np.exp(-np.clip((plane * kept.side).sum() + kept.offset, -30, 30))))


def side_plane(cut: Plane) -> Plane:
    """What a square's side is told by, (28, 28): its local contrast less that of its mirror image."""
    plane = local_contrast(reduced_to(cut, 4 * SIDE_GRID, 4 * SIDE_GRID), LOCAL_SHARE * 4 * SIDE_GRID)
    coarse = plane.reshape(SIDE_GRID, 4, SIDE_GRID, 4).mean(axis=(1, 3))
    away: Plane = (coarse - coarse[:, ::-1]) / 2
    return away
