"""The bones of one joint as a real radiograph shows them: the joint's frame, the contours, the soft tissue's level beside them.

Contours of finger joints, radius, ulna and the thumb's metacarpal base: cheapest paths over the image's slopes for the two sides and
the gap, then the level set of brightness between soft tissue and bone inside what they enclose. Carpal bones lie over each
other, so theirs are approximate: the cheapest closed path around the landmark, near the expected radius.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import (
    binary_fill_holes,
    distance_transform_edt,
    gaussian_filter,
    gaussian_filter1d,
    label,
    map_coordinates,
    median_filter,
)
from skimage.graph import route_through_array
from skimage.measure import find_contours

from coread.errors import InputError
from coread.simulate.damage_record import CARPAL_BONES, WRIST_SPACES, Joint
from coread.simulate.outline import inside_mask

Array = npt.NDArray[np.float64]
STEP = 1 / 40
ACROSS = np.arange(-40, 41) * STEP
ALONG = np.arange(-60, 61) * STEP
REACH = 1.95
"""Half side, in bone widths, of the image part that damage at a site may touch."""


@dataclass(frozen=True, slots=True)
class Contour:
    """One bone's end in the joint's frame (across, along; bone widths).

    Attributes:
        outline: (n, 2) closed polygon.
        inside: signed distance on the frame's grid (``ALONG`` x ``ACROSS``), positive inside.
        middle: a point within the bone's end.
        facing: +1 where the joint lies distally of the bone, -1 where proximally.
        short: a whole short bone rather than the end of a long one.
    """

    outline: Array
    inside: Array
    middle: Array
    facing: float
    short: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """A joint in its image.

    Attributes:
        rows, columns: the image part that belongs to it.
        x, y: place across (+ thumb) and along (+ distally) of its pixels, in bone widths.
        width_px: the unit.
        bones: contours by part.
        soft: (ALONG x ACROSS) brightness of soft tissue alone.
        bone_level: typical brightness of bone over soft tissue.
        proximal, distal: (ACROSS,) where the space begins and ends along the axis.
        frame: (2, 2) unit vectors across and along, in (column, row).
        centre: (column, row).
    """

    rows: slice
    columns: slice
    x: Array
    y: Array
    width_px: float
    bones: dict[str, Contour]
    soft: Array
    bone_level: float
    proximal: Array
    distal: Array
    frame: Array
    centre: Array

    def on_pixels(self, grid: Array) -> Array:
        """A grid of the frame at the scene's pixels."""
        out: Array = map_coordinates(grid, [self.y / STEP + 60, self.x / STEP + 40], order=1, mode="nearest")
        return out

    def to_px(self, points: Array) -> Array:
        """Points (n, 2) of the frame as (column, row) of the image."""
        out: Array = self.centre + self.width_px * (points @ self.frame)
        return out


def orientation(joints: Sequence[Joint]) -> float:
    """+1 where the thumb lies to the right of the distal direction turned upright, -1 where to the left.

    Raises:
        InputError: no two fingers' joints of one row, nor thumb and finger, by which the sides could be told.
    """
    by_name = {j.name: j for j in joints}
    for kind in ("MCP", "PIP", "CMC"):
        row = [by_name[f"{kind} {k}"] for k in (2, 3, 4, 5) if f"{kind} {k}" in by_name]
        if len(row) > 1:
            gap = np.subtract(row[0].center_px, row[-1].center_px)
            return _turn(row[-1].axis, gap)
    for ulnar, radial in (("ulna", "radius"), ("lunate", "scaphoid")):
        if ulnar in by_name and radial in by_name:
            return _turn(by_name[radial].axis, np.subtract(by_name[radial].center_px, by_name[ulnar].center_px))
    raise InputError("joints: the thumb's side cannot be told; give two MCP, PIP or CMC joints, or radius and ulna, or lunate and scaphoid")


def _turn(axis: tuple[float, float], towards_thumb: Array) -> float:
    return 1.0 if -axis[1] * towards_thumb[0] + axis[0] * towards_thumb[1] > 0 else -1.0


def scene(pixels: npt.NDArray[np.float32], joint: Joint, thumb: float) -> Scene | None:
    """The joint's bones found in the image; None where its centre lies outside or hardly any of its bones inside.

    Args:
        pixels: radiograph, axes (y, x), 0..1, bone bright.
        joint: the place.
        thumb: ``orientation`` of the hand.
    """
    centre, width = np.array(joint.center_px), float(joint.width_px)
    axis = np.array(joint.axis)
    frame = np.array([[-axis[1] * thumb, axis[0] * thumb], axis])
    height, length = pixels.shape
    if not (0 <= centre[0] <= length - 1 and 0 <= centre[1] <= height - 1) or width < 8:
        return None
    reach = REACH * width
    low = np.maximum(np.floor(centre - reach), 0).astype(int)
    high = np.minimum(np.ceil(centre + reach) + 1, [length, height]).astype(int)
    rows, columns = slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))
    rr, cc = np.mgrid[rows, columns].astype(float)
    away = np.stack([cc - centre[0], rr - centre[1]], axis=-1) / width
    x, y = away @ frame[0], away @ frame[1]
    smooth = gaussian_filter(pixels[rows, columns], max(0.025 * width, 0.7), mode="nearest")
    v, u = np.meshgrid(ALONG, ACROSS, indexing="ij")
    at = centre + width * (u[..., None] * frame[0] + v[..., None] * frame[1])
    patch = np.asarray(map_coordinates(smooth, [at[..., 1] - low[1], at[..., 0] - low[0]], order=1, mode="nearest"), dtype=float)
    if joint.name in CARPAL_BONES:
        bones, soft, level, proximal, distal = _carpal(patch)
    else:
        bones, soft, level, proximal, distal = _joint(patch, joint.name)
    return Scene(rows, columns, x, y, width, bones, soft, level, proximal, distal, frame, centre)


