import numpy as np
import pytest
from sklearn.metrics import roc_curve as sklearn_roc_curve

from coread.stats.roc import operating_point, roc_curve, threshold_for_sensitivity, threshold_for_specificity
from tests.stats.golden_numbers import table

ASAH = table("asah")


@pytest.mark.parametrize("marker", ["s100b", "wfns"])
def test_curve_as_scikit_learn(marker: str) -> None:
    found = roc_curve(ASAH["poor"], ASAH[marker])
    false_rate, sensitivity, threshold = sklearn_roc_curve(ASAH["poor"], ASAH[marker], drop_intermediate=False)
    assert found.sensitivity == pytest.approx(sensitivity)
    assert 1 - found.specificity == pytest.approx(false_rate)
    assert found.threshold[1:] == pytest.approx(threshold[1:])


def test_operating_points() -> None:
    truth, scores = [0, 0, 0, 0, 1, 1, 1, 1], [1, 2, 3, 5, 4, 6, 7, 8]
    assert threshold_for_sensitivity(truth, scores, 0.75) == 6
    assert threshold_for_sensitivity(truth, scores, 1.0) == 4
    assert threshold_for_specificity(truth, scores, 0.75) == 4
    assert threshold_for_specificity(truth, scores, 1.0) == 6
    point = operating_point(truth, scores, 4)
    assert (point.sensitivity.count, point.sensitivity.n, point.specificity.count, point.specificity.n) == (4, 4, 3, 4)
    assert threshold_for_specificity([0, 0, 1, 1], [3, 4, 1, 2], 1.0) == np.inf


@pytest.mark.parametrize("wanted", [0, 1.1, -1])
def test_refuses(wanted: float) -> None:
    with pytest.raises(ValueError, match="must lie in"):
        threshold_for_sensitivity([0, 1], [1, 2], wanted)
    with pytest.raises(ValueError, match="must lie in"):
        threshold_for_specificity([0, 1], [1, 2], wanted)
