"""Images as a network takes them: size, proportions, and where the plane lies in the image."""

import numpy as np
import pytest

from coread.errors import DefinitionError
from coread.vision.prepare import Preparation, prepare


def spot(shape: tuple[int, int], row: int, column: int) -> np.ndarray:
    pixels = np.zeros(shape, dtype=np.float32)
    pixels[row - 6 : row + 7, column - 6 : column + 7] = 1.0
    return pixels


@pytest.mark.parametrize("shape", [(300, 200), (200, 300), (64, 64), (601, 399)])
@pytest.mark.parametrize("fit", ["pad", "stretch"])
@pytest.mark.parametrize("border", [0.0, 0.1])
def test_the_box_leads_back_into_the_image(shape: tuple[int, int], fit: str, border: float) -> None:
    row, column = int(shape[0] * 0.6), int(shape[1] * 0.3)
    made = prepare(spot(shape, row, column), Preparation(96, 80, fit, border, 0.0, 100.0))
    assert made.plane.shape == (96, 80)
    assert made.plane.dtype == np.float32
    y, x = (float((made.plane * grid).sum() / made.plane.sum()) for grid in np.mgrid[:96, :80])
    left, top, right, bottom = made.box_px
    assert left + (x + 0.5) * (right - left) / 80 == pytest.approx(column, abs=2.5)
    assert top + (y + 0.5) * (bottom - top) / 96 == pytest.approx(row, abs=2.5)


def test_pad_keeps_the_proportions_and_the_window_is_of_the_image_alone() -> None:
    image = np.random.default_rng(0).random((100, 200)).astype(np.float32)
    made = prepare(image, Preparation(64, 64))
    left, top, right, bottom = made.box_px
    assert right - left == pytest.approx(bottom - top)
    assert (made.plane[:16] == 0).all()
    brighter = prepare(image * 500 + 20, Preparation(64, 64))
    np.testing.assert_allclose(brighter.plane, made.plane, atol=1e-4)


@pytest.mark.parametrize(("values", "word"), [((8, 64), "rows"), ((64, 64, "crop"), "fit"), ((64, 64, "pad", 0.5), "border")])
def test_what_cannot_be_is_refused(values: tuple, word: str) -> None:
    with pytest.raises(DefinitionError, match=word):
        Preparation(*values)
