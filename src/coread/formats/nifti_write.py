"""A volume of numbers or labels as NIfTI, in the grid of the image that it belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt

from coread.errors import InputError, not_written
from coread.formats.hush import quiet
from coread.formats.nifti import RAS_TO_LPS, nifti_file
from coread.study import Image


def write_nifti(values: npt.NDArray[Any], image: Image, path: str | Path) -> None:
    """Writes a volume that lies voxel by voxel on an image of a study, so that the file opens on top of the file it came from.

    Whole numbers are kept as they are, in the smallest type that holds them, everything else becomes float32. Sform and qform both state
    the grid; their codes are those of the input where that is NIfTI, else 1 (scanner).

    Args:
        values: axes (z, y, x) of the image, of its shape.
        image: a volume.
        path: ``.nii`` or ``.nii.gz``, replaced where it exists.

    Raises:
        InputError: not a volume with a grid, another shape, not finite, another suffix, or the file cannot be written.
    """
    target = Path(path)
    if not target.name.lower().endswith((".nii", ".nii.gz")):
        raise InputError(f"{target}: a NIfTI file ends in .nii or .nii.gz; name it so")
    if not image.is_volume or image.grid is None:
        raise InputError(f"{image.source or 'the image'}: is no volume with known spacing, so that nothing can be written in its grid")
    if values.shape != image.shape[-3:]:
        raise InputError(f"{target}: values of the shape {values.shape} do not lie on the image, whose shape is {image.shape[-3:]}")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InputError(f"{target}: the values to write are not all numbers (NaN or infinite)")
    written = nibabel.Nifti1Image(np.ascontiguousarray(_smallest(values).T), None)
    written.header.set_xyzt_units("mm", "sec")
    if image.grid.in_patient:
        affine = RAS_TO_LPS @ image.grid.affine[:, [2, 1, 0, 3]]
        sform, qform = _codes(image)
        written.set_qform(affine, qform, strip_shears=True)
        written.set_sform(affine, sform)
    else:
        written.header.set_zooms(image.grid.spacing_mm[::-1])
    try:
        with quiet():
            nibabel.save(written, target)
    except OSError as error:
        raise not_written(target, error) from error


def _smallest(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if values.dtype.kind == "b":
        return values.astype(np.uint8)
    if values.dtype.kind not in "iu":
        return values.astype(np.float32)
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    for kind in (np.uint8, np.int16, np.uint16, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return values.astype(kind)
    return values.astype(np.float32)


def _codes(image: Image) -> tuple[int, int]:
    """Codes of sform and qform of the input; at least one of them is set."""
    if image.facts.get("format") != "NIfTI":
        return 1, 1
    try:
        header = nifti_file(Path(image.source)).header
    except InputError:  # the input was moved meanwhile; its grid is known all the same
        return 1, 1
    sform, qform = int(header["sform_code"]), int(header["qform_code"])
    return (sform or qform or 1), (qform or sform or 1)
