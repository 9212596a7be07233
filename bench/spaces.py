"""Joint spaces and narrowing grades: against the simulator's truth, repeated, in coarse images, and where there is no arthritis.

    python bench/spaces.py [HANDS]                    simulated hands of seeds that tuned nothing (default 8)
    COREAD_DATA=... python bench/spaces.py [HANDS]    and real hands without arthritis

Each line: figure, value, 95 % interval over hands, n.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from real_places import Place, dha, late, located, mature, untuned
from scipy.ndimage import gaussian_filter, map_coordinates

from coread.simulate.hand import simulate_hand
from coread.vision.expected_widths import EXPECTED
from coread.vision.narrowing import grade_hand
from coread.vision.spaces import CARPAL, measure_spaces

FIRST_SEED = 9100
PIXEL_MM = 0.1
# How far a place found by the networks is off, mm and degrees.
OFF_MM, OFF_DEG = 1.0, 4.0
REPEATS = 4


@dataclass(frozen=True, slots=True)
class Truth:
    place: Place
    mean_mm: float
    minimum_mm: float
    bone_mm: float
    grade: int
    straight: bool


def damage(seed: int) -> dict[str, dict]:
    """A third of the joints healthy, the rest anything from focal loss to fusion and subluxation."""
    rng = np.random.default_rng([seed, 77])
    narrowing, focal, subluxation = {}, {}, {}
    for name in EXPECTED:
        chance = rng.uniform()
        if chance < 0.35:
            pass
        elif chance < 0.47:
            focal[name] = (float(rng.uniform(-0.6, 0.6)), float(rng.uniform(0.3, 0.7)))
        elif chance < 0.57:
            narrowing[name] = float(rng.uniform(0.8, 0.9))
        elif chance < 0.75:
            narrowing[name] = float(rng.uniform(0.5, 0.8))
        elif chance < 0.92:
            narrowing[name] = float(rng.uniform(0.15, 0.5))
        else:
            narrowing[name] = 0.0
        if name not in CARPAL and rng.uniform() < 0.08 and narrowing.get(name, 1) > 0:
            subluxation[name] = (float(rng.uniform(0.3, 0.6) * rng.choice([-1, 1])), float(rng.uniform(-20, 20)))
    return {"narrowing": narrowing, "focal": focal, "subluxation": subluxation}


def simulated(seed: int) -> tuple[np.ndarray, list[Truth]]:
    turn = float(np.random.default_rng([seed, 5]).uniform(-25, 25))
    film = simulate_hand(seed, pixel_mm=PIXEL_MM, plain=True, rotation_deg=turn, **damage(seed))
    truths = []
    for name in EXPECTED:
        j = film.hand.joints[name]
        wide = 1.0 if name in CARPAL else 1.05
        place = Place(name, j.centre_px, j.axis, wide * j.bone_width_mm / PIXEL_MM)
        straight = abs(j.subluxation[0]) < 0.05 and j.grade < 4
        truths.append(Truth(place, j.perpendicular_mm, j.minimum_mm, j.bone_width_mm, j.grade, straight))
    return film.pixels, truths


def jittered(place: Place, rng: np.random.Generator, off_px: float, off_deg: float = OFF_DEG) -> Place:
    shift, turn = rng.normal(size=2) * off_px, np.radians(rng.normal() * off_deg)
    (a, b), c, s = place.axis, np.cos(turn), np.sin(turn)
    centre = (float(place.center_px[0] + shift[0]), float(place.center_px[1] + shift[1]))
    return replace(place, center_px=centre, axis=(float(a * c - b * s), float(a * s + b * c)))


def rotated(pixels: np.ndarray, places: list[Place], angle_deg: float) -> tuple[np.ndarray, list[Place]]:
    """Image and places turned about the image's middle, into a frame that holds all of it."""
    turn = np.radians(angle_deg)
    m = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    size = np.array([pixels.shape[1], pixels.shape[0]], dtype=float)
    new = np.ceil(np.abs(m) @ size).astype(int)
    columns, rows = np.meshgrid(np.arange(new[0]), np.arange(new[1]))
    back = np.stack([columns - (new[0] - 1) / 2, rows - (new[1] - 1) / 2], axis=-1) @ m + (size - 1) / 2
    image = map_coordinates(pixels, [back[..., 1], back[..., 0]], order=3, mode="nearest", output=np.float32)
    there = [m @ (np.array(p.center_px) - (size - 1) / 2) + (new - 1) / 2 for p in places]
    axes = [m @ np.array(p.axis) for p in places]
    return image, [replace(p, center_px=(c[0], c[1]), axis=(a[0], a[1])) for p, c, a in zip(places, there, axes, strict=True)]


def coarser(pixels: np.ndarray, factor: float) -> np.ndarray:
    smooth = gaussian_filter(pixels, 0.35 * factor)
    rows, columns = (np.array(pixels.shape) / factor).astype(int)
    y, x = np.meshgrid((np.arange(rows) + 0.5) * factor - 0.5, (np.arange(columns) + 0.5) * factor - 0.5, indexing="ij")
    return np.asarray(map_coordinates(smooth, [y, x], order=1), dtype=np.float32)


