"""Readings built by hand, with places, profiles and probabilities as a reader gives them, on a drawn picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from coread.reading import Before, Evidence, Finding, ImageRef, Interval, ReaderRef, Reading, StudyRef, Total
from coread.scoring import system
from coread.study import Image, Study

# Places of the hand's sites as (column, row) in shares of a palm-down left hand of 1 wide and 1.5 high, drawn by eye.
PLACES = {
    "MCP 1": (0.76, 0.84), "MCP 2": (0.62, 0.62), "MCP 3": (0.485, 0.60), "MCP 4": (0.37, 0.63), "MCP 5": (0.26, 0.70),
    "PIP 2": (0.66, 0.38), "PIP 3": (0.49, 0.33), "PIP 4": (0.345, 0.38), "PIP 5": (0.19, 0.52), "IP thumb": (0.86, 0.68),
    "metacarpal 1 base": (0.66, 1.03), "CMC 3": (0.50, 0.985), "CMC 4": (0.43, 0.99), "CMC 5": (0.365, 1.00),
    "scaphotrapeziotrapezoid": (0.585, 1.085), "trapezium-trapezoid": (0.61, 1.055), "scaphoid": (0.565, 1.13),
    "capitate-scaphoid-lunate": (0.50, 1.115), "lunate": (0.475, 1.155), "radiocarpal": (0.53, 1.19),
    "radius": (0.56, 1.24), "ulna": (0.39, 1.22),
}  # fmt: skip

NOT_ASSESSED = "not assessed: this model does not grade erosion"


def draw_hand(rows: int, columns: int, hands: Sequence[tuple[float, float, float, bool]], seed: int = 7) -> npt.NDArray[np.float32]:
    """A picture that has something at every place: (left, top, width in px, mirrored) for each hand."""
    rng = np.random.default_rng(seed)
    picture = np.full((rows, columns), 0.06, np.float32)
    for left, top, width, mirrored in hands:
        for u, v in PLACES.values():
            cx, cy = left + (1 - u if mirrored else u) * width, top + v * width
            left_, top_ = max(0, int(cx - 0.15 * width)), max(0, int(cy - 0.3 * width))
            part = picture[top_ : int(cy + 0.3 * width), left_ : int(cx + 0.15 * width)]
            y, x = np.ogrid[top_ : top_ + part.shape[0], left_ : left_ + part.shape[1]]
            far = ((x - cx) / (0.05 * width)) ** 2 + ((y - cy) / (0.11 * width)) ** 2
            part += 0.55 * np.exp(-far) * (1 - 0.6 * np.exp(-(((y - cy) / (0.006 * width)) ** 2)))
    picture += rng.standard_normal(picture.shape, np.float32) * 0.015
    return np.clip(picture, 0, 1).astype(np.float32)


def make_image(pixels: npt.NDArray[np.float32], axes: tuple[str, ...] = ("y", "x"), source: str = "hand.png") -> Image:
    return Image(axes=axes, shape=pixels.shape, load=lambda: pixels.copy(), source=source)


def evidence_at(center: tuple[float, float], width: float, image: int, expected: float, share: float, mm: float | None) -> Evidence:
    """Evidence with two edge curves across a joint that is ``share`` as wide as expected (``expected`` in px)."""
    half = 0.045 * width
    s = np.linspace(-half, half, 41)
    gap = expected * share * (1 - 0.25 * (s / half) ** 2) + 0.3 * np.sin(s / 3)
    arc = 0.18 * s**2 / half
    unit = mm or 100 / (0.09 * width)  # as the reader has it: mm, or per cent of the bone's width
    return Evidence(
        image=image,
        center_px=center,
        box_px=(center[0] - 1.3 * half, center[1] - 1.3 * half, center[0] + 1.3 * half, center[1] + 1.3 * half),
        outline_px=tuple((center[0] + a * 1.3 * half, center[1] + b * half) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))),
        profile={
            "position": tuple((s * unit).tolist()),
            "width": tuple((np.maximum(gap, 0) * unit).tolist()),
            "proximal_x": tuple((center[0] + s).tolist()),
            "proximal_y": tuple((center[1] + arc + gap / 2).tolist()),
            "distal_x": tuple((center[0] + s).tolist()),
            "distal_y": tuple((center[1] + arc - gap / 2).tolist()),
            "expected_width": (expected * unit,),
        },
    )


def hand_findings(
    side: str, left: float, top: float, width: float, image: int = 0, mm: float | None = None, seed: int = 1
) -> list[Finding]:
    """Every box of the sheet of one hand: narrowing graded but for two sites, erosion not assessed; and the measurements."""
    rng = np.random.default_rng(seed)
    found: list[Finding] = []
    for item in system("svdh").items:
        if item.region != f"hand_{side}":
            continue
        u, v = PLACES[item.site]
        center = (left + (1 - u if side == "right" else u) * width, top + v * width)
        if item.feature == "erosion":
            found.append(Finding(item.site, side, "erosion", unreadable=NOT_ASSESSED, evidence=Evidence(image, center)))
            continue
        if item.site == "CMC 5":
            found.append(Finding(item.site, side, item.feature, unreadable="the bones overlap", evidence=Evidence(image, center)))
            continue
        grade = int(rng.choice(5, p=(0.5, 0.2, 0.15, 0.1, 0.05)))
        raw = np.exp(-(np.abs(np.arange(5) - grade) ** 1.3) * rng.uniform(0.5, 2.5))
        chances = tuple(float(p) for p in raw / raw.sum())
        expected = 0.014 * width
        evidence = evidence_at(center, width, image, expected, max(0.03, 1 - 0.24 * grade), mm)
        low, high = max(0, grade - 1), min(4, grade + 1)
        found.append(
            Finding(
                item.site,
                side,
                item.feature,
                grade=float(grade),
                probabilities=chances,
                interval=Interval(grade, low, high, 0.9),
                evidence=evidence,
            )
        )
        mean = float(np.mean(evidence.profile["width"]))
        unit = "mm" if mm else "%"
        spread = Interval(mean, mean * 0.9, mean * 1.1, 0.9)
        found.append(Finding(item.site, side, "joint_space_width", value=mean, unit=unit, interval=spread, evidence=evidence))
        found.append(Finding(item.site, side, "minimum_joint_space_width", value=mean * 0.7, unit=unit, evidence=evidence))
        found.append(Finding(item.site, side, "subluxation", value=float(rng.uniform(0, 12)), unit="%"))
    return found


def totals_of(findings: Sequence[Finding]) -> dict[str, Total]:
    """The totals that the scoring system allows, each with an interval of a tenth either way."""
    scores = system("svdh").score({(f.site, f.side, f.feature): f.grade for f in findings if f.feature in system("svdh").features})
    return {
        n: Total(s.value, s.maximum, round(0.8 * s.value), round(1.2 * s.value + 1), 0.9, s.sites_unreadable) for n, s in scores.items()
    }


def make_reading(findings: Sequence[Finding], study: Study | None = None, **changes: object) -> Reading:
    refs = tuple(ImageRef(i.source, i.uid, i.sop_class, i.frame, i.shape[0], i.shape[1]) for i in study.images) if study else ()
    facts: dict[str, object] = {
        "uid": "2.25.1234567890",
        "reader": ReaderRef("model", "hand_svdh", "0.1.0", "3f" * 32),
        "system": "svdh",
        "study": StudyRef("exam/hand.png", "2.25.987", study.patient if study else "RA-0042", None, "anatomy", refs),
        "findings": tuple(findings),
        "totals": {} if "totals" in changes else totals_of(findings),
        "created": "2026-03-04T10:20:30+00:00",
        "warnings": ("No pixel spacing: joint spaces are given in per cent of the bone's width.",),
    }
    return Reading(**(facts | changes))  # type: ignore[arg-type]


def one_hand() -> tuple[Reading, Study]:
    """A left hand of 1200 x 900 px in one image."""
    study = Study(
        "2.25.987",
        (make_image(draw_hand(1260, 860, [(10, 10, 820, False)])),),
        "exam/hand.png",
        "RA-0042",
        None,
        "2026-02-11",
        age_years=61,
        sex="F",
    )
    return make_reading(hand_findings("left", 10, 10, 820), study), study


def two_hands() -> tuple[Reading, Study]:
    """Both hands in one image, with spacing."""
    pixels = draw_hand(1260, 1700, [(0, 10, 830, False), (860, 10, 830, True)])
    study = Study("2.25.988", (make_image(pixels),), "exam/hands.png", "RA-0043", None, "2026-02-11")
    findings = hand_findings("left", 0, 10, 830, mm=0.15) + hand_findings("right", 860, 10, 830, mm=0.15, seed=2)
    return make_reading(findings, study, warnings=()), study


def lesion_around(center: tuple[float, float], radius: float, seed: int = 3) -> tuple[tuple[float, float], ...]:
    """A crooked outline beside a place, as of a suspected erosion."""
    rng = np.random.default_rng(seed)
    angles = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    far = radius * rng.uniform(0.7, 1.2, 14)
    return tuple(
        (center[0] + 1.4 * radius + x, center[1] - radius + y) for x, y in zip(far * np.cos(angles), far * np.sin(angles), strict=True)
    )


def corrected_hand() -> tuple[Reading, Study]:
    """A person's correction of a hand whose erosions were graded and outlined: a grade lowered, one raised, one taken for unreadable."""
    reading, study = one_hand()
    findings = []
    for finding in reading.findings:
        if finding.feature == "erosion" and finding.evidence is not None and finding.evidence.center_px is not None:
            grade = {"MCP 2": 2.0, "MCP 3": 1.0, "PIP 3": 3.0, "ulna": 2.0}.get(finding.site, 0.0)
            outline = (lesion_around(finding.evidence.center_px, 14.0),) if grade else ()
            chances = tuple(0.7 if g == grade else 0.06 for g in range(6))
            finding = replace(finding, grade=grade, unreadable=None, probabilities=chances)
            finding = replace(finding, evidence=Evidence(0, finding.evidence.center_px, lesions_px=outline))
            if finding.site == "MCP 3":
                finding = replace(finding, probabilities=(), was=Before(grade=3.0))
            if finding.site == "PIP 2":
                finding = replace(finding, grade=None, probabilities=(), unreadable="a ring lies over it", was=Before(grade=1.0))
        if finding.site == "CMC 5" and finding.feature != "erosion":
            finding = replace(finding, grade=2.0, unreadable=None, was=Before(unreadable="the bones overlap"))
        findings.append(finding)
    person = ReaderRef("person", "Dr Ada Example")
    return make_reading(findings, study, reader=person, basis="2.25.1234567890", uid="2.25.99", totals=totals_of(findings)), study


