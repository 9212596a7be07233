"""Write the bundled exam, ``src/coread/examples/hand.dcm``, from the simulator: a DX object in lossless JPEG 2000.

python bench/make_example.py [OUTPUT]
"""

import sys
from dataclasses import replace
from pathlib import Path

from coread.formats.dx import write_dx
from coread.simulate import EXAMPLE_BITS, example_exam

TARGET = Path(__file__).parents[1] / "src/coread/examples/hand.dcm"


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    path.parent.mkdir(parents=True, exist_ok=True)
    exam = example_exam()
    # An adult, and the file says so: growth plates are then not asked about.
    write_dx(replace(exam.study, age_years=58.0), 0, path, bits=EXAMPLE_BITS, compress=True)
    print(f"{path}: {exam.pixels.shape[0]} x {exam.pixels.shape[1]} pixels of {exam.pixel_mm} mm, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
