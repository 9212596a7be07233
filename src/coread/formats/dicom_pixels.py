"""From the stored values of a DICOM image to what it is meant to show, after DICOM PS3.3 C.7.6.3, C.11.1, C.11.2 and C.11.6.

The values come from `dicom_codecs`; the tables and windows are applied here, in floating point.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset

Array = npt.NDArray[np.float32]
ROBUST_PERCENT = (0.5, 99.5)
"""Range shown where the file states no window: all but the darkest and brightest half per cent."""


def is_inverted(dataset: Dataset) -> bool:
    """Whether the smallest value is shown white: MONOCHROME1, or a presentation LUT of shape INVERSE (never both at once).

    Values for processing are not meant to be seen; for them the sign of the intensity relationship says where the bones are.
    """
    sign = dataset.get("PixelIntensityRelationshipSign")
    if dataset.get("PresentationIntentType") == "FOR PROCESSING" and sign in (1, -1):
        return bool(sign == 1)
    return bool(dataset.get("PhotometricInterpretation") == "MONOCHROME1" or dataset.get("PresentationLUTShape") == "INVERSE")


def shown(dataset: Dataset, stored: npt.NDArray[Any]) -> Array:
    """A monochrome image as it is meant to be seen: modality LUT, VOI LUT, polarity.

    Args:
        dataset: the object's attributes.
        stored: decoded values, any shape.

    Returns:
        float32 in 0..1 of the same shape, 1 being white. Padding is 0. Without a usable window the range between the
        percentiles ROBUST_PERCENT of the values that are not padding is shown, of their logarithm where they are a
        detector's own, linear in the dose.
    """
    padding = padded(dataset, stored)
    values = in_modality_units(dataset, stored)
    result = _voi(dataset, values, padding)
    if result is None:
        linear = dataset.get("PresentationIntentType") == "FOR PROCESSING" and dataset.get("PixelIntensityRelationship") == "LIN"
        result = robust(np.log(np.maximum(values, 1)) if linear else values, padding)
    if is_inverted(dataset):
        np.subtract(1, result, out=result)
    if padding is not None:
        result[padding] = 0
    return result


def padded(dataset: Dataset, stored: npt.NDArray[Any]) -> npt.NDArray[np.bool_] | None:
    """Which stored values are padding (Pixel Padding Value, with its range limit); None where none is."""
    value, limit = dataset.get("PixelPaddingValue"), dataset.get("PixelPaddingRangeLimit")
    if not isinstance(value, int) or stored.dtype.kind == "f":
        return None
    if stored.dtype.kind == "u" and value < 0:
        value += 1 << 16  # an unsigned value that was written as signed
    other = limit if isinstance(limit, int) else value
    low, high = min(value, other), max(value, other)
    mask: npt.NDArray[np.bool_] = (stored >= low) & (stored <= high)
    return mask if mask.any() and not mask.all() else None


def in_modality_units(dataset: Dataset, stored: npt.NDArray[Any]) -> Array:
    """Applies the modality LUT: its table, else rescale slope and intercept."""
    sequence = dataset.get("ModalityLUTSequence")
    if sequence:
        table = _table(dataset, sequence[0])
        if table is not None:
            return _look_up(stored, *table[:2])
    values = stored.astype(np.float32)
    slope, intercept = _number(dataset, "RescaleSlope", 1.0), _number(dataset, "RescaleIntercept", 0.0)
    if slope != 0 and (slope != 1 or intercept != 0):
        values *= np.float32(slope)
        values += np.float32(intercept)
    return values


def _voi(dataset: Dataset, values: Array, padding: npt.NDArray[np.bool_] | None) -> Array | None:
    """Applies the first VOI table, else the first window; None where there is neither, or it hides the whole image."""
    result: Array | None = None
    sequence = dataset.get("VOILUTSequence")
    if sequence:
        table = _table(dataset, sequence[0])
        if table is not None:
            lut, first, highest = table
            result = _look_up(np.rint(values).astype(np.int64), lut, first)
            result /= np.float32(highest)
    if result is None:
        centre, width = _number(dataset, "WindowCenter", math.nan), _number(dataset, "WindowWidth", math.nan)
        if math.isfinite(centre) and math.isfinite(width):
            result = window(values, centre, width, str(dataset.get("VOILUTFunction") or "LINEAR"))
    if result is None:
        return None
    seen = result if padding is None else result[~padding]
    return None if seen.min() == seen.max() and values.min() != values.max() else np.clip(result, 0, 1, out=result)


def window(values: Array, centre: float, width: float, function: str = "LINEAR") -> Array | None:
    """A window of DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3, onto 0..1.

    Args:
        values: in the units of the window.
        centre: window centre.
        width: window width.
        function: ``LINEAR``, ``LINEAR_EXACT`` or ``SIGMOID``.

    Returns:
        float32 in 0..1; None for a width that the function does not allow.
    """
    if function == "SIGMOID":
        if width <= 0:
            return None
        exponent = np.clip((values - np.float32(centre)) * np.float32(-4 / width), -80, 80)
        return np.asarray(1 / (1 + np.exp(exponent)), dtype=np.float32)
    if function == "LINEAR_EXACT":
        if width <= 0:
            return None
        return _clipped((values - np.float32(centre)) / np.float32(width) + np.float32(0.5))
    if width < 1:
        return None
    if width == 1:
        return (values > centre - 0.5).astype(np.float32)
    return _clipped((values - np.float32(centre - 0.5)) / np.float32(width - 1) + np.float32(0.5))


def robust(values: Array, padding: npt.NDArray[np.bool_] | None = None) -> Array:
    """Spreads values between their robust percentiles onto 0..1; a constant image becomes 0."""
    seen = values.reshape(-1) if padding is None else values[~padding]
    sample = seen[:: max(1, seen.size // 2_000_000)]
    low, high = (float(v) for v in np.percentile(sample, ROBUST_PERCENT))
    if high <= low:
        low, high = float(seen.min()), float(seen.max())
    if high <= low:
        return np.zeros(values.shape, np.float32)
    return _clipped((values - np.float32(low)) / np.float32(high - low))


def _clipped(values: Array) -> Array:
    result: Array = np.clip(values, 0, 1, out=values)
    return result


def luma(colour: npt.NDArray[Any], highest: float) -> Array:
    """Grey of an RGB array (last axis) after ITU-R BT.601, float32 in 0..1."""
    weights = np.array([0.299, 0.587, 0.114], np.float32) / np.float32(highest)
    return np.clip(colour[..., :3].astype(np.float32) @ weights, 0, 1)


def _number(dataset: Dataset, keyword: str, otherwise: float) -> float:
    value = dataset.get(keyword)
    if isinstance(value, list | tuple | pydicom.multival.MultiValue):
        value = value[0] if value else None
    try:
        return float(value) if value is not None and value != "" else otherwise
    except (TypeError, ValueError):
        return otherwise


def _table(dataset: Dataset, item: Dataset) -> tuple[Array, int, float] | None:
    """A LUT's values, the input that its first entry stands for, and its highest possible output."""
    descriptor, data = item.get("LUTDescriptor"), item.get("LUTData")
    if descriptor is None or data is None or len(descriptor) != 3:
        return None
    count, first, bits = (int(v) for v in descriptor)
    count = count % (1 << 16) or 1 << 16
    if isinstance(data, bytes):
        little = dataset.original_encoding[1] is not False
        wide = len(data) >= 2 * count
        entries = np.frombuffer(data, ("<u2" if little else ">u2") if wide else "u1")
    else:
        entries = np.atleast_1d(np.asarray(data))
    if not 1 <= bits <= 16 or entries.size < count:
        return None
    return entries[:count].astype(np.float32), first, float((1 << bits) - 1)


def _look_up(values: npt.NDArray[Any], lut: Array, first: int) -> Array:
    if first >= 1 << 15 and values.size and values.min() < 0:
        first -= 1 << 16  # written as unsigned although the values are signed
    return lut[np.clip(values.astype(np.int64) - first, 0, len(lut) - 1)]
