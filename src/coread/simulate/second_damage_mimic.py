"""What looks like damage and is none: every mimic has grade 0."""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from coread.simulate.second_damage_erode import Lesion
from coread.simulate.second_damage_frame import BoneEnd, Pixels

MIMICS = ("rotation", "fold", "ring", "mach band", "contrast", "noise", "resampled")


def mimic(image: Pixels, end: BoneEnd, act: Lesion) -> None:
    """Change the surroundings of a joint without damage, in place, faded out towards the window's border.

    ``rotation`` shows the bones as the digit turned about its own axis, ``fold`` and ``ring`` are shadows of skin and of a ring that
    cross the bone, ``mach band`` is the dark line that edge enhancement leaves beside a cortex, ``contrast`` and ``noise`` change
    the film there, ``resampled`` only passes through the same interpolation as the damage does.
    """
    u, v = end.grid()
    window = image[end.box].astype(float)
    reach = 1.0 if end.finger else 0.7
    fade = np.clip((reach - np.maximum(np.abs(u), np.abs(v))) / (0.3 * reach), 0, 1)
    random = np.random.default_rng(act.seed)
    rows, columns = np.indices(window.shape).astype(float)
    if act.kind in ("rotation", "resampled"):
        step = 0.07 * act.size * end.width * np.cos(np.clip(u / reach, -1, 1) * math.pi / 2) ** 2 * fade
        step = step * (1.0 if act.angle < math.pi / 2 else -1.0)
        if act.kind == "resampled":
            step = 0.5 * np.sign(step) * (fade > 0)
        new = map_coordinates(window, [rows + step * end.side[1], columns + step * end.side[0]], order=3, mode="nearest")
        if act.kind == "resampled":
            new = map_coordinates(new, [rows - step * end.side[1], columns - step * end.side[0]], order=3, mode="nearest")
    elif act.kind in ("fold", "ring"):
        tilt = math.tan((act.angle - math.pi / 2) * 0.35)
        place = (0.55 if act.kind == "ring" else random.uniform(-0.4, 0.4)) + 0.06 * math.sin(act.angle * 9)
        line = v - tilt * u - place - 0.12 * u * u
        if act.kind == "ring":
            # A band of metal around the finger, worn and half out of the beam's focus: bright, with soft ends.
            shadow = 0.25 * act.size / (1 + np.exp((np.abs(line) - 0.09) / 0.015))
        else:
            shadow = act.size * (0.035 / (1 + np.exp(-line / 0.03)) - 0.05 * np.exp(-((line + 0.05) ** 2) / 0.002))
        new = window + shadow * (1 - window)
    elif act.kind == "mach band":
        new = window + 1.2 * act.size * (gaussian_filter(window, 0.03 * end.width + 0.5) - gaussian_filter(window, 0.09 * end.width + 1.0))
    elif act.kind == "contrast":
        new = end.flesh + (1 + 0.35 * act.size * math.cos(act.angle)) * (window - end.flesh)
    else:
        grain = np.asarray(gaussian_filter(random.normal(size=window.shape), 0.7), dtype=float)
        new = window + 0.03 * act.size * grain
    image[end.box] = np.clip(window + fade * (new - window), 0, 1)
