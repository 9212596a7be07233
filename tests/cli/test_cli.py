import json
import os
import re
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
    assert good.stdout.startswith(f"{EXAM}: can be read")
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
        (["list", "hands"], 1, "use systems, models, recipes"),
        (["list", "--template", "none"], 1, "unknown scoring system 'none'"),
        (["nonsense"], 2, "nonsense"),
        (["read", "x.dcm", "-o", ""], 2, "the path is empty"),
        (["check", ""], 2, "the path is empty"),
        (["demo", "-o", ""], 2, "the path is empty"),
    ],
)
def test_one_sentence_for_each_wrong_call(words: list[str], code: int, said: str, tmp_path: Path) -> None:
    done = coread(*words, cwd=tmp_path)
    assert done.returncode == code, done.stdout
    assert said in done.stderr
    assert not (tmp_path / "out").exists() or code == 1


def test_list_recipes(tmp_path: Path) -> None:
    done = coread("list", "recipes", cwd=tmp_path)
    assert done.returncode == 0
    assert "salivary_omeract  omeract_salivary_image" in done.stdout
    assert [r["id"] for r in json.loads(coread("list", "recipes", "--json", cwd=tmp_path).stdout)["recipes"]] == [
        "salivary_omeract",
        "wrist_erosion",
    ]


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
    done = coread("report", "scores.csv", "-o", "page.html", cwd=tmp_path)
    assert done.stdout == "scores.csv: hand left narrowing 15 of 60, 71 of 86 rows empty -> page.html\n"
    done = coread("report", "scores.csv", "-o", "svdh.dcm", "--exam", EXAM, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert read_sr(tmp_path / "svdh.dcm").total("hand_left_narrowing").value == 15
    refused = coread("report", "scores.csv", "-o", "alone.dcm", cwd=tmp_path)
    assert refused.returncode == 1
    assert "give the study" in refused.stderr


def test_validate_says_what_it_measured_and_refuses_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "cohort").mkdir()
    shutil.copy(EXAM, tmp_path / "cohort" / "hand.dcm")
    sheet = "study,reader,system,site,side,feature,grade\nhand.dcm,Dr A,svdh,MCP 2,left,joint_space_narrowing,3\n"
    (tmp_path / "cohort" / "readings.csv").write_text(sheet)
    (tmp_path / "cohort" / "cohort.csv").write_text("study,patient,centre\nhand.dcm,p1,north\n")
    done = coread("validate", "hand_svdh", "cohort", "-o", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "kappa, quadratic weights" in done.stdout
    assert "out/page.html" in done.stdout
    refused = coread("validate", "hand_svdh", "cohort", "-o", "out", "--by", "scaner", cwd=tmp_path)
    assert refused.returncode == 1
    assert refused.stderr == "coread: cohort/cohort.csv: unknown column 'scaner'; known: study, patient, centre\n"
    as_json = coread("validate", "hand_svdh", "cohort", "-o", "out", "--readings", "out/readings", "--json", cwd=tmp_path)
    assert json.loads(as_json.stdout)["patients"] == 1


def hand_png(path: Path, longest: int | None = None) -> None:
    """The bundled exam as a plain image, at most so many pixels long."""
    import numpy as np
    from PIL import Image

    from coread.formats.open import open_study

    image = Image.fromarray(np.rint(255 * open_study(EXAM).images[0].pixels).astype(np.uint8))
    if longest:
        image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    image.save(path, "PNG")


@pytest.mark.skipif(sys.platform != "linux", reason="only here is a file name any bytes")
def test_a_name_that_is_no_utf8_or_steers_the_terminal_is_an_exam_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in (b"\xff\xfe.png", b"a\nb\x1b[31m.png"):
        hand_png(tmp_path / "in" / os.fsdecode(name))
    done = coread("read", "in", "-o", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "in/\\xff\\xfe.png: " in done.stdout
    assert "in/a\\x0ab\\x1b[31m.png: " in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
    assert "2 read" in done.stdout
    kept = json.loads(coread("read", "in", "-o", "out", "--json", cwd=tmp_path).stdout)
    assert [one["status"] for one in kept] == ["kept", "kept"]
    assert os.fsencode(kept[1]["exam"]) == b"in/\xff\xfe.png"
    assert len(json.loads(coread("check", "in", "--json", cwd=tmp_path).stdout)) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("words", [["list", "systems"], ["check", "absent.png"], ["--version"], ["--help"]])
def test_a_full_standard_output_is_one_sentence(words: list[str], tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "coread", *words]
        done = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == "coread: standard output cannot be written: No space left on device; free space or send it elsewhere\n"


def test_read_says_how_an_exam_was_opened(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.dcm", "b.dcm"):
        shutil.copy(EXAM, tmp_path / "in" / name)
    done = coread("read", "in", "-o", "out", "--write", "json", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr == "in: warning: b.dcm repeats an object of this exam (a.dcm) and was passed over.\n"


def test_check_foretells_that_nothing_would_be_graded(tmp_path: Path) -> None:
    """An image too coarse to measure is located and read, without a grade; both commands say why, and the limit."""
    hand_png(tmp_path / "small.png", 518)
    told = coread("check", "small.png", cwd=tmp_path)
    assert told.returncode == 0
    assert told.stdout.startswith("small.png: the hand is located, but no joint would be graded: ")
    done = coread("read", "small.png", "-o", "out", "--write", "json", cwd=tmp_path)
    assert "no total, hand left erosion: 16 of 16 sites lack a grade, at most " in done.stdout
    assert "; hand left narrowing: 15 of 15 sites lack a grade, at most " in done.stdout


def test_a_reason_that_says_so_itself_is_not_introduced_again() -> None:
    from coread.cli.check import _verdict

    answer = {"exam": "a.png", "readable": False, "reason": "a.png: cannot be read (Permission denied); check its permissions"}
    assert _verdict(answer) == "cannot be read (Permission denied); check its permissions"
    assert _verdict(answer | {"reason": "a.png: is empty"}) == "cannot be read: is empty"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_an_exam_that_may_not_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    hand_png(tmp_path / "locked.png")
    (tmp_path / "locked.png").chmod(0)
    told = coread("check", "locked.png", EXAM, cwd=tmp_path)
    assert told.returncode == 1
    assert told.stdout.splitlines()[0] == "locked.png: cannot be read (Permission denied); check its permissions"
    done = coread("read", "locked.png", EXAM, "-o", "out", "--write", "json", cwd=tmp_path)
    assert done.returncode == 1
    assert "1 read, 0 already there, 1 refused" in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of a file")
@pytest.mark.parametrize("kinds", ["sr", "seg", "json"])
def test_a_full_disk_is_named_with_the_target(kinds: str, tmp_path: Path) -> None:
    import resource

    hand_png(tmp_path / "hand.png")
    done = subprocess.run(
        [sys.executable, "-m", "coread", "read", "hand.png", "-o", "out", "--write", kinds],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500)),
    )
    assert done.returncode == 1
    assert re.search(r"out/hand(/\w+\.\w+)?: cannot be written: File too large", done.stderr), done.stderr
    assert ".part" not in done.stderr
    assert not list((tmp_path / "out").iterdir())


def test_never_more_processes_than_exams_or_processors() -> None:
    from coread.cli.read import _jobs

    processors = os.cpu_count() or 1
    assert [_jobs(1000, exams) for exams in (1, 3, 5000)] == [1, min(3, processors), min(1000, processors)]
    assert [_jobs(0, exams) for exams in (0, 1, 2, 3)] == [1, 1, 1, 1]


def test_readings_to_choose_from_differ_in_what_is_named(tmp_path: Path) -> None:
    rows = "exam1,Dr A,svdh,MCP 2,left,erosion,1\nexam1,Dr A,sens,MCP 2,left,erosion,1\n"
    (tmp_path / "two.csv").write_text(f"study,reader,system,site,side,feature,grade\n{rows}")
    done = coread("report", "two.csv", "-o", "page.html", cwd=tmp_path)
    assert done.returncode == 1
    assert "(1 = exam1, Dr A, svdh; 2 = exam1, Dr A, sens)" in done.stderr


def test_a_seg_that_there_is_not_is_said(tmp_path: Path) -> None:
    from coread.formats.dx import write_dx
    from coread.simulate.hand import simulate_hand

    write_dx(simulate_hand(90_002, side="left", pixel_mm=0.2, plain=True).study, 0, tmp_path / "sound.dcm")
    done = coread("read", "sound.dcm", "-o", "out", "--write", "seg", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "no SEG: the reading outlines nothing" in done.stdout
    done = coread("read", EXAM, "-o", "out", "--write", "seg", cwd=tmp_path)
    assert "no SEG" not in done.stdout
    assert (tmp_path / "out" / "hand" / "seg.dcm").is_file()
