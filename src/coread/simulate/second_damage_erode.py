"""Erosions of the second family: thickness carved by spheres, flesh blended into bone, dents, collapse; and their grade."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from scipy.ndimage import binary_dilation, distance_transform_edt, gaussian_filter, label, map_coordinates, uniform_filter
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve
from skimage.measure import find_contours

from coread.simulate.second_damage_frame import Array, BoneEnd, Mask, Pixels

LOST = 0.4
"""Share of a bone's thickness from which a pixel counts as eroded."""
LEAST_AREA = 0.008
"""Area in squared bone widths below which a loss is no discrete erosion (about 1.5 mm2 at a knuckle)."""


class Lesion(Protocol):
    """What an erosion needs of its record."""

    @property
    def site(self) -> str:
        """Where."""

    @property
    def kind(self) -> str:
        """Way of damage."""

    @property
    def end(self) -> str:
        """Bone of the joint."""

    @property
    def angle(self) -> float:
        """Place on the bone's end."""

    @property
    def size(self) -> float:
        """Radius in bone widths."""

    @property
    def strength(self) -> float:
        """Share of the thickness."""

    @property
    def seed(self) -> int:
        """Of the boundary."""


def carved_share(bone: Mask, balls: Array) -> Array:
    """Share of a bone's thickness that balls take away along the beam.

    The bone is as thick as the round body over its shadow: half thickness sqrt(d (2 R - d)) at depth d from the edge of the shadow, R
    the largest d; the balls (x, y, z, radius, stretch along the beam) in pixels of the window are cut out as a union, counted in 25 layers.
    """
    depth = np.asarray(distance_transform_edt(bone), dtype=float)
    most = max(float(depth.max()), 1.0)
    half = np.sqrt(np.maximum(depth * (2 * most - depth), 0))
    rows, columns = np.indices(bone.shape)
    layers = np.linspace(-0.96, 0.96, 25)
    gone = np.zeros(bone.shape)
    for layer in layers:
        hit = np.zeros(bone.shape, dtype=bool)
        for x, y, z, radius, stretch in balls:
            hit |= (columns - x) ** 2 + (rows - y) ** 2 + ((layer * half - z * most) / stretch) ** 2 < radius**2
        gone += hit
    out: Array = np.where(bone, gone / len(layers), 0.0)
    return out


def poisson_fill(image: Array, region: Mask, guide: Array, fixed: Mask) -> Array:
    """Values in a region whose gradients follow ``guide`` and whose rim meets the image at ``fixed`` pixels only.

    A rim pixel that is not fixed puts no condition on its neighbour, so that an edge stays there (Perez et al. 2003, mixed rim).
    """
    index = np.full(image.shape, -1)
    index[region] = np.arange(region.sum())
    rows, cols, values = [], [], []
    right = np.zeros(int(region.sum()))
    diagonal = np.full(right.size, 1e-6)
    right += 1e-6 * image[region]
    for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
        other = np.roll(index, -step, axis)
        held = np.roll(fixed & ~region, -step, axis)
        value, target = np.roll(image, -step, axis), np.roll(guide, -step, axis)
        here = region & ((other >= 0) | held)
        me = index[here]
        diagonal[me] += 1
        right[me] += (guide - target)[here] + np.where(other[here] < 0, value[here], 0.0)
        inner = other[here] >= 0
        rows.append(me[inner])
        cols.append(other[here][inner])
        values.append(-np.ones(int(inner.sum())))
    rows.append(np.arange(right.size))
    cols.append(np.arange(right.size))
    values.append(diagonal)
    matrix = coo_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(cols)))).tocsc()
    out = image.copy()
    out[region] = spsolve(matrix, right)
    return out


def _edge(end: BoneEnd, part: Mask, lesion: Lesion) -> tuple[float, float]:
    """The (u, v) of the rim of a bone's end in the lesion's direction."""
    u, v = end.grid()
    centre = np.array([u[part].mean(), v[part].mean()])
    # Distal bones and the first metacarpal show the joint their proximal face; carpal bones are open to all sides.
    sign = -1.0 if (end.finger and lesion.end == "distal") or lesion.site == "metacarpal 1 base" else 1.0
    turn = 1.0 if end.finger or lesion.site in ("radius", "ulna", "metacarpal 1 base") else 2.0
    way = np.array([math.cos(turn * lesion.angle), sign * math.sin(turn * lesion.angle)])
    du, dv = u - centre[0], v - centre[1]
    beam = part & (np.abs(du * way[1] - dv * way[0]) < 1.2 / end.width + 0.02)
    far = np.where(beam, du * way[0] + dv * way[1], -np.inf)
    reach = max(float(far.max()), 0.0)
    at = centre + way * reach
    return float(at[0]), float(at[1])


