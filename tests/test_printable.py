"""Names from outside cannot steer a terminal, and can always be encoded."""

import os

import pytest

from coread.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("hand.dcm", "hand.dcm"),
        ("Müller 手.png", "Müller 手.png"),
        ("a\nb\x1b[31m.png", "a\\x0ab\\x1b[31m.png"),
        (os.fsdecode(b"\xff\xfe.png"), "\\xff\\xfe.png"),
        ("gnp\u202e.dcm", "gnp\\u202e.dcm"),
        ("a\u2028b", "a\\u2028b"),
    ],
)
def test_what_steers_becomes_visible(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(shown) == shown
    printable(text).encode()
