import numpy as np
import pytest
from scipy.stats import beta, betabinom, norm

from coread.stats.conformal import (
    cases_needed,
    conformal_quantile,
    cross_intervals,
    dependable_cases,
    fit_group_intervals,
    fit_group_sets,
    fit_interval,
    fit_sets,
)


def test_rank_by_hand() -> None:
    assert conformal_quantile(np.arange(1, 20), 0.95) == 19
    assert conformal_quantile(np.arange(1, 100), 0.9) == 90
    assert conformal_quantile(np.arange(1, 101), 0.9) == 91


@pytest.mark.parametrize(("level", "needed"), [(0.5, 1), (0.8, 4), (0.9, 9), (0.95, 19), (0.99, 99)])
def test_says_how_many_it_needs(level: float, needed: int) -> None:
    assert cases_needed(level) == needed
    conformal_quantile(np.arange(needed), level)
    if needed > 1:
        with pytest.raises(ValueError, match=f"at least {needed} are needed"):
            conformal_quantile(np.arange(needed - 1), level)


@pytest.mark.parametrize(("n", "level"), [(9, 0.9), (25, 0.8), (60, 0.95)])
def test_coverage_is_the_theorem(n: int, level: float) -> None:
    """Of m new cases the number covered is beta-binomial (Vovk 2012), whatever the distribution."""
    random = np.random.default_rng(0)
    repeats, m = 2000, 20
    rank = int(np.ceil((n + 1) * level - 1e-9))
    theory = betabinom(m, rank, n + 1 - rank)
    covered = []
    for _ in range(repeats):
        x = random.standard_t(3, n + m)
        low, high = fit_interval(x[:n], np.zeros(n), level).apply(np.zeros(m))
        covered.append(int(((low <= x[n:]) & (x[n:] <= high)).sum()))
    assert np.mean(covered) == pytest.approx(theory.mean(), abs=4 * theory.std() / repeats**0.5)
    assert np.var(covered) == pytest.approx(theory.var(), rel=0.25)
    assert level - 1e-12 <= rank / (n + 1) < level + 1 / (n + 1)


@pytest.mark.parametrize(("level", "needed"), [(0.8, 45), (0.9, 30), (0.95, 19), (0.99, 99)])
def test_from_how_many_on_the_coverage_can_be_depended_on(level: float, needed: int) -> None:
    """By the beta distribution itself, for every number of cases from there on, and not for the one before."""
    assert dependable_cases(level) == needed

    def short(n: int) -> float:
        rank = int(np.ceil((n + 1) * level - 1e-9))
        return float(beta(rank, n + 1 - rank).cdf(level - 0.1)) if rank <= n else 1.0

    assert all(short(n) <= 0.05 for n in range(needed, 3000))
    assert short(needed - 1) > 0.05


def test_thirty_cases_seldom_fall_ten_points_short() -> None:
    """The coverage that 30 normal errors give is known exactly: that of the half width that they choose."""
    random = np.random.default_rng(11)
    halves = np.array([conformal_quantile(np.abs(random.standard_normal(30)), 0.9) for _ in range(4000)])
    covered = 2 * norm.cdf(halves) - 1
    assert np.mean(covered < 0.8) < 0.05
    assert np.mean(covered) == pytest.approx(28 / 31, abs=0.004)


def test_patients_with_several_cases_by_hand() -> None:
    """Nine patients, the last with 3 cases: each weighs 1 / 10, a case of the last 1 / 30."""
    scores, patients = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], [0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 8]
    assert conformal_quantile(scores, 0.9, patients) == 11
    assert conformal_quantile(scores, 0.86, patients) == 10
    assert conformal_quantile(scores, 0.8, patients) == 8
    one_each = np.random.default_rng(0).random(50)
    assert conformal_quantile(one_each, 0.9, np.arange(50)) == conformal_quantile(one_each, 0.9)
    with pytest.raises(ValueError, match=r"8 calibration patients are too few for level 0\.9: at least 9"):
        conformal_quantile(np.arange(80), 0.9, np.arange(80) % 8)


def test_a_case_of_a_new_patient_is_covered_however_many_cases_the_others_have() -> None:
    """Hierarchical exchangeability (Lee, Barber & Willett): few patients, errors shared within each, one patient with a hundred cases."""
    random = np.random.default_rng(12)
    by_patient, by_case = [], []
    for _ in range(3000):
        counts = random.choice([1, 5, 100], 12)
        patient = np.repeat(np.arange(12), counts)
        # a patient with many cases is an easy one: pooled, the easy ones drown the others
        spread = np.where(counts == 100, 0.3, 2.0)[patient]
        scores = np.abs(spread * random.standard_normal(patient.size))
        new = abs((0.3 if random.random() < 1 / 3 else 2.0) * random.standard_normal())
        by_patient.append(new <= conformal_quantile(scores, 0.8, patient))
        by_case.append(new <= conformal_quantile(scores, 0.8))
    assert np.mean(by_patient) == pytest.approx(0.8, abs=0.06)
    assert np.mean(by_patient) > 0.8 - 0.02
    assert np.mean(by_case) < 0.7


def test_scale_makes_intervals_that_fit_the_case() -> None:
    random = np.random.default_rng(1)
    scale = random.uniform(0.2, 3, 4000)
    truth = scale * random.standard_normal(4000)
    found = fit_interval(truth[:2000], np.zeros(2000), 0.9, scale[:2000])
    low, high = found.apply(np.zeros(2000), scale[2000:])
    inside = (low <= truth[2000:]) & (truth[2000:] <= high)
    wide = scale[2000:] > 1.6
    assert inside[wide].mean() == pytest.approx(0.9, abs=0.03)
    assert inside[~wide].mean() == pytest.approx(0.9, abs=0.03)


