import numpy as np
import pytest

from coread.stats.multiplicity import benjamini_hochberg, holm
from tests.stats.golden_numbers import golden

R = golden("discrimination")["p_adjust"]


def test_as_r() -> None:
    assert holm(R["p"]) == pytest.approx(R["holm"])
    assert benjamini_hochberg(R["p"]) == pytest.approx(R["benjamini_hochberg"])


def test_order_does_not_matter() -> None:
    order = np.random.default_rng(0).permutation(len(R["p"]))
    for method in (holm, benjamini_hochberg):
        assert method(np.array(R["p"])[order]) == pytest.approx(method(R["p"])[order])


def test_refuses() -> None:
    with pytest.raises(ValueError, match=r"must lie in 0\.\.1"):
        holm([0.2, 1.2])
    with pytest.raises(ValueError, match="missing"):
        benjamini_hochberg([0.2, np.nan])
