import numpy as np
import pytest

from coread.stats.gwet import gwet_ac
from tests.stats.agreement_tables import GWET, KRIPPENDORFF


# Gwet, Handbook of Inter-Rater Reliability 2014, as printed by the author's irrCAC 1.0 (R): coefficient and 95 % limits.
def test_table_of_fifteen_subjects() -> None:
    ours = gwet_ac(GWET)
    assert ours.estimate == pytest.approx(0.4448007, abs=1e-7)
    assert [round(ours.low, 3), round(ours.high, 3)] == [0.264, 0.625]


# The same for a table with gaps; AC2 from irrCAC 0.4.4 (Python).
@pytest.mark.parametrize(
    ("weights", "coefficient", "low"), [("unweighted", 0.77544, 0.46081), ("linear", 0.85874, 0.6005), ("quadratic", 0.914, 0.68518)]
)
def test_table_with_gaps(weights: str, coefficient: float, low: float) -> None:
    ours = gwet_ac(KRIPPENDORFF, weights)
    assert [round(ours.estimate, 5), round(ours.low, 5), ours.high, ours.n] == [coefficient, low, 1, 12]


def test_high_prevalence_does_not_sink_it() -> None:
    """The paradox of kappa (Feinstein & Cicchetti, J Clin Epidemiol 1990;43:543): 118 + 2 of 125 agree, and kappa is about nothing."""
    from coread.stats.kappa import cohen_kappa

    scores = np.array([[0, 0]] * 118 + [[0, 1]] * 5 + [[1, 0]] * 2, dtype=float)
    assert cohen_kappa(scores).estimate < 0
    assert gwet_ac(scores).estimate > 0.9


def test_without_a_value() -> None:
    assert "two scores" in gwet_ac([[1, np.nan], [np.nan, 2]]).undefined
    assert "only one grade" in gwet_ac(np.ones((4, 2))).undefined
    known = gwet_ac(np.ones((4, 2)), categories=[1, 2])
    assert (known.estimate, known.low) == (1, None)
