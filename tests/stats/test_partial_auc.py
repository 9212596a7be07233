import numpy as np
import pytest
from scipy.special import logit
from scipy.stats import norm

from coread.stats.auc import auc
from coread.stats.partial_auc import Band, partial_auc
from tests.stats.golden_numbers import golden, table

ASAH, PROC = table("asah"), golden("discrimination")


@pytest.mark.parametrize("marker", ["s100b", "wfns", "ndka"])
@pytest.mark.parametrize(
    ("band", "name"),
    [
        (Band(0.9, 1.0), "specificity_90_100"),
        (Band(0.9, 1.0, corrected=True), "specificity_90_100_corrected"),
        (Band(0.6, 0.85), "specificity_60_85"),
        (Band(0.8, 0.9, "sensitivity", corrected=True), "sensitivity_80_90_corrected"),
    ],
)
def test_area_as_proc(marker: str, band: Band, name: str) -> None:
    assert partial_auc(ASAH["poor"], ASAH[marker], band).estimate == pytest.approx(PROC["auc"][marker][name], abs=1e-10)


def test_standard_error_as_the_bootstrap_of_proc() -> None:
    found = partial_auc(ASAH["poor"], ASAH["s100b"], Band(0.9, 1.0))
    assert found.low is not None
    assert found.estimate is not None
    x, low = found.estimate / 0.1, found.low / 0.1
    se = (logit(x) - logit(low)) / norm.ppf(0.975) * x * (1 - x) * 0.1
    assert se == pytest.approx(PROC["partial_bootstrap_se"], rel=0.05)


@pytest.mark.parametrize("axis", ["specificity", "sensitivity"])
@pytest.mark.parametrize("marker", ["s100b", "wfns"])
@pytest.mark.parametrize("patient", [None, np.arange(113)])
def test_whole_curve_is_delong(axis: str, marker: str, patient: np.ndarray | None) -> None:
    found = partial_auc(ASAH["poor"], ASAH[marker], Band(0, 1, axis), patient)  # type: ignore[arg-type]
    whole = auc(ASAH["poor"], ASAH[marker])
    assert found.estimate == pytest.approx(whole.estimate, abs=1e-12)
    assert found.low == pytest.approx(whole.low, abs=1e-12 if patient is None else 5e-3)


def test_bands_add_up() -> None:
    parts = [partial_auc(ASAH["poor"], ASAH["wfns"], Band(low, high)).estimate for low, high in [(0, 0.37), (0.37, 0.8), (0.8, 1)]]
    assert sum(p for p in parts if p is not None) == pytest.approx(auc(ASAH["poor"], ASAH["wfns"]).estimate)


def test_corrected_scale() -> None:
    truth, scores = np.repeat([0, 1], 20), np.arange(40.0)
    assert partial_auc(truth, scores, Band(0.8, 1, corrected=True)).estimate == pytest.approx(1)
    assert partial_auc(truth, np.zeros(40), Band(0.8, 1, corrected=True)).estimate == pytest.approx(0.5)


def test_refuses() -> None:
    with pytest.raises(ValueError, match="low < high"):
        partial_auc([0, 1], [1, 2], Band(0.9, 0.9))
    with pytest.raises(ValueError, match="two of each class"):
        partial_auc([0, 1], [1, 2], Band(0.9, 1.0))
