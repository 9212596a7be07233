"""The second family of damage on real hands: a contact sheet to look at, and the distribution of what it does.

Hands: the near-adult ones of ``hand_joints`` and the Digital Hand Atlas, at the places of the landmark networks. All damage is simulated.

    COREAD_DATA=... python bench/second_damage_sheet.py [SHEET.png] [--rounds 2]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from real_places import dha, mature

from coread.simulate.second_damage import SecondDamaged, apply_second_damage, draw_second_damage
from coread.vision.landmarks import HandLocator, Place

TILE = 170
COLUMNS = 12
SEVERITIES = (0.0, 0.15, 0.4, 0.8)
LEAST_LENGTH_PX = 350
MOST_LENGTH_PX = 900


def hands() -> list[tuple[str, np.ndarray, list[Place]]]:
    """Name, pixels stretched to their range, places; films finer than needed are halved, to be quick."""
    data = Path(os.environ["COREAD_DATA"])
    locator = HandLocator(threads=1)
    out = []
    for hand in (*mature(data), *dha(data)):
        pixels = hand.pixels
        found = locator.locate(pixels)
        if found and found[0].length_px > MOST_LENGTH_PX:
            rows, columns = (n // 2 * 2 for n in pixels.shape)
            pixels = pixels[:rows, :columns].reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3))
            found = locator.locate(pixels)
        if found and found[0].length_px >= LEAST_LENGTH_PX:
            low, high = pixels.min(), np.percentile(pixels, 99.8)
            places = [p for p in found[0].places.values() if p.inside and p.confidence > 0.5]
            out.append((hand.name, np.clip((pixels - low) / (high - low), 0, 1).astype(np.float32), places))
    return out


def tile(before: np.ndarray, done: SecondDamaged, place: Place, text: str) -> np.ndarray:
    """Before above after, in the window of the undamaged place, with the grades."""
    reach = min(1.25 * place.width_px, 55) if place.width_px < 45 else 1.25 * place.width_px
    c, r = place.center_px
    box = (slice(max(int(r - reach), 0), int(r + reach)), slice(max(int(c - reach), 0), int(c + reach)))
    low, high = np.percentile(before[box], (3, 99.8))
    parts = []
    for image in (before, done.pixels):
        grey = np.clip((image[box] - low) / max(high - low, 1e-6), 0, 1)
        parts.append(np.asarray(Image.fromarray((255 * grey).astype(np.uint8)).resize((TILE, TILE), Image.Resampling.BICUBIC)))
    picture = Image.fromarray(np.vstack(parts))
    ImageDraw.Draw(picture).text((3, TILE + 2), text, fill=255)
    return np.asarray(picture)


def main() -> None:
    if "COREAD_DATA" not in os.environ:
        sys.exit("COREAD_DATA must name the data folder")
    parser = argparse.ArgumentParser()
    parser.add_argument("sheet", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=1)
    args = parser.parse_args()
    random = np.random.default_rng(20)
    grades: dict[tuple[float, str], Counter[int]] = {}
    asked: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    contrast: dict[int, list[float]] = {}
    tiles, seconds, undamaged = [], [], 0
    known = hands()
    for _ in range(args.rounds):
        for _, pixels, places in known:
            for severity in SEVERITIES:
                record = draw_second_damage(random, places, severity)
                start = time.perf_counter()
                done = apply_second_damage(pixels, places, record)
                seconds.append(time.perf_counter() - start)
                asked.update(a.kind for a in (*record.erosions, *record.movements, *record.mimics))
                refused.update(line.split(": ")[1] for line in done.not_done)
                undamaged += not any(done.grades.values())
                for (_, feature), grade in done.grades.items():
                    grades.setdefault((severity, feature), Counter())[grade] += 1
                by_name = {p.name: p for p in places}
                alone = {a.site for a in record.movements}
                for site in {a.site for a in record.erosions} - alone:
                    place = by_name[site]
                    c, r, w = round(place.center_px[0]), round(place.center_px[1]), round(0.7 * place.width_px)
                    box = (slice(max(r - w, 0), r + w), slice(max(c - w, 0), c + w))
                    spread = float(np.percentile(pixels[box], 95) - np.percentile(pixels[box], 5))
                    if done.grades[site, "erosion"]:
                        change = float(np.percentile(np.abs(pixels[box] - done.pixels[box]), 98))
                        contrast.setdefault(done.grades[site, "erosion"], []).append(change / max(spread, 1e-6))
                acts = [*record.erosions, *record.movements, *record.mimics]
                if acts and severity:
                    for k in random.permutation(len(acts))[:3]:
                        e, n = (done.grades.get((acts[k].site, f), 0) for f in ("erosion", "joint_space_narrowing"))
                        tiles.append(tile(pixels, done, by_name[acts[k].site], f"{acts[k].site} {acts[k].kind} E{e} N{n}"))
    print(f"{len(known)} hands, {len(seconds)} simulated damages, {undamaged} without any grade; median {np.median(seconds):.2f} s a hand")
    for (severity, feature), counts in sorted(grades.items(), key=lambda item: (item[0][1], item[0][0])):
        total = sum(counts.values())
        print(
            f"{feature:22s} severity {severity:4.2f}  " + "  ".join(f"{g}: {counts[g] / total:5.3f}" for g in range(6)) + f"  (n = {total})"
        )
    print("drawn:", ", ".join(f"{kind} {n}" for kind, n in asked.most_common()))
    print("not done:", ", ".join(f"{why} {n}" for why, n in refused.most_common()) or "none")
    print("difficulty: strongest change (98th percentile) over the local contrast of the film, 10th / 50th / 90th percentile")
    for grade, values in sorted(contrast.items()):
        print(f"  erosion {grade}: " + " / ".join(f"{v:.2f}" for v in np.percentile(values, (10, 50, 90))) + f"  (n = {len(values)})")
    if args.sheet:
        tiles = tiles[: COLUMNS * 8]
        tiles += [np.zeros((2 * TILE, TILE), np.uint8)] * (-len(tiles) % COLUMNS)
        Image.fromarray(np.vstack([np.hstack(tiles[k : k + COLUMNS]) for k in range(0, len(tiles), COLUMNS)])).save(args.sheet)


if __name__ == "__main__":
    main()
