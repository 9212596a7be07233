import numpy as np

from coread.stats.proportion import wilson
from coread.stats.shares import share_of


def test_share_with_and_without_patients() -> None:
    hit, among = np.array([1, 0, 1, 1], dtype=bool), np.array([1, 1, 1, 0], dtype=bool)
    plain = share_of(hit, among, None, 0.95, "case")
    assert (plain.estimate, plain.n, plain.low) == (2 / 3, 3, wilson(2, 3).low)
    assert share_of(hit, among, np.array([0, 0, 1, 1]), 0.95, "case").estimate == 2 / 3


def test_reasons() -> None:
    nothing = share_of(np.zeros(2, dtype=bool), np.zeros(2, dtype=bool), None, 0.95, "positive case")
    assert (nothing.estimate, nothing.undefined) == (None, "no positive case")
    one = share_of(np.array([True, True]), np.array([True, True]), np.array([0, 0]), 0.95, "case")
    assert (one.estimate, one.low) == (1.0, None)
    assert "of one patient" in one.undefined
