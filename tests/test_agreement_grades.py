"""Agreement on grades: kappas are those of the columns, shares are counted by hand, drivers add up."""

from itertools import combinations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from coread.agreement_grades import MEASURES, ONE_GRADE, agreement_on_grades, drivers_of, group_of, site_words
from coread.agreement_scores import Scores, side_by_side
from coread.stats.kappa import light_kappa
from coread.stats.resampling import Plan
from tests.score_sheets import left_foot, reading, simulated

PLAN = Plan(resamples=300)


@pytest.fixture(scope="module")
def pair() -> Scores:
    (scores,) = side_by_side(simulated(30, ("anna", "ben"), seed=5))
    return scores


@pytest.fixture(scope="module")
def three() -> Scores:
    (scores,) = side_by_side(simulated(30, ("anna", "ben", "cleo"), seed=6))
    return scores


def feet(*grades: tuple[float, ...]) -> Scores:
    """A patient a row; a reader a column; the grade of one joint of the left foot, the others 0."""
    (scores,) = side_by_side(
        reading(f"p{i}", f"reader {j}", left_foot({"MTP 1": g})) for i, row in enumerate(grades) for j, g in enumerate(row)
    )
    return scores


def test_pooled_kappas_and_shares_are_those_of_the_columns(pair: Scores) -> None:
    """By scikit-learn on all boxes of a feature, one below the other."""
    made = {m.feature: m for m in agreement_on_grades(pair, [0, 1], PLAN) if m.level == "feature"}
    assert set(made) == {"erosion", "joint_space_narrowing"}
    for feature, found in made.items():
        boxes = [i for i, item in enumerate(pair.items) if item.feature == feature]
        a, b = (pair.grades[:, column, boxes].ravel() for column in (0, 1))
        assert found.n == a.size
        for scheme in ("quadratic", "linear"):
            theirs = cohen_kappa_score(a.astype(int), b.astype(int), weights=scheme)
            assert found.estimates[f"kappa_{scheme}"].estimate == pytest.approx(theirs)
        assert found.estimates["exact"].estimate == pytest.approx((a == b).mean())
        assert found.estimates["within_one"].estimate == pytest.approx((np.abs(a - b) <= 1).mean())
        assert (found.estimates["kappa_linear"].n, found.estimates["exact"].n) == (30, a.size)


def test_three_readers_have_light_s_kappa_and_every_pair_counts(three: Scores) -> None:
    made = agreement_on_grades(three, [0, 1, 2], PLAN)
    (site,) = [m for m in made if (m.level, m.name, m.feature) == ("site", "MCP 2, left", "erosion")]
    (box,) = [i for i, item in enumerate(three.items) if (item.site, item.side, item.feature) == ("MCP 2", "left", "erosion")]
    grades = three.grades[:, :, box]
    assert site.estimates["kappa_quadratic"].estimate == pytest.approx(light_kappa(grades, "quadratic").estimate)
    assert site.estimates["kappa_quadratic"].method.startswith("Light's weighted kappa, 3 pairs of readers")
    exact = np.mean([grades[:, a] == grades[:, b] for a, b in combinations(range(3), 2)])
    assert site.estimates["exact"].estimate == pytest.approx(exact)
    assert site.n == 90


def test_readers_exchanged_agree_as_before(pair: Scores) -> None:
    for one, other in zip(agreement_on_grades(pair, [0, 1], PLAN), agreement_on_grades(pair, [1, 0], PLAN), strict=True):
        assert [e.estimate for e in one.estimates.values()] == pytest.approx([e.estimate for e in other.estimates.values()], nan_ok=True)


def test_every_box_is_in_one_site_and_one_group(pair: Scores) -> None:
    made = agreement_on_grades(pair, [0, 1], PLAN)
    for feature in ("erosion", "joint_space_narrowing"):
        by = {level: sum(m.n for m in made if (m.level, m.feature) == (level, feature)) for level in ("feature", "group", "site")}
        assert by["site"] == by["feature"]
        assert by["group"] <= by["feature"]
    mcp = [m for m in made if (m.level, m.name, m.feature) == ("group", "MCP", "erosion")]
    assert [m.n for m in mcp] == [30 * 10]


def test_names_of_groups() -> None:
    assert [group_of(name) for name in ("MCP 2", "CMC 3-5", "radiocarpal", "C2-C3", "5")] == ["MCP", "CMC", "radiocarpal", "C-C", "5"]


def test_one_grade_throughout_has_a_reason_and_a_share() -> None:
    scores = feet(*[(2, 2)] * 5)
    (site,) = [m for m in agreement_on_grades(scores, [0, 1], PLAN) if m.name == "MTP 1, left"]
    assert site.estimates["kappa_quadratic"].undefined == ONE_GRADE
    assert site.estimates["exact"].estimate == 1


def test_a_box_that_one_left_out_counts_nowhere() -> None:
    """Counted by hand: of four patients one lacks the grade of one reader, two of the other three agree, all within one."""
    scores = feet((0, 0), (3, 3), (1, 2), (4, 0))
    box = [site_words(item) for item in scores.items].index("MTP 1, left")
    scores.grades[3, 1, box] = np.nan
    (site,) = [m for m in agreement_on_grades(scores, [0, 1], PLAN) if m.name == "MTP 1, left"]
    assert (site.n, site.estimates["exact"].estimate, site.estimates["within_one"].estimate) == (3, pytest.approx(2 / 3), 1)
    first = drivers_of(scores, [0, 1], PLAN)[0]
    assert (site_words(first.item), first.points, first.n, first.mean_difference) == ("MTP 1, left", 1, 3, pytest.approx(-1 / 3))


def test_no_number_without_its_reason(pair: Scores) -> None:
    for made in (*agreement_on_grades(pair, [0, 1], PLAN), *agreement_on_grades(feet((1, 1)), [0, 1], PLAN)):
        assert list(made.estimates) == list(MEASURES)
        for estimate in made.estimates.values():
            assert (estimate.low is None) == bool(estimate.undefined)


def test_drivers_are_the_sums_of_differences_and_their_shares_add_up(three: Scores) -> None:
    found = drivers_of(three, [0, 1, 2], PLAN)
    differences = {
        item.key: sum(np.abs(three.grades[:, a, i] - three.grades[:, b, i]).sum() for a, b in combinations(range(3), 2))
        for i, item in enumerate(three.items)
    }
    assert {d.item.key: d.points for d in found} == pytest.approx(differences)
    assert [d.points for d in found] == sorted(differences.values(), reverse=True)
    assert sum(d.share.estimate for d in found) == pytest.approx(1)
    assert all(d.mean_difference is None for d in found)


def test_readers_who_agree_everywhere_have_no_driver() -> None:
    assert {d.share.undefined for d in drivers_of(feet((1, 1), (0, 0), (3, 3)), [0, 1], PLAN)} == {
        "no disagreement: the readers gave the same grade everywhere"
    }
