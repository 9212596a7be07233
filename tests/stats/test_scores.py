import numpy as np
import pytest

from coread.stats.scores import as_column, as_scores, category_codes


@pytest.mark.parametrize(
    ("scores", "sentence"),
    [
        ([1, 2, 3], "table of subjects x readers"),
        ([[1], [2]], "at least 2 readers, got 1"),
        ([[1, 2], [np.inf, 1]], "subject 1 has an infinite score"),
        ([[1, 2], [np.nan, 1]], r"row 1\): fill them, or ask for complete cases"),
    ],
)
def test_refuses(scores: list, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        as_scores(scores)


def test_missing() -> None:
    table = [[1, 2], [np.nan, 1]]
    assert as_scores(table, "complete").tolist() == [[1, 2]]
    assert as_scores(table, "allow").shape == (2, 2)
    with pytest.raises(ValueError, match="missing must be"):
        as_scores(table, "drop")  # type: ignore[arg-type]


def test_columns() -> None:
    with pytest.raises(ValueError, match="changes must be one-dimensional"):
        as_column([[1]], "changes")
    with pytest.raises(ValueError, match="changes: value 1 is missing"):
        as_column([1, np.nan], "changes")


def test_codes() -> None:
    codes, values = category_codes(np.array([[3, 1], [np.nan, 3]]), None)
    assert codes.tolist() == [[1, 0], [-1, 1]]
    assert values.tolist() == [1, 3]
    assert category_codes(np.array([[3.0, 1.0]]), [3, 2, 1])[0].tolist() == [[2, 0]]
    for wrong in ([1, 1, 3], [1, np.nan, 3]):
        with pytest.raises(ValueError, match="distinct finite numbers"):
            category_codes(np.array([[3.0, 1.0]]), wrong)
    with pytest.raises(ValueError, match="score 9 is none of the categories"):
        category_codes(np.array([[9.0, 1.0]]), [1, 2])
