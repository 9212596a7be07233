import numpy as np
import pytest

from coread.stats.paired import mcnemar
from tests.stats.golden_numbers import golden


def pairs(both: int, only_first: int, only_second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    counts = [both, only_first, only_second, neither]
    return np.repeat([1, 1, 0, 0], counts), np.repeat([1, 0, 1, 0], counts)


# Newcombe, Stat Med 1998;17:2635, table II, method 10.
@pytest.mark.parametrize(("counts", "low", "high"), [((36, 12, 2, 0), 0.0569, 0.3404)])
def test_newcombe_table(counts: tuple[int, int, int, int], low: float, high: float) -> None:
    found = mcnemar(*pairs(*counts))
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_p_value_as_r() -> None:
    expected = golden("discrimination")["mcnemar"]
    assert mcnemar(*pairs(36, *expected["discordant"], 0)).p_value == pytest.approx(expected["p_value"])


def test_exchange_turns_the_sign() -> None:
    a, b = pairs(20, 7, 3, 5)
    first, second = mcnemar(a, b), mcnemar(b, a)
    assert (first.low, first.high, first.p_value) == pytest.approx((-second.high, -second.low, second.p_value))


def test_no_discordant_case() -> None:
    found = mcnemar(*pairs(10, 0, 0, 5))
    assert (found.estimate, found.p_value) == (0.0, 1.0)


def test_refuses() -> None:
    with pytest.raises(ValueError, match="equally long"):
        mcnemar([0, 1], [1])
