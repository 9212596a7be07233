import numpy as np
import pytest
from scipy import stats

from coread.stats import resampling
from coread.stats.alpha import alpha_of_coincidences, coincidences, krippendorff_alpha
from coread.stats.gwet import gwet_ac, gwet_of_sums
from coread.stats.icc import icc, icc_of_sums, score_sums
from coread.stats.kappa import agreement_weights, contingency, fleiss_kappa, fleiss_of_sums, grade_sums, kappa_of_table
from coread.stats.resampling import Plan, bootstrap, bootstrap_sums, draws, replicates_of_sums, sums_by_patient
from tests.stats.agreement_tables import PEAK_FLOW
from tests.stats.golden_numbers import golden

FLOW = PEAK_FLOW[:, 0]
POWERS = np.column_stack([np.ones(17), FLOW, FLOW**2])


def mean_and_sd(sums: np.ndarray) -> np.ndarray:
    n, first, second = np.moveaxis(sums, -1, 0)
    return np.stack([first / n, np.sqrt((second - first**2 / n) / (n - 1))], axis=-1)


# R boot, 99,999 resamples of its own: its Monte Carlo error and ours (20,000) stay below 1.5 % of the interval's length.
@pytest.mark.parametrize("kind", ["percentile", "bca"])
def test_r_boot(kind: str) -> None:
    ours = bootstrap_sums(POWERS, mean_and_sd, Plan(20_000, kind=kind))
    for mine, theirs in zip(ours, golden("agreement_r")["bootstrap"].values(), strict=True):
        low, high = theirs[kind]
        assert [mine.low, mine.high] == pytest.approx([low, high], abs=0.015 * (high - low))


def test_sums_and_rows_resample_alike() -> None:
    """The matrix product and the plain loop see the same draws, so that they agree to rounding, not to chance."""
    plan = Plan(300, kind="bca")
    fast = bootstrap_sums(POWERS, mean_and_sd, plan)
    slow = bootstrap(lambda rows: [FLOW[rows].mean(), FLOW[rows].std(ddof=1)], np.arange(17), plan)
    for a, b in zip(fast, slow, strict=True):
        assert [a.estimate, a.low, a.high] == pytest.approx([b.estimate, b.low, b.high], rel=1e-9)
        assert a.method == b.method


def test_sites_of_a_patient_stay_together() -> None:
    """Scores that are alike within a patient: the interval is that of the patients' means, not of the rows."""
    random = np.random.default_rng(3)
    patients = np.repeat(np.arange(60), 10)
    level = random.standard_normal(60)[patients] + 0.01 * random.standard_normal(600)
    parts = sums_by_patient(np.column_stack([np.ones(600), level]), patients)
    (by_patient,) = bootstrap_sums(parts, lambda s: s[..., 1] / s[..., 0], Plan())
    (by_row,) = bootstrap_sums(np.column_stack([np.ones(600), level]), lambda s: s[..., 1] / s[..., 0], Plan())
    means = parts[:, 1] / 10
    wanted = 2 * 1.96 * means.std(ddof=1) / np.sqrt(60)
    assert by_patient.high - by_patient.low == pytest.approx(wanted, rel=0.1)
    assert by_row.high - by_row.low < 0.4 * wanted
    assert (by_patient.n, by_row.n) == (60, 600)


def test_patients_of_unequal_size() -> None:
    scores = np.array([[0, 0], [0, 1], [1, 1], [1, 1], [0, 0], [1, 0], [0, 0], [1, 1]], dtype=float)
    patients = np.array(["b", "a", "a", "c", "b", "d", "e", "e"])
    tables = contingency(scores, [0, 1], patients)
    weights = agreement_weights([0, 1], "unweighted")
    plan = Plan(400)

    def of_rows(rows: np.ndarray) -> float:
        return float(kappa_of_table(contingency(scores[rows], [0, 1]), weights))

    (fast,) = bootstrap_sums(tables.reshape(-1, 4), lambda s: kappa_of_table(s.reshape(-1, 2, 2), weights), plan)
    (slow,) = bootstrap(of_rows, patients, plan)
    assert fast.method == slow.method
    assert (fast.estimate, fast.low, fast.high) == pytest.approx((slow.estimate, slow.low, slow.high))


