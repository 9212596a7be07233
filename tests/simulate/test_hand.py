"""The truth of a simulated hand, held against symmetry, against its options, and against what the picture itself shows."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from coread.errors import InputError
from coread.simulate import JOINTS, Erosion, render, simulate_hand
from coread.simulate import joints as joint_module
from coread.simulate.anatomy import build
from coread.simulate.hand import line_integral
from coread.simulate.record import FilmRecord, Record, draw_hand
from coread.simulate.truth import View, hand_truth, narrowing_grade

SITES = {
    *("MCP 1", "MCP 2", "MCP 3", "MCP 4", "MCP 5", "PIP 2", "PIP 3", "PIP 4", "PIP 5", "IP thumb"),
    *("metacarpal 1 base", "radius", "ulna", "trapezium-trapezoid", "scaphoid", "lunate"),
    *("CMC 3", "CMC 4", "CMC 5", "scaphotrapeziotrapezoid", "capitate-scaphoid-lunate", "radiocarpal"),
}
FINE = 0.04
COARSE = 0.8
REACH = 75


def close_up(record, joint, half_mm=5.5):
    """The line integral around one joint in 0.04 mm pixels, with the truth in those pixels."""
    anatomy = build(record)
    centre = anatomy.joints[joint].centre
    view = View(np.eye(2), half_mm - centre, FINE)
    n = int(2 * half_mm / FINE)
    picture = line_integral(Record(FilmRecord(pixel_mm=FINE), (record,)), [anatomy], [view], (n, n))
    return picture, hand_truth(record, anatomy, view).joints[joint]


def seen_widths(picture, joint, share=0.75):
    """Widths found in the picture alone: on each line, how far the attenuation stays near the level inside the gap.

    Nothing of the simulator's geometry is used but where the joint lies and how wide it is.
    """
    axis = np.array(joint.axis)
    across = np.array([-axis[1], axis[0]])
    step = 0.2
    reach = np.arange(-3.0 / FINE, 3.0 / FINE, step)
    half = share * np.ptp(joint.positions_mm) / 2 / FINE
    widths = []
    for offset in np.linspace(-half, half, 41):
        at = np.array(joint.centre_px) + offset * across + reach[:, None] * axis
        line = map_coordinates(picture, [at[:, 1], at[:, 0]], order=1)
        middle = len(line) // 2
        lowest = middle - REACH + int(np.argmin(line[middle - REACH : middle + REACH]))
        level = line[lowest] + 0.012
        after = lowest + int(np.argmax(line[lowest:] > level))
        before = lowest - int(np.argmax(line[lowest::-1] > level))
        widths.append((after - before) * step * FINE)
    return np.array(widths)


@pytest.mark.parametrize(
    ("joint", "left"), [("MCP 2", 1.0), ("MCP 2", 0.45), ("PIP 3", 0.6), ("DIP 4", 1.0), ("IP thumb", 0.4), ("CMC 3", 0.7)]
)
def test_the_picture_shows_the_width_that_the_truth_tells(joint, left):
    record = draw_hand(4, "left", narrowing={joint: left})
    picture, truth = close_up(record, joint)
    inner = np.abs(truth.positions_mm) < 0.75 * truth.positions_mm.max()
    assert float(seen_widths(picture, truth).mean()) == pytest.approx(truth.widths_mm[inner].mean(), abs=0.05)


@pytest.mark.parametrize("joint", [j for j in JOINTS if j.split(" ")[0] in ("MCP", "PIP", "DIP", "IP")])
def test_the_option_sets_the_mean_width(joint):
    record = draw_hand(9, "right", narrowing={joint: 0.37})
    truth = hand_truth(record, build(record), View(np.eye(2), np.zeros(2), 0.1)).joints[joint]
    assert truth.mean_mm == pytest.approx(0.37 * truth.normal_mm, abs=0.01)
    assert truth.grade == 3


@pytest.mark.parametrize("joint", ["CMC 3", "CMC 4", "CMC 5", "scaphotrapeziotrapezoid", "capitate-scaphoid-lunate", "radiocarpal"])
def test_wrist_joints_follow_the_option(joint):
    widths = []
    for left in (1.0, 0.7, 0.4):
        record = draw_hand(2, "left", narrowing={joint: left})
        widths.append(hand_truth(record, build(record), View(np.eye(2), np.zeros(2), 0.1)).joints[joint].mean_mm)
        assert widths[-1] == pytest.approx(left * record.normal_mm[joint], abs=0.2)
    assert widths[0] > widths[1] > widths[2]


def test_the_truth_does_not_hang_on_its_own_step(monkeypatch):
    record = draw_hand(6, "left", narrowing={"MCP 3": 0.5})
    view = View(np.eye(2), np.zeros(2), 0.1)
    coarse = hand_truth(record, build(record), view).joints
    anatomy = build(record)
    monkeypatch.setattr(joint_module, "LINE_STEP_MM", 0.005)
    fine = hand_truth(record, anatomy, view).joints
    for name in JOINTS:
        if name != "scaphotrapeziotrapezoid" and name != "radiocarpal":  # cleft lines are picked line by line
            assert coarse[name].mean_mm == pytest.approx(fine[name].mean_mm, abs=0.01), name
            assert coarse[name].minimum_mm == pytest.approx(fine[name].minimum_mm, abs=0.02), name


def test_widths_in_mm_do_not_hang_on_the_pixels():
    fine, coarse = simulate_hand(3, pixel_mm=0.4), simulate_hand(3, pixel_mm=COARSE)
    for name in JOINTS:
        assert fine.hand.joints[name].mean_mm == pytest.approx(coarse.hand.joints[name].mean_mm, abs=1e-9)
    assert np.allclose(fine.hand.landmarks_px * 0.4, coarse.hand.landmarks_px * COARSE, atol=1e-9)


def test_ankylosis_closes_the_gap():
    fused, truth = close_up(draw_hand(4, "left", narrowing={"PIP 3": 0.0}), "PIP 3")
    healthy, _ = close_up(draw_hand(4, "left"), "PIP 3")
    assert truth.mean_mm == truth.minimum_mm == 0
    assert truth.grade == 4
    n = len(fused) // 2
    middle = (slice(n - 18, n + 18), slice(n - 25, n + 25))
    assert fused[middle].min() > healthy[middle].min() + 0.15


def test_focal_loss_leaves_the_rest_of_the_joint():
    record = draw_hand(5, "left", focal={"MCP 4": (0.3, 0.3)})
    whole = draw_hand(5, "left")
    view = View(np.eye(2), np.zeros(2), 0.1)
    focal, healthy = (hand_truth(r, build(r), view).joints["MCP 4"] for r in (record, whole))
    assert focal.grade == 1
    assert focal.minimum_mm < 0.5 * healthy.minimum_mm
    far = focal.positions_mm < -0.5 * focal.positions_mm.max()
    assert np.allclose(focal.widths_mm[far], healthy.widths_mm[far], atol=0.02)


def test_subluxation_moves_the_distal_bone_across():
    record = draw_hand(5, "left", subluxation={"MCP 3": (-0.4, -10.0)})
    bones, straight = build(record).bones, build(draw_hand(5, "left")).bones
    moved = bones["proximal phalanx 3"].origin - straight["proximal phalanx 3"].origin
    assert moved @ straight["metacarpal 3"].across < -3
    assert moved[0] < -3  # towards the little finger
    turn = np.degrees(np.arccos(bones["proximal phalanx 3"].axis @ straight["proximal phalanx 3"].axis))
    assert turn == pytest.approx(10.0, abs=1e-6)


@pytest.mark.parametrize(
    ("mean", "least", "offset", "focal", "grade"),
    [
        *((1.0, 0.9, 0, False, 0), (0.85, 0.8, 0, False, 1), (0.98, 0.4, 0, True, 1), (0.7, 0.6, 0, False, 2), (0.51, 0.4, 0, False, 2)),
        *((0.49, 0.4, 0, False, 3), (1.0, 1.0, 0.3, False, 3), (0.0, 0.0, 0, False, 4), (1.0, 1.0, 1.1, False, 4)),
    ],
)
def test_grades_follow_the_definitions(mean, least, offset, focal, grade):
    assert narrowing_grade(mean * 1.6, least * 1.6, 1.6, offset, focal) == grade


def test_mirrored_film_gives_mirrored_truth():
    plain = simulate_hand(8, side="left", pixel_mm=COARSE, photons=0)
    flipped = simulate_hand(8, side="left", pixel_mm=COARSE, photons=0, mirrored=True)
    assert np.array_equal(plain.pixels[:, ::-1], flipped.pixels)
    last = plain.pixels.shape[1] - 1
    assert np.allclose(flipped.hand.landmarks_px, [last, 0] + [-1, 1] * plain.hand.landmarks_px, atol=1e-6)
    for name in JOINTS:
        a, b = plain.hand.joints[name], flipped.hand.joints[name]
        assert a.axis == pytest.approx((-b.axis[0], b.axis[1]))
        assert np.array_equal(a.widths_mm, b.widths_mm)
    assert flipped.hand.side == "left"


def test_a_right_hand_is_a_left_one_mirrored():
    left = draw_hand(8, "left", texture_seed=1)
    film = FilmRecord(pixel_mm=COARSE, photons=0, heel=(0.0, 0.0))
    a, b = render(Record(film, (left,))), render(Record(film, (replace(left, side="right"),)))
    assert a.pixels.shape == b.pixels.shape
    span = a.hand.landmarks_px[:, 0] + b.hand.landmarks_px[:, 0]
    assert np.ptp(span) < 1e-6
    assert a.hand.landmarks_px[20, 0] > a.hand.landmarks_px[36, 0]  # an unmirrored left hand shows its thumb to the right
    assert b.hand.landmarks_px[20, 0] < b.hand.landmarks_px[36, 0]
    assert b.study.side == "right"


def test_inverted_is_the_negative():
    a, b = (simulate_hand(8, pixel_mm=COARSE, inverted=i) for i in (False, True))
    assert np.allclose(a.pixels + b.pixels, 1, atol=1e-6)


def test_crop_is_a_cut_of_the_film():
    whole = simulate_hand(8, pixel_mm=COARSE)
    part = simulate_hand(8, pixel_mm=COARSE, crop=(0.2, 0.5, 0.9, 1.0))
    rows, cols = whole.pixels.shape
    r, c = round(0.5 * rows), round(0.2 * cols)
    assert np.array_equal(part.pixels, whole.pixels[r:, c : round(0.9 * cols)])
    assert np.allclose(part.hand.landmarks_px + np.array([c, r]), whole.hand.landmarks_px)
    assert not part.inside(part.hand.sites_px["tip 3"])
    assert part.inside(part.hand.sites_px["lunate"])


@pytest.mark.parametrize("turn", [35.0, 180.0, -100.0])
def test_turned_hands_lie_on_the_film(turn):
    exam = simulate_hand(12, pixel_mm=COARSE, rotation_deg=turn, side="left")
    assert all(exam.inside(p) for p in exam.hand.sites_px.values())
    finger = exam.hand.landmarks_px[28] - exam.hand.landmarks_px[15]
    seen = np.degrees(np.arctan2(finger[0], -finger[1]))
    upright = simulate_hand(12, pixel_mm=COARSE, rotation_deg=0, side="left").hand.landmarks_px
    expected = np.degrees(np.arctan2(upright[28, 0] - upright[15, 0], upright[15, 1] - upright[28, 1])) + turn
    assert (seen - expected + 180) % 360 - 180 == pytest.approx(0, abs=1e-6)


def test_same_seed_same_picture_and_records_replay():
    a, b = (simulate_hand(17, pixel_mm=COARSE, narrowing={"MCP 2": 0.5}) for _ in range(2))
    assert np.array_equal(a.pixels, b.pixels)
    assert a.study.uid == b.study.uid
    assert np.array_equal(render(a.record).pixels, a.pixels)
    other = simulate_hand(18, pixel_mm=COARSE, narrowing={"MCP 2": 0.5})
    assert other.pixels.shape != a.pixels.shape or not np.array_equal(other.pixels, a.pixels)
    assert other.study.uid != a.study.uid


def test_damage_changes_nothing_else():
    """An option never shifts the draws: the same hand, healthy and damaged."""
    healthy, sick = (
        simulate_hand(17, side="left", pixel_mm=COARSE),
        simulate_hand(17, side="left", pixel_mm=COARSE, narrowing={"CMC 3": 0.5}),
    )
    assert healthy.record.film == sick.record.film
    assert replace(sick.record.hands[0], narrowing={}) == healthy.record.hands[0]
    assert healthy.hand.joints["PIP 4"].mean_mm == sick.hand.joints["PIP 4"].mean_mm


@pytest.mark.parametrize("seed", range(2))
def test_the_study_is_as_it_is_promised(seed):
    exam = simulate_hand(seed, pixel_mm=COARSE)
    image = exam.study.images[0]
    assert image.axes == ("y", "x")
    assert image.pixels.dtype == np.float32
    assert np.isfinite(image.pixels).all()
    assert image.pixels.min() >= 0
    assert image.pixels.max() <= 1
    assert image.grid is not None
    assert image.grid.spacing_mm == (COARSE, COARSE)
    assert image.grid.source == "simulated"
    assert set(exam.hand.sites_px) >= SITES
    assert set(exam.hand.joints) == set(JOINTS)
    assert all(j.mean_mm > 0.4 and j.grade == 0 for j in exam.hand.joints.values())
    for name in ("scaphoid", "lunate"):
        column, row = exam.hand.sites_px[name]
        assert exam.hand.mask(name, image.shape)[round(row), round(column)]


def test_bone_is_brighter_than_flesh_and_flesh_than_air():
    exam = simulate_hand(3, side="left", pixel_mm=0.3, plain=True, collimator=None, marker="")
    hand = exam.hand
    shape = exam.study.images[0].shape
    bone = exam.pixels[hand.mask("metacarpal 3", shape)].mean()
    a, b = hand.outlines_px["metacarpal 3"].mean(axis=0), hand.outlines_px["metacarpal 4"].mean(axis=0)
    column, row = np.rint((a + b) / 2).astype(int)
    flesh = exam.pixels[row - 2 : row + 3, column - 1 : column + 2].mean()
    air = exam.pixels[:20, :20].mean()
    assert bone > flesh + 0.05
    assert flesh > air + 0.1


def test_both_hands_on_one_film():
    exam = simulate_hand(5, both=True, pixel_mm=COARSE, hands={"left": {"narrowing": {"MCP 2": 0.3}}})
    left, right = exam.hands
    assert (left.side, right.side) == ("left", "right")
    assert left.landmarks_px[:, 0].max() < right.landmarks_px[:, 0].min()
    assert left.joints["MCP 2"].grade == 3
    assert right.joints["MCP 2"].grade == 0
    assert exam.study.side is None
    assert all(exam.inside(p) for h in exam.hands for p in h.sites_px.values())


def test_an_erosion_takes_bone_away_where_it_is_said_to():
    bite = Erosion("MCP 2", "metacarpal 2", 62.0, 4.0, 2.5)
    options = {"side": "left", "pixel_mm": 0.3, "photons": 0, "scatter": 0, "latitude": 0, "sharpen": 0}
    sound, eroded = simulate_hand(3, **options), simulate_hand(3, erosions=(bite,), **options)
    truth = eroded.hand.erosions[0]
    darker = sound.pixels - eroded.pixels
    row, column = np.unravel_index(np.argmax(darker), darker.shape)
    assert np.hypot(column - truth.centre_px[0], row - truth.centre_px[1]) * 0.3 < 2.5
    assert darker.max() > 0.05
    far = np.hypot(*(np.indices(darker.shape) - np.array(truth.centre_px)[::-1, None, None])) * 0.3 > 8
    assert np.abs(darker[far]).max() < 0.02  # the display window may move by a hair
    ellipse = np.pi * 2.0 * 2.5
    assert 0.35 * ellipse < truth.area_mm2 < 0.75 * ellipse  # half of the ellipse lies in the bone


def test_an_immature_hand_has_dark_growth_plates():
    options = {"side": "left", "pixel_mm": 0.3, "photons": 0, "plain": True, "texture_seed": 1}
    child = simulate_hand(3, immature=True, **options)
    grown = simulate_hand(3, scale=child.record.hands[0].scale, **options)

    def dips(exam):
        hand = exam.hand
        start, stop = hand.landmarks_px[25], hand.landmarks_px[26]
        at = start + np.linspace(0.05, 0.3, 80)[:, None] * (stop - start)
        line = map_coordinates(exam.pixels, [at[:, 1], at[:, 0]], order=1)
        return float(np.median(line) - line.min())

    assert dips(child) > 2 * dips(grown)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"narrowing": {"MCP 6": 0.5}}, "MCP 6"),
        ({"focal": {"knee": (0, 0.5)}}, "knee"),
        ({"blurr_mm": 1.0}, "blurr_mm"),
        ({"pixel_mm": 0.0}, "pixel_mm"),
        ({"crop": (0.5, 0.5, 0.5, 1.0)}, "crop"),
        ({"erosions": (Erosion("MCP 2", "femur", 0, 1, 1),)}, "femur"),
    ],
)
def test_errors_name_what_was_wrong(options, named):
    with pytest.raises(InputError, match=named):
        simulate_hand(1, **{"pixel_mm": COARSE, **options})
