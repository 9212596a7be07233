"""Agreement from files into a folder: tables, JSON and page, whole or not at all, with its record."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from coread.agreement_comparison import Agreement, agreement
from coread.agreement_tables import document, tables
from coread.errors import InputError
from coread.formats.any_reading import open_any_readings
from coread.report.agreement_page import agreement_page
from coread.run import versions
from coread.run_folder import RECORD, BusyError, claimed, publish, record_of, sha256_of
from coread.stats.resampling import Plan

STATUS = "agreement"
PAGE, JSON = "page.html", "agreement.json"


def agree(paths: Sequence[str | Path], plan: Plan | None = None, system_id: str | None = None, total: str | None = None) -> Agreement:
    """Agreement of the readings in some files: score sheets, reading.json, SR.

    Args:
        paths: the files; together they are one comparison.
        plan: how to resample, and the level of the intervals.
        system_id: the scoring system of wide sheets that do not name it.
        total: the total in sheets in which every reader has a column.

    Raises:
        InputError: a file cannot be used, or nothing can be compared; the message names the file where there is one only.
    """
    readings = [reading for path in paths for reading in open_any_readings(path, system_id, total)]
    try:
        return agreement(readings, plan=plan)
    except InputError as error:
        raise InputError(f"{', '.join(map(str, paths))}: {error}") from None


def write_agreement(found: Agreement, paths: Sequence[str | Path], out: str | Path) -> list[Path]:
    """Write tables, JSON and page into a folder that is new, empty, or holds an earlier agreement.

    Raises:
        InputError: the folder holds something else, or cannot be written; then nothing is.
    """
    folder = Path(out)
    if folder.exists() and not (folder.is_dir() and (record_of(folder).get("status") == STATUS or not any(folder.iterdir()))):
        raise InputError(f"{folder}: holds something other than an agreement, so it is not replaced; choose another folder with -o")
    texts = {PAGE: agreement_page(found), JSON: json.dumps(document(found), indent=1, ensure_ascii=False) + "\n"} | tables(found)
    try:
        with claimed(folder) as part:
            for name, text in texts.items():
                (part / name).write_text(text, encoding="utf-8", newline="")
            record = {
                "schema": "coread.run/1",
                "status": STATUS,
                "inputs": [{"path": str(path), "sha256": sha256_of(Path(path))} for path in paths],
                "plan": {"level": found.plan.level, "resamples": found.plan.resamples, "seed": found.plan.seed},
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "versions": versions(),
                "outputs": {name: sha256_of(part / name) for name in texts},
            }
            publish(part, folder, record)
    except BusyError:
        raise InputError(f"{folder}: another run is writing there; wait for it or choose another folder with -o") from None
    except OSError as error:
        raise InputError(f"{folder}: the outputs cannot be written: {error.strerror or error}") from None
    return [folder / name for name in (*texts, RECORD)]
