"""What the grader of damage says, as findings: erosion with its doubt and the outline of what is suspected; bones out of line or fused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from coread.readers.rounding import point, shares
from coread.reading import Evidence, Finding, Interval
from coread.scoring import Item
from coread.vision.damage import SiteDamage, outlines

LEVEL = 0.90
SUSPECTED = 0.5
"""Probability from which subluxation and ankylosis are told."""


def erosion_findings(items: Sequence[Item], damage: Mapping[str, SiteDamage], image: int, outline: float) -> list[Finding]:
    """One finding for each item: its grade, or why there is none.

    The grade is the middle of the distribution (half of the probability lies at or below it). A suspected erosion is outlined where the
    site is graded 1 or more.

    Args:
        items: erosion items of one hand whose places can be looked at.
        damage: by site, see :meth:`coread.vision.damage.DamageGrader.grade`.
        image: index of the image in the study, for the evidence.
        outline: probability at the outline.
    """
    findings = []
    for item in items:
        site = damage.get(item.site)
        if site is None or not site.erosion:
            reason = "outside the image: too little of the bone is seen"
            findings.append(Finding(item.site, item.side, item.feature, unreadable=reason))
            continue
        reached = np.cumsum(site.erosion)
        low, grade, high = (float(min(int(np.searchsorted(reached, q)), len(reached) - 1)) for q in ((1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2))
        column, row = site.square.center_px
        half = site.square.half_px
        evidence = Evidence(
            image,
            point((column, row)),
            box_px=(*point((column - half, row - half)), *point((column + half, row + half))),
            lesions_px=outlines(site, outline) if grade >= 1 else (),
        )
        findings.append(
            Finding(
                item.site,
                item.side,
                item.feature,
                grade=grade,
                probabilities=shares(site.erosion),
                interval=Interval(grade, low, high, LEVEL),
                evidence=evidence,
            )
        )
    return findings


def suspicions(items: Sequence[Item], damage: Mapping[str, SiteDamage], image: int) -> list[Finding]:
    """Subluxation and ankylosis that are more likely than not, as probabilities in per cent; a grade follows from neither.

    Args:
        items: narrowing items of one hand whose places can be looked at.
        damage: as for `erosion_findings`.
        image: as for `erosion_findings`.
    """
    findings = []
    for item in items:
        site = damage.get(item.site)
        if site is None:
            continue
        for name, chance in (("suspected_subluxation", site.subluxation), ("suspected_ankylosis", site.ankylosis)):
            if chance >= SUSPECTED:
                evidence = Evidence(image, point(site.square.center_px))
                findings.append(Finding(item.site, item.side, name, value=round(100 * chance, 1), unit="%", evidence=evidence))
    return findings
