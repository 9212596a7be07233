import numpy as np
import pytest

from coread.stats.bland_altman import bland_altman
from coread.stats.bland_altman_repeated import bland_altman_clustered, bland_altman_replicates
from tests.stats.agreement_tables import PEAK_FLOW

LARGE, MINI = PEAK_FLOW[:, :2], PEAK_FLOW[:, 2:]


def test_lancet_1986_corrected_standard_deviation() -> None:
    """Bland & Altman, Lancet 1986;i:307, measuring agreement using repeated measurements: 37.7 l/min for a single measurement by each."""
    ours = bland_altman_replicates(list(LARGE), list(MINI))
    assert round(ours.sd, 1) == 37.7
    assert ours.bias.estimate == pytest.approx(float((LARGE - MINI).mean()))


def test_balanced_clusters_are_the_analysis_of_variance() -> None:
    """Bland & Altman 2007: variance of a difference = MSW + (MSB - MSW) / m."""
    difference = (LARGE - MINI).ravel()
    subjects = np.repeat(np.arange(17), 2)
    means = difference.reshape(17, 2).mean(axis=1)
    between = 2 * means.var(ddof=1)
    within = ((difference - np.repeat(means, 2)) ** 2).sum() / 17
    ours = bland_altman_clustered(LARGE.ravel(), MINI.ravel(), subjects)
    assert ours.sd == pytest.approx(np.sqrt(within + (between - within) / 2))


def test_repeats_shorten_what_they_know_better() -> None:
    """Ten pairs a subject that differ by within-subject noise alone know the standard deviation about as well as 10 n single pairs."""
    random = np.random.default_rng(2)
    noise = random.standard_normal((2, 300))
    clustered = bland_altman_clustered(noise[0], noise[1], np.repeat(np.arange(30), 10)).upper
    single = bland_altman(noise[0, :30], noise[1, :30]).upper
    assert clustered.high - clustered.low < 0.7 * (single.high - single.low)


def test_unequal_repeats() -> None:
    first = [[1.0, 2.0], [3.0], [5.0, 5.5, 6.0], [8.0]]
    second = [[2.0], [3.0, 3.5], [7.0], [7.0, 8.0]]
    ours = bland_altman_replicates(first, second)
    assert ours.bias.n == 4
    assert ours.lower.low < ours.lower.estimate < ours.lower.high < ours.upper.low


def test_without_a_value() -> None:
    assert "at least 2 subjects" in bland_altman_replicates([[1, 2]], [[1, 3]]).upper.undefined
    flat = bland_altman_clustered([1, 2, 3, 4], [2, 3, 4, 5], [0, 0, 1, 1])
    assert (flat.bias.estimate, flat.upper.estimate) == (-1, -1)
    assert "differences are all the same" in flat.upper.undefined


def test_refuses() -> None:
    with pytest.raises(ValueError, match="same subjects, got 1 and 2"):
        bland_altman_replicates([[1]], [[1], [2]])
    with pytest.raises(ValueError, match="second: subject 1 has no measurement"):
        bland_altman_replicates([[1], [2]], [[1], []])
    with pytest.raises(ValueError, match="no subject was measured twice"):
        bland_altman_replicates([[1], [2]], [[1], [2]])
    with pytest.raises(ValueError, match="no subject was measured twice"):
        bland_altman_clustered([1, 2], [2, 3], [0, 1])
    with pytest.raises(ValueError, match="as many second measurements"):
        bland_altman_clustered([1, 2], [2, 3], [0])
