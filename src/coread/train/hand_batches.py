"""Batches for the two landmark networks: the coarse one sees whole images, the fine one upright crops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from coread.train.hand_augment import Look, apply_look, draw_look, in_field
from coread.train.hand_labels import LabelledHand
from coread.vision.pose import HAND_FRAME, Array, Pixels, Pose

Uint8 = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Sample:
    """One input with its targets.

    Attributes:
        image: (rows, columns).
        points: (37, 2) in px of the input.
        deviation_px: (37,); infinite = unknown, do not learn.
        visible: (37,).
        inverted: 1 bones dark, 0 bright, -1 no hand.
    """

    image: Pixels
    points: Array
    deviation_px: Array
    visible: npt.NDArray[np.bool_]
    inverted: int


def draw_hand(hand: LabelledHand, out: Pose, size: tuple[int, int], outside: float) -> Pixels:
    """The hand's image resampled so that the hand takes the pose ``out`` in an input of this size."""
    rows, columns = np.mgrid[0 : size[0], 0 : size[1]]
    points = hand.pose.to_image(out.to_canonical(np.stack([columns, rows], axis=-1)))
    shrink = hand.pose.length_px / out.length_px
    level = int(np.clip(np.floor(np.log2(max(shrink, 1.0)) + 0.25), 0, len(hand.levels) - 1))
    points = (points + 0.5) / 2**level - 0.5
    grey = ndimage.map_coordinates(
        hand.levels[level], [points[..., 1], points[..., 0]], output=np.float32, order=1, mode="constant", cval=outside * 255
    )
    return np.asarray(grey / 255, dtype=np.float32)


def place(hand: LabelledHand, out: Pose) -> tuple[Array, Array, npt.NDArray[np.bool_]]:
    """Where the hand's landmarks fall under the pose ``out``, their doubt in px, and which lie inside the hand's own image."""
    points = out.to_image(hand.pose.to_canonical(hand.points_px))
    rows, columns = hand.levels[0].shape
    inside = (hand.points_px >= 0).all(axis=1) & (hand.points_px[:, 0] < columns) & (hand.points_px[:, 1] < rows)
    return points, hand.deviation * out.length_px, inside


def fine_sample(hand: LabelledHand, rng: np.random.Generator, turn_deg: float = 16.0) -> Sample:
    """An upright crop with the pose as uncertain as the coarse network leaves it."""
    size = HAND_FRAME.size
    length = HAND_FRAME.length_px * float(np.exp(rng.normal(0, 0.07)))
    turn = float(np.deg2rad(np.clip(rng.normal(0, turn_deg / 2), -2 * turn_deg, 2 * turn_deg)))
    shift = rng.normal(0, 0.04, size=2) * HAND_FRAME.length_px
    middle = np.array([(size[1] - 1) / 2, (size[0] - 1) / 2])
    out = Pose((float(middle[0] + shift[0]), float(middle[1] + shift[1])), length, turn, False)
    grey = draw_hand(hand, out, size, float(rng.choice([0.0, 1.0, rng.random()], p=[0.7, 0.1, 0.2])))
    points, doubt, inside = place(hand, out)
    if rng.random() < 0.2:
        grey, cut = _cut(grey, points, rng)
        inside &= cut
    look = draw_look(rng, size, 0.25)
    visible = inside & in_field(look, points) & (points >= 0).all(axis=1) & (points[:, 0] < size[1]) & (points[:, 1] < size[0])
    return Sample(apply_look(grey, look), points, doubt, visible, int(look.inverted))


def _cut(grey: Pixels, points: Array, rng: np.random.Generator) -> tuple[Pixels, npt.NDArray[np.bool_]]:
    """The border of the image through the hand: what lies beyond a line is outside."""
    turn = rng.normal(0, 0.15) + rng.integers(4) * np.pi / 2
    normal = np.array([np.cos(turn), np.sin(turn)])
    rows, columns = grey.shape
    at = points[int(rng.integers(len(points)))] @ normal
    row, column = np.mgrid[0:rows, 0:columns]
    out = np.where(column * normal[0] + row * normal[1] > at, np.float32(rng.choice([0.0, 1.0, rng.random()])), grey)
    return np.asarray(out, dtype=np.float32), np.asarray(points @ normal <= at)


