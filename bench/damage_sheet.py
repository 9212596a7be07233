"""A contact sheet of simulated damage on real hands, to look at: each site before and after, with its grades and outlines.

The near-adult hands of ``hand_joints``, located by the landmark networks. The
processor time of painting one hand is printed.

    COREAD_DATA=... python bench/damage_sheet.py OUT.png [SEED [SEVERITY]]
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from real_places import mature

from coread.simulate.damage import Damaged, apply_damage
from coread.simulate.damage_draw import draw_damage
from coread.simulate.damage_record import DamageRecord, Joint
from coread.vision.landmarks import HandLocator

SIZE, ACROSS, MOST = 240, 4, 60


def labels(record: DamageRecord, site: str) -> str:
    """What the record does at a site, in a few words."""
    told = [b.kind for b in record.bites if b.site == site] + [m.kind for m in record.mimics if m.site == site]
    told += [
        "ankylosis" if n.ankylosis else f"-{n.lost:.0%}{' focal' if n.focal_at is not None else ''}"
        for n in record.narrowed
        if n.site == site
    ]
    told += [f"offset {s.offset:+.2f}" for s in record.subluxed if s.site == site]
    return " ".join(told)


def tile(before: np.ndarray, damaged: Damaged, joint: Joint, text: str) -> np.ndarray:
    """One site before and after, enlarged."""
    half = max(1.3 * joint.width_px, 16.0)
    low = np.maximum(np.floor(np.array(joint.center_px) - half), 0).astype(int)
    high = np.minimum(np.ceil(np.array(joint.center_px) + half), np.array(before.shape)[::-1]).astype(int)
    dark, light = np.percentile(before[low[1] : high[1], low[0] : high[0]], [0.5, 99.8])
    pair = []
    for image in (before, damaged.pixels):
        part = np.clip((image[low[1] : high[1], low[0] : high[0]] - dark) / max(light - dark, 1e-6), 0, 1)
        pair.append(np.array(Image.fromarray((235 * part).astype(np.uint8)).resize((SIZE, SIZE), Image.Resampling.BICUBIC).convert("RGB")))
    sheet = Image.fromarray(np.concatenate(pair, axis=1))
    pen = ImageDraw.Draw(sheet)
    for outline in damaged.outlines:
        if outline.site == joint.name:
            pen.line([tuple(p) for p in (outline.polygon_px - low + 0.5) * SIZE / (high - low)], fill=(255, 80, 80))
    grades = "".join(
        f" {f[0].upper()}{damaged.grades[joint.name, f]}" for f in ("erosion", "joint_space_narrowing") if (joint.name, f) in damaged.grades
    )
    pen.text((3, 3), f"{joint.name}{grades} {text}", fill=(255, 255, 0))
    return np.array(sheet)


def main() -> None:
    if "COREAD_DATA" not in os.environ or len(sys.argv) < 2:
        sys.exit("usage: COREAD_DATA=... python bench/damage_sheet.py OUT.png [SEED [SEVERITY]]")
    random = np.random.default_rng(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    severity = float(sys.argv[3]) if len(sys.argv) > 3 else None
    locator = HandLocator(threads=1)
    tiles, seconds = [], []
    for hand in mature(Path(os.environ["COREAD_DATA"])):
        found = locator.locate(hand.pixels)
        if not found:
            continue
        joints = [p for p in found[0].places.values() if p.inside]
        record = draw_damage(random, joints, severity)
        start = time.process_time()
        damaged = apply_damage(hand.pixels, joints, record)
        seconds.append(time.process_time() - start)
        for joint in joints:
            text = labels(record, joint.name)
            if text:
                tiles.append(tile(hand.pixels, damaged, joint, text))
    if not tiles:
        sys.exit("no hand was damaged: choose another seed or a higher severity")
    print(f"apply_damage: median {np.median(seconds):.2f} s of processor a hand, most {max(seconds):.2f} s, n = {len(seconds)} hands")
    tiles = [tiles[i] for i in sorted(random.choice(len(tiles), min(MOST, len(tiles)), replace=False))]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % ACROSS)
    rows = [np.concatenate(tiles[i : i + ACROSS], axis=1) for i in range(0, len(tiles), ACROSS)]
    Image.fromarray(np.concatenate(rows)).save(sys.argv[1])


if __name__ == "__main__":
    main()
