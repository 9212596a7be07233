import numpy as np
import pytest
from scipy.stats import norm

from coread.stats.auc import auc, compare_aucs
from tests.stats.golden_numbers import golden, table

ASAH, PROC = table("asah"), golden("discrimination")
MARKERS = ("s100b", "wfns", "ndka")


@pytest.mark.parametrize("marker", MARKERS)
def test_delong_as_proc(marker: str) -> None:
    expected = PROC["auc"][marker]
    found = auc(ASAH["poor"], ASAH[marker], scale="linear")
    assert found.estimate == pytest.approx(expected["auc"], abs=1e-12)
    assert (found.low, found.high) == pytest.approx(expected["ci"], abs=1e-10)
    assert found.standard_error**2 == pytest.approx(expected["variance"], abs=1e-12)
    narrow = auc(ASAH["poor"], ASAH[marker], level=0.9, scale="linear")
    assert (narrow.low, narrow.high) == pytest.approx(expected["ci90"], abs=1e-10)
    assert (found.n, found.positives) == (113, 41)


def test_delong_test_as_proc() -> None:
    found = compare_aucs(ASAH["poor"], [ASAH[m] for m in MARKERS])
    for difference, expected in zip(found.differences, PROC["paired"], strict=True):
        assert [MARKERS[difference.first], MARKERS[difference.second]] == expected["models"]
        assert difference.z == pytest.approx(expected["z"], abs=1e-9)
        assert difference.p_value == pytest.approx(expected["p_value"], abs=1e-9)
        assert (difference.low, difference.high) == pytest.approx(expected["ci"], abs=1e-9)


def test_global_test_of_two_is_the_square_of_z() -> None:
    found = compare_aucs(ASAH["poor"], [ASAH["s100b"], ASAH["wfns"]])
    assert found.chi_square == pytest.approx(found.differences[0].z ** 2)
    assert found.p_value == pytest.approx(found.differences[0].p_value)
    again = compare_aucs(ASAH["poor"], [ASAH["s100b"], ASAH["wfns"], ASAH["wfns"]])
    assert (again.chi_square, again.degrees_of_freedom) == (pytest.approx(found.chi_square), 1)


def test_components_are_the_definition() -> None:
    random = np.random.default_rng(3)
    truth, scores = random.integers(0, 2, 40), random.integers(0, 6, 40).astype(float)
    x, y = scores[truth == 1], scores[truth == 0]
    kernel = (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])
    variance = kernel.mean(axis=1).var(ddof=1) / x.size + kernel.mean(axis=0).var(ddof=1) / y.size
    found = auc(truth, scores)
    assert found.estimate == pytest.approx(kernel.mean())
    assert found.standard_error**2 == pytest.approx(variance)


def test_by_patient() -> None:
    one_each = auc(ASAH["poor"], ASAH["s100b"], clusters=np.arange(113))
    assert one_each.standard_error == pytest.approx(auc(ASAH["poor"], ASAH["s100b"]).standard_error, abs=1e-12)
    # every case three times adds nothing: the interval by patient stays, the naive one shrinks by sqrt(3)
    truth, scores, patient = (np.repeat(v, 3) for v in (ASAH["poor"], ASAH["s100b"], np.arange(113)))
    assert auc(truth, scores, patient).standard_error == pytest.approx(one_each.standard_error, rel=1e-9)
    assert auc(truth, scores).standard_error == pytest.approx(one_each.standard_error / 3**0.5, rel=0.02)


def test_by_patient_as_the_infinitesimal_jackknife_of_r() -> None:
    # survival::concordance sums influence over patients without Obuchowski's m / (m - 1), so it is a little smaller
    found = auc(ASAH["poor"], ASAH["s100b"], clusters=np.arange(113) % 30)
    ratio = found.standard_error**2 / PROC["concordance"]["binary_by_patient"]["variance"]
    assert 1.0 < ratio < 30 / 29 * 1.03


