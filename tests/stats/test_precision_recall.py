import numpy as np
import pytest
from scipy.special import logit
from scipy.stats import norm
from sklearn.metrics import average_precision_score

from coread.stats.estimate import Estimate
from coread.stats.precision_recall import average_precision, precision_recall
from tests.stats.golden_numbers import table

ASAH = table("asah")


@pytest.mark.parametrize("marker", ["s100b", "wfns", "ndka"])
def test_average_precision_as_scikit_learn(marker: str) -> None:
    assert average_precision(ASAH["poor"], ASAH[marker]).estimate == pytest.approx(average_precision_score(ASAH["poor"], ASAH[marker]))


def test_constant_score_has_the_share_of_positives() -> None:
    assert average_precision([0, 0, 0, 1], [5.0] * 4).estimate == pytest.approx(0.25)
    assert precision_recall([0, 0, 0, 1], [5.0] * 4).precision.tolist() == [0.25]


def test_perfect_has_a_width() -> None:
    found = average_precision([0, 0, 1, 1, 1], [1, 2, 3, 4, 5])
    assert (found.estimate, found.high) == (1.0, 1.0)
    assert found.low is not None
    assert 0.4 < found.low < 0.5


def standard_error(found: Estimate) -> float:
    assert found.estimate is not None
    assert found.low is not None
    return float((logit(found.estimate) - logit(found.low)) / norm.ppf(0.975) * found.estimate * (1 - found.estimate))


def test_standard_error_is_that_of_the_derivatives_by_weight() -> None:
    random = np.random.default_rng(0)
    truth = np.tile([0, 1, 0], 20)
    scores = np.round(truth + random.standard_normal(60), 1)
    plain, change = average_precision_score(truth, scores), 1e-6
    weighted = [average_precision_score(truth, scores, sample_weight=1 + change * (np.arange(60) == i)) for i in range(60)]
    terms = (np.array(weighted) - plain) / change
    assert standard_error(average_precision(truth, scores)) ** 2 == pytest.approx(60 / 59 * (terms**2).sum(), rel=1e-4)
    patient = np.arange(60) // 4
    sums = np.bincount(patient, weights=terms)
    assert standard_error(average_precision(truth, scores, patient)) ** 2 == pytest.approx(15 / 14 * (sums**2).sum(), rel=1e-4)


def test_coverage() -> None:
    random = np.random.default_rng(2)
    truth = random.random(200_000) < 0.25
    true = average_precision(truth, truth + random.standard_normal(200_000)).estimate
    assert true is not None
    covered = []
    for _ in range(500):
        small = random.random(200) < 0.25
        found = average_precision(small, small + random.standard_normal(200))
        covered.append(found.low is not None and found.high is not None and found.low <= true <= found.high)
    assert 0.92 < np.mean(covered) < 0.98
