import pytest

from coread.stats.logit_interval import logit_bounds


def test_small_half_widths_are_the_plain_interval_and_none_leaves_0_to_1() -> None:
    assert logit_bounds(0.7, 1e-5) == pytest.approx((0.69999, 0.70001), abs=1e-9)
    low, high = logit_bounds(0.999, 5.0)
    assert 0 <= low < 0.999 < high <= 1
    assert logit_bounds(0.3, 0.1) == pytest.approx([1 - x for x in reversed(logit_bounds(0.7, 0.1))])
