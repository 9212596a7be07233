import subprocess
import sys
from pathlib import Path

import pytest

from coread.errors import InputError
from coread.run_folder import LOCK, BusyError, claimed, publish, taken_by


def test_a_claimed_folder_becomes_the_outputs_or_goes(tmp_path: Path) -> None:
    with claimed(tmp_path / "exam") as part:
        (part / "reading.json").write_text("{}")
        publish(part, tmp_path / "exam", {"status": "read"})
    assert sorted(p.name for p in (tmp_path / "exam").iterdir()) == ["reading.json", "run.json"]
    with claimed(tmp_path / "other") as part:
        (part / "half").write_text("half")
    assert [p.name for p in tmp_path.iterdir()] == ["exam"]


HOLDS = """
import sys, time
from pathlib import Path
from coread.run_folder import claimed
with claimed(Path(sys.argv[1])) as part:
    (part / "half").write_text("half")
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_held_by_another_process_is_busy_until_that_ends_or_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "exam"
    holder = subprocess.Popen([sys.executable, "-c", HOLDS, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(BusyError), claimed(folder):
        pass
    assert (tmp_path / ".exam.part" / "half").exists(), "what the other has written stays"
    holder.kill()
    holder.communicate()
    with claimed(folder) as part:
        assert [p.name for p in part.iterdir()] == [LOCK]
    assert not list(tmp_path.iterdir())


def test_what_coread_did_not_write_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "exam").mkdir()
    (tmp_path / "exam" / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="was not written by Coread"), claimed(tmp_path / "exam") as part:
        publish(part, tmp_path / "exam", {"status": "read"})
    assert [p.name for p in tmp_path.rglob("*")] == ["exam", "thesis.txt"]


def test_a_folder_is_free_for_its_own_exam_only(tmp_path: Path) -> None:
    with claimed(tmp_path / "out") as part:
        publish(part, tmp_path / "out", {"status": "read", "exam": "/a/hand.dcm", "inputs": [{"path": "/a/hand.dcm", "sha256": "12"}]})
    assert taken_by(tmp_path / "none", "/b/hand.dcm", {}) is None
    assert taken_by(tmp_path / "out", "/a/hand.dcm", {"/a/hand.dcm": "99"}) is None
    assert taken_by(tmp_path / "out", "/b/hand.dcm", {"/b/hand.dcm": "12"}) is None
    assert taken_by(tmp_path / "out", "/b/hand.dcm", {"/b/hand.dcm": "99"}) == "/a/hand.dcm"
    assert taken_by(tmp_path / "out", "/b/hand.dcm", {}) == "/a/hand.dcm"
