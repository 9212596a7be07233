"""The prepared images of a cohort in one file beside the run, so that each is opened and made smaller once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from coread.cohort import Cohort
from coread.errors import InputError, not_written
from coread.formats.open import open_study
from coread.train.fingerprint import Fingerprint, flat_images
from coread.train.parallel import is_first, together
from coread.vision.prepare import Preparation, prepare

Planes = npt.NDArray[np.float16]


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """Prepared images: ``planes`` (images, rows, columns) in 0..1 and ``case`` (images,), the position of each one's case."""

    planes: Planes
    case: npt.NDArray[np.int64]

    def of_cases(self, cases: npt.NDArray[np.int64]) -> Images:
        """The images of some cases, which are numbered anew in the order given."""
        order = {int(k): i for i, k in enumerate(cases)}
        rows = np.array([k for k, case in enumerate(self.case) if int(case) in order], dtype=np.int64)
        return Images(self.planes[rows], np.array([order[int(self.case[k])] for k in rows], dtype=np.int64))


def prepared(cohort: Cohort, found: Fingerprint, how: Preparation, run: Path, step: Callable[[], None] = lambda: None) -> Images:
    """Every image of the fingerprint as the network takes it; kept in ``run`` and taken from there the next time.

    Raises:
        InputError: an image opened before and no longer does, or the file cannot be written.
    """
    case = np.array([image.case for image in found.images], dtype=np.int64)
    content = json.dumps([asdict(how), [image.sha256 for image in found.images]])
    file = run / f"images-{hashlib.sha256(content.encode()).hexdigest()[:12]}.npy"
    if not file.is_file() and is_first():
        _write(cohort, found, how, file, step)
    together(0.0)
    return Images(np.load(file), case)


def _write(cohort: Cohort, found: Fingerprint, how: Preparation, file: Path, step: Callable[[], None]) -> None:
    paths = {member.study: member.path for member in cohort.members}
    part = file.with_name(f".{file.name}.part")
    planes = np.empty((len(found.images), how.rows, how.columns), dtype=np.float16)
    row = 0
    for case in found.cases:
        for plane in flat_images(open_study(paths[case.study])):
            if row == len(found.images):
                raise InputError(f"{cohort.folder}: its images changed while they were read; give the command again")
            planes[row] = prepare(plane, how).plane
            row += 1
        step()
    if row != len(found.images):
        raise InputError(f"{cohort.folder}: its images changed while they were read; give the command again")
    try:
        with part.open("wb") as out:
            np.save(out, planes)
        part.replace(file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise not_written(file, error) from None
