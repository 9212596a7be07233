"""Numbers from papers and other programs, in tests/golden."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

GOLDEN = Path(__file__).parents[1] / "golden"


def golden(name: str) -> Any:
    return json.loads((GOLDEN / f"{name}.json").read_text())


def table(name: str) -> dict[str, np.ndarray]:
    with (GOLDEN / f"{name}.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {column: np.array([float(row[column]) for row in rows]) for column in rows[0]}


def study(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Truth (cases,) and ratings (treatments, readers, cases) of a multi-reader study."""
    columns = table(name)
    names = [c for c in columns if c != "truth"]
    treatments = len({c[1] for c in names})
    return columns["truth"], np.stack([columns[c] for c in names]).reshape(treatments, len(names) // treatments, -1)
