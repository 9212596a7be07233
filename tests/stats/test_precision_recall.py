import numpy as np
import pytest
from sklearn.metrics import average_precision_score

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


def test_coverage() -> None:
    random = np.random.default_rng(2)
    truth = np.repeat([0, 1], [150_000, 50_000])
    true = average_precision(truth, truth + random.standard_normal(200_000)).estimate
    assert true is not None
    small = np.repeat([0, 1], [150, 50])
    runs = [average_precision(small, small + random.standard_normal(200)) for _ in range(400)]
    covered = np.mean([r.low <= true <= r.high for r in runs if r.low is not None and r.high is not None])
    assert 0.92 < covered <= 1.0
