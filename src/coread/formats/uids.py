"""UIDs that follow from what they name, so that the same thing has the same UID in every run."""

from __future__ import annotations

import uuid


def derived_uid(*parts: str) -> str:
    """A UID that is always the same for the same parts, from a name-based UUID (DICOM PS3.5 B.2)."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, chr(0).join(('coread', *parts))).int}"
