"""A plain image as a DICOM Secondary Capture, so that a report can refer to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.uid import SecondaryCaptureImageStorage

from coread.errors import InputError
from coread.formats.dicom_modules import common_modules, name_object, put_pixels, save, side_letter
from coread.study import Study


@dataclass(frozen=True, slots=True)
class SecondaryCapture:
    """The object that was written: its file and the UIDs that a report refers to."""

    path: Path
    study_uid: str
    series_uid: str
    uid: str
    sop_class: str


def write_secondary_capture(study: Study, index: int, path: Path) -> SecondaryCapture:
    """Writes one plain image of a study as a Secondary Capture.

    Grey images are written with the bits that their levels need (8, 10, 12, 14, 16), coloured ones as 8-bit RGB; read back they
    give the same pixels. The patient's id, age and sex, side, body part and spacing go along where the study states them.
    The UIDs follow from the content: the same image of the same patient gives the same object, every time.

    Args:
        study: the study; its uid becomes the Study Instance UID.
        index: which of its images.
        path: the file to write.

    Raises:
        InputError: the image is a DICOM object already, is no single picture, cannot be decoded, or the file cannot be written.
    """
    image = study.images[index]
    if image.sop_class is not None:
        raise InputError(f"{image.source}: is a DICOM object already; refer to it instead of writing a copy")
    if image.axes not in (("y", "x"), ("y", "x", "c")):
        raise InputError(f"{image.source}: has the axes {', '.join(image.axes)}; only a single picture becomes a Secondary Capture")
    values, bits = _levels(image.pixels)
    dataset = common_modules(study, image, index)
    dataset.Modality = "OT"
    dataset.ConversionType = "WSD"
    dataset.PatientOrientation = dataset.get("PatientOrientation", "")
    dataset.Laterality = side_letter(study, image).replace("U", "").replace("B", "")
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    if image.grid is not None and len(image.grid.spacing_mm) == 2:
        dataset.PixelSpacing = [f"{spacing:.8g}" for spacing in image.grid.spacing_mm]
    put_pixels(dataset, values, bits)
    name_object(dataset, SecondaryCaptureImageStorage, "secondary capture")
    save(dataset, path)
    return SecondaryCapture(
        path, str(dataset.StudyInstanceUID), str(dataset.SeriesInstanceUID), str(dataset.SOPInstanceUID), str(dataset.SOPClassUID)
    )


def _levels(pixels: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.uint8] | npt.NDArray[np.uint16], int]:
    """Whole numbers and their bits: the fewest of 8, 10, 12, 14 that give the pixels exactly, else 16; colour always 8."""
    exact = pixels.astype(np.float64)
    for bits in (8, 10, 12, 14):
        scaled = exact * ((1 << bits) - 1)
        levels = np.rint(scaled)
        if pixels.ndim == 3 or float(np.abs(scaled - levels).max()) < 2e-3:
            return (levels.astype(np.uint8) if bits == 8 else levels.astype(np.uint16)), bits
    return np.rint(exact * 65535).astype(np.uint16), 16
