"""The picture of an evidence map lies where its box says, cut to the part of the image that is shown."""

import io

import numpy as np
from PIL import Image

from coread.reading import Evidence
from coread.report.evidence_heat import heat, heat_uri
from coread.vision.evidence_map import map_uri

VALUES = np.zeros((6, 8))
VALUES[1, 6] = 1.0


def strongest(data: bytes) -> tuple[float, float]:
    """Row and column of the most opaque place, as shares of the picture."""
    picture = np.asarray(Image.open(io.BytesIO(data)))
    row, column = np.unravel_index(int(picture[:, :, 3].argmax()), picture.shape[:2])
    return (row + 0.5) / picture.shape[0], (column + 0.5) / picture.shape[1]


def test_it_lies_over_its_box() -> None:
    made = heat(Evidence(0, box_px=(9.5, 19.5, 89.5, 79.5), map=map_uri(VALUES)), (-0.5, -0.5, 199.5, 99.5))
    assert made is not None
    row, column = strongest(made.data)
    assert abs(made.left + column * made.width - (9.5 + 80 * 6.5 / 8)) < 5
    assert abs(made.top + row * made.height - (19.5 + 60 * 1.5 / 6)) < 5


def test_a_box_that_reaches_beyond_the_image_is_cut_and_the_map_with_it() -> None:
    made = heat(Evidence(0, box_px=(-40.5, -0.5, 119.5, 59.5), map=map_uri(VALUES)), (-0.5, -0.5, 99.5, 59.5))
    assert made is not None
    assert (made.left, made.width) == (-0.5, 100.0)
    assert abs(made.left + strongest(made.data)[1] * made.width - (-40.5 + 160 * 6.5 / 8)) < 8


def test_without_a_map_there_is_no_picture() -> None:
    assert heat(Evidence(0, box_px=(0, 0, 10, 10), map="map.png"), (0, 0, 10, 10)) is None
    assert heat(Evidence(0, map=map_uri(VALUES)), (0, 0, 10, 10)) is None
    assert heat(Evidence(0, box_px=(50, 50, 90, 90), map=map_uri(VALUES)), (0, 0, 40, 40)) is None
    assert heat_uri("javascript:alert(1)") is None
