"""Real patients: is a wrist with rheumatoid arthritis erosive? COREAD_DATA=... python bench/real_wrists.py

The 36 crops of `wrist_erosion` (32 patients, erosive or not from six wrist bones by a third party, threshold not documented) are read as
partial hands of adults by the shipped reader, which never saw them. A wrist's score is the chance that one of its sites of erosion is
graded 1 or more, sites taken as independent. Interval: 95 %, over patients. Every wrist is listed, so that a miss can be looked at.
"""

from __future__ import annotations

import csv
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from coread.errors import OutOfScopeError
from coread.formats.open import open_study
from coread.readers import reader
from coread.stats.auc import auc
from coread.stats.proportion import wilson

WRIST = ("radius", "ulna", "trapezium-trapezoid", "scaphoid", "lunate")
ADULT = 58.0


def main() -> None:
    if "COREAD_DATA" not in os.environ:
        sys.exit("COREAD_DATA must name the data folder")
    folder = Path(os.environ["COREAD_DATA"]) / "wrist_erosion"
    model = reader("hand_svdh")
    labels, scores, who, totals = [], [], [], []
    with (folder / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        study = replace(open_study(folder / "images" / row["image"]), age_years=ADULT, side=row["side"])
        try:
            findings = model.read(study).findings
        except OutOfScopeError as error:
            print(f"{row['image']}: refused: {str(error).split(': ')[-1]}")
            continue
        eroded = {f.site: f for f in findings if f.feature == "erosion" and f.site in WRIST and f.probabilities}
        if not eroded:
            print(f"{row['image']}: label {row['label']}, no site of the wrist was graded")
            continue
        chance = 1 - float(np.prod([f.probabilities[0] for f in eroded.values()]))
        labels.append(row["label"] == "1")
        scores.append(chance)
        who.append(row["patient"])
        totals.append(sum(f.grade for f in eroded.values()))
        each = ", ".join(f"{site} {f.grade:g} ({1 - f.probabilities[0]:.2f})" for site, f in eroded.items())
        print(f"{row['image']}: label {row['label']}, chance {chance:.3f}, {each}")
    found = auc(np.array(labels), np.array(scores), np.array(who))
    print(
        f"\nAUC erosive or not: {found.estimate:.3f} ({found.low:.3f}-{found.high:.3f}), {sum(labels)} of {len(labels)} wrists erosive, ",
        end="",
    )
    print(f"{len(set(who))} patients, {len(rows) - len(labels)} of {len(rows)} wrists without a score")
    for label in (True, False):
        mine = [t for t, one in zip(totals, labels, strict=True) if one == label]
        share = wilson(sum((t > 0) == label for t in mine), len(mine))
        print(f"label {int(label)} and graded so: {share.estimate:.3f} ({share.low:.3f}-{share.high:.3f}), n = {share.n}")
        print(f"sum of the wrist's erosion grades, label {int(label)}: median {np.median(mine):g}, {sorted(map(int, mine))}")


if __name__ == "__main__":
    main()