def test_every_coefficient_by_patient() -> None:
    """Three readers, two sites a patient, gaps: the sums of patients and the plain loop over rows give the same interval."""
    random = np.random.default_rng(9)
    patients = np.repeat(np.arange(30), 2)
    scores = np.clip(random.integers(0, 3, (60, 1)) + random.integers(-1, 2, (60, 3)), 0, 3).astype(float)
    scores[[3, 8], [0, 2]] = np.nan
    scores[5, :2] = np.nan
    graded, values = sums_by_patient(grade_sums(scores, range(4), "linear"), patients), np.arange(4.0)
    agreement = agreement_weights(values, "linear")
    plan = Plan(200)
    cases = [
        (graded, lambda s: gwet_of_sums(s, agreement), lambda r: gwet_ac(scores[r], "linear", range(4)).estimate),
        (
            sums_by_patient(coincidences(scores, values), patients),
            lambda s: alpha_of_coincidences(s, values, "ordinal"),
            lambda r: krippendorff_alpha(scores[r], "ordinal", Plan(100)).estimate,
        ),
        (
            sums_by_patient(grade_sums(np.nan_to_num(scores), range(4)), patients),
            fleiss_of_sums,
            lambda r: fleiss_kappa(np.nan_to_num(scores)[r]).estimate,
        ),
        (
            sums_by_patient(score_sums(np.nan_to_num(scores)), patients),
            lambda s: icc_of_sums(s, 3, "A,1"),
            lambda r: icc(np.nan_to_num(scores)[r]).estimate,
        ),
    ]
    for parts, of_sums, of_rows in cases:
        (fast,), (slow,) = bootstrap_sums(parts, of_sums, plan), bootstrap(of_rows, patients, plan)
        assert (fast.estimate, fast.low, fast.high) == pytest.approx((slow.estimate, slow.low, slow.high))


def test_strata_keep_their_size() -> None:
    strata = np.array(["x"] * 3 + ["y"] * 5 + ["x"] * 2)
    index = np.concatenate(list(draws(10, Plan(200, strata=strata))))
    assert ((strata[index] == "x").sum(axis=1) == 5).all()
    counts = np.bincount(index.ravel(), minlength=10)
    assert stats.chisquare(counts).pvalue > 0.001


def test_seed_and_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    strata = np.arange(17) % 3
    for plan in (Plan(500), Plan(500, strata=strata)):
        whole = replicates_of_sums(POWERS, mean_and_sd, plan)
        assert (whole == replicates_of_sums(POWERS, mean_and_sd, plan)).all()
        monkeypatch.setattr(resampling, "CHUNK_BYTES", 7000)
        assert whole == pytest.approx(replicates_of_sums(POWERS, mean_and_sd, plan), rel=1e-12)
        monkeypatch.undo()
    assert (whole != replicates_of_sums(POWERS, mean_and_sd, Plan(500, seed=1, strata=strata))).any()


def test_resamples_without_a_value_are_told() -> None:
    """A grade that 1 of 4 patients gave is absent from (3/4)^4 = 32 % of the resamples, one that 4 of 40 gave from 1.5 %."""
    weights = agreement_weights([0, 1], "unweighted")

    def kappa(sums: np.ndarray) -> np.ndarray:
        return kappa_of_table(sums.reshape(-1, 2, 2), weights)

    (rare,) = bootstrap_sums(np.array([[9, 0, 0, 0]] * 3 + [[5, 1, 0, 2]]), kappa, Plan())
    assert rare.estimate is not None
    assert "has no value in" in rare.undefined
    (few,) = bootstrap_sums(np.array([[9, 0, 0, 0]] * 36 + [[5, 1, 0, 2]] * 4), kappa, Plan())
    assert few.low is not None
    assert "without a value left out" in few.method
    (none,) = bootstrap_sums(np.array([[9, 0, 0, 0]] * 3), kappa, Plan())
    assert (none.estimate, none.undefined) == (None, "the statistic has no value for these data")


def test_without_an_interval() -> None:
    (flat,) = bootstrap_sums(np.ones((9, 2)), lambda s: s[..., 1] / s[..., 0], Plan())
    assert (flat.estimate, flat.undefined) == (1, "no interval: every resample gives the same value")
    (alone,) = bootstrap_sums(np.ones((1, 2)), lambda s: s[..., 1] / s[..., 0], Plan())
    assert "at least 2 are needed" in alone.undefined


def test_refuses() -> None:
    for wrong, sentence in (
        ({"resamples": 10}, "at least 100"),
        ({"level": 2.0}, "level"),
        ({"kind": "studentized"}, "percentile"),
    ):
        with pytest.raises(ValueError, match=sentence):
            Plan(**wrong)
    with pytest.raises(ValueError, match="one stratum for each of 17"):
        bootstrap_sums(POWERS, mean_and_sd, Plan(strata=np.zeros(3)))
    with pytest.raises(ValueError, match="patient 2 has a missing"):
        bootstrap_sums([[1], [2], [np.nan]], lambda s: s[..., 0], Plan())
    with pytest.raises(ValueError, match="must return"):
        bootstrap_sums(POWERS, lambda s: s.sum(), Plan())
    with pytest.raises(ValueError, match="one patient for each row"):
        sums_by_patient(POWERS, [1, 2])
