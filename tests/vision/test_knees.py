"""Knees are found on films made of drawn knees, where truth is known, alike in the mirror and in the negative; other images hold none."""

import numpy as np
import numpy.typing as npt

from coread.readers.knee_places import knees, refused_by_facts, sided
from coread.vision.knees import FoundKnee, find_knees, templates

Plane = npt.NDArray[np.float32]


def joint(size: int = 224) -> Plane:
    """A knee drawn as the mean of real ones."""
    from coread.vision.knees import reduced_to

    mean = templates().joints[0]
    return reduced_to((mean - mean.min()) / (mean.max() - mean.min()), size, size)


def test_a_cut_knee_is_taken_whole_in_both_polarities() -> None:
    for inverted in (False, True):
        pixels = 1 - joint() if inverted else joint()
        (found,) = find_knees(pixels)
        assert found.whole
        assert found.inverted is inverted
        assert found.box_px == (0, 0, 224, 224)


def test_noise_and_ramps_hold_no_knee() -> None:
    noise = np.random.default_rng(1).random((240, 300)).astype(np.float32)
    ramp = np.tile(np.linspace(0, 1, 300, dtype=np.float32), (240, 1))
    for pixels in (noise, ramp):
        places, why = knees(pixels, {})
        assert not places
        assert "no knee joint" in why


def test_the_mirror_image_of_a_right_knee_is_a_left_one() -> None:
    pixels = joint().copy()
    pixels[:, :60] *= 0.5
    (one,), (other,) = find_knees(pixels), find_knees(np.ascontiguousarray(pixels[:, ::-1]))
    kept = templates()
    odds = [np.log(k.right_probability / (1 - k.right_probability)) - kept.offset for k in (one, other)]
    assert abs(odds[0] + odds[1]) < 1e-3 + 0.01 * abs(odds[0])


def test_two_knees_contradicting_the_film_are_not_sided() -> None:
    found = [FoundKnee((0, 0, 9, 9), 0.8, False, 0.01), FoundKnee((20, 0, 29, 9), 0.8, False, 0.99)]
    sides, why = sided(found, ())
    assert not sides
    assert "in doubt" in why
    assert sided(found[::-1], ())[0] == ("right", "left")


def test_other_parts_and_views_are_refused_by_their_tags() -> None:
    assert refused_by_facts({"body_part": "HAND"})
    assert refused_by_facts({"body_part": "KNEE", "view": "LATERAL"})
    assert refused_by_facts({"body_part": "KNEE", "view": "AP"}) is None
