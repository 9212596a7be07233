"""Held-out cases to look at: those that were right and those that went most wrong, with what the network looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from coread.readers.image_doubt import grades_said
from coread.train.images import Images
from coread.train.measure import HeldOut
from coread.train.model_files import Said
from coread.train.pictures import picture_uri
from coread.vision.evidence_map import map_uri

EACH = 6


def examples(held: HeldOut, studies: Sequence[str], images: Images, shown: tuple[Said, float]) -> list[dict[str, Any]]:
    """The cases with the largest gap between grade and truth, the surest of them first, and right ones of different grades."""
    said_model, scale = shown
    said = grades_said(held.probabilities, held.kind)
    sure = held.probabilities[np.arange(len(said)), said]
    gap = np.abs(said - held.truth)
    wrong = [int(k) for k in np.lexsort((-sure, -gap)) if gap[k] > 0][:EACH]
    right: list[int] = []
    by_grade = [[int(k) for k in np.argsort(-sure) if gap[k] == 0 and held.truth[k] == grade] for grade in range(len(held.grades))]
    while len(right) < EACH and any(by_grade):
        for group in by_grade:
            if group and len(right) < EACH:
                right.append(group.pop(0))
    rows = []
    for k in (*wrong, *right):
        image = int(np.flatnonzero(images.case == k)[0])
        rows.append(
            {
                "study": studies[k],
                "truth": held.grades[int(held.truth[k])],
                "said": held.grades[int(said[k])],
                "sure": float(sure[k]),
                "right": bool(gap[k] == 0),
                "picture": picture_uri(images.planes[image].astype(np.float32)),
                "map": map_uri(said_model.maps[image] / scale),
            }
        )
    return rows
