"""Evidence maps travel in a reading as text; what is no map is none."""

import numpy as np
import pytest

from coread.vision.evidence_map import MOST, map_uri, map_values, relief


def test_a_map_comes_back() -> None:
    values = np.random.default_rng(0).random((7, 9))
    found = map_values(map_uri(values))
    assert found is not None
    np.testing.assert_allclose(found, values, atol=1 / 255)


def test_relief_takes_out_what_all_places_share() -> None:
    values = np.full((2, 5, 5), 3.0)
    values[:, 2, 3] = 4.0
    assert relief(values)[0, 2, 3] == 1.0
    assert relief(values)[0, 0, 0] == 0.0


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "map.png",
        "data:image/png;base64,",
        "data:image/png;base64,%%%",
        "data:image/png;base64,aGVsbG8=",
        "data:text/html;base64,aGVsbG8=",
    ],
)
def test_anything_else_is_no_map(text: str | None) -> None:
    assert map_values(text) is None


def test_a_map_of_a_whole_image_is_refused() -> None:
    with pytest.raises(ValueError, match="up to"):
        map_uri(np.zeros((MOST + 1, 4)))
