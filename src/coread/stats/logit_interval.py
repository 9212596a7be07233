"""Intervals of what lies between 0 and 1, on the logit scale."""

from __future__ import annotations

from scipy.special import expit, logit


def logit_bounds(value: float, half_width: float) -> tuple[float, float]:
    """Bounds of ``value`` in (0, 1), where ``half_width`` = z se would have been its half width on the plain scale.

    logit(value) -+ half_width / (value (1 - value)), carried back: never outside 0..1, and wider towards the middle.
    """
    centre, half = float(logit(value)), half_width / (value * (1 - value))
    return float(expit(centre - half)), float(expit(centre + half))
