"""Published tables of scores, in tests/golden."""

import csv

import numpy as np

from tests.stats.golden_numbers import GOLDEN


def scores(name: str) -> np.ndarray:
    """Rows of a table of numbers, NaN where a cell is empty."""
    with (GOLDEN / f"{name}.csv").open() as file:
        return np.array([[float(cell) if cell else np.nan for cell in row] for row in list(csv.reader(file))[1:]])


SHROUT_FLEISS = scores("shrout_fleiss_1979")[:, 1:]
PEAK_FLOW = scores("bland_altman_1986")
KRIPPENDORFF = scores("krippendorff_2011")
FLEISS = np.array([np.repeat(np.arange(1, 6), row.astype(int)) for row in scores("fleiss_1971")], dtype=float)
GWET = FLEISS[:15]
"""Table 15 subjects long in Gwet's handbook: the first half of Fleiss'."""


def spread_out(table: np.ndarray) -> np.ndarray:
    """Scores (n, 2) of a contingency table, grades 1, 2, ..."""
    return np.array([(i + 1, j + 1) for i, row in enumerate(table) for j, count in enumerate(row) for _ in range(int(count))], dtype=float)
