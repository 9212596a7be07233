import numpy as np
import pytest
from scipy import stats

from coread.stats.permutation import permutation_groups, permutation_groups_each, permutation_paired


def mean(sums: np.ndarray) -> np.ndarray:
    return sums[..., 1] / sums[..., 0]


def parts(values: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(values)), values])


# Student 1908, extra sleep by two drugs in ten patients: the exact test over all 1024 exchanges.
FIRST = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
SECOND = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])


def test_paired_is_exact_as_scipys() -> None:
    ours = permutation_paired(parts(FIRST), parts(SECOND), mean)
    theirs = stats.permutation_test((FIRST, SECOND), lambda a, b: a.mean() - b.mean(), permutation_type="samples", n_resamples=np.inf)
    assert ours.difference == pytest.approx(-1.58)
    assert (ours.p_value, ours.permutations) == (pytest.approx(theirs.pvalue), 1024)
    assert "all of them" in ours.method


def test_random_exchanges_come_close() -> None:
    ours = permutation_paired(parts(np.tile(FIRST, 2)), parts(np.tile(SECOND, 2) - 1), mean, 9999)
    theirs = stats.ttest_rel(np.tile(FIRST, 2), np.tile(SECOND, 2) - 1)
    assert ours.p_value == pytest.approx(theirs.pvalue, abs=0.01)


def test_groups_as_scipys() -> None:
    random = np.random.default_rng(5)
    values, group = random.standard_normal(12), np.arange(12) < 5
    values[group] += 1
    ours = permutation_groups(parts(values), group, mean, permutations=20_000)
    theirs = stats.permutation_test((values[group], values[~group]), lambda a, b: a.mean() - b.mean(), n_resamples=np.inf)
    assert ours.p_value == pytest.approx(theirs.pvalue, abs=0.01)


def test_strata_hold_back_what_they_explain() -> None:
    """A centre that scores higher and holds more of one group: a difference without strata, none within."""
    random = np.random.default_rng(6)
    centre = np.arange(200) % 2
    group = random.random(200) < np.where(centre == 1, 0.9, 0.1)
    values = 2.0 * centre + random.standard_normal(200)
    assert permutation_groups(parts(values), group, mean, permutations=999).p_value == 0.001
    # Within a centre the groups are exchangeable; the whole difference is what each shuffle keeps.
    assert permutation_groups(parts(values), group, mean, centre, 999).p_value > 0.05


def test_p_is_uniform_where_nothing_differs() -> None:
    random = np.random.default_rng(7)
    p = [permutation_paired(parts(a), parts(b), mean, 199).p_value for a, b in random.standard_normal((200, 2, 15))]
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_without_a_value() -> None:
    empty = permutation_paired(np.zeros((4, 2)), parts(FIRST[:4]), lambda s: np.where(s[..., 0] > 0, s[..., 1], np.nan))
    assert (empty.difference, empty.p_value) == (None, None)
    assert "no value in one of the two" in empty.undefined


def test_refuses() -> None:
    with pytest.raises(ValueError, match="same patients"):
        permutation_paired(parts(FIRST), parts(SECOND[:3]), mean)
    with pytest.raises(ValueError, match="True or False for each of 10"):
        permutation_groups(parts(FIRST), np.ones(10, dtype=bool), mean)
    with pytest.raises(ValueError, match="one stratum for each of 10"):
        permutation_groups(parts(FIRST), np.arange(10) < 3, mean, [1])
    with pytest.raises(ValueError, match="at least 1 permutation"):
        permutation_groups(parts(FIRST), np.arange(10) < 3, mean, permutations=0)
    with pytest.raises(ValueError, match="finite numbers"):
        permutation_paired(parts(FIRST * np.nan), parts(SECOND), mean)


def test_several_statistics_at_once_are_those_alone() -> None:
    random = np.random.default_rng(8)
    first, second = parts(random.normal(size=40)), parts(random.normal(size=40))
    group = np.arange(40) < 15
    width = first.shape[1]

    def both(sums: np.ndarray) -> np.ndarray:
        return np.stack([mean(sums[:, :width]), mean(sums[:, width:])], axis=1)

    together = permutation_groups_each(np.hstack([first, second]), group, both, permutations=999)
    alone = (permutation_groups(first, group, mean, permutations=999), permutation_groups(second, group, mean, permutations=999))
    assert [t.p_value for t in together] == [t.p_value for t in alone]
    assert [t.difference for t in together] == pytest.approx([t.difference for t in alone])
