"""A person's signature under a reading: who, when, and a digest by which an altered reading is noticed.

The digest guards against accident and careless editing. It is no cryptographic signature: whoever can write the file can also
write a new digest.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime

from coread.errors import InputError, brief_text
from coread.reading import Finding, Reading, Signature

VERSION = "coread.signature/2"
NAME_CHARACTERS = 200


def digest(reading: Reading, by: str, at: str) -> str:
    """SHA-256 over what a person signs, and who signs it when.

    That is whose reading it is and when it was made, every grade, measurement and reason with its doubt and with what stood there before,
    the totals with their intervals, and the warnings. Pictures, places and curves are not in it, so that the same reading has the same
    digest as JSON and as DICOM SR, of which an archive may drop private elements.

    Args:
        reading: what is signed.
        by: name of the person.
        at: ISO 8601 with time zone.
    """
    who, study = reading.reader, reading.study
    identity = [
        VERSION, by.strip(), at, reading.uid, reading.basis or "", reading.system, reading.created, reading.read,
        who.kind, who.id.rstrip(), who.version or "", who.card_sha256 or "", study.patient or "", _number(study.timepoint_days),
    ]  # fmt: skip
    sheet = sorted(_signed_finding(finding) for finding in reading.findings)
    totals = sorted(
        [name, *_numbers(t.value, t.maximum, t.low, t.high, t.level), str(t.sites_unreadable)] for name, t in reading.totals.items()
    )
    warnings = [text.rstrip() for text in reading.warnings]
    return hashlib.sha256(json.dumps([identity, sheet, totals, warnings], ensure_ascii=True).encode()).hexdigest()


def _signed_finding(finding: Finding) -> list[str]:
    said, was = finding.interval, finding.was
    unit = (finding.unit or "").rstrip() if finding.value is not None else ""  # of a grade or a reason an SR keeps no unit
    parts = [finding.site, finding.side or "", finding.feature, (finding.instance or "").rstrip()]
    parts += [_number(finding.grade), _number(finding.value), unit, (finding.unreadable or "").rstrip()]
    parts += ["interval", *_numbers(said.value, said.low, said.high, said.level)] if said is not None else []
    if was is not None:
        unit = (was.unit or "").rstrip() if was.value is not None else ""
        parts += ["was", _number(was.grade), _number(was.value), unit, (was.unreadable or "").rstrip()]
    return [*parts, "probabilities", *_numbers(*finding.probabilities)]


def _numbers(*values: float | None) -> list[str]:
    return [_number(value) for value in values]


def _number(value: float | None) -> str:
    return "" if value is None else repr(float(value) + 0.0)  # 0 and -0 are one number in JSON


def person_name(name: str, act: str) -> str:
    """The name of a person without outer spaces.

    Args:
        name: as it was given.
        act: what the person does, for the message: ``signs``, ``corrects``, ``reads``.

    Raises:
        InputError: there is none, it is no single line of text, is longer than a name can be, or is written as a model's.
    """
    person = name.strip()
    if not person or any(person.casefold().startswith(f"{kind}:") for kind in ("model", "panel")):
        raise InputError(f"reader {brief_text(name)}: give the name of the person who {act}")
    if not person.isprintable() or len(person) > NAME_CHARACTERS:
        raise InputError(f"reader {brief_text(name)}: a name is one line of text, {NAME_CHARACTERS} characters at most")
    return person


def signed(reading: Reading, uid: str, by: str, at: str) -> Reading:
    """The signed copy of a reading: a reading of its own whose basis is the one that was signed, as DICOM wants it of a verified report.

    Args:
        reading: what is signed.
        uid: DICOM UID of the signed copy.
        by: name of the person who signs.
        at: when, ISO 8601 with time zone.

    Raises:
        InputError: it is signed already, nobody signs (see `person_name`), or the time has no time zone.
    """
    if reading.signature is not None:
        raise InputError(f"reading {reading.uid}: is signed already, by {reading.signature.by} on {reading.signature.at}; correct it first")
    person = person_name(by, "signs")
    moment(reading, at)
    copy = replace(reading, uid=uid, basis=reading.uid, created=at)
    return replace(copy, status="signed", signature=Signature(person, at, digest(copy, person, at)))


def check_signature(reading: Reading) -> None:
    """Nothing for a reading that nobody signed, or that is still what was signed.

    Raises:
        InputError: the findings or totals are not those that were signed, or the name or time of the signature is not.
    """
    said = reading.signature
    if said is None:
        return
    moment(reading, said.at)
    if said.sha256 != digest(reading, said.by, said.at):
        raise InputError(
            f"reading {reading.uid}: is not what {said.by} signed on {said.at}: it was altered since; "
            "open the file as it was signed, and change it with `coread correct`"
        )


def moment(reading: Reading, at: str, act: str = "signed") -> datetime:
    """When a reading was signed or made.

    Raises:
        InputError: not ISO 8601 with a time zone.
    """
    try:
        time = datetime.fromisoformat(at)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise InputError(f"reading {reading.uid}: {act} at {at!r}: expected ISO 8601 with time zone, such as 2026-01-31T10:00:00+00:00")
    return time
