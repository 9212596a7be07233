import numpy as np
import pytest

from coread.stats.binary import BinaryMeasures, binary_measures
from tests.stats.golden_numbers import golden

R = golden("discrimination")["binary"]


def cases(tp: int, fp: int, fn: int, tn: int) -> tuple[np.ndarray, np.ndarray]:
    return np.repeat([1, 0, 1, 0], [tp, fp, fn, tn]), np.repeat([1, 1, 0, 0], [tp, fp, fn, tn])


@pytest.mark.parametrize("name", [n for n in R if n != "counts"])
def test_as_epir(name: str) -> None:
    found = getattr(binary_measures(*cases(*R["counts"])), name)
    assert (found.estimate, found.low, found.high) == pytest.approx(R[name], abs=1e-9)


def test_f1_and_balanced_accuracy() -> None:
    found = binary_measures(*cases(8, 2, 4, 6))
    assert found.f1.estimate == pytest.approx(2 * 8 / (2 * 8 + 2 + 4))
    assert found.balanced_accuracy.estimate == pytest.approx((8 / 12 + 6 / 8) / 2)


@pytest.mark.parametrize("name", ["f1", "balanced_accuracy", "positive_likelihood_ratio", "negative_likelihood_ratio"])
def test_coverage_of_the_composed(name: str) -> None:
    random = np.random.default_rng(0)
    n1, n0, sensitivity, specificity = 60, 120, 0.8, 0.9
    true = {
        "f1": 2 * sensitivity * n1 / (n1 + sensitivity * n1 + (1 - specificity) * n0),
        "balanced_accuracy": 0.85,
        "positive_likelihood_ratio": 8,
        "negative_likelihood_ratio": 0.2 / 0.9,
    }[name]
    covered = []
    for tp, tn in zip(random.binomial(n1, sensitivity, 600), random.binomial(n0, specificity, 600), strict=True):
        found = getattr(binary_measures(*cases(tp, n0 - tn, n1 - tp, tn)), name)
        covered.append(found.low is not None and found.low <= true <= found.high)
    assert 0.925 < np.mean(covered) <= 0.985


def test_repeated_cases_add_nothing_by_patient() -> None:
    truth, called = cases(30, 10, 8, 40)
    patient = np.arange(truth.size)
    once = binary_measures(truth, called, patient)
    thrice = binary_measures(np.repeat(truth, 3), np.repeat(called, 3), np.repeat(patient, 3))
    for name in BinaryMeasures.__dataclass_fields__:
        a, b = getattr(once, name), getattr(thrice, name)
        if not isinstance(a, int):
            assert (a.estimate, a.low, a.high) == pytest.approx((b.estimate, b.low, b.high)), name


def test_what_is_not_defined_says_why() -> None:
    found = binary_measures([1, 1, 1], [1, 1, 0])
    assert found.sensitivity.estimate == pytest.approx(2 / 3)
    assert found.specificity.undefined == "no negative case"
    assert found.balanced_accuracy.undefined == "no negative case"
    assert found.positive_likelihood_ratio.undefined == "no negative case"
    none_called = binary_measures([1, 1, 0], [0, 0, 0])
    assert none_called.ppv.undefined == "no positive call"
    assert none_called.positive_likelihood_ratio.undefined == "no positive call among the positive cases"


def test_refuses() -> None:
    with pytest.raises(ValueError, match="equally long"):
        binary_measures([0, 1], [0])
    with pytest.raises(ValueError, match="called must hold 0 and 1"):
        binary_measures([0, 1], [0.2, 0.7])
