"""The parts that every DICOM image written by Coread shares: patient, study, series, equipment, pixels, and the file itself."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEG2000Lossless

from coread.errors import not_written
from coread.formats.hush import quiet
from coread.formats.plain import SIDE_LETTERS
from coread.formats.uids import derived_uid
from coread.study import Image, Study

IMPLEMENTATION_UID = derived_uid("coread", "implementation")
REGIONS: Mapping[str, tuple[str, str]] = {
    "HAND": ("85562004", "Hand"),
    "FOOT": ("56459004", "Foot"),
    "WRIST": ("74670003", "Wrist joint"),
}
"""SNOMED CT codes of DICOM PS3.16 annex L for the body parts that Coread scores on radiographs."""
VIEWS: Mapping[str, tuple[str, str]] = {"PA": ("272479007", "postero-anterior"), "AP": ("399348003", "antero-posterior")}
"""SNOMED CT codes of DICOM PS3.16 CID 4010."""


def common_modules(study: Study, image: Image, index: int) -> Dataset:
    """Patient, General Study, General Series, General Equipment and General Image, from what the study states; no name, no date made up."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = ""
    dataset.PatientID = study.patient or ""
    dataset.PatientBirthDate = ""
    dataset.PatientSex = study.sex or ""
    if study.age_years is not None:
        dataset.PatientAge = age_string(study.age_years)
    dataset.StudyInstanceUID = study.uid
    dataset.StudyDate = (study.date or "").replace("-", "")
    dataset.StudyTime = ""
    dataset.StudyID = ""
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = index + 1
    dataset.Manufacturer = "Coread"
    dataset.ManufacturerModelName = "coread"
    orientation = image.facts.get("patient_orientation")
    if orientation:
        dataset.PatientOrientation = orientation.split("\\")
    body_part = code_string(image.facts.get("body_part", ""))
    if body_part:
        dataset.BodyPartExamined = body_part
    return dataset


def side_letter(study: Study, image: Image) -> str:
    """``L``, ``R``, ``B``, or ``U`` where neither image nor study states a side."""
    stated = image.facts.get("laterality", "").upper()[:1]
    return stated if stated in ("L", "R", "B") else SIDE_LETTERS.get(study.side or "", "U")


def code_string(text: str) -> str:
    """A text as DICOM's code string; empty where it cannot be one (16 of A-Z, 0-9, blank and underscore)."""
    word = text.strip().upper()
    return word if re.fullmatch(r"[A-Z0-9 _]{1,16}", word) else ""


def age_string(years: float) -> str:
    """An age as DICOM writes it: in years from two years on, below in months."""
    return f"{int(years):03d}Y" if years >= 2 else f"{round(years * 12):03d}M"


def code(value: str, meaning: str) -> Dataset:
    """One SNOMED CT code as a sequence item."""
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = "SCT"
    item.CodeMeaning = meaning
    return item


def put_pixels(dataset: Dataset, values: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], bits: int) -> None:
    """Image Pixel and VOI LUT: whole numbers as they are, and a window over all that ``bits`` can hold, so that reading gives them back."""
    colour = values.ndim == 3
    dataset.Rows, dataset.Columns = (int(n) for n in values.shape[:2])
    dataset.SamplesPerPixel = 3 if colour else 1
    dataset.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    dataset.BitsAllocated = 8 if values.dtype == np.uint8 else 16
    dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = 0
    if colour:
        dataset.PlanarConfiguration = 0
    else:
        dataset.WindowCenter = 2 ** (bits - 1)
        dataset.WindowWidth = 2**bits
    data = values.astype(values.dtype.newbyteorder("<")).tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OW" if dataset.BitsAllocated == 16 else "OB"


def name_object(dataset: Dataset, sop_class: UID, kind: str) -> None:
    """Gives the object its UIDs, which follow from its content alone: the same content is the same object, whenever it is written."""
    digest = hashlib.sha256()
    for element in dataset:
        if element.keyword != "PixelData":
            digest.update(f"{element.tag}{element.value}".encode())
    digest.update(dataset.PixelData)
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = derived_uid(kind, digest.hexdigest())
    dataset.SeriesInstanceUID = derived_uid(f"{kind} series", str(dataset.StudyInstanceUID))


def save(dataset: Dataset, path: Path, compress: bool = False) -> None:
    """Writes the object, Explicit VR Little Endian or lossless JPEG 2000.

    Raises:
        InputError: the file cannot be written.
    """
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    meta.ImplementationVersionName = "COREAD"
    dataset.file_meta = meta
    with quiet():
        if compress:
            dataset.compress(JPEG2000Lossless, generate_instance_uid=False)
        try:
            dataset.save_as(path, enforce_file_format=True)
        except OSError as error:
            raise not_written(path, error) from error
