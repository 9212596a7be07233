"""A signature holds over what a person signs, and breaks when that is altered."""

from dataclasses import replace

import pytest

from coread.errors import InputError
from coread.reading import Before, Evidence, Finding, Interval, ReaderRef, Reading, StudyRef, Total
from coread.reading_signature import check_signature, digest, signed

AT = "2026-03-02T10:00:00+01:00"
CHANCES = (0.0, 0.125, 0.5, 0.25, 0.125, 0.0)
READING = Reading(
    "2.25.1", ReaderRef("model", "m", "1"), "svdh", StudyRef("a.dcm", patient="P1"),
    (
        Finding("MCP 2", "left", "erosion", grade=2.0, probabilities=CHANCES, interval=Interval(2.0, 1.0, 3.0, 0.9), was=Before(),
                evidence=Evidence(0, (1.0, 2.0), profile={"width": (1.0, float("nan"))})),
        Finding("MCP 3", "left", "erosion", unreadable="overlap"),
    ),
    {"hand_left_erosion": Total(2.0, 80.0, 1.0, 3.0, 0.9)}, "2026-03-01T10:00:00+01:00", warnings=("w",),
)  # fmt: skip


def test_the_signed_copy_is_a_reading_of_its_own_that_follows_the_signed_one() -> None:
    copy = signed(READING, "2.25.2", " Dr A ", AT)
    assert (copy.uid, copy.basis, copy.status, copy.created) == ("2.25.2", "2.25.1", "signed", AT)
    assert copy.signature is not None
    assert (copy.signature.by, copy.signature.at) == ("Dr A", AT)
    assert (copy.reader, copy.findings, copy.totals, copy.warnings) == (READING.reader, READING.findings, READING.totals, READING.warnings)
    check_signature(copy)
    check_signature(READING)


@pytest.mark.parametrize(
    "change",
    [
        {"findings": READING.findings[:1]},
        {"findings": (replace(READING.findings[0], grade=3.0), READING.findings[1])},
        {"findings": (READING.findings[0], replace(READING.findings[1], unreadable="cut"))},
        {"totals": {}},
        {"totals": {"hand_left_erosion": Total(3.0, 80.0)}},
        {"study": replace(READING.study, patient="P2")},
        {"reader": ReaderRef("person", "m")},
        {"uid": "2.25.3"},
        {"basis": None},
        {"system": "sens"},
        {"created": "2026-03-02T10:00:01+01:00"},
        {"read": 2},
        {"warnings": ()},
        {"reader": replace(READING.reader, version="2")},
        {"study": replace(READING.study, timepoint_days=7.0)},
        {"totals": {"hand_left_erosion": Total(2.0, 80.0, 1.0, 2.0, 0.9)}},
        {"findings": (replace(READING.findings[0], probabilities=(0.0, 0.0, 1.0, 0.0, 0.0, 0.0)), READING.findings[1])},
        {"findings": (replace(READING.findings[0], interval=Interval(2.0, 1.0, 3.0, 0.5)), READING.findings[1])},
        {"findings": (replace(READING.findings[0], was=Before(1.0)), READING.findings[1])},
        {"findings": (replace(READING.findings[0], was=None), READING.findings[1])},
    ],
)
def test_an_altered_reading_is_refused(change: dict[str, object]) -> None:
    copy = replace(signed(READING, "2.25.2", "Dr A", AT), **change)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"is not what Dr A signed on 2026-03-02.*`coread correct`"):
        check_signature(copy)


def test_what_an_archive_may_drop_and_the_order_of_findings_are_not_signed() -> None:
    copy = signed(READING, "2.25.2", "Dr A", AT)
    bare = tuple(replace(finding, evidence=None) for finding in reversed(copy.findings))
    check_signature(replace(copy, findings=bare))
    padded = replace(copy, findings=(replace(bare[0], unreadable="overlap "), bare[1]))
    assert digest(padded, "Dr A", AT) == digest(copy, "Dr A ", AT)


def test_the_name_and_time_of_a_signature_are_signed_too() -> None:
    copy = signed(READING, "2.25.2", "Dr A", AT)
    assert copy.signature is not None
    for change in ({"by": "Dr B"}, {"at": "2026-03-03T10:00:00+01:00"}):
        with pytest.raises(InputError, match="altered since"):
            check_signature(replace(copy, signature=replace(copy.signature, **change)))


def test_nobody_no_time_and_twice_are_refused() -> None:
    for by, at, said in (
        (" ", AT, "name of the person"),
        ("model:x", AT, "name of the person"),
        ("Dr\nA", AT, "one line of text"),
        ("\udcff", AT, "one line of text"),
        ("A" * 5000, AT, "one line of text"),
        ("Dr A", "2026-03-02", "time zone"),
        ("Dr A", "now", "ISO 8601"),
    ):
        with pytest.raises(InputError, match=said):
            signed(READING, "2.25.2", by, at)
    with pytest.raises(InputError, match="signed already, by Dr A"):
        signed(signed(READING, "2.25.2", "Dr A", AT), "2.25.3", "Dr B", AT)


def test_status_and_signature_go_together() -> None:
    with pytest.raises(ValueError, match="status is signed, but it lacks a signature"):
        replace(READING, status="signed")
    with pytest.raises(ValueError, match="status is unverified, but it has a signature"):
        replace(signed(READING, "2.25.2", "Dr A", AT), status="unverified")
