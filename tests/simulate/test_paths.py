from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad

from coread.simulate.bones import block, tube
from coread.simulate.paths import bone_patch, rounded, texture_tile


@pytest.mark.parametrize(
    ("distance", "curve", "pixel"), [(0.0, 2.0, 0.1), (0.3, 1.0, 0.2), (0.9, 1.0, 0.4), (3.0, 1.0, 0.1), (-0.5, 1.0, 0.3)]
)
def test_rounded_is_the_mean_over_a_pixel(distance, curve, pixel):
    def depth(x):
        return 0.0 if x < 0 else 1.0 if x > curve else np.sqrt(1 - (1 - x / curve) ** 2)

    low, high = distance - pixel / 2, distance + pixel / 2
    inner = [p for p in (0.0, curve) if low < p < high]
    expected = quad(depth, low, high, points=inner or None)[0] / pixel
    assert float(rounded(np.array([distance]), np.array([curve]), pixel)[0]) == pytest.approx(expected, abs=2e-4)


def test_a_round_bone_is_crossed_as_a_ball():
    phi = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    ball = block("ball", 5.0 * np.column_stack([np.cos(phi), np.sin(phi)]) + 10.0, depth=5.0)
    one = np.ones(2)
    radius = float(np.linalg.norm(ball.outline - 10.0, axis=1).mean())  # smoothing takes a little off
    assert radius == pytest.approx(5.0, abs=0.05)
    ball = replace(ball, round=radius * one, depth=radius * one, ends=(radius, 0.5, radius, 0.5))
    patch = bone_patch(ball, 0.1, (200, 200), seed=0, grain=0.0)
    assert patch is not None
    y, x = np.mgrid[patch.rows, patch.columns] * 0.1 - 10.0
    r = np.hypot(x, y)
    expected = 2 * np.sqrt(np.maximum(radius**2 - r**2, 0))
    assert np.abs(patch.body - expected)[r < 4.7].max() < 0.05
    volume = patch.body.sum() * 0.01
    assert volume == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.01)


def test_mineral_is_less_than_the_body_and_the_shaft_shows_its_canal():
    bone = tube("metacarpal 3", 64.0).moved(np.array([5.0, 15.0]))
    patch = bone_patch(bone, 0.1, (300, 760), seed=3)
    assert patch is not None
    assert (patch.mineral >= 0).all()
    assert (patch.mineral <= patch.body + 1e-9).all()
    row = patch.mineral[:, int((5 + 32) / 0.1) - patch.columns.start]
    middle = row[len(row) // 2 - 3 : len(row) // 2 + 3].mean()
    assert row.max() > 1.3 * middle > 0


def test_patches_of_coarse_and_fine_pixels_hold_the_same_mineral():
    bone = tube("proximal phalanx 2", 40.0).moved(np.array([8.3, 20.1]))
    fine, coarse = (bone_patch(bone, p, (int(40 / p), int(60 / p)), seed=0, grain=0.0) for p in (0.1, 0.6))
    assert fine is not None
    assert coarse is not None
    assert coarse.mineral.sum() * 0.36 == pytest.approx(fine.mineral.sum() * 0.01, rel=0.02)


def test_a_bone_off_the_film_gives_nothing():
    bone = tube("proximal phalanx 2", 40.0).moved(np.array([-500.0, 20.0]))
    assert bone_patch(bone, 0.2, (100, 100), seed=0) is None


def test_texture_is_normalised_and_runs_along_the_bone():
    tile = texture_tile(5)
    assert abs(float(tile.mean())) < 0.05
    assert float(tile.std()) == pytest.approx(1.0, abs=0.01)
    along = np.corrcoef(tile[:-4].ravel(), tile[4:].ravel())[0, 1]
    across = np.corrcoef(tile[:, :-4].ravel(), tile[:, 4:].ravel())[0, 1]
    assert along > across + 0.2
