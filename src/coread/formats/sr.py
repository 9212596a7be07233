"""A Reading as a DICOM Comprehensive SR after TID 1500, and back; ``docs/reference/sr.md`` has the table of what goes where.

The content tree is encoded by ``sr_items``: highdicom's templates take 2.5 s for a hundred findings, this some 30 ms. highdicom is a judge
in the tests instead, like dcmtk, dicom3tools and Orthanc.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import ComprehensiveSRStorage, ExplicitVRLittleEndian

from coread.errors import InputError, not_written
from coread.formats import sr_codes as c
from coread.formats import sr_items as put
from coread.formats.sr_read import read_sr
from coread.formats.sr_report import plain_line, report
from coread.formats.sr_signature import moment_of, verifying_observer
from coread.formats.sr_source import SourceObject, coded, coread_version, put_patient_and_study, reference, source_objects
from coread.formats.uids import derived_uid
from coread.reading import ImageRef, Reading
from coread.reading_signature import check_signature
from coread.scoring import system
from coread.study import Image, Study

__all__ = ["read_sr", "with_identity", "write_sr"]

IMPLEMENTATION_UID = derived_uid("coread", "implementation")
SERIES_NUMBER = 901
UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+")
FOREIGN_UID = re.compile(r"[0-9.]+")
UID_CHARACTERS, ID_CHARACTERS, NAME_CHARACTERS = 64, 64, 64


def with_identity(reading: Reading, study: Study) -> Reading:
    """The reading with the DICOM identity and size of the images that it was made from, as an SR of it will say.

    Raises:
        InputError: reading and study speak of different studies, or an image of the study has no SOP instance.
    """
    refs = reading.study.images or tuple(ImageRef(source=image.source, frame=image.frame) for image in study.images)
    if len(refs) != len(study.images):
        raise InputError(f"{study.source}: has {len(study.images)} images, the reading speaks of {len(refs)}; give the study that was read")
    if reading.study.uid not in (None, study.uid):
        raise InputError(f"{study.source}: is study {study.uid}, the reading speaks of {reading.study.uid}; give the study that was read")
    if reading.study.patient and study.patient and reading.study.patient != study.patient:
        raise InputError(
            f"{study.source}: is of patient {study.patient}, the reading is of {reading.study.patient}; give the study that was read"
        )
    images = tuple(_identified(ref, image, study) for ref, image in zip(refs, study.images, strict=True))
    if len({(ref.uid, ref.frame) for ref in images}) < len(images):
        raise InputError(f"{study.source}: holds one image twice, and an SR could not tell them apart; keep one of them")
    patient = reading.study.patient or study.patient or None
    return replace(reading, study=replace(reading.study, uid=study.uid, patient=patient, images=images))


def write_sr(reading: Reading, path: str | Path, study: Study) -> None:
    """Write a reading as a DICOM Comprehensive SR (TID 1500) that refers to the images of the study.

    ``read_sr`` gives back ``with_identity(reading, study)``, exactly. The patient's name is left empty; the other
    facts of patient and study are those of the image files.

    Args:
        reading: what is written; its uid becomes the SOP Instance UID.
        path: file to write, replaced where it exists.
        study: the study that was read. A plain image needs its Secondary Capture first, whose uid and SOP class its
            ``Image`` then carries.

    Raises:
        InputError: an image without SOP instance, a finding that the scoring system does not know, a reading that was
            altered after it was signed, or something that DICOM cannot hold; the message says what.
    """
    whole = with_identity(reading, study)
    _check(whole)
    sources = source_objects(study)
    scored = system(whole.system)
    references = [put.image_reference(ref.sop_class or "", ref.uid or "", ref.frame) for ref in whole.study.images]
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, about UIDs of others that are not as they should be
        dcmwrite(buffer, _header(whole, study, sources), enforce_file_format=True)
    content = put.sequence(0x0040, 0xA730, list(report(whole, study, scored, references)))
    try:
        Path(path).write_bytes(buffer.getvalue() + content)
    except OSError as error:
        raise not_written(path, error) from error


def _identified(ref: ImageRef, image: Image, study: Study) -> ImageRef:
    if image.uid is None or image.sop_class is None:
        raise InputError(
            f"{image.source or study.source}: is no DICOM object, so an SR has nothing to refer to; write it as a Secondary Capture first"
        )
    for uid in (image.uid, image.sop_class, study.uid):
        _check_uid(uid, image.source or study.source, FOREIGN_UID)
    if ref.uid not in (None, image.uid):
        raise InputError(f"{image.source}: is {image.uid}, the reading speaks of {ref.uid}; give the study that was read")
    rows, columns = (image.shape[image.axes.index(axis)] for axis in ("y", "x"))
    return replace(ref, uid=image.uid, sop_class=image.sop_class, rows=ref.rows or rows, columns=ref.columns or columns)


def _check_uid(uid: str, what: str, form: re.Pattern[str] = UID) -> None:
    """Ours are right; those of others may have leading zeros, as many archives' do, and are repeated as they are."""
    if len(uid) > UID_CHARACTERS or not form.fullmatch(uid):
        raise InputError(f"{what}: {uid!r} is no DICOM UID; a UID is digits and dots, {UID_CHARACTERS} characters at most")


