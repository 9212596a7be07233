"""What goes into the grader of damage and what comes out: geometry, order and probabilities, without the network's own opinion."""

import numpy as np
import pytest

from coread.scoring import system
from coread.vision.damage import (
    EROSION_SITES,
    FACTS,
    HALF_SIDE,
    MAP,
    NARROWING_SITES,
    PATCH,
    SITES,
    SiteDamage,
    grades_from,
    outlines,
    space_facts,
    told,
)
from coread.vision.patches import Square


def test_the_sites_are_those_of_the_score() -> None:
    items = [i for i in system("svdh").items if i.region == "hand_left"]
    assert {i.site for i in items if i.feature == "erosion"} == set(EROSION_SITES)
    assert {i.site for i in items if i.feature == "joint_space_narrowing"} == set(NARROWING_SITES)
    assert set(EROSION_SITES) | set(NARROWING_SITES) == set(SITES) == set(HALF_SIDE)


def test_probabilities_of_grades_from_those_of_reaching_them() -> None:
    assert grades_from(np.array([0.9, 0.5, 0.2])) == pytest.approx((0.1, 0.4, 0.3, 0.2))
    crossed = grades_from(np.array([0.3, 0.6, 0.1]))
    assert min(crossed) >= 0
    assert sum(crossed) == pytest.approx(1)


def test_what_the_network_is_told() -> None:
    facts = np.arange(FACTS, dtype=np.float32)
    numbers = told("PIP 3", True, facts)
    assert numbers[: len(SITES)].sum() == 1
    assert numbers[SITES.index("PIP 3")] == 1
    assert numbers[len(SITES)] == 1
    assert (numbers[len(SITES) + 1 :] == facts).all()
    assert not space_facts(None, None).any()


def disc(column: float, row: float, radius: float) -> np.ndarray:
    """A map with a disc of certain erosion; cells."""
    rows, columns = np.mgrid[0:MAP, 0:MAP]
    return (1 / (1 + np.exp(np.hypot(columns - column, rows - row) - radius))).astype(np.float32)


@pytest.mark.parametrize("mirrored", [False, True])
def test_an_outline_lies_where_the_map_says(mirrored: bool) -> None:
    square = Square((120.0, 80.0), (0.6, -0.8), 31.5, PATCH, mirrored)
    site = SiteDamage((1.0,), (), 0.0, 0.0, disc(20.0, 9.0, 4.0), square)
    (outline,) = outlines(site, 0.5)
    middle = square.to_image(np.array([20.0, 9.0]) * 2 + 0.5)
    points = np.array(outline)
    assert np.allclose(points.mean(axis=0), middle, atol=0.6)
    # A cell is two samples, a sample one pixel here: the disc's radius is 8 pixels.
    assert np.hypot(*(points - middle).T) == pytest.approx(8.0, abs=0.5)


def test_the_largest_outline_comes_first_and_nothing_gives_none() -> None:
    square = Square((100.0, 100.0), (0.0, -1.0), 31.5, PATCH)
    both = np.maximum(disc(8.0, 8.0, 2.5), disc(22.0, 22.0, 5.0))
    found = outlines(SiteDamage((1.0,), (), 0.0, 0.0, both, square), 0.5)
    assert len(found) == 2
    assert np.mean(np.array(found[0])[:, 0]) > np.mean(np.array(found[1])[:, 0])
    assert outlines(SiteDamage((1.0,), (), 0.0, 0.0, np.zeros((MAP, MAP), dtype=np.float32), square), 0.5) == ()


def test_an_erosion_at_the_edge_of_the_patch_is_closed() -> None:
    square = Square((100.0, 100.0), (0.0, -1.0), 31.5, PATCH)
    (outline,) = outlines(SiteDamage((1.0,), (), 0.0, 0.0, disc(0.0, 15.0, 4.0), square), 0.5)
    assert len(outline) > 6
