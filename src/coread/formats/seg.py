"""Outlines of suspected lesions as a DICOM Segmentation (BINARY), one segment a finding; ``docs/reference/seg.md`` says what goes where.

A radiograph has no frame of reference. The standard then ties a segmentation to its source pixel by pixel (PS3.3 A.51.3, C.8.20): the
frames have the rows and columns of the source image, and each names that image as the one it was derived from. No plane, position or
spacing is stated: they are the source's, and a radiograph lacks the slice thickness that goes with a spacing there.

The object is written with pydicom, as the SR is, and only the bits inside the outlines are touched: no frame is held as an array.
highdicom is a judge in the tests, like dicom3tools, dcmtk and Orthanc.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import SegmentationStorage

from coread.errors import InputError
from coread.formats import sr_codes as c
from coread.formats.dicom_modules import save
from coread.formats.sr import with_identity
from coread.formats.sr_groups import feature_code, tracking_uid
from coread.formats.sr_report import plain_line
from coread.formats.sr_signature import moment_of
from coread.formats.sr_source import SourceObject, coded, coread_version, put_patient_and_study, put_uid, source_objects
from coread.formats.uids import derived_uid
from coread.reading import Finding, ImageRef, Reading
from coread.scoring import system
from coread.study import Image, Study

SERIES_NUMBER = 902
LABEL_CHARACTERS = 64
Pixels = npt.NDArray[np.int64]
Outline = Sequence[tuple[float, float]]


def outlined(reading: Reading) -> dict[int, tuple[Finding, ...]]:
    """Index of an image -> the findings with outlines on it, in the order of the reading; empty where there is nothing to outline."""
    found: dict[int, tuple[Finding, ...]] = {}
    for finding in reading.findings:
        if finding.evidence is not None and finding.evidence.lesions_px:
            found[finding.evidence.image] = (*found.get(finding.evidence.image, ()), finding)
    return dict(sorted(found.items()))


def lesion_pixels(outlines: Iterable[Outline], shape: tuple[int, int]) -> Pixels:
    """The pixels whose centres lie inside any of the outlines, as positions in the image read row by row, ascending.

    An outline too small to hold a centre marks the pixel that its middle lies in, so that no lesion is lost.

    Args:
        outlines: polygons of (column, row), the centre of the first pixel at (0, 0); they close by themselves.
        shape: rows and columns of the image; what lies outside is cut off.

    Raises:
        InputError: an outline lies outside the image altogether.
    """
    from skimage.draw import polygon

    found: list[Pixels] = []
    for outline in outlines:
        corners = np.asarray(outline, dtype=float)
        rows, columns = polygon(corners[:, 1], corners[:, 0], shape)
        if not len(rows):
            column, row = (round(float(middle)) for middle in corners.mean(axis=0))
            if not (0 <= row < shape[0] and 0 <= column < shape[1]):
                raise InputError(f"an outline around column {column}, row {row} lies outside the image of {shape[1]} x {shape[0]} pixels")
            rows, columns = np.array([row]), np.array([column])
        found.append(rows.astype(np.int64) * shape[1] + columns)
    return np.unique(np.concatenate(found)) if found else np.zeros(0, dtype=np.int64)


def write_seg(reading: Reading, path: str | Path, study: Study, index: int = 0) -> None:
    """Write the outlines on one image of a study as a DICOM Segmentation that refers to that image.

    Tracking Identifier and Unique Identifier of a segment are those of the finding's measurement group in the SR of the same reading.

    Args:
        reading: its findings with ``evidence.lesions_px`` are written; see `outlined`.
        path: file to write, replaced where it exists.
        study: the study that was read. A plain image needs its Secondary Capture first, as for an SR.
        index: which of its images.

    Raises:
        InputError: nothing is outlined there, the image has no SOP instance or is no single picture without position in the patient, or
            an outline lies outside it.
    """
    whole = with_identity(reading, study)
    findings = outlined(whole).get(index, ())
    image, ref = study.images[index], whole.study.images[index]
    if not findings:
        raise InputError(f"{image.source}: nothing is outlined on this image, so there is no segmentation to write")
    if image.axes not in (("y", "x"), ("y", "x", "c")) or (image.grid is not None and image.grid.in_patient):
        raise InputError(f"{image.source}: only the outlines on a single picture without a position in the patient can be written")
    source = source_objects(study)[index]
    ds = _header(whole, study, source)
    ds.SOPInstanceUID = derived_uid("segmentation", whole.uid, str(index))
    ds.SeriesInstanceUID = derived_uid("segmentation series", whole.uid)
    ds.InstanceNumber = index + 1
    orientation = image.facts.get("patient_orientation")
    ds.PatientOrientation = orientation.split("\\") if orientation else ""
    ds.ReferencedSeriesSequence = [_referenced_series(source.series_uid, ref)]
    ds.SegmentSequence = [_segment(whole, finding, number) for number, finding in enumerate(findings, start=1)]
    _put_frames(ds, findings, image, ref)
    save(ds, Path(path))


def _header(reading: Reading, study: Study, source: SourceObject) -> Dataset:
    """Patient, study, series, equipment, and what the Segmentation Image module wants of all segments together."""
    ds, moment = Dataset(), moment_of(reading.created)
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = SegmentationStorage
    put_patient_and_study(ds, reading, study, source)
    ds.Modality, ds.SeriesNumber = "SEG", SERIES_NUMBER
    words = "Research use, unverified" if reading.reader.kind != "person" and reading.status == "unverified" else "Coread"
    ds.SeriesDescription = f"{words}: outlines, {reading.system}"[:LABEL_CHARACTERS]
    ds.Manufacturer, ds.ManufacturerModelName, ds.SoftwareVersions = "Coread", plain_line(reading.reader.id), coread_version()
    ds.DeviceSerialNumber = (reading.reader.card_sha256 or "none")[:LABEL_CHARACTERS]
    ds.ContentDate, ds.ContentTime = moment.strftime("%Y%m%d"), moment.strftime("%H%M%S.%f")
    ds.ContentLabel, ds.ContentDescription = "FINDINGS", "Outlines of suspected lesions"
    ds.ContentCreatorName = plain_line(reading.reader.id) if reading.reader.kind == "person" else ""
    ds.ImageType = ["DERIVED", "PRIMARY"]
    ds.SegmentationType = "BINARY"
    ds.BurnedInAnnotation = "NO"
    ds.LossyImageCompression = source.lossy or "00"
    if source.lossy == "01" and source.lossy_ratio and source.lossy_method:
        ds.LossyImageCompressionRatio = source.lossy_ratio.split("\\")
        ds.LossyImageCompressionMethod = source.lossy_method.split("\\")
    return ds


def _segment(reading: Reading, finding: Finding, number: int) -> Dataset:
    scored, who = system(reading.system), reading.reader
    item = Dataset()
    item.SegmentNumber = number
    item.SegmentLabel = plain_line(finding.label if finding.instance is None else f"{finding.label} {finding.instance}")
    if finding.grade is not None:
        item.SegmentDescription = f"{finding.label}, grade {finding.grade:g}"[:LABEL_CHARACTERS]
    drawn_by_person = who.kind == "person" and reading.basis is None
    item.SegmentAlgorithmType = "MANUAL" if drawn_by_person else "SEMIAUTOMATIC" if who.kind == "person" else "AUTOMATIC"
    if not drawn_by_person:
        item.SegmentAlgorithmName = "Coread" if who.kind == "person" else plain_line(who.id)
    if who.kind != "person":
        algorithm = Dataset()
        algorithm.AlgorithmFamilyCodeSequence = [coded(c.ARTIFICIAL_INTELLIGENCE)]
        algorithm.AlgorithmName, algorithm.AlgorithmVersion = plain_line(who.id), plain_line(who.version or "not stated")
        item.SegmentationAlgorithmIdentificationSequence = [algorithm]
    item.TrackingID, item.TrackingUID = item.SegmentLabel, tracking_uid(reading, finding)
    item.SegmentedPropertyCategoryCodeSequence = [coded(c.ABNORMAL_STRUCTURE)]
    item.SegmentedPropertyTypeCodeSequence = [coded(feature_code(scored, finding.feature))]
    region = coded(scored.site(finding.site, finding.side).code)
    if finding.side is not None:
        region.AnatomicRegionModifierSequence = [coded(c.SIDES[finding.side])]
    item.AnatomicRegionSequence = [region]
    return item


def _put_frames(ds: Dataset, findings: Sequence[Finding], image: Image, ref: ImageRef) -> None:
    """One frame a segment with its functional groups, of the size of the source image."""
    rows, columns = (image.shape[image.axes.index(axis)] for axis in ("y", "x"))
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns, ds.NumberOfFrames = rows, columns, len(findings)
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 1, 1, 0, 0
    organization = Dataset()
    organization.DimensionOrganizationUID = derived_uid("dimensions", ds.SOPInstanceUID)
    ds.DimensionOrganizationSequence = [organization]
    dimension = Dataset()
    dimension.DimensionOrganizationUID = organization.DimensionOrganizationUID
    dimension.DimensionIndexPointer = Tag(tag_for_keyword("ReferencedSegmentNumber"))
    dimension.FunctionalGroupPointer = Tag(tag_for_keyword("SegmentIdentificationSequence"))
    dimension.DimensionDescriptionLabel = "Segment Number"
    ds.DimensionIndexSequence = [dimension]
    ds.SharedFunctionalGroupsSequence = [Dataset()]
    ds.PerFrameFunctionalGroupsSequence = [_frame_groups(number, ref) for number in range(1, len(findings) + 1)]
    ds.PixelData = packed([lesion_pixels(f.evidence.lesions_px, (rows, columns)) for f in findings if f.evidence], rows * columns)
    ds["PixelData"].VR = "OB"


def packed(frames: Sequence[Pixels], size: int) -> bytes:
    """Frames of ``size`` pixels as single bits, the first pixel in the lowest bit, one frame directly behind the other (PS3.5 8.1.1).

    Args:
        frames: for each frame the positions of the pixels that are set.
        size: pixels of a frame.
    """
    data = np.zeros((len(frames) * size + 15) // 16 * 2, dtype=np.uint8)  # of even length
    for number, pixels in enumerate(frames):
        bits = pixels + number * size
        np.bitwise_or.at(data, bits >> 3, (1 << (bits & 7)).astype(np.uint8))
    return data.tobytes()


def _frame_groups(number: int, ref: ImageRef) -> Dataset:
    groups, content, segment = Dataset(), Dataset(), Dataset()
    content.DimensionIndexValues = [number]
    segment.ReferencedSegmentNumber = number
    groups.DerivationImageSequence = [_derivation(ref)]
    groups.FrameContentSequence, groups.SegmentIdentificationSequence = [content], [segment]
    return groups


def _derivation(ref: ImageRef) -> Dataset:
    item, source = Dataset(), _instance(ref)
    source.PurposeOfReferenceCodeSequence = [coded(c.SOURCE_IMAGE)]
    source.SpatialLocationsPreserved = "YES"
    if ref.frame is not None:
        source.ReferencedFrameNumber = ref.frame
    item.SourceImageSequence, item.DerivationCodeSequence = [source], [coded(c.SEGMENTATION)]
    return item


def _referenced_series(series_uid: str, ref: ImageRef) -> Dataset:
    series = Dataset()
    put_uid(series, "SeriesInstanceUID", series_uid)
    series.ReferencedInstanceSequence = [_instance(ref)]
    return series


def _instance(ref: ImageRef) -> Dataset:
    item = Dataset()
    put_uid(item, "ReferencedSOPClassUID", ref.sop_class or "")
    put_uid(item, "ReferencedSOPInstanceUID", ref.uid or "")
    return item