def coarse_sample(hands: Sequence[LabelledHand], others: Sequence[Uint8], rng: np.random.Generator, side: int) -> Sample:
    """A whole image: one hand, two, part of one, its mirror image (nothing to find), or no hand."""
    kind = rng.choice(["hand", "two", "other"], p=[0.7, 0.16, 0.14])
    size = (side, side)
    look = draw_look(rng, size, 0.4)
    nothing = np.full((37, 2), -100.0)
    outside = float(rng.choice([0.0, 1.0, rng.random()], p=[0.6, 0.15, 0.25]))
    if kind == "other":
        return Sample(apply_look(_other(others, rng, side), look), nothing, np.ones(37), np.zeros(37, dtype=bool), -1)
    hand = hands[int(rng.integers(len(hands)))]
    mirrored = bool(rng.random() < 0.38)
    turn = float(rng.uniform(-np.pi, np.pi)) if rng.random() < 0.65 else float(rng.normal(0, 0.3))
    if kind == "two":
        return _two(hand, hands[int(rng.integers(len(hands)))], turn, look, rng, side)
    # whole hands, wrists without fingers, and any part that fills the image
    view = rng.choice(["whole", "wrist", "part"], p=[0.58, 0.26, 0.16])
    near, far = {"whole": (0.35, 1.0), "wrist": (1.2, 2.9), "part": (1.0, 2.2)}[str(view)]
    length = side * float(np.exp(rng.uniform(np.log(near), np.log(far))))
    out = Pose((0.0, 0.0), length, turn, mirrored)
    points, _, _ = place(hand, out)
    if view == "whole":
        focus, slack = points.mean(axis=0), max(0.0, 0.5 - 0.36 * length / side)
    else:
        focus, slack = (points[int(rng.integers(37))], 0.12) if view == "part" else (points[7:16].mean(axis=0), 0.2)
    at = side / 2 + rng.uniform(-1, 1, size=2) * slack * side - focus
    out = Pose((float(at[0]), float(at[1])), length, turn, mirrored)
    grey = draw_hand(hand, out, size, outside)
    points, doubt, inside = place(hand, out)
    visible = inside & in_field(look, points) & (points >= 0).all(axis=1) & (points < side).all(axis=1)
    image = apply_look(grey, look)
    if mirrored:
        return Sample(image, nothing, doubt, np.zeros(37, dtype=bool), -1)
    return Sample(image, points, doubt, visible, int(look.inverted))


def _two(left: LabelledHand, right: LabelledHand, turn: float, look: Look, rng: np.random.Generator, side: int) -> Sample:
    length = side * float(rng.uniform(0.4, 0.72))
    gap = length * float(rng.uniform(0.36, 0.6))
    c, s = np.cos(turn), np.sin(turn)
    middle = side / 2 + rng.uniform(-0.1, 0.1, size=2) * side
    order = 1.0 if rng.random() < 0.8 else -1.0
    outs = []
    for sign, mirrored in ((-order, False), (order, True)):
        # the two hands lie side by side along the turned x axis, left hand on the left as on a film of both palms down
        own = turn + float(rng.normal(0, 0.12))
        outs.append(
            Pose(
                (float(middle[0] + sign * gap * c), float(middle[1] + sign * gap * s)),
                length * float(rng.uniform(0.93, 1.07)),
                own,
                mirrored,
            )
        )
    a = draw_hand(left, outs[0], (side, side), 0.0)
    b = draw_hand(right, outs[1], (side, side), 0.0)
    row, column = np.mgrid[0:side, 0:side]
    nearer = order * ((column - middle[0]) * c + (row - middle[1]) * s) < 0
    grey = np.where(nearer, a / max(float(np.quantile(a, 0.99)), 0.05), b / max(float(np.quantile(b, 0.99)), 0.05)).clip(0, 1)
    points, doubt, inside = place(left, outs[0])
    own_half = order * ((points - middle) @ np.array([c, s])) < 0
    visible = inside & own_half & in_field(look, points) & (points >= 0).all(axis=1) & (points < side).all(axis=1)
    return Sample(apply_look(np.asarray(grey, dtype=np.float32), look), points, doubt, visible, int(look.inverted))


def _other(others: Sequence[Uint8], rng: np.random.Generator, side: int) -> Pixels:
    if rng.random() < 0.12:
        scale = int(rng.choice([1, 4, 16, 40]))
        noise = ndimage.gaussian_filter(rng.normal(size=(side, side)), scale / 2)
        return np.asarray((noise - noise.min()) / (np.ptp(noise) + 1e-9), dtype=np.float32)
    picture = others[int(rng.integers(len(others)))].astype(np.float32) / 255
    turn = rng.uniform(-np.pi, np.pi)
    zoom = min(picture.shape) / side * np.exp(rng.uniform(np.log(0.5), np.log(1.3)))
    c, s = np.cos(turn) * zoom, np.sin(turn) * zoom
    middle = (np.array(picture.shape) - 1) / 2
    matrix = np.array([[c, -s], [s, c]])
    moved = ndimage.affine_transform(
        picture,
        matrix,
        middle - matrix @ np.array([side / 2, side / 2]),
        (side, side),
        order=1,
        mode=str(rng.choice(["constant", "reflect"])),
    )
    return np.asarray(moved, dtype=np.float32)
