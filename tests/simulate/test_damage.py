"""Damage painted on radiographs: held against geometry known by construction, against symmetry, and against the film's own grain."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from coread.errors import InputError
from coread.simulate import simulate_hand
from coread.simulate.damage import apply_damage, space_grade
from coread.simulate.damage_draw import draw_damage
from coread.simulate.damage_record import EROSION_SITES, NARROWING_SITES, Bite, DamageRecord, Mimic, Narrowed, Osteopenic, Subluxed
from coread.vision.sites import SITES

WIDTH, GAP, CENTRE = 60.0, 8.0, (150.0, 200.0)
SOFT, BONE, GRAIN = 0.30, 0.60, 0.004


@dataclass(frozen=True)
class Joint:
    name: str
    center_px: tuple[float, float]
    axis: tuple[float, float]
    width_px: float


def rods():
    """Two square-ended rods, 60 px wide and 8 px apart, in a wider one of flesh; the joint's axis points up."""
    rows, columns = np.mgrid[:400, :300].astype(float)
    image = np.where(np.abs(columns - CENTRE[0]) < 62, SOFT, 0.05)
    bone = (np.abs(columns - CENTRE[0]) < WIDTH / 2) & (np.abs(rows - CENTRE[1]) > GAP / 2)
    image = gaussian_filter(np.where(bone, BONE, image), 1.0)
    image += np.random.default_rng(0).normal(0, GRAIN, image.shape)
    far = (500.0, 200.0)
    return image.astype(np.float32), [
        Joint("MCP 2", CENTRE, (0.0, -1.0), WIDTH),
        Joint("MCP 5", (far[0] - 600, far[1]), (0.0, -1.0), WIDTH),
    ]


def bite(**options):
    wanted = {"site": "MCP 2", "part": "proximal", "kind": "marginal", "angle_deg": 90.0, "width": 0.3, "depth": 0.2}
    return Bite(**{**wanted, "through": 0.9, "softness": 0.02, "residue": 0.0, **options})


def polygon_area(p):
    q = np.roll(p, -1, axis=0)
    return abs(float((p[:, 0] * q[:, 1] - q[:, 0] * p[:, 1]).sum() / 2))


@pytest.fixture(scope="module")
def hand():
    """A simulated hand with its sites as a locator would give them."""
    made = simulate_hand(3, side="left", pixel_mm=0.25, plain=True, crop=None)
    truth = made.hand
    points = truth.landmarks_px
    length = float(np.linalg.norm(points[28] - (points[7] + points[8]) / 2))
    joints = []
    for name in dict.fromkeys(EROSION_SITES + NARROWING_SITES):
        rule = SITES[name]
        way = points[list(rule.way[1])].mean(axis=0) - points[list(rule.way[0])].mean(axis=0)
        way = way / np.linalg.norm(way)
        joints.append(Joint(name, truth.sites_px[name], (float(way[0]), float(way[1])), rule.width * length))
    return made.pixels, joints


def test_the_same_record_paints_the_same_picture(hand):
    pixels, joints = hand
    record = draw_damage(np.random.default_rng(4), joints, 0.8)
    one, two = apply_damage(pixels, joints, record), apply_damage(pixels, joints, DamageRecord.from_json(record.to_json()))
    assert np.array_equal(one.pixels, two.pixels)
    assert one.grades == two.grades
    assert not np.array_equal(one.pixels, pixels)
    assert {s for s, f in one.grades if f == "erosion"} == set(EROSION_SITES)
    assert {s for s, f in one.grades if f == "joint_space_narrowing"} == set(NARROWING_SITES)


def test_a_record_of_nothing_changes_nothing(hand):
    pixels, joints = hand
    done = apply_damage(pixels, joints, DamageRecord(0.0))
    assert np.array_equal(done.pixels, pixels)
    assert not any(done.grades.values())
    assert not done.outlines


def test_variants_and_sham_edits_carry_no_grade_and_stay_in_their_place(hand):
    pixels, joints = hand
    joint = next(j for j in joints if j.name == "MCP 3")
    rows, columns = np.indices(pixels.shape)
    away = np.hypot(rows - joint.center_px[1], columns - joint.center_px[0]) > 3 * joint.width_px
    for kind in ("notch", "cyst", "vessel", "sesamoid", "osteophyte", "overlap", "smoothed", "contrast", "resampled"):
        done = apply_damage(pixels, joints, DamageRecord(0.0, mimics=(Mimic("MCP 3", "proximal", kind, 80.0, 0.4, 0.06, (0.05,) * 8),)))
        assert not any(done.grades.values())
        assert not done.outlines
        assert not np.array_equal(done.pixels, pixels), kind
        assert np.array_equal(done.pixels[away], pixels[away]), kind