Found = tuple[dict[str, Contour], Array, float, Array, Array]


def _route(reward: Array, stiff: float) -> npt.NDArray[np.intp]:
    """For each row of a reward (0..1) the column of the cheapest path from the first row to the last."""
    cost = stiff + 1 - np.clip(reward, 0, 1)
    # One row before and after, free of cost, lets the path begin and end in any column.
    padded = np.pad(cost, ((1, 1), (0, 0)), constant_values=1e-4)
    path, _ = route_through_array(padded, (0, 0), (len(padded) - 1, 0), fully_connected=True, geometric=True)
    rows = np.array(path)
    out = np.zeros(len(reward), dtype=np.intp)
    inner = rows[(rows[:, 0] > 0) & (rows[:, 0] <= len(reward))]
    total = np.bincount(inner[:, 0] - 1, weights=inner[:, 1], minlength=len(reward))
    out[:] = np.rint(total / np.maximum(np.bincount(inner[:, 0] - 1, minlength=len(reward)), 1))
    return out


def _scaled(values: Array) -> Array:
    return np.asarray(np.clip(values / max(float(np.percentile(values, 97)), 1e-6), 0, 1))


def _gap(patch: Array, name: str) -> tuple[Array, Array, Array]:
    """Middle of the space, end of the proximal and begin of the distal bone, along the axis for each place across."""
    reach = 0.3 if name in (*WRIST_SPACES, "metacarpal 1 base") else 0.42
    bend = gaussian_filter1d(patch, 0.055 / STEP, axis=0, order=2)
    near = np.exp(-0.5 * (ALONG / (0.6 * reach)) ** 2)[:, None]
    # A growth plate's scar and the line below the joint's plate are valleys too, but within bone: the space is darker.
    around = gaussian_filter1d(patch, 0.25 / STEP, axis=0)
    dark = np.clip((around - gaussian_filter1d(patch, 0.03 / STEP, axis=0)) / max(float(np.std(patch)), 1e-6), 0, 1)
    valley = _scaled(np.maximum(bend, 0) * near * (0.25 + dark))
    core = np.abs(ACROSS) <= 0.44
    band = np.abs(ALONG) <= reach
    path = _route(valley[np.ix_(band, core)].T, 0.25)
    middle = np.interp(ACROSS, ACROSS[core], gaussian_filter1d(ALONG[band][median_filter(path, 5, mode="nearest")], 3, mode="nearest"))
    rise = gaussian_filter1d(patch, 0.025 / STEP, axis=0, order=1)
    steps = np.arange(1, 9)
    index = np.clip(np.rint(middle / STEP).astype(int) + 60, 9, 111)
    columns = np.arange(len(ACROSS))
    edges = []
    for sign in (-1, 1):
        slopes = sign * np.stack([rise[index + sign * k, columns] for k in steps])
        slopes = np.maximum(slopes, 0) * np.exp(-0.5 * ((steps * STEP - 0.06) / 0.06) ** 2)[:, None]
        best = _route(_scaled(slopes[:, core].T), 0.25)
        away = np.interp(ACROSS, ACROSS[core], gaussian_filter1d(steps[best] * STEP, 2.5, mode="nearest"))
        edges.append(middle + sign * away)
    return middle, edges[0], edges[1]


def _sides(patch: Array) -> tuple[Array, Array]:
    """The bones' two sides across the axis for each place along it."""
    slope = gaussian_filter1d(patch, 0.025 / STEP, axis=1, order=1)
    sides = []
    for sign in (-1, 1):
        here = (sign * ACROSS > 0.16) & (sign * ACROSS < 0.72)
        reward = np.maximum(-sign * slope[:, here], 0) * np.exp(-0.5 * ((np.abs(ACROSS[here]) - 0.42) / 0.17) ** 2)
        reward = reward / np.maximum(gaussian_filter1d(reward.max(axis=1), 6)[:, None], 1e-6)
        sides.append(gaussian_filter1d(ACROSS[here][_route(reward, 0.3)], 1.5, mode="nearest"))
    return sides[0], sides[1]


