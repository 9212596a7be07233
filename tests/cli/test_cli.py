import json
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

EXAM = Path(str(files("coread").joinpath("examples", "hand.dcm")))


def coread(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([sys.executable, "-m", "coread", *map(str, words)], cwd=cwd, capture_output=True, text=True, timeout=300)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_demo_tells_where_everything_lies(tmp_path: Path) -> None:
    done = coread("demo", "-o", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("page.html", "page.pdf", "sr.dcm", "readings.csv", "reading.json"):
        assert f"out/{name}" in done.stdout
        assert (tmp_path / "out" / name).stat().st_size > 1000


def test_demo_replaces_its_own_reading_and_no_other(tmp_path: Path) -> None:
    assert coread("demo", "-o", "out", cwd=tmp_path).returncode == 0
    assert coread("demo", "-o", "out", cwd=tmp_path).returncode == 0
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    record |= {"exam": "/archive/hand.dcm", "inputs": [{"path": "/archive/hand.dcm", "sha256": "0" * 64}]}
    (tmp_path / "out" / "run.json").write_text(json.dumps(record))
    refused = coread("demo", "-o", "out", cwd=tmp_path)
    assert refused.returncode == 1
    assert "out holds the reading of another exam, /archive/hand.dcm; choose another folder with -o" in refused.stderr


def test_check_says_what_it_found_and_why_not(tmp_path: Path) -> None:
    good = coread("check", EXAM, cwd=tmp_path)
    assert good.returncode == 0, good.stderr
    assert "can be read" in good.stdout
    assert "left hand" in good.stdout
    assert "right hand" in good.stdout
    from PIL import Image

    Image.new("L", (600, 800), 90).save(tmp_path / "empty.png")
    bad = coread("check", "empty.png", "--json", cwd=tmp_path)
    assert bad.returncode == 1
    assert json.loads(bad.stdout)[0]["readable"] is False
    assert "empty" in json.loads(bad.stdout)[0]["reason"]


def test_check_goes_on_past_damaged_and_absent_files(tmp_path: Path) -> None:
    import numpy as np
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 255, (400, 400), np.uint8)
    Image.fromarray(noise).save(tmp_path / "damaged.png")
    whole = bytearray((tmp_path / "damaged.png").read_bytes())
    whole[len(whole) // 2] ^= 255
    (tmp_path / "damaged.png").write_bytes(whole)
    done = coread("check", "damaged.png", "absent.png", EXAM, cwd=tmp_path)
    assert done.returncode == 1
    damaged, absent, good, *_ = done.stdout.splitlines()
    assert damaged == "damaged.png: cannot be read: is damaged or cut short; export the image again"
    assert absent == "absent.png: cannot be read: there is no such file or folder; check the path"
    assert good.endswith("can be read")


def test_read_goes_on_past_a_bad_exam_and_exits_1(tmp_path: Path) -> None:
    shutil.copy(EXAM, tmp_path / "good.dcm")
    (tmp_path / "cut.dcm").write_bytes(EXAM.read_bytes()[:4000])
    done = coread("read", "cut.dcm", "absent.png", "good.dcm", "-o", "out", "--write", "json", cwd=tmp_path)
    assert done.returncode == 1
    assert len([line for line in done.stderr.splitlines() if "refused" in line]) == 2
    assert "good.dcm" in done.stdout
    assert [p.name for p in sorted((tmp_path / "out" / "good").iterdir())] == ["reading.json", "run.json"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["read", "x.dcm", "-o", "out", "--write", "jpeg"], 1, "--write 'jpeg': use one or more of json,csv,sr,seg,page,pdf"),
        (["read", "x.dcm", "-o", "out", "-m", "foot"], 1, "no model 'foot'"),
        (["read"], 2, "Missing"),
        (["report", "x.txt", "-o", "x.html"], 1, "cannot tell the format"),
        (["report", "absent.csv", "-o", "x.html"], 1, "absent.csv"),
        (["list", "hands"], 1, "use systems, models"),
        (["list", "--template", "none"], 1, "unknown scoring system 'none'"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_one_sentence_for_each_wrong_call(words: list[str], code: int, said: str, tmp_path: Path) -> None:
    done = coread(*words, cwd=tmp_path)
    assert done.returncode == code, done.stdout
    assert said in done.stderr
    assert not (tmp_path / "out").exists() or code == 1


def test_list_as_json(tmp_path: Path) -> None:
    found = json.loads(coread("list", "--json", cwd=tmp_path).stdout)
    svdh = next(s for s in found["systems"] if s["id"] == "svdh")
    assert svdh["maximum"] == 448
    assert {m["id"] for m in found["models"]} >= {"hand_svdh"}


def test_a_persons_score_sheet_becomes_page_and_sr(tmp_path: Path) -> None:
    import csv

    from coread.formats.sr import read_sr

    assert coread("list", "--template", "svdh", "-o", "scores.csv", cwd=tmp_path).returncode == 0
    with (tmp_path / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row |= {"study": "hand", "reader": "Dr A"}
        if row["side"] == "left" and row["site"].startswith(("MCP", "PIP", "CMC", "scapho", "capitate", "radiocarpal")):
            row["grade"] = "1" if row["feature"] == "joint_space_narrowing" else ""
    with (tmp_path / "scores.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    assert coread("report", "scores.csv", "-o", "page.html", cwd=tmp_path).returncode == 0
    done = coread("report", "scores.csv", "-o", "svdh.dcm", "--exam", EXAM, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert read_sr(tmp_path / "svdh.dcm").total("hand_left_narrowing").value == 15
    refused = coread("report", "scores.csv", "-o", "alone.dcm", cwd=tmp_path)
    assert refused.returncode == 1
    assert "give the study" in refused.stderr
