import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve

from coread.stats.calibration import calibration_error, observed_to_expected, reliability_curve


def cases(n: int, seed: int, slope: float = 1.0, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    p = random.beta(1.2, 2, n)
    return (random.random(n) < expit(shift + slope * logit(p))).astype(int), p


@pytest.mark.parametrize(("kind", "theirs"), [("width", "uniform"), ("mass", "quantile")])
def test_curve_as_scikit_learn(kind: str, theirs: str) -> None:
    truth, p = cases(500, 0)
    observed, predicted = calibration_curve(truth, p, n_bins=10, strategy=theirs)
    found = reliability_curve(truth, p, (kind, 10))  # type: ignore[arg-type]
    assert [b.observed.estimate for b in found] == pytest.approx(observed)
    assert [b.predicted for b in found] == pytest.approx(predicted)


def test_error_by_hand() -> None:
    # bins 0-.5 and .5-1: |.25 - 1/2| x 2/4 + |.8 - 1| x 2/4
    found = calibration_error([0, 1, 1, 1], [0.2, 0.3, 0.7, 0.9], ("width", 2))
    assert found.plug_in == pytest.approx(0.125 + 0.1)
    assert found.bins == 2


def test_noise_of_perfect_probabilities_is_reduced_and_zero_not_excluded() -> None:
    found = [calibration_error(*cases(200, seed)) for seed in range(150)]
    assert np.mean([f.estimate for f in found]) < 0.7 * np.mean([f.plug_in for f in found])
    assert np.mean([f.low == 0 for f in found]) > 0.9


def test_coverage() -> None:
    truth, p = cases(400_000, 99, slope=0.5)
    true = calibration_error(truth, p).plug_in
    covered = [f.low <= true <= f.high for f in (calibration_error(*cases(400, seed, slope=0.5)) for seed in range(300))]
    assert 0.91 < np.mean(covered) < 0.985


def test_by_patient_repeats_add_nothing() -> None:
    truth, p = cases(100, 4, slope=0.4)
    patient = np.arange(100)
    once, thrice = calibration_error(truth, p), calibration_error(np.repeat(truth, 3), np.repeat(p, 3), clusters=np.repeat(patient, 3))
    assert (once.plug_in, once.low, once.high) == pytest.approx((thrice.plug_in, thrice.low, thrice.high), abs=1e-6)


def test_edges_belong_to_the_upper_bin_and_one_to_the_last() -> None:
    found = reliability_curve([0, 1, 1], [0.1, 0.5, 1.0], ("width", 2))
    assert [(b.low, b.high, b.observed.n) for b in found] == [(0.0, 0.5, 1), (0.5, 1.0, 2)]
    assert len(reliability_curve([0, 1, 1], [0.3, 0.3, 0.3], ("mass", 4))) == 1


def test_observed_to_expected() -> None:
    found = observed_to_expected([1, 0, 0, 1], [0.5, 0.25, 0.25, 0.25])
    assert found.estimate == pytest.approx(1.6)
    runs = [observed_to_expected(*cases(200, seed)) for seed in range(300)]
    covered = [r.low is not None and r.high is not None and r.low <= 1 <= r.high for r in runs]
    assert 0.92 < np.mean(covered) <= 1.0


@pytest.mark.parametrize(
    ("truth", "p", "bins", "said"),
    [
        ([0, 1], [0.2, 1.2], ("width", 10), r"must lie in 0\.\.1"),
        ([0, 1], [0.2], ("width", 10), "equally long"),
        ([0, 1], [0.2, 0.3], ("width", 0), "bins must be"),
        ([0, 1], [0.2, 0.3], ("size", 3), "bins must be"),
        ([1], [0.2], ("width", 10), "two cases"),
    ],
)
def test_refuses(truth: list[int], p: list[float], bins: tuple[str, int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        calibration_error(truth, p, bins)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="all probabilities are 0"):
        observed_to_expected([0, 1], [0, 0])
