"""Joint spaces against a phantom whose gap is known by construction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from coread.errors import InputError
from coread.vision.spaces import measure_space, measure_spaces
from tests.vision.joint_phantom import Joint, Place, draw


def width_mm(joint: Joint) -> tuple[float, float]:
    pixels, place = draw(joint)
    space = measure_space(pixels, place)
    assert space.unmeasurable is None
    return space.mean_px * joint.spacing_mm, space.minimum_px * joint.spacing_mm


@pytest.mark.parametrize("gap_mm", [0.4, 0.8, 1.6, 2.4])
def test_width_follows_the_gap(gap_mm: float) -> None:
    mean, minimum = width_mm(Joint(gap_mm=gap_mm))
    assert mean == pytest.approx(gap_mm, abs=0.06)
    assert minimum == pytest.approx(gap_mm, abs=0.08)


def test_slope_over_gaps_is_one() -> None:
    gaps = np.array([0.4, 0.8, 1.6, 2.4])
    measured = [width_mm(Joint(gap_mm=g))[0] for g in gaps]
    assert np.polyfit(gaps, measured, 1)[0] == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("spacing_mm", [0.15, 0.2, 0.3])
def test_width_does_not_depend_on_the_pixel_size(spacing_mm: float) -> None:
    assert width_mm(Joint(gap_mm=1.5, spacing_mm=spacing_mm))[0] == pytest.approx(1.5, abs=0.06)


@pytest.mark.parametrize("angle_deg", [37, 90, 180, 261])
def test_width_does_not_depend_on_the_direction(angle_deg: float) -> None:
    assert width_mm(Joint(gap_mm=1.5, angle_deg=angle_deg))[0] == pytest.approx(1.5, abs=0.05)


def test_edges_are_given_in_the_image() -> None:
    joint = Joint(gap_mm=1.6, angle_deg=30)
    pixels, place = draw(joint)
    space = measure_space(pixels, place)
    axis = np.array(place.axis)
    assert np.median((space.distal_px - space.proximal_px) @ axis) * joint.spacing_mm == pytest.approx(1.6, abs=0.15)
    apart = np.linalg.norm(space.distal_px - space.proximal_px, axis=1)
    np.testing.assert_allclose(apart, space.widths_px, atol=1e-6)
    assert np.linalg.norm(np.subtract(space.center_px, place.center_px)) * joint.spacing_mm < 0.4


@pytest.mark.parametrize("gap_mm", [1.6, 2.2])
@pytest.mark.parametrize("lip_mm", [0.5, 1.0])
def test_the_floor_of_the_cup_is_the_edge_not_its_lip(gap_mm: float, lip_mm: float) -> None:
    assert width_mm(Joint(gap_mm=gap_mm, lip_mm=lip_mm))[0] == pytest.approx(gap_mm, abs=0.15)


def test_a_slit_that_blur_has_filled_is_narrow_beside_the_hands_open_gaps() -> None:
    open_gap, place = draw(Joint(gap_mm=1.6, blur_mm=0.3), "MCP 3")
    slit, _ = draw(Joint(gap_mm=0.25, blur_mm=0.3, seed=1), "MCP 2")
    pixels = np.concatenate([open_gap, slit, open_gap])
    centre, height = np.array(place.center_px), open_gap.shape[0]
    there = draw(Joint(gap_mm=0.25, blur_mm=0.3, seed=1), "MCP 2")[1].center_px
    places = [
        place,
        replace(place, name="MCP 2", center_px=(there[0], there[1] + height)),
        replace(place, name="MCP 4", center_px=(centre[0], centre[1] + 2 * height)),
    ]
    spaces = measure_spaces(pixels, places)
    assert spaces[0].mean_px * 0.1 == pytest.approx(1.6, abs=0.1)
    assert spaces[1].mean_px * 0.1 < 0.45


def test_focal_loss_shows_in_the_minimum_at_its_place() -> None:
    joint = Joint(gap_mm=1.6, focal_loss_mm=0.8)
    pixels, place = draw(joint)
    space = measure_space(pixels, place)
    assert space.minimum_px * joint.spacing_mm == pytest.approx(0.8, abs=0.2)
    assert space.mean_px * joint.spacing_mm > 1.0
    assert space.positions[np.argmin(space.widths_px)] == pytest.approx(0.2, abs=0.1)


@pytest.mark.parametrize(("along", "across"), [(0.3, 0.0), (-0.3, 0.1), (0.15, -0.25), (0.0, 0.3)])
def test_a_place_that_is_off_is_put_right(along: float, across: float) -> None:
    joint = Joint(gap_mm=1.5, angle_deg=20)
    pixels, place = draw(joint)
    axis = np.array(place.axis)
    side = np.array([-axis[1], axis[0]])
    centre = np.array(place.center_px) + place.width_px * (along * axis + across * side)
    space = measure_space(pixels, replace(place, center_px=(float(centre[0]), float(centre[1]))))
    assert space.mean_px * joint.spacing_mm == pytest.approx(1.5, abs=0.06)


def test_subluxation_is_seen_in_the_axes() -> None:
    pixels, place = draw(Joint())
    straight = measure_space(pixels, place)
    assert abs(straight.angle_deg) < 3
    assert abs(straight.offset) < 0.05
    pixels, place = draw(Joint(shift_mm=4.0, tilt_deg=18.0))
    moved = measure_space(pixels, place)
    assert moved.angle_deg == pytest.approx(18, abs=5)
    assert moved.offset * moved.bone_width_px * 0.1 == pytest.approx(4.0, abs=1.0)


def test_one_bone_has_no_space() -> None:
    pixels, place = draw(Joint(fused=True))
    space = measure_space(pixels, place)
    assert space.mean_px == 0.0
    assert space.minimum_px == 0.0


def test_wrist_joint_without_a_gap_is_unmeasurable_not_fused() -> None:
    ramp = np.broadcast_to(np.linspace(0.3, 0.7, 400, dtype=np.float32)[:, None], (400, 400))
    space = measure_space(ramp, Place("CMC 3", (200.0, 200.0), (0.0, -1.0), 79.0))
    assert space.unmeasurable is not None
    assert "overlap" in space.unmeasurable
    assert np.isnan(space.mean_px)


def test_place_beyond_the_image_is_unmeasurable() -> None:
    pixels, place = draw(Joint())
    space = measure_space(pixels, replace(place, center_px=(-20.0, 200.0)))
    assert space.unmeasurable == "outside the image"
    assert space.quality == 0.0


def test_a_coarse_image_is_refused_not_guessed() -> None:
    pixels, place = draw(Joint(spacing_mm=0.6))
    space = measure_space(pixels, place)
    assert space.unmeasurable is not None
    assert space.unmeasurable.startswith("too coarse")
    assert np.isnan(space.mean_px)


def test_several_joints_come_back_in_order() -> None:
    pixels, place = draw(Joint(gap_mm=1.2))
    spaces = measure_spaces(pixels, [place, replace(place, name="PIP 3")])
    assert [s.name for s in spaces] == ["MCP 2", "PIP 3"]
    assert spaces[0].mean_px == pytest.approx(spaces[1].mean_px)
    assert measure_spaces(pixels, []) == ()


def test_bad_input_is_said() -> None:
    pixels, place = draw(Joint())
    with pytest.raises(InputError, match="one plane"):
        measure_space(np.zeros((3, 20, 20), dtype=np.float32), place)
    with pytest.raises(InputError, match="MCP 2"):
        measure_space(pixels, Place("MCP 2", (1.0, 1.0), (0.0, 1.0), 0.0))
