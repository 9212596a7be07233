"""What is no hand radiograph is refused, with its reason, before anything is measured.

Four judges, the cheap ones first: what the file states (modality, body part, view), what the pixels are (empty, coloured,
too small), a small network that knows hand radiographs, whole or in part and at any angle, from everything else, and the hand
locator's own certainty. One of them is enough to refuse. Feet and lateral views of hands were not at hand when this was built:
only their tags give them away for certain.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from coread.vision.network import Network

THUMBNAIL = 96
MINIMUM_SIDE_PX = 160
FEWEST_LEVELS = 12
SMALLEST_SPREAD = 0.004
COLOURED = 0.10
LEAST_LIKENESS = 0.08
NEEDED = 0.50
SCORE_WEIGHT, DOUBT = 6.0, 0.5
WEIGHTS = Path(__file__).parents[1] / "models" / "hand_scope.onnx"

RADIOGRAPHY = frozenset({"CR", "DX", "RF", "RG", "DR", "XR", "SC", "OT"})
MODALITIES: Mapping[str, str] = {
    "MR": "magnetic resonance", "CT": "computed tomography", "US": "ultrasound", "NM": "nuclear medicine", "PT": "positron emission",
    "MG": "mammography", "XC": "a photograph", "ECG": "an electrocardiogram", "ES": "endoscopy", "OP": "an eye photograph", "IO": "dental",
    "PX": "a dental panorama", "BMD": "bone densitometry", "SM": "microscopy", "GM": "microscopy", "XA": "angiography", "DOC": "a document",
}  # fmt: skip
"""DICOM PS3.3 C.7.3.1.1.1: the modalities that are met most, in words."""
HAND_PARTS = (
    "HAND",
    "WRIST",
    "FINGER",
    "THUMB",
    "CARP",
    "PHALAN",
    "EXTREMIT",
    "UPPER LIMB",
    "UPPERLIMB",
    "ARM",
    "RADIUS",
    "ULNA",
    "METACARP",
)
OTHER_PARTS = (
    "CHEST", "THORAX", "LUNG", "RIB", "STERNUM", "CLAVICLE", "SHOULDER", "SCAPULA", "HUMERUS", "ELBOW", "ABDOMEN", "PELVIS", "HIP", "SPINE",
    "SACR", "COCCYX", "HEAD", "SKULL", "NECK", "SINUS", "ORBIT", "FACE", "JAW", "MANDIBLE", "TEETH", "FEMUR", "THIGH", "KNEE", "PATELLA",
    "TIBIA", "FIBULA", "LOWER", "LEG", "ANKLE", "FOOT", "FEET", "TOE", "HEEL", "CALCANE", "BREAST", "HEART", "BRAIN", "EYE", "GLAND",
)  # fmt: skip
"""Words of DICOM PS3.16 annex L (Body Part Examined) that name no part of a hand."""
LATERAL_VIEWS = frozenset({"LL", "RL", "LAT", "LATERAL", "ML", "LM", "LLD", "RLD"})
OBLIQUE_VIEWS = frozenset({"LLO", "RLO", "OBL", "OBLIQUE", "RAO", "LAO", "RPO", "LPO"})
NOT_A_HAND = "this is not a hand radiograph: "


class Scored(Protocol):
    """A hand that the locator believes to have found."""

    @property
    def score(self) -> float:
        """How surely it is a hand, 0..1."""


class ScopeCheck:
    """Refuses what is no hand radiograph.

    Args:
        weights: ONNX file of the scope network.
        threads: threads for the network; None leaves the choice to the engine.
    """

    def __init__(self, weights: Path = WEIGHTS, threads: int | None = None) -> None:
        self._network = Network(weights, threads)
        # The image asked about last, what its pixels refuse, and its likeness: it is asked about again once its hands were looked for.
        self._judged: tuple[npt.NDArray[np.float32], str | None, float] | None = None

    def likeness(self, pixels: npt.NDArray[np.float32]) -> float:
        """Probability that [y, x] pixels show a hand radiograph or a part of one, of either polarity, at any angle.

        The network's log odds are averaged over the four quarter turns of the image and of its mirror image.
        """
        plane = thumbnail(pixels)
        turns = [np.rot90(side, k, axes=(1, 2)) for side in (plane, plane[:, :, ::-1]) for k in range(4)]
        logit = float(self._network.run(np.ascontiguousarray(turns))[0].mean())
        return 1.0 / (1.0 + float(np.exp(-np.clip(logit, -30, 30))))

    def refusal(self, facts: Mapping[str, str], pixels: npt.NDArray[np.float32], hands: Sequence[Scored] | None = None) -> str | None:
        """One sentence why an image is refused; None where it may be read.

        Args:
            facts: acquisition facts of the image, as :attr:`coread.study.Image.facts` holds them.
            pixels: [y, x] or [y, x, colour], 0..1.
            hands: what the hand locator found; None where it was not asked yet, an empty sequence where it found nothing.
        """
        stated = refused_by_facts(facts)
        if stated is not None:
            return stated
        if self._judged is None or self._judged[0] is not pixels:
            shown = refused_by_pixels(pixels)
            self._judged = (pixels, shown, 0.0 if shown else self.likeness(grey(pixels)))
        _, shown, likeness = self._judged
        if shown is not None:
            return shown
        if hands is None:
            return None if likeness >= LEAST_LIKENESS else f"{NOT_A_HAND}it does not look like one at all (likeness {likeness:.2f})"
        return refused_by_hands(likeness, hands)


def refused_by_facts(facts: Mapping[str, str]) -> str | None:
    """A refusal from what the file states: another modality, another body part, another view."""
    modality = facts.get("modality", "").strip().upper()
    if modality and modality not in RADIOGRAPHY:
        words = f" ({MODALITIES[modality]})" if modality in MODALITIES else ""
        return f"{NOT_A_HAND}the file states modality {modality}{words}, needed is one of {', '.join(sorted(RADIOGRAPHY))}"
    part = facts.get("body_part", "").strip()
    hand = any(word in part.upper() for word in HAND_PARTS) and "LOWER" not in part.upper()
    if part and not hand and any(_begins(word, part) for word in OTHER_PARTS):
        return f"{NOT_A_HAND}the file states body part {part}; correct the tag if it is wrong"
    view = facts.get("view", "").strip().upper()
    for views, name in ((LATERAL_VIEWS, "lateral"), (OBLIQUE_VIEWS, "oblique")):
        if view in views:
            return f"this view cannot be read: the file states the {name} view {view}, needed is the posterior-anterior view of the hand"
    return None


def _begins(word: str, text: str) -> bool:
    return re.search(rf"(^|[^A-Z]){word}", text.upper()) is not None


def refused_by_pixels(pixels: npt.NDArray[np.float32]) -> str | None:
    """A refusal from the pixels alone: no single image, too small, empty, broken, or coloured."""
    if not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))):
        return f"{NOT_A_HAND}one projection image with rows and columns is needed, this has the shape {tuple(pixels.shape)}"
    rows, columns = pixels.shape[:2]
    if min(rows, columns) < MINIMUM_SIDE_PX:
        return f"the image is too small to read: {columns} x {rows} pixels, needed are {MINIMUM_SIDE_PX} along the shorter side"
    step = max(1, round((rows * columns / 1e6) ** 0.5))
    sample = np.asarray(pixels[::step, ::step], dtype=np.float32)
    if not np.isfinite(sample).all():
        return "the image is broken: it holds values that are no numbers"
    if sample.ndim == 3:
        share = float(np.mean(sample[..., :3].max(axis=2) - sample[..., :3].min(axis=2) > 0.12))
        if share > COLOURED:
            return f"{NOT_A_HAND}{share:.0%} of its pixels are coloured, as in a photograph"
    plain = grey(sample)
    low, high = np.percentile(plain, [1, 99])
    if high - low < SMALLEST_SPREAD:
        return f"{NOT_A_HAND}the image is empty, all of it has nearly the same grey value"
    levels = np.count_nonzero(np.bincount(np.rint(np.clip(plain, 0, 1) * 1023).astype(np.int64).ravel()))
    if levels < FEWEST_LEVELS:
        return f"{NOT_A_HAND}the image holds {levels} grey values only, as a drawing or a page of text does"
    return None


def refused_by_hands(likeness: float, hands: Sequence[Scored]) -> str | None:
    """A refusal because the locator found no hand, or because what it found and the image's likeness together are too little."""
    best = max((hand.score for hand in hands), default=None)
    if best is None and likeness >= NEEDED:
        return f"this looks like a part of a hand (likeness {likeness:.2f}), but shows too little of it to place its joints"
    if best is None:
        return f"{NOT_A_HAND}no hand was found in it (likeness {likeness:.2f})"
    sure = certainty(likeness, best)
    if sure < NEEDED:
        seen = f"best match {best:.2f}, likeness {likeness:.2f}"
        return f"{NOT_A_HAND}no hand was found with certainty ({sure:.2f}, needed {NEEDED:.2f}; {seen})"
    return None


