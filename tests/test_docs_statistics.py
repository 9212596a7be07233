"""docs/reference/statistics.md: all of stats/ stands there, function by function, with sources that the code names and tests that exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "statistics.md"
STATS = ROOT / "src" / "coread" / "stats"
ROW = re.compile(r"^\| `(\w+)`: (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
TEST = re.compile(r"`(test_\w+)::(test_\w+)`")
CITED = re.compile(r"[12]\d{3};\d+:[A-Za-z]?\d+")
"""Year, volume and first page, as a reference has them."""


def public(path: Path) -> set[str]:
    return {n.name for n in ast.parse(path.read_text()).body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")}


def rows(text: str) -> dict[str, tuple[str, ...]]:
    """File -> functions, formula, source, checks."""
    return {found.group(1): found.groups()[1:] for found in ROW.finditer(text)}


def faults(text: str, name: str) -> list[str]:
    """What is wrong with the page's row of one file."""
    row = rows(text).get(name)
    if row is None:
        return [f"{name}: has no row in {PAGE.name}"]
    functions, _, source, checked = row
    listed, there = set(re.findall(r"`(\w+)`", functions)), public(STATS / f"{name}.py")
    wrong = [f"{name}: {one} is not on the page" for one in sorted(there - listed)]
    wrong += [f"{name}: {one} is on the page and not in the file" for one in sorted(listed - there)]
    # line breaks of a docstring may part a reference
    code = re.sub(r"\s+", " ", (STATS / f"{name}.py").read_text())
    wrong += [f"{name}: the source {cited} is not in the file" for cited in CITED.findall(source) if cited not in code]
    tests = TEST.findall(checked)
    wrong += [] if tests else [f"{name}: names no test"]
    for file, test in tests:
        path = ROOT / "tests" / "stats" / f"{file}.py"
        if not path.is_file() or not re.search(rf"^def {test}\(", path.read_text(), re.MULTILINE):
            wrong.append(f"{name}: there is no {file}::{test}")
    return wrong


@pytest.mark.parametrize("name", sorted(path.stem for path in STATS.glob("*.py") if path.stem != "__init__"))
def test_every_statistic_is_on_the_page(name: str) -> None:
    assert not faults(PAGE.read_text(encoding="utf-8"), name)


def test_no_row_speaks_of_a_file_that_is_not_there() -> None:
    assert all((STATS / f"{name}.py").is_file() for name in rows(PAGE.read_text(encoding="utf-8")))


def test_files_of_numbers_that_the_page_names_are_there() -> None:
    text = PAGE.read_text(encoding="utf-8")
    named = re.findall(r"`((?:tests|bench)/[\w./]+)`|python (bench/\w+\.py)", text)
    assert len(named) >= 5
    for paths in named:
        assert all((ROOT / path).is_file() for path in paths if path), paths


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("| `brier`: ", "| `bier`: ", "brier: has no row"),
        ("`binary`: `binary_measures`", "`binary`: `binary_figures`", "binary: binary_measures is not on the page"),
        ("J Appl Meteorol 1973;12:595", "J Appl Meteorol 1974;12:595", "the source 1974;12:595 is not in the file"),
        ("`test_brier::test_as_scikit_learn`", "`test_brier::test_as_r`", "brier: there is no test_brier::test_as_r"),
    ],
)
def test_the_judge_catches_what_is_wrong(old: str, new: str, said: str) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert old in text
    found = [fault for path in STATS.glob("*.py") if path.stem != "__init__" for fault in faults(text.replace(old, new), path.stem)]
    assert any(said in fault for fault in found), found
