"""The second family of damage on a phantom of two digits: what was removed and moved is measured here again, by other means."""

import ast
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from coread.errors import InputError
from coread.simulate.second_damage import (
    EROSION_SITES,
    Act,
    SecondDamage,
    apply_second_damage,
    draw_propensity,
    draw_second_damage,
    draw_second_pair,
)
from coread.simulate.second_damage_erode import carved_share, erosion_grade, poisson_fill
from coread.simulate.second_damage_mimic import MIMICS

SRC = Path(__file__).parents[2] / "src" / "coread"
SHAPE = (330, 263)
WIDTH = 40.0
GAP = 6.0
FLESH = 0.3
COLUMNS = {"MCP 5": 66.3, "MCP 2": 196.7}
ROW = 200.4


@dataclass(frozen=True)
class Place:
    name: str
    center_px: tuple[float, float]
    axis: tuple[float, float] = (0.0, -1.0)
    width_px: float = WIDTH


PLACES = [Place(name, (column, ROW)) for name, column in COLUMNS.items()]


@pytest.fixture(scope="module")
def phantom() -> np.ndarray:
    """Two digits: round shafts (thickness of a cylinder, with a cortex) that face each other over a straight gap, in flat flesh."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    image = np.full(SHAPE, FLESH)
    for column in COLUMNS.values():
        off = np.abs(columns - column)
        tube = np.sqrt(np.maximum(1 - (off / (WIDTH / 2)) ** 2, 0)) * 0.3 + 0.1 * (off < WIDTH / 2)
        ends = 1 / (1 + np.exp(-(np.abs(rows - ROW) - GAP / 2) / 0.3))
        image += tube * ends * (rows > 60)
    return image.astype(np.float32)


def act(kind: str, size: float, site: str = "MCP 2", angle: float = 0.3, end: str = "proximal") -> Act:
    return Act(site, kind, end, angle, size, 0.95, 11)


def eroded(*acts: Act) -> SecondDamage:
    return SecondDamage(0.5, erosions=acts)


def moved(*acts: Act) -> SecondDamage:
    return SecondDamage(0.5, movements=acts)


def gap_edges(image: np.ndarray, column: float) -> tuple[float, float]:
    """Rows of the two half-height crossings beside the space, between whole rows by straight lines."""
    profile = image[:, round(column) - 3 : round(column) + 4].mean(axis=1)
    low = 180 + int(np.argmin(profile[180:222]))
    half = (profile[low] + np.percentile(profile[150:250], 80)) / 2
    up = low
    while profile[up] < half:
        up -= 1
    down = low
    while profile[down] < half:
        down += 1
    return up + (profile[up] - half) / (profile[up] - profile[up + 1]), down - (profile[down] - half) / (profile[down] - profile[down - 1])


def test_a_record_is_replayed_and_survives_json(phantom: np.ndarray) -> None:
    record = draw_second_damage(np.random.default_rng(4), PLACES, 0.9)
    again = SecondDamage.from_json(record.to_json())
    assert again == record
    one, other = apply_second_damage(phantom, PLACES, record), apply_second_damage(phantom, PLACES, again)
    assert np.array_equal(one.pixels, other.pixels)
    assert one.grades == other.grades
    assert json.loads(record.to_json())["severity"] == 0.9
    assert record == draw_second_damage(np.random.default_rng(4), PLACES, 0.9)


def test_nothing_done_changes_nothing(phantom: np.ndarray) -> None:
    done = apply_second_damage(phantom, PLACES, SecondDamage(0.0))
    assert np.array_equal(done.pixels, phantom)
    assert set(done.grades.values()) == {0}


def test_a_ball_takes_its_volume() -> None:
    """The thickness lost to a ball inside a round bone integrates to 4/3 pi r^3."""
    rows, columns = np.indices((121, 301))
    bone = np.abs(rows - 60) < 50
    share = carved_share(bone, np.array([[150.0, 60.0, 0.0, 15.0, 1.0]]))
    depth = 50.0 - np.abs(rows - 60)
    thickness = 2 * np.sqrt(np.maximum(depth * (100 - depth), 0))
    assert (share * thickness).sum() == pytest.approx(4 / 3 * np.pi * 15**3, rel=0.08)
    assert share[columns < 130].max() == 0


def test_carving_takes_bone_and_never_flesh(phantom: np.ndarray) -> None:
    done = apply_second_damage(phantom, PLACES, eroded(act("spheres", 0.25)))
    assert done.grades["MCP 2", "erosion"] >= 1
    assert (phantom - done.pixels).max() > 0.1
    assert done.pixels.min() > FLESH - 0.02


@pytest.mark.parametrize("kind", ["spheres", "flesh", "dent", "collapse"])
def test_an_erosion_stays_at_its_bone(phantom: np.ndarray, kind: str) -> None:
    done = apply_second_damage(phantom, PLACES, eroded(act(kind, 0.22)))
    changed = np.argwhere(np.abs(done.pixels - phantom) > 1e-6)
    assert len(changed)
    assert np.abs(changed - [ROW, COLUMNS["MCP 2"]]).max() < 1.3 * WIDTH
    assert done.grades["MCP 2", "erosion"] > 0
    assert done.grades["MCP 5", "erosion"] == 0
    # What is outlined lies on the thumb's side of the proximal bone, where it was put, unless the whole end went.
    outline = np.concatenate(done.outlines["MCP 2"])
    assert outline[:, 1].min() > ROW - 2
    if kind != "collapse":
        assert outline[:, 0].mean() > COLUMNS["MCP 2"]
    else:
        assert done.grades["MCP 2", "erosion"] == 5


def test_larger_is_not_milder(phantom: np.ndarray) -> None:
    grades = [
        apply_second_damage(phantom, PLACES, eroded(act("flesh", size))).grades["MCP 2", "erosion"] for size in (0.02, 0.12, 0.3, 0.6)
    ]
    assert grades == sorted(grades)
    assert (grades[0], grades[-1]) == (0, 3)


@pytest.mark.parametrize(
    ("boxes", "grade"),
    [
        ([], 0),
        ([(0, 5, 0, 5)], 1),
        ([(0, 5, 0, 5), (0, 5, 35, 40)], 2),
        ([(0, 10, 0, 10)], 2),
        ([(0, 5, 0, 24)], 3),
        ([(0, 5, 0, 24), (10, 20, 0, 10), (10, 20, 30, 40)], 5),
        ([(0, 16, 0, 40)], 5),
        ([(0, 1, 0, 2)], 0),
    ],
)
def test_grades_follow_the_definitions(boxes: list[tuple[int, int, int, int]], grade: int) -> None:
    part = np.ones((20, 40), dtype=bool)
    u = np.tile((np.arange(40) - 19.5) / 40, (20, 1))
    removed = [np.zeros((20, 40), dtype=bool)]
    for top, bottom, left, right in boxes:
        removed.append(np.zeros((20, 40), dtype=bool))
        removed[-1][top:bottom, left:right] = True
    assert erosion_grade(removed, part, u, 40.0) == grade


@pytest.mark.parametrize(("share", "grade"), [(0.05, 0), (0.15, 1), (0.35, 2), (0.6, 3)])
def test_narrowing_moves_the_far_bone_alone(phantom: np.ndarray, share: float, grade: int) -> None:
    done = apply_second_damage(phantom, PLACES, moved(act("narrow", share)))
    far, near = gap_edges(phantom, COLUMNS["MCP 2"])
    far_after, near_after = gap_edges(done.pixels, COLUMNS["MCP 2"])
    assert near_after == pytest.approx(near, abs=0.25)
    assert far_after - far == pytest.approx(share * GAP, abs=0.35)
    assert done.grades["MCP 2", "joint_space_narrowing"] == grade
    assert done.space_left["MCP 2"] == pytest.approx(1 - share, abs=0.01)
    near_bone = done.pixels[round(ROW) + 8 :]
    assert np.array_equal(near_bone, phantom[round(ROW) + 8 :])
    assert np.array_equal(done.pixels[:, :120], phantom[:, :120])


def test_subluxation_shifts_the_far_bone(phantom: np.ndarray) -> None:
    done = apply_second_damage(phantom, PLACES, moved(act("sublux", 0.3)))
    columns = np.arange(130, SHAPE[1])
    before, after = (np.maximum(image[180, 130:] - FLESH, 0) for image in (phantom, done.pixels))
    shift = (columns @ after) / after.sum() - (columns @ before) / before.sum()
    assert shift == pytest.approx(0.3 * WIDTH, abs=0.6)
    assert done.subluxation == {"MCP 2": pytest.approx(0.3)}
    assert done.grades["MCP 2", "joint_space_narrowing"] == 3


def test_a_tilt_narrows_one_side(phantom: np.ndarray) -> None:
    done = apply_second_damage(phantom, PLACES, moved(act("tilt", 0.5)))
    widths = [np.subtract(*gap_edges(done.pixels, COLUMNS["MCP 2"] + off)[::-1]) for off in (-0.3 * WIDTH, 0.3 * WIDTH)]
    assert widths[0] - widths[1] == pytest.approx(0.6 / 0.72 * 0.5 * GAP, abs=0.7)
    assert done.grades["MCP 2", "joint_space_narrowing"] >= 1


def test_fusion_leaves_no_space(phantom: np.ndarray) -> None:
    done = apply_second_damage(phantom, PLACES, moved(act("fuse", 1.0)))
    middle = done.pixels[180:222, round(COLUMNS["MCP 2"])]
    assert middle.min() > 0.55
    assert done.grades["MCP 2", "joint_space_narrowing"] == 4
    assert done.ankylosis == ("MCP 2",)


def test_outlines_go_with_the_bone_they_lie_on(phantom: np.ndarray) -> None:
    erosion = act("flesh", 0.2, end="distal")
    still = apply_second_damage(phantom, PLACES, eroded(erosion)).outlines["MCP 2"][0]
    gone = apply_second_damage(phantom, PLACES, replace(moved(act("narrow", 0.5)), erosions=(erosion,))).outlines["MCP 2"][0]
    assert (gone - still)[:, 1].mean() == pytest.approx(0.5 * GAP, abs=0.6)


def test_the_mirrored_hand_is_damaged_alike(phantom: np.ndarray) -> None:
    record = SecondDamage(
        0.5,
        (act("spheres", 0.2), act("dent", 0.2, "MCP 5", 2.6), act("flesh", 0.2, "MCP 5", 0.5, "distal")),
        (act("narrow", 0.4), act("sublux", 0.3, "MCP 5", 2.0)),
    )
    other = [replace(p, center_px=(SHAPE[1] - 1 - p.center_px[0], ROW)) for p in PLACES]
    one = apply_second_damage(phantom, PLACES, record)
    two = apply_second_damage(phantom[:, ::-1], other, record)
    assert one.grades == two.grades
    assert np.abs(one.pixels - two.pixels[:, ::-1]).mean() < 1e-4


@pytest.mark.parametrize("kind", MIMICS)
def test_mimics_have_no_grade_and_stay_local(phantom: np.ndarray, kind: str) -> None:
    done = apply_second_damage(phantom, PLACES, SecondDamage(0.0, mimics=(act(kind, 0.8),)))
    assert set(done.grades.values()) == {0}
    changed = np.argwhere(np.abs(done.pixels - phantom) > 1e-6)
    assert len(changed)
    assert np.abs(changed - [ROW, COLUMNS["MCP 2"]]).max() < 1.3 * WIDTH


def test_hands_of_a_patient_are_alike() -> None:
    """Sites eroded in both hands are more than chance makes them, and more than in hands of two patients."""
    random = np.random.default_rng(1)
    hand = [Place(name, (0.0, 0.0)) for name in EROSION_SITES]

    def sites(record: SecondDamage) -> np.ndarray:
        hit = {a.site for a in record.erosions}
        return np.array([name in hit for name in EROSION_SITES], dtype=float)

    pairs = [[sites(r) for r in draw_second_pair(random, hand, hand, 0.4)] for _ in range(150)]
    apart = [[sites(draw_second_damage(random, hand, 0.4, draw_propensity(random))) for _ in range(2)] for _ in range(150)]
    own, strange = (np.corrcoef(*(np.concatenate([p[k] for p in some]) for k in (0, 1)))[0, 1] for some in (pairs, apart))
    assert own > strange + 0.1


def test_blending_meets_its_rim_where_it_is_held() -> None:
    """A harmonic fill with all of its rim held is the harmonic function: a ramp stays a ramp."""
    ramp = np.tile(np.arange(20.0), (20, 1))
    region = np.zeros((20, 20), dtype=bool)
    region[5:15, 5:15] = True
    assert np.allclose(poisson_fill(np.where(region, 0, ramp), region, np.zeros((20, 20)), ~region), ramp, atol=1e-3)


def test_bad_input_is_told(phantom: np.ndarray) -> None:
    with pytest.raises(InputError, match="severity"):
        draw_second_damage(np.random.default_rng(0), PLACES, 1.5)
    with pytest.raises(InputError, match="PIP 3"):
        apply_second_damage(phantom, PLACES, eroded(act("flesh", 0.2, "PIP 3")))
    with pytest.raises(InputError, match="no erosion"):
        apply_second_damage(phantom, PLACES, eroded(act("narrow", 0.2)))
    with pytest.raises(InputError, match="no record"):
        SecondDamage.from_json("[]")
    flat = apply_second_damage(np.full(SHAPE, 0.5, np.float32), PLACES, eroded(act("flesh", 0.2)))
    assert len(flat.not_done) == 1
    assert np.all(flat.pixels == 0.5)


def imported(text: str) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_nothing_is_trained_on_this_family() -> None:
    def breach(text: str) -> bool:
        return any("second_damage" in name for name in imported(text))

    assert breach("from coread.simulate import second_damage_move")
    assert breach("def f():\n    import coread.simulate.second_damage")
    files = sorted(p for room in ("train", "readers", "vision") for p in (SRC / room).rglob("*.py"))
    files.append(SRC / "simulate" / "__init__.py")
    assert len(files) > 30
    assert not [p for p in files if breach(p.read_text())]
    assert not [p for p in (SRC / "train" / "recipes").iterdir() if "second_damage" in p.read_text()]


def test_it_shares_no_code_with_another_family() -> None:
    for path in (SRC / "simulate").glob("second_damage*.py"):
        ours = {name for name in imported(path.read_text()) if name.startswith("coread.")}
        allowed = ("coread.simulate.second_damage", "coread.errors.", "coread.simulate.truth.narrowing_grade")
        assert all(name.startswith(allowed) for name in ours), f"{path.name}: {sorted(ours)}"
