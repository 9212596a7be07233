"""Plots of agreement: scores stand where they should, ticks are round, curves hold every patient."""

import numpy as np
import pytest

from coread.report.chart import HEIGHT, WIDTH, bland_altman_plot, probability_plot, ticks
from coread.stats.bland_altman import bland_altman
from coread.stats.estimate import Estimate, undefined


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3, 17), (2.2, 2.9), (0, 448), (-0.1, 0.1), (5, 5), (-1000, 3)])
def test_ticks_are_round_and_hold_the_range(low: float, high: float) -> None:
    found = ticks(low, high)
    steps = np.diff(found)
    assert found[0] <= low <= high <= found[-1]
    assert np.allclose(steps, steps[0])
    assert float(f"{steps[0]:.0e}".split("e")[0]) in (1, 2, 3, 5)  # 2.5 rounds to 2 or 3
    assert 2 <= len(found) <= 9


def test_points_and_limits_stand_where_they_should() -> None:
    """Heights in the drawing are linear in the score, downwards; equal points are one larger point."""
    scores = np.array([[0, 4], [10, 6], [5, 5], [5, 5]], float)
    limits = bland_altman(scores[:, 0], scores[:, 1])
    estimates = {"bias": limits.bias, "limit_low": limits.lower, "limit_high": limits.upper}
    drawn = bland_altman_plot(scores, ("anna", "ben"), estimates, "Hands")
    heights = dict(zip([-4, 0, 4], [y for _, y, _ in sorted(drawn.dots, key=lambda d: -d[1])], strict=True))
    zero, bias = (next(line.y for line in drawn.lines if line.kind == kind) for kind in ("zero", "bias"))
    assert heights[0] == zero == bias
    assert heights[-4] - heights[0] == pytest.approx(heights[0] - heights[4], abs=0.11)
    assert max(r for _, _, r in drawn.dots) > min(r for _, _, r in drawn.dots)
    assert len(drawn.dots) == 3
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y, _ in drawn.dots)


def test_a_probability_curve_rises_and_holds_every_patient() -> None:
    changes = np.array([[3, 1], [0, 0], [-2, 1], [8, 10]], float)
    sdc = Estimate(2.0, 1.0, 3.0, 0.95, 4, "")
    drawn = probability_plot(changes, ("anna", "ben"), sdc, "Hands")
    assert [curve.name for curve in drawn.curves] == ["mean of the readers", "anna", "ben"]
    for curve in drawn.curves:
        points = np.array([[float(n) for n in point.split(",")] for point in curve.points.split()])
        assert len(points) == 4
        assert (np.diff(points[:, 0]) > 0).all()
        assert (np.diff(points[:, 1]) <= 0).all()  # up is smaller
    assert "50 % got worse" in drawn.summary
    assert [line.kind for line in drawn.lines] == ["zero", "limit", "limit"]
    assert [line.kind for line in probability_plot(changes, ("a", "b"), undefined("none", 4, 0.95, ""), "Hands").lines] == ["zero"]
