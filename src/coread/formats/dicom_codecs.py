"""Stored values of a DICOM image: which codec decodes them, and what to make of codecs that fail.

Decoding itself is pydicom's, with the codecs of pylibjpeg and GDCM.
"""

from __future__ import annotations

import contextlib
import struct
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels import apply_color_lut, get_decoder, pixel_array
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
)

from coread.errors import InputError
from coread.formats.hush import hushed, quiet

JPEG = (JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, JPEGLSNearLossless)
FRAME_MARKERS = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})
"""Start of a frame, ITU-T T.81 table B.1, and of a JPEG-LS frame, ITU-T T.87."""
TABLE_MARKERS = frozenset({0xC4, 0xCC, 0xDB, 0xDD, *range(0xE0, 0xF0), 0xF8, 0xFE})
"""Tables, restart interval, application data, JPEG-LS parameters and comments, in the same tables."""


def check_codec(transfer_syntax: UID, path: Path) -> None:
    """Refuses a transfer syntax that no installed codec decodes.

    Raises:
        InputError: naming the file and the transfer syntax.
    """
    name = transfer_syntax.name if transfer_syntax.name != str(transfer_syntax) else f"unknown, {transfer_syntax}"
    try:
        available = get_decoder(transfer_syntax).is_available
    except NotImplementedError:
        available = False
    if not available:
        raise InputError(
            f"{path}: its pixels are coded in a way that Coread cannot decode ({name}); export it uncompressed or as JPEG 2000"
        )


def stored_values(path: Path, frame: int | None) -> tuple[Dataset, npt.NDArray[Any]]:
    """Reads an object and decodes one frame (from 1) or, with None, all of it, palette colours resolved.

    Returns:
        The dataset without pixel data, and the array as decoded, YBR turned to RGB.

    Raises:
        InputError: the pixel data are cut short or cannot be decoded.
    """
    with quiet():
        try:
            dataset = pydicom.dcmread(path, force=True, stop_before_pixels=True)
            syntax = UID(str(dataset.file_meta.get("TransferSyntaxUID", "")))
            whole = not syntax or syntax == DeflatedExplicitVRLittleEndian or syntax in JPEG or int(dataset.get("NumberOfFrames") or 1) == 1
            if frame is not None and not whole:
                drop_unreadable(dataset)
                with hushed() if syntax.is_compressed else contextlib.nullcontext():
                    return dataset, _colours(dataset, pixel_array(path, index=frame - 1, decoding_plugin=_plugin(syntax)))
            dataset = pydicom.dcmread(path, force=True)
            drop_unreadable(dataset)
            if not syntax:
                dataset.file_meta.TransferSyntaxUID = syntax = guessed_transfer_syntax(dataset)
            with hushed() if syntax.is_compressed else contextlib.nullcontext():
                values = _decoded(path, dataset, frame)
            for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"):
                if keyword in dataset:
                    del dataset[keyword]
            return dataset, _colours(dataset, values)
        except OSError as error:
            raise InputError(
                f"{path}: cannot be read ({error.strerror or 'the file ends early'}); check the file and its permissions"
            ) from error
        except MemoryError as error:
            raise InputError(f"{path}: its pixels do not fit into memory; read it on a larger machine or in parts") from error
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:
            # Codecs raise whatever they like on damaged data: ValueError, struct.error, RuntimeError, and those in Rust a
            # PanicException, which is no Exception.
            raise InputError(f"{path}: its pixel data are damaged or cut short and cannot be decoded; export the image again") from error


def _decoded(path: Path, dataset: Dataset, frame: int | None) -> npt.NDArray[Any]:
    if dataset.file_meta.TransferSyntaxUID in JPEG and dataset.PixelData[:4] == b"\xfe\xff\x00\xe0":
        count = int(dataset.get("NumberOfFrames") or 1)
        frames = generate_frames(dataset.PixelData, number_of_frames=count)
        for data in frames if frame is None else islice(frames, frame - 1, frame):
            _check_jpeg(data, dataset)
    if dataset.file_meta.TransferSyntaxUID == JPEGExtended12Bit and int(dataset.BitsStored) > 8:
        values = _twelve_bit_jpeg(path, dataset)
        return values if frame is None or values.ndim == 2 else values[frame - 1]
    plugin = _plugin(dataset.file_meta.TransferSyntaxUID)
    decoded: npt.NDArray[Any] = pixel_array(dataset, index=None if frame is None else frame - 1, decoding_plugin=plugin)
    return decoded


