"""What an SR or SEG repeats of the objects it refers to: their series, and the facts of patient and study that an archive compares."""

from __future__ import annotations

import re
import struct
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydicom import dcmread
from pydicom.config import IGNORE
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.multival import MultiValue
from pydicom.uid import SecondaryCaptureImageStorage

from coread.errors import InputError
from coread.formats.uids import derived_uid
from coread.reading import Reading
from coread.scoring import Code
from coread.study import Image, Study

FORMS = {
    "StudyDate": re.compile(r"\d{8}"),
    "StudyTime": re.compile(r"\d\d(\d\d(\d\d(\.\d{1,6})?)?)?"),
    "StudyID": re.compile(r"[^\\\x00-\x1f]{1,16}"),
    "AccessionNumber": re.compile(r"[^\\\x00-\x1f]{1,16}"),
    "PatientBirthDate": re.compile(r"\d{8}"),
    "PatientSex": re.compile(r"[FMO]"),
    "LossyImageCompression": re.compile(r"0[01]"),
    "LossyImageCompressionMethod": re.compile(r"[A-Z0-9_ \\\\]+"),
    "LossyImageCompressionRatio": re.compile(r"[\d.\\\\]+"),
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
    lossy: str = ""
    lossy_method: str = ""
    lossy_ratio: str = ""


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
    return {keyword: _text(value) for keyword, value in said.items() if value}


def _text(value: object) -> str:
    return "\\".join(map(str, value)) if isinstance(value, MultiValue) else str(value)


def put_patient_and_study(ds: Dataset, reading: Reading, study: Study, source: SourceObject) -> None:
    """Patient and General Study modules, as the source has them; the patient's name is left empty."""
    put_uid(ds, "StudyInstanceUID", study.uid)
    ds.StudyDate, ds.StudyTime = source.study_date or (study.date or "").replace("-", "")[:8], source.study_time
    ds.AccessionNumber, ds.StudyID, ds.ReferringPhysicianName = source.accession, source.study_id, ""
    ds.PatientName, ds.PatientID = "", reading.study.patient or ""
    ds.PatientBirthDate, ds.PatientSex = source.birth_date, source.sex or study.sex or ""


def reference(study_uid: str, by_series: Mapping[str, Sequence[tuple[str, str]]]) -> Dataset:
    """A study with its series, and in each the (SOP class, UID) of its instances, as an item of an evidence sequence."""
    item = Dataset()
    put_uid(item, "StudyInstanceUID", study_uid)
    item.ReferencedSeriesSequence = []
    for series_uid, instances in by_series.items():
        series = Dataset()
        put_uid(series, "SeriesInstanceUID", series_uid)
        series.ReferencedSOPSequence = []
        for sop_class, uid in instances:
            instance = Dataset()
            put_uid(instance, "ReferencedSOPClassUID", sop_class)
            put_uid(instance, "ReferencedSOPInstanceUID", uid)
            series.ReferencedSOPSequence.append(instance)
        item.ReferencedSeriesSequence.append(series)
    return item


def put_uid(ds: Dataset, keyword: str, uid: str) -> None:
    """The UID of someone else's object as it is, for a corrected one would refer to nothing."""
    ds.add(DataElement(keyword, "UI", uid, validation_mode=IGNORE))


@cache
def coread_version() -> str:
    """The version of this program, for what it writes."""
    try:
        return version("coread")
    except PackageNotFoundError:
        return "unknown"


def coded(code: Code) -> Dataset:
    """A coded concept as an item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme, code.meaning
    return item
