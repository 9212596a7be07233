"""``change.json`` against its published schema."""

import copy
import json
from typing import Any

import jsonschema
import pytest

from coread.change import Change, change
from coread.change_json import SCHEMA, SCHEMA_FILE, change_text
from coread.change_sdc import DetectableChange
from tests.visits import AFTER, BEFORE, JSN, SITE_ERROR, hand

VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA_FILE.read_text()))
ERRORS = [SITE_ERROR, DetectableChange("hand_left", 3, "test", ("Dr A", "Dr A"))]
CHANGES = [
    change([hand(BEFORE, day=0), hand(AFTER, day=365)], ERRORS),
    change([hand(BEFORE, exam="a", patient=None), hand({}, exam="b"), hand(AFTER, exam="c")]),
]


@pytest.mark.parametrize("made", CHANGES, ids=["two", "three"])
def test_the_schema_holds(made: Change) -> None:
    content = json.loads(change_text(made))
    VALIDATOR.validate(content)
    assert content["schema"] == SCHEMA
    assert len(content["visits"]) == len(made.visits)


def test_it_says_what_the_change_says() -> None:
    content = json.loads(change_text(CHANGES[0]))
    (site,) = [one for one in content["sites"] if (one["site"], one["feature"]) == ("MCP 2", JSN)]
    assert site["grades"] == [0, 2]
    assert site["whole"] == {
        "from": 1,
        "to": 2,
        "difference": 2,
        "direction": "new",
        "call": "new",
        "smallest_detectable_change": {"value": 1, "source": "test", "readers": None},
        "left_out": 0,
        "reason": None,
    }


@pytest.mark.parametrize(
    ("key", "value"),
    [("difference", 0), ("reason", None), ("call", "stable"), ("direction", "worse"), ("from", 0), ("extra", 1)],
)
def test_the_schema_catches_a_change_told_where_none_can_be(key: str, value: Any) -> None:
    content = copy.deepcopy(json.loads(change_text(CHANGES[0])))
    (site,) = [one for one in content["sites"] if (one["site"], one["feature"]) == ("PIP 3", JSN)]
    assert site["whole"]["call"] == "untold"
    site["whole"][key] = value
    assert not VALIDATOR.is_valid(content)


def test_the_schema_is_itself_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(SCHEMA_FILE.read_text()))