def _plugin(syntax: UID) -> str:
    """The codec to take where the choice matters: GDCM ends the whole process on some damaged JPEG 2000 data."""
    if syntax not in (JPEG2000, JPEG2000Lossless):
        return ""
    available = get_decoder(syntax).available_plugins
    return next((name for name in ("pylibjpeg", "pillow") if name in available), "")


def _check_jpeg(data: bytes, dataset: Dataset) -> None:
    """Compares what a JPEG or JPEG-LS frame states of itself with the object: where they differ, GDCM ends the whole process.

    Raises:
        ValueError: they differ, the frame states no size, or what it states is not known to the standard.
    """
    place, framed = 2, False
    while data[place : place + 1] == b"\xff":
        marker, body = data[place + 1], data[place + 4 : place + 16]
        if marker == 0xFF:  # a fill byte
            place += 1
            continue
        if marker == 0xDA and framed:  # from here on only coded pixels, whose damage GDCM survives
            return
        if marker in FRAME_MARKERS:
            precision, rows, columns, samples = struct.unpack(">BHHB", body[:6])
            stated = (int(dataset.Rows), int(dataset.Columns), int(dataset.SamplesPerPixel))
            if framed or (rows, columns, samples) != stated or not 2 <= precision <= int(dataset.BitsAllocated):
                break
            framed = True
        elif marker not in TABLE_MARKERS:
            break
        if marker == 0xE0 and body[:5] == b"JFIF\0" and body[5] not in (1, 2):
            break  # the JPEG library warns of another revision, and GDCM does not survive a warning in the header
        if marker == 0xEE and body[:5] == b"Adobe" and data[place + 3] >= 14 and body[11] > 2:
            break  # an unknown colour transform, likewise
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    raise ValueError("the frame's header does not fit the object")


_TWELVE_BIT = """
import sys
import gdcm
reader = gdcm.ImageReader()
reader.SetFileName(sys.argv[1])
if not reader.Read():
    sys.exit(1)
sys.stdout.buffer.write(reader.GetImage().GetBuffer().encode("utf-8", "surrogateescape"))
"""


def _twelve_bit_jpeg(path: Path, dataset: Dataset) -> npt.NDArray[Any]:
    """Lossy JPEG of 12 bits, which pydicom hands to no codec; GDCM decodes it when it reads the whole file.

    In a process of its own, because some damaged files end the process that GDCM runs in.
    """
    done = subprocess.run([sys.executable, "-c", _TWELVE_BIT, str(path)], capture_output=True, check=False)
    if done.returncode:
        raise ValueError("GDCM does not read it")
    frames = int(dataset.get("NumberOfFrames") or 1)
    kind = "<i2" if int(dataset.get("PixelRepresentation") or 0) else "<u2"
    shape = (int(dataset.Rows), int(dataset.Columns))
    return np.frombuffer(done.stdout, kind).reshape(shape if frames == 1 else (frames, *shape))


def drop_unreadable(dataset: Dataset) -> list[str]:
    """Takes out the elements whose value breaks its own type (a decimal comma, letters for a number), and gives their keywords."""
    dropped = []
    for tag in list(dataset.keys()):
        try:
            element = dataset[tag]
            values = element.value if element.VM > 1 else [element.value]
            broken = element.VR in ("DS", "IS") and any(isinstance(value, str) and value for value in values)
        except Exception:
            broken = True
        if broken:
            dropped.append(pydicom.datadict.keyword_for_tag(tag) or str(tag))
            del dataset[tag]
    return dropped


def guessed_transfer_syntax(dataset: Dataset) -> UID:
    """The transfer syntax that pydicom read an object with that does not state one."""
    implicit, little = dataset.original_encoding
    if implicit:
        return pydicom.uid.ImplicitVRLittleEndian
    return pydicom.uid.ExplicitVRLittleEndian if little else pydicom.uid.ExplicitVRBigEndian


def _colours(dataset: Dataset, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if dataset.get("PhotometricInterpretation") == "PALETTE COLOR":
        coloured: npt.NDArray[Any] = apply_color_lut(values, dataset)
        return coloured
    return values
