"""A signature as DICOM holds it: Verifying Observer Sequence (PS3.3 C.17.2), and its times."""

from __future__ import annotations

from datetime import UTC, datetime

from pydicom.dataset import Dataset

from coread.errors import InputError
from coread.formats.sr_report import plain_line
from coread.reading import Signature


def verifying_observer(signature: Signature) -> Dataset:
    """The person who signed, as an item of the Verifying Observer Sequence."""
    item = Dataset()
    item.VerifyingOrganization = "not stated"
    item.VerificationDateTime = moment_of(signature.at).strftime("%Y%m%d%H%M%S.%f%z")[:26]
    item.VerifyingObserverName = plain_line(signature.by)
    item.VerifyingObserverIdentificationCodeSequence = []
    return item


def moment_of(created: str) -> datetime:
    """A time as a reading holds it.

    Raises:
        InputError: no ISO 8601, or without time zone.
    """
    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        raise InputError(f"created {created!r}: expected ISO 8601 with time zone, such as 2026-01-31T10:00:00+00:00") from None
    if moment.tzinfo is None:
        raise InputError(f"created {created!r}: has no time zone; expected ISO 8601 such as 2026-01-31T10:00:00+00:00")
    return moment


def verified_at(text: str) -> str | None:
    """A DICOM date and time as ISO 8601; in UTC where it has no time zone of its own."""
    for form in ("%Y%m%d%H%M%S.%f%z", "%Y%m%d%H%M%S%z", "%Y%m%d%H%M%S.%f", "%Y%m%d%H%M%S", "%Y%m%d%H%M", "%Y%m%d"):
        try:
            moment = datetime.strptime(text.strip(), form)
        except ValueError:
            continue
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()
    return None
