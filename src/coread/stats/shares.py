"""The share of some cases among others, by case or by patient."""

from __future__ import annotations

import numpy as np

from coread.stats.estimate import Estimate, undefined, without_interval
from coread.stats.labels import Bools, Ints
from coread.stats.proportion import clustered_share, wilson


def share_of(hit: Bools, among: Bools, codes: Ints | None, level: float, name: str) -> Estimate:
    """Share of the cases ``among`` that are ``hit``: Wilson, by patient where ``codes`` (n,) number the patients.

    ``name`` says what one of ``among`` is called, for the reason where there is none, or where all are of one patient.
    """
    n = int(among.sum())
    if n == 0:
        return undefined(f"no {name}", 0, level, "share")
    count = int((hit & among).sum())
    if codes is None:
        share = wilson(count, n, level)
    else:
        totals = np.bincount(codes, weights=among)
        if int((totals > 0).sum()) < 2:
            return without_interval(count / n, f"no interval: every {name} is of one patient", n, level, "share by patient")
        share = clustered_share(np.bincount(codes, weights=hit & among), totals, level)
    return Estimate(share.estimate, share.low, share.high, level, n, share.method)
