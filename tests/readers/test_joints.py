"""The whole reader on simulated hands whose truth is known."""

import re
from dataclasses import replace

import numpy as np
import pytest

from coread.errors import OutOfScopeError
from coread.geometry import Grid
from coread.readers import Reader, reader
from coread.reading import Reading
from coread.simulate.hand import SimulatedHand, simulate_hand
from coread.study import Image, Study

NARROWING = "joint_space_narrowing"
NARROWED = {"MCP 2": 0.35, "PIP 3": 0.3, "MCP 4": 0.4}


@pytest.fixture(scope="module")
def hands() -> Reader:
    return reader("hand_svdh")


@pytest.fixture(scope="module")
def left() -> SimulatedHand:
    return simulate_hand(90_001, side="left", pixel_mm=0.15, plain=True, narrowing=NARROWED, marker=None)


@pytest.fixture(scope="module")
def whole(hands: Reader, left: SimulatedHand) -> Reading:
    return hands.read(left.study)


def with_pixels(study: Study, pixels: np.ndarray, grid: Grid | None = None, **facts: str) -> Study:
    """The study with other pixels and without tags of side, as a plain image would come."""
    image = study.images[0]
    pixels = np.ascontiguousarray(pixels, dtype=np.float32)
    kept = {k: v for k, v in image.facts.items() if k != "laterality"} | facts
    changed = Image(image.axes, pixels.shape, lambda: pixels.copy(), grid=grid or image.grid, source=image.source, facts=kept)
    return replace(study, images=(changed,), side=None, side_source=None)


def grades(reading: Reading) -> dict[tuple[str, str | None], float]:
    return {(f.site, f.side): f.grade for f in reading.findings if f.feature == NARROWING and f.grade is not None}


def test_joints_lie_where_they_were_built(whole: Reading, left: SimulatedHand) -> None:
    truth = left.hands[0]
    length = np.hypot(*np.subtract(truth.sites_px["wrist"], truth.sites_px["tip 3"]))
    errors = {
        f.site: np.hypot(*np.subtract(f.evidence.center_px, truth.sites_px[f.site])) / length
        for f in whole.findings
        if f.feature == NARROWING and f.evidence is not None and f.evidence.center_px is not None
    }
    assert len(errors) == 15
    assert np.median(list(errors.values())) < 0.015
    assert all(error < 0.04 for site, error in errors.items() if site.startswith(("MCP", "PIP"))), errors


def test_narrowed_joints_stand_out(whole: Reading) -> None:
    found = grades(whole)
    for joint in NARROWED:
        assert found[(joint, "left")] >= 2, (joint, found)
    others = [found[(j, "left")] for j in ("MCP 3", "MCP 5", "PIP 2", "PIP 4", "PIP 5") if (j, "left") in found]
    assert np.mean(others) < 1


def test_widths_follow_the_truth_in_mm(whole: Reading, left: SimulatedHand) -> None:
    widths = {f.site: f.value for f in whole.findings if f.feature == "joint_space_width"}
    assert all(f.unit == "mm" for f in whole.findings if f.feature == "joint_space_width")
    for joint in ("PIP 2", "PIP 4", "PIP 5", "MCP 3"):
        assert widths[joint] == pytest.approx(left.hands[0].joints[joint].mean_mm, abs=0.3)


@pytest.mark.parametrize("change", ["turned", "mirrored", "inverted"])
def test_turned_mirrored_and_inverted_read_alike(change: str, whole: Reading, left: SimulatedHand, hands: Reader) -> None:
    pixels = left.study.images[0].pixels
    changed = {"turned": np.rot90(pixels), "mirrored": pixels[:, ::-1], "inverted": 1 - pixels}[change]
    reading = hands.read(with_pixels(left.study, changed))
    side = "right" if change == "mirrored" else "left"
    assert {f.side for f in reading.findings} == {side}
    assert reading.study.side_source == "anatomy"
    same = [grades(reading).get((site, side)) == grade for (site, _), grade in grades(whole).items()]
    assert np.mean(same) >= 0.8


