"""DICOM objects as images of a study: headers now, pixels when asked for; the patient's name is never read."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import UID

from coread.errors import InputError
from coread.formats.dicom_codecs import check_codec, drop_unreadable, guessed_transfer_syntax, stored_values
from coread.formats.dicom_facts import FACTS, facts_of, grid_of, laterality_of, merged, patient_of
from coread.formats.dicom_pixels import in_modality_units, luma, shown
from coread.formats.hush import quiet
from coread.formats.plain import MAX_PIXELS, MIN_SIDE, colour_of
from coread.formats.sequence import section_facts
from coread.formats.uids import derived_uid
from coread.study import Image

Array = npt.NDArray[np.float32]
RADIOGRAPHS = frozenset({"CR", "DX", "MG", "RF", "XA", "RG", "PX", "IO", "DF"})
SECTIONS = frozenset({"CT", "MR", "PT", "NM"})
CINE = frozenset({"US", "XA", "RF", "ES", "IVUS"})
COLOURS = ("no", "tint", "yes")
ID_CHARACTERS = 64
"""Of DICOM's long string (PS3.5 6.2)."""
USED = frozenset({*FACTS.values(), "WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept", "PixelSpacing", "ImagerPixelSpacing",
                  "NominalScannedPixelSpacing", "EstimatedRadiographicMagnificationFactor", "PatientAge", "PixelPaddingValue"})  # fmt: skip
NOT_IMAGES = ("Segmentation", "Dose", "Parametric Map", "Presentation State", "Real World Value", "Registration", "Fiducials")
PIXEL_TAGS = (b"\xe0\x7f\x10\x00", b"\xe0\x7f\x08\x00", b"\xe0\x7f\x09\x00")
BIG_PIXEL_TAGS = tuple(struct.pack(">HH", *struct.unpack("<HH", tag)) for tag in PIXEL_TAGS)
LONG_VRS = (b"OB", b"OW", b"OF", b"OD", b"UN")
VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV".split())


@dataclass(frozen=True, slots=True)
class DicomFile:
    """One DICOM object after its header was read.

    Attributes:
        path: the file.
        study: Study Instance UID, or a UID made from the object's own where it states none.
        object_uid: SOP Instance UID or None.
        order: what images of a study are sorted by: series, acquisition, instance number and name.
        images: its images; empty for an object that is no image to read.
        kind: what the object is, in words.
        patient: patient's id, date, age and sex as `patient_of` gives them.
        warnings: remarks, one sentence each.
    """

    path: Path
    study: str
    object_uid: str | None
    order: tuple[int, int, int, str]
    images: tuple[Image, ...]
    kind: str
    patient: tuple[str | None, str | None, float | None, str | None]
    warnings: tuple[str, ...]


def is_dicom(head: bytes) -> bool:
    """Whether the first 256 bytes of a file are DICOM's: the prefix DICM, or a first element of group 2 or 8 that makes sense."""
    if head[128:132] == b"DICM":
        return True
    if len(head) < 12:
        return False
    for order in ("<", ">"):
        group, element = struct.unpack(order + "HH", head[:4])
        if group not in (0x0002, 0x0008) or element > 0x0100:
            continue
        if head[4:6] in VRS:
            return True
        if order == "<" and struct.unpack("<I", head[4:8])[0] <= 1024:
            return True
    return False


def read_dicom(path: Path) -> DicomFile:
    """Reads the header of a DICOM object and checks that its pixel data are all there and can be decoded.

    Raises:
        InputError: damaged, cut short, coded in a way that no installed codec decodes, too large, or too small.
    """
    with quiet():
        return _read_dicom(path)


