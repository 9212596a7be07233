"""``change.json``: a change between visits in the published form ``coread.change/1`` (``formats/change.schema.json``)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from coread.change import Change, Step
from coread.reading import Reading, Total

SCHEMA = "coread.change/1"
SCHEMA_FILE = Path(__file__).parent / "formats" / "change.schema.json"


def change_text(change: Change) -> str:
    """The text of ``change.json``; visits are numbered from 1, in the order of the list ``visits``."""
    return json.dumps(change_object(change), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def change_object(change: Change) -> dict[str, Any]:
    """The content of ``change.json``."""
    return {
        "schema": SCHEMA,
        "system": change.system,
        "patient": change.patient,
        "visits": [_visit(number, reading) for number, reading in enumerate(change.visits, 1)],
        "notes": list(change.notes),
        "counts": dict(change.counts),
        "totals": [
            {
                "name": one.name,
                "maximum": one.maximum,
                "totals": [_total(total) for total in one.totals],
                "steps": [_step(step) for step in one.steps],
                "whole": _step(one.whole),
            }
            for one in change.totals
        ],
        "sites": [
            {
                "site": one.site,
                "side": one.side,
                "feature": one.feature,
                "grades": list(one.grades),
                "unreadable": list(one.reasons),
                "steps": [_step(step) for step in one.steps],
                "whole": _step(one.whole),
            }
            for one in change.sites
        ],
    }


def _visit(number: int, reading: Reading) -> dict[str, Any]:
    who, study = reading.reader, reading.study
    return {
        "number": number,
        "reading": reading.uid,
        "status": reading.status,
        "reader": {"kind": who.kind, "id": who.id, "version": who.version, "card_sha256": who.card_sha256},
        "study": {"source": study.source, "uid": study.uid, "timepoint": study.timepoint_days},
    }


def _total(total: Total | None) -> dict[str, Any] | None:
    if total is None:
        return None
    return {name: getattr(total, name) for name in ("value", "low", "high", "level", "sites_unreadable")}


def _step(step: Step) -> dict[str, Any]:
    error = step.error
    return {
        "from": step.start + 1,
        "to": step.end + 1,
        "difference": step.difference,
        "direction": step.direction,
        "call": step.call,
        "smallest_detectable_change": error
        and {"value": error.value, "source": error.source, "readers": error.readers and list(error.readers)},
        "left_out": step.left_out,
        "reason": step.reason,
    }
