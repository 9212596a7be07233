import numpy as np
import pytest
from scipy.special import expit, logit, softmax
from sklearn.isotonic import IsotonicRegression

from coread.stats.recalibrate import OrdinalCalibration, Temperature, fit_isotonic, fit_ordinal, fit_temperature
from tests.stats.golden_numbers import golden


def draws(p: np.ndarray, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).random((p.shape[0], 1)) > np.cumsum(p, axis=1)[:, :-1]).sum(axis=1)


def test_a_known_temperature_is_found_and_undone() -> None:
    logits = np.random.default_rng(0).normal(0, 1.5, (5000, 4))
    truth = draws(softmax(logits, axis=1), 1)
    found = fit_temperature(truth, softmax(logits * 2.5, axis=1))
    assert found.temperature == pytest.approx(2.5, rel=0.06)
    assert Temperature(2.5, 1).apply(softmax(logits * 2.5, axis=1)) == pytest.approx(softmax(logits, axis=1), abs=1e-3)
    assert fit_temperature(truth, softmax(logits, axis=1)).temperature == pytest.approx(1, rel=0.06)


def test_isotonic_as_r_and_scikit_learn() -> None:
    expected = golden("discrimination")["isotonic"]
    assert fit_isotonic(expected["y"], np.arange(8)).apply(np.arange(8)) == pytest.approx(expected["fit"])
    random = np.random.default_rng(2)
    scores = np.round(random.random(300), 2)
    truth = random.random(300) < scores**2
    theirs = IsotonicRegression(out_of_bounds="clip").fit(scores, truth)
    new = np.linspace(-0.2, 1.2, 200)
    assert fit_isotonic(truth, scores).apply(new) == pytest.approx(theirs.predict(new), abs=1e-9)


def test_ordinal_bend_is_found_and_undone() -> None:
    random = np.random.default_rng(3)
    latent = random.normal(0, 2, (20_000, 1))
    above = expit(latent - np.array([-1.5, 0.2, 2.0]))
    padded = np.hstack([np.ones((20_000, 1)), above, np.zeros((20_000, 1))])
    p = -np.diff(padded, axis=1)
    bent = OrdinalCalibration(2.0, 0.7, 1).apply(p)
    found = fit_ordinal(draws(p, 4), bent)
    assert found.slope == pytest.approx(0.5, rel=0.05)
    assert found.shift == pytest.approx(-0.35, abs=0.05)
    assert found.apply(bent) == pytest.approx(p, abs=0.03)


def test_ordinal_of_two_grades_is_logistic() -> None:
    p = np.array([0.1, 0.3, 0.8])
    found = OrdinalCalibration(1.7, -0.4, 1).apply(np.stack([1 - p, p], axis=1))
    assert found[:, 1] == pytest.approx(expit(1.7 * logit(p) - 0.4))


@pytest.mark.parametrize("seed", range(3))
def test_what_comes_out_are_probabilities(seed: int) -> None:
    p = np.random.default_rng(seed).dirichlet([0.05] * 5, 200)
    for fitted in (Temperature(0.3, 1), Temperature(7.0, 1), OrdinalCalibration(0.2, 3.0, 1), OrdinalCalibration(9.0, -3.0, 1)):
        out = fitted.apply(p)
        assert out.sum(axis=1) == pytest.approx(np.ones(200))
        assert out.min() >= 0
    certain = np.eye(3)
    assert OrdinalCalibration(1.0, 0.0, 1).apply(certain) == pytest.approx(certain, abs=1e-5)


def test_refuses() -> None:
    with pytest.raises(ValueError, match="equally long"):
        fit_temperature([0, 1, 1], [[0.5, 0.5], [0.1, 0.9]])
    with pytest.raises(ValueError, match="all cases have grade 1"):
        fit_ordinal([1, 1], [[0.5, 0.5], [0.1, 0.9]])
    with pytest.raises(ValueError, match="at least two cases"):
        fit_isotonic([1], [0.5])
    with pytest.raises(ValueError, match="sum to 1"):
        Temperature(1.0, 2).apply([[0.4, 0.4]])
