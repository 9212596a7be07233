"""Text from outside, such as a file's name, as it can be printed and stored: control characters and broken bytes become visible."""

from __future__ import annotations

import unicodedata

HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories that move the cursor, turn the direction of text, break the line or cannot be encoded."""


def printable(text: str) -> str:
    r"""The text with each control character, direction mark and byte that is no UTF-8 written as its number, such as ``\x1b``.

    A text without any comes back as it is.
    """
    if text.isprintable():
        return text
    return "".join(_written(char) if unicodedata.category(char) in HIDDEN else char for char in text)


def _written(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte of a file name that is not UTF-8 (PEP 383)
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
