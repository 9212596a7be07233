"""What an SR repeats of the objects it refers to: their series, and the facts of patient and study that an archive wants the same."""

from __future__ import annotations

import re
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.errors import InvalidDicomError
from pydicom.uid import SecondaryCaptureImageStorage

from coread.errors import InputError
from coread.formats.uids import derived_uid
from coread.study import Image, Study

FORMS = {
    "StudyDate": re.compile(r"\d{8}"),
    "StudyTime": re.compile(r"\d\d(\d\d(\d\d(\.\d{1,6})?)?)?"),
    "StudyID": re.compile(r"[^\\\x00-\x1f]{1,16}"),
    "AccessionNumber": re.compile(r"[^\\\x00-\x1f]{1,16}"),
    "PatientBirthDate": re.compile(r"\d{8}"),
    "PatientSex": re.compile(r"[FMO]"),
}


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
    header = _read(image)
    series = image.facts.get("series_uid") or (header or {}).get("SeriesInstanceUID")
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
    return SourceObject(str(series), *(_kept(header, keyword, form) for keyword, form in FORMS.items()))


def _kept(header: dict[str, str], keyword: str, form: re.Pattern[str]) -> str:
    """The value, or nothing where it is not what DICOM allows there: an SR does not hand such a fault on."""
    value = header.get(keyword, "")
    return value if form.fullmatch(value) else ""


def _read(image: Image) -> dict[str, str] | None:
    """What the image's own file says; None where there is no such file, or it holds another object."""
    path = Path(image.source)
    if not path.is_file():
        return None
    try:
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")
            bare = file.read(2) in (b"\x02\x00", b"\x08\x00")  # no preamble: an object as old archives export it
            file.seek(0)
            header = dcmread(file, stop_before_pixels=True, force=bare, specific_tags=["SOPInstanceUID", "SeriesInstanceUID", *FORMS])
            said = {keyword: header.get(keyword) for keyword in ("SOPInstanceUID", "SeriesInstanceUID", *FORMS)}
    except (InvalidDicomError, OSError, EOFError, ValueError, KeyError, AttributeError, NotImplementedError, struct.error):
        return None
    if said["SOPInstanceUID"] != image.uid:
        return None
    return {keyword: str(value) for keyword, value in said.items() if isinstance(value, str)}
