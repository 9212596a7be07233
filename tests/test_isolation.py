"""A whole `coread read` writes nothing outside its output folder and opens no connection, as the kernel saw it."""

import os
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from tests.programs import program

WRITES = re.compile(r'(?:openat|open|creat|mkdir|mkdirat|rename|renameat2?|unlink|unlinkat|symlink)\(.*?"([^"]*)"')
HARMLESS = ("/dev/", "/proc/")


def trace(command: list[str], log: Path, home: Path) -> tuple[list[str], list[str]]:
    """Paths written to and addresses connected to by a command and its children."""
    calls = "trace=network,openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,symlink"
    environment = {**os.environ, "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(home)}
    done = subprocess.run(
        [program("strace"), "-f", "-qq", "-s", "4096", "-e", calls, "-o", str(log), *command],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    written, connected = [], []
    for line in log.read_text(errors="replace").splitlines():
        if " = -1 " in line:
            continue
        if re.search(r"(connect|sendto|bind)\(", line) and "AF_INET" in line:
            connected.append(line)
        opens = re.search(r"open(at)?\(", line)
        if opens and not re.search(r"O_WRONLY|O_RDWR|O_CREAT", line):
            continue
        if found := WRITES.search(line):
            written.append(found.group(1))
    return written, connected


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def test_read_keeps_to_its_folder_and_off_the_network(tmp_path: Path, home: Path) -> None:
    exam = str(files("coread").joinpath("examples", "hand.dcm"))
    out = tmp_path / "out"
    written, connected = trace([sys.executable, "-m", "coread", "read", exam, "-o", str(out)], tmp_path / "log", home)
    outside = [p for p in written if not p.startswith((str(out), *HARMLESS))]
    assert [p for p in written if p.startswith(str(out))], "the judge saw no write at all"
    assert not outside
    assert not connected
    assert not list(home.iterdir())


def test_the_judge_sees_a_write_and_a_connection(tmp_path: Path, home: Path) -> None:
    probe = "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('127.0.0.1', 9))"
    code = f"import socket; open({str(home / 'id')!r}, 'w').close(); {probe}"
    written, connected = trace([sys.executable, "-c", code], tmp_path / "log", home)
    assert str(home / "id") in written
    assert connected