def _read_dicom(path: Path) -> DicomFile:
    notes: list[str] = []
    dataset, pixel_data = _header(path, notes)
    sop_class = str(dataset.get("SOPClassUID", "") or dataset.file_meta.get("MediaStorageSOPClassUID", ""))
    kind = UID(sop_class).name if sop_class else "DICOM object of an unstated class"
    object_uid = str(dataset.get("SOPInstanceUID", "")) or None
    study = str(dataset.get("StudyInstanceUID", "")) or derived_uid("study", object_uid or str(path.resolve()))
    images: tuple[Image, ...] = ()
    is_image = pixel_data is not None and not any(word in kind for word in NOT_IMAGES)
    if pixel_data is None and ("Image Storage" in kind or "Rows" in dataset):
        raise InputError(f"{path}: the file ends before its pixel data ({kind}); copy or export it again")
    if pixel_data is not None and is_image:
        if object_uid is None:
            raise InputError(f"{path}: states no SOP Instance UID, so that no report can refer to it; export it again")
        _check(path, dataset, *pixel_data)
        images = _images(path, dataset, sop_class or None, notes)
    patient = patient_of(dataset)
    if len(patient[0] or "") > ID_CHARACTERS or not (patient[0] or "").isprintable():
        raise InputError(
            f"{path}: its patient id has {len(patient[0] or '')} characters; DICOM allows {ID_CHARACTERS}, none of them a control character"
        )
    order = (_whole(dataset, "SeriesNumber"), _whole(dataset, "AcquisitionNumber"), _whole(dataset, "InstanceNumber"), path.name)
    return DicomFile(path, study, object_uid, order, images, kind, patient, tuple(notes))


def referenced_files(path: Path) -> tuple[Path, ...]:
    """The files that a DICOMDIR names, in its order, whether they are there or not.

    Raises:
        InputError: not a DICOMDIR that can be read.
    """
    with quiet():
        try:
            dataset = pydicom.dcmread(path)
            records = dataset.get("DirectoryRecordSequence") or []
            named = [record.get("ReferencedFileID") for record in records]
        except Exception as error:
            raise InputError(f"{path}: the DICOMDIR is damaged; give the folder that holds the images instead") from error
    parts = [[name] if isinstance(name, str) else [str(part) for part in name] for name in named if name]
    safe = [part for part in parts if not any(word in ("..", "") or "/" in word or "\\" in word for word in part)]
    return tuple(dict.fromkeys(path.parent.joinpath(*part) for part in safe))


def is_dicomdir(path: Path) -> bool:
    """Whether a DICOM file is a media directory rather than an object."""
    with quiet():
        try:
            meta = pydicom.filereader.read_file_meta_info(path)
            return str(meta.get("MediaStorageSOPClassUID", "")) == str(pydicom.uid.MediaStorageDirectoryStorage)
        except Exception:
            return False


def _header(path: Path, notes: list[str]) -> tuple[Dataset, tuple[int, int | None] | None]:
    """All attributes before the pixel data, and how many bytes, in how many fragments, follow (None: there are none)."""
    with quiet():
        try:
            with path.open("rb") as file:
                dataset = pydicom.dcmread(file, stop_before_pixels=True, force=True)
                meta = dataset.file_meta
                syntax = UID(str(meta.get("TransferSyntaxUID", ""))) or guessed_transfer_syntax(dataset)
                if syntax == pydicom.uid.DeflatedExplicitVRLittleEndian:
                    whole = pydicom.dcmread(path, force=True)
                    tags = [k for k in ("PixelData", "FloatPixelData", "DoubleFloatPixelData") if k in whole]
                    length: tuple[int, int | None] | None = (len(whole[tags[0]].value), None) if tags else None
                else:
                    length = _pixel_bytes(file, path, syntax)
            dropped = drop_unreadable(dataset)
        except InputError:
            raise
        except OSError as error:
            if error.strerror:
                raise InputError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
            raise InputError(f"{path}: the DICOM header is cut short; copy or export the file again") from error
        except Exception as error:
            raise InputError(f"{path}: the DICOM header is damaged or cut short; copy or export the file again") from error
    if len(dataset) == 0:
        raise InputError(f"{path}: the DICOM header is damaged or cut short; copy or export the file again")
    if "TransferSyntaxUID" not in meta:
        meta.TransferSyntaxUID = syntax
    notes.extend(f"{path.name} has a value of {keyword} that cannot be read; it was not used." for keyword in dropped if keyword in USED)
    return dataset, length


