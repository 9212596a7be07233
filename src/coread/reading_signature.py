"""A person's signature under a reading: who, when, and a digest by which an altered reading is noticed.

The digest guards against accident and careless editing. It is no cryptographic signature: whoever can write the file can also
write a new digest.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime

from coread.errors import InputError
from coread.reading import Reading, Signature


def digest(reading: Reading) -> str:
    """SHA-256 over what a person signs: whose sheet it is, every grade, measurement and reason on it, and the totals.

    Pictures, places and curves are not in it, so that the same reading has the same digest as JSON and as DICOM SR, of which an archive
    may drop private elements.
    """
    sheet = sorted(
        [f.site, f.side or "", f.feature, f.instance or "", _number(f.grade), _number(f.value), f.unit or "", (f.unreadable or "").rstrip()]
        for f in reading.findings
    )
    totals = sorted([name, _number(total.value), _number(total.maximum), total.sites_unreadable] for name, total in reading.totals.items())
    identity = [reading.uid, reading.basis or "", reading.system, reading.study.patient or "", reading.reader.kind, reading.reader.id]
    return hashlib.sha256(json.dumps([identity, sheet, totals], ensure_ascii=True).encode()).hexdigest()


def _number(value: float | None) -> str:
    return "" if value is None else repr(float(value))


def signed(reading: Reading, uid: str, by: str, at: str) -> Reading:
    """The signed copy of a reading: a reading of its own whose basis is the one that was signed, as DICOM wants it of a verified report.

    Args:
        reading: what is signed.
        uid: DICOM UID of the signed copy.
        by: name of the person who signs.
        at: when, ISO 8601 with time zone.

    Raises:
        InputError: it is signed already, nobody signs, or the time has no time zone.
    """
    if reading.signature is not None:
        raise InputError(f"reading {reading.uid}: is signed already, by {reading.signature.by} on {reading.signature.at}; correct it first")
    if not by.strip():
        raise InputError("a signature needs the name of the person who signs")
    _moment(reading, at)
    copy = replace(reading, uid=uid, basis=reading.uid, created=at)
    return replace(copy, status="signed", signature=Signature(by.strip(), at, digest(copy)))


def check_signature(reading: Reading) -> None:
    """Nothing for a reading that nobody signed, or that is still what was signed.

    Raises:
        InputError: the findings or totals are not those that were signed.
    """
    said = reading.signature
    if said is None:
        return
    _moment(reading, said.at)
    if said.sha256 != digest(reading):
        raise InputError(
            f"reading {reading.uid}: is not what {said.by} signed on {said.at}: its findings or totals were altered since; "
            "open the file as it was signed, and change it with `coread correct`"
        )


def _moment(reading: Reading, at: str) -> None:
    try:
        zone = datetime.fromisoformat(at).tzinfo
    except ValueError:
        zone = None
    if zone is None:
        raise InputError(f"reading {reading.uid}: signed at {at!r}: expected ISO 8601 with time zone, such as 2026-01-31T10:00:00+00:00")