def _pixel(end: BoneEnd, u: float, v: float) -> tuple[float, float]:
    p = np.array(end.center) + end.width * (u * end.side + v * end.axis)
    return float(p[0] - end.box[1].start), float(p[1] - end.box[0].start)


def _uneven(end: BoneEnd, u: Array, v: Array, seed: int) -> Array:
    """A smooth random field about 0, the same in the mirrored hand."""
    random = np.random.default_rng(seed)
    out = np.zeros(u.shape)
    for _ in range(9):
        k, phase, size = random.normal(0, 9, 2), random.uniform(0, 2 * np.pi), random.uniform(0.3, 1)
        out += size * np.cos(k[0] * u + k[1] * v + phase)
    return out / 3


def _balls(end: BoneEnd, at: tuple[float, float], lesion: Lesion) -> Array:
    random = np.random.default_rng(lesion.seed)
    rows = []
    for k in range(int(random.integers(3, 8))):
        spread = 0.0 if k == 0 else 0.75 * lesion.size
        u, v = at[0] + spread * random.normal(), at[1] + spread * random.normal()
        radius = lesion.size * (1.0 if k == 0 else random.uniform(0.35, 0.8))
        x, y = _pixel(end, u, v)
        rows.append((x, y, (1 - lesion.strength) * random.choice((-1.0, 1.0)), radius * end.width, random.uniform(1.0, 2.6)))
    return np.array(rows)


def _dent(end: BoneEnd, window: Array, at: tuple[float, float], part: Mask, lesion: Lesion) -> tuple[Array, Mask]:
    """The cortex pushed inwards with its line kept; what left the bone's shadow is lost."""
    u, v = end.grid()
    middle = np.array([u[part].mean() - at[0], v[part].mean() - at[1]])
    inward = middle / max(float(np.linalg.norm(middle)), 1e-9)
    # A displacement steeper than its own width would fold the image.
    push = min(0.55, 0.35 + 0.3 * lesion.strength) * lesion.size
    weight = push * np.exp(-((u - at[0]) ** 2 + (v - at[1]) ** 2) / (2 * (0.7 * lesion.size) ** 2)) * end.width
    step = inward[0] * end.side + inward[1] * end.axis
    rows, columns = np.indices(window.shape).astype(float)
    source = [rows - weight * step[1], columns - weight * step[0]]
    moved = map_coordinates(window, source, order=3, mode="nearest")
    bone = map_coordinates(end.bone.astype(float), source, order=1, mode="nearest") > 0.5
    active = weight > 0.02
    return np.where(active, moved, window), part & ~bone


def _flesh(end: BoneEnd, window: Array, region: Mask) -> Array:
    """Flesh of the same place, with its own grain, set into bone: tied to the flesh around, not to the bone."""
    outside = distance_transform_edt(~end.bone) > 2
    grain = np.where(outside, window - gaussian_filter(window, 2.0), 0.0)
    usual = 2.5 * float(np.std(np.clip(grain[outside], *np.percentile(grain[outside], (10, 90))))) if outside.any() else 0.0
    grain = np.clip(grain, -usual, usual)
    rows, columns = np.nonzero(region)
    size = (int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1)
    # Where a piece of this size is all flesh its grain is taken whole; the grain of a smaller piece is repeated.
    cover = uniform_filter((outside & (window > np.percentile(window, 15))).astype(float), size, mode="constant")
    from_ = np.unravel_index(int(np.argmax(cover)), cover.shape)
    shift = (round(float(rows.mean())) - int(from_[0]), round(float(columns.mean())) - int(from_[1]))
    guide = end.flesh + np.roll(grain, shift, axis=(0, 1))
    touches = binary_dilation(region) & ~end.bone & ~region
    return np.where(region, poisson_fill(window, region, guide, touches), window)


def _with_rim(end: BoneEnd, region: Mask) -> Mask:
    """A region of bone and the blurred rim of its cortex that spills into the flesh, without the bone across the joint."""
    near = np.asarray(distance_transform_edt(~region), dtype=float) <= 2.2 * end.blur + 0.5
    return np.asarray(near & (region | ~end.bone), dtype=bool)