def graded(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    p = random.dirichlet([0.6, 0.8, 0.7, 0.4], n)
    honest = 0.7 * p + 0.3 * p.mean(axis=0)
    return (random.random((n, 1)) > np.cumsum(honest, axis=1)[:, :-1]).sum(axis=1), p


@pytest.mark.parametrize("kind", ["nominal", "ordinal"])
def test_sets_cover(kind: str) -> None:
    covered, sizes = [], []
    for seed in range(200):
        truth, p = graded(250, seed)
        inside = fit_sets(truth[:50], p[:50], 0.9, kind).apply(p[50:])  # type: ignore[arg-type]
        covered.append(inside[np.arange(200), truth[50:]].mean())
        sizes.append(inside.sum(axis=1).mean())
        assert inside.any(axis=1).all()
        if kind == "ordinal":
            assert (np.abs(np.diff(np.pad(inside, ((0, 0), (1, 1))).astype(int), axis=1)).sum(axis=1) == 2).all()
    # the standard deviation over calibration sets of 50 is about .04, so the mean's is .003
    assert np.mean(covered) > 0.9 - 0.01
    # the score of the last grade to come in is 1 for every case: these ties make ordinal sets a little too large
    assert np.mean(covered) < (0.95 if kind == "nominal" else 0.97)
    assert np.mean(sizes) < 3.9


def test_ordinal_set_grows_to_the_likelier_side() -> None:
    p = np.array([[0.05, 0.5, 0.15, 0.3]])
    fitted = fit_sets(np.zeros(19, dtype=int), np.tile([0.65, 0.1, 0.2, 0.05], (19, 1)), 0.9, "ordinal")
    assert fitted.cutoff == pytest.approx(0.65)
    assert fitted.apply(p).tolist() == [[False, True, True, False]]


def test_groups_cover_where_one_cutoff_does_not() -> None:
    random = np.random.default_rng(6)
    hits, pooled_hits = {"a": [], "b": []}, {"a": [], "b": []}
    for _ in range(150):
        group = np.array(["a"] * 40 + ["b"] * 80 + ["a", "b"] * 50)
        truth = np.where(group == "a", 3.0, 0.5) * random.standard_normal(group.size)
        fitted, pooled = fit_group_intervals(truth[:120], np.zeros(120), group[:120]), fit_interval(truth[:120], np.zeros(120))
        for bounds, into in ((fitted.apply(np.zeros(100), group[120:]), hits), (pooled.apply(np.zeros(100)), pooled_hits)):
            inside = (bounds[0] <= truth[120:]) & (truth[120:] <= bounds[1])
            for name in "ab":
                into[name].append(inside[group[120:] == name].mean())
    for name in "ab":
        assert 0.89 < np.mean(hits[name]) < 0.94
    assert np.mean(pooled_hits["a"]) < 0.8


def test_group_sets_cover_in_each_group() -> None:
    hits = {0: [], 1: []}
    for seed in range(150):
        truth, p = graded(400, seed)
        # the second group's probabilities are turned round: only its own cutoff can help
        group = np.arange(400) % 2
        p = np.where(group[:, None] == 1, p[:, ::-1], p)
        inside = fit_group_sets(truth[:200], p[:200], group[:200], 0.8, "ordinal").apply(p[200:], group[200:])
        for name in (0, 1):
            hits[name].append(inside[np.arange(200), truth[200:]][group[200:] == name].mean())
    assert min(np.mean(hits[0]), np.mean(hits[1])) > 0.79


def test_cross_conformal_covers() -> None:
    random = np.random.default_rng(8)
    covered = []
    for _ in range(150):
        x = random.standard_normal((90, 3))
        y = x @ [1.0, -1.0, 0.5] + random.standard_normal(90)
        fold = np.arange(60) % 5
        weights = [np.linalg.lstsq(x[:60][fold != k], y[:60][fold != k], rcond=None)[0] for k in range(5)]
        held_out = np.array([x[i] @ weights[fold[i]] for i in range(60)])
        low, high = cross_intervals(y[:60], held_out, fold, np.stack([x[60:] @ w for w in weights]), 0.9)
        covered.append(((low <= y[60:]) & (y[60:] <= high)).mean())
    assert 0.88 < np.mean(covered) < 0.96


def test_cross_conformal_of_one_model_is_split_conformal() -> None:
    random = np.random.default_rng(9)
    truth = random.standard_normal(30)
    low, high = cross_intervals(truth, np.zeros(30), np.zeros(30), np.zeros((1, 4)), 0.9)
    split = fit_interval(truth, np.zeros(30), 0.9).apply(np.zeros(4))
    assert low == pytest.approx(split[0])
    assert high == pytest.approx(split[1])


def test_refuses() -> None:
    with pytest.raises(ValueError, match=r"at least 9 cases in each: b \(1\)"):
        fit_group_intervals(np.zeros(11), np.zeros(11), ["a"] * 10 + ["b"])
    fitted = fit_group_intervals(np.arange(10.0), np.zeros(10), ["a"] * 10)
    with pytest.raises(ValueError, match="no calibration for group c; there is one for a"):
        fitted.apply([0.0], ["c"])
    with pytest.raises(ValueError, match="one group for each"):
        fitted.apply([0.0], ["a", "a"])
    with pytest.raises(ValueError, match="positive number"):
        fit_interval(np.zeros(10), np.zeros(10), 0.9, np.zeros(10))
    with pytest.raises(ValueError, match="kind must be"):
        fit_sets(np.zeros(10), np.tile([0.5, 0.5], (10, 1)), 0.9, "best")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="too few for level"):
        cross_intervals([1.0], [1.0], [0], [[1.0]])
    with pytest.raises(ValueError, match="level must lie"):
        cases_needed(1.0)
