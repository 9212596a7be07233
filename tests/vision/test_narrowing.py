"""Narrowing grades from spaces whose share that is left is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from coread.errors import InputError
from coread.vision.expected_widths import EXPECTED, expected_width
from coread.vision.narrowing import GRADES, PRIOR, Narrowing, grade_hand, grade_narrowing, in_unit
from coread.vision.spaces import CARPAL, Space, measure_space
from tests.vision.joint_phantom import Joint, draw

BONE_PX = 150.0


def space(name: str, left: float = 1.0, *, evenness: float | None = None, offset: float = 0.0, contrast: float = 0.9) -> Space:
    """A space with this share of its usual width left."""
    norm = expected_width(name)
    mean = left * norm.share * BONE_PX
    least = mean * (norm.even if evenness is None else evenness)
    line = np.stack([np.linspace(0, 90, 45), np.zeros(45)], axis=1)
    off = float("nan") if name in CARPAL else offset
    return Space(name, mean, least, np.linspace(-0.3, 0.3, 45), np.full(45, mean), line, line, (0.0, 0.0), BONE_PX, off, off, contrast, 1.0)


def hand(left: Mapping[str, float] | None = None, level: float = 1.0) -> list[Space]:
    return [space(name, level * (left or {}).get(name, 1.0)) for name in EXPECTED]


def of(results: tuple[Narrowing, ...], name: str) -> Narrowing:
    return next(r for r in results if r.name == name)


def test_prior_is_a_distribution() -> None:
    assert sum(PRIOR) == pytest.approx(1.0)
    assert len(PRIOR) == len(GRADES)


def test_a_healthy_hand_is_not_narrowed() -> None:
    results = grade_hand(hand())
    assert [r.grade for r in results] == [0] * 15
    for r in results:
        assert sum(r.probabilities) == pytest.approx(1.0)
        assert r.left == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(("left", "grades"), [(1.0, {0}), (0.65, {1, 2}), (0.35, {3}), (0.2, {3})])
@pytest.mark.parametrize("name", ["MCP 2", "PIP 3"])
def test_the_grade_follows_what_is_left(name: str, left: float, grades: set[int]) -> None:
    assert of(grade_hand(hand({name: left})), name).grade in grades


def test_less_left_never_lowers_the_expected_grade() -> None:
    expected = [float(np.dot(GRADES, of(grade_hand(hand({"MCP 3": left})), "MCP 3").probabilities)) for left in np.linspace(1.0, 0.1, 10)]
    assert np.all(np.diff(expected) > -1e-9)


def test_a_hand_of_wide_spaces_is_judged_by_its_own() -> None:
    wide = of(grade_hand(hand({"MCP 2": 0.6}, level=1.3)), "MCP 2")
    alone = grade_narrowing(space("MCP 2", 0.6 * 1.3))
    assert wide.probabilities[0] < alone.probabilities[0]
    assert wide.expected_px > alone.expected_px


def test_knuckles_have_a_level_of_their_own() -> None:
    knuckles = [name for name in EXPECTED if name.startswith("MCP")]
    results = grade_hand(hand(dict.fromkeys(knuckles, 0.85)))
    alone = of(grade_hand(hand({"MCP 3": 0.85})), "MCP 3")
    assert of(results, "MCP 3").probabilities[0] > alone.probabilities[0]
    assert of(results, "MCP 3").expected_px < alone.expected_px
    levels = [of(results, name).expected_px / (expected_width(name).share * BONE_PX) for name in ("MCP 3", "PIP 3")]
    assert levels[0] < 0.97 * levels[1]
    damaged = grade_hand(hand(dict.fromkeys(knuckles, 0.85) | {"MCP 3": 0.85 * 0.6}))
    assert of(damaged, "MCP 3").probabilities[0] < 0.1


def test_a_faint_gap_in_the_wrist_is_doubted() -> None:
    clear = space("radiocarpal", 0.65)
    faint = replace(clear, quality=0.4)
    rest = [s for s in hand() if s.name != "radiocarpal"]
    assert grade_hand([faint, *rest])[0].probabilities[0] > grade_hand([clear, *rest])[0].probabilities[0]


def test_a_hand_narrow_throughout_is_still_narrow() -> None:
    assert np.mean([r.grade for r in grade_hand(hand(level=0.4)) if r.grade is not None]) >= 1.5


def test_focal_loss_raises_the_grade() -> None:
    joint = space("PIP 3", 0.95, evenness=0.35)
    assert of(grade_hand([*hand()[:6], joint]), "PIP 3").probabilities[0] < 0.5


def test_subluxation_and_luxation_give_3_and_4() -> None:
    assert grade_narrowing(space("MCP 2", offset=0.5)).grade == 3
    assert grade_narrowing(space("MCP 2", offset=-0.5)).subluxation > 0.95
    assert grade_narrowing(space("MCP 2", offset=1.2)).grade == 4
    assert grade_narrowing(space("MCP 2", offset=0.1)).grade == 0


def test_fusion_is_grade_4() -> None:
    fused = replace(space("PIP 2"), mean_px=0.0, minimum_px=0.0, contrast=0.05)
    assert grade_narrowing(fused).grade == 4
    pixels, place = draw(Joint(fused=True))
    assert grade_narrowing(measure_space(pixels, place), spacing_mm=0.1).grade == 4


def test_an_unmeasurable_space_keeps_its_reason() -> None:
    nothing = replace(space("CMC 4"), mean_px=float("nan"), minimum_px=float("nan"), unmeasurable="outside the image")
    results = grade_hand([*hand()[:3], nothing])
    assert results[3].grade is None
    assert results[3].probabilities == ()
    assert results[3].unmeasurable == "outside the image"


def test_interval_holds_the_grade_and_the_width() -> None:
    for r in grade_hand(hand({"MCP 2": 0.8, "PIP 4": 0.45})):
        assert r.grade is not None
        assert r.low is not None
        assert r.high is not None
        assert r.low <= r.grade <= r.high
        assert r.width_low_px <= r.width_px <= r.width_high_px


def test_millimetres_and_shares_agree_on_a_usual_hand() -> None:
    norm = expected_width("MCP 2")
    in_mm = replace(space("MCP 2"), mean_px=norm.mm / 0.1, minimum_px=norm.even * norm.mm / 0.1)
    assert grade_narrowing(in_mm, spacing_mm=0.1).grade == 0
    assert in_unit(17.0, in_mm, 0.1) == (pytest.approx(1.7), "mm")
    assert in_unit(15.0, in_mm, None) == (pytest.approx(10.0), "%")


def test_bad_input_is_said() -> None:
    with pytest.raises(InputError, match="spacing"):
        grade_hand(hand(), 0.0)
    with pytest.raises(InputError, match="MCP 1"):
        grade_narrowing(replace(space("MCP 2"), name="knee"))
