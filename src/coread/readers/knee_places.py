"""The knees of a radiograph as places to grade: what is no view of a knee from the front is refused, and each knee gets its side.

On a film of both knees the patient's right knee stands on the left, as for any view from the front, unless a marker says otherwise. One
knee has the side of its marker, else of tag or sidecar, else the side that the joint itself looks like.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from coread.readers.image_place import Place
from coread.vision.knees import FoundKnee, find_knees, square
from coread.vision.marker import Marker, MarkerReader
from coread.vision.scope import HAND_PARTS, LATERAL_VIEWS, OBLIQUE_VIEWS, OTHER_PARTS

ANATOMY = "anatomy"
NOT_A_KNEE = "this is no radiograph of a knee from the front"
KNEE_PARTS = ("KNEE", "PATELLA", "LEG", "LOWER", "EXTREMIT", "FEMUR", "TIBIA", "FIBULA")
# How surely a joint must look like one side before that is believed, or held against the place on the film.
SURE = 0.95
Plane = npt.NDArray[np.float32]


def knees(pixels: Plane, facts: Mapping[str, str]) -> tuple[tuple[Place, ...], str]:
    """One or two knees of an image, or why there is none to grade."""
    refusal = refused_by_facts(facts)
    if refusal:
        return (), refusal
    found = find_knees(pixels)
    if not found:
        return (), f"{NOT_A_KNEE}: no knee joint was found in it"
    markers = () if found[0].whole else _markers().find(pixels, dark=found[0].inverted)
    sides, source = sided(found, markers)
    if not sides:
        return (), source
    guessed = len(found) == 1 and source == ANATOMY
    places = tuple(
        Place(square(pixels, knee), knee.box_px[0], knee.box_px[1], side, None if side is None else source, guessed)
        for knee, side in zip(found, sides, strict=True)
    )
    return places, ""


def refused_by_facts(facts: Mapping[str, str]) -> str | None:
    """A refusal from the body part and view that a file states."""
    part = facts.get("body_part", "").strip().upper()
    if part and not any(word in part for word in KNEE_PARTS) and any(word in part for word in (*HAND_PARTS, *OTHER_PARTS)):
        return f"{NOT_A_KNEE}: the file states body part {part}; correct the tag if it is wrong"
    view = facts.get("view", "").strip().upper()
    if view in LATERAL_VIEWS or view in OBLIQUE_VIEWS:
        return f"{NOT_A_KNEE}: the file states the view {view}, needed is AP or PA"
    return None


def sided(found: Sequence[FoundKnee], markers: Sequence[Marker]) -> tuple[tuple[str | None, ...], str]:
    """The side of each knee, from left to right, and what said so; no sides and the reason where they contradict each other."""
    if len(found) == 1:
        letters = {marker.side for marker in markers if not marker.mirrored}
        if len(letters) == 1:
            return (letters.pop(),), "marker"
        right = found[0].right_probability
        return ("right" if right >= SURE else "left" if right <= 1 - SURE else None,), ANATOMY
    votes = 0
    for marker in markers:
        middle = (marker.box_px[0] + marker.box_px[2]) / 2
        nearest = min((0, 1), key=lambda k: abs(middle - found[k].centre_px[0]))
        votes += 1 if (marker.side == "right") == (nearest == 0) else -1
    if votes:
        return (("right", "left") if votes > 0 else ("left", "right")), "marker"
    if found[0].right_probability <= 1 - SURE and found[1].right_probability >= SURE:
        return (), (
            "the sides of the two knees are in doubt: by their place on the film the right knee is on the left, by the joints' shape it is "
            "on the right, and no marker could be read; give each knee as an image of its own with its side in a sidecar"
        )
    return ("right", "left"), ANATOMY


@cache
def _markers() -> MarkerReader:
    return MarkerReader(threads=1)
