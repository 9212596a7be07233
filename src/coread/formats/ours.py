"""Whether a file is one that Coread wrote, and of which kind, so that nothing else is ever replaced by an output."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

HEAD_BYTES = 4096
GENERATOR = '<meta name="generator" content="Coread">'
"""What a page of ours says in its head; ``report/page.html`` has the same line."""
PDF_CREATOR = b"/Creator (Coread)"
SCHEMA = re.compile(rb'^\s*\{\s*"schema":\s*"coread\.reading/')
MAKER = "Coread"
SR_CLASS, CAPTURE_CLASS = "1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.7"


def is_ours(path: Path, kind: str, text: str | None = None) -> bool:
    """Whether an existing file is Coread's own output of a kind.

    A table is what people fill in and change, so that no table of ours is known from theirs: it is ours where it holds ``text`` already.

    Args:
        path: an existing file.
        kind: ``json``, ``csv``, ``sr``, ``page``, ``pdf``, or ``capture`` for a Secondary Capture of a plain image.
        text: what a table would hold.

    Raises:
        OSError: it cannot be read.
    """
    if kind in ("sr", "capture"):
        return _is_object(path, SR_CLASS if kind == "sr" else CAPTURE_CLASS)
    if kind == "pdf":
        content = path.read_bytes()
        return content.startswith(b"%PDF-") and PDF_CREATOR in content
    if kind == "csv":
        return text is not None and path.read_bytes() == text.encode()
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return SCHEMA.match(head) is not None if kind == "json" else GENERATOR.encode() in head


def _is_object(path: Path, sop_class: str) -> bool:
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, about values of others that are not as they should be
        try:
            ds = dcmread(path, stop_before_pixels=True, specific_tags=["SOPClassUID", "Manufacturer"])
            return (ds.get("SOPClassUID"), ds.get("Manufacturer")) == (sop_class, MAKER)
        except (InvalidDicomError, AttributeError, LookupError, TypeError, ValueError, EOFError):
            return False
