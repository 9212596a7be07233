"""Every block of the README and the docs is run, in the order of its page, in a folder of its own that holds the bundled exam."""

import os
import re
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)")
# Shown, not run: `text` and `toml` are looked at elsewhere (a TOML block must still be TOML).
RUN = ("python", "sh")


def blocks(page: Path) -> list[tuple[str, str]]:
    return [(language, code) for language, code in BLOCK.findall(page.read_text(encoding="utf-8"))]


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """What a page may use: the bundled exam as a file, as a folder, and as a PNG-less score sheet beside it."""
    exam = Path(str(files("coread").joinpath("examples", "hand.dcm")))
    shutil.copy(exam, tmp_path / "hand.dcm")
    (tmp_path / "exam").mkdir()
    shutil.copy(exam, tmp_path / "exam" / "hand.dcm")
    return tmp_path


@pytest.mark.parametrize("page", [p for p in PAGES if any(language in RUN for language, _ in blocks(p))], ids=lambda p: p.name)
def test_page_runs(page: Path, desk: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for language, code in blocks(page):
        if language == "python":
            command = [sys.executable, "-W", "error", "-c", code]
        elif language == "sh":
            code = "\n".join(line for line in code.splitlines() if not line.startswith(("make ", "git ", "pip ", "cd ")))
            command = ["bash", "-euo", "pipefail", "-c", code]
        else:
            continue
        done = subprocess.run(command, cwd=desk, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{page.name}:\n{code}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_toml_blocks_are_toml_and_links_lead_somewhere(page: Path) -> None:
    import tomllib

    for language, code in blocks(page):
        assert language in (*RUN, "text", "toml", "csv", "json", "make"), f"{page.name}: a block of unknown language {language!r}"
        if language == "toml":
            tomllib.loads(code)
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name}: link to {target} leads nowhere"
