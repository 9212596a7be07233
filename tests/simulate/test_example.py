"""The bundled exam is what the simulator makes."""

from importlib import resources

import numpy as np
import pytest

from coread.formats.open import open_study
from coread.simulate import EXAMPLE_BITS, example_exam


@pytest.fixture(scope="module")
def exam():
    return example_exam()


def test_the_bundled_file_is_made_again(exam):
    path = resources.files("coread") / "examples/hand.dcm"
    with resources.as_file(path) as file:
        assert file.stat().st_size < 2_000_000
        study = open_study(file)
        image = study.images[0]
        assert image.shape == exam.pixels.shape
        assert image.grid is not None
        assert image.grid.spacing_mm == (exam.pixel_mm, exam.pixel_mm)
        # other versions of numpy and scipy may round some values to the neighbouring grey
        difference = np.abs(image.pixels - exam.pixels)
    assert float(difference.max()) < 4 / 2**EXAMPLE_BITS
    assert float(difference.mean()) < 0.6 / 2**EXAMPLE_BITS
    assert study.side is None


def test_the_bundled_exam_shows_damage_of_every_kind(exam):
    grades = {(h.side, n): j.grade for h in exam.hands for n, j in h.joints.items()}
    assert {1, 2, 3} <= set(grades.values())
    assert grades["left", "MCP 2"] == 3
    assert grades["right", "MCP 4"] == 0
    assert sum(len(h.erosions) for h in exam.hands) == 8
    assert all(exam.inside(p) for h in exam.hands for p in h.sites_px.values())


def test_a_person_sees_both_hands_bright_on_dark(exam):
    for hand in exam.hands:
        bones = hand.mask("metacarpal 3", exam.pixels.shape)
        assert exam.pixels[bones].mean() > 0.5
    assert np.quantile(exam.pixels, 0.2) < 0.2