def simulated(n: int, clusters: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cases of which every patient has both kinds, with a patient effect; AUC = Phi(1 / sqrt 2 / sqrt(1)) of the differences."""
    random = np.random.default_rng(seed)
    patient = np.repeat(np.arange(clusters), n // clusters)
    truth = np.tile([0, 1], n // 2)[:n]
    effect = random.standard_normal(clusters)[patient]
    return truth, truth + 0.8 * effect + 0.6 * random.standard_normal(n), patient


def test_coverage_by_patient_and_without() -> None:
    true = norm.cdf(1 / 2**0.5)
    runs = [simulated(240, 60, seed) for seed in range(400)]
    by_patient = [auc(*run) for run in runs]
    covered = np.mean([a.low <= true <= a.high for a in by_patient])
    assert 0.92 < covered < 0.98
    # patients of one kind only: ignoring them makes the interval too narrow
    random = np.random.default_rng(5)
    naive, right = [], []
    for _ in range(400):
        patient, truth = np.repeat(np.arange(60), 4), np.repeat(np.arange(60) % 2, 4)
        scores = truth + 0.8 * random.standard_normal(60)[patient] + 0.6 * random.standard_normal(240)
        naive.append((a := auc(truth, scores)).low <= true <= a.high)
        right.append((a := auc(truth, scores, patient)).low <= true <= a.high)
    assert np.mean(naive) < 0.85
    assert 0.91 < np.mean(right) < 0.98


def test_no_spread_still_has_a_width() -> None:
    perfect = auc([0, 0, 0, 1, 1, 1], [1, 2, 3, 4, 5, 6])
    assert (perfect.estimate, perfect.high) == (1.0, 1.0)
    assert 0.4 < perfect.low < 0.7
    constant = auc([0, 1] * 10, [3.0] * 20)
    assert constant.estimate == 0.5
    assert constant.low < 0.35 < 0.65 < constant.high
    assert "Newcombe" in constant.method


def test_few_patients_get_the_t_quantile() -> None:
    truth, scores, patient = simulated(40, 10, 3)
    found = auc(truth, scores, patient, scale="linear")
    assert found.estimate - found.low == pytest.approx(2.262157 * found.standard_error)


def test_logit_stays_inside_and_holds_the_estimate() -> None:
    scores = np.arange(24.0)
    scores[[11, 12]] = scores[[12, 11]]
    found = auc(np.repeat([0, 1], 12), scores, scale="logit")
    assert 0 < found.low < found.estimate < found.high < 1


@pytest.mark.parametrize(
    ("truth", "scores", "clusters", "said"),
    [
        ([1, 1, 1], [1, 2, 3], None, "0 negatives"),
        ([0, 1, 2], [1, 2, 3], None, "0 and 1 only"),
        ([0, 1, 1], [1, 2, np.nan], None, "missing or infinite"),
        ([0, 1, 1], [1, 2], None, "equally long"),
        ([], [], None, "at least one"),
        ([0, 1, 1], [1, 2, 3], None, "two of each class"),
        ([0, 1, 1, 0], [1, 2, 3, 4], [1, 1, 1, 1], "at least two"),
        ([0, 1, 1, 0], [1, 2, 3, 4], [1, 2, 2, 3], "two patients of each class"),
        ([0, 1, 1, 0], [1, 2, 3, 4], [1, 2], "one patient for each"),
    ],
)
def test_refuses(truth: list[float], scores: list[float], clusters: list[int] | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        auc(truth, scores, clusters)


def test_refuses_a_comparison_without_variance() -> None:
    with pytest.raises(ValueError, match="variance of 0"):
        compare_aucs([0, 0, 1, 1], [[1, 2, 3, 4], [4, 3, 2, 1]])
    with pytest.raises(ValueError, match="at least two models"):
        compare_aucs([0, 0, 1, 1], [[1, 2, 3, 4]])
    same = compare_aucs([0, 0, 1, 1], [[1, 3, 2, 4], [1, 3, 2, 4]])
    assert (same.p_value, same.differences[0].p_value) == (1.0, 1.0)
