"""Hands to learn landmarks from: images with 37 points each, however few of them a label set gives.

Label sets place 13, 17 or 21 points by conventions of their own. Each given point is moved into the middle of the joint space,
the others follow from the shape model (:meth:`coread.vision.shape.ShapeModel.fit`) with its doubt, which becomes the width of
the target that the network learns from. Labels made by an earlier network (``relabels``) replace the set's own.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from coread.errors import InputError
from coread.simulate import simulate_hand
from coread.vision.landmarks import HandLocator
from coread.vision.pose import Array, Pixels, Pose, reductions
from coread.vision.shape import N_LANDMARKS, shape_model

FINGERS = {"forefinger": 21, "middle_finger": 25, "ring_finger": 29, "pinky_finger": 33}
POINTS21 = {"thumb1": 17, "thumb2": 18, "thumb3": 19, "thumb4": 20} | {
    f"{name}{k + 1}": first + k for name, first in FINGERS.items() for k in range(4)
}
POINTS13 = {
    "IP1": 19, "PIP2": 22, "PIP3": 26, "PIP4": 30, "PIP5": 34, "MCP1": 18, "MCP2": 21, "MCP3": 25, "MCP4": 29, "MCP5": 33,
    "W1": 17, "W2": 10, "W3": 13,
}  # fmt: skip

MOST_PX = 940
"""Images with a longer side are halved: no network here sees more."""


@dataclass(frozen=True, slots=True)
class LabelledHand:
    """One hand of one image.

    Attributes:
        name: image file.
        levels: uint8 pixels and their successive halvings.
        pose: where the hand lies.
        points_px: (37, 2) landmarks in the image, (column, row).
        deviation: (37,) doubt of each as a share of hand length; infinite = not to be learned from.
        age_months: bone age.
        source: label set.
    """

    name: str
    levels: tuple[npt.NDArray[np.uint8], ...]
    pose: Pose
    points_px: Array
    deviation: Array
    age_months: float
    source: str


def read_points(path: Path) -> dict[str, dict[str, tuple[float, float]]]:
    """Points of a label table (``image,joint,x,y``, fractions of width and height) by image and joint."""
    out: dict[str, dict[str, tuple[float, float]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            out.setdefault(row["image"], {})[row["joint"]] = (float(row["x"]), float(row["y"]))
    return out


def read_grey(path: Path) -> Pixels:
    """Pixels of a plain image, 0..1."""
    try:
        with PillowImage.open(path) as image:
            return np.asarray(np.asarray(image.convert("L")) / 255, dtype=np.float32)
    except OSError as error:
        raise InputError(f"{path}: not an image that can be read ({error})") from error


def complete(points: Mapping[int, tuple[float, float]], deviation: float, mirrored: bool = False) -> tuple[Array, Array, Pose]:
    """All 37 points from some: given ones stay, the others follow from the shape model; with their doubt and the pose."""
    target = np.zeros((N_LANDMARKS, 2))
    doubt = np.full(N_LANDMARKS, np.inf)
    for landmark, point in points.items():
        target[landmark], doubt[landmark] = point, deviation
    fit = shape_model().fit(target, doubt, mirrored)
    known = np.isfinite(doubt)
    out = np.where(known[:, None], target, fit.points_px)
    return out, np.where(known, deviation, fit.deviation_px / fit.pose.length_px), fit.pose


def labelled_hand(folder: Path, name: str, points: Mapping[int, tuple[float, float]], source: str, age_months: float) -> LabelledHand:
    """One image with labels given as fractions of width and height."""
    grey = read_grey(folder / name)
    while max(grey.shape) > MOST_PX:
        grey = reductions(grey, least_side=max(1, min(grey.shape) // 2 - 1))[1]
    rows, columns = grey.shape
    placed = {k: (x * columns - 0.5, y * rows - 0.5) for k, (x, y) in points.items()}
    target, doubt, pose = complete(placed, 0.004)
    levels = tuple(np.round(level * 255).astype(np.uint8) for level in reductions(grey))
    return LabelledHand(name, levels, pose, target, doubt, age_months, source)


def read_hands(cohort: Path, without: frozenset[str], relabels: Path | None = None) -> list[LabelledHand]:
    """The labelled hands of ``hand_joints`` except the images named in ``without``.

    Args:
        cohort: folder that holds ``hand_joints/``.
        without: images kept for testing; none of their labels is read either.
        relabels: npz made by :mod:`coread.train.hand_relabel`; None = the sets' own labels.
    """
    folder = cohort / "hand_joints"
    with (folder / "images.csv").open(encoding="utf-8", newline="") as file:
        ages = {row["image"]: float(row["bone_age_months"]) for row in csv.DictReader(file)}
    by_hand = read_points(folder / "keypoints21.csv")
    by_model = read_points(folder / "pseudo13.csv")
    hands = []
    for name, joints in by_hand.items():
        if name not in without:
            points = {POINTS21[j]: p for j, p in joints.items() if j in POINTS21}
            hands.append(labelled_hand(folder / "images", name, points, "keypoints21", ages[name]))
    for name, joints in by_model.items():
        if name not in without and name not in by_hand:
            points = {POINTS13[j]: p for j, p in joints.items()}
            hands.append(labelled_hand(folder / "images", name, points, "pseudo13", ages[name]))
    if relabels is not None:
        hands = _relabelled(hands, relabels)
    return hands


def with_wrists(hands: list[LabelledHand], wrists: Mapping[str, Sequence[Sequence[float]]], others: bool) -> list[LabelledHand]:
    """The hands with landmarks 0-12 placed by eye where ``wrists`` has them (fractions of width and height).

    Args:
        hands: labelled hands.
        wrists: the 13 points by image.
        others: whether landmarks 0-12 of the other hands are learned from; the shape of the fingers alone tells them badly.
    """
    out = []
    for hand in hands:
        points, doubt = hand.points_px.copy(), hand.deviation.copy()
        if hand.name in wrists:
            points[:13] = np.asarray(wrists[hand.name]) * np.array(hand.levels[0].shape[::-1]) - 0.5
            doubt[:13] = 0.004
        elif not others:
            doubt[:13] = np.inf
        out.append(replace(hand, points_px=points, deviation=doubt))
    return out


def simulated_hands(count: int, pixel_mm: float = 0.6) -> list[LabelledHand]:
    """Simulated left hands with exact landmarks, those of the finger joints in the middle of the joint space."""
    joints = {"MCP 1": 18, "IP thumb": 19} | {
        f"{row} {k + 2}": 21 + 4 * k + m for k in range(4) for m, row in enumerate(("MCP", "PIP", "DIP"))
    }
    hands = []
    for seed in range(1000, 1000 + count):
        film = simulate_hand(seed, side="left", pixel_mm=pixel_mm, rotation_deg=0.0, mirrored=False, inverted=False)
        points = np.asarray(film.hand.landmarks_px, dtype=float).copy()
        for name, landmark in joints.items():
            points[landmark] = film.hand.sites_px[name]
        grey = np.asarray(film.pixels, dtype=np.float32)
        levels = tuple(np.round(np.clip(level, 0, 1) * 255).astype(np.uint8) for level in reductions(grey))
        doubt = np.full(N_LANDMARKS, 0.003)
        pose = shape_model().fit(points, np.full(N_LANDMARKS, 0.01), False).pose
        hands.append(LabelledHand(f"simulated {seed}", levels, pose, points, doubt, 400.0, "simulated"))
    return hands


def _relabelled(hands: list[LabelledHand], relabels: Path) -> list[LabelledHand]:
    with np.load(relabels, allow_pickle=False) as file:
        names = {str(name): k for k, name in enumerate(file["names"])}
        points, doubts = file["points"], file["deviations"]
    out = []
    for hand in hands:
        k = names.get(hand.name)
        if k is None or not np.isfinite(doubts[k]).any():
            continue
        size = np.array(hand.levels[0].shape[::-1])
        target = points[k] * size - 0.5
        model = shape_model().fit(target, np.where(np.isfinite(doubts[k]), 0.01, np.inf), False)
        out.append(LabelledHand(hand.name, hand.levels, model.pose, target, doubts[k], hand.age_months, hand.source))
    return out


def found_hands(
    cohort: Path, without: Collection[str], locator: HandLocator, least_score: float = 0.45, least_confidence: float = 0.85
) -> list[LabelledHand]:
    """Hands of images that no label set knows, as an earlier round's networks find them; only those found with little doubt.

    An image that shows a right hand is mirrored.
    """
    folder = cohort / "hand_joints"
    known = {*read_points(folder / "keypoints21.csv"), *read_points(folder / "pseudo13.csv"), *without}
    out = []
    with (folder / "images.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["image"] not in known]
    for row in rows:
        grey = read_grey(folder / "images" / row["image"])
        while max(grey.shape) > MOST_PX:
            grey = reductions(grey, least_side=max(1, min(grey.shape) // 2 - 1))[1]
        hands = locator.locate(grey)
        if len(hands) != 1 or hands[0].score < least_score or float(hands[0].landmark_confidence.mean()) < least_confidence:
            continue
        hand = hands[0]
        points = hand.landmarks_px
        if hand.pose.mirrored:
            grey = np.ascontiguousarray(grey[:, ::-1])
            points = np.stack([grey.shape[1] - 1 - points[:, 0], points[:, 1]], axis=1)
        if hand.inverted:
            grey = 1 - grey
        levels = tuple(np.round(level * 255).astype(np.uint8) for level in reductions(grey))
        pose = shape_model().fit(points, np.full(N_LANDMARKS, 0.01), False).pose
        doubt = np.where(hand.landmark_confidence > 0.95, 0.006, 0.02)
        out.append(LabelledHand(row["image"], levels, pose, points, doubt, float(row["bone_age_months"]), "found"))
    return out