def certainty(likeness: float, score: float) -> float:
    """How surely an image shows a hand, from the scope network's probability and the hand locator's best score."""
    likeness = min(max(likeness, 1e-6), 1 - 1e-6)
    return 1.0 / (1.0 + float(np.exp(-(np.log(likeness / (1 - likeness)) + SCORE_WEIGHT * score - DOUBT))))


def grey(pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """[y, x] of an image with or without colour."""
    if pixels.ndim == 2:
        return np.asarray(pixels, dtype=np.float32)
    plain: npt.NDArray[np.float32] = pixels[..., :3].mean(axis=2).astype(np.float32)
    return plain


def thumbnail(pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The network's input [2, THUMBNAIL, THUMBNAIL]: the whole image, standardised and without distortion, and where it lies."""
    rows, columns = pixels.shape
    scale = THUMBNAIL / max(rows, columns)
    shape = max(4, round(rows * scale)), max(4, round(columns * scale))
    small = _averaged(_averaged(np.asarray(pixels, dtype=np.float32), shape[0]).T, shape[1]).T
    low, high = np.percentile(small, [1, 99])
    small = np.clip((small - low) / max(float(high - low), 1e-4), 0, 1)
    small = (small - small.mean()) / max(float(small.std()), 1e-3)
    out = np.zeros((2, THUMBNAIL, THUMBNAIL), dtype=np.float32)
    top, left = (THUMBNAIL - shape[0]) // 2, (THUMBNAIL - shape[1]) // 2
    out[0, top : top + shape[0], left : left + shape[1]] = small
    out[1, top : top + shape[0], left : left + shape[1]] = 1.0
    return out


def _averaged(plane: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float32]:
    """The rows averaged into ``count`` rows; the nearest rows where there are fewer than that."""
    rows = plane.shape[0]
    if rows <= count:
        nearest: npt.NDArray[np.float32] = plane[np.minimum((np.arange(count) + 0.5) * rows / count, rows - 1).astype(int)]
        return nearest
    edges = np.floor(np.arange(count) * rows / count).astype(int)
    sums = np.add.reduceat(plane, edges, axis=0)
    sizes = np.diff(np.append(edges, rows))
    averaged: npt.NDArray[np.float32] = (sums / sizes[:, None]).astype(np.float32)
    return averaged
