import numpy as np
import pytest

from coread.stats.kappa import agreement_weights, cohen_kappa, contingency, fleiss_kappa, kappa_of_table, light_kappa, percent_agreement
from tests.stats.agreement_tables import FLEISS, GWET, spread_out
from tests.stats.golden_numbers import golden

# Cohen, Psychol Bull 1968;70:213, table 1: shares of 200 patients, and weights of disagreement 0..6.
COHEN = spread_out(np.round(200 * np.array([[0.44, 0.05, 0.01], [0.07, 0.20, 0.03], [0.09, 0.05, 0.06]])))
COHEN_WEIGHTS = 1 - np.array([[0, 1, 3], [1, 0, 6], [3, 6, 0]]) / 6
# Hout, Duncan & Sobel 1987, in Agresti 1990; Gwet's book, abstractors' diagnoses.
COUPLES = spread_out(np.array([[7, 7, 2, 3], [2, 8, 3, 7], [1, 5, 4, 9], [2, 8, 9, 14]]))
ABSTRACTORS = spread_out(np.array([[13, 0, 0], [0, 20, 7], [0, 4, 56]]))


def test_cohen_1968() -> None:
    assert round(cohen_kappa(COHEN).estimate, 3) == 0.492
    assert round(cohen_kappa(COHEN, COHEN_WEIGHTS).estimate, 3) == 0.348


@pytest.mark.parametrize("scheme", ["linear", "quadratic"])
@pytest.mark.parametrize("row", ["unweighted", "weighted"])
def test_r_vcd(scheme: str, row: str) -> None:
    theirs = golden("agreement_r")["kappa"][scheme][row]
    ours = cohen_kappa(COUPLES, scheme if row == "weighted" else "unweighted")
    assert [ours.estimate, ours.low, ours.high] == pytest.approx([theirs["value"], theirs["lwr"], theirs["upr"]], abs=1e-9)


# SAS PROC FREQ, as printed in the tests of statsmodels: kappa, weighted kappa and their 95 % limits.
@pytest.mark.parametrize(("weights", "printed"), [("unweighted", [0.4842, 0.2137, 0.7547]), ("linear", [0.4701, 0.1845, 0.7558])])
def test_sas(weights: str, printed: list[float]) -> None:
    ours = cohen_kappa(spread_out(np.array([[0, 4, 1], [0, 8, 0], [0, 1, 5]])), weights)
    assert [round(x, 4) for x in (ours.estimate, ours.low, ours.high)] == printed


def test_gwets_abstractors() -> None:
    ours = cohen_kappa(ABSTRACTORS)
    assert ours.estimate == pytest.approx(0.7964094, abs=1e-7)
    share = percent_agreement(ABSTRACTORS)
    assert (share.estimate, round(share.low, 3), round(share.high, 3)) == (pytest.approx(0.89), 0.828, 0.952)


def test_fleiss_1971() -> None:
    assert round(fleiss_kappa(FLEISS).estimate, 3) == 0.430


def test_gwets_interval_of_fleiss_kappa() -> None:
    ours = fleiss_kappa(GWET)
    assert ours.estimate == pytest.approx(0.4139265, abs=1e-7)
    assert [round(ours.low, 2), round(ours.high, 3)] == [0.24, 0.588]


def test_light_of_r_psy() -> None:
    assert light_kappa(FLEISS).estimate == pytest.approx(golden("agreement_r")["light"]["unweighted"], abs=1e-9)
    assert light_kappa(FLEISS, "quadratic").estimate == pytest.approx(golden("agreement_r")["light"]["squared"], abs=1e-9)


def test_light_of_two_readers_is_cohens() -> None:
    light, cohen = light_kappa(COUPLES, "quadratic"), cohen_kappa(COUPLES, "quadratic")
    assert light.estimate == pytest.approx(cohen.estimate)
    assert light.high - light.low == pytest.approx(cohen.high - cohen.low, rel=0.03)


def test_quadratic_kappa_is_the_icc_for_large_n() -> None:
    """Fleiss & Cohen 1973: quadratic kappa equals the two-way ICC for absolute agreement but for terms of order 1 / n."""
    from coread.stats.icc import icc

    random = np.random.default_rng(4)
    truth = random.integers(0, 5, 20_000)
    scores = np.clip(truth[:, None] + random.integers(-1, 2, (20_000, 2)), 0, 4).astype(float)
    assert cohen_kappa(scores, "quadratic").estimate == pytest.approx(icc(scores).estimate, abs=1e-3)


def test_unseen_grades_change_nothing() -> None:
    scores = np.array([[0, 0], [0, 1], [1, 1], [3, 3], [3, 1], [1, 0]], dtype=float)
    for weights in ("unweighted", "linear", "quadratic"):
        assert cohen_kappa(scores, weights).estimate == pytest.approx(cohen_kappa(scores, weights, categories=range(6)).estimate)


def test_tables_of_patients_add_up() -> None:
    patients = np.arange(len(COUPLES)) // 7
    tables = contingency(COUPLES, range(1, 5), patients)
    assert tables.shape == (13, 4, 4)
    assert (tables.sum(axis=0) == contingency(COUPLES, range(1, 5))).all()
    weights = agreement_weights(np.arange(1, 5), "linear")
    assert float(kappa_of_table(tables.sum(axis=0), weights)) == pytest.approx(cohen_kappa(COUPLES, "linear").estimate)


def test_scores_that_are_missing_count_in_no_table() -> None:
    assert contingency([[1, 2], [np.nan, 1], [2, 2]], [1, 2]).tolist() == [[0, 1], [0, 1]]


@pytest.mark.parametrize("kappa", [cohen_kappa, light_kappa, fleiss_kappa])
def test_without_a_value(kappa: object) -> None:
    assert "one and the same grade" in kappa(np.ones((9, 2))).undefined
    assert "at least 2 subjects" in kappa(np.ones((1, 2))).undefined
    perfect = kappa([[0, 0], [1, 1], [1, 1], [2, 2]])
    assert (perfect.estimate, perfect.low) == (pytest.approx(1), None)
    assert "no interval" in perfect.undefined


def test_refuses() -> None:
    with pytest.raises(ValueError, match="Cohen's kappa is of 2 readers, got 6"):
        cohen_kappa(FLEISS)
    with pytest.raises(ValueError, match="none of the categories"):
        cohen_kappa(COUPLES, categories=[1, 2, 3])
    with pytest.raises(ValueError, match="weights must be 'unweighted'"):
        cohen_kappa(COUPLES, "cubic")
    with pytest.raises(ValueError, match="1 on the diagonal"):
        cohen_kappa(COHEN, 1 - COHEN_WEIGHTS)
    with pytest.raises(ValueError, match="3 x 3 grades"):
        cohen_kappa(COHEN, np.eye(2))
    with pytest.raises(ValueError, match="one patient for each of 91 rows"):
        contingency(COUPLES, range(1, 5), [1, 2])
