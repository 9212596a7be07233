"""What an SR repeats of the objects it refers to: their series, and the facts of patient and study that an archive wants the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import SecondaryCaptureImageStorage

from coread.errors import InputError
from coread.formats.uids import derived_uid
from coread.study import Image, Study

TAGS = (
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "SpecificCharacterSet",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "PatientBirthDate",
    "PatientSex",
)


@dataclass(frozen=True, slots=True)
class SourceObject:
    """Series of a source object, and facts of its patient and study; empty where the object does not say."""

    series_uid: str
    study_date: str = ""
    study_time: str = ""
    study_id: str = ""
    accession: str = ""
    birth_date: str = ""
    sex: str = ""


def source_objects(study: Study) -> tuple[SourceObject, ...]:
    """For each image of the study, what its object says; read from its file, or the series from ``facts["series_uid"]``.

    Raises:
        InputError: neither says which series the object belongs to.
    """
    return tuple(_source_object(image, study) for image in study.images)


def _source_object(image: Image, study: Study) -> SourceObject:
    header = _read(image, study)
    series = image.facts.get("series_uid") or (None if header is None else header.get("SeriesInstanceUID"))
    if not series and image.sop_class == SecondaryCaptureImageStorage:
        series = derived_uid(
            "secondary capture series", study.uid
        )  # as write_secondary_capture names it, whose image still has its plain source
    if not series:
        raise InputError(
            f"{image.source or study.source}: its series is not known, and an SR names the series of what it refers to; "
            "open the study from its DICOM files"
        )
    if header is None:
        return SourceObject(str(series))
    return SourceObject(
        series_uid=str(series),
        study_date=str(header.get("StudyDate") or ""),
        study_time=str(header.get("StudyTime") or ""),
        study_id=str(header.get("StudyID") or ""),
        accession=str(header.get("AccessionNumber") or ""),
        birth_date=str(header.get("PatientBirthDate") or ""),
        sex=str(header.get("PatientSex") or ""),
    )


def _read(image: Image, study: Study) -> Dataset | None:
    """The header of the image's own file; None where there is no such file, or it holds another object."""
    path = Path(image.source)
    if not path.is_file():
        return None
    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=list(TAGS))
    except (InvalidDicomError, OSError, EOFError):
        return None
    return header if header.get("SOPInstanceUID") == image.uid else None
