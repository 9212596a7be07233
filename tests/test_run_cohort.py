"""What validation and calibration share: which part of a cohort is taken, which folder is written into, and files whole or not at all.

Reading a cohort, and readings already made, are in tests/test_run_validation.py and tests/test_run_calibrate.py.
"""

from pathlib import Path

import pytest

from coread.cohort import Cohort
from coread.errors import InputError
from coread.run_cohort import card_of, part_of, prepared, write_texts
from tests.made_up import make_up


def cohort(**columns: str) -> Cohort:
    return make_up(6, **{name: (lambda n, parts=parts: parts.split()[n % 2]) for name, parts in columns.items()}).cohort


def test_the_usual_part_is_taken_where_a_cohort_is_split() -> None:
    split = cohort(split="test train")
    assert {m.split for m in part_of(split, None, "test").members} == {"test"}
    assert {m.split for m in part_of(split, "train", "test").members} == {"train"}
    assert part_of(cohort(), None, "test").members == cohort().members
    with pytest.raises(InputError, match="is split into test, train; say which part to use with --split"):
        part_of(split, None, "calibration")


def test_a_folder_is_taken_if_it_is_new_empty_or_our_own(tmp_path: Path) -> None:
    prepared(tmp_path / "new" / "deep", "card.toml", "coread calibrate")
    (tmp_path / "new" / "deep" / "card.toml").write_text("")
    prepared(tmp_path / "new" / "deep", "card.toml", "coread calibrate")
    with pytest.raises(InputError, match="holds files that `coread validate` did not write; choose another folder with -o"):
        prepared(tmp_path / "new" / "deep", "validation.json", "coread validate")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file: the output folder cannot be made"):
        prepared(tmp_path / "file", "card.toml", "coread calibrate")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "b.csv").mkdir()
    with pytest.raises(InputError, match=r"b\.csv: cannot be written"):
        write_texts(tmp_path, {"a.csv": "ä\r\n", "b.csv": "2"})
    assert (tmp_path / "a.csv").read_bytes() == "ä\r\n".encode()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "b.csv"], "nothing half written is left"


def test_only_readings_already_made_may_be_of_a_model_without_a_card(tmp_path: Path) -> None:
    assert card_of("theirs", tmp_path) is None
    for model, readings in (("theirs", None), ("theirs.toml", tmp_path)):
        with pytest.raises(InputError, match=r"no model 'theirs'|theirs\.toml: no such card"):
            card_of(model, readings)
