"""reading.json: nothing is lost, the published schema agrees, and foreign files are refused in one sentence."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coread.errors import InputError
from coread.formats.reading_json import SCHEMA_FILE, read_json, write_json
from coread.reading import Before, Evidence, Finding, ImageRef, Interval, ReaderRef, Reading, Signature, StudyRef, Total
from coread.reading_signature import digest, signed
from coread.scoring import system

SCHEMA = json.loads(SCHEMA_FILE.read_text())

UNSIGNED = Reading(
    uid="2.25.76",
    reader=ReaderRef("model", "hand_svdh", "0.1.0", "ab" * 32),
    system="svdh",
    study=StudyRef(
        "exam/häñd.dcm", "1.2.3", "P 7", 365.5, "tag",
        (ImageRef("exam/häñd.dcm", "1.2.3.4", "1.2.840", 2, 2048, 1536), ImageRef("b.png")),
    ),
    findings=(
        Finding(
            "MCP 2", "left", "joint_space_narrowing", grade=2.0, probabilities=(0.1, 0.2, 0.6, 0.1 + 1e-17, 0.0),
            interval=Interval(1.7, 1.0, 3.0, 0.9),
            evidence=Evidence(
                1, (100.25, 1 / 3), (90.0, 80.0, 110.0, 95.5),
                ((90.1, 80.2), (110.3, 80.4), (110.5, 95.6), (90.7, 95.8)),
                {"position": (0.0, 0.5, 1.0), "width": (1.2, 1.1, 0.9)}, "map.png",
                (((95.5, 84.0), (99.25, 84.5), (97.0, 1 / 7 + 90)), ((1.0, 2.0), (3.0, 2.0), (3.0, 4.0), (1.0, 4.0))),
            ), was=Before(1.0),
        ),
        Finding("MCP 2", "left", "joint_space_width", value=1.0 / 7, unit="mm", interval=Interval(1.0 / 7, 0.1, 0.2, 0.95)),
        Finding("radiocarpal", "right", "joint_space_narrowing", unreadable="outside the image", evidence=Evidence(0, (-3.0, 5.0))),
        Finding("MCP 3", "right", "erosion", grade=5.0, instance="lesion 1", was=Before()),
        Finding("MCP 4", "right", "erosion", grade=1.0, was=Before(unreadable="not assessed")),
        Finding("MCP 3", "left", "joint_space_width", value=1.5, unit="mm", was=Before(value=1.25, unit="mm")),
        *(
            Finding(item.site, item.side, item.feature, grade=0.0) for item in system("svdh").totals["hands_narrowing"].items
            if (item.site, item.side) not in (("MCP 2", "left"), ("radiocarpal", "right"))
        ),
    ),
    totals={
        "hand_left_narrowing": Total(2.0, 60.0, 1.0, 4.5, 0.9),
        "hand_right_narrowing": Total(0.0, 60.0, sites_unreadable=1),
        "hands_narrowing": Total(2.0, 120.0, sites_unreadable=1),
    },
    created="2026-03-01T10:00:00+01:00",
    basis="2.25.75",
    read=3,
    warnings=("a warning",),
)  # fmt: skip
FULL = signed(UNSIGNED, "2.25.77", "Dr Å", "2026-03-02T10:00:00+01:00")
BARE = Reading("2.25.1", ReaderRef("person", "anna"), "svdh", StudyRef("s1"), (), {}, "2026-03-01T10:00:00+00:00")


@pytest.mark.parametrize("reading", [FULL, BARE], ids=["full", "bare"])
def test_round_trip_is_exact_and_follows_the_schema(tmp_path: Path, reading: Reading) -> None:
    path = write_json(reading, tmp_path / "reading.json")
    assert read_json(path) == reading
    jsonschema.validate(json.loads(path.read_text()), SCHEMA, cls=jsonschema.Draft202012Validator)
    assert write_json(read_json(path), tmp_path / "again.json").read_bytes() == path.read_bytes()


NUMBER = st.floats(allow_nan=False, allow_infinity=False)


@given(
    value=st.floats(0, 1000),
    low=st.none() | NUMBER,
    center=st.none() | st.tuples(NUMBER, NUMBER),
    profile=st.dictionaries(st.text(), st.lists(NUMBER).map(tuple)),
)
def test_any_number_survives(tmp_path_factory: pytest.TempPathFactory, value: float, low: float | None, center: Any, profile: Any) -> None:
    finding = Finding(
        "MCP 2",
        "left",
        "joint_space_width",
        value=value,
        unit="mm",
        interval=Interval(value, low),
        evidence=Evidence(0, center, profile=profile),
    )
    reading = replace(BARE, findings=(finding,))
    assert read_json(write_json(reading, tmp_path_factory.mktemp("json") / "r.json")) == reading


def test_what_could_not_be_measured_in_a_profile_is_null(tmp_path: Path) -> None:
    evidence = Evidence(0, profile={"width": (1.0, math.nan)})
    finding = Finding("MCP 2", "left", "joint_space_width", value=1.0, unit="mm", evidence=evidence)
    path = write_json(replace(BARE, findings=(finding,)), tmp_path / "r.json")
    assert json.loads(path.read_text())["findings"][0]["evidence"]["profile"]["width"] == [1.0, None]
    jsonschema.validate(json.loads(path.read_text()), SCHEMA)
    back = read_json(path).findings[0].evidence
    assert back is not None
    assert back.profile["width"][0] == 1.0
    assert math.isnan(back.profile["width"][1])


def test_numpy_numbers_are_written_as_plain_ones(tmp_path: Path) -> None:
    finding = Finding(
        "MCP 2",
        "left",
        "joint_space_width",
        value=np.float32(1.5),
        unit="mm",
        evidence=Evidence(int(np.int64(0)), (np.float32(2), np.float64(3))),
    )
    (back,) = read_json(write_json(replace(BARE, findings=(finding,)), tmp_path / "r.json")).findings
    assert back == finding


def test_a_number_that_is_not_finite_is_refused_when_written(tmp_path: Path) -> None:
    finding = Finding("MCP 2", "left", "joint_space_width", value=math.inf, unit="mm")
    with pytest.raises(InputError, match="not finite"):
        write_json(replace(BARE, findings=(finding,)), tmp_path / "r.json")
    assert not (tmp_path / "r.json").exists()
    with pytest.raises(InputError, match="cannot be written"):
        write_json(BARE, tmp_path / "absent" / "r.json")


def changed(**parts: Any) -> dict[str, Any]:
    """The full reading as JSON with some parts replaced; a key like ``findings/0/grade`` goes inward, ... removes it."""
    content: dict[str, Any] = json.loads(TEXT)
    for key, value in parts.items():
        at: Any = content
        *way, last = [int(k) if k.isdigit() else k for k in key.split("/")]
        for step in way:
            at = at[step]
        if value is ...:
            del at[last]
        else:
            at[last] = value
    return content


@pytest.fixture(autouse=True, scope="module")
def _text(tmp_path_factory: pytest.TempPathFactory) -> None:
    global TEXT
    TEXT = write_json(FULL, tmp_path_factory.mktemp("full") / "r.json").read_text()


TEXT = ""
FAULTS: list[tuple[dict[str, Any], str, bool]] = [
    ({"schema": "coread.reading/3"}, "schema: expected coread.reading/2 or coread.reading/1, got 'coread.reading/3'", True),
    ({"schema": ...}, "no key 'schema'", True),
    ({"uid": ...}, "uid: is missing", True),
    ({"uid": 7}, "uid: expected text, got 7", True),
    ({"status": "final"}, "status: expected unverified or signed", True),
    ({"extra": 1}, "extra: unknown key", True),
    ({"reader/kind": "robot"}, "reader.kind: expected model or person or panel", True),
    ({"reader": "anna"}, 'reader: expected an object, got "anna"', True),
    ({"read": 0}, "read: expected a whole number from 1", True),
    ({"study/images": "x"}, "study.images: expected a list", True),
    ({"study/images/0/rows": 1.5}, "study.images[0].rows: expected a whole number", True),
    ({"findings": {}}, "findings: expected a list", True),
    ({"findings/0": 3}, "findings[0]: expected an object, got 3", True),
    ({"findings/0/grade": "two"}, 'findings[0].grade: expected a finite number, got "two"', True),
    ({"findings/0/grade": True}, "findings[0].grade: expected a finite number, got true", True),
    ({"findings/0/grade": None}, "exactly one of grade, value and unreadable", True),
    ({"findings/0/value": 1.0}, "exactly one of grade, value and unreadable", True),
    ({"findings/1/unit": None}, "a value needs its unit", True),
    ({"findings/0/side": "L"}, "findings[0].side: expected left or right, got 'L'", True),
    ({"findings/0/probabilities/0": None}, "findings[0].probabilities[0]", True),
    ({"findings/0/evidence/center_px": [1]}, "findings[0].evidence.center_px: expected 2 numbers", True),
    ({"findings/0/evidence/outline_px/1": [1, 2, 3]}, "outline_px[1]: expected 2 numbers", True),
    ({"findings/0/evidence/outline_px": 5}, "outline_px: expected a list", True),
    ({"findings/0/evidence/lesions_px": 5}, "lesions_px: expected a list", True),
    ({"findings/0/evidence/lesions_px/0": [[1, 2], [3, 4]]}, "lesions_px[0]: expected a list of 3 or more corners", True),
    ({"findings/0/evidence/lesions_px/1/2": [1]}, "lesions_px[1][2]: expected 2 numbers", True),
    ({"findings/0/was/grade": "x"}, "findings[0].was.grade: expected a finite number", True),
    ({"signature/by": ...}, "signature.by: is missing", True),
    ({"signature": None}, "its status is signed, but it lacks a signature", False),
    ({"status": "unverified"}, "its status is unverified, but it has a signature", False),
    ({"signature/at": "2026-03-02"}, "expected ISO 8601 with time zone", False),
    ({"findings/0/grade": 3}, "is not what Dr Å signed on 2026-03-02T10:00:00+01:00: it was altered since", False),
    ({"totals/hand_left_narrowing/value": 3}, "altered since", False),
    ({"study/patient": "P 8"}, "altered since", False),
    ({"signature/by": "Dr Ö"}, "is not what Dr Ö signed", False),
    ({"findings/0/evidence/profile": []}, "profile: expected an object", True),
    ({"findings/0/evidence/profile/width": 1}, "profile.width: expected a list", True),
    ({"findings/0/evidence/image": -1}, "evidence.image: expected a whole number from 0", True),
    ({"totals/hand_left_narrowing/maximum": ...}, "totals.hand_left_narrowing.maximum: is missing", True),
    ({"totals": []}, "totals: expected an object", True),
    ({"warnings": [1]}, "warnings: expected a list of texts", True),
    ({"system": "svdx"}, "unknown scoring system 'svdx'", False),
    ({"findings/0/grade": 7}, "MCP 2 left joint space narrowing is 7, expected 0 to 4", False),
    ({"findings/1/feature": "erosion"}, "MCP 2 left erosion is no measurement of svdh", False),
    ({"findings/0/feature": "joint_space_width"}, "MCP 2 left joint space width is measured, not graded", False),
    ({"findings/0/site": "MCP 9"}, "unknown site 'MCP 9'", False),
    ({"totals/hand_left_narrowing/value": 99999}, "cannot be", False),
    ({"totals/hand_left_narrowing/maximum": 99999}, "cannot be", False),
    ({"findings/0/probabilities": [5, -3, -1, 0, 0]}, "sum to 1", False),
    ({"findings/0/probabilities": [0.5, 0.5]}, "2 probabilities that sum to 1: there must be one for each of the 5 grades", False),
    ({"findings/1/probabilities": [0.5, 0.5]}, "there must be one for each of the 0 grades", False),
    ({"findings/0/interval/level": 5}, "interval: its level is 5, expected a probability", False),
    ({"findings/0/interval/low": 4}, "interval: goes from 4 down to 3", False),
    ({"totals/hand_left_narrowing/level": 5}, "totals.hand_left_narrowing: its level is 5", False),
    ({"findings/1/value": -9}, "MCP 2 left joint space width is -9 mm, expected 0 to 1000 mm", False),
    ({"findings/1/value": 1e308}, "MCP 2 left joint space width is 1e+308 mm", False),
    ({"findings/1/unit": "furlong"}, "unit 'furlong' is not one of svdh, expected mm or %", False),
    ({"findings/0/was/grade": 9}, "MCP 2 left joint space narrowing is 9, expected 0 to 4", False),
    ({"findings/0/was/unreadable": "both"}, "was has at most one of grade, value and unreadable", False),
    ({"findings/0/evidence/image": 7}, "its evidence lies on image 8, the reading speaks of 2", False),
    ({"findings/2/evidence/center_px": [1e6, 5]}, "its evidence lies at (1e+06, 5), far outside the image of 1536 x 2048 pixels", False),
    ({"created": "yesterday"}, "made at 'yesterday': expected ISO 8601 with time zone", False),
    ({"findings/3/instance": None, "findings/4/site": "MCP 3"}, "MCP 3 right erosion stands twice", False),
    ({"totals/hand_middle": {"value": 1, "maximum": 2, "sites_unreadable": 0}}, "totals.hand_middle", False),
]  # fmt: skip


@pytest.mark.parametrize(("parts", "says", "schema_sees_it"), FAULTS, ids=[says for _, says, _ in FAULTS])
def test_malformed_readings_are_refused_here_and_by_the_schema(
    tmp_path: Path, parts: dict[str, Any], says: str, schema_sees_it: bool
) -> None:
    content = changed(**parts)
    path = tmp_path / "reading.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError) as caught:
        read_json(path)
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert jsonschema.Draft202012Validator(SCHEMA).is_valid(content) is not schema_sees_it


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"totals/hand_left_narrowing/value": 3}, "totals.hand_left_narrowing: says 3 with 0 sites unreadable, the grades give 2 with 0"),
        ({"totals/hand_right_narrowing/sites_unreadable": 0}, "totals.hand_right_narrowing: says 0 with 0 sites unreadable"),
        ({"findings/0/grade": 4}, "totals.hand_left_narrowing: says 2 with 0 sites unreadable, the grades give 4"),
        ({"totals/hands_narrowing": ...}, "totals.hands_narrowing: is missing, the grades give 2 with 1 sites unreadable"),
        ({"totals/all": {"value": 9, "maximum": 448, "sites_unreadable": 0}}, "totals.all: is 9, but the grades give no such total"),
    ],
)
def test_totals_that_do_not_follow_from_the_grades_are_refused_before_anyone_can_sign_them(
    tmp_path: Path, parts: dict[str, Any], says: str
) -> None:
    path = tmp_path / "reading.json"
    path.write_text(json.dumps(changed(**parts) | {"status": "unverified", "signature": None}))
    with pytest.raises(InputError) as caught:
        read_json(path)
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"\xff{}", "byte 1 is not UTF-8 text"),
        (b"[" * 100_000, "is not valid JSON: it is nested too deep"),
        (b'{"schema": ' + b"9" * 5000 + b"}", r"99999999999999999999\.\.\. is a number of 5000 digits$"),
        (b'{"schema": "' + b"x" * 5000 + b'"}', r"got 'x{36}\.\.\.$"),
        (b'{"schema": "coread.reading/2", "uid": "\\ud800"}', r"holds '\\ud800', which is half a character and no text"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[1, 2]", "no reading of Coread"),
        (b'"text"', "no reading of Coread"),
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b'{"resourceType": "Observation"}', "no reading of Coread"),
        (b"[" * 100_000, "not valid JSON"),
    ],
)
def test_foreign_files(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "reading.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=says):
        read_json(path)


def first_schema(content: dict[str, Any]) -> dict[str, Any]:
    """As the first version wrote it: without the keys that came later."""
    old = {key: value for key, value in content.items() if key != "signature"} | {"schema": "coread.reading/1"}
    for finding in old["findings"]:
        del finding["was"]
        if finding["evidence"]:
            del finding["evidence"]["lesions_px"]
    return old


@pytest.mark.parametrize("reading", [replace(FULL, status="unverified", signature=None), BARE], ids=["full", "bare"])
def test_a_file_of_the_first_version_still_opens(tmp_path: Path, reading: Reading) -> None:
    content = first_schema(json.loads(write_json(reading, tmp_path / "new.json").read_text()))
    (tmp_path / "old.json").write_text(json.dumps(content))
    bare = tuple(replace(f, was=None, evidence=f.evidence and replace(f.evidence, lesions_px=())) for f in reading.findings)
    assert read_json(tmp_path / "old.json") == replace(reading, findings=bare)
    assert jsonschema.Draft202012Validator(SCHEMA).is_valid(content)


def test_a_person_who_signed_under_the_first_version_still_has_and_a_model_never_did(tmp_path: Path) -> None:
    content = first_schema(json.loads(write_json(BARE, tmp_path / "new.json").read_text())) | {"status": "signed"}
    path = tmp_path / "old.json"
    path.write_text(json.dumps(content))
    assert read_json(path) == replace(BARE, status="signed", signature=Signature("anna", BARE.created, digest(BARE, "anna", BARE.created)))
    content["reader"]["kind"] = "model"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="status is signed, but it lacks a signature"):
        read_json(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_json(tmp_path / "absent.json")


def test_the_schema_is_itself_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
