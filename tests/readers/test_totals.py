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
    made = totals_with_intervals(findings(0.3), SVDH, {"error_correlation": 0.0}, 0.9)["hand_left_narrowing"]
    law = binom(15, 0.3)
    assert (made.value, made.maximum, made.level, made.sites_unreadable) == (0, 60, 0.9, 0)
    assert (made.low, made.high) == (0, law.ppf(0.95)), "the value itself is always inside"


def test_joints_that_err_together_give_all_or_none() -> None:
    made = totals_with_intervals(findings(0.3), SVDH, {"error_correlation": 1.0}, 0.9)["hand_left_narrowing"]
    assert (made.low, made.high) == (0, 15)


def test_a_feature_may_have_a_correlation_of_its_own() -> None:
    own = {"error_correlation": 1.0, f"{FEATURE}_error_correlation": 0.0}
    assert totals_with_intervals(findings(0.3), SVDH, own, 0.9) == totals_with_intervals(
        findings(0.3), SVDH, {"error_correlation": 0.0}, 0.9
    )
    erosion = next(i for i in SVDH.items if i.feature == "erosion")
    assert correlation_of([*ITEMS, erosion], own) == 1.0
    assert correlation_of(ITEMS, {}) is None


def test_unread_joints_are_counted_and_add_nothing() -> None:
    made = totals_with_intervals(findings(0.6, unread=1), SVDH, {"error_correlation": 0.0}, 0.9)["hand_left_narrowing"]
    assert (made.value, made.sites_unreadable) == (14, 1)
    assert made.high is not None
    assert made.high <= 14


def test_without_probabilities_there_is_a_total_and_no_interval() -> None:
    bare = [Finding(i.site, i.side, FEATURE, grade=1.0) for i in ITEMS]
    made = totals_with_intervals(bare, SVDH, {"error_correlation": 0.4}, 0.9)["hand_left_narrowing"]
    assert (made.value, made.low, made.high, made.level) == (15, None, None, None)


def test_without_a_known_correlation_only_a_single_site_has_an_interval() -> None:
    made = totals_with_intervals(findings(0.3), SVDH, {}, 0.9)["hand_left_narrowing"]
    assert (made.value, made.low) == (0, None)
    knee = system("kellgren_lawrence")
    item = next(i for i in knee.items if i.region == "knee_left")
    grade = Finding(item.site, item.side, item.feature, grade=2.0, probabilities=(0.1, 0.2, 0.4, 0.2, 0.1))
    total = totals_with_intervals([grade], knee, {}, 0.7)["knee_left"]
    assert (total.low, total.value, total.high) == (1, 2, 3)


def test_a_total_that_is_no_sum_has_no_interval() -> None:
    """The worse of two eyes is no sum: the distribution of a sum would be another score's."""
    icdr = system("icdr")
    made = totals_with_intervals(
        [Finding(i.site, i.side, i.feature, grade=2.0, probabilities=tuple(np.eye(len(i.grades))[2])) for i in icdr.items],
        icdr,
        {"error_correlation": 0.0},
        0.9,
    )
    assert made["worse_eye"].value == 2
    assert made["worse_eye"].low is None
