"""Smallest detectable changes as given in words and in tables."""

from pathlib import Path

import pytest

from coread.change_sdc import DetectableChange, find, read_sdc, reader_name
from coread.errors import InputError
from coread.reading import ReaderRef


def test_a_pair_of_name_and_points() -> None:
    assert read_sdc("hands = 5.0") == (DetectableChange("hands", 5.0, "--sdc hands = 5.0"),)


def test_a_table_tells_whose_error_it_is(tmp_path: Path) -> None:
    table = tmp_path / "sdc.csv"
    table.write_text("Name,sdc,reader_1,reader_2\nhands,3,Dr A,\nhands,8,Dr A,Dr B\nhands,12,,\n", encoding="utf-8-sig")
    known = read_sdc(str(table))
    said = {pair: find(known, "hands", pair) for pair in (("Dr A", "Dr A"), ("Dr B", "Dr A"), ("Dr C", "Dr C"))}
    assert [one and one.value for one in said.values()] == [3.0, 8.0, 12.0]
    assert find(known, "feet", ("Dr A", "Dr A")) is None
    assert known[1].source == f"{table}: row 3"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("name,points\nhands,5\n", "row 1: expected the columns name and sdc"),
        ("name,sdc\nhands,five\n", "row 2, column sdc: expected a number of points, got five"),
        ("name,sdc\nhands,\n", "row 2, column sdc: expected a number of points, got nothing"),
        ("name,sdc\nhands,-1\n", "row 2: the smallest detectable change of hands must be a number from 0, got -1"),
        ("name,sdc,reader_1,reader_2\nhands,5,,Dr B\n", "row 2, column reader_1: is empty, but reader_2 is Dr B"),
        ("name,sdc\n", "holds no row below the header"),
        ("", "row 1: expected the columns name and sdc, with or without reader_1 and reader_2; got none"),
        (b"name,sdc\nh\xff,5\n", "it is not UTF-8 text"),
    ],
)
def test_faults_of_a_table_are_named(tmp_path: Path, content: str | bytes, says: str) -> None:
    table = tmp_path / "sdc.csv"
    table.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as caught:
        read_sdc(str(table))
    assert str(caught.value).startswith(str(table))
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"), [("hands", "expected NAME=VALUE"), ("hands=x", "expected a number of points, got x"), ("no.csv", "cannot be read")]
)
def test_faults_of_the_option_are_named(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_sdc(text)


def test_readers_are_named_as_in_score_sheets() -> None:
    refs = [ReaderRef("person", "Dr A"), ReaderRef("model", "hand_svdh", "0.1.0"), ReaderRef("panel", "trial")]
    assert [reader_name(ref) for ref in refs] == ["Dr A", "model:hand_svdh@0.1.0", "panel:trial"]
