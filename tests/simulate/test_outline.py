import numpy as np
import pytest

from coread.simulate.outline import area, distance_map, envelope, inside_mask, nearest_distance, resample, smooth


def circle(radius, centre=(0.0, 0.0), n=2000):
    phi = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.column_stack([centre[0] + radius * np.cos(phi), centre[1] + radius * np.sin(phi)])


def test_distance_to_a_circle_is_the_analytic_one():
    centre = np.array([40.3, 37.8])
    distance, _, _ = distance_map(circle(21.7, centre), (80, 90))
    y, x = np.mgrid[:80, :90]
    expected = 21.7 - np.hypot(x - centre[0], y - centre[1])
    assert np.abs(distance - expected)[(expected > -2) & (expected < 8)].max() < 0.002
    assert np.abs(distance - expected)[expected > 0].max() < 0.1


def test_nearest_point_of_the_outline_is_numbered():
    points = circle(21.7, (40, 40))
    _, near, number = distance_map(points, (80, 80))
    phi = 2 * np.pi * number[near[40, 60]] / len(points)
    assert min(phi, 2 * np.pi - phi) < 0.05


@pytest.mark.parametrize("shift", [0.0, 0.31, 0.5, 0.77])
def test_inside_agrees_with_the_area(shift):
    square = np.array([[3.0, 4.0], [23.0, 4.0], [23.0, 15.0], [3.0, 15.0]]) + shift - 0.25
    assert inside_mask(square, (30, 30)).sum() == 220
    assert inside_mask(square[::-1], (30, 30)).sum() == 220


def test_inside_of_an_outline_that_leaves_the_grid():
    mask = inside_mask(circle(30, (5, 5)), (20, 20))
    y, x = np.mgrid[:20, :20]
    assert np.array_equal(mask, np.hypot(x - 5, y - 5) < 30)


def test_envelope_of_a_circle():
    lines = np.linspace(-4, 4, 33)
    far = envelope(circle(5.0), np.zeros(2), np.array([0.0, -1.0]), np.array([1.0, 0.0]), lines, far=True)
    assert np.allclose(far, np.sqrt(25 - lines**2), atol=1e-4)
    near = envelope(circle(5.0), np.zeros(2), np.array([0.0, -1.0]), np.array([1.0, 0.0]), lines, far=False)
    assert np.allclose(near, -far, atol=1e-9)


def test_envelope_misses_are_nan():
    out = envelope(circle(5.0), np.zeros(2), np.array([0.0, -1.0]), np.array([1.0, 0.0]), np.array([-6.0, 0.0, 6.0]), far=True)
    assert np.isnan(out[[0, 2]]).all()
    assert np.isfinite(out[1])


def test_nearest_distance_is_exact_to_segments():
    square = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]])
    fine = resample(square, 0.1)
    points = np.array([[5.0, -1.0], [12.0, 5.03], [5.0, 4.0], [-3.0, -4.0], [300.0, 0.0]])
    assert np.allclose(nearest_distance(points, fine)[:4], [1.0, 2.0, 4.0, 5.0], atol=1e-9)
    assert np.isinf(nearest_distance(points, fine)[4])


def test_smoothing_keeps_the_area_of_a_large_outline():
    assert abs(area(smooth(circle(20.0), 0.6))) == pytest.approx(np.pi * 400, rel=2e-3)
