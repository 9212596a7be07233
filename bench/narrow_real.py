"""Real joints narrowed digitally by known amounts: does the measurement follow?

The distal bone of a real radiograph is moved toward the proximal one along the joint's axis, by a share of the space as it was
measured before. Where their blurred edges meet, what each takes from the beam adds up (less the gap's own floor), as on a film; with
``--brighter`` the brighter one shows, as up to version 0.1.0 of the card: that leaves a dark cusp of half the bone's depth between bones
that touch, which no film shows. Nothing here is shared with the simulator. Hands: the Digital Hand
Atlas with points by hand, and those near-adult hands that set no norm, at the places of the landmark networks.

    COREAD_DATA=... python bench/narrow_real.py [--brighter]
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from real_places import Place, RealHand, dha, located, mature, untuned
from scipy.ndimage import map_coordinates

from coread.vision.narrowing import grade_hand
from coread.vision.spaces import CARPAL, Space, measure_spaces

SHARES = (0.0, 0.2, 0.4, 0.6, 0.8)
FOCAL_WIDTH = 0.16


@dataclass(frozen=True, slots=True)
class Move:
    """How far the distal bone moves, px; where along the joint (bone widths) only a part of its end moves (None: all of it); and whether
    the brighter one shows where the bones' blurred edges meet, instead of their sum."""

    shift_px: float
    focal_at: float | None = None
    brighter: bool = False


def narrowed(pixels: np.ndarray, place: Place, space: Space, move: Move) -> np.ndarray:
    """The radiograph with the distal bone moved toward the proximal one.

    Args:
        pixels: radiograph.
        place: gives the axis and the size of what is moved.
        space: gives the middle of the gap.
        move: what moves.
    """
    axis = np.array(place.axis)
    side = np.array([-axis[1], axis[0]])
    w = place.width_px
    centre = np.array(space.center_px)
    reach = round(1.9 * w)
    column, row = (round(float(v)) for v in centre)
    low_r, high_r = max(row - reach, 0), min(row + reach + 1, pixels.shape[0])
    low_c, high_c = max(column - reach, 0), min(column + reach + 1, pixels.shape[1])
    rows, columns = np.meshgrid(np.arange(low_r, high_r), np.arange(low_c, high_c), indexing="ij")
    x = (columns - centre[0]) * side[0] + (rows - centre[1]) * side[1]
    y = (columns - centre[0]) * axis[0] + (rows - centre[1]) * axis[1]
    middle = (space.proximal_px + space.distal_px) / 2 - centre
    order = np.argsort(middle @ side)
    gap = np.interp(x, (middle @ side)[order], (middle @ axis)[order])
    # The shaft takes up the shift far from the joint, the flesh beside it.
    shift = move.shift_px * np.clip((1.7 * w - (y - gap)) / (0.9 * w), 0, 1) * np.clip((0.95 * w - np.abs(x)) / (0.3 * w), 0, 1)
    if move.focal_at is not None:
        shift = shift * np.exp(-0.5 * ((x / w - move.focal_at) / FOCAL_WIDTH) ** 2)
    before = pixels[low_r:high_r, low_c:high_c]
    moved = map_coordinates(before, [rows - low_r + shift * axis[1], columns - low_c + shift * axis[0]], order=3, mode="nearest")
    # Beyond the gap as it was, only the moved bone shows; before the gap's new place, only the resting one.
    resting = y < gap
    arrived = y > gap - shift
    floor = map_coordinates(
        before, [centre[1] + x * side[1] + gap * axis[1] - low_r, centre[0] + x * side[0] + gap * axis[0] - low_c], order=1, mode="nearest"
    )
    both = np.maximum(before, moved) if move.brighter else before + moved - floor
    out = np.where(resting & arrived, both, np.where(resting, before, moved))
    result = pixels.copy()
    result[low_r:high_r, low_c:high_c] = out
    return result


def line(name: str, value: float, low: float, high: float, n: int) -> None:
    print(f"{name:58s} {value:8.3f} {low:8.3f} {high:8.3f} {n:5d}")


def bootstrap(rows: np.ndarray, hands: np.ndarray, figure) -> tuple[float, float, float]:
    """A figure with its 95 % interval over hands."""
    rng = np.random.default_rng(0)
    names = np.unique(hands)
    values = []
    for _ in range(300):
        drawn = rng.choice(names, names.size)
        values.append(figure(np.concatenate([rows[hands == h] for h in drawn])))
    return figure(rows), *(float(v) for v in np.percentile(values, [2.5, 97.5]))


