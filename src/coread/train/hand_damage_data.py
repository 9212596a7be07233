"""Radiographs with simulated damage, cut into patches to learn from.

Every real hand is one patient. As no patient here shows both hands, two hands of one split stand for the left and the right hand
of a patient, the second one mirrored, and their damage is drawn together. Simulated adult hands are added to the training part.

Run as ``python -m coread.train.hand_damage_data DATA PREPARED``; DATA holds ``hand_joints/``.
"""

from __future__ import annotations

import csv
import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from coread.errors import InputError
from coread.simulate import simulate_hand
from coread.simulate.damage import Damaged, apply_damage
from coread.simulate.damage_draw import draw_patient
from coread.simulate.outline import inside_mask
from coread.train.hand_labels import read_grey
from coread.vision.damage import EROSION_SITES, FACTS, LEAST_INSIDE, NARROWING_SITES, PATCH, SITES, site_square, space_facts
from coread.vision.landmarks import HandLocator, Place
from coread.vision.narrowing import grade_hand
from coread.vision.patches import Pixels, cut, inside_share
from coread.vision.spaces import measure_spaces

Split = Literal["train", "validation", "test"]
WIDE = 88
"""Samples of a wide cut, PATCH of which are the patch: room to turn and shift it."""
SUBLUXED = 0.2
"""Sideways offset of the bones, in bone widths, from which a joint counts as subluxed."""
_LEAST_MONTHS, _LEAST_TEST_MONTHS = 120.0, 144.0
_LEAST_SCORE, _LEAST_CONFIDENCE = 0.45, 0.8


@dataclass(frozen=True, slots=True)
class Prepared:
    """Sites of damaged hands, one a row.

    Attributes:
        wide: [n, WIDE, WIDE] uint8, the wide cut, right hands mirrored.
        mask: [n, WIDE / 2, WIDE / 2] uint8, share of each cell that is eroded, times 255.
        site: index in :data:`coread.vision.damage.SITES`.
        patient: number of the patient.
        right: 1 for the right hand.
        erosion: grade, -1 where the site is not graded for it.
        narrowing: grade, -1 as above.
        bony: [n, 2] 1 for subluxation (and luxation), ankylosis; -1 as above.
        facts: [n, FACTS] what was measured of the joint space.
    """

    wide: npt.NDArray[np.uint8]
    mask: npt.NDArray[np.uint8]
    site: npt.NDArray[np.int16]
    patient: npt.NDArray[np.int32]
    right: npt.NDArray[np.int8]
    erosion: npt.NDArray[np.int8]
    narrowing: npt.NDArray[np.int8]
    bony: npt.NDArray[np.int8]
    facts: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class RealHand:
    """One upright or turned hand with its places, bone bright."""

    name: str
    pixels: Pixels
    places: Mapping[str, Place]
    length_px: float
    mirrored: bool


def split_of(name: str, months: float, mature: bool) -> Split | None:
    """The part that an image of ``hand_joints`` belongs to; None where it is not used.

    Mature hands are kept as real negatives. Of all images a fifth, by the hash of the name, is for testing and a fifth for calibrating,
    as far as their bone age is 12 years or more; the rest is learned from.
    """
    if mature or months < _LEAST_MONTHS:
        return None
    part = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) % 5
    if part < 2:
        return ("test", "validation")[part] if months >= _LEAST_TEST_MONTHS else None
    return "train"


def names_of(data: Path, split: Split) -> list[str]:
    """The images of one part.

    Raises:
        InputError: ``data`` holds no ``hand_joints/images.csv``.
    """
    path = data / "hand_joints" / "images.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); name the data folder of docs/data.md") from error
    return [r["image"] for r in rows if split_of(r["image"], float(r["bone_age_months"]), r["mature"] == "1") == split]


def real_hand(path: Path, locator: HandLocator) -> RealHand | None:
    """The hand of an image, bone bright; None where it is not found with little doubt."""
    pixels = read_grey(path)
    hands = locator.locate(pixels)
    if len(hands) != 1 or hands[0].score < _LEAST_SCORE or float(hands[0].landmark_confidence.mean()) < _LEAST_CONFIDENCE:
        return None
    hand = hands[0]
    return RealHand(path.name, 1 - pixels if hand.inverted else pixels, dict(hand.places), hand.length_px, hand.pose.mirrored)


