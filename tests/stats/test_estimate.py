import numpy as np
import pytest

from coread.stats.estimate import Estimate, linearised, normal_quantile


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ((float("nan"), 0.0, 1.0), ""),
        ((0.5, float("nan"), 1.0), ""),
        ((0.5, None, 1.0), "no lower bound"),
        ((None, 0.0, 1.0), "no value"),
        ((0.5, None, None), ""),
        ((0.5, 0.0, 1.0), "a reason for nothing"),
    ],
)
def test_never_a_silent_gap(numbers: tuple[float | None, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=r"NaN|half an interval|needs its reason"):
        Estimate(*numbers, 0.95, 10, "a method", reason)


def test_linearised_mean_is_the_t_interval() -> None:
    """Student 1908, the extra sleep of ten patients: mean 1.58, standard error 0.389, 95 % limits 0.70 and 2.46."""
    extra = np.array([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4])
    scaled = linearised(extra.mean() / 10, (extra - extra.mean()) / 10, 0.95, "mean")
    assert [round(10 * x, 2) for x in (scaled.estimate, scaled.low, scaled.high)] == [1.58, 0.70, 2.46]


def test_normal_quantile() -> None:
    assert round(normal_quantile(0.95), 6) == 1.959964
    with pytest.raises(ValueError, match="level must lie"):
        normal_quantile(1.0)
