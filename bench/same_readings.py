"""Whether two runs read the same: every reading.json equal but for identifiers and times, every picture of the pages equal to the byte.

Run: python bench/same_readings.py OLD NEW        (two folders that `coread read` wrote from the same exams; exits 1 where they differ)
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

OWN = ("uid", "created")
"""What each reading has of its own."""


def readings(root: Path) -> dict[str, Any]:
    """Exam -> reading without what is its own, or the reason of the refusal."""
    found: dict[str, Any] = {}
    for record in sorted(root.glob("*/run.json")):
        told = json.loads(record.read_text())
        if told["status"] == "read":
            content = json.loads((record.parent / "reading.json").read_text())
            found[record.parent.name] = {key: value for key, value in content.items() if key not in OWN}
        else:
            found[record.parent.name] = told["reason"]
    return found


def pictures(page: Path) -> list[str]:
    """The pictures of a page, as they are coded in it."""
    return re.findall(r'"(data:image/[^"]+)"', page.read_text()) if page.is_file() else []


def main() -> None:
    old, new = map(Path, sys.argv[1:3])
    before, after = readings(old), readings(new)
    differ = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    shown = [name for name in before if name not in differ and pictures(old / name / "page.html") != pictures(new / name / "page.html")]
    count = sum(len(pictures(old / name / "page.html")) for name in before)
    print(f"{len(before)} exams, {sum(isinstance(r, dict) for r in before.values())} read: {len(differ)} readings differ {differ or ''}")
    print(f"{count} pictures on their pages: {len(shown)} pages differ {shown or ''}")
    sys.exit(bool(differ or shown))


if __name__ == "__main__":
    main()
