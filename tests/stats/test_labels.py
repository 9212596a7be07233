import numpy as np
import pytest

from coread.stats.labels import binary, class_index, class_probabilities, cluster_codes, numbers, probabilities


def test_takes_what_is_meant() -> None:
    assert binary([0, 1, True]).tolist() == [False, True, True]
    assert numbers(["1", "2.5"], "scores").tolist() == [1.0, 2.5]
    codes = cluster_codes(["b", "a", "b"], 3)
    assert codes is not None
    assert codes.tolist() == [1, 0, 1]
    assert cluster_codes(None, 3) is None
    assert class_index([0.0, 2.0], 3).tolist() == [0, 2]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: numbers(["a"], "scores"), "scores must be numbers"),
        (lambda: numbers([[1, 2], [3]], "scores"), "scores must be numbers"),
        (lambda: numbers([[1.0]], "scores"), "1 axis"),
        (lambda: numbers([1, np.inf, np.nan], "scores"), r"2 of 3 values are missing or infinite \(first at 1\)"),
        (lambda: binary([0, 2]), "cut the grade"),
        (lambda: cluster_codes([1.0, np.nan], 2), "patient is missing"),
        (lambda: cluster_codes([1, 2], 3), "each of the 3 observations"),
        (lambda: probabilities([0.1, 1.4]), "turn scores into probabilities"),
        (lambda: class_probabilities([[0.5, 0.4]]), "sum to 1"),
        (lambda: class_probabilities([[1.0]]), "at least two classes"),
        (lambda: class_index([0.5], 2), "whole numbers"),
        (lambda: class_index([2], 2), r"0\.\.1"),
    ],
)
def test_refuses(call: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()  # type: ignore[operator]
