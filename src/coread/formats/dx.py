"""A radiograph as a DICOM Digital X-Ray image, for presentation."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from pydicom.uid import DigitalXRayImageStorageForPresentation

from coread.errors import InputError
from coread.formats.dicom_modules import REGIONS, VIEWS, code, code_string, common_modules, name_object, put_pixels, save, side_letter
from coread.study import Study


def write_dx(study: Study, index: int, path: Path, bits: int = 12, compress: bool = False) -> str:
    """Writes one radiograph of a study as a DX object (DICOM PS3.3 A.26), bone bright, and gives its SOP Instance UID.

    Side, view, body part, orientation, kVp and device come from the image's facts; what they do not state is left empty. Only the
    orientation must be there: a hand seen PA that does not state it is taken to have its fingers up and not to be mirrored
    (to the right: the patient's left; down: the head, the arm hanging). The grid is taken to be the detector's spacing.
    The UIDs follow from the content.

    Args:
        study: the study; its uid becomes the Study Instance UID.
        index: which of its images: axes ("y", "x"), pixels 0..1, with a grid.
        path: the file to write.
        bits: bits stored for a pixel, 8 to 16.
        compress: lossless JPEG 2000 instead of uncompressed.

    Raises:
        InputError: no grey picture, no spacing, no orientation, bits out of range, or the file cannot be written.
    """
    image = study.images[index]
    if image.axes != ("y", "x"):
        raise InputError(f"{image.source or 'the image'}: has the axes {', '.join(image.axes)}; a DX object holds one grey picture")
    if image.grid is None or len(image.grid.spacing_mm) != 2:
        raise InputError(f"{image.source or 'the image'}: has no pixel spacing, which a DX object must state; give it in a sidecar")
    if not 8 <= bits <= 16:
        raise InputError(f"bits must be 8 to 16, got {bits}")
    dataset = common_modules(study, image, index)
    facts = image.facts
    dataset.Manufacturer = facts.get("manufacturer", "Coread")[:64]
    dataset.ManufacturerModelName = facts.get("model", "coread")[:64]
    dataset.Modality = "DX"
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.ImageType = ["DERIVED" if image.source and image.uid is None else "ORIGINAL", "PRIMARY", ""]
    dataset.ImageLaterality = side_letter(study, image)
    region = REGIONS.get(facts.get("body_part", "").upper())
    dataset.AnatomicRegionSequence = [code(*region)] if region else []
    view = code_string(facts.get("view", ""))
    if view:
        dataset.ViewPosition = view
    if view in VIEWS:
        item = code(*VIEWS[view])
        item.ViewModifierCodeSequence = []
        dataset.ViewCodeSequence = [item]
    if re.fullmatch(r"\d{1,3}(\.\d{1,6})?", facts.get("kvp", "")):
        dataset.KVP = facts["kvp"]
    spacing = [f"{value:.8g}" for value in image.grid.spacing_mm]
    dataset.ImagerPixelSpacing = spacing
    dataset.PixelSpacing = spacing
    if "PatientOrientation" not in dataset:
        if (facts.get("body_part", "").upper(), view) != ("HAND", "PA"):
            raise InputError(f"{image.source or 'the image'}: does not state its patient_orientation, which a DX object must")
        dataset.PatientOrientation = ["L", "H"]
    dataset.PositionerType = ""
    dataset.DetectorType = code_string(facts.get("detector", ""))
    dataset.PixelIntensityRelationship = "LOG"
    dataset.PixelIntensityRelationshipSign = -1
    dataset.RescaleIntercept = 0
    dataset.RescaleSlope = 1
    dataset.RescaleType = "US"
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.LossyImageCompression = "00"
    dataset.BurnedInAnnotation = "YES" if facts.get("burned_in") == "YES" else "NO"
    dataset.AcquisitionContextSequence = []
    highest = (1 << bits) - 1
    pixels = np.clip(image.pixels, 0, 1)
    values = np.rint(pixels * np.float32(highest))
    put_pixels(dataset, values.astype(np.uint8) if bits == 8 else values.astype(np.uint16), bits)
    name_object(dataset, DigitalXRayImageStorageForPresentation, "digital x-ray")
    save(dataset, path, compress)
    return str(dataset.SOPInstanceUID)
