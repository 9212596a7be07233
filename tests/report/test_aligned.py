"""Close views laid over each other: the same joint, photographed moved, larger and turned, comes to lie in the same place."""

import math
from dataclasses import replace

import numpy as np
import pytest
from skimage.transform import rotate

from coread.readers import reader
from coread.report.aligned import HALF, Placed, aligned
from coread.report.closeup import Closeup, Points, closeup
from coread.report.picture import Picture, flat
from coread.report.view import shown
from coread.scoring import system
from coread.simulate.hand import simulate_hand
from coread.study import Study

BONE: Points = ((105.0, 226.0), (130.0, 221.0), (155.0, 226.0))
FRAME: Points = ((100.0, 200.0), (160.0, 200.0), (160.0, 240.0), (100.0, 240.0))


def moved(points: Points, turn_deg: float, scale: float, by: tuple[float, float]) -> Points:
    c, s = math.cos(math.radians(turn_deg)), math.sin(math.radians(turn_deg))
    return tuple((scale * (c * x - s * y) + by[0], scale * (s * x + c * y) + by[1]) for x, y in points)


def view(frame: Points, center: tuple[float, float] | None = None, bone: Points = ()) -> Closeup:
    return Closeup(Picture(b"", 90, 180, 80, 80, 80, 80), frame, bone, bone, center, None)


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


@pytest.mark.parametrize("turn", [-30.0, 12.0, 100.0])
def test_the_ends_of_the_bones_tell_how_a_joint_lies_where_frames_stand_straight(turn: float) -> None:
    middle = (130.0, 220.0)
    about = tuple((x - middle[0], y - middle[1]) for x, y in BONE)
    first, second = aligned([view(FRAME, bone=BONE), view(FRAME, bone=moved(about, turn, 1, middle))])
    assert first is not None
    assert second is not None
    assert second.turn_deg == pytest.approx(-turn)
    np.testing.assert_allclose(seen(second, moved(about, turn, 1, middle)), seen(first, BONE), atol=1e-6)
    lacking = aligned([view(FRAME, bone=BONE), view(FRAME)])
    assert [one and one.turn_deg for one in lacking] == [0, 0]


def test_a_hand_laid_down_turned_is_turned_back() -> None:
    """A simulated film turned by 12 degrees and read again: each of its 15 joints is turned back by that, within 2 degrees."""
    model, upright = reader("hand_svdh"), simulate_hand(90_001, side="left", pixel_mm=0.15, plain=True, narrowing={}, marker=None).study
    image = upright.images[0]
    pixels = rotate(image.pixels.copy(), 12, mode="edge").astype(np.float32)
    turned = replace(upright, images=(replace(image, load=lambda: pixels.copy(), _kept=[]),))

    def views(study: Study) -> dict[str, Closeup]:
        shades = [flat(one) for one in study.images]
        return {joint.key: closeup(joint, shades) for joint in shown(model.read(study), system("svdh"), study).joints}

    first, second = views(upright), views(turned)
    turns = [placed.turn_deg for key in first if first[key].proximal and (placed := aligned([first[key], second[key]])[1])]
    assert len(turns) == 15
    assert turns == pytest.approx([12.0] * 15, abs=2.0)


def test_without_a_frame_everywhere_views_are_centred_and_not_turned() -> None:
    first, second, third = aligned([view(moved(FRAME, 30, 1, (0, 0))), Closeup(None, (), (), (), None, None), view((), (111.0, 222.0))])
    assert first is not None
    assert second is None
    assert third is not None
    assert (first.center, first.turn_deg) == ((129.5, 219.5), 0)
    assert (third.center, third.scale) == ((111.0, 222.0), 2 * HALF / 80)


def test_no_picture_at_all() -> None:
    assert aligned([Closeup(None, (), (), (), None, None)] * 2) == (None, None)
