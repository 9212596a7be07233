"""What a DICOM header says about an image: spacing, side, view, body part, device; and about the patient: id, age and sex."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from coread.geometry import Grid

SIDES = ("L", "R", "B")
SIDE_CODES: Mapping[str, str] = {
    "7771000": "L", "24028007": "R", "51440002": "B",
    "G-A101": "L", "G-A100": "R", "G-A102": "B",
}  # fmt: skip
"""DICOM PS3.16 CID 244 (Laterality), SNOMED CT and the former SNOMED RT codes."""
VIEW_CODES: Mapping[str, str] = {
    "272479007": "PA", "399348003": "AP", "399067008": "LATERAL", "399173006": "LL", "399198007": "RL", "399352003": "LM",
    "399260004": "ML", "R-10214": "PA", "R-40888": "PA", "R-10206": "AP", "R-102CD": "LATERAL", "R-10236": "LL", "R-10232": "RL",
    "R-10228": "LM", "R-10224": "ML",
}  # fmt: skip
"""DICOM PS3.16 CID 4010 (DX View), SNOMED CT and the former SNOMED RT codes; all oblique views share a word."""
SNOMED = frozenset({"SCT", "SRT", "SNM3", "99SDM"})
FACTS: Mapping[str, str] = {
    "modality": "Modality", "manufacturer": "Manufacturer", "model": "ManufacturerModelName", "kvp": "KVP", "exposure_mas": "Exposure",
    "presentation": "PresentationIntentType", "patient_orientation": "PatientOrientation", "detector": "DetectorType",
    "photometric": "PhotometricInterpretation", "burned_in": "BurnedInAnnotation", "conversion": "ConversionType",
    "calibration": "PixelSpacingCalibrationType", "series_uid": "SeriesInstanceUID", "lossy": "LossyImageCompression",
}  # fmt: skip


def merged(dataset: Dataset, frame: int) -> Dataset:
    """The attributes of one frame (from 0): those of the object, overruled by its shared and per-frame functional groups."""
    groups = [dataset.get("SharedFunctionalGroupsSequence") or [], dataset.get("PerFrameFunctionalGroupsSequence") or []]
    items = [groups[0][0]] if groups[0] else []
    if frame < len(groups[1]):
        items.append(groups[1][frame])
    if not items:
        return dataset
    result = Dataset()
    for element in dataset:
        if element.keyword not in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
            result.add(element)
    if hasattr(dataset, "file_meta"):
        result.file_meta = dataset.file_meta
    for item in items:
        for group in item:
            if group.VR == "SQ" and len(group.value) == 1:
                for element in group.value[0]:
                    result.add(element)
    return result


def facts_of(dataset: Dataset, notes: list[str], name: str) -> dict[str, str]:
    """The acquisition facts that the header states, as text."""
    facts: dict[str, str] = {}
    for fact, keyword in FACTS.items():
        text = _text(dataset, keyword)
        if text:
            facts[fact] = text
    side = laterality_of(dataset, notes, name)
    view = _text(dataset, "ViewPosition") or _view(dataset)
    body_part = _text(dataset, "BodyPartExamined") or _code(dataset, "AnatomicRegionSequence", {})
    for fact, value in (("laterality", side), ("view", view), ("body_part", body_part)):
        if value:
            facts[fact] = value
    if facts.get("presentation") == "FOR PROCESSING":
        notes.append(f"{name} holds detector values for processing, not an image for presentation; contrast may differ.")
    shape = _text(dataset, "PresentationLUTShape")
    photometric = facts.get("photometric")
    if (photometric, shape) in (("MONOCHROME1", "IDENTITY"), ("MONOCHROME2", "INVERSE")):
        notes.append(f"{name} contradicts itself on polarity ({photometric} with presentation LUT shape {shape}); it was shown inverted.")
    return facts


def laterality_of(dataset: Dataset, notes: list[str], name: str) -> str | None:
    """``L``, ``R`` or ``B`` (both) from Image or Frame Laterality, the region's modifier or the series' Laterality."""
    stated = [_text(dataset, keyword).upper()[:1] for keyword in ("ImageLaterality", "FrameLaterality")]
    region = dataset.get("AnatomicRegionSequence")
    stated.append(_code(region[0], "AnatomicRegionModifierSequence", SIDE_CODES, only=True) or "" if region else "")
    stated.append(_text(dataset, "Laterality").upper()[:1])
    found = [side for side in stated if side in SIDES]
    if len(set(found)) > 1:
        notes.append(f"{name} contradicts itself on the side ({', '.join(found)}); {found[0]} was taken.")
    return found[0] if found else None


def grid_of(dataset: Dataset, section: bool, notes: list[str], name: str) -> Grid | None:
    """Spacing after DICOM PS3.3 10.7: what the image is calibrated to, else the detector's own, else the film scanner's.

    Pixel Spacing counts as calibrated where it differs from Imager Pixel Spacing; where both agree it is the detector's, and is
    divided by Estimated Radiographic Magnification Factor where there is one.
    """
    pixel = _pair(dataset, "PixelSpacing", notes, name)
    imager = _pair(dataset, "ImagerPixelSpacing", notes, name)
    scanned = _pair(dataset, "NominalScannedPixelSpacing", notes, name)
    if section and pixel is not None:
        return _section_grid(dataset, pixel)
    if pixel is not None and (imager is None or not np.allclose(pixel, imager, rtol=1e-4)):
        return Grid(pixel, "pixel spacing")
    if imager is not None:
        factor = _float(dataset.get("EstimatedRadiographicMagnificationFactor"))
        if factor is not None and 1 < factor < 10:
            return Grid((imager[0] / factor, imager[1] / factor), "imager spacing, magnification corrected")
        return Grid(imager, "imager spacing")
    if scanned is not None:
        return Grid(scanned, "nominal scanned pixel spacing")
    ratio = dataset.get("PixelAspectRatio")
    if ratio is not None and len(ratio) == 2 and ratio[0] != ratio[1]:
        notes.append(f"{name} has pixels that are not square ({ratio[0]}:{ratio[1]}) and states no spacing; widths are off by that ratio.")
    return None


def patient_of(dataset: Dataset) -> tuple[str | None, str | None, float | None, str | None]:
    """Patient's id, study date (ISO 8601), age in years at the exam, and sex; each None where it is not stated."""
    days = (_day(dataset, k) for k in ("StudyDate", "AcquisitionDate", "SeriesDate", "ContentDate"))
    day = next((d for d in days if d is not None), None)
    born = _day(dataset, "PatientBirthDate")
    age = _age(_text(dataset, "PatientAge"))
    if age is None and born is not None and day is not None and born <= day:
        age = round((day - born).days / 365.25, 2)
    sex = _text(dataset, "PatientSex").upper()
    return _text(dataset, "PatientID") or None, day.isoformat() if day else None, age, sex if sex in ("F", "M", "O") else None