@pytest.mark.parametrize("angle", [90.0, -90.0])
def test_a_bite_takes_the_area_that_its_shape_has_inside_the_bone(angle):
    pixels, joints = rods()
    done = apply_damage(pixels, joints, DamageRecord(0.5, bites=(bite(angle_deg=angle),)))
    (outline,) = done.outlines
    half_ellipse = np.pi / 2 * 0.15 * 0.2 * WIDTH**2
    assert polygon_area(outline.polygon_px) == pytest.approx(half_ellipse, rel=0.15)
    side = np.sign(outline.polygon_px[:, 0].mean() - CENTRE[0])
    # MCP 5 lies to the left, so the thumb to the right
    assert side == np.sign(angle)
    assert outline.contrast > 1


@pytest.mark.parametrize(
    ("options", "grade"),
    [
        ({"depth": 0.12}, 1),
        ({"depth": 0.35, "width": 0.4}, 2),
        ({"depth": 0.62, "width": 0.6}, 3),
        ({"kind": "surface", "angle_deg": 0.0, "width": 0.2, "depth": 0.15}, 1),
        ({"kind": "surface", "angle_deg": 0.0, "width": 0.8, "depth": 0.2}, 3),
        ({"kind": "collapse", "angle_deg": 0.0, "width": 1.4, "depth": 0.5}, 5),
    ],
)
def test_grades_follow_the_middle_of_the_bone(options, grade):
    pixels, joints = rods()
    assert apply_damage(pixels, joints, DamageRecord(0.5, bites=(bite(**options),))).grades["MCP 2", "erosion"] == grade


def test_several_erosions_sum_up_to_the_cap():
    pixels, joints = rods()
    small, large = bite(depth=0.12), bite(depth=0.62, width=0.6, angle_deg=-90.0)
    assert apply_damage(pixels, joints, DamageRecord(0.5, bites=(small, large))).grades["MCP 2", "erosion"] == 4
    other = replace(large, part="distal")
    assert apply_damage(pixels, joints, DamageRecord(0.5, bites=(small, large, other))).grades["MCP 2", "erosion"] == 5


def test_a_loss_is_never_darker_than_soft_tissue_and_keeps_the_grain():
    pixels, joints = rods()
    many = tuple(bite(angle_deg=a, depth=0.4, width=0.7, through=1.0) for a in (85.0, 90.0, 95.0))
    most = apply_damage(pixels, joints, DamageRecord(1.0, bites=many))
    done = apply_damage(pixels, joints, DamageRecord(1.0, bites=many[1:2]))
    core = (slice(218, 236), slice(166, 174))
    assert done.pixels[core].mean() < 0.45, "something is lost"
    smooth = gaussian_filter(most.pixels, 1.5)[190:300, 122:178]
    assert smooth.min() > SOFT - 3 * GRAIN

    def grain(image):
        # second mixed differences: slopes of the picture cancel
        return np.diff(np.diff(image, axis=0), axis=1)[core].std()

    assert grain(done.pixels) == pytest.approx(grain(pixels), rel=0.25)


def column_gap(image, column):
    line = gaussian_filter(image[160:240, column - 2 : column + 3].mean(axis=1), 0.5)
    inside = np.flatnonzero(line < (SOFT + BONE) / 2)
    low, high = inside[0], inside[-1]
    level = (SOFT + BONE) / 2
    first = low - (level - line[low]) / (line[low - 1] - line[low])
    last = high + (level - line[high]) / (line[high + 1] - line[high])
    return last - first


@pytest.mark.parametrize("lost", [0.15, 0.3, 0.5])
def test_narrowing_takes_the_share_of_the_space_that_it_tells(lost):
    pixels, joints = rods()
    done = apply_damage(pixels, joints, DamageRecord(0.5, narrowed=(Narrowed("MCP 2", lost),)))
    for column in (135, 150, 165):
        assert column_gap(done.pixels, column) == pytest.approx(column_gap(pixels, column) - lost * GAP, abs=0.9)
    assert done.grades["MCP 2", "joint_space_narrowing"] == {0.15: 1, 0.3: 2, 0.5: 2}[lost]
    # the proximal bone stays where it is
    assert np.abs(done.pixels[210:] - pixels[210:]).max() < 0.03