def _replaced(end: BoneEnd, window: Array, region: Mask, strength: float) -> tuple[Array, Mask]:
    """Bone in a region replaced by flesh, up to a share of its brightness."""
    if not region.any():
        return window, region
    wide = _with_rim(end, region)
    filled = np.minimum(_flesh(end, window, wide), window + 0.01)
    soft = np.asarray(gaussian_filter(wide.astype(float), 0.7 * end.blur), dtype=float) * strength
    soft = np.where(end.bone & ~region, np.minimum(soft, 0.5), soft)
    return window + soft * (np.where(wide, filled, np.minimum(end.flesh, window)) - window), region if strength > LOST else region & False


def _one(end: BoneEnd, window: Array, part: Mask, lesion: Lesion) -> tuple[Array, Mask]:
    u, v = end.grid()
    at = _edge(end, part, lesion)
    if lesion.kind == "dent":
        return _dent(end, window, at, part, lesion)
    if lesion.kind == "flesh":
        radius = lesion.size * (1 + 0.28 * _uneven(end, u, v, lesion.seed))
        return _replaced(end, window, part & (np.hypot(u - at[0], v - at[1]) < radius), lesion.strength)
    if lesion.kind == "collapse":
        course = end.space.course(u) if end.finger and end.space else np.zeros(u.shape)
        deep = np.abs(v - course) if end.finger else np.hypot(u, v)
        limit = (0.40 if end.finger else 0.38) + 0.3 * lesion.size + 0.1 * _uneven(end, u, v, lesion.seed)
        return _replaced(end, window, part & (deep < limit), 0.8 + 0.2 * lesion.strength)
    share = np.where(part, carved_share(end.bone, _balls(end, at, lesion)), 0.0)
    if not share.any():
        return window, share > LOST
    # The cortex's blurred rim goes with the bone that cast it.
    near = distance_transform_edt(share == 0, return_distances=False, return_indices=True)
    spilled = np.where(_with_rim(end, share > 0) & ~end.bone, share[near[0], near[1]], share)
    loss = spilled * np.maximum(window - end.flesh, 0)
    return window - np.asarray(gaussian_filter(loss, end.blur), dtype=float), share > LOST


def erosion_grade(removed: Sequence[Mask], part: Mask, u: Array, width: float) -> int:
    """Grade of one bone end from what was removed of it, after Sharp/van der Heijde with cuts that make the words sharp.

    5: three quarters of the end's surface gone (complete collapse); else each connected loss counts 1 (discrete), 2 (a tenth of the
    surface or more) or 3 (over the imaginary midline, and at least half the width), summed to 5 at most.
    """
    gone = np.logical_or.reduce(removed) & part
    surface = float(part.sum())
    if surface == 0 or not gone.any():
        return 0
    if gone.sum() / surface >= 0.75:
        return 5
    low, high = np.percentile(u[part], (1, 99))
    middle = (low + high) / 2
    pieces, count = label(gone, structure=np.ones((3, 3)))
    total = 0
    for k in range(1, count + 1):
        piece = pieces == k
        area = float(piece.sum())
        if area < max(LEAST_AREA * width**2, 3):
            continue
        first, last = float(u[piece].min()), float(u[piece].max())
        past = min(last - middle, middle - first) > 0.03 and last - first >= 0.5 * (high - low)
        total += 3 if past else 2 if area / surface >= 0.1 else 1
    return min(total, 5)


def erode(image: Pixels, end: BoneEnd, lesions: Sequence[Lesion]) -> tuple[int, tuple[Array, ...]]:
    """Erode the image in place; the site's grade (bones of the joint summed, 5 at most) and the outlines of what was removed."""
    u, _ = end.grid()
    window = image[end.box].astype(float)
    total = 0
    outlines: list[Array] = []
    for name in ("proximal", "distal"):
        part = end.part(name)
        mine = [lesion for lesion in lesions if (lesion.end == name) or (not end.finger and name == "proximal")]
        if not mine or part.sum() < 12:
            continue
        removed = []
        after = window
        for lesion in mine:
            after, gone = _one(end, after, part, lesion)
            removed.append(gone)
        grade = erosion_grade(removed, part, u, end.width)
        if not grade:
            # A loss too small for a grade is undone: damage that is seen has a grade.
            continue
        window = after
        total += grade
        shape = np.pad(np.logical_or.reduce(removed).astype(float), 1)
        corner = np.array([end.box[1].start - 1, end.box[0].start - 1])
        outlines += [np.asarray(line[:, ::-1] + corner, dtype=float) for line in find_contours(shape, 0.5)]
    image[end.box] = np.clip(window, 0, 1)
    return min(total, 5), tuple(outlines)