FEWEST = 4
"""Rows from which a figure is worth printing."""


def line(name: str, rows: list[tuple], figure: Callable[[np.ndarray], float]) -> None:
    """Print a figure of rows (hand, values...) with its 95 % interval over hands."""
    hands, values = np.array([r[0] for r in rows]), np.array([r[1:] for r in rows], dtype=float)
    if len(rows) < FEWEST:
        print(f"{name:64s} {'none':>8s} {'':>8s} {'':>8s} {len(rows):5d}")
        return
    rng, names, drawn = np.random.default_rng(0), np.unique(hands), []
    for _ in range(300):
        drawn.append(figure(np.concatenate([values[hands == h] for h in rng.choice(names, names.size)])))
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    print(f"{name:64s} {figure(values):8.3f} {low:8.3f} {high:8.3f} {len(rows):5d}", flush=True)


def kappa(v: np.ndarray) -> float:
    """Quadratically weighted kappa of two columns of grades 0-4."""
    table = np.zeros((5, 5))
    np.add.at(table, (v[:, 0].astype(int), v[:, 1].astype(int)), 1)
    weight = np.subtract.outer(np.arange(5), np.arange(5)) ** 2
    chance = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    return float(1 - (weight * table).sum() / max((weight * chance).sum(), 1e-9))


def spread(v: np.ndarray) -> float:
    """Standard deviation within a joint from rows of repeats: root of the mean variance."""
    return float(np.sqrt(np.nanmean(np.nanvar(v, axis=1, ddof=1))))


def repeat(pixels: np.ndarray, places: list[Place], off_px: float, rng: np.random.Generator, kind: str) -> np.ndarray:
    """Mean widths (places, repeats) in per cent of bone width when a thing is done again."""
    out = []
    for k in range(REPEATS):
        image, there = pixels, places
        if kind == "re-detection":
            there = [jittered(p, rng, off_px) for p in places]
        elif kind == "rotation":
            image, there = rotated(pixels, places, 23.0 * (k + 1) + 7.0)
        else:
            image = (pixels + rng.normal(size=pixels.shape) * 0.01).astype(np.float32)
        spaces = measure_spaces(image, there)
        out.append([np.nan if s.unmeasurable else 100 * s.mean_px / s.bone_width_px for s in spaces])
    return np.array(out).T


def groups(name: str) -> str:
    return "wrist" if name in CARPAL else name.split()[0]


def on_simulated(hands: int) -> None:
    rng = np.random.default_rng(1)
    widths, graded, lost, repeats, coarse = [], [], [], [], []
    for seed in range(FIRST_SEED, FIRST_SEED + hands):
        pixels, truths = simulated(seed)
        places = [jittered(t.place, rng, OFF_MM / PIXEL_MM) for t in truths]
        spaces = measure_spaces(pixels, places)
        for spacing in (PIXEL_MM, None):
            for t, s, g in zip(truths, spaces, grade_hand(spaces, spacing), strict=True):
                lost.append((seed, groups(t.place.name), g.grade is None))
                if g.grade is not None:
                    graded.append((seed, groups(t.place.name), spacing is not None, t.grade, g.grade))
                if spacing and t.straight and s.unmeasurable is None:
                    widths.append((seed, groups(s.name), t.mean_mm, s.mean_px * PIXEL_MM, t.minimum_mm, s.minimum_px * PIXEL_MM))
        if seed < FIRST_SEED + 3:
            bone = np.array([t.bone_mm for t in truths])[:, None]
            for kind in ("re-detection", "rotation", "noise"):
                again = repeat(pixels, [t.place for t in truths], OFF_MM / PIXEL_MM, rng, kind)
                for t, row, mm in zip(truths, again, again * bone / 100, strict=True):
                    if t.straight:
                        repeats.append((seed, kind, groups(t.place.name), row, mm))
            for factor in (2, 3, 4, 5, 6):
                image = coarser(pixels, factor)
                small = []
                for p in places:
                    centre = ((p.center_px[0] + 0.5) / factor - 0.5, (p.center_px[1] + 0.5) / factor - 0.5)
                    small.append(replace(p, center_px=centre, width_px=p.width_px / factor))
                for t, s in zip(truths, measure_spaces(image, small), strict=True):
                    if t.straight:
                        coarse.append((seed, factor * PIXEL_MM, groups(s.name), t.mean_mm, s.mean_px * PIXEL_MM * factor))
    seeds = f"{FIRST_SEED}-{FIRST_SEED + hands - 1}"
    print(f"SIMULATED HANDS, seeds {seeds}, pixels of {PIXEL_MM} mm, places off by {OFF_MM} mm and {OFF_DEG} degrees")
    for kind in ("MCP", "PIP", "wrist"):
        rows = [(w[0], *w[2:]) for w in widths if w[1] == kind]
        line(f"{kind} width: slope on the true one", rows, lambda v: np.polyfit(v[:, 0], v[:, 1], 1)[0])
        line(f"{kind} width: mean absolute error, mm", rows, lambda v: np.abs(v[:, 1] - v[:, 0]).mean())
        line(f"{kind} width: 95th percentile of the error, mm", rows, lambda v: np.percentile(np.abs(v[:, 1] - v[:, 0]), 95))
        line(f"{kind} minimum width: mean absolute error, mm", rows, lambda v: np.abs(v[:, 3] - v[:, 2]).mean())
        line(f"{kind} not measurable, share", [(r[0], r[2]) for r in lost if r[1] == kind], lambda v: v.mean())
    for spacing in (True, False):
        label = "spacing known" if spacing else "no spacing"
        line(f"grades, quadratic kappa, all, {label}", [(g[0], *g[3:]) for g in graded if g[2] == spacing], kappa)
        line(
            f"grades, quadratic kappa, fingers, {label}",
            [(g[0], *g[3:]) for g in graded if g[2] == spacing and g[1] != "wrist"],
            kappa,
        )
        line(
            f"grades, mean error of a grade (bias), {label}",
            [(g[0], g[4] - g[3]) for g in graded if g[2] == spacing],
            lambda v: v.mean(),
        )
    for repeated in ("re-detection", "rotation", "noise"):
        for kind in ("MCP", "PIP", "wrist"):
            chosen = [r for r in repeats if r[1] == repeated and r[2] == kind]
            line(f"{kind}, {repeated}: within-joint SD, mm", [(r[0], *r[4]) for r in chosen], spread)
            line(f"{kind}, {repeated}: smallest detectable change, mm", [(r[0], *r[4]) for r in chosen], lambda v: 2.77 * spread(v))
            line(f"{kind}, {repeated}: smallest detectable change, % bone", [(r[0], *r[3]) for r in chosen], lambda v: 2.77 * spread(v))
    for mm in sorted({c[1] for c in coarse}):
        for kind in ("MCP", "PIP", "wrist"):
            rows = [(c[0], *c[3:]) for c in coarse if c[1] == mm and c[2] == kind and np.isfinite(c[4])]
            name = f"{kind}, pixels of {mm:.1f} mm: slope on the true width"
            line(name, rows, lambda v: np.polyfit(v[:, 0], v[:, 1], 1)[0])