def _pixel_bytes(file: BinaryIO, path: Path, syntax: UID) -> tuple[int, int | None] | None:
    """Length of the pixel data at the file's position and, of encapsulated data, how many fragments, which are not read.

    Raises:
        InputError: the file ends inside its pixel data.
    """
    cut = f"{path}: the pixel data are cut short; copy or export the file again"
    head = file.read(12)
    big = syntax == pydicom.uid.ExplicitVRBigEndian
    if head[:4] not in (BIG_PIXEL_TAGS if big else PIXEL_TAGS):
        return None
    order = ">" if big else "<"
    if head[4:6] in LONG_VRS:
        field = head[8:12]
    else:
        field = head[4:8]
        file.seek(-4, 1)
    if len(field) < 4:
        raise InputError(cut)
    length = int(struct.unpack(order + "I", field)[0])
    start = file.tell()
    size = path.stat().st_size
    if length != 0xFFFFFFFF:
        if start + length > size:
            raise InputError(cut)
        return length, None
    fragments = -1  # the first item is the offset table
    while True:
        item = file.read(8)
        if len(item) < 8:
            raise InputError(cut)
        tag, fragment = item[:4], struct.unpack("<I", item[4:])[0]
        if tag == b"\xfe\xff\xdd\xe0":
            return file.tell() - start, fragments
        if tag != b"\xfe\xff\x00\xe0" or file.tell() + fragment > size:
            raise InputError(cut)
        file.seek(fragment, 1)
        fragments += 1


def _check(path: Path, dataset: Dataset, length: int, fragments: int | None) -> None:
    rows, columns, frames = _whole(dataset, "Rows"), _whole(dataset, "Columns"), _frames(dataset)
    for keyword, name in (("Rows", "rows"), ("Columns", "columns")):
        if dataset.get(keyword) is None:
            raise InputError(f"{path}: does not state how many {name} its image has; export it again")
    if rows <= 0 or columns <= 0:
        raise InputError(f"{path}: states an image of {columns} x {rows} pixels; export it again")
    if min(rows, columns) < MIN_SIDE:
        raise InputError(f"{path}: is only {columns} x {rows} pixels; give the whole radiograph")
    if rows * columns > MAX_PIXELS:
        raise InputError(f"{path}: has {columns} x {rows} pixels, more than {MAX_PIXELS // 1_000_000} million; give it at a smaller size")
    syntax = UID(str(dataset.file_meta.TransferSyntaxUID))
    if dataset.get("EncryptedAttributesSequence") and "PhotometricInterpretation" not in dataset:
        raise InputError(f"{path}: its attributes are encrypted; give the exam in clear")
    check_codec(syntax, path)
    samples, bits = _whole(dataset, "SamplesPerPixel", 1), _whole(dataset, "BitsAllocated")
    if bits <= 0 or not dataset.get("PhotometricInterpretation"):
        raise InputError(f"{path}: does not state how its pixels are stored (bits allocated, photometric interpretation); export it again")
    photometric = str(dataset.PhotometricInterpretation)
    # A frame fills one fragment or more; films, which are one stream, have no codec here and went above.
    if fragments is not None and fragments < frames:
        raise InputError(f"{path}: states {frames} frames and holds {fragments}; copy or export the file again")
    if not syntax.is_compressed:
        needed = rows * columns * frames * samples * bits // 8
        if photometric == "YBR_FULL_422":
            needed = needed * 2 // 3
        if length < needed:
            raise InputError(f"{path}: the pixel data hold {length} bytes where {needed} are needed; copy or export the file again")


