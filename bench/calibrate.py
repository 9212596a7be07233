"""Does a local calibration hold in patients who come later: simulated hospitals, a model that says its probabilities bent.

Run: python bench/calibrate.py [HOSPITALS]        (default 60; about three seconds each; no data needed)

Grades are drawn from known probabilities, the model says these with cumulative logits x 2.2 + 0.8 (too sure, too high). Each hospital is
calibrated on 30, 60 or 120 patients, and its card then reads 150 fresh patients of the same kind. Told are the coverage of the 90 %
interval of a total in fresh patients (mean, and the share of hospitals below 80 %), what the card itself says of it (patients left out in
turn), the mean error of the probabilities against the true ones, and how often a bend was made where none was needed.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from coread.calibration import calibrate
from coread.readers.calibrated import recalibrated
from coread.stats.proportion import wilson
from coread.stats.recalibrate import OrdinalCalibration

SIZES, FRESH, TOTAL = (30, 60, 120), 150, "hand_left_narrowing"
BEND = OrdinalCalibration(2.2, 0.8, 1)


def covered(here: Any, readings: Any) -> float:
    held = []
    for reference in here.cohort.references:
        total = readings[reference.study.source].total(TOTAL)
        held.append(total.low <= reference.total(TOTAL).value <= total.high)
    return float(np.mean(held))


def probability_error(here: Any, readings: Any) -> float:
    said = {study: np.array([f.probabilities for f in reading.findings]) for study, reading in readings.items()}
    return float(np.mean([np.abs(p - here.probabilities[study]).mean() for study, p in said.items()]))


def main() -> None:
    hospitals = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    sys.path.insert(0, str(Path(__file__).parents[1]))
    made = import_module("tests.miscalibrated")
    print(f"{hospitals} hospitals each, {FRESH} fresh patients; 90 % interval of {TOTAL}")
    for size in SIZES:
        rows, untouched = [], 0
        for number in range(hospitals):
            here, fresh = made.hospital(size, 1000 + number, BEND), made.hospital(FRESH, 5000 + number, BEND)
            done = calibrate(here.cohort, here.made, made.CARD)
            after = {s: recalibrated(r, done.calibration, made.PARAMETERS) for s, r in fresh.made.readings.items()}
            claim = next(m for m in done.after.measures if m.of == f"{TOTAL} (as reported)" and "holds the reference" in m.measure)
            rows.append(
                (
                    covered(fresh, fresh.made.readings),
                    covered(fresh, after),
                    claim.value.estimate,
                    probability_error(fresh, fresh.made.readings),
                    probability_error(fresh, after),
                )
            )
            straight = made.hospital(size, 9000 + number)
            untouched += calibrate(straight.cohort, straight.made, made.CARD).calibration.grades[0].bend is None
        table = np.array(rows)
        mean, error = table.mean(axis=0), 1.96 * table.std(axis=0, ddof=1) / np.sqrt(hospitals)
        low, kept = wilson(int((table[:, 1] < 0.8).sum()), hospitals), wilson(untouched, hospitals)
        print(
            f"{size:4d} patients: coverage {100 * mean[0]:.1f} -> {100 * mean[1]:.1f} (+-{100 * error[1]:.1f}), card says "
            f"{100 * mean[2]:.1f} (+-{100 * error[2]:.1f}); below 80 % in {100 * low.estimate:.0f} % of hospitals "
            f"({100 * low.low:.0f}-{100 * low.high:.0f}); probability error {mean[3]:.3f} -> {mean[4]:.3f}; left as it was where that was "
            f"right {100 * kept.estimate:.0f} % ({100 * kept.low:.0f}-{100 * kept.high:.0f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