def on_real(data: Path) -> None:
    rng = np.random.default_rng(2)
    sets = {
        "near-adult, set no norm": [located(h) for h in mature(data) if untuned(h)],
        "bone age 204 months or more, set no norm and tuned nothing": [located(h) for h in late(data)],
        "near-adult, set the norms": [located(h) for h in mature(data) if not untuned(h)],
        "Digital Hand Atlas, mature": [located(h) for h in dha(data) if h.name == "3231.png"],
        "Digital Hand Atlas, open plates (narrowing is not graded in use)": [located(h) for h in dha(data) if h.name != "3231.png"],
    }
    for label, hands in sets.items():
        graded, totals, repeats, left_out = [], [], [], 0
        for hand in hands:
            places = list(hand.places.values())
            results = grade_hand(measure_spaces(hand.pixels, places))
            seen = [r for r in results if r.grade is not None]
            left_out += len(results) - len(seen)
            graded += [(hand.name, r.name in CARPAL, r.grade, float(np.arange(5) @ np.array(r.probabilities))) for r in seen]
            totals.append(sum(r.grade for r in seen))
            if label.startswith("near-adult, set no"):
                for kind in ("re-detection", "rotation", "noise"):
                    for p, row in zip(places, repeat(hand.pixels, places, 0.005 * hand.length_px, rng, kind), strict=True):
                        repeats.append((hand.name, kind, groups(p.name), row))
        print(f"REAL HANDS WITHOUT ARTHRITIS: {label}, {len(hands)} hands, {left_out} joints not measurable")
        for where, keep in (("fingers", (False,)), ("wrist", (True,)), ("all", (False, True))):
            rows = [(g[0], *g[2:]) for g in graded if g[1] in keep]
            line(f"{where}: joints called 1 or more, share", rows, lambda v: (v[:, 0] >= 1).mean())
            line(f"{where}: joints called 2 or more, share", rows, lambda v: (v[:, 0] >= 2).mean())
        line("narrowing total of a hand (of 60), mean", [(k, t) for k, t in enumerate(totals)], lambda v: v.mean())
        print(f"narrowing totals of the hands: {sorted(totals)}")
        for repeated in ("re-detection", "rotation", "noise"):
            for kind in ("MCP", "PIP", "wrist"):
                chosen = [(r[0], *r[3]) for r in repeats if r[1] == repeated and r[2] == kind]
                if chosen:
                    line(f"{kind}, {repeated}: within-joint SD, % bone", chosen, spread)
                    name = f"{kind}, {repeated}: median joint's smallest detectable change, % bone"
                    line(name, chosen, lambda v: 2.77 * float(np.nanmedian(np.nanstd(v, axis=1, ddof=1))))


if __name__ == "__main__":
    print(f"{'figure':64s} {'value':>8s} {'low':>8s} {'high':>8s} {'n':>5s}")
    if "COREAD_DATA" in os.environ:
        on_real(Path(os.environ["COREAD_DATA"]))
    else:
        print("real hands: skipped, COREAD_DATA does not name the data folder")
    on_simulated(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
