"""Drawing the damage of a patient's hands: which joints, how much, what shape, and what only looks like damage.

Where damage lies follows the disease: wrist and MCP 2 and 3 first, then PIP 3 (Buckland-Wright and Walker, Ann Rheum Dis 1987;46:463, who
also found no difference between right and left); ulna, lunate and scaphoid most often of the score's wrist bones (J Rheumatol
2011;38:2014, MRI). The weights below put these orders into numbers; the numbers, and the sizes of bites, are ours.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from coread.errors import InputError
from coread.simulate.damage_record import (
    CARPAL_BONES,
    EROSION_SITES,
    FINGER_SITES,
    NARROWING_SITES,
    Bite,
    BiteKind,
    DamageRecord,
    Joint,
    Mimic,
    MimicKind,
    Narrowed,
    Osteopenic,
    Part,
    Subluxed,
)

EROSION_WEIGHT: Mapping[str, float] = {
    **{"MCP 1": 0.45, "MCP 2": 1.0, "MCP 3": 0.9, "MCP 4": 0.5, "MCP 5": 0.65, "IP thumb": 0.35},
    **{"PIP 2": 0.5, "PIP 3": 0.65, "PIP 4": 0.5, "PIP 5": 0.45},
    **{"metacarpal 1 base": 0.4, "radius": 0.6, "ulna": 0.95, "trapezium-trapezoid": 0.4, "scaphoid": 0.7, "lunate": 0.75},
}
NARROWING_WEIGHT: Mapping[str, float] = {
    **{"MCP 1": 0.5, "MCP 2": 0.9, "MCP 3": 0.9, "MCP 4": 0.6, "MCP 5": 0.6, "PIP 2": 0.55, "PIP 3": 0.65, "PIP 4": 0.6, "PIP 5": 0.55},
    **{"CMC 3": 0.8, "CMC 4": 0.7, "CMC 5": 0.6, "scaphotrapeziotrapezoid": 0.6, "capitate-scaphoid-lunate": 0.9, "radiocarpal": 1.0},
}
_SYMMETRY = 0.7
_TOGETHER = 0.6
_VARIANTS: tuple[tuple[MimicKind, float], ...] = (
    ("notch", 0.3),
    ("cyst", 0.12),
    ("vessel", 0.2),
    ("sesamoid", 0.08),
    ("osteophyte", 0.15),
    ("overlap", 0.15),
)
_SHAMS: tuple[MimicKind, ...] = ("smoothed", "contrast", "resampled")


@dataclass(frozen=True, slots=True)
class _Latent:
    """How far a site's damage lies from the patient's usual, in standard deviations: erosion and narrowing, correlated."""

    erosion: float
    narrowing: float


def draw_severity(random: np.random.Generator) -> float:
    """A patient's severity, 0 (no damage) to 1: a fifth have none, most little (share and shape are ours)."""
    return 0.0 if random.random() < 0.2 else float(random.beta(1.3, 2.2))


def draw_damage(random: np.random.Generator, joints: Sequence[Joint], severity: float | None = None) -> DamageRecord:
    """The damage of one hand.

    Args:
        random: everything random is drawn from here.
        joints: located sites; only what is among them is damaged.
        severity: 0..1; drawn if not given.

    Raises:
        InputError: a severity outside 0..1.
    """
    severity = _checked(random, severity)
    names = [j.name for j in joints]
    return _draw_hand(random, names, severity, _latents(random, None))


def draw_patient(
    random: np.random.Generator, left: Sequence[Joint], right: Sequence[Joint], severity: float | None = None
) -> tuple[DamageRecord, DamageRecord]:
    """The damage of both hands of one patient: one severity, and the same joints more and less affected on both sides.

    Args and errors as in :func:`draw_damage`.
    """
    severity = _checked(random, severity)
    shared = _latents(random, None)
    hands = []
    for joints in (left, right):
        hands.append(_draw_hand(random, [j.name for j in joints], severity, _latents(random, shared)))
    return hands[0], hands[1]


def _checked(random: np.random.Generator, severity: float | None) -> float:
    value = draw_severity(random) if severity is None else severity
    if not 0 <= value <= 1:
        raise InputError(f"severity is {value}, expected 0 (no damage) to 1")
    return value