def _images(path: Path, dataset: Dataset, sop_class: str | None, notes: list[str]) -> tuple[Image, ...]:
    rows, columns, frames = _whole(dataset, "Rows"), _whole(dataset, "Columns"), _frames(dataset)
    modality = str(dataset.get("Modality", "") or "")
    one = merged(dataset, 0)
    facts = facts_of(one, notes, path.name) | (section_facts(one) if modality in SECTIONS else {})
    common: dict[str, Any] = {"source": str(path), "uid": str(dataset.get("SOPInstanceUID", "")) or None, "sop_class": sop_class}
    colour = False
    if _whole(dataset, "SamplesPerPixel", 1) > 1 or dataset.PhotometricInterpretation == "PALETTE COLOR":
        if modality in SECTIONS or modality in RADIOGRAPHS:
            notes.append(f"{path.name} is a {modality} image stored in colour; it was turned to grey.")
        else:
            found = max((colour_of(_preview(path, frame)) for frame in sorted({1, (frames + 1) // 2, frames})), key=COLOURS.index)
            colour = found == "yes"
            if found != "no":
                facts["colour"] = found
    inner: tuple[str, ...] = ("y", "x", "c") if colour else ("y", "x")
    shape: tuple[int, ...] = (rows, columns, 3) if colour else (rows, columns)
    if frames == 1:
        grid = grid_of(one, modality in SECTIONS, notes, path.name)
        return (Image(axes=inner, shape=shape, load=_loader(path, 1, inner), grid=grid, facts=facts, **common),)
    times = _times(dataset, frames) if modality in CINE else None
    if times is not None:
        grid = grid_of(one, False, notes, path.name)
        load = _loader(path, None, ("t", *inner))
        return (Image(axes=("t", *inner), shape=(frames, *shape), load=load, grid=grid, times_s=times, facts=facts, **common),)
    images = []
    for number in range(frames):
        own = merged(dataset, number)
        said = facts | (section_facts(own) if modality in SECTIONS else {})
        side = laterality_of(own, [], path.name)
        if side is not None:
            said["laterality"] = side
        grid = grid_of(own, modality in SECTIONS, notes, path.name)
        images.append(
            Image(axes=inner, shape=shape, load=_loader(path, number + 1, inner), grid=grid, frame=number + 1, facts=said, **common)
        )
    return tuple(images)


def load_frames(path: Path, frames: Sequence[int]) -> Array:
    """Some frames of a multi-frame object of sections in the modality's units, [frame, y, x]; the object is decoded once.

    Args:
        path: the object.
        frames: their numbers, from 1, in the order wanted.

    Raises:
        InputError: the pixel data cannot be decoded.
    """
    dataset, values = stored_values(path, None)
    with quiet():
        shown_frames = [_shown(path, merged(dataset, frame - 1), values[frame - 1], ("y", "x")) for frame in frames]
    return np.stack(shown_frames)


class _loader:  # noqa: N801 - a closure with a name, small enough to keep thousands of
    """Decodes and shows one frame, or all of them, of one file."""

    __slots__ = ("axes", "frame", "path")

    def __init__(self, path: Path, frame: int | None, axes: tuple[str, ...]) -> None:
        self.path, self.frame, self.axes = path, frame, axes

    def __call__(self) -> Array:
        dataset, values = stored_values(self.path, self.frame)
        own = merged(dataset, (self.frame or 1) - 1)
        with quiet():
            return _shown(self.path, own, values, self.axes)


def _shown(path: Path, dataset: Dataset, values: npt.NDArray[Any], axes: tuple[str, ...]) -> Array:
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InputError(f"{path}: holds pixels that are not numbers (NaN or infinite); export the image again")
    stored_in_colour = _whole(dataset, "SamplesPerPixel", 1) > 1 or dataset.PhotometricInterpretation == "PALETTE COLOR"
    if stored_in_colour:
        highest = float(np.iinfo(values.dtype).max) if values.dtype.kind in "ui" else float(values.max())
        bits = _whole(dataset, "BitsStored")
        if dataset.PhotometricInterpretation != "PALETTE COLOR" and 0 < bits < 8 * values.dtype.itemsize:
            highest = float((1 << bits) - 1)
        if axes[-1] == "c":
            scaled: Array = np.minimum(values[..., :3].astype(np.float32) / np.float32(highest), np.float32(1))
            return scaled
        return luma(values, highest)
    if str(dataset.get("Modality", "")) in SECTIONS:
        return in_modality_units(dataset, values)
    return shown(dataset, values)


def _preview(path: Path, frame: int) -> npt.NDArray[np.uint8]:
    dataset, values = stored_values(path, frame)
    step = max(1, int((values.shape[0] * values.shape[1] / 65536) ** 0.5))
    small = _shown(path, dataset, values[::step, ::step], ("y", "x", "c"))
    return np.rint(small * 255).astype(np.uint8)


def _times(dataset: Dataset, frames: int) -> tuple[float, ...] | None:
    vector, step = dataset.get("FrameTimeVector"), dataset.get("FrameTime")
    if vector is not None and len(np.atleast_1d(vector)) == frames:
        return tuple(float(v) for v in np.cumsum(np.atleast_1d(np.asarray(vector, dtype=float))) / 1000)
    if step:
        return tuple(number * float(step) / 1000 for number in range(frames))
    rate = dataset.get("CineRate") or dataset.get("RecommendedDisplayFrameRate")
    return tuple(number / float(rate) for number in range(frames)) if rate else None


def _frames(dataset: Dataset) -> int:
    return max(1, _whole(dataset, "NumberOfFrames", 1))


def _whole(dataset: Dataset, keyword: str, otherwise: int = 0) -> int:
    try:
        return int(dataset.get(keyword, otherwise) or otherwise)
    except (TypeError, ValueError):
        return otherwise