def _section_grid(dataset: Dataset, spacing: tuple[float, float]) -> Grid:
    position, orientation = dataset.get("ImagePositionPatient"), dataset.get("ImageOrientationPatient")
    if position is None or orientation is None or len(position) != 3 or len(orientation) != 6:
        return Grid(spacing, "pixel spacing")
    x, y, z = (float(v) for v in position)
    along = [float(v) for v in orientation]
    # The first triple is the direction along a row (right), the second along a column (down); our axes are (down, right).
    return Grid(spacing, "pixel spacing", (x, y, z), ((along[3], along[4], along[5]), (along[0], along[1], along[2])))


def _pair(dataset: Dataset, keyword: str, notes: list[str], name: str) -> tuple[float, float] | None:
    value = dataset.get(keyword)
    if value is None or value == "":
        return None
    numbers = [_float(v) for v in (value if not isinstance(value, str | float | int) else [value])]
    if len(numbers) == 2 and all(n is not None and 1e-4 <= n <= 100 for n in numbers):
        return numbers[0] or 0.0, numbers[1] or 0.0
    notes.append(f"{name} states a spacing that cannot be true ({keyword}); it was not used.")
    return None


def _float(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _text(dataset: Dataset, keyword: str) -> str:
    value = dataset.get(keyword)
    if value is None:
        return ""
    if not isinstance(value, str) and hasattr(value, "__iter__"):
        return "\\".join(str(v) for v in value)
    return str(value).strip()


def _code(dataset: Dataset, keyword: str, known: Mapping[str, str], only: bool = False) -> str | None:
    """The first code's word in ``known``, else its own meaning (not where ``only`` known ones count)."""
    for item in dataset.get(keyword) or []:
        word = known.get(_text(item, "CodeValue")) if _text(item, "CodingSchemeDesignator") in SNOMED else None
        if word or not only:
            return word or _text(item, "CodeMeaning") or None
    return None


def _view(dataset: Dataset) -> str | None:
    view = _code(dataset, "ViewCodeSequence", VIEW_CODES)
    return "OBLIQUE" if view is not None and "oblique" in view.lower() else view


def _day(dataset: Dataset, keyword: str) -> date | None:
    text = _text(dataset, keyword).replace(".", "")[:8]
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return None


def _age(text: str) -> float | None:
    """An age string such as 045Y, 006M, 012W or 020D in years."""
    if len(text) < 2 or not text[:-1].isdigit() or text[-1] not in "YMWD":
        return None
    return round(int(text[:-1]) / {"Y": 1, "M": 12, "W": 365.25 / 7, "D": 365.25}[text[-1]], 2)
