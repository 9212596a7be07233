import numpy as np
import pytest

from coread.stats.icc import SHROUT_FLEISS as NAMES
from coread.stats.icc import Form, icc, icc_of_sums, score_sums, two_way_anova
from tests.stats.agreement_tables import SHROUT_FLEISS
from tests.stats.golden_numbers import golden


# Shrout & Fleiss, Psychol Bull 1979;86:420, tables 3 and 4.
@pytest.mark.parametrize(("form", "printed"), [("1", 0.17), ("A,1", 0.29), ("C,1", 0.71), ("k", 0.44), ("A,k", 0.62), ("C,k", 0.91)])
def test_shrout_fleiss_table(form: Form, printed: float) -> None:
    assert round(icc(SHROUT_FLEISS, form).estimate, 2) == printed


def test_shrout_fleiss_mean_squares() -> None:
    anova = two_way_anova(SHROUT_FLEISS)
    assert [round(x, 2) for x in (anova.ms_subjects, anova.ms_within, anova.ms_readers, anova.ms_error)] == [11.24, 6.26, 32.49, 1.02]


@pytest.mark.parametrize("form", NAMES)
def test_r_psych(form: Form) -> None:
    ours, theirs = icc(SHROUT_FLEISS, form), golden("agreement_r")["icc"][form]
    assert [ours.estimate, ours.low, ours.high] == pytest.approx([theirs["estimate"], theirs["low"], theirs["high"]], abs=1e-9)


def test_complete_cases_are_said() -> None:
    gap = np.vstack([SHROUT_FLEISS, [1, np.nan, 2, 3]])
    assert icc(gap, missing="complete") == icc(SHROUT_FLEISS)
    assert icc(gap, missing="complete").n == 6
    with pytest.raises(ValueError, match=r"1 of 7 subjects lack a score \(the first is row 6\)"):
        icc(gap)


def test_generalised_interval_knows_that_two_readers_are_few() -> None:
    """Two readers who happen to score alike on average say little about how far the next one may be off."""
    random = np.random.default_rng(3)
    scores = 2 * random.standard_normal((500, 1)) + random.standard_normal((500, 2)) + [0.0, 0.2]
    published, generalised = icc(scores), icc(scores, interval="generalised")
    assert generalised.estimate == published.estimate
    assert generalised.low < published.low - 0.2
    assert generalised.high < 0.85
    assert "generalised interval" in generalised.method
    assert icc(scores, interval="generalised") == generalised
    with pytest.raises(ValueError, match="'generalised' for absolute agreement"):
        icc(scores, "C,1", interval="generalised")


def test_many_rows_of_sums_at_once() -> None:
    parts = score_sums(SHROUT_FLEISS)
    without_first = icc_of_sums(np.stack([parts.sum(axis=0), parts[1:].sum(axis=0)]), 4, "A,1")
    assert without_first == pytest.approx([icc(SHROUT_FLEISS).estimate, icc(SHROUT_FLEISS[1:]).estimate])


@pytest.mark.parametrize(
    ("scores", "form", "reason"),
    [
        (np.full((5, 3), 2.0), "A,1", "all scores are the same"),
        (np.tile([1.0, 2.0], (5, 1)), "C,1", "mean scores differ too little"),
        (np.array([[1.0, 2.0]]), "A,1", "at least 2 subjects"),
        (np.empty((0, 2)), "A,1", "at least 2 subjects"),
        (np.array([[1.0, -1.0], [2.0, -2.0], [-3.0, 3.0]]), "k", "mean scores differ too little"),
    ],
)
def test_without_a_value(scores: np.ndarray, form: Form, reason: str) -> None:
    result = icc(scores, form)
    assert (result.estimate, result.low) == (None, None)
    assert reason in result.undefined


def test_refuses() -> None:
    with pytest.raises(ValueError, match="form must be one of"):
        icc(SHROUT_FLEISS, "2,1")  # type: ignore[arg-type]


def test_an_agreement_far_below_zero_has_no_interval() -> None:
    """Two subjects whose means are alike and whose readers are not: Satterthwaite's degrees of freedom turn negative."""
    made = icc(np.array([[1.0, 4.0], [5.0, 0.0]]))
    assert (made.estimate, made.low) == (pytest.approx(-16), None)
    assert "Satterthwaite" in made.undefined
