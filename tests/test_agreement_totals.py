"""Agreement on totals: the tables of papers put in as totals, and errors whose size is known by construction."""

import math

import numpy as np
import pytest

from coread.agreement_scores import side_by_side
from coread.agreement_totals import MEASURES, agreement_on_total, change_of, status_of
from coread.reading import Reading
from coread.stats.bland_altman_repeated import bland_altman_clustered
from coread.stats.estimate import normal_quantile
from coread.stats.resampling import Plan
from tests.score_sheets import left_foot, reading
from tests.stats.agreement_tables import PEAK_FLOW, SHROUT_FLEISS

PLAN = Plan(resamples=400)
TOTAL = "foot_left_erosion"
STATUS, CHANGE = (TOTAL, "status"), (TOTAL, "change")


def names(n: int) -> np.ndarray:
    return np.array([f"p{i}" for i in range(n)])


def foot(patient: str, reader: str, grade: float, day: float | None = 0) -> Reading:
    return reading(patient, reader, left_foot({"MTP 1": grade}), timepoint=day)


def test_shrout_and_fleiss() -> None:
    """Tables 3 and 4 of the paper: ICC(2,1) 0.29, ICC(3,1) 0.71; four judges have no Bland-Altman limits."""
    found = agreement_on_total(STATUS, SHROUT_FLEISS, names(6), PLAN).estimates
    assert round(found["icc_2_1"].estimate, 2) == 0.29
    assert round(found["icc_3_1"].estimate, 2) == 0.71
    assert "bias" not in found
    assert found["sem"].estimate == pytest.approx(math.sqrt((97.49 / 3 - 1.02) / 6 + 1.02), rel=0.002), "MSC 32.49, MSE 1.02 as printed"


def test_bland_and_altman_1986() -> None:
    """The Lancet's first readings by both meters: bias -2.1, SD 38.8; SDD = 1.96 SD, less the root of 2 for the mean of both."""
    pair = PEAK_FLOW[:, :2] if PEAK_FLOW.shape[1] == 2 else PEAK_FLOW[:, [0, 2]]
    found = agreement_on_total(STATUS, pair, names(17), PLAN).estimates
    assert abs(found["bias"].estimate) == pytest.approx(2.1, abs=0.05)
    assert found["sdd_95"].estimate == pytest.approx(1.95996 * 38.8, abs=0.1)
    assert found["sdd_95_mean"].estimate == pytest.approx(found["sdd_95"].estimate / math.sqrt(2))
    assert found["sdd_95"].low < found["sdd_95"].estimate < found["sdd_95"].high


@pytest.mark.parametrize("readers", [2, 3])
def test_errors_of_known_size(readers: int) -> None:
    """Errors of SD 1.5 and no offset between readers: SEM 1.5, SDD 1.96 sqrt(2) 1.5, SDC of changes with that error 1.96 x 1.5."""
    random = np.random.default_rng(1)
    truth = random.gamma(1, 20, (4000, 1))
    table = truth + 1.5 * random.standard_normal((4000, readers))
    status = agreement_on_total(STATUS, table, names(4000), PLAN).estimates
    change = agreement_on_total(CHANGE, table, names(4000), PLAN).estimates
    z = normal_quantile(0.95)
    for found, key, truly in (
        (status, "sem", 1.5),
        (status, "sdd_95", z * math.sqrt(2) * 1.5),
        (status, "sdd_95_mean", z * math.sqrt(2 / readers) * 1.5),
        (status, "sdc_sem_95", z * math.sqrt(2) * 1.5),
        (change, "sdc_95", z * 1.5),
        (change, "sdc_95_mean", z * 1.5 / math.sqrt(readers)),
        (change, "sdc_80", normal_quantile(0.8) * 1.5),
    ):
        assert found[key].estimate == pytest.approx(truly, rel=0.03), key
        assert found[key].low - 0.05 <= truly <= found[key].high + 0.05, key


