"""The page of a training from its document: figures, table and pictures are there, and nothing from outside runs."""

import json
import re
from pathlib import Path

import pytest

from coread.errors import InputError
from coread.report.training_page import training_page, write_training_page
from coread.vision.evidence_map import map_uri

DOCUMENT = {
    "plan": {"id": "spots", "name": "Drawn <b>spots</b>", "version": "1", "task": {"system": "svdh"}, "learning": {"loss": "coral"}},
    "command": "coread train spots",
    "notes": ["left out: <script>alert(1)</script>"],
    "fingerprint": {"studies": 5, "patients": 4},
    "parts": {"training": 3, "calibration": 2},
    "curve": [{"step": 10, "loss": 1.5, "validation": 0.6}, {"step": 20, "loss": 1.2, "validation": 0.4}],
    "figures": [
        {"name": "kappa, quadratic weights", "value": 0.61, "low": 0.4, "high": 0.8, "n": 2, "why": ""},
        {"name": "AUC", "value": None, "low": None, "high": None, "n": 2, "why": "one class only"},
    ],
    "of": "2 studies",
    "grades": [0, 1],
    "confusion": [[3, 1], [0, 0]],
    "reliability": [{"said": 0.2, "came_true": 0.3, "low": 0.1, "high": 0.5, "n": 4}],
    "abstention": [{"refused": 0.0, "error": 0.3, "kept": 5}, {"refused": 0.5, "error": 0.1, "kept": 3}],
    "examples": [
        {
            "study": "a.png",
            "truth": 1,
            "said": 0,
            "sure": 0.9,
            "right": False,
            "picture": "data:image/jpeg;base64,",
            "map": map_uri([[0, 1]]),
        },
    ],
}


def test_it_says_what_was_measured_and_what_could_not_be() -> None:
    page = training_page(DOCUMENT)
    assert "0.4 to 0.8" in page
    assert "none: one class only" in page
    assert re.search(r'<td class="c9 right">3</td>', page)
    assert 'class="heat"' in page
    assert "default-src &#39;none&#39;" in page


def test_text_from_outside_does_no_harm() -> None:
    page = training_page(DOCUMENT)
    assert "<script" not in page
    assert "<b>spots" not in page


def test_a_run_without_its_record_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"training\.json: is no record of a training"):
        write_training_page(tmp_path)
    (tmp_path / "training.json").write_text(json.dumps(DOCUMENT))
    assert write_training_page(tmp_path).name == "report.html"