def _soft(patch: Array, left: Array, right: Array) -> Array:
    """Brightness of soft tissue, from what lies just beside the two sides, linear between them and smooth along the axis."""
    levels = []
    for edge, sign in ((left, -1), (right, 1)):
        off = np.arange(3, 9) * STEP
        at = np.clip(np.rint((edge[:, None] + sign * off) / STEP).astype(int) + 40, 0, 80)
        levels.append(gaussian_filter1d(np.percentile(np.take_along_axis(patch, at, axis=1), 60, axis=1), 8, mode="nearest"))
    part = np.clip((ACROSS[None] - left[:, None]) / np.maximum(right - left, 0.2)[:, None], 0, 1)
    beside = levels[0][:, None] * (1 - part) + levels[1][:, None] * part
    # A finger is thicker over its bone than beside it: were all the bone gone, some more soft tissue would be seen there.
    between = np.maximum(patch - beside, 0)
    out: Array = beside + 0.15 * np.median(between[np.abs(ALONG) < 0.7]) * (1 - (2 * part - 1) ** 2)
    return out


def _contour(mask: npt.NDArray[np.bool_], middle: Array, facing: float, *, short: bool = False) -> Contour | None:
    smooth = gaussian_filter(mask.astype(float), 0.8) > 0.5
    inside = distance_transform_edt(smooth) - distance_transform_edt(~smooth)
    inside = (inside - 0.5 * np.sign(inside)) * STEP
    lines = find_contours(np.pad(inside, 1, constant_values=-STEP), 0.0)
    if not lines or not smooth.any():
        return None
    line = max(lines, key=len)[:-1] - 1
    outline = np.stack([line[:, 1] * STEP + ACROSS[0], line[:, 0] * STEP + ALONG[0]], axis=1)
    return Contour(outline, gaussian_filter(inside, 0.7), middle, facing, short)


def _joint(patch: Array, name: str) -> Found:
    _, proximal, distal = _gap(patch, name)
    left, right = _sides(patch)
    soft = _soft(patch, left, right)
    v, u = np.meshgrid(ALONG, ACROSS, indexing="ij")
    between = (u > left[:, None]) & (u < right[:, None])
    wide = (u > left[:, None] - 0.05) & (u < right[:, None] + 0.05)
    bones: dict[str, Contour] = {}
    level = 0.1
    wanted = {"radius": ("proximal",), "ulna": ("proximal",), "metacarpal 1 base": ("distal",)}.get(name, ("proximal", "distal"))
    for part in wanted:
        sign = 1.0 if part == "proximal" else -1.0
        end = proximal if part == "proximal" else distal
        rough = between & (sign * (end[None] - v) > 0)
        close = rough & (np.abs(v) < 0.7)
        if close.sum() < 60:
            continue
        level = max(float(np.median((patch - soft)[close])), 0.002)
        bright = wide & (sign * (end[None] - v) > -0.03) & (patch > soft + 0.4 * level)
        pieces, _ = label(bright)
        counts = np.bincount(pieces[rough], minlength=2)
        counts[0] = 0
        solid = binary_fill_holes(pieces == int(np.argmax(counts)))
        if solid[close].mean() < 0.72:
            solid = rough
        near_end = float(np.mean(end[np.abs(ACROSS) < 0.25])) - sign * (0.4 if part == "proximal" else 0.3)
        row = int(np.clip(np.rint(near_end / STEP) + 60, 0, 120))
        found = _contour(solid, np.array([(left[row] + right[row]) / 2, near_end]), sign)
        if found is not None:
            bones[part] = found
    return bones, soft, level, proximal, distal


def _carpal(patch: Array) -> Found:
    angles = np.linspace(0, 4 * np.pi, 144, endpoint=False)
    radii = np.arange(0.22, 0.68, STEP / 2)
    at_x, at_y = radii * np.sin(angles)[:, None], radii * np.cos(angles)[:, None]
    around = map_coordinates(patch, [at_y / STEP + 60, at_x / STEP + 40], order=1, mode="nearest")
    fall = np.maximum(-gaussian_filter1d(around, 1.5, axis=1, order=1), 0) * np.exp(-0.5 * ((radii - 0.45) / 0.11) ** 2)
    fall = fall / np.maximum(gaussian_filter1d(fall.max(axis=1), 4, mode="wrap")[:, None], 1e-6)
    radius = gaussian_filter1d(radii[_route(fall, 0.3)], 1.5, mode="wrap")[36:108]
    turn = angles[36:108]
    outline = np.stack([radius * np.sin(turn), radius * np.cos(turn)], axis=1)
    mask = inside_mask(outline / STEP + [40, 60], patch.shape)
    v, u = np.meshgrid(ALONG, ACROSS, indexing="ij")
    ring = ~mask & (np.hypot(u, v) < 0.9)
    soft = np.full(patch.shape, float(np.percentile(patch[ring], 12)))
    level = max(float(np.median(patch[mask])) - float(soft[0, 0]), 0.002)
    found = _contour(mask, np.zeros(2), 1.0, short=True)
    nothing = np.zeros(len(ACROSS))
    return ({} if found is None else {"bone": found}), soft, level, nothing, nothing
