"""A made-up hospital whose every grade is drawn from probabilities that are known, and a model that says them bent."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.special import expit

from coread.cohort import Cohort, Member
from coread.readers.calibration import grades_by
from coread.readers.card import Card
from coread.readers.rounding import shares
from coread.readers.totals import totals_with_intervals
from coread.reading import Finding, Interval, ReaderRef, Reading
from coread.scoring import system
from coread.stats.recalibrate import OrdinalCalibration
from coread.validation_pairs import Made
from tests.made_up import FEATURE, GRADES, ITEMS, reading

CUTS = np.array([-0.5, 0.6, 1.8, 3.2])
LEVEL = 0.9
PARAMETERS = {"error_correlation": 0.0, "level": LEVEL}
CARD = Card(
    id="m", version="1", name="M", reader="joints", system="svdh", assesses=(FEATURE,), weights={},
    parameters=PARAMETERS, figures=(), training=("made up",), not_tested=("all",), cautions=(),
    path=Path("m.toml"), sha256="0" * 64,
)  # fmt: skip


@dataclass(frozen=True)
class Hospital:
    """Cohort, the model's readings, and the true probabilities (sites, grades) by study."""

    cohort: Cohort
    made: Made
    probabilities: dict[str, np.ndarray]


def hospital(patients: int, seed: int, bend: OrdinalCalibration | None = None, visits: int = 1, severity: float = 0.0) -> Hospital:
    """Patients of differing damage, whose grades are drawn, site by site, from proportional-odds probabilities.

    The model says these probabilities bent by ``bend`` (None: as they are), takes the middle grade, and gives each total the interval
    that what it says implies; with no bend that interval is right.
    """
    random = np.random.default_rng(seed)
    members, references, readings, probabilities = [], [], {}, {}
    for number in range(patients):
        level = random.normal(severity, 1.2)
        for visit in range(visits):
            name = f"p{number}v{visit}.dcm"
            facts = {"study": name, "patient": f"p{number}", "sex": "FM"[number % 2]}
            members.append(Member(name, Path(name), f"p{number}", facts["sex"], None, "", facts, len(members) + 2))
            latent = level + random.normal(0, 1.5, (len(ITEMS), 1))
            above = np.hstack([np.ones_like(latent), expit(latent - CUTS), np.zeros_like(latent)])
            p = -np.diff(above, axis=1)
            truth = (random.random((len(ITEMS), 1)) > np.cumsum(p, axis=1)[:, :-1]).sum(axis=1)
            person = tuple(Finding(i.site, i.side, FEATURE, grade=GRADES[g]) for i, g in zip(ITEMS, truth, strict=True))
            references.append(reading(name, ReaderRef("person", "Dr A"), person))
            readings[name] = said(name, p if bend is None else bend.apply(p))
            probabilities[name] = p
    return Hospital(
        Cohort(Path("hospital"), tuple(members), ("study", "patient", "sex"), tuple(references)),
        Made("m", "1", readings, {}),
        probabilities,
    )


def said(study: str, p: np.ndarray) -> Reading:
    """A model's reading that says these probabilities, with intervals of grades from their tails and of totals from the copula."""
    findings = []
    for item, row, grade in zip(ITEMS, p, grades_by("middle", p), strict=True):
        low, high = (GRADES[min(4, int((np.cumsum(row) < q).sum()))] for q in (0.05, 0.95))
        middle = GRADES[grade]
        interval = Interval(middle, min(low, middle), max(high, middle), LEVEL)
        findings.append(Finding(item.site, item.side, FEATURE, grade=middle, probabilities=shares(row.tolist()), interval=interval))
    whole = reading(study, ReaderRef("model", "m", "1"), tuple(findings))
    return replace(whole, totals=totals_with_intervals(findings, system("svdh"), PARAMETERS, LEVEL))
