"""How knees are found on simulated films, made of crops of patients never learned from, and whether they are graded alike.

    COREAD_DATA=DATA python bench/knee_films.py --part tune --films 60     # while building
    COREAD_DATA=DATA python bench/knee_films.py --films 150               # validation part, opened once

The films are simulated (`coread.simulate.knee_films`); only the crops in them are real.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import pandas as pd
from knee import share, tables

from coread.errors import OutOfScopeError
from coread.readers.card import card
from coread.readers.image import ImageReader
from coread.simulate.knee_films import knee_film
from coread.stats.kappa import cohen_kappa
from coread.study import Image, Study
from coread.train.knee_grades import grey
from coread.vision.knees import find_knees


def study(pixels: np.ndarray, name: str) -> Study:
    """A study of one plain image."""
    plane = pixels.astype(np.float32)
    return Study("1", (Image(("y", "x"), plane.shape, lambda: plane, facts={}),), name)


def graded(chosen: ImageReader, crop: np.ndarray) -> float:
    """The grade of a crop as it is; no number where it is refused."""
    try:
        return float(chosen.read(study(crop, "crop")).findings[0].grade or 0.0)
    except OutOfScopeError:
        return float("nan")


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Intersection over union of two boxes."""
    wide, tall = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    inner = max(wide, 0) * max(tall, 0)
    return inner / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inner)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("tune", "val"), default="val")
    parser.add_argument("--films", type=int, default=150)
    given = parser.parse_args()
    data = Path(os.environ["COREAD_DATA"])
    table = tables(data)[given.part]
    rng = np.random.default_rng(11)
    chosen = ImageReader(card("knee_kl"), threads=1)
    pairs = [rows for _, rows in table.groupby("patient", sort=False) if len(rows) == 2][: given.films]
    lines = []
    for index, rows in enumerate(pairs):
        if index % 3 == 2:
            rows = rows.iloc[int(rng.integers(2)) :][:1]
        crops = [grey(data / "knee_kl" / "images" / name).astype(np.float32) / 255 for name in rows["image"]]
        film = knee_film(crops, list(rows["side"]), rng)
        found = find_knees(film.pixels)
        try:
            said = {f.side: f for f in chosen.read(study(film.pixels, "film")).findings}
        except OutOfScopeError as error:
            said = {}
            print(f"  film {index}: {str(error)[:150]}")
        for crop, box, side, truth in zip(crops, film.boxes_px, film.sides, rows["kellgren_lawrence"], strict=True):
            best = max(found, key=lambda k: overlap(k.box_px, box), default=None)
            match = overlap(best.box_px, box) if best else 0.0
            finding = said.get(side)
            close = best is not None and finding is not None and finding.evidence is not None and finding.evidence.box_px is not None
            right_place = close and overlap(finding.evidence.box_px, box) > 0.5
            whole = graded(chosen, crop)
            lines.append({
                "patient": index, "knees": len(crops), "overlap": match, "found": match > 0.6, "inverted": film.inverted,
                "polarity": best is not None and best.inverted == film.inverted, "sided": bool(right_place), "truth": truth,
                "away": np.hypot(*(np.array(best.centre_px) + 0.5 - [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])) / (box[2] - box[0]) if best else np.nan,  # noqa: E501
                "size": np.log((best.box_px[2] - best.box_px[0]) / (box[2] - box[0])) if best else np.nan,
                "film": finding.grade if finding else np.nan, "crop": whole, "extra": len(found) - len(crops),
            })  # fmt: skip
    out = pd.DataFrame(lines)
    patients = out["patient"].to_numpy(np.int64)
    print(f"{len(pairs)} simulated films, {len(out)} knees, part {given.part}")
    for name, column in (
        ("found (overlap above 0.6)", "found"),
        ("polarity right", "polarity"),
        ("read at its place with its side", "sided"),
    ):
        figure = share(name, out[column].to_numpy(bool), patients)
        print(f"  {name}: {figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f}), n = {figure.n}")
    hit = out[out["found"]]
    print(f"  films with a knee too many: {(out['extra'] > 0).mean():.3f}")
    print(
        f"  place away from the truth, share of the square: median {hit['away'].median():.3f}, 95th percentile {hit['away'].quantile(0.95):.3f}"  # noqa: E501
    )
    print(
        f"  size against the truth: median factor {np.exp(hit['size'].median()):.3f}, 5th to 95th percentile {np.exp(hit['size'].quantile(0.05)):.3f} to {np.exp(hit['size'].quantile(0.95)):.3f}"  # noqa: E501
    )
    both = out.dropna(subset=["film", "crop"])
    print(f"  same grade on the film as on the crop: {(both['film'] == both['crop']).mean():.3f}, n = {len(both)}")
    for column in ("crop", "film"):
        kappa = cohen_kappa(both[["truth", column]].to_numpy(float), weights="quadratic")
        print(
            f"  {column}: same grade as the label {(both[column] == both['truth']).mean():.3f}, quadratic kappa {kappa.estimate:.3f} ({kappa.low:.3f} to {kappa.high:.3f})"  # noqa: E501
        )


if __name__ == "__main__":
    main()
