"""MR series made by pydicom alone, single- and multi-frame, whose every voxel's place is known."""

from itertools import permutations, product
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from scipy.spatial.transform import Rotation

from tests.formats.radiographs import radiograph, write

MR = "1.2.840.10008.5.1.4.1.1.4"
ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"
VALUES = np.random.default_rng(7).integers(1, 4000, (4, 8, 9)).astype(np.uint16)
STEP_MM, SPACING_MM = 3.25, (0.75, 1.5)
FLAIR = {"SeriesDescription": "t2_flair_tra", "EchoTime": "120", "RepetitionTime": "9000", "InversionTime": "2500", "SeriesNumber": 3}
T1 = {"SeriesDescription": "mprage sag", "EchoTime": "2.9", "RepetitionTime": "2200", "InversionTime": "900", "SeriesNumber": 4}
T2 = {"SeriesDescription": "tse tra", "EchoTime": "95", "RepetitionTime": "5200", "InversionTime": None, "SeriesNumber": 5}


def turns() -> list[np.ndarray]:
    """The 24 ways to turn three axes onto three axes, as matrices whose rows are (right along a row, down a column, through)."""
    found = []
    for order, signs in product(permutations(range(3)), product((1, -1), repeat=3)):
        matrix = np.zeros((3, 3))
        matrix[range(3), order] = signs
        if np.linalg.det(matrix) > 0:
            found.append(matrix)
    return found


def oblique(seed: int) -> np.ndarray:
    return Rotation.random(random_state=seed).as_matrix().T


def place(axes: np.ndarray, number: int, step: float = STEP_MM) -> list[float]:
    """Position of the first pixel of a slice."""
    return [round(float(v), 6) for v in np.array([-31.5, 12.25, 40.0]) + axes[2] * step * number]


def mr_slice(values: np.ndarray, axes: np.ndarray, number: int, **more: object) -> Dataset:
    attributes: dict[str, object] = {
        "SOPClassUID": MR,
        "SOPInstanceUID": f"1.2.3.77.{more.get('SeriesNumber', 3)}.{1000 + number}",
        "SeriesInstanceUID": f"1.2.3.77.{more.get('SeriesNumber', 3)}",
        "FrameOfReferenceUID": "1.2.3.77.9",
        "Modality": "MR",
        "PixelSpacing": list(SPACING_MM),
        "SliceThickness": STEP_MM,
        "ImageOrientationPatient": [round(float(v), 9) for v in (*axes[0], *axes[1])],
        "ImagePositionPatient": place(axes, number),
        "InstanceNumber": number + 1,
    }
    return radiograph(values, **(attributes | FLAIR | more))


def write_series(folder: Path, axes: np.ndarray, values: np.ndarray = VALUES, **more: object) -> list[Path]:
    """One file a slice, under names whose order is not that of the slices."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{(7 * n + 3) % 11:02}_{more.get('SeriesNumber', 3)}.dcm" for n in range(len(values))]
    return [write(folder / name, mr_slice(plane, axes, n, **more)) for n, (name, plane) in enumerate(zip(names, values, strict=True))]


def enhanced(values: np.ndarray, axes: np.ndarray, order: list[int] | None = None) -> Dataset:
    """A multi-frame Enhanced MR object whose frames come in any order."""
    order = list(range(len(values))) if order is None else order
    ds = radiograph(
        values[order],
        SOPClassUID=ENHANCED_MR,
        Modality="MR",
        NumberOfFrames=len(values),
        SeriesInstanceUID="1.2.3.78.1",
        SOPInstanceUID="1.2.3.78.1.1",
        FrameOfReferenceUID="1.2.3.78.9",
        SeriesDescription="3D",
        AcquisitionContrast="FLUID_ATTENUATED",
    )
    shared = Dataset()
    shared.PlaneOrientationSequence = [Dataset()]
    shared.PlaneOrientationSequence[0].ImageOrientationPatient = [round(float(v), 9) for v in (*axes[0], *axes[1])]
    shared.PixelMeasuresSequence = [Dataset()]
    shared.PixelMeasuresSequence[0].PixelSpacing = list(SPACING_MM)
    shared.PixelMeasuresSequence[0].SliceThickness = STEP_MM
    shared.PixelValueTransformationSequence = [Dataset()]
    shared.PixelValueTransformationSequence[0].RescaleSlope = "0.5"
    shared.PixelValueTransformationSequence[0].RescaleIntercept = "0"
    shared.PixelValueTransformationSequence[0].RescaleType = "US"
    ds.SharedFunctionalGroupsSequence = [shared]
    frames = []
    for index, number in enumerate(order):
        item = Dataset()
        item.PlanePositionSequence = [Dataset()]
        item.PlanePositionSequence[0].ImagePositionPatient = place(axes, number)
        item.FrameContentSequence = [Dataset()]
        item.FrameContentSequence[0].StackID = "1"
        item.FrameContentSequence[0].InStackPositionNumber = number + 1
        item.FrameContentSequence[0].DimensionIndexValues = [1, index + 1]
        frames.append(item)
    ds.PerFrameFunctionalGroupsSequence = frames
    organization = Dataset()
    organization.DimensionOrganizationUID = "1.2.3.78.5"
    ds.DimensionOrganizationSequence = [organization]
    return ds
