"""Two masks of the same thing: overlap, volume and the distance of their surfaces, in mm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_erosion, distance_transform_edt, generate_binary_structure

from coread.stats.labels import Bools, Floats


@dataclass(frozen=True, slots=True)
class Empty:
    """What a measure is where both masks are empty, only the reference is, or only the prediction is."""

    both: float
    reference: float
    prediction: float


EMPTY = {
    "dice": Empty(both=1.0, reference=0.0, prediction=0.0),
    "jaccard": Empty(both=1.0, reference=0.0, prediction=0.0),
    "volume_similarity": Empty(both=1.0, reference=0.0, prediction=0.0),
    "relative_volume_difference": Empty(both=0.0, reference=inf, prediction=-1.0),
    "hausdorff_mm": Empty(both=0.0, reference=inf, prediction=inf),
    "hausdorff_95_mm": Empty(both=0.0, reference=inf, prediction=inf),
    "mean_surface_distance_mm": Empty(both=0.0, reference=inf, prediction=inf),
    "surface_dice": Empty(both=1.0, reference=0.0, prediction=0.0),
}
"""The one place where empty masks are decided: agreeing on nothing is perfect, the distance to nothing is infinite (never NaN)."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """How much of two masks is common; volumes in ml (with two axes: areas in cm2), differences are prediction less reference."""

    dice: float
    jaccard: float
    volume_similarity: float
    reference_ml: float
    prediction_ml: float
    difference_ml: float
    relative_volume_difference: float


@dataclass(frozen=True, slots=True)
class SurfaceDistances:
    """Distances in mm from each surface voxel of one mask to the nearest of the other."""

    hausdorff_mm: float
    hausdorff_95_mm: float
    mean_surface_distance_mm: float
    reference_voxels: int
    prediction_voxels: int


def overlap(reference: npt.ArrayLike, prediction: npt.ArrayLike, spacing_mm: Sequence[float]) -> Overlap:
    """Dice 2|A & B| / (|A| + |B|), Jaccard |A & B| / |A | B|, volumes, volume similarity 1 - ||A| - |B|| / (|A| + |B|).

    Taha & Hanbury, BMC Med Imaging 2015;15:29. Empty masks: see EMPTY.

    Args:
        reference: mask of two or three axes, 0/1.
        prediction: mask of the same shape.
        spacing_mm: size of a voxel along each axis, in the order of the axes.

    Raises:
        ValueError: shapes or spacing that do not fit, or values other than 0/1.
    """
    a, b, spacing = _masks(reference, prediction, spacing_mm)
    voxel = float(np.prod(spacing)) / (1000.0 if a.ndim == 3 else 100.0)
    size_a, size_b, common = int(a.sum()), int(b.sum()), int((a & b).sum())
    total = size_a + size_b
    volumes = (size_a * voxel, size_b * voxel, (size_b - size_a) * voxel)
    if size_a == 0 or size_b == 0:
        dice, jaccard, similarity, relative = (
            _empty(name, size_a, size_b) for name in ("dice", "jaccard", "volume_similarity", "relative_volume_difference")
        )
        return Overlap(dice, jaccard, similarity, *volumes, relative)
    return Overlap(2 * common / total, common / (total - common), 1 - abs(size_a - size_b) / total, *volumes, (size_b - size_a) / size_a)


def surface_distances(reference: npt.ArrayLike, prediction: npt.ArrayLike, spacing_mm: Sequence[float]) -> SurfaceDistances:
    """Hausdorff distance, its 95th percentile and the average symmetric surface distance.

    A surface voxel is one of the mask with a face neighbour outside it (or outside the image); distances run between voxel centres.
    Hausdorff: the larger of the two directed maxima; 95 %: the larger of the two directed 95th percentiles; mean: over the
    distances of both surfaces pooled (Maier-Hein, Nat Methods 2024;21:195). Every surface voxel counts alike, also where voxels
    are not cubes. Empty masks: see EMPTY.

    Args:
        reference: mask of two or three axes, 0/1.
        prediction: mask of the same shape.
        spacing_mm: size of a voxel along each axis, in the order of the axes.

    Raises:
        ValueError: shapes or spacing that do not fit, or values other than 0/1.
    """
    a, b, spacing = _masks(reference, prediction, spacing_mm)
    size_a, size_b = int(a.sum()), int(b.sum())
    if size_a == 0 or size_b == 0:
        names = ("hausdorff_mm", "hausdorff_95_mm", "mean_surface_distance_mm")
        hausdorff, percentile, mean = (_empty(name, size_a, size_b) for name in names)
        return SurfaceDistances(hausdorff, percentile, mean, int(_surface(a).sum()), int(_surface(b).sum()))
    to_b, to_a = _directed(a, b, spacing)
    return SurfaceDistances(
        float(max(to_b.max(), to_a.max())),
        float(max(np.percentile(to_b, 95), np.percentile(to_a, 95))),
        float(np.concatenate([to_b, to_a]).mean()),
        to_b.size,
        to_a.size,
    )


def surface_dice(reference: npt.ArrayLike, prediction: npt.ArrayLike, spacing_mm: Sequence[float], tolerance_mm: float) -> float:
    """Normalised surface distance: the share of both surfaces that lies within ``tolerance_mm`` of the other.

    (|{a: d(a, B) <= t}| + |{b: d(b, A) <= t}|) / (|A| + |B|) over surface voxels (Nikolov, J Med Internet Res 2021;23:e26151, with
    voxels counted instead of surface elements weighted by area). Empty masks: see EMPTY.

    Args:
        reference: mask of two or three axes, 0/1.
        prediction: mask of the same shape.
        spacing_mm: size of a voxel along each axis, in the order of the axes.
        tolerance_mm: largest distance that counts as agreement, such as the difference between two human readers.

    Raises:
        ValueError: a negative tolerance, shapes or spacing that do not fit, or values other than 0/1.
    """
    if not 0 <= tolerance_mm < inf:
        raise ValueError(f"tolerance_mm must be a distance of at least 0, got {tolerance_mm}")
    a, b, spacing = _masks(reference, prediction, spacing_mm)
    if not a.any() or not b.any():
        return _empty("surface_dice", int(a.sum()), int(b.sum()))
    # distances are square roots: one that equals the tolerance must not fall out by rounding
    return float((np.concatenate(_directed(a, b, spacing)) <= tolerance_mm + 1e-9).mean())


def _empty(name: str, size_a: int, size_b: int) -> float:
    row = EMPTY[name]
    return row.both if size_a == size_b == 0 else row.reference if size_a == 0 else row.prediction


def _masks(reference: npt.ArrayLike, prediction: npt.ArrayLike, spacing_mm: Sequence[float]) -> tuple[Bools, Bools, Floats]:
    raw = [np.asarray(reference), np.asarray(prediction)]
    if raw[0].shape != raw[1].shape or raw[0].ndim not in (2, 3):
        raise ValueError(
            f"masks must have one shape of two or three axes, got {raw[0].shape} and {raw[1].shape}: resample one to the other"
        )
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    if spacing.shape != (raw[0].ndim,) or not np.isfinite(spacing).all() or (spacing <= 0).any():
        raise ValueError(f"spacing_mm needs one positive number for each of the {raw[0].ndim} axes, got {list(spacing_mm)}")
    for mask in raw:
        if mask.dtype != np.bool_ and not np.isin(mask, (0, 1)).all():
            raise ValueError("masks must hold 0 and 1 only: choose one label (mask == label) or cut probabilities at a threshold")
    return raw[0].astype(np.bool_), raw[1].astype(np.bool_), spacing


def _surface(mask: Bools) -> Bools:
    surface: Bools = mask & ~binary_erosion(mask, generate_binary_structure(mask.ndim, 1), border_value=0)
    return surface


def _directed(a: Bools, b: Bools, spacing: Floats) -> tuple[Floats, Floats]:
    """Distances from the surface of a to that of b, and back; only the box around both is worked on."""
    box = tuple(
        slice(int(hit.min()), int(hit.max()) + 1)
        for axis in range(a.ndim)
        if (hit := np.flatnonzero((a | b).any(axis=tuple(x for x in range(a.ndim) if x != axis)))).size
    )
    surface_a, surface_b = _surface(a)[box], _surface(b)[box]
    to_b = distance_transform_edt(~surface_b, sampling=spacing)[surface_a]
    to_a = distance_transform_edt(~surface_a, sampling=spacing)[surface_b]
    return to_b, to_a
