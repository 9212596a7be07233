"""DICOM objects made by pydicom alone, for the tests of what opens and writes them."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

CR = "1.2.840.10008.5.1.4.1.1.1"
DX = "1.2.840.10008.5.1.4.1.1.1.1"
SC = "1.2.840.10008.5.1.4.1.1.7"
NAME = "Wunderlich^Xaverine"


def ramp(rows: int = 48, columns: int = 64, highest: int = 4095) -> np.ndarray:
    """A picture without any symmetry, of whole numbers from 0 to ``highest``."""
    down, right = np.mgrid[:rows, :columns]
    values = 3.0 * down / rows + right / columns + 0.3 * np.sin(down / 5.0) * np.cos(right / 7.0)
    values = (values - values.min()) / (values.max() - values.min())
    return np.rint(values * highest).astype(np.uint16)


def radiograph(values: np.ndarray | None = None, **attributes: Any) -> Dataset:
    """A computed radiography object of 12 bits; an attribute of None is left out."""
    values = ramp() if values is None else values
    dataset = Dataset()
    said: dict[str, Any] = {
        "SOPClassUID": CR,
        "SOPInstanceUID": "1.2.826.0.1.3680043.10.1.1.1",
        "StudyInstanceUID": "1.2.826.0.1.3680043.10.1",
        "SeriesInstanceUID": "1.2.826.0.1.3680043.10.1.1",
        "StudyDate": "20210405",
        "StudyTime": "",
        "StudyID": "",
        "AccessionNumber": "",
        "ReferringPhysicianName": "",
        "PatientName": NAME,
        "PatientID": "P-17",
        "PatientBirthDate": "",
        "PatientSex": "F",
        "Modality": "CR",
        "Manufacturer": "",
        "SeriesNumber": 1,
        "InstanceNumber": 1,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": values.shape[-2] if values.ndim == 2 or values.shape[-1] != 3 else values.shape[-3],
        "Columns": values.shape[-1] if values.ndim == 2 or values.shape[-1] != 3 else values.shape[-2],
        "BitsAllocated": 8 * values.dtype.itemsize,
        "BitsStored": 8 if values.dtype.itemsize == 1 else 12,
        "HighBit": 7 if values.dtype.itemsize == 1 else 11,
        "PixelRepresentation": int(values.dtype.kind == "i"),
    }
    said |= attributes
    for keyword, value in said.items():
        if value is not None:
            setattr(dataset, keyword, value)
    data = np.ascontiguousarray(values).tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OW" if values.dtype.itemsize == 2 else "OB"
    return dataset


def write(path: Path, dataset: Dataset, syntax: UID = ExplicitVRLittleEndian) -> Path:
    """The object as a file."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.save_as(path, enforce_file_format=True)
    return path


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """One code as a sequence item."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def lut(values: np.ndarray, first: int, bits: int, signed: bool = False) -> Dataset:
    """A LUT of DICOM PS3.3 C.11 as a sequence item."""
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if signed else "US", [len(values), first, bits])
    item.add_new("LUTData", "OW", values.astype("<u2").tobytes())
    return item


def report() -> Dataset:
    """A structured report without content, of the same study."""
    dataset = Dataset()
    dataset.SOPClassUID = pydicom.uid.BasicTextSRStorage
    dataset.SOPInstanceUID = "1.2.826.0.1.3680043.10.1.9.1"
    dataset.StudyInstanceUID = "1.2.826.0.1.3680043.10.1"
    dataset.SeriesInstanceUID = "1.2.826.0.1.3680043.10.1.9"
    dataset.PatientName = NAME
    dataset.PatientID = "P-17"
    dataset.Modality = "SR"
    return dataset
