from math import inf, pi

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from skimage.metrics import hausdorff_distance

from coread.stats.overlap import EMPTY, overlap, surface_dice, surface_distances

SPACING = (1.5, 0.7, 1.0)


def ball(shape: tuple[int, ...], centre: tuple[float, ...], radius: float, spacing: tuple[float, ...]) -> np.ndarray:
    grid = np.meshgrid(*[np.arange(n) * s for n, s in zip(shape, spacing, strict=True)], indexing="ij")
    return sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True)) <= radius**2


def boundary(mask: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    """Surface points in mm, voxel by voxel."""
    points = []
    for voxel in np.argwhere(mask):
        for axis in range(mask.ndim):
            for step in (-1, 1):
                other = voxel.copy()
                other[axis] += step
                if not 0 <= other[axis] < mask.shape[axis] or not mask[tuple(other)]:
                    points.append(tuple(voxel * spacing))
    return np.array(sorted(set(points)))


def blobs(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    a = random.random((9, 12, 10)) < 0.1
    return a, np.roll(a, 1, axis=seed % 3) ^ (random.random(a.shape) < 0.02)


@pytest.mark.parametrize("seed", range(4))
def test_as_by_brute_force(seed: int) -> None:
    a, b = blobs(seed)
    between = cdist(boundary(a, SPACING), boundary(b, SPACING))
    to_b, to_a = between.min(axis=1), between.min(axis=0)
    found = surface_distances(a, b, SPACING)
    assert found.hausdorff_mm == pytest.approx(max(to_b.max(), to_a.max()))
    assert found.hausdorff_95_mm == pytest.approx(max(np.percentile(to_b, 95), np.percentile(to_a, 95)))
    assert found.mean_surface_distance_mm == pytest.approx((to_b.sum() + to_a.sum()) / (to_b.size + to_a.size))
    assert (found.reference_voxels, found.prediction_voxels) == (to_b.size, to_a.size)
    for tolerance in (0.0, 0.7, 1.0, 1.5):
        within = (to_b <= tolerance + 1e-9).sum() + (to_a <= tolerance + 1e-9).sum()
        assert surface_dice(a, b, SPACING, tolerance) == pytest.approx(within / (to_b.size + to_a.size))
    assert overlap(a, b, SPACING).dice == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()))


def test_hausdorff_of_solid_masks_as_scikit_image() -> None:
    a, b = ball((40, 40), (18, 20), 9, (1, 1)), ball((40, 40), (22, 19), 6, (1, 1))
    surface = [np.zeros_like(a), np.zeros_like(a)]
    for image, mask in zip(surface, (a, b), strict=True):
        image[tuple(boundary(mask, (1, 1)).astype(int).T)] = True
    assert surface_distances(a, b, (1, 1)).hausdorff_mm == pytest.approx(hausdorff_distance(*surface))


def test_concentric_balls_lie_their_difference_apart() -> None:
    spacing, shape = (0.5, 0.4, 0.25), (60, 75, 120)
    centre = (15.0, 15.0, 15.0)
    outer, inner = ball(shape, centre, 10, spacing), ball(shape, centre, 7, spacing)
    found = surface_distances(outer, inner, spacing)
    assert found.mean_surface_distance_mm == pytest.approx(3, abs=0.15)
    assert found.hausdorff_95_mm == pytest.approx(3, abs=0.4)
    assert surface_dice(outer, inner, spacing, 2.4) == 0.0
    assert surface_dice(outer, inner, spacing, 3.6) == 1.0
    volumes = overlap(outer, inner, spacing)
    assert volumes.reference_ml == pytest.approx(4 / 3 * pi, rel=0.01)
    assert volumes.dice == pytest.approx(2 * 7**3 / (7**3 + 10**3), rel=0.01)
    assert volumes.relative_volume_difference == pytest.approx(0.343 - 1, rel=0.01)


def test_shifted_box_along_each_axis() -> None:
    box = np.zeros((12, 12, 12), dtype=bool)
    box[3:8, 3:8, 3:8] = True
    for axis, size in enumerate(SPACING):
        found = surface_distances(box, np.roll(box, 2, axis=axis), SPACING)
        assert found.hausdorff_mm == pytest.approx(2 * size)


def test_place_in_the_image_does_not_matter() -> None:
    a, b = blobs(1)
    wide = [(4, 3), (0, 5), (2, 2)]
    assert surface_distances(np.pad(a, wide), np.pad(b, wide), SPACING) == surface_distances(a, b, SPACING)


@pytest.mark.parametrize("name", EMPTY)
@pytest.mark.parametrize("case", ["both", "reference", "prediction"])
def test_empty_masks_are_as_the_table_says(name: str, case: str) -> None:
    full, empty = np.ones((3, 3, 3), dtype=bool), np.zeros((3, 3, 3), dtype=bool)
    a = empty if case in ("both", "reference") else full
    b = empty if case in ("both", "prediction") else full
    if name == "surface_dice":
        value = surface_dice(a, b, (1, 1, 1), 1.0)
    elif name.endswith("_mm"):
        value = getattr(surface_distances(a, b, (1, 1, 1)), name)
    else:
        value = getattr(overlap(a, b, (1, 1, 1)), name)
    assert value == getattr(EMPTY[name], case)


def test_the_table_follows_the_limit_of_one_voxel() -> None:
    one, far = np.zeros((30, 30), dtype=bool), np.zeros((30, 30), dtype=bool)
    one[0, 0], far[-1, -1] = True, True
    assert overlap(one, far, (1, 1)).dice == EMPTY["dice"].prediction == 0
    assert EMPTY["hausdorff_mm"].reference == inf


@pytest.mark.parametrize(
    ("a", "b", "spacing", "said"),
    [
        (np.ones((2, 2)), np.ones((2, 3)), (1, 1), "one shape"),
        (np.ones(4), np.ones(4), (1,), "two or three axes"),
        (np.ones((2, 2)), np.ones((2, 2)), (1,), "each of the 2 axes"),
        (np.ones((2, 2)), np.ones((2, 2)), (1, 0), "positive number"),
        (np.ones((2, 2)), 2 * np.ones((2, 2)), (1, 1), "choose one label"),
    ],
)
def test_refuses(a: np.ndarray, b: np.ndarray, spacing: tuple[float, ...], said: str) -> None:
    for call in (overlap, surface_distances):
        with pytest.raises(ValueError, match=said):
            call(a, b, spacing)
    with pytest.raises(ValueError, match="tolerance_mm"):
        surface_dice(np.ones((2, 2)), np.ones((2, 2)), (1, 1), -1)