def test_what_is_outside_is_said_to_be(left: SimulatedHand, hands: Reader, whole: Reading) -> None:
    row = int(left.hands[0].sites_px["MCP 3"][1] + 0.02 * left.study.images[0].shape[0])
    reading = hands.read(with_pixels(left.study, left.study.images[0].pixels[row:]))
    outside = {f.site for f in reading.findings if f.feature == NARROWING and f.unreadable == "outside the image"}
    assert {"PIP 2", "PIP 3", "PIP 4"} <= outside
    assert not outside & {"CMC 3", "CMC 4", "radiocarpal", "capitate-scaphoid-lunate"}
    assert "hand_left_narrowing" not in reading.totals
    assert "hand_left_narrowing" in whole.totals


def test_a_growing_hand_is_located_but_not_graded(hands: Reader) -> None:
    """Drawn growth plates are not those of a child, so the stated age must tell here; real ones: bench/maturity.py."""
    child = simulate_hand(90_007, side="left", pixel_mm=0.15, plain=True, immature=True, scale=0.75, marker=None)
    reading = hands.read(replace(child.study, age_years=8.0))
    reasons = [f.unreadable for f in reading.findings if f.feature == NARROWING]
    assert len(set(reasons)) == 1
    assert re.fullmatch(r"growth plates seem open \(\d+%\) at the stated age of 8 years", str(reasons[0]))
    assert hands.check(replace(child.study, age_years=8.0))["doubt"].startswith("the hand is located, but no joint would be graded: growth")
    assert all(f.evidence is not None for f in reading.findings if f.feature == NARROWING)
    assert not grades(reading)
    assert not reading.totals


def test_without_spacing_widths_are_shares_of_the_bone(left: SimulatedHand, hands: Reader) -> None:
    image = replace(left.study.images[0], grid=None)
    reading = hands.read(replace(left.study, images=(image,)))
    assert {f.unit for f in reading.findings if f.feature == "joint_space_width"} == {"%"}
    assert sum("no pixel size" in w for w in reading.warnings) == 1


def test_with_spacing_nothing_is_said_of_it(whole: Reading) -> None:
    assert not any("pixel size" in w for w in whole.warnings)


def test_a_contradicting_tag_wins_with_a_warning(left: SimulatedHand, hands: Reader) -> None:
    reading = hands.read(with_pixels(left.study, left.study.images[0].pixels, laterality="R"))
    assert {f.side for f in reading.findings} == {"right"}
    assert reading.study.side_source == "tag"
    assert any("says right" in w and "left" in w for w in reading.warnings)


def test_both_hands_of_one_film(hands: Reader) -> None:
    film = simulate_hand(90_003, both=True, pixel_mm=0.2, plain=True)
    reading = hands.read(film.study)
    assert {f.side for f in reading.findings} == {"left", "right"}
    assert "hands_narrowing" in reading.totals


@pytest.mark.parametrize("kind", ["noise", "stripes", "empty", "knee by its tag"])
def test_what_is_no_hand_is_refused(kind: str, left: SimulatedHand, hands: Reader) -> None:
    random = np.random.default_rng(1)
    rows, columns = np.mgrid[0:900, 0:700]
    pixels = {
        "noise": random.uniform(size=(900, 700)),
        "stripes": 0.5 + 0.4 * np.sin(rows / 9) * np.cos(columns / 30),
        "empty": np.full((900, 700), 0.4),
        "knee by its tag": left.study.images[0].pixels,
    }[kind]
    facts = {"body_part": "KNEE"} if kind.startswith("knee") else {}
    with pytest.raises(OutOfScopeError, match="not a hand radiograph"):
        hands.read(with_pixels(left.study, pixels, **facts))


def test_check_foretells_erosions_as_read_grades_them(hands: Reader, left: SimulatedHand, whole: Reading) -> None:
    """Half a hand's spaces may be unreadable while its erosions are not, so both are counted."""
    graded = sum(f.feature == "erosion" and f.grade is not None for f in whole.findings)
    assert graded
    assert f"{graded} sites for erosion" in hands.check(left.study)["left hand"]
