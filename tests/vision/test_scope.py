"""Scope: what is no hand radiograph is refused with its reason, and what is one passes."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from coread.vision import scope

RNG = np.random.default_rng(1)
NOISE = RNG.random((400, 300)).astype(np.float32)


@dataclass
class Found:
    score: float


@pytest.fixture(scope="module")
def check() -> scope.ScopeCheck:
    return scope.ScopeCheck()


@pytest.fixture(scope="module")
def data() -> Path:
    folder = os.environ.get("COREAD_DATA")
    if not folder:
        pytest.skip("needs real images: COREAD_DATA does not name the data folder")
    return Path(folder)


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("L"), dtype=np.float32) / 255


@pytest.mark.parametrize(
    ("facts", "word"),
    [
        ({"modality": "MR"}, "modality MR"),
        ({"modality": "us"}, "ultrasound"),
        ({"modality": "PR"}, "modality PR"),
        ({"modality": "DX", "body_part": "KNEE"}, "body part KNEE"),
        ({"body_part": "Chest"}, "body part Chest"),
        ({"body_part": "LOWER EXTREMITY"}, "LOWER EXTREMITY"),
        ({"body_part": "L FOOT"}, "L FOOT"),
        ({"body_part": "HAND", "view": "LL"}, "lateral view LL"),
        ({"view": "oblique"}, "oblique view"),
    ],
)
def test_stated_facts_refuse(facts: dict[str, str], word: str) -> None:
    reason = scope.refused_by_facts(facts)
    assert reason is not None
    assert word in reason
    assert "\n" not in reason


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"modality": "CR", "body_part": "HAND", "view": "PA"},
        {"modality": "SC"},
        {"modality": "DX", "body_part": "EXTREMITY"},
        {"modality": "RF", "body_part": "LEFT WRIST", "view": "AP"},
        {"body_part": "FOREARM"},
        {"body_part": "HAND AND FOOT"},
        {"body_part": "UNKNOWN"},
    ],
)
def test_stated_facts_of_a_hand_pass(facts: dict[str, str]) -> None:
    assert scope.refused_by_facts(facts) is None


def test_pixels_that_are_no_radiograph() -> None:
    colour = np.repeat(NOISE[..., None], 3, axis=2).copy()
    assert scope.refused_by_pixels(colour) is None, "grey values on three channels are no colour"
    colour[..., 0] = np.roll(NOISE, 7, axis=0)
    assert "coloured" in str(scope.refused_by_pixels(colour))
    assert "empty" in str(scope.refused_by_pixels(np.full((400, 300), 0.4, dtype=np.float32)))
    assert "grey values only" in str(scope.refused_by_pixels((NOISE > 0.5).astype(np.float32)))
    assert "too small" in str(scope.refused_by_pixels(NOISE[:400, : scope.MINIMUM_SIDE_PX - 1]))
    assert "shape (3, 400, 300)" in str(scope.refused_by_pixels(np.zeros((3, 400, 300), dtype=np.float32)))
    broken = NOISE.copy()
    broken[10, 10] = np.nan
    assert "no numbers" in str(scope.refused_by_pixels(broken))
    assert scope.refused_by_pixels(NOISE) is None


def test_a_hand_must_have_been_found() -> None:
    assert "no hand was found in it" in str(scope.refused_by_hands(0.3, []))
    assert "too little of it" in str(scope.refused_by_hands(0.99, []))
    assert "best match 0.12" in str(scope.refused_by_hands(0.2, [Found(0.12), Found(0.03)]))
    assert scope.refused_by_hands(0.2, [Found(0.12), Found(0.93)]) is None
    assert scope.refused_by_hands(0.9, [Found(0.12)]) is None


def test_certainty_grows_with_both_judges() -> None:
    likeness = [scope.certainty(x, 0.3) for x in (0.0, 0.1, 0.5, 0.9, 1.0)]
    score = [scope.certainty(0.3, x) for x in (0.0, 0.2, 0.5, 1.0)]
    assert likeness == sorted(likeness)
    assert score == sorted(score)
    assert 0 <= min(*likeness, *score) < max(*likeness, *score) <= 1


def test_thumbnail_keeps_proportions_and_means() -> None:
    tall = np.zeros((960, 480), dtype=np.float32)
    tall[:480] = 1.0
    thumb = scope.thumbnail(tall)
    inside = thumb[1] > 0
    assert inside.sum() == 96 * 48
    assert thumb[0][~inside].max() == 0
    assert thumb[0][inside].mean() == pytest.approx(0, abs=1e-5)
    assert (thumb[0][:48][inside[:48]] > 0).all(), "the bright half stays on top"
    assert np.allclose(scope.thumbnail(tall * 0.2 + 0.1), thumb, atol=1e-4), "exposure does not matter"


def test_thumbnail_of_a_small_image_is_enlarged() -> None:
    assert scope.thumbnail(NOISE[:20, :30]).shape == (2, 96, 96)


def test_noise_texts_and_ramps_are_refused(check: scope.ScopeCheck) -> None:
    ramp = np.tile(np.linspace(0, 1, 300, dtype=np.float32), (400, 1))
    stripes = 0.5 + 0.4 * np.sin(np.arange(400, dtype=np.float32) / 9)[:, None] * np.ones((1, 300), dtype=np.float32)
    for image in (NOISE, ramp, stripes):
        assert "not a hand radiograph" in str(check.refusal({}, image, [Found(0.2)]))
    assert "does not look like one" in str(check.refusal({}, NOISE)), "refused before any hand is looked for"


def test_real_hands_pass_whole_turned_mirrored_inverted_and_cut(check: scope.ScopeCheck, data: Path) -> None:
    for path in sorted((data / "hand_dha" / "images").iterdir()):
        hand = pixels(path)
        rows = hand.shape[0]
        for shown in (hand, hand.T, hand[::-1], hand[:, ::-1], 1 - hand, hand[rows // 2 :]):
            image = np.ascontiguousarray(shown)
            assert check.refusal({}, image) is None, path.name
            assert check.refusal({}, image, [Found(0.3)]) is None, path.name


def test_real_knees_are_refused(check: scope.ScopeCheck, data: Path) -> None:
    lines = (data / "knee_kl" / "labels_val.csv").read_text().splitlines()[1:41]
    knees = [pixels(data / "knee_kl" / "images" / line.split(",")[0]) for line in lines]
    assert all(check.refusal({}, knee, [Found(0.2)]) for knee in knees)
