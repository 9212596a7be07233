"""Side markers: letters drawn in a font that the network was not trained with, turned and mirrored; rules on groups; real images."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from coread.errors import InputError
from coread.vision import marker

LABELS = Path(__file__).parents[2] / "bench" / "marker_labels.csv"


@pytest.fixture(scope="module")
def reader() -> marker.MarkerReader:
    return marker.MarkerReader()


def radiograph(text: str, size: int = 44, small: str = "", small_size: int = 20, plate: int = 45) -> np.ndarray:
    """A dark field with a marker: text above, smaller initials under it, in the font that Pillow carries."""
    image = Image.new("L", (420, 560), 20)
    draw = ImageDraw.Draw(image)
    if plate:
        draw.rounded_rectangle((60, 170, 190, 300), 8, fill=plate)
    draw.text((125, 215), text, fill=235, font=ImageFont.load_default(size), anchor="mm", stroke_width=1)
    draw.text((125, 270), small, fill=235, font=ImageFont.load_default(small_size), anchor="mm")
    pixels = np.asarray(image, dtype=np.float32) / 255
    return pixels + np.random.default_rng(0).normal(0, 0.006, pixels.shape).astype(np.float32)


@pytest.mark.parametrize("letter", ["L", "R"])
@pytest.mark.parametrize("quarter", [0, 1, 2, 3])
@pytest.mark.parametrize("mirrored", [False, True])
def test_letters_are_read_in_any_turn_and_in_the_mirror(reader: marker.MarkerReader, letter: str, quarter: int, mirrored: bool) -> None:
    pixels = radiograph(letter)
    shown = np.rot90(pixels[:, ::-1] if mirrored else pixels, quarter)
    found = reader.find(np.ascontiguousarray(shown))
    assert [(m.letter, m.mirrored) for m in found] == [(letter, mirrored)]
    assert found[0].confidence >= marker.NEEDED
    assert found[0].side == ("left" if letter == "L" else "right")


def test_the_box_lies_on_the_letter_also_in_a_large_image(reader: marker.MarkerReader) -> None:
    small = radiograph("R")
    large = np.asarray(Image.fromarray(small).resize((420 * 4, 560 * 4), Image.Resampling.BICUBIC), dtype=np.float32)
    for pixels, factor in ((small, 1), (large, 4)):
        (found,) = reader.find(pixels)
        left, top, right, bottom = (value / factor for value in found.box_px)
        assert abs((left + right) / 2 - 125) < 4
        assert abs((top + bottom) / 2 - 215) < 4
        assert 25 < bottom - top < 45


def test_a_dark_letter_on_a_bright_field(reader: marker.MarkerReader) -> None:
    assert [m.letter for m in reader.find(1 - radiograph("R"), dark=True)] == ["R"]


@pytest.mark.parametrize("text", ["J", "7", "A", "P", "K", "E", "T", "V", "F", "B", "4", "+", "O", ""])
def test_other_letters_name_no_side(reader: marker.MarkerReader, text: str) -> None:
    assert reader.find(radiograph(text)) == ()


def test_initials_do_not_count(reader: marker.MarkerReader) -> None:
    assert [m.letter for m in reader.find(radiograph("L", small="RK"))] == ["L"]
    assert [m.letter for m in reader.find(radiograph("R", small="LM"))] == ["R"]


def test_contradiction_of_equal_letters_is_no_marker(reader: marker.MarkerReader) -> None:
    assert reader.find(radiograph("L R")) == ()


def test_nothing_is_read_from_noise_and_flat_images(reader: marker.MarkerReader) -> None:
    assert reader.find(np.random.default_rng(4).random((300, 400)).astype(np.float32)) == ()
    assert reader.find(np.full((300, 400), 0.3, dtype=np.float32)) == ()


def test_wrong_pixels_are_an_input_error(reader: marker.MarkerReader) -> None:
    with pytest.raises(InputError, match="one image"):
        reader.find(np.zeros((3, 300, 300), dtype=np.float32))


def test_real_markers_are_read_and_none_is_read_wrong(reader: marker.MarkerReader) -> None:
    folder = os.environ.get("COREAD_DATA")
    if not folder:
        pytest.skip("needs real images: COREAD_DATA does not name the data folder")
    with LABELS.open() as lines:
        rows = [row for row in csv.DictReader(lines) if row["letter"] in ("L", "R")][::6]
    right = wrong = 0
    for row in rows:
        pixels = np.asarray(Image.open(Path(folder) / "hand_joints" / "images" / row["image"]).convert("L"), dtype=np.float32) / 255
        said = {(m.letter, m.mirrored) for m in reader.find(pixels)}
        truth = {(row["letter"], row["mirrored"] == "1")}
        right += said == truth
        wrong += bool(said - truth)
    assert wrong == 0
    assert right >= 0.6 * len(rows)
