"""Patients with simulated damage on real radiographs that nothing learned from, read from the pixels on, for bench/damage.py.

Two hands of the test part of `hand_joints` stand for the left and right hand of a patient (`coread.train.hand_damage_data`: the split,
the pairs). Damage of the family asked for is painted in, then everything is found anew in the damaged image: hand, places, joint
spaces. Cases are kept in a folder, so that a second run takes seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

import numpy as np

from coread.simulate.damage import apply_damage
from coread.simulate.damage_draw import draw_patient, draw_severity
from coread.simulate.second_damage import apply_second_damage, draw_second_pair
from coread.train.hand_damage_data import SUBLUXED, RealHand, names_of, patients, real_hand, scored
from coread.vision.damage import EROSION_SITES, NARROWING_SITES, HandView, site_inputs
from coread.vision.landmarks import HandLocator
from coread.vision.narrowing import grade_hand
from coread.vision.spaces import measure_spaces

FAMILIES = {"first": (draw_patient, apply_damage), "second": (draw_second_pair, apply_second_damage)}


@dataclass(frozen=True, slots=True)
class Cases:
    """Sites of damaged patients: what the network is given, the truth (-1: not graded there), and narrowing by measurement alone."""

    plane: np.ndarray
    site: np.ndarray
    patient: np.ndarray
    right: np.ndarray
    erosion: np.ndarray
    narrowing: np.ndarray
    bony: np.ndarray
    measured: np.ndarray


@cache
def locator() -> HandLocator:
    return HandLocator(threads=1)


def view(pixels: np.ndarray, right: bool) -> HandView | None:
    """A hand found anew in an image, as a reader finds it; None where it is missed."""
    found = locator().locate(pixels)
    if not found:
        return None
    hand = found[0]
    joints = [n for n in NARROWING_SITES if hand.places[n].inside]
    spaces = measure_spaces(pixels, [hand.places[n] for n in joints])
    measured = dict(zip(joints, zip(spaces, grade_hand(spaces), strict=True), strict=True))
    places = {n: p for n, p in hand.places.items() if p.inside}
    return HandView(pixels, places, hand.length_px, hand.pose.mirrored, right, measured)


def case(family: str, pair: tuple[RealHand, RealHand], seed: int) -> tuple[list[HandView], list[object]]:
    """Both damaged hands of a patient as found anew, and the truth of each."""
    draw, apply = FAMILIES[family]
    random = np.random.default_rng([seed, 9])
    left, right = pair
    records = draw(random, scored(left), scored(right), draw_severity(random))
    views, truths = [], []
    for side, (hand, record) in enumerate(zip(pair, records, strict=True)):
        damaged = apply(hand.pixels, scored(hand), record)
        seen = view(damaged.pixels, bool(side))
        if seen is not None:
            views.append(seen)
            truths.append(damaged)
    return views, truths


def rows(family: str, pair: tuple[RealHand, RealHand], seed: int) -> Cases | None:
    """The sites of one damaged patient whose truth is known."""
    views, truths = case(family, pair, seed)
    columns: dict[str, list[object]] = {f.name: [] for f in fields(Cases)}
    for one in site_inputs(views):
        damaged, hand = truths[one.hand], views[one.hand]
        narrowed = one.site in NARROWING_SITES
        keys = [(one.site, "erosion")] * (one.site in EROSION_SITES) + [(one.site, "joint_space_narrowing")] * narrowed
        if any(key not in damaged.grades for key in keys):
            continue
        fused = damaged.ankylosis.get(one.site, False) if isinstance(damaged.ankylosis, Mapping) else one.site in damaged.ankylosis
        measured = hand.spaces.get(one.site, (None, None))[1]
        row = {
            "plane": one.plane.astype(np.float16),
            "site": one.site,
            "patient": seed,
            "right": hand.right,
            "erosion": damaged.grades.get((one.site, "erosion"), -1),
            "narrowing": damaged.grades.get((one.site, "joint_space_narrowing"), -1),
            "bony": [abs(damaged.subluxation.get(one.site, 0.0)) > SUBLUXED, fused] if narrowed else [-1, -1],
            "measured": measured.probabilities if measured is not None and measured.probabilities else [np.nan] * 5,
        }
        for key, value in row.items():
            columns[key].append(value)
    return Cases(**{k: np.array(v) for k, v in columns.items()}) if columns["site"] else None


def _shard(task: tuple[str, Path, list[tuple[int, tuple[RealHand, RealHand]]]]) -> Path:
    family, path, pairs = task
    if not path.is_file():
        found = [c for seed, pair in pairs if (c := rows(family, pair, seed)) is not None]
        table = {f.name: np.concatenate([getattr(c, f.name) for c in found]) for f in fields(Cases)}
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez_compressed(file, **table)
        part.replace(path)
    return path


def cases(data: Path, kept: Path, family: str, split: str, rounds: int = 2, jobs: int = 2) -> Cases:
    """All cases of a family on one part of the hands; made where they are not kept yet."""
    kept.mkdir(parents=True, exist_ok=True)
    found = (real_hand(data / "hand_joints" / "images" / name, locator()) for name in names_of(data, split))
    hands = [h for h in found if h is not None]
    pairs = list(enumerate(patients(hands, np.random.default_rng({"validation": 21, "test": 23}[split]), rounds), start=1))
    tasks = [(family, kept / f"{family}_{split}_{k:04d}.npz", pairs[k : k + 8]) for k in range(0, len(pairs), 8)]
    with ProcessPoolExecutor(jobs) as pool:
        paths = list(pool.map(_shard, tasks))
    tables = [dict(np.load(path, allow_pickle=False)) for path in paths]
    return Cases(**{f.name: np.concatenate([t[f.name] for t in tables]) for f in fields(Cases)})


def by_patient(table: Cases) -> Iterator[np.ndarray]:
    """Row numbers of each patient."""
    for patient in np.unique(table.patient):
        yield np.flatnonzero(table.patient == patient)