def _latents(random: np.random.Generator, shared: Mapping[str, _Latent] | None) -> dict[str, _Latent]:
    """Latents of every site, correlated with the other hand's where ``shared`` is given."""
    erosion = {s: float(random.normal()) for s in EROSION_SITES}
    wrist = (erosion["scaphoid"] + erosion["lunate"] + erosion["radius"]) / math.sqrt(3)
    latents = {}
    for site in dict.fromkeys(EROSION_SITES + NARROWING_SITES):
        base = erosion.get(site, wrist)
        narrowing = _TOGETHER * base + math.sqrt(1 - _TOGETHER**2) * float(random.normal())
        latents[site] = _Latent(base, narrowing)
    if shared is None:
        return latents
    a, b = math.sqrt(_SYMMETRY), math.sqrt(1 - _SYMMETRY)
    return {s: _Latent(a * shared[s].erosion + b * own.erosion, a * shared[s].narrowing + b * own.narrowing) for s, own in latents.items()}


def _draw_hand(random: np.random.Generator, names: Sequence[str], severity: float, latents: Mapping[str, _Latent]) -> DamageRecord:
    bites: list[Bite] = []
    narrowed: list[Narrowed] = []
    subluxed: list[Subluxed] = []
    osteopenic: list[Osteopenic] = []
    for site in names:
        if site in EROSION_WEIGHT:
            bites += _draw_bites(random, site, severity, latents[site].erosion)
        if site in NARROWING_WEIGHT:
            loss = _draw_narrowed(random, site, severity, latents[site].narrowing)
            if loss is not None:
                narrowed.append(loss)
            moved = _draw_subluxed(random, site, severity, latents[site].narrowing)
            if moved is not None and not (loss is not None and loss.ankylosis):
                subluxed.append(moved)
        if site in FINGER_SITES and random.random() < 0.1 + 0.7 * severity:
            high = 0.08 + 0.22 * severity
            osteopenic.append(Osteopenic(site, float(random.uniform(0.02, high)), float(random.uniform(0, 2 * high))))
    mimics = _draw_mimics(random, [n for n in names if n in EROSION_WEIGHT])
    return DamageRecord(
        severity, tuple(bites), tuple(narrowed), tuple(subluxed), tuple(osteopenic), mimics, seed=int(random.integers(2**31))
    )


def _wobble(random: np.random.Generator, strength: float) -> tuple[float, ...]:
    return tuple(float(v) for k in (2, 3, 4, 5) for v in random.normal(0, strength / k, 2))


def _draw_bites(random: np.random.Generator, site: str, severity: float, latent: float) -> list[Bite]:
    heavy = EROSION_WEIGHT[site] * severity * math.exp(0.9 * latent - 0.4)
    if site not in CARPAL_BONES and random.random() < 0.1 * severity * heavy:
        return [_collapse(random, site)]
    bites: list[Bite] = []
    for _ in range(min(int(random.poisson(1.7 * heavy)), 2 if site in CARPAL_BONES else 4)):
        bite = _draw_bite(random, site, heavy)
        # Two bites that run into each other are one: they would be counted twice.
        if all(b.part != bite.part or abs((b.angle_deg - bite.angle_deg + 180) % 360 - 180) > 55 for b in bites):
            bites.append(bite)
    return bites


def _part(random: np.random.Generator, site: str) -> Part:
    if site in CARPAL_BONES:
        return "bone"
    if site in ("radius", "ulna"):
        return "proximal"
    if site == "metacarpal 1 base":
        return "distal"
    return "proximal" if random.random() < (0.7 if site.startswith("MCP") else 0.5) else "distal"


def _angle(random: np.random.Generator, site: str, part: Part, kind: BiteKind) -> float:
    """Where on the bone: the bare area beside the cartilage for marginal ones, more often towards the thumb; the styloids."""
    if part == "bone":
        return float(random.uniform(0, 360))
    if kind == "surface":
        return float(random.uniform(-38, 38))
    if site == "ulna":
        return float(random.choice([-1, -1, 1]) * random.uniform(15, 75))
    side = 1 if random.random() < 0.6 else -1
    return float(side * random.uniform(62, 112 if part == "proximal" else 95))


def _draw_bite(random: np.random.Generator, site: str, heavy: float) -> Bite:
    part = _part(random, site)
    kind: BiteKind = str(random.choice(["marginal", "surface", "pocket"], p=[0.62, 0.18, 0.2]))  # type: ignore[assignment]
    depth = float(np.clip(0.13 * math.exp(0.42 * random.normal() + 0.5 * min(heavy, 1.5)), 0.07, 0.62))
    if site == "radius":
        depth *= 0.55
    ratio = random.uniform(0.85, 1.25) if kind == "pocket" else random.uniform(1.1, 2.2)
    chronic = random.random() < 0.45
    return Bite(
        site=site,
        part=part,
        kind=kind,
        angle_deg=_angle(random, site, part, kind),
        width=float(np.clip(depth * ratio, 0.1, 0.9)),
        depth=depth,
        through=float(random.uniform(0.55, 0.97) if kind == "marginal" else random.uniform(0.45, 0.85)),
        softness=float(random.uniform(0.015, 0.035) if chronic else random.uniform(0.03, 0.08)),
        rim=float(random.uniform(0.08, 0.4)) if chronic or kind == "pocket" else 0.0,
        residue=float(random.uniform(0.05, 0.4)),
        square=float(random.uniform(1.8, 2.8)),
        wobble=_wobble(random, 0.24),
    )


