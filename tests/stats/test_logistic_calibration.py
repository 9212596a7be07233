import numpy as np
import pytest
from scipy.special import expit

from coread.stats.logistic_calibration import logistic_calibration
from tests.stats.golden_numbers import golden, table

ASAH, R = table("asah"), golden("discrimination")["logistic"]
PREDICTED = expit(-1.6 + 3 * ASAH["s100b"])


@pytest.mark.parametrize("name", ["slope", "intercept", "in_the_large"])
def test_as_glm(name: str) -> None:
    found = getattr(logistic_calibration(ASAH["poor"], PREDICTED), name)
    assert (found.estimate, found.low, found.high) == pytest.approx(R[name], abs=1e-6)


def test_by_patient_as_survey() -> None:
    found = logistic_calibration(ASAH["poor"], PREDICTED, np.arange(113) % 30).slope
    assert found.high is not None
    assert found.low is not None
    assert (found.high - found.low) / 2 / 1.959964 == pytest.approx(R["slope_se_by_patient"], rel=2e-3)


def test_known_bend_is_found() -> None:
    random = np.random.default_rng(0)
    x = random.normal(-0.5, 1.2, 20_000)
    found = logistic_calibration(random.random(20_000) < expit(x), expit((x - 0.4) / 0.6))
    assert found.slope.low is not None
    assert found.slope.high is not None
    assert found.slope.low < 0.6 < found.slope.high
    assert found.intercept.estimate == pytest.approx(0.4, abs=0.05)


def test_coverage() -> None:
    random = np.random.default_rng(3)
    covered = []
    for _ in range(1000):
        x = random.normal(0, 1.5, 200)
        found = logistic_calibration(random.random(200) < expit(x), expit(x))
        covered.append(
            [
                e.low is not None and e.high is not None and e.low <= true <= e.high
                for e, true in zip((found.slope, found.in_the_large), (1, 0), strict=True)
            ]
        )
    assert (np.abs(np.mean(covered, axis=0) - 0.95) < 0.02).all()


def test_extreme_probabilities_still_converge() -> None:
    random = np.random.default_rng(4)
    x = random.normal(0, 6, 400)
    found = logistic_calibration(random.random(400) < expit(x / 6), expit(x * 2))
    assert found.slope.estimate == pytest.approx(1 / 12, abs=0.03)


@pytest.mark.parametrize(
    ("truth", "p", "said"),
    [
        ([0, 1, 1], [0.2, 1.0, 0.4], "exactly 0 or 1"),
        ([0, 0, 1, 1], [0.1, 0.2, 0.7, 0.8], "separate the classes"),
        ([0, 1, 1], [0.4, 0.4, 0.4], "alike"),
        ([1, 1], [0.2, 0.4], "0 negatives"),
    ],
)
def test_refuses(truth: list[int], p: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        logistic_calibration(truth, p)
