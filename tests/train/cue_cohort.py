"""A cohort of drawn images whose grade and its place are known: a bright patch on cloudy grey, the larger the higher the grade."""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

SIZE = (96, 112)
RADII = (0.0, 3.0, 5.5, 9.0)

RECIPE = """
id = "patches"
name = "Drawn patches"
licence = "none"
training = ["Drawn images."]
not_tested = ["Anything real."]

[task]
system = "omeract_salivary_image"
feature = "parenchyma"
site = "salivary gland"
modalities = ["US"]

[input]
rows = 48
columns = 56
low = 0.0
high = 100.0

[network]
name = "residual"
options = { stem = 8, widths = [16, 24], blocks = 1 }

[learning]
loss = "coral"
epochs = 40
batch = 16
rate = 5e-3
average = 0.95
"""


def patch_image(rng: np.random.Generator, grade: int) -> tuple[np.ndarray, tuple[float, float]]:
    """Pixels in 0..1 and the (column, row) of the patch."""
    clouds = ndimage.gaussian_filter(rng.normal(size=SIZE), 4)
    pixels = 0.4 + 0.1 * clouds / clouds.std() + rng.normal(0, 0.02, SIZE)
    row, column = rng.uniform(20, SIZE[0] - 20), rng.uniform(20, SIZE[1] - 20)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    pixels = np.where(np.hypot(y - row, x - column) < RADII[grade], 0.85, pixels)
    # The darkest and the brightest value are the same in every image, so that the window does not tell the grade.
    pixels[:2, :2], pixels[:2, 2:4] = 0.0, 1.0
    return np.clip(pixels, 0, 1), (column, row)


def write_cohort(folder: Path, patients: int = 60, seed: int = 0, test: bool = True) -> Path:
    """Two images a patient, two centres; every fifth patient is in the test split."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    rows, grades = ["study,patient,centre,split"], ["study,reader,system,site,side,feature,grade"]
    for patient in range(patients):
        for image in range(2):
            grade = int(rng.integers(4))
            name = f"p{patient:03d}-{image}.png"
            Image.fromarray(np.round(patch_image(rng, grade)[0] * 255).astype(np.uint8)).save(folder / name)
            split = ("test" if patient % 5 == 4 else "train") if test else ""
            rows.append(f"{name},patient {patient},{'north' if patient % 2 else 'south'},{split}")
            grades.append(f"{name},truth,omeract_salivary_image,salivary gland,,parenchyma,{grade}")
    (folder / "cohort.csv").write_text("\n".join(rows) + "\n")
    (folder / "readings.csv").write_text("\n".join(grades) + "\n")
    return folder
