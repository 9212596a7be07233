"""The house: who may import whom, and which heavy library lives where. The table is the one in docs/concepts.md."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "coread"

FLOORS = {
    "errors": 0,
    "printable": 0,
    "stats": 0,
    "toml_table": 1,
    "whole_file": 1,
    "geometry": 1,
    "scoring": 2,
    "study": 3,
    "reading": 3,
    "vision": 4,
    "simulate": 4,
    "formats": 5,
    "readers": 5,
    "change": 5,
    "cohort": 6,
    "train": 7,
    "agreement": 7,
    "validation": 7,
    "fusion": 7,
    "calibration": 8,
    "report": 8,
    "output": 9,
    "run": 9,
    "service": 10,
    "cli": 11,
    "": 11,
    "__main__": 12,
}
HOMES = {
    "torch": ("train/",),
    "onnxscript": ("train/",),
    "onnx": ("train/",),
    "safetensors": ("train/",),
    "monai": ("train/networks/",),
    "onnxruntime": ("vision/network.py",),
    "openvino": ("vision/network.py",),
    "highdicom": ("formats/sr", "formats/seg.py"),
    "pydicom": ("formats/", "service/"),
    "nibabel": ("formats/nifti",),
    "matplotlib": ("report/figures.py", "train/"),
    "fastapi": ("service/",),
    "typer": ("cli/",),
    "rich": ("cli/",),
}
HEAVY = sorted({*HOMES, "scipy", "pandas", "skimage", "PIL", "jinja2", "fpdf"} - {"typer", "rich"})


def module_name(path: Path) -> str:
    parts = path.relative_to(SRC).with_suffix("").parts
    return ".".join(p for p in parts if p != "__init__")


MODULES = {module_name(p): p for p in sorted(SRC.rglob("*.py"))}


def imports(path: Path, name: str) -> list[tuple[str, bool]]:
    """Every imported dotted name of a file, and whether the import stands at the top of the module (not inside a function)."""
    found = []
    tree = ast.parse(path.read_text())
    inside = {id(n) for f in ast.walk(tree) if isinstance(f, (ast.FunctionDef, ast.AsyncFunctionDef)) for n in ast.walk(f)}
    for node in ast.walk(tree):
        top = id(node) not in inside
        if isinstance(node, ast.Import):
            found += [(alias.name, top) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: relative import; write the full name"
            found += [(f"{node.module}.{alias.name}", top) for alias in node.names]
    return found


def ours(dotted: str) -> str | None:
    """The module of this package that a dotted name leads to; None for another package."""
    parts = dotted.split(".")
    if parts[0] != "coread":
        return None
    for length in range(len(parts) - 1, -1, -1):
        candidate = ".".join(parts[1 : length + 1])
        if candidate in MODULES:
            return candidate
    return ""


def room(module: str) -> str:
    """The room of a module: its first name without a suffix after an underscore, so that scoring_load belongs to scoring."""
    first = module.split(".")[0]
    return first if first in FLOORS else first.split("_")[0]


def breaches(module: str, dotted: str) -> str | None:
    target = ours(dotted)
    if target is None or target == module:
        return None
    here, there = room(module), room(target)
    if here == there or (target == "" and dotted.startswith("coread.__")):
        return None
    if {here, there} == {"vision", "formats"}:
        return "vision and formats never import each other"
    if here == "stats":
        return "stats imports nothing of ours"
    if there in ("train", "service") and here not in ("cli", there):
        return "only cli imports train and service"
    if FLOORS[there] >= FLOORS[here] and {here, there} != {"formats", "readers"} and not (here == "run" and there == "output"):
        return f"floor {FLOORS[here]} imports from floor {FLOORS[there]}"
    if {here, there} == {"formats", "readers"} and here == "formats":
        return "formats never imports readers"
    return None


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module: str) -> None:
    assert room(module) in FLOORS, f"{module} stands on no floor: give it one in this table and in docs/concepts.md"
    wrong = [f"{dotted}: {why}" for dotted, _ in imports(MODULES[module], module) if (why := breaches(module, dotted))]
    assert not wrong, f"{module}: {wrong}"


@pytest.mark.parametrize("module", MODULES)
def test_each_heavy_library_has_one_home(module: str) -> None:
    path = MODULES[module].relative_to(SRC).as_posix()
    for dotted, _ in imports(MODULES[module], module):
        homes = HOMES.get(dotted.split(".")[0])
        assert homes is None or path.startswith(homes), f"{path} imports {dotted}, whose home is {homes}"


def test_cli_imports_train_and_service_inside_functions() -> None:
    for module, path in MODULES.items():
        for dotted, top in imports(path, module):
            target = ours(dotted)
            if target and room(target) in ("train", "service") and room(module) != room(target):
                assert not top, f"{module} imports {dotted} at its top; import it inside the command"


def test_no_import_circles() -> None:
    graph = {m: {t for d, top in imports(p, m) if top and (t := ours(d)) and t != m} for m, p in MODULES.items()}
    state: dict[str, int] = {}

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert state.get(module) != 1, f"circle: {' -> '.join((*path, module))}"
        if state.get(module) == 2:
            return
        state[module] = 1
        for target in graph[module]:
            visit(target, (*path, module))
        state[module] = 2

    for module in graph:
        visit(module, ())


def test_the_judges_catch_a_breach() -> None:
    assert breaches("study", "coread.formats.open")
    assert breaches("vision.landmarks", "coread.formats.dicom")
    assert breaches("formats.sr", "coread.vision.network")
    assert breaches("report.page", "coread.train")
    assert breaches("stats.kappa", "coread.errors")
    assert not breaches("run", "coread.readers.card")


@pytest.mark.parametrize("command", [["-c", "import coread"], ["-m", "coread", "--help"], ["-m", "coread", "list"]])
def test_listing_costs_no_heavy_library(command: list[str]) -> None:
    run = 'runpy.run_module("coread", run_name="__main__")' if command[0] == "-m" else "pass"
    probe = f"""
import runpy, sys
try:
    import coread
    sys.argv = ["coread", *{command[2:]!r}]
    {run}
except SystemExit as end:
    assert not end.code, end.code
print("LOADED", [m for m in {HEAVY!r} if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED []", done.stdout.splitlines()[-1]
