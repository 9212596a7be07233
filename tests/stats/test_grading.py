import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, mean_absolute_error

from coread.stats.auc import auc
from coread.stats.grading import c_index, grade_measures, threshold_aucs
from tests.stats.golden_numbers import golden, table

ASAH, R = table("asah"), golden("discrimination")["concordance"]


def graded(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.integers(0, 4, n)
    return truth, np.clip(truth + random.integers(-1, 2, n) * (random.random(n) < 0.4), 0, 3)


def test_as_scikit_learn() -> None:
    truth, grades = graded(200, 0)
    found = grade_measures(truth, grades, 4)
    assert (found.confusion == confusion_matrix(truth, grades)).all()
    assert found.mean_absolute_error.estimate == pytest.approx(mean_absolute_error(truth, grades))
    assert found.macro_sensitivity.estimate == pytest.approx(balanced_accuracy_score(truth, grades))
    assert found.accuracy.estimate == pytest.approx((truth == grades).mean())
    assert found.within_one.estimate == 1.0
    each = [mean_absolute_error(truth[truth == g], grades[truth == g]) for g in range(4)]
    assert found.macro_absolute_error.estimate == pytest.approx(np.mean(each))


def test_the_mean_error_has_the_t_interval() -> None:
    truth, grades = graded(50, 1)
    error = grades - truth
    found = grade_measures(truth, grades, 4).mean_error
    assert found.high is not None
    assert found.high - error.mean() == pytest.approx(2.009575 * error.std(ddof=1) / 50**0.5, rel=1e-5)


def test_grades_that_do_not_occur() -> None:
    found = grade_measures([0, 0, 1, 1], [0, 1, 1, 1], 3)
    assert found.sensitivity_by_grade[2].undefined == "no case of grade 2"
    assert found.macro_sensitivity.estimate == pytest.approx(0.75)
    perfect = grade_measures([0, 1], [0, 1], 2)
    assert (perfect.mean_absolute_error.estimate, perfect.mean_absolute_error.low) == (0.0, None)


@pytest.mark.parametrize("name", ["binary", "ordinal"])
def test_c_index_as_survival(name: str) -> None:
    truth = ASAH["poor" if name == "binary" else "wfns"]
    for patient, expected, m in [(None, R[name], 113), (np.arange(113) % 30, R[f"{name}_by_patient"], 30)]:
        found = c_index(truth, ASAH["s100b"], patient)
        assert found.estimate == pytest.approx(expected["c"], abs=1e-12)
        assert found.low is not None
        assert found.estimate is not None
        c = found.estimate
        se = (np.log(c / (1 - c)) - np.log(found.low / (1 - found.low))) / norm.ppf(0.975) * c * (1 - c)
        # survival leaves out m / (m - 1)
        assert se**2 == pytest.approx(expected["variance"] * m / (m - 1), rel=1e-9)


def test_c_index_counts_pairs() -> None:
    truth, grades = graded(60, 2)
    alike = total = 0.0
    for i in range(60):
        for j in range(60):
            if truth[i] > truth[j]:
                total += 1
                alike += (grades[i] > grades[j]) + 0.5 * (grades[i] == grades[j])
    assert c_index(truth, grades).estimate == pytest.approx(alike / total)
    assert c_index([0, 1, 2], [1, 2, 3]).undefined.startswith("no interval")


def test_every_cut_has_its_auc() -> None:
    truth, grades = graded(100, 3)
    found = threshold_aucs(truth, grades)
    assert list(found) == [1.0, 2.0, 3.0]
    assert found[2.0] == auc(truth >= 2, grades)


def test_refuses() -> None:
    with pytest.raises(ValueError, match=r"grades must hold whole numbers 0\.\.2"):
        grade_measures([0, 1], [0, 3], 3)
    with pytest.raises(ValueError, match="at least two grades"):
        grade_measures([0, 0], [0, 0], 1)
    with pytest.raises(ValueError, match="one grade only"):
        c_index([1, 1], [1, 2])
    with pytest.raises(ValueError, match="one grade only"):
        threshold_aucs([1, 1], [1, 2])
