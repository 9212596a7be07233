"""Score sheets of several readers, simulated with a truth known by construction; shared by the tests of agreement."""

import csv
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from coread.formats.table import COLUMNS
from coread.reading import Finding, ReaderRef, Reading, StudyRef
from coread.reading_totals import with_totals
from coread.scoring import system

Grade = Callable[[str, str | None, str], float | None]


def reading(patient: str, reader: str, grade: Grade, timepoint: float | None = 0, read: int = 1, of: str = "svdh") -> Reading:
    """One reading; ``grade(site, side, feature)`` says each box, None leaves it out."""
    findings = []
    for item in system(of).items:
        value = grade(item.site, item.side, item.feature)
        if value is not None:
            findings.append(Finding(item.site, item.side, item.feature, grade=float(value)))
    made = Reading(
        uid=f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, repr((patient, reader, timepoint, read, of))).int}",
        reader=ReaderRef("person", reader),
        system=of,
        study=StudyRef(f"{patient} day {timepoint}", patient=patient, timepoint_days=timepoint),
        findings=tuple(findings),
        totals={},
        created="2026-01-01T00:00:00+00:00",
        read=read,
    )
    return with_totals(made)


def left_foot(values: Mapping[str, float]) -> Grade:
    """Erosion of the left foot: the sites named have a grade, its other sites 0, nothing else was read."""
    sites = {item.site for item in system("svdh").items if item.region == "foot_left"}

    def grade(site: str, side: str | None, feature: str) -> float | None:
        if side != "left" or feature != "erosion" or site not in sites:
            return None
        return values.get(site, 0)

    return grade


def simulated(patients: int, readers: Iterable[str], days: Iterable[float] = (0,), seed: int = 1, noise: float = 0.3) -> list[Reading]:
    """Both hands under Sharp/van der Heijde: a patient's severity, and readers who err by a point at a share ``noise`` of the boxes."""
    random = np.random.default_rng(seed)
    items = [item for item in system("svdh").items if item.region.startswith("hand")]
    found = []
    for patient in range(patients):
        truth = random.poisson(random.gamma(0.8, 0.8), len(items))
        for day in days:
            truth = truth + (random.random(len(items)) < 0.05) * (day > 0)
            for reader in readers:
                error = random.choice([-1, 1], len(items)) * (random.random(len(items)) < noise)
                said = {i.key: float(np.clip(t + e, 0, i.maximum)) for i, t, e in zip(items, truth, error, strict=True)}
                found.append(reading(f"p{patient}", reader, lambda *key, said=said: said.get(key), day))
    return found


def write_rows(rows: Iterable[Mapping[str, object]], path: Path) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path
