"""Everything a simulated radiograph depends on: drawn once, kept, and able to be replayed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from coread.errors import InputError
from coread.simulate.shape import JOINT_MM
from coread.study import Side

FINGER_JOINTS = ("MCP 1", "MCP 2", "MCP 3", "MCP 4", "MCP 5", "IP thumb", "PIP 2", "PIP 3", "PIP 4", "PIP 5")
TIP_JOINTS = ("DIP 2", "DIP 3", "DIP 4", "DIP 5")
WRIST_JOINTS = ("CMC 3", "CMC 4", "CMC 5", "scaphotrapeziotrapezoid", "capitate-scaphoid-lunate", "radiocarpal")
JOINTS = FINGER_JOINTS + TIP_JOINTS + WRIST_JOINTS
"""Every joint with a known space; the DIP joints are not scored."""

EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Erosion:
    """A marginal bite out of one bone.

    Attributes:
        site: site of the score it belongs to, as ``MCP 2``.
        bone: ``metacarpal 2``, ``proximal phalanx 3``, ``scaphoid``, ``ulna``, ...
        angle_deg: direction from the middle of the bone's end: 0 distal, 90 towards the thumb, 180 proximal, -90 towards the little finger.
        width_mm: extent along the bone's edge.
        depth_mm: extent into the bone.
        through: share of the bone's thickness that is gone, 0..1.
    """

    site: str
    bone: str
    angle_deg: float
    width_mm: float
    depth_mm: float
    through: float = 0.8


@dataclass(frozen=True, slots=True)
class HandRecord:
    """One hand: all drawn values. Mappings are keyed by joint.

    Attributes:
        side: anatomical side.
        weights: the shape's weights in standard deviations.
        scale: size against the mean adult.
        slender, cortex, mineral: shaft slenderness, cortical thickness and trabecular filling against the typical ones.
        flesh: soft tissue against the typical one.
        normal_mm: width of each joint space before damage.
        narrowing: fraction of the normal mean width that is left, 0..1; 0 is ankylosis.
        focal: place across the joint (-1 little finger's side .. 1 thumb's side) and fraction left there.
        subluxation: offset across in fractions of the head's width (towards the thumb positive), and angle in degrees.
        erosions: bites.
        immature: growth plates are open.
        texture_seed: seed of the bone's and flesh's texture.
    """

    side: Side
    weights: tuple[float, ...]
    scale: float
    slender: float
    cortex: float
    mineral: float
    flesh: float
    normal_mm: Mapping[str, float]
    narrowing: Mapping[str, float] = field(default_factory=dict)
    focal: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    subluxation: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    erosions: tuple[Erosion, ...] = ()
    immature: bool = False
    texture_seed: int = 0


@dataclass(frozen=True, slots=True)
class FilmRecord:
    """How the hands lie on the film and how the film was taken.

    Attributes:
        pixel_mm: distance of neighbouring pixels.
        rotation_deg: turn of the whole film's content, clockwise as seen.
        mirrored, inverted: flipped left to right; bone dark.
        forearm_mm: how far the forearm shows below the joint.
        margin_mm: room around the hand.
        kvp_energy_kev: effective energy of the beam.
        photons: counted quanta per mm2 in the open field (about 3e4 per mm2 and microgray meet the detector).
        electronic: electronic noise in quanta per pixel of 0.1 mm.
        blur_mm: standard deviation of the system's point spread.
        scatter: scattered against primary radiation in the open field.
        heel: fall of intensity from one side to the other, and its direction in degrees.
        latitude: share of the large-scale contrast that the display processing takes away, 0..1.
        sharpen: strength of edge enhancement.
        curve: how strongly the display saturates towards white, 0 = straight, 2 = like film.
        gamma: toe of the display's curve, 1 = none.
        window: share of dark and bright ends that are cut.
        collimator: distance of the collimator's edges from the film's border (left, top, right, bottom), mm; None: no edges.
        shutter: brightness that the area outside the collimator is shown with.
        marker: a lead letter, or an empty text.
        marker_at: place of the marker as fractions of width and height.
        marker_turn_deg: turn of the marker.
        noise_seed: seed of all noise of the film.
        crop: part of the film that is kept, (left, top, right, bottom) as fractions; None: all.
    """

    pixel_mm: float
    rotation_deg: float = 0.0
    mirrored: bool = False
    inverted: bool = False
    forearm_mm: float = 55.0
    margin_mm: float = 14.0
    kvp_energy_kev: float = 35.0
    photons: float = 2.0e5
    electronic: float = 5.0
    blur_mm: float = 0.10
    scatter: float = 0.22
    heel: tuple[float, float] = (0.08, 90.0)
    latitude: float = 0.25
    sharpen: float = 0.25
    curve: float = 1.6
    gamma: float = 1.0
    window: tuple[float, float] = (0.0, 0.0)
    collimator: tuple[float, float, float, float] | None = None
    shutter: float = 0.0
    marker: str = ""
    marker_at: tuple[float, float] = (0.12, 0.2)
    marker_turn_deg: float = 0.0
    noise_seed: int = 0
    crop: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """The whole radiograph: its hands and its film."""

    film: FilmRecord
    hands: tuple[HandRecord, ...]


def _normal_widths(rng: np.random.Generator) -> dict[str, float]:
    common = rng.normal(0, 0.07)
    widths = {}
    for name in JOINTS:
        kind = name if name in JOINT_MM else name.split(" ")[0]
        widths[name] = float(JOINT_MM[kind] * math.exp(np.clip(common + rng.normal(0, 0.06), -0.2, 0.2)))
    return widths


def check_joints(names: Mapping[str, Any], option: str) -> None:
    """Refuse a joint that the simulator does not know.

    Raises:
        InputError: naming the option, the joint and the known ones.
    """
    for name in names:
        if name not in JOINTS:
            raise InputError(f"simulate_hand: {option} names the joint '{name}', which is none of {', '.join(JOINTS)}")


def draw_hand(seed: int, side: Side, *, normal: bool = False, **options: Any) -> HandRecord:
    """Draw one hand; ``options`` replace drawn values by name. ``normal`` draws the mean hand without variation."""
    rng = np.random.default_rng([seed, 1, side == "right"])
    spread = 0.0 if normal else 1.0
    weights = tuple(float(w) for w in np.clip(rng.normal(0, 0.8 * spread, 14), -1.9, 1.9))
    scale = float(np.clip(rng.normal(1.0, 0.06 * spread), 0.86, 1.14))
    immature = bool(options.get("immature", False))
    if immature:
        scale *= float(rng.uniform(0.62, 0.88))
    record = HandRecord(
        side=side,
        weights=weights,
        scale=scale,
        slender=float(np.exp(rng.normal(0, 0.06 * spread))),
        cortex=float(np.exp(rng.normal(0, 0.14 * spread))),
        mineral=float(np.exp(rng.normal(0, 0.15 * spread))),
        flesh=float(np.exp(rng.normal(0, 0.07 * spread))),
        normal_mm=_normal_widths(rng),
        texture_seed=int(rng.integers(2**31)),
    )
    record = replace(record, **options)
    for option in ("normal_mm", "narrowing", "focal", "subluxation"):
        check_joints(getattr(record, option), option)
    return record


def draw_film(seed: int, pixel_mm: float, sides: tuple[Side, ...], *, plain: bool = False, **options: Any) -> FilmRecord:
    """Draw how the film was taken; ``options`` replace drawn values by name. ``plain``: upright, mild, unmirrored."""
    rng = np.random.default_rng([seed, 2])
    letter = {"left": "L", "right": "R"}[sides[0]] if len(sides) == 1 else "L"
    edge = tuple(float(v) for v in rng.uniform(1, 8, 4))
    drawn: dict[str, Any] = {
        "rotation_deg": 0.0 if plain else float(rng.normal(0, 6)),
        "forearm_mm": float(rng.uniform(30, 75)),
        "margin_mm": float(rng.uniform(10, 28)),
        "kvp_energy_kev": float(rng.uniform(31, 38)),
        "photons": float(np.exp(rng.uniform(np.log(0.8e5), np.log(5e5)))),
        "blur_mm": float(rng.uniform(0.08, 0.13)),
        "scatter": float(rng.uniform(0.12, 0.35)),
        "heel": (float(rng.uniform(0, 0.15)), float(rng.uniform(0, 360))),
        "latitude": float(rng.uniform(0.0, 0.6)),
        "sharpen": float(rng.uniform(0.0, 0.5)),
        "curve": float(rng.uniform(0.2, 2.0)),
        "gamma": float(np.exp(rng.normal(0, 0.15))),
        "window": (float(rng.uniform(0, 0.02)), float(rng.uniform(0, 0.003))),
        "collimator": (edge[0], edge[1], edge[2], edge[3]) if rng.uniform() < 0.6 else None,
        "shutter": float(rng.choice([0.0, 0.0, 1.0, 0.4])),
        "marker": letter if rng.uniform() < 0.8 else "",
        "marker_at": (float(rng.uniform(0.06, 0.16)), float(rng.uniform(0.05, 0.2))),
        "marker_turn_deg": float(rng.normal(0, 8)),
        "noise_seed": int(rng.integers(2**31)),
    }
    unknown = set(options) - set(FilmRecord.__dataclass_fields__)
    if unknown:
        raise InputError(
            f"simulate_hand: unknown option '{sorted(unknown)[0]}', expected one of {', '.join(sorted(FilmRecord.__dataclass_fields__))}"
        )
    return FilmRecord(pixel_mm=pixel_mm, **{**drawn, **options})
