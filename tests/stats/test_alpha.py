import numpy as np
import pytest

from coread.stats.alpha import Metric, krippendorff_alpha
from coread.stats.resampling import Plan
from tests.stats.agreement_tables import KRIPPENDORFF

N = np.nan
# The example of three coders and 15 units in the article on alpha of Wikipedia, after Krippendorff.
THREE = np.array(
    [
        [N, N, N, N, N, 3, 4, 1, 2, 1, 1, 3, 3, N, 3],
        [1, N, 2, 1, 3, 3, 4, 3, N, N, N, N, N, N, N],
        [N, N, 2, 1, 3, 4, 4, N, 2, 1, 1, 3, 3, N, 4],
    ]
).T


# Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011; the further digits from the PyPI package krippendorff 0.9.0.
@pytest.mark.parametrize(
    ("metric", "printed", "digits"),
    [
        ("nominal", 0.743, 0.743421052631579),
        ("ordinal", 0.815, 0.8153875037548814),
        ("interval", 0.849, 0.8491071428571428),
        ("ratio", 0.797, 0.7974027747116121),
    ],
)
def test_krippendorffs_example(metric: Metric, printed: float, digits: float) -> None:
    ours = krippendorff_alpha(KRIPPENDORFF, metric)
    assert round(ours.estimate, 3) == printed
    assert ours.estimate == pytest.approx(digits, abs=1e-12)
    assert ours.low < ours.estimate < ours.high
    assert ours.n == 11


@pytest.mark.parametrize(("metric", "printed"), [("nominal", 0.691), ("interval", 0.811)])
def test_three_coders(metric: Metric, printed: float) -> None:
    assert round(krippendorff_alpha(THREE, metric).estimate, 3) == printed


def test_without_a_value() -> None:
    assert "two scores" in krippendorff_alpha([[1, N], [N, 2]]).undefined
    for metric in ("nominal", "interval"):
        assert "all scores are the same" in krippendorff_alpha(np.ones((4, 2)), metric).undefined


def test_refuses() -> None:
    with pytest.raises(ValueError, match="metric must be one of"):
        krippendorff_alpha(KRIPPENDORFF, "circular")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no negative scores"):
        krippendorff_alpha(-KRIPPENDORFF, "ratio")
    with pytest.raises(ValueError, match="at most 50 distinct values"):
        krippendorff_alpha(np.arange(402.0).reshape(-1, 2), "ordinal")
    with pytest.raises(ValueError, match="takes no strata"):
        krippendorff_alpha(KRIPPENDORFF, plan=Plan(strata=np.zeros(12)))