def _check(reading: Reading) -> None:
    _check_uid(reading.uid, "reading")
    if reading.basis is not None:
        _check_uid(reading.basis, "basis of the reading")
    patient = reading.study.patient or ""
    if len(patient) > ID_CHARACTERS or "\\" in patient or not patient.isprintable() or patient != patient.strip():
        raise InputError(
            f"patient id {patient!r}: DICOM holds at most {ID_CHARACTERS} characters without backslash, control characters or "
            "outer spaces; give the study a shorter, plain id"
        )
    check_signature(reading)
    if not reading.reader.id.strip():
        raise InputError(f"reading {reading.uid}: its reader has no id; an SR names who made it")
    moment_of(reading.created)


def _header(reading: Reading, study: Study, sources: Sequence[SourceObject]) -> Dataset:
    """Everything but the content tree below the root; all of it sorts before Content Sequence (0040,A730)."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ComprehensiveSRStorage
    ds.file_meta.MediaStorageSOPInstanceUID = reading.uid
    ds.file_meta.ImplementationClassUID = IMPLEMENTATION_UID
    ds.file_meta.ImplementationVersionName = "COREAD"
    moment, first, model = moment_of(reading.created), sources[0], reading.reader.kind != "person"
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID = ComprehensiveSRStorage, reading.uid
    ds.SeriesInstanceUID = _series_of(reading.uid)
    put_patient_and_study(ds, reading, study, first)
    ds.ContentDate, ds.ContentTime = moment.strftime("%Y%m%d"), moment.strftime("%H%M%S.%f")
    ds.Modality, ds.SeriesNumber, ds.InstanceNumber = "SR", SERIES_NUMBER, 1
    words = "Research use, unverified" if model and reading.status == "unverified" else "Coread"
    ds.SeriesDescription = f"{words}: {reading.system}"[:NAME_CHARACTERS]
    ds.Manufacturer, ds.ManufacturerModelName, ds.SoftwareVersions = "Coread", plain_line(reading.reader.id), coread_version()
    ds.ReferencedPerformedProcedureStepSequence, ds.PerformedProcedureCodeSequence = [], []
    ds.CompletionFlag, ds.PreliminaryFlag = "COMPLETE", "PRELIMINARY"
    ds.VerificationFlag = "UNVERIFIED"
    if reading.signature is not None:
        ds.PreliminaryFlag, ds.VerificationFlag = "FINAL", "VERIFIED"
        ds.VerifyingObserverSequence = [verifying_observer(reading.signature)]
    if reading.basis is not None:
        ds.PredecessorDocumentsSequence = [reference(study.uid, {_series_of(reading.basis): [(ComprehensiveSRStorage, reading.basis)]})]
    by_series: dict[str, list[tuple[str, str]]] = {}
    for ref, source in zip(reading.study.images, sources, strict=True):
        pair = (ref.sop_class or "", ref.uid or "")
        if pair not in by_series.setdefault(source.series_uid, []):
            by_series[source.series_uid].append(pair)
    ds.CurrentRequestedProcedureEvidenceSequence = [reference(study.uid, by_series)]
    scheme = Dataset()
    scheme.CodingSchemeDesignator, scheme.CodingSchemeName = c.OWN_SCHEME, c.OWN_SCHEME_NAME
    scheme.CodingSchemeVersion, scheme.CodingSchemeResponsibleOrganization = coread_version(), c.OWN_SCHEME_ORGANIZATION
    ds.CodingSchemeIdentificationSequence = [scheme]
    ds.ValueType, ds.ContinuityOfContent = "CONTAINER", "SEPARATE"
    ds.ConceptNameCodeSequence = [coded(c.REPORT)]
    template = Dataset()
    template.MappingResource, template.TemplateIdentifier = "DCMR", "1500"
    ds.ContentTemplateSequence = [template]
    return ds


def _series_of(uid: str) -> str:
    """Each reading is its own series; a reading that corrects it can so name that series."""
    return derived_uid("series", uid)