def mirrored(hand: RealHand) -> RealHand:
    """The mirror image."""
    last = hand.pixels.shape[1] - 1
    places = {
        name: replace(p, center_px=(last - p.center_px[0], p.center_px[1]), axis=(-p.axis[0], p.axis[1])) for name, p in hand.places.items()
    }
    return RealHand(hand.name, np.ascontiguousarray(hand.pixels[:, ::-1]), places, hand.length_px, not hand.mirrored)


def shifted(hand: RealHand, random: np.random.Generator, share: float) -> RealHand:
    """The hand with its places off by about ``share`` of its length, as a locator's are."""
    places = {}
    for name, place in hand.places.items():
        off = random.normal(0, share * hand.length_px, 2)
        places[name] = replace(place, center_px=(place.center_px[0] + off[0], place.center_px[1] + off[1]))
    return replace(hand, places=places)


def simulated_hand(seed: int) -> RealHand:
    """A healthy simulated adult hand at the pixel size of the real ones."""
    random = np.random.default_rng([seed, 3])
    film = simulate_hand(seed, side="left", pixel_mm=float(random.uniform(0.25, 0.42)), rotation_deg=0.0, mirrored=False, inverted=False)
    found = HandLocator(threads=1).locate(film.pixels)
    if not found:
        raise InputError(f"simulated hand {seed}: not found")
    return RealHand(f"simulated {seed}", film.pixels, dict(found[0].places), found[0].length_px, found[0].pose.mirrored)


def scored(hand: RealHand) -> list[Place]:
    """The places of the score that lie in the image."""
    return [hand.places[name] for name in SITES if hand.places[name].inside]


def rows_of(hand: RealHand, damaged: Damaged, patient: int) -> Prepared:
    """The sites of one damaged hand that lie well inside the image."""
    joints = [name for name in NARROWING_SITES if name in hand.places]
    spaces = measure_spaces(damaged.pixels, [hand.places[name] for name in joints])
    narrowings = grade_hand(spaces)
    facts = {name: space_facts(space, n) for name, space, n in zip(joints, spaces, narrowings, strict=True)}
    columns: dict[str, list[object]] = {field.name: [] for field in fields(Prepared)}
    for index, site in enumerate(SITES):
        square = site_square(site, hand.places[site], hand.length_px, hand.mirrored)
        if inside_share(square, hand.pixels.shape) < LEAST_INSIDE or site in damaged.skipped or not hand.places[site].inside:
            continue
        wide = site_square(site, hand.places[site], hand.length_px, hand.mirrored, WIDE, (WIDE - 1) / (PATCH - 1))
        mask = np.zeros((WIDE, WIDE), dtype=bool)
        for outline in damaged.outlines:
            if outline.site == site:
                mask |= inside_mask(wide.to_patch(outline.polygon_px), mask.shape)
        bony = [abs(damaged.subluxation[site]) > SUBLUXED, damaged.ankylosis[site]] if site in NARROWING_SITES else [-1, -1]
        row = {
            "wide": np.round(cut(damaged.pixels, wide) * 255).clip(0, 255).astype(np.uint8),
            "mask": (mask.reshape(WIDE // 2, 2, WIDE // 2, 2).mean(axis=(1, 3)) * 255).astype(np.uint8),
            "site": index,
            "patient": patient,
            "right": int(hand.mirrored),
            "erosion": damaged.grades[site, "erosion"] if site in EROSION_SITES else -1,
            "narrowing": damaged.grades[site, "joint_space_narrowing"] if site in NARROWING_SITES else -1,
            "bony": [int(b) for b in bony],
            "facts": facts.get(site, np.zeros(FACTS, dtype=np.float32)),
        }
        for key, value in row.items():
            columns[key].append(value)
    kinds = {"wide": np.uint8, "mask": np.uint8, "site": np.int16, "patient": np.int32, "facts": np.float32}
    return Prepared(**{key: np.array(values, dtype=kinds.get(key, np.int8)) for key, values in columns.items()})


def joined(parts: Sequence[Prepared]) -> Prepared:
    """Several tables as one."""
    return Prepared(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Prepared)})


