"""A file is there as a whole or not at all, and a hidden part never stays."""

from pathlib import Path

import pytest

from coread.errors import InputError
from coread.whole_file import whole_file, write_whole


def fail_half_way(target: Path) -> None:
    with whole_file(target) as part:
        part.write_text("half")
        raise RuntimeError


def test_a_block_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    target = write_whole(tmp_path / "a.csv", "old\r\n")
    assert target.read_bytes() == b"old\r\n"
    with pytest.raises(RuntimeError):
        fail_half_way(target)
    assert target.read_bytes() == b"old\r\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_what_cannot_be_written_is_named_without_the_hidden_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent/a\.csv: cannot be written: No such file or directory$") as caught:
        write_whole(tmp_path / "absent" / "a.csv", "text")
    assert ".part" not in str(caught.value)
