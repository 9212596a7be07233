"""Readings and studies that the SR tests write; nothing in them comes from a real person."""

from dataclasses import replace

import numpy as np

from coread.geometry import Grid
from coread.reading import Before, Evidence, Finding, ImageRef, Interval, ReaderRef, Reading, StudyRef
from coread.reading_signature import signed
from coread.reading_totals import with_totals
from coread.scoring import system
from coread.study import Image, Study

DX = "1.2.840.10008.5.1.4.1.1.1.1"
CARD_SHA256 = "0f" * 32
STUDY_UID = "2.25.1001"


def image(number: int, frame: int | None = None) -> Image:
    return Image(
        axes=("y", "x"),
        shape=(300, 240),
        load=lambda: np.zeros((300, 240), np.float32),
        source=f"exam/{number}.dcm",
        uid=f"2.25.2000{number}",
        sop_class=DX,
        frame=frame,
        grid=Grid((0.1, 0.1), "imager spacing"),
        facts={"modality": "DX", "laterality": "L", "series_uid": "2.25.3001"},
    )


def study(images: int = 1, patient: str | None = "P-17") -> Study:
    return Study(uid=STUDY_UID, images=tuple(image(n) for n in range(images)), source="exam", patient=patient, date="2026-01-31", sex="F")


def study_ref(of: Study) -> StudyRef:
    images = tuple(ImageRef(i.source, i.uid, i.sop_class, i.frame, *i.shape[:2]) for i in of.images)
    return StudyRef(of.source, of.uid, of.patient, 182.625, "tag", images)


def _bites(column: float, row: float, count: int) -> tuple[tuple[tuple[float, float], ...], ...]:
    """Outlines of suspected lesions around a place, as many as asked for."""
    return tuple(((column + n, row - 1.5), (column + n + 2.25, row + n / 3), (column - n, row + 2.5)) for n in range(count))


def reading(of: Study) -> Reading:
    """A model's reading of both hands: narrowing graded and widths measured with doubt and place, erosion not assessed."""
    draw = np.random.default_rng(7)
    findings: list[Finding] = []
    for item in system("svdh").items:
        if not item.region.startswith("hand"):
            continue
        if item.feature == "erosion":
            findings.append(Finding(item.site, item.side, "erosion", unreadable="not assessed by this model"))
            continue
        column, row = (float(x) for x in draw.uniform(20, 220, 2))
        outline = tuple((column + dx, row + dy) for dx, dy in ((-5.3, -2.1), (5.1, -2.2), (5.3, 2.1), (-5.1, 2.2)))
        place = Evidence(
            image=len(findings) % len(of.images),
            center_px=(column, row),
            outline_px=outline,
            profile={"position": (0.0, 0.5, 1.0), "width": tuple(float(x) for x in draw.uniform(0.5, 2, 3))},
        )
        if item.site == "PIP 5":
            boxed = replace(place, outline_px=(), box_px=(column - 4, row - 3, column + 4, row + 3), profile={}, map="heat")
            findings.append(Finding(item.site, item.side, item.feature, unreadable="outside the image", evidence=boxed))
            continue
        chances = tuple(float(p) for p in draw.dirichlet(np.ones(5)))
        expected = sum(grade * p for grade, p in enumerate(chances))
        grade = float(np.argmax(chances))
        findings.append(
            Finding(
                item.site,
                item.side,
                item.feature,
                grade=grade,
                probabilities=chances,
                interval=Interval(expected, 0.0, 3.0, 0.9),
                evidence=replace(place, lesions_px=_bites(column, row, int(grade))),
            )
        )
        width = float(draw.uniform(0.5, 2))
        findings.append(
            Finding(
                item.site,
                item.side,
                "joint_space_width",
                value=width,
                unit="mm",
                interval=Interval(width, width - 0.1, width + 0.1, 0.95),
                evidence=replace(place, outline_px=()),
            )
        )
    whole = Reading(
        uid="2.25.4001",
        reader=ReaderRef("model", "hand_svdh", "0.1", CARD_SHA256),
        system="svdh",
        study=study_ref(of),
        findings=tuple(findings),
        totals={},
        created="2026-02-01T09:30:00.123456+01:00",
        warnings=("the marker contradicts the tag", "a second hand is cut by the border"),
    )
    summed = dict(with_totals(whole).totals)
    left = summed["hand_left_narrowing"]
    summed["hand_left_narrowing"] = replace(left, low=left.value - 5.5, high=left.value + 5.25, level=0.9)
    return replace(whole, totals=summed)


def person_reading(of: Study) -> Reading:
    """A person's correction of it, signed by that person."""
    corrected = replace(
        reading(of),
        uid="2.25.4003",
        reader=ReaderRef("person", "Åsa Öberg = R1"),
        basis="2.25.4001",
        read=2,
        findings=(
            Finding("MCP 2", "left", "erosion", grade=3.0, was=Before(unreadable="not assessed by this model")),
            Finding("MCP 2", "left", "joint_space_narrowing", unreadable="überlagert; 重なり", instance="L-1", was=Before(2.0)),
            Finding("MCP 3", "left", "joint_space_width", value=1.5, unit="mm", was=Before(value=1.25, unit="mm")),
            Finding("MCP 3", "left", "erosion", grade=0.0, was=Before()),
        ),
        totals={},
        warnings=(),
    )
    return signed(corrected, "2.25.4002", corrected.reader.id, "2026-02-03T08:00:00.5+01:00")
