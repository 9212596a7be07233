import numpy as np
import pytest
from scipy.stats import norm, t

from coread.stats.proportion import clustered_share, wilson, wilson_bounds
from tests.stats.golden_numbers import golden, table


# Newcombe, Stat Med 1998;17:857, table I, method 3 (score interval without continuity correction).
@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_newcombe_table(count: int, n: int, low: float, high: float) -> None:
    share = wilson(count, n)
    assert (round(share.low, 4), round(share.high, 4)) == (low, high)


def test_symmetry() -> None:
    a, b = wilson(3, 17), wilson(14, 17)
    assert a.low == pytest.approx(1 - b.high)
    assert a.high == pytest.approx(1 - b.low)


@pytest.mark.parametrize(("count", "n", "level"), [(1, 0, 0.95), (3, 2, 0.95), (-1, 2, 0.95), (1, 2, 1.0)])
def test_refuses(count: int, n: int, level: float) -> None:
    with pytest.raises(ValueError, match=r"must lie|needs"):
        wilson(count, n, level)


def test_clustered_as_the_ratio_estimator_of_r() -> None:
    expected, asah = golden("discrimination")["clustered_sensitivity"], table("asah")
    patient = np.arange(113) % 30
    hits = np.bincount(patient, weights=(asah["s100b"] >= expected["threshold"]) * asah["poor"])
    share = clustered_share(hits, np.bincount(patient, weights=asah["poor"]))
    assert share.estimate == pytest.approx(expected["estimate"])
    k = int((np.bincount(patient, weights=asah["poor"]) > 0).sum())
    # R's survey keeps patients without a positive in k / (k - 1)
    variance = expected["se"] ** 2 * (k / (k - 1)) / (30 / 29)
    effective = share.estimate * (1 - share.estimate) / variance * (norm.ppf(0.975) / t.ppf(0.975, k - 1)) ** 2
    assert (share.low, share.high) == pytest.approx(wilson_bounds(share.estimate, effective))


def test_clusters_of_one_are_nearly_wilson() -> None:
    counts = np.repeat([1, 0], [120, 80])
    one, plain = clustered_share(counts, np.ones(200)), wilson(120, 200)
    assert (one.low, one.high) == pytest.approx((plain.low, plain.high), abs=2e-3)


def test_coverage_of_clustered_shares() -> None:
    random = np.random.default_rng(11)
    for p, patients in [(0.9, 60), (0.7, 30)]:
        own = random.beta(p * 3, (1 - p) * 3, (1000, patients))
        counts = random.binomial(6, own)
        runs = [clustered_share(row, np.full(patients, 6)) for row in counts]
        assert 0.93 < np.mean([r.low <= p <= r.high for r in runs]) < 0.98
        naive = [wilson(int(row.sum()), 6 * patients) for row in counts]
        assert np.mean([r.low <= p <= r.high for r in naive]) < 0.88


@pytest.mark.parametrize(("counts", "totals"), [([1], [2]), ([3, 1], [2, 2]), ([1, 0], [1, 0]), ([1, 1], [2])])
def test_clustered_refuses(counts: list[int], totals: list[int]) -> None:
    with pytest.raises(ValueError, match=r"at least two patients|counts must lie"):
        clustered_share(counts, totals)
