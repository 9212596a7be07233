"""Close views laid over each other: the same joint, photographed moved, larger and turned, comes to lie in the same place."""

import math

import numpy as np
import pytest

from coread.report.aligned import HALF, Placed, aligned
from coread.report.closeup import Closeup, Points
from coread.report.picture import Picture

FRAME: Points = ((100.0, 200.0), (160.0, 200.0), (160.0, 240.0), (100.0, 240.0))


def moved(points: Points, turn_deg: float, scale: float, by: tuple[float, float]) -> Points:
    c, s = math.cos(math.radians(turn_deg)), math.sin(math.radians(turn_deg))
    return tuple((scale * (c * x - s * y) + by[0], scale * (s * x + c * y) + by[1]) for x, y in points)


def view(frame: Points, center: tuple[float, float] | None = None) -> Closeup:
    return Closeup(Picture(b"", 90, 180, 80, 80, 80, 80), frame, (), (), center, None)


def seen(placed: Placed, points: Points) -> np.ndarray:
    """Points of the image in the view, by the transform as SVG reads it: the last function first."""
    x, y = (np.array(points) - placed.center).T * placed.scale
    c, s = math.cos(math.radians(placed.turn_deg)), math.sin(math.radians(placed.turn_deg))
    return np.stack((c * x - s * y, s * x + c * y), axis=1)


@pytest.mark.parametrize(("turn", "scale", "by"), [(0, 1, (0, 0)), (25, 1, (10, -40)), (-170, 1.7, (900, 30)), (181, 0.5, (0, 600))])
def test_a_joint_turned_scaled_and_moved_lies_as_at_the_first_visit(turn: float, scale: float, by: tuple[float, float]) -> None:
    mark: Points = ((120.0, 215.0),)
    first, second = aligned([view(FRAME), view(moved(FRAME, turn, scale, by))])
    assert first is not None
    assert second is not None
    assert first.turn_deg == 0
    there, here = seen(first, FRAME + mark), seen(second, moved(FRAME + mark, turn, scale, by))
    np.testing.assert_allclose(here, there, atol=1e-6)
    assert np.abs(there).max() < HALF
    assert f"rotate({second.turn_deg:.2f}) scale({second.scale:.5f}) translate(" in second.transform


def test_without_a_frame_everywhere_views_are_centred_and_not_turned() -> None:
    first, second, third = aligned([view(moved(FRAME, 30, 1, (0, 0))), Closeup(None, (), (), (), None, None), view((), (111.0, 222.0))])
    assert first is not None
    assert second is None
    assert third is not None
    assert (first.center, first.turn_deg) == ((129.5, 219.5), 0)
    assert (third.center, third.scale) == ((111.0, 222.0), 2 * HALF / 80)


def test_no_picture_at_all() -> None:
    assert aligned([Closeup(None, (), (), (), None, None)] * 2) == (None, None)
