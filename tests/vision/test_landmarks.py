"""Finding hands: simulated ones, whose truth is known, in every position; real ones where COREAD_DATA says where they are."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from coread.errors import DefinitionError, InputError
from coread.scoring import system
from coread.simulate import SimulatedHand, simulate_hand
from coread.vision.landmarks import FINE, Calibration, Hand, HandLocator, join
from coread.vision.pose import Pose
from coread.vision.shape import N_LANDMARKS, shape_model

JOINTS = [f"{row} {k}" for row, first in (("MCP", 1), ("PIP", 2)) for k in range(first, 6)] + ["IP thumb"]


@pytest.fixture(scope="module")
def locator() -> HandLocator:
    return HandLocator(threads=2)


@pytest.fixture(scope="module")
def film() -> SimulatedHand:
    return simulate_hand(3, side="left", pixel_mm=0.4, plain=True)


def only(hands: tuple[Hand, ...]) -> Hand:
    assert len(hands) == 1
    return hands[0]


def errors(hand: Hand, sites: dict[str, np.ndarray]) -> np.ndarray:
    return np.array([np.linalg.norm(np.array(hand.places[name].center_px) - sites[name]) / hand.length_px for name in JOINTS])


def sites_of(film: SimulatedHand) -> dict[str, np.ndarray]:
    return {name: np.array(point) for name, point in film.hand.sites_px.items()}


def test_every_site_of_the_score_has_a_place(locator: HandLocator, film: SimulatedHand) -> None:
    hand = only(locator.locate(film.pixels))
    wanted = {item.site for item in system("svdh").items if item.region == "hand_left"}
    assert wanted <= set(hand.places)
    assert {*(f"DIP {k}" for k in range(2, 6)), *(f"tip {k}" for k in range(1, 6)), "wrist"} <= set(hand.places)
    assert hand.chirality == "left"
    assert not hand.inverted
    assert np.median(errors(hand, sites_of(film))) < 0.015
    for place in hand.places.values():
        assert np.hypot(*place.axis) == pytest.approx(1)
        assert 0 <= place.confidence <= 1
    for name in JOINTS:
        assert np.dot(hand.places[name].axis, film.hand.joints[name].axis) > 0.95


def test_length_is_wrist_to_tip(locator: HandLocator, film: SimulatedHand) -> None:
    hand = only(locator.locate(film.pixels))
    truth = np.linalg.norm(film.hand.landmarks_px[28] - film.hand.landmarks_px[[7, 8]].mean(axis=0))
    assert hand.length_px == pytest.approx(float(truth), rel=0.03)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turned(locator: HandLocator, film: SimulatedHand, turns: int) -> None:
    rows, columns = film.pixels.shape
    hand = only(locator.locate(np.ascontiguousarray(np.rot90(film.pixels, turns))))
    sites = sites_of(film)
    for _ in range(turns):
        sites = {name: np.array([p[1], columns - 1 - p[0]]) for name, p in sites.items()}
        rows, columns = columns, rows
    assert hand.chirality == "left"
    assert np.median(errors(hand, sites)) < 0.015


def test_mirrored_and_inverted(locator: HandLocator, film: SimulatedHand) -> None:
    columns = film.pixels.shape[1]
    hand = only(locator.locate(np.ascontiguousarray(1 - film.pixels[:, ::-1])))
    assert hand.chirality == "right"
    assert hand.inverted
    assert np.median(errors(hand, {n: np.array([columns - 1 - p[0], p[1]]) for n, p in sites_of(film).items()})) < 0.015


def test_two_hands(locator: HandLocator) -> None:
    film = simulate_hand(5, both=True, pixel_mm=0.5, plain=True)
    hands = locator.locate(film.pixels)
    assert {hand.chirality for hand in hands} == {"left", "right"}
    for hand in hands:
        truth = next(h for h in film.hands if h.side == hand.chirality)
        assert np.median(errors(hand, {n: np.array(p) for n, p in truth.sites_px.items()})) < 0.02


def test_fingers_outside_are_said_to_be_outside(locator: HandLocator, film: SimulatedHand) -> None:
    cut = int(min(film.hand.sites_px[f"PIP {k}"][1] for k in (2, 3, 4, 5))) + 150
    hand = only(locator.locate(np.ascontiguousarray(film.pixels[cut:])))
    sites = {name: point - np.array([0, cut]) for name, point in sites_of(film).items()}
    for name, place in hand.places.items():
        if sites[name][1] < -15:
            assert place.confidence < 0.7, name
            assert not place.inside or sites[name][1] > -40, name
        elif sites[name][1] > 15:
            assert place.inside, name


@pytest.mark.parametrize("pixels", [np.zeros((300, 200)), np.full((64, 64), 0.7)])
def test_empty_image_holds_no_hand(locator: HandLocator, pixels: np.ndarray) -> None:
    assert locator.locate(pixels) == ()


def test_noise_holds_no_hand(locator: HandLocator) -> None:
    assert locator.locate(np.random.default_rng(0).normal(size=(400, 300))) == ()


@pytest.mark.parametrize("pixels", [np.zeros((3, 40, 40)), np.zeros((8, 300)), np.full((50, 50), np.nan)])
def test_what_is_no_plane_of_numbers_is_refused(locator: HandLocator, pixels: np.ndarray) -> None:
    with pytest.raises(InputError, match="radiograph"):
        locator.locate(pixels)


def test_impossible_landmark_is_repaired() -> None:
    pose = Pose((300.0, 300.0), 400.0, 0.2, False)
    truth = pose.to_image(shape_model().mean)
    points = truth.copy()
    points[26] = truth[30]
    read = join(points, np.full(N_LANDMARKS, 0.95), pose, Calibration(), (600, 600))
    assert read.repaired == 1
    assert np.linalg.norm(read.points[26] - truth[26]) / 400 < 0.02
    assert read.confidence[26] < read.confidence[22]


@pytest.mark.train
def test_weights_without_calibration_are_refused(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(FINE))
    del model.metadata_props[:]
    onnx.save(model, str(tmp_path / "bare.onnx"))
    with pytest.raises(DefinitionError, match="calibration"):
        HandLocator(fine=tmp_path / "bare.onnx").locate(np.random.default_rng(0).random((64, 64)))


@pytest.mark.skipif("COREAD_DATA" not in os.environ, reason="COREAD_DATA is not set: real hands are not shipped")
def test_real_hands_against_37_landmarks(locator: HandLocator) -> None:
    """Digital Hand Atlas, never trained on; the figures themselves stand in the card (bench/landmarks.py)."""
    folder = Path(os.environ["COREAD_DATA"]) / "hand_dha"
    truth: dict[str, dict[int, tuple[float, float]]] = {}
    with (folder / "landmarks37.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            truth.setdefault(row["image"], {})[int(row["landmark"])] = (float(row["x"]), float(row["y"]))
    gaps = []
    for name, points in truth.items():
        with Image.open(folder / "images" / name) as image:
            pixels = np.asarray(image.convert("L"), dtype=np.float32) / 255
        hand = only(locator.locate(pixels))
        assert hand.chirality == "left"
        wanted = np.array([points[k] for k in range(N_LANDMARKS)]) * np.array(pixels.shape[::-1]) - 0.5
        gaps.append(np.linalg.norm(hand.landmarks_px - wanted, axis=1) / hand.length_px)
    assert np.median(gaps) < 0.015
    assert (np.array(gaps) < 0.04).mean() > 0.95


@pytest.mark.parametrize("degrees", [17.0, 62.0, 145.0, 203.0, 250.0, 338.0])
@pytest.mark.parametrize("inverted", [False, True])
def test_turned_by_any_angle(locator: HandLocator, degrees: float, inverted: bool) -> None:
    film = simulate_hand(11, side="right", pixel_mm=0.6, plain=True, rotation_deg=degrees, mirrored=False, inverted=inverted)
    hand = only(locator.locate(film.pixels))
    assert hand.chirality == "right"
    assert hand.inverted == inverted
    assert np.median(errors(hand, sites_of(film))) < 0.02
    assert np.mean(errors(hand, sites_of(film)) < 0.04) == 1.0


def test_a_small_hand_in_a_wide_field_is_looked_for_again(locator: HandLocator, film: SimulatedHand) -> None:
    small = film.pixels[::3, ::3]
    margin = max(small.shape)
    wide = np.pad(small, margin, constant_values=float(np.median(film.pixels)))
    hand = only(locator.locate(np.ascontiguousarray(np.rot90(wide, 2))))
    rows, columns = wide.shape
    sites = {name: np.array([columns, rows]) - 1 - (point / 3 + margin) for name, point in sites_of(film).items()}
    assert hand.chirality == "left"
    assert np.median(errors(hand, sites)) < 0.03
