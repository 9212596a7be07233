"""Grades are told apart without colour vision, on a grey printer, and their numbers can be read on every colour."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from coread.report.palette import DARK_INK, FIRST_LIGHT_INK, LIGHT_INK, STEPS, css, fill_of, ink_of, rgb, step_of

# Machado, Oliveira, Fernandes 2009, IEEE TVCG 15:1291, severity 1.0, for linear RGB.
SEEN_WITH = {
    "normal": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    "tritanopia": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
    "grey": np.tile([0.2126, 0.7152, 0.0722], (3, 1)),
}


def linear(colour: str) -> npt.NDArray[np.float64]:
    c = np.array(rgb(colour)) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(colour: str, vision: str) -> npt.NDArray[np.float64]:
    c = np.clip(SEEN_WITH[vision] @ linear(colour), 0, 1)
    shown = np.where(c <= 0.0031308, c * 12.92, 1.055 * c ** (1 / 2.4) - 0.055)
    return np.asarray(rgb2lab(shown.reshape(1, 1, 3))[0, 0])


def least_difference(colours: Sequence[str], vision: str) -> float:
    """CIEDE2000 of the two colours that are hardest to tell apart."""
    seen = [lab(colour, vision) for colour in colours]
    return min(float(deltaE_ciede2000(a, b)) for a, b in combinations(seen, 2))


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio."""
    light = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) + 0.05 for c in (one, other))
    return light[1] / light[0]


@pytest.mark.parametrize("vision", SEEN_WITH)
@pytest.mark.parametrize(("highest", "least"), [(4, 9.0), (5, 5.8)])
def test_grades_are_told_apart(vision: str, highest: int, least: float) -> None:
    colours = [fill_of(step_of(grade, highest)) for grade in range(highest + 1)]
    assert least_difference(colours, vision) > least


def test_the_judge_catches_a_traffic_light() -> None:
    traffic_light = ["#FFFFFF", "#4CAF50", "#CDA434", "#D9734E", "#C62828"]
    assert least_difference(traffic_light, "normal") > 10
    assert min(least_difference(traffic_light, vision) for vision in ("protanopia", "deuteranopia")) < 10


def test_worse_is_always_darker() -> None:
    for vision in SEEN_WITH:
        lightness = [lab(fill_of(step), vision)[0] for step in range(len(STEPS) + 1)]
        assert np.all(np.diff(lightness) < 0), vision


def test_numbers_can_be_read_on_every_step() -> None:
    for step in range(len(STEPS) + 1):
        assert contrast(fill_of(step), ink_of(step)) >= 4.5, step
        assert f".s{step}{{--fill:{fill_of(step)};--ink:{ink_of(step)}}}" in css()
    assert contrast(STEPS[0], LIGHT_INK) < 4.5
    assert contrast(STEPS[-1], DARK_INK) < 4.5
    assert 1 < FIRST_LIGHT_INK < len(STEPS)


def test_steps_follow_the_grade() -> None:
    assert [step_of(g, 4) for g in range(5)] == [0, 3, 6, 9, 12]
    assert [step_of(g, 5) for g in range(6)] == [0, 2, 5, 7, 10, 12]
    assert len({step_of(g, 10) for g in range(11)}) == 11
    assert len({step_of(g / 2, 3.5) for g in range(8)}) == 8
    assert step_of(0.01, 4) == 1
    assert step_of(9, 4) == 12
    assert step_of(1, 0) == 0
