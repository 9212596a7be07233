"""One knee as the grading network sees it: the same look whatever film, inversion or equalisation it came from.

A knee is a square of ``SIDE`` px, about as wide as the joint with its soft tissue, the joint space a little below the middle (as in the
crops of Chen, Med Image Anal 2019;53:68, of films of the Osteoarthritis Initiative). Two planes are made of it: the image with the local
mean and contrast taken out, which any equalisation leaves about as it is, and the image with its own mean and spread, which keeps how
bright the bone is beside the joint.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

SIDE = 224
# The part that the network sees, in px of the square, and the size it is brought to.
TOP, BOTTOM, LEFT, RIGHT = 60, 204, 4, 220
ROWS, COLUMNS = 128, 192
# Width of the neighbourhood that local contrast is relative to, in px of the square.
LOCAL_PX = 12.0
# Grey is cut off at so many local deviations.
CUT = 2.5

Floats = npt.NDArray[np.float32]


def planes(square: npt.NDArray[np.generic]) -> Floats:
    """Two planes [2, 224, 224] in -1..1 of one knee [224, 224], bone bright: local contrast, and brightness.

    A constant offset and a positive factor of the image change nothing.
    """
    grey = square.astype(np.float32)
    spread = float(grey.std())
    grey = (grey - float(grey.mean())) / max(spread, 1e-6)
    mean = ndimage.gaussian_filter(grey, LOCAL_PX, mode="nearest")
    deviation = np.sqrt(np.maximum(ndimage.gaussian_filter(grey**2, LOCAL_PX, mode="nearest") - mean**2, 0))
    local = (grey - mean) / (deviation + 0.12)
    return (np.clip(np.stack([local, grey]), -CUT, CUT) / CUT).astype(np.float32)


def inputs(square: npt.NDArray[np.generic]) -> Floats:
    """The network's input [2, 128, 192] of one knee [224, 224] that lies as it lies on the film."""
    cut = planes(square)[:, TOP:BOTTOM, LEFT:RIGHT]
    scale = (ROWS / cut.shape[1], COLUMNS / cut.shape[2])
    soft = ndimage.gaussian_filter(cut, (0, 0.3, 0.3))
    rows = (np.arange(ROWS) + 0.5) / scale[0] - 0.5
    columns = (np.arange(COLUMNS) + 0.5) / scale[1] - 0.5
    at = np.meshgrid(rows, columns, indexing="ij")
    return np.stack([ndimage.map_coordinates(plane, at, order=1, mode="nearest") for plane in soft]).astype(np.float32)
