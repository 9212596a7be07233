"""Totals of findings: the score of the system, and the interval of a sum whose distribution is known."""

import numpy as np
from scipy.stats import binom

from coread.readers.totals import correlation_of, totals_with_intervals
from coread.reading import Finding
from coread.scoring import system
from tests.made_up import FEATURE, ITEMS

SVDH = system("svdh")


def findings(p: float, unread: int = 0) -> list[Finding]:
    """Fifteen joints, each 0 or 1 with probability p, graded by their middle."""
    graded = [Finding(i.site, i.side, FEATURE, grade=float(p > 0.5), probabilities=(1 - p, p, 0.0, 0.0, 0.0)) for i in ITEMS[unread:]]
    return [*(Finding(i.site, i.side, FEATURE, unreadable="outside the image") for i in ITEMS[:unread]), *graded]


def test_independent_joints_give_the_binomial() -> None:
    made = totals_with_intervals(findings(0.3), SVDH, {"": 0.0}, 0.9)["hand_left_narrowing"]
    law = binom(15, 0.3)
    assert (made.value, made.maximum, made.level, made.sites_unreadable) == (0, 60, 0.9, 0)
    assert (made.low, made.high) == (0, law.ppf(0.95)), "the value itself is always inside"


def test_joints_that_err_together_give_all_or_none() -> None:
    made = totals_with_intervals(findings(0.3), SVDH, {"": 1.0}, 0.9)["hand_left_narrowing"]
    assert (made.low, made.high) == (0, 15)


def test_unread_joints_are_counted_and_add_nothing() -> None:
    made = totals_with_intervals(findings(0.6, unread=1), SVDH, {"": 0.0}, 0.9)["hand_left_narrowing"]
    assert (made.value, made.sites_unreadable) == (14, 1)
    assert made.high is not None
    assert made.high <= 14


def test_without_probabilities_there_is_a_total_and_no_interval() -> None:
    bare = [Finding(i.site, i.side, FEATURE, grade=1.0) for i in ITEMS]
    made = totals_with_intervals(bare, SVDH, {"": 0.4}, 0.9)["hand_left_narrowing"]
    assert (made.value, made.low, made.high, made.level) == (15, None, None, None)


def test_a_total_that_is_no_sum_has_no_interval() -> None:
    """The worse of two eyes is no sum: the distribution of a sum would be another score's."""
    icdr = system("icdr")
    graded = [Finding(i.site, i.side, i.feature, grade=2.0, probabilities=tuple(np.eye(len(i.grades))[2])) for i in icdr.items]
    made = totals_with_intervals(graded, icdr, {"": 0.0}, 0.9)
    assert made["worse_eye"].value == 2
    assert made["worse_eye"].low is None


def test_a_feature_has_a_correlation_of_its_own() -> None:
    correlation = correlation_of({"error_correlation": 1.0, "error_correlation_joint_space_narrowing": 0.0, "level": 0.9})
    assert correlation is not None
    own = totals_with_intervals(findings(0.3), SVDH, correlation, 0.9)["hand_left_narrowing"]
    assert own == totals_with_intervals(findings(0.3), SVDH, {"": 0.0}, 0.9)["hand_left_narrowing"]
    assert correlation_of({"error_correlation_erosion": 0.1}) is None
