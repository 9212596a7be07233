"""Places on real hands from points set by hand, for the figures that need no landmark network.

The points follow other conventions than a joint's centre (base of the distal bone, head of the proximal one) and a bone's width
is only guessed from the hand's length here: what a place may be off by is part of what the figures are about.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

FINGERS = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class Place:
    name: str
    center_px: tuple[float, float]
    axis: tuple[float, float]
    width_px: float
    confidence: float = 1.0
    inside: bool = True


@dataclass(frozen=True, slots=True)
class RealHand:
    name: str
    pixels: np.ndarray
    places: dict[str, Place]
    length_px: float


# Bone width across the joint over hand length (wrist to tip of the middle finger), adults; only a start for the search.
WIDTH = {"MCP": 0.080, "PIP": 0.062, "CMC": 0.043, "radiocarpal": 0.09, "capitate-scaphoid-lunate": 0.049, "scaphotrapeziotrapezoid": 0.043}
NARROWER = {"MCP 1": 0.95, "MCP 4": 0.92, "MCP 5": 0.85, "PIP 5": 0.85, "CMC 4": 0.65, "CMC 5": 0.75}


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v)


def _place(name: str, center: np.ndarray, axis: np.ndarray, length: float) -> Place:
    width = WIDTH[name.split()[0]] * length * NARROWER.get(name, 1.0)
    axis = _unit(axis)
    return Place(name, (float(center[0]), float(center[1])), (float(axis[0]), float(axis[1])), float(width))


def grey(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("L"), dtype=np.float32) / 255.0


def _read(path: Path) -> dict[str, dict[str, np.ndarray]]:
    points: dict[str, dict[str, np.ndarray]] = {}
    with path.open(newline="") as f:
        for row in csv.DictReader(f):
            points.setdefault(row["image"], {})[row.get("landmark") or row["joint"]] = np.array([float(row["x"]), float(row["y"])])
    return points


def dha(data: Path) -> Iterator[RealHand]:
    """The four hands of the Digital Hand Atlas with their 37 points; 3231 is mature."""
    folder = data / "hand_dha"
    for image, fractions in sorted(_read(folder / "landmarks37.csv").items()):
        pixels = grey(folder / "images" / image)
        size = np.array([pixels.shape[1], pixels.shape[0]], dtype=float)
        p = {int(k): v * size for k, v in fractions.items()}
        wrist = (p[7] + p[8]) / 2
        length = float(np.linalg.norm(p[28] - wrist))
        places = []
        first = {1: 18, 2: 21, 3: 25, 4: 29, 5: 33}
        for f in FINGERS:
            m = first[f]
            axis = _unit(p[m + 1] - p[m])
            places.append(_place(f"MCP {f}", p[m] - axis * 0.02 * length * (0 if f == 1 else 1), axis, length))
            if f > 1:
                up = _unit(p[m + 2] - p[m])
                places.append(_place(f"PIP {f}", p[m + 1] + up * 0.006 * length, up, length))
        for f, base in ((3, 15), (4, 14), (5, 13)):
            axis = _unit(p[first[f]] - p[base])
            places.append(_place(f"CMC {f}", p[base] - axis * 0.005 * length, axis, length))
        up = _unit(p[25] - wrist)
        radius = (p[3] + p[4]) / 2
        across = _unit(p[4] - p[3])
        normal = np.array([across[1], -across[0]])
        normal = normal * np.sign(normal @ up)
        places.append(_place("radiocarpal", wrist - normal * 0.006 * length, normal, length))
        places.append(_place("capitate-scaphoid-lunate", p[10] - up * 0.005 * length, up, length))
        stt = (p[11] + p[12]) / 2
        line = _unit(p[12] - p[11])
        out = np.array([line[1], -line[0]])
        out = out * np.sign(out @ (stt - radius))
        places.append(_place("scaphotrapeziotrapezoid", stt - out * 0.005 * length, out, length))
        yield RealHand(image, pixels, {q.name: q for q in places}, length)


def mature(data: Path) -> Iterator[RealHand]:
    """The 13 near-adult hands of `hand_joints` with another model's points (checked by eye before use)."""
    folder = data / "hand_joints"
    with (folder / "images.csv").open(newline="") as f:
        names = [row["image"] for row in csv.DictReader(f) if row["mature"] == "1"]
    points = _read(folder / "pseudo13.csv")
    for image in names:
        pixels = grey(folder / "images" / image)
        size = np.array([pixels.shape[1], pixels.shape[0]], dtype=float)
        p = {k: v * size for k, v in points[image].items()}
        # from the middle MCP to the middle PIP is .28 of the hand's length in the 905 hand shapes
        length = float(np.linalg.norm(p["PIP3"] - p["MCP3"])) / 0.245
        places = []
        for f in FINGERS:
            tip = p["IP1"] if f == 1 else p[f"PIP{f}"]
            axis = _unit(tip - p[f"MCP{f}"])
            places.append(_place(f"MCP {f}", p[f"MCP{f}"], axis, length))
            if f > 1:
                places.append(_place(f"PIP {f}", p[f"PIP{f}"], axis, length))
        yield RealHand(image, pixels, {q.name: q for q in places}, length)


def late(data: Path) -> Iterator[RealHand]:
    """The hands of `hand_joints` of a bone age of 204 months or more that are not among those: nobody looked at them. Without places."""
    folder = data / "hand_joints"
    with (folder / "images.csv").open(newline="") as f:
        rows = [r for r in csv.DictReader(f) if r["mature"] == "0" and int(r["bone_age_months"]) >= 204 and r["image"].endswith(".png")]
    for row in rows:
        yield RealHand(row["image"], grey(folder / "images" / row["image"]), {}, 1.0)


# The hands that set the norms in coread.vision.expected_widths: figures are given on the others.
TUNED = ("2278.png", "3168.png", "8540.png", "11043.png", "11450.png", "14466.png")


def untuned(hand: RealHand) -> bool:
    return hand.name not in TUNED


def located(hand: RealHand) -> RealHand:
    """The same hand at the places that the landmark networks find, as a reader has them."""
    from coread.vision.expected_widths import EXPECTED
    from coread.vision.landmarks import HandLocator

    found = HandLocator(threads=1).locate(hand.pixels)
    if not found:
        return RealHand(hand.name, hand.pixels, {}, hand.length_px)
    places = found[0].places
    kept = {n: Place(n, places[n].center_px, places[n].axis, places[n].width_px, places[n].confidence, places[n].inside) for n in EXPECTED}
    return RealHand(hand.name, hand.pixels, {n: p for n, p in kept.items() if p.inside and p.confidence >= 0.5}, found[0].length_px)
