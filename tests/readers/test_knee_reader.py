"""The knee reader: a mirrored knee has the same grade and the other side, and what is no knee is refused in one sentence."""

import numpy as np
import pytest

from coread.errors import OutOfScopeError
from coread.readers import reader
from coread.study import Image, Study
from coread.vision.knees import find_knees, reduced_to, templates


def study(pixels: np.ndarray, side: str | None = None) -> Study:
    plane = pixels.astype(np.float32)
    return Study("1", (Image(("y", "x"), plane.shape, lambda: plane),), "knee", side=side, side_source="sidecar" if side else None)  # type: ignore[arg-type]


def test_what_is_no_knee_is_refused() -> None:
    noise = np.random.default_rng(1).random((300, 300)).astype(np.float32)
    with pytest.raises(OutOfScopeError, match="no radiograph of a knee"):
        reader("knee_kl", threads=1).read(study(noise))


def test_the_network_says_the_same_of_a_knee_and_its_mirror_image() -> None:
    mean = templates().joints[0]
    pixels = reduced_to((mean - mean.min()) / (mean.max() - mean.min()), 224, 224)
    assert find_knees(pixels)
    chosen = reader("knee_kl", threads=1)
    said = []
    for shown in (pixels, np.ascontiguousarray(pixels[:, ::-1])):
        planes = np.stack([shown, shown[:, ::-1]])[:, None]
        said.append(chosen.network.run(planes)[0].mean(axis=0))  # type: ignore[attr-defined]
    assert np.abs(said[0] - said[1]).max() < 1e-4