def test_a_reader_s_own_level_is_forgiven_in_the_sdc_and_not_in_the_icc_of_agreement() -> None:
    random = np.random.default_rng(2)
    table = random.normal(20, 5, (200, 1)) + random.standard_normal((200, 2))
    plain, shifted = (agreement_on_total(STATUS, table + np.array([0, offset]), names(200), PLAN).estimates for offset in (0, 10))
    assert shifted["sdd_95"].estimate == pytest.approx(plain["sdd_95"].estimate)
    assert shifted["icc_3_1"].estimate == pytest.approx(plain["icc_3_1"].estimate)
    assert shifted["icc_2_1"].estimate < plain["icc_2_1"].estimate - 0.3
    assert shifted["bias"].estimate == pytest.approx(plain["bias"].estimate - 10)
    assert shifted["sdc_sem_95"].estimate > plain["sdc_sem_95"].estimate


def test_patients_who_come_back_are_not_counted_twice() -> None:
    """Ten copies of each row are no new patient: intervals stay as wide as they were, and methods say how."""
    random = np.random.default_rng(3)
    table = random.normal(20, 5, (40, 1)) + random.standard_normal((40, 2))
    once = agreement_on_total(STATUS, table, names(40), PLAN).estimates
    again = agreement_on_total(STATUS, np.repeat(table, 10, axis=0), np.repeat(names(40), 10), PLAN).estimates
    width = {key: (one[key].high - one[key].low) for key in ("icc_2_1",) for one in (again,)}
    assert width["icc_2_1"] > 0.6 * (once["icc_2_1"].high - once["icc_2_1"].low)
    assert "bootstrap over patients" in again["icc_2_1"].method
    assert "slope" not in again
    limits = bland_altman_clustered(*np.repeat(table, 10, axis=0).T, np.repeat(names(40), 10))
    assert again["limit_high"] == limits.upper


def test_what_is_missing_is_left_out_and_counted() -> None:
    table = np.array([[1.0, 2.0], [np.nan, 3.0], [4.0, 4.0], [5.0, np.nan]])
    found = agreement_on_total(STATUS, table, names(4), PLAN)
    assert (found.left_out, found.scores.tolist(), found.patients.tolist()) == (2, [[1, 2], [4, 4]], ["p0", "p2"])


@pytest.mark.parametrize("table", [np.empty((0, 2)), np.ones((1, 2)), np.full((9, 2), 7.0)])
@pytest.mark.parametrize("what", ["status", "change"])
def test_no_number_without_its_reason(table: np.ndarray, what: str) -> None:
    found = agreement_on_total((TOTAL, what), table, names(len(table)), PLAN).estimates
    assert set(found) <= set(MEASURES)
    assert list(found) == [key for key in MEASURES if key in found]
    for key, made in found.items():
        assert (made.low is None) == bool(made.undefined), key


def test_shares_beyond_the_detectable_change_by_hand() -> None:
    """Two readers who differ by one point either way: SD of differences 1.1, SDC of their mean 1.96 x 1.1 / 2."""
    first = np.array([-6.0, 0, 0, 0, 0, 0, 0, 3, 9, 12])
    changes = np.stack([first, first + np.tile([1, -1], 5)], axis=1)
    found = agreement_on_total(CHANGE, changes, names(10), PLAN).estimates
    assert found["sdc_95_mean"].estimate == pytest.approx(1.95996 * np.std(np.tile([1, -1], 5), ddof=1) / 2, rel=1e-4)
    assert (found["worse"].estimate, found["better"].estimate) == (0.3, 0.1)


def test_status_and_change_come_from_the_visits_they_should() -> None:
    readings = [foot("p1", who, grade, day) for who in ("anna", "ben") for grade, day in ((1, 0), (2, 90), (4, 365))]
    readings += [foot("p2", "anna", 5, 0), foot("p2", "ben", 3, 0), foot("p2", "anna", 6, 100)]
    readings += [foot("p3", who, 2, 0) for who in ("anna", "ben")]
    (scores,) = side_by_side(readings)
    table, patients = status_of(scores, TOTAL, [0, 1])
    assert table.shape == (6, 2)
    assert sorted(patients.tolist()) == ["p1", "p1", "p1", "p2", "p2", "p3"]
    changes, whose = change_of(scores, TOTAL, [0, 1])
    assert whose.tolist() == ["p1", "p2"], "one visit is no change"
    assert changes[0].tolist() == [3, 3], "first to last, not to the one between"
    assert changes[1, 0] == 1
    assert np.isnan(changes[1, 1])