def _collapse(random: np.random.Generator, site: str) -> Bite:
    return Bite(
        site=site,
        part=_part(random, site),
        kind="collapse",
        angle_deg=float(random.normal(0, 8)),
        width=float(random.uniform(1.25, 1.6)),
        depth=float(random.uniform(0.4, 0.6)),
        through=float(random.uniform(0.85, 1.0)),
        softness=float(random.uniform(0.04, 0.1)),
        rim=float(random.choice([0.0, 0.2])),
        residue=float(random.uniform(0.1, 0.35)),
        square=float(random.uniform(2.4, 3.6)),
        wobble=_wobble(random, 0.14),
    )


def _draw_narrowed(random: np.random.Generator, site: str, severity: float, latent: float) -> Narrowed | None:
    lost = 0.55 * NARROWING_WEIGHT[site] * severity * math.exp(0.75 * latent)
    if lost < 0.06:
        return None
    if lost > 0.95 and not site.startswith("MCP") and random.random() < 0.6:
        return Narrowed(site, 1.0, ankylosis=True)
    lost = min(lost, 0.94)
    if lost < 0.5 and random.random() < 0.3:
        return Narrowed(site, float(min(1.6 * lost + 0.15, 0.85)), focal_at=float(random.uniform(-0.3, 0.3)))
    return Narrowed(site, float(lost))


def _draw_subluxed(random: np.random.Generator, site: str, severity: float, latent: float) -> Subluxed | None:
    """Fingers drift away from the thumb; the thumb's own joint and the PIP joints go either way."""
    if not site.startswith(("MCP", "PIP")) or random.random() > 0.12 * severity**1.5 * math.exp(0.7 * latent):
        return None
    drift = -1.0 if site.startswith("MCP") and site != "MCP 1" and random.random() < 0.9 else float(random.choice([-1, 1]))
    return Subluxed(site, drift * float(random.uniform(0.12, 0.33)), float(max(random.uniform(-0.15, 0.18), 0.0)))


def _draw_mimics(random: np.random.Generator, names: Sequence[str]) -> tuple[Mimic, ...]:
    """Variants and sham edits: as many in healthy hands as in sick ones, so that they tell nothing."""
    if not names:
        return ()
    mimics = []
    kinds = [k for k, _ in _VARIANTS]
    share = np.array([w for _, w in _VARIANTS])
    drawn = [str(random.choice(kinds, p=share / share.sum())) for _ in range(int(random.poisson(3.0)))]
    drawn += [str(random.choice(_SHAMS)) for _ in range(int(random.poisson(3.0)))]
    for kind in drawn:
        pool = [n for n in names if n not in CARPAL_BONES] if kind in ("notch", "osteophyte", "sesamoid") else list(names)
        if kind == "sesamoid":
            pool = [n for n in pool if n.startswith(("MCP", "IP"))]
        if not pool:
            continue
        site = str(random.choice(pool))
        part = _part(random, site)
        angle = _angle(random, site, part, "marginal")
        if kind == "vessel" and part != "bone":
            # Channels enter the shaft, away from the joint.
            angle = math.copysign(random.uniform(125, 160), angle)
        size, strength = _MIMIC_SIZES[kind]
        drawn_strength = float(random.uniform(*strength))
        if kind in ("contrast", "overlap"):
            drawn_strength *= float(random.choice([-1, 1]))
        mimics.append(Mimic(site, part, kind, float(angle), float(random.uniform(*size)), drawn_strength, _wobble(random, 0.15)))  # type: ignore[arg-type]
    return tuple(mimics)


_MIMIC_SIZES: Mapping[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "notch": ((0.3, 0.6), (0.025, 0.07)),
    "cyst": ((0.1, 0.2), (0.15, 0.5)),
    "vessel": ((0.25, 0.5), (0.15, 0.4)),
    "sesamoid": ((0.14, 0.26), (0.25, 0.7)),
    "osteophyte": ((0.3, 0.6), (0.04, 0.1)),
    "overlap": ((0.3, 1.0), (0.03, 0.14)),
    "smoothed": ((0.15, 0.5), (0.4, 1.0)),
    "contrast": ((0.15, 0.6), (0.03, 0.13)),
    "resampled": ((0.2, 0.6), (0.3, 1.0)),
}
"""Extent and strength of each kind, uniform between the two."""
