"""The figures of the card knee_kl: grades of knees of patients never learned from, beside a plain baseline on the same knees.

    COREAD_DATA=DATA python bench/knee.py --part tune      # the 390 patients that the calibration was fitted on
    COREAD_DATA=DATA python bench/knee.py                  # the validation part, opened once

Every knee goes through the reader as `coread read` does, so that a refusal counts as one.
``--toml`` prints the figures as the card has them.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from skimage.feature import hog, local_binary_pattern
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from coread import open_study, reader
from coread.errors import OutOfScopeError
from coread.readers.image_doubt import grades_said
from coread.stats.auc import compare_aucs
from coread.stats.shares import share_of
from coread.train.knee_grades import grey, held_out
from coread.train.measure import Figure, HeldOut, figures
from coread.train.recipe import RECIPES, read_toml
from coread.vision.prepare import Preparation, prepare

GRADES = (0.0, 1.0, 2.0, 3.0, 4.0)
Floats = npt.NDArray[np.float64]


def tables(data: Path) -> dict[str, pd.DataFrame]:
    """The knees learned from, those held out to tune, and the validation part."""
    train = pd.read_csv(data / "knee_kl" / "labels_train.csv")
    kept = held_out(train["patient"].to_numpy(str), read_toml(RECIPES / "knee_kl.toml")["hold_out_every"])
    return {"learn": train[~kept], "tune": train[kept], "val": pd.read_csv(data / "knee_kl" / "labels_val.csv")}


def texture(path: Path) -> npt.NDArray[np.float32]:
    """Plain features: gradient histograms and local binary patterns of the part about the joint."""
    cut = prepare(grey(path).astype(np.float32) / 255, Preparation(224, 224, "stretch")).plane[60:204, 4:220]
    small = prepare(cut, Preparation(96, 144, "stretch")).plane
    gradients = hog(small, orientations=9, pixels_per_cell=(16, 16), cells_per_block=(2, 2))
    pattern = local_binary_pattern((small * 255).astype(np.uint8), 8, 1, "uniform").astype(int)
    cells = [np.bincount(part.ravel(), minlength=10) / part.size for rows in np.split(pattern, 3) for part in np.split(rows, 3, axis=1)]
    return np.concatenate([gradients, *cells]).astype(np.float32)


def baseline(folder: Path, learn: pd.DataFrame, test: pd.DataFrame) -> Floats:
    """Probabilities of the grades by logistic regression on the plain features."""
    x, z = (np.stack([texture(folder / name) for name in table["image"]]) for table in (learn, test))
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1e-3, max_iter=300))
    return np.asarray(model.fit(x, learn["kellgren_lawrence"]).predict_proba(z), dtype=np.float64)


def judged(folder: Path, table: pd.DataFrame) -> tuple[Floats, npt.NDArray[np.bool_], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Probabilities (n, 5), whether the grade's 90 % interval holds the label, whether the side is right, and whether it was read."""
    chosen = reader("knee_kl", threads=1)
    shares, held, side, read = np.full((len(table), 5), 0.2), *np.zeros((3, len(table)), dtype=bool)
    for k, row in enumerate(table.itertuples()):
        try:
            finding = chosen.read(open_study(folder / str(row.image))).findings[0]
        except OutOfScopeError:
            continue
        shares[k], read[k], side[k] = finding.probabilities, True, finding.side == row.side
        bounds = finding.interval
        held[k] = (
            bounds is not None and bounds.low is not None and bounds.high is not None and bounds.low <= row.kellgren_lawrence <= bounds.high
        )
    return shares, held, side, read


def share(name: str, hit: npt.NDArray[np.bool_], patients: npt.NDArray[np.int64]) -> Figure:
    """A share with its interval over patients."""
    found = share_of(hit, np.ones(len(hit), dtype=bool), patients, 0.95, "knee")
    return Figure(name, found.estimate, found.low, found.high, found.n)


def printed(found: Sequence[Figure], of: str, command: str, toml: bool) -> None:
    """One line a figure, or the card's tables."""
    for figure in found:
        bounds = "" if figure.low is None or figure.high is None else f" ({figure.low:.3f} to {figure.high:.3f})"
        if not toml:
            print(f"  {figure.name}: {'none' if figure.value is None else f'{figure.value:.3f}'}{bounds}, n = {figure.n}")
            continue
        told: dict[str, object] = {"name": figure.name, "value": round(float(figure.value or 0), 4)}
        if bounds:
            told |= {"low": round(float(figure.low or 0), 4), "high": round(float(figure.high or 0), 4), "level": 0.95}
        told |= {"unit": "grades" if "in grades" in figure.name else "1", "n": figure.n, "of": of, "kind": "real", "command": command}
        print("\n[[figures]]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in told.items()))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("tune", "val"), default="val")
    parser.add_argument("--toml", action="store_true")
    given = parser.parse_args()
    data = Path(os.environ["COREAD_DATA"])
    parts = tables(data)
    test, folder = parts[given.part], data / "knee_kl" / "images"
    truth, patients = test["kellgren_lawrence"].to_numpy(np.int64), test["patient"].astype("category").cat.codes.to_numpy(np.int64)
    shares, inside, side, read = judged(folder, test)
    plain = baseline(folder, parts["learn"], test)
    what = "knee_kl, validation part" if given.part == "val" else "the knees that the calibration was fitted on"
    of = f"{len(test)} knees of {len(set(patients))} patients ({what})"
    command = "COREAD_DATA=DATA python bench/knee.py" + ("" if given.part == "val" else " --part tune")
    most_likely = share("same grade, by the most likely grade instead of the middle one", shares.argmax(axis=1) == truth, patients)
    more = (
        most_likely,
        share("90 % interval of the grade holds the label", inside, patients),
        share("knees read (the others were refused)", read, patients),
        share("side told by the joint's shape is right", side, patients),
    )
    for name, told, extra in (("knee_kl", shares, more), ("baseline: texture and logistic regression", plain, ())):
        found = [*figures(HeldOut(truth, told, patients, GRADES, "ordinal")), *extra]
        named = found if name == "knee_kl" else [Figure(f"{name}: {f.name}", f.value, f.low, f.high, f.n) for f in found]
        if not given.toml:
            print(f"{name}, {of}")
        printed(named, of, command, given.toml)
    if not given.toml:
        said = grades_said(shares, "ordinal")
        print("labels down, grades across:\n", pd.crosstab(truth, said).to_string())
        both = compare_aucs(truth >= 2, np.stack([shares[:, 2:].sum(axis=1), plain[:, 2:].sum(axis=1)]), patients)
        print("AUC for grade 2 or more, difference to the baseline:", both)


if __name__ == "__main__":
    main()