def main() -> None:
    if "COREAD_DATA" not in os.environ:
        sys.exit("COREAD_DATA must name the data folder")
    data, brighter = Path(os.environ["COREAD_DATA"]), "--brighter" in sys.argv
    hands: list[RealHand] = [*dha(data), *(located(h) for h in mature(data) if untuned(h))]
    rng = np.random.default_rng(5)
    general, focal, grades = [], [], []
    for hand in hands:
        places = [p for p in hand.places.values() if p.name not in CARPAL]
        spaces = measure_spaces(hand.pixels, places)
        for place, space in zip(places, spaces, strict=True):
            if space.unmeasurable is not None or space.quality < 0.5 or space.minimum_px < 0.5:
                continue
            axis = np.array(place.axis)
            direction = (space.distal_px - space.proximal_px) / np.maximum(space.widths_px, 1e-6)[:, None]
            square = float(np.mean(direction @ axis))
            for share in SHARES:
                shift = share * space.mean_px / square
                image = narrowed(hand.pixels, place, space, Move(shift, brighter=brighter))
                off = rng.normal(size=2) * 0.06 * place.width_px
                again = replace(place, center_px=(place.center_px[0] + off[0], place.center_px[1] + off[1]))
                joint = measure_spaces(image, [again, *(p for p in places if p is not place)])[0]
                unit = 100 / space.bone_width_px
                general.append((hand.name, place.name, shift * square * unit, (space.mean_px - joint.mean_px) * unit, share))
                grade = grade_hand([joint, *(s for s in spaces if s is not space)])[0].grade
                grades.append((share, grade))
            at = float(rng.choice([-0.15, 0.0, 0.15]))
            image = narrowed(hand.pixels, place, space, Move(0.6 * space.mean_px, at, brighter))
            joint = measure_spaces(image, [place, *(p for p in places if p is not place)])[0]
            here = np.argmin(np.abs(space.positions - at)), np.argmin(np.abs(joint.positions - at))
            lost = (space.widths_px[here[0]] - joint.widths_px[here[1]]) / (0.6 * space.mean_px)
            if joint.mean_px > 0:
                focal.append((hand.name, lost, joint.minimum_px / joint.mean_px - space.minimum_px / space.mean_px))
    print(f"{'figure':58s} {'value':>8s} {'low':>8s} {'high':>8s} {'n':>5s}")
    for label, keep, most in (
        ("losses to 80 %", "MP", 1),
        ("losses to 40 %", "MP", 0.5),
        ("MCP to 40 %", "M", 0.5),
        ("PIP to 40 %", "P", 0.5),
    ):
        chosen = [g for g in general if g[1][0] in keep and np.isfinite(g[3]) and g[4] < most]
        values, names = np.array([g[2:4] for g in chosen]), np.array([g[0] for g in chosen])
        line(f"{label}: slope, measured on true loss", *bootstrap(values, names, lambda v: np.polyfit(v[:, 0], v[:, 1], 1)[0]), len(values))
        line(f"{label}: intercept, % of bone width", *bootstrap(values, names, lambda v: np.polyfit(v[:, 0], v[:, 1], 1)[1]), len(values))
        line(
            f"{label}: median absolute error, % of bone width",
            *bootstrap(values, names, lambda v: np.median(np.abs(v[:, 1] - v[:, 0]))),
            len(values),
        )
        line(
            f"{label}: error within 2 % of bone width, share",
            *bootstrap(values, names, lambda v: np.mean(np.abs(v[:, 1] - v[:, 0]) < 2)),
            len(values),
        )
    values, names = np.array([f[1:] for f in focal]), np.array([f[0] for f in focal])
    line("focal loss found at its place, share of the true loss", *bootstrap(values, names, lambda v: np.nanmedian(v[:, 0])), len(values))
    line("change of minimum / mean by a focal loss of 60 %", *bootstrap(values, names, lambda v: np.nanmedian(v[:, 1])), len(values))
    for share in SHARES:
        given = [g for s, g in grades if s == share]
        told = np.array([g for g in given if g is not None])
        counts = " ".join(f"{k}:{np.mean(told == k):.2f}" for k in range(5))
        print(f"grades with {100 * (1 - share):3.0f} % left: {counts}  (n = {told.size}, unmeasurable {len(given) - told.size})")


if __name__ == "__main__":
    main()
