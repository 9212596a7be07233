"""Visits of one patient made by hand, each class of change among them; several tests compare them."""

from coread.change_sdc import DetectableChange
from coread.reading import Finding, ReaderRef, Reading, StudyRef
from coread.reading_totals import with_totals
from coread.scoring import system

JSN, EROSION = "joint_space_narrowing", "erosion"


def hand(grades: dict[tuple[str, str], float | str], **changes: object) -> Reading:
    """A left hand read by a person: 0 everywhere but for these (site, feature) -> grade, or the reason why there is none."""
    found = []
    for item in system("svdh").items:
        if item.region == "hand_left":
            said = grades.get((item.site, item.feature), 0.0)
            told = {"unreadable": said} if isinstance(said, str) else {"grade": said}
            found.append(Finding(item.site, "left", item.feature, **told))  # type: ignore[arg-type]
    return reading(tuple(found), **changes)


def reading(findings: tuple[Finding, ...], **changes: object) -> Reading:
    day = changes.pop("day", None)
    name = str(changes.pop("exam", f"exam {day}"))
    facts: dict[str, object] = {
        "uid": f"2.25.{abs(hash((name, day)))}",
        "reader": ReaderRef("person", "Dr A"),
        "system": "svdh",
        "study": StudyRef(name, patient=changes.pop("patient", "P 1"), timepoint_days=day),  # type: ignore[arg-type]
        "findings": findings,
        "totals": {},
        "created": "2026-01-01T00:00:00+00:00",
    }
    return with_totals(Reading(**(facts | changes)))  # type: ignore[arg-type]


BEFORE = {
    ("MCP 2", JSN): 0.0,
    ("MCP 3", JSN): 1.0,
    ("MCP 4", JSN): 3.0,
    ("MCP 5", JSN): 2.0,
    ("PIP 2", JSN): 1.0,
    ("PIP 3", JSN): "a ring lies over it",
}
AFTER = {("MCP 2", JSN): 2.0, ("MCP 3", JSN): 3.0, ("MCP 4", JSN): 1.0, ("MCP 5", JSN): 2.0, ("PIP 2", JSN): 2.0, ("PIP 3", JSN): 4.0}
SITE_ERROR = DetectableChange(f"site.{JSN}", 1.0, "test")
