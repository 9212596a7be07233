"""How long a read takes: cold for one exam, for each further one in the same run, `import coread`, and peak memory.

Run: python bench/speed.py [EXAM]        (default: one simulated hand, an uncompressed DICOM object made here)
Every time is wall clock of a whole process; medians over the runs. Further exams: (time of 1 + N exams - time of 1) / N.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from coread.formats.dx import write_dx
from coread.simulate import simulate_hand

RUNS = 5
FURTHER = 10


def run(command: list[str]) -> tuple[float, float]:
    """Seconds of wall clock and peak resident memory in MB of a command."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"{' '.join(command)} failed: {process.stderr.read().decode() if process.stderr else ''}")
    return seconds, usage.ru_maxrss / 1024


def spread(name: str, values: list[float], unit: str) -> None:
    print(f"{name:42s} {statistics.median(values):8.3f} {unit}   ({min(values):.3f}-{max(values):.3f}, n = {len(values)})")


def one_hand(path: Path) -> Path:
    """One simulated hand of an adult as a DICOM object of 12 bits, pixels of 0.125 mm."""
    study = simulate_hand(11, side="left", pixel_mm=0.125, plain=True).study
    write_dx(replace(study, age_years=58.0), 0, path)
    print(f"one simulated hand, {study.images[0].shape[1]} x {study.images[0].shape[0]} pixels")
    return path


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        exam = Path(sys.argv[1]) if len(sys.argv) > 1 else one_hand(Path(folder) / "hand.dcm")
        many = Path(folder) / "many"
        many.mkdir()
        copies = []
        for i in range(FURTHER + 1):
            copies.append(many / f"exam{i:02d}{exam.suffix}")
            shutil.copy(exam, copies[-1])

        def read(count: int, number: int) -> tuple[float, float]:
            out = Path(folder) / f"out{count}-{number}"
            return run([sys.executable, "-m", "coread", "read", *map(str, copies[:count]), "-o", str(out), "--again"])

        read(1, -1)
        one = [read(1, i) for i in range(RUNS)]
        all_of_them = [read(1 + FURTHER, i) for i in range(RUNS)]
        imports = [run([sys.executable, "-c", "import coread"])[0] for _ in range(RUNS)]
        empty = [run([sys.executable, "-c", "pass"])[0] for _ in range(RUNS)]
    print(f"{exam.name}, {os.cpu_count()} cores, all outputs (page, PDF, SR, table, JSON)")
    spread("one exam, cold", [s for s, _ in one], "s ")
    spread("each further exam", [(b - a) / FURTHER for (a, _), (b, _) in zip(one, all_of_them, strict=True)], "s ")
    spread("peak memory", [m for _, m in all_of_them], "MB")
    spread("import coread, less an empty Python", [a - b for a, b in zip(imports, empty, strict=True)], "s ")


if __name__ == "__main__":
    main()