def patients(hands: Sequence[RealHand], random: np.random.Generator, rounds: int) -> Iterator[tuple[RealHand, RealHand]]:
    """Left and right hands of patients, each hand once a round; hands of a pair are near in size, as pairs are in life."""
    for _ in range(rounds):
        order = sorted(range(len(hands)), key=lambda i: hands[i].length_px * float(np.exp(random.normal(0, 0.1))))
        for k in range(0, len(order) - 1, 2):
            pair = [order[k], order[k + 1]]
            random.shuffle(pair)
            left, right = (hands[i] for i in pair)
            yield mirrored(left) if left.mirrored else left, right if right.mirrored else mirrored(right)


def damaged_patient(pair: tuple[RealHand, RealHand], seed: int) -> Prepared:
    """Both hands of one patient with damage drawn together; places as sure as the locator's on damaged hands."""
    random = np.random.default_rng([seed, 5])
    records = draw_patient(random, scored(pair[0]), scored(pair[1]))
    parts = []
    for hand, record in zip(pair, records, strict=True):
        damaged = apply_damage(hand.pixels, scored(hand), record)
        parts.append(rows_of(shifted(hand, random, 0.006), damaged, seed))
    return joined(parts)


def _shard(task: tuple[Path, int, list[tuple[RealHand, RealHand]]]) -> int:
    path, first, pairs = task
    if not path.is_file():
        table = joined([damaged_patient(pair, first + k) for k, pair in enumerate(pairs)])
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez_compressed(file, **{f.name: getattr(table, f.name) for f in fields(Prepared)})
        part.replace(path)
    return len(pairs)


def prepare(data: Path, out: Path, rounds: Mapping[str, int], jobs: int = 1, say: Callable[[str], None] = lambda _: None) -> None:
    """Writes the parts as shards of patients; shards that are there are kept, so that a stopped run goes on.

    Args:
        data: folder that holds ``hand_joints/``.
        out: folder of shards, ``<split>_<number>.npz``.
        rounds: how often each real hand is used, by split; ``simulated`` hands are added to the training part.
        jobs: processes.
        say: told of each shard.
    """
    out.mkdir(parents=True, exist_ok=True)
    locator = HandLocator(threads=1)
    seed = 0
    for split in ("train", "validation"):
        found = [real_hand(data / "hand_joints" / "images" / name, locator) for name in names_of(data, split)]
        hands = [hand for hand in found if hand is not None]
        if split == "train":
            hands += [simulated_hand(5000 + k) for k in range(rounds["simulated"])]
        pairs = list(patients(hands, np.random.default_rng(17), rounds[split]))
        tasks = []
        for start in range(0, len(pairs), 16):
            tasks.append((out / f"{split}_{start:05d}.npz", seed + start, pairs[start : start + 16]))
        seed += 1_000_000
        with ProcessPoolExecutor(jobs) as pool:
            done = 0
            for count in pool.map(_shard, tasks):
                done += count
                say(f"{split}: {done} of {len(pairs)} patients")


def read_prepared(folder: Path, split: str) -> Prepared:
    """All shards of one part.

    Raises:
        InputError: there is none.
    """
    shards = sorted(folder.glob(f"{split}_*.npz"))
    if not shards:
        raise InputError(f"{folder}: holds no part '{split}'; make it with python -m coread.train.hand_damage_data DATA {folder}")
    parts = []
    for shard in shards:
        with np.load(shard, allow_pickle=False) as file:
            parts.append(Prepared(**{f.name: file[f.name] for f in fields(Prepared)}))
    return joined(parts)


def main() -> None:
    """Command: DATA PREPARED [JOBS]."""
    jobs = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    rounds = {"train": 3, "validation": 4, "simulated": 40}
    prepare(Path(sys.argv[1]), Path(sys.argv[2]), rounds, jobs, lambda text: print(text, flush=True))  # noqa: T201


if __name__ == "__main__":
    main()