def test_a_focal_loss_stays_in_its_place():
    pixels, joints = rods()
    done = apply_damage(pixels, joints, DamageRecord(0.5, narrowed=(Narrowed("MCP 2", 0.5, focal_at=0.25),)))
    assert column_gap(done.pixels, 165) < column_gap(pixels, 165) - 0.3 * GAP
    assert column_gap(done.pixels, 130) == pytest.approx(column_gap(pixels, 130), abs=0.5)
    assert done.grades["MCP 2", "joint_space_narrowing"] == 1


def test_ankylosis_fills_the_space_and_subluxation_shifts_the_distal_bone():
    pixels, joints = rods()
    fused = apply_damage(pixels, joints, DamageRecord(0.5, narrowed=(Narrowed("MCP 2", 1.0, ankylosis=True),)))
    assert gaussian_filter(fused.pixels, 1.0)[190:215, 135:166].min() > 0.5
    assert fused.ankylosis["MCP 2"]
    assert fused.grades["MCP 2", "joint_space_narrowing"] == 4
    moved = apply_damage(pixels, joints, DamageRecord(0.5, subluxed=(Subluxed("MCP 2", -0.3),)))
    bright = np.flatnonzero(gaussian_filter(moved.pixels, 1.0)[183] > 0.45)
    assert (bright[0] + bright[-1]) / 2 == pytest.approx(CENTRE[0] - 0.3 * WIDTH, abs=2.0)
    assert moved.subluxation["MCP 2"] == -0.3
    assert moved.grades["MCP 2", "joint_space_narrowing"] == 3


@pytest.mark.parametrize(
    ("narrowed", "subluxed", "grade"),
    [
        (None, None, 0),
        (Narrowed("MCP 2", 0.05), None, 0),
        (Narrowed("MCP 2", 0.6), None, 3),
        (None, Subluxed("MCP 2", 0.1), 0),
        (None, Subluxed("MCP 2", 0.1, 0.1), 3),
    ],
)
def test_space_grades(narrowed, subluxed, grade):
    assert space_grade(narrowed, subluxed) == grade


def test_osteopenia_darkens_bone_alone():
    pixels, joints = rods()
    done = apply_damage(pixels, joints, DamageRecord(0.5, osteopenic=(Osteopenic("MCP 2", 0.3, 0.3),)))
    assert done.pixels[210:230, 140:160].mean() < pixels[210:230, 140:160].mean() - 0.03
    assert np.abs(done.pixels[210:230, 190:205] - pixels[210:230, 190:205]).max() < 0.01
    assert not any(done.grades.values())


def test_the_mirrored_hand_gets_the_mirrored_damage(hand):
    pixels, joints = hand
    record = draw_damage(np.random.default_rng(8), joints, 0.7)
    last = pixels.shape[1] - 1
    mirrored = [replace(j, center_px=(last - j.center_px[0], j.center_px[1]), axis=(-j.axis[0], j.axis[1])) for j in joints]
    one, two = apply_damage(pixels, joints, record), apply_damage(pixels[:, ::-1], mirrored, record)
    assert one.grades == two.grades
    assert np.quantile(np.abs(one.pixels - two.pixels[:, ::-1]), 0.999) < 1e-3
    for a, b in zip(one.outlines, two.outlines, strict=True):
        assert a.polygon_px[:, 0].mean() == pytest.approx(last - b.polygon_px[:, 0].mean(), abs=1.0)


def test_an_outline_goes_with_the_bone_that_a_warp_moves():
    pixels, joints = rods()
    there = bite(part="distal")
    still = apply_damage(pixels, joints, DamageRecord(0.5, bites=(there,))).outlines[0].polygon_px
    moved = apply_damage(pixels, joints, DamageRecord(0.5, bites=(there,), narrowed=(Narrowed("MCP 2", 0.5),))).outlines[0].polygon_px
    assert moved[:, 1].mean() - still[:, 1].mean() == pytest.approx(0.5 * GAP, abs=1.5)


def test_bad_input_is_told():
    pixels, joints = rods()
    with pytest.raises(InputError, match="'PIP 2'"):
        apply_damage(pixels, joints, DamageRecord(0.5, narrowed=(Narrowed("PIP 2", 0.5),)))
    with pytest.raises(InputError, match="from 0 to 1"):
        apply_damage(pixels * 255, joints, DamageRecord(0.5))
    with pytest.raises(InputError, match="thumb"):
        apply_damage(pixels, joints[:1], DamageRecord(0.5))
    outside = apply_damage(pixels, joints, DamageRecord(0.5, narrowed=(Narrowed("MCP 5", 0.5),)))
    assert outside.skipped == ("MCP 5",)
    assert ("MCP 5", "joint_space_narrowing") not in outside.grades
