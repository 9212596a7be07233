from dataclasses import dataclass

import pytest

from coread.readers.sides import decide_sides


@dataclass
class Marker:
    letter: str
    mirrored: bool = False
    box_px: tuple[float, float, float, float] = (0, 0, 10, 10)


ONE = [(50.0, 50.0)]
TWO = [(20.0, 50.0), (180.0, 50.0)]


@pytest.mark.parametrize(
    ("anatomy", "stated", "markers", "side", "source", "doubts"),
    [
        ("left", None, [], "left", "anatomy", 0),
        ("left", None, [Marker("L")], "left", "marker", 0),
        ("left", None, [Marker("R")], "right", "marker", 1),
        ("left", None, [Marker("R", mirrored=True)], "right", "marker", 1),
        ("left", "left", [], "left", "tag", 0),
        ("left", "right", [], "right", "tag", 1),
        ("left", "left", [Marker("R")], "left", "tag", 1),
        ("right", "left", [Marker("R")], "left", "tag", 2),
        ("left", "both", [], "left", "anatomy", 1),
        ("left", None, [Marker("L"), Marker("R")], "left", "anatomy", 1),
    ],
)
def test_one_hand(anatomy: str, stated: str | None, markers: list[Marker], side: str, source: str, doubts: int) -> None:
    sides = decide_sides([anatomy], ONE, stated, "tag", markers)
    assert (sides.sides, sides.source, len(sides.warnings)) == ((side,), source, doubts), sides.warnings


def test_a_mirrored_marker_is_named() -> None:
    assert "mirrored" in decide_sides(["left"], ONE, None, "tag", [Marker("R", mirrored=True)]).warnings[0]


@pytest.mark.parametrize(
    ("stated", "markers", "sides", "source", "doubts"),
    [
        (None, [], ("right", "left"), "anatomy", 0),
        ("both", [], ("right", "left"), "anatomy", 0),
        ("left", [], ("right", "left"), "anatomy", 1),
        (None, [Marker("L", box_px=(170, 0, 180, 10))], ("right", "left"), "marker", 0),
        (None, [Marker("R", box_px=(170, 0, 180, 10))], ("left", "right"), "marker", 1),
        (None, [Marker("R", box_px=(170, 0, 180, 10)), Marker("R", box_px=(10, 0, 20, 10))], ("right", "left"), "anatomy", 0),
    ],
)
def test_two_hands(stated: str | None, markers: list[Marker], sides: tuple[str, str], source: str, doubts: int) -> None:
    found = decide_sides(["right", "left"], TWO, stated, "tag", markers)
    assert (found.sides, found.source, len(found.warnings)) == (sides, source, doubts)