def visit_of(number: int, seed: int, turn: float = 0.0) -> tuple[Reading, Study]:
    """Both hands at a visit, every half year one; the ends of its bones may lie turned, as those of a hand laid down otherwise."""
    pixels = draw_hand(1260, 1700, [(0, 10, 830, False), (860, 10, 830, True)], seed=seed)
    study = Study(f"2.25.98{number}", (make_image(pixels),), f"exam {number}", "RA-0043", 180.0 * number, f"2026-0{number + 1}-11")
    found = hand_findings("left", 0, 10, 830, mm=0.15, seed=seed) + hand_findings("right", 860, 10, 830, mm=0.15, seed=seed + 1)
    findings = [replace(f, evidence=_turned(f.evidence, turn)) if f.evidence and f.evidence.profile else f for f in found]
    ref = StudyRef(
        study.source, study.uid, study.patient, study.timepoint_days, "marker", (ImageRef(study.source, None, None, None, 1260, 1700),)
    )
    reading = make_reading(findings, study, uid=f"2.25.{number + 1}", warnings=("The film is soft.",))
    return replace(reading, study=ref), study


def _turned(evidence: Evidence, turn: float) -> Evidence:
    """The same place with the ends of its bones turned about it by so many radians."""
    center = np.array(evidence.center_px)
    c, s = np.cos(turn), np.sin(turn)
    profile = dict(evidence.profile)
    for name in ("proximal", "distal"):
        edge = np.stack((profile[f"{name}_x"], profile[f"{name}_y"]), axis=1)
        x, y = ((edge - center) @ np.array([[c, s], [-s, c]]) + center).T
        profile |= {f"{name}_x": tuple(x.tolist()), f"{name}_y": tuple(y.tolist())}
    return replace(evidence, profile=profile)
