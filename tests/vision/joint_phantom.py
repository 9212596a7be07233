"""A joint drawn from nothing but circles and lines, to judge measuring against a gap known by construction."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.ndimage import gaussian_filter, zoom


@dataclass(frozen=True)
class Joint:
    """What to draw; millimetres and degrees."""

    gap_mm: float = 1.6
    focal_loss_mm: float = 0.0
    bone_mm: float = 16.0
    radius_mm: float = 12.0
    spacing_mm: float = 0.1
    blur_mm: float = 0.13
    noise: float = 0.006
    angle_deg: float = 0.0
    shift_mm: float = 0.0
    tilt_deg: float = 0.0
    rim_mm: float = 0.5
    lip_mm: float = 0.0
    fused: bool = False
    seed: int = 0


@dataclass(frozen=True)
class Place:
    name: str
    center_px: tuple[float, float]
    axis: tuple[float, float]
    width_px: float


@cache
def draw(joint: Joint, name: str = "MCP 2") -> tuple[np.ndarray, Place]:
    """The radiograph (y, x) and the true place of the joint's centre."""
    rng = np.random.default_rng(joint.seed)
    fine = 2
    size = round(3.5 * joint.bone_mm / joint.spacing_mm)
    centre = (size - 1) / 2 + rng.uniform(-0.5, 0.5, 2)
    step = joint.spacing_mm / fine
    grid = (np.arange(size * fine) - (fine - 1) / 2) / fine
    x, y = np.meshgrid((grid - centre[0]) * joint.spacing_mm, (grid - centre[1]) * joint.spacing_mm)
    turn = np.radians(joint.angle_deg)
    # u across, v distally; at no turn the finger points up the image
    u, v = x * np.cos(turn) + y * np.sin(turn), x * np.sin(turn) - y * np.cos(turn)
    half = joint.bone_mm / 2
    # concentric arcs: the gap's width along the normal is the difference of the radii
    middle = joint.radius_mm
    r = np.hypot(u, v + middle)
    loss = joint.focal_loss_mm * np.exp(-((u - 0.2 * joint.bone_mm) ** 2) / (2 * (0.12 * joint.bone_mm) ** 2))
    proximal_end = middle - joint.gap_mm / 2 - r
    distal_end = r - (middle + joint.gap_mm / 2 - loss)
    lean = np.radians(joint.tilt_deg)
    du = u - joint.shift_mm - np.maximum(v, 0) * np.tan(lean)
    proximal_half = half * (0.95 - 0.22 * np.clip((-v - 3) / 12, 0, 1))
    distal_half = half * (1 - 0.3 * np.clip((v - 2) / 12, 0, 1))
    proximal = np.minimum(proximal_end, proximal_half - np.abs(u))
    distal = np.minimum(distal_end, distal_half - np.abs(du))
    proximal = np.where(v > 0.6 * half, -9.0, proximal)
    distal = np.where(v < -0.6 * half, -9.0, distal)
    bone = np.maximum(proximal, distal)
    if joint.fused:
        bone = np.maximum(bone, np.where(np.abs(v) < 3, 0.9 * half - np.abs(u), -9.0))
    inside = np.clip(bone / step + 0.5, 0, 1)
    # rounded from front to back: thickness grows with the root of the depth below the edge
    inside = inside * np.sqrt(np.clip(bone / joint.rim_mm, 0.0, 1.0))
    shell = np.exp(-np.clip(bone, 0, None) / 0.7)
    if joint.fused:
        shell = shell * (np.abs(u) > 0.75 * half)
    skin = np.clip(1 - (u / (1.5 * half)) ** 2, 0, 1) ** 0.5
    # the front and back rim of the cup reach over the head, thinner than the bone behind its floor
    lip = (distal + joint.lip_mm > 0) & (v > -0.6 * half) & (np.abs(du) < half)
    image = 0.06 + 0.28 * skin + np.maximum(inside * (0.22 + 0.18 * shell), 0.16 * lip if joint.lip_mm else 0.0)
    texture = gaussian_filter(rng.normal(size=image.shape), 0.25 / step)
    image = image + inside * 0.02 * texture / texture.std()
    image = gaussian_filter(image, joint.blur_mm / step)
    image = image.reshape(size, fine, size, fine).mean(axis=(1, 3))
    image = image + rng.normal(size=image.shape) * joint.noise
    axis = (float(np.sin(turn)), float(-np.cos(turn)))
    return image.astype(np.float32), Place(name, (float(centre[0]), float(centre[1])), axis, joint.bone_mm / joint.spacing_mm)


def coarser(pixels: np.ndarray, factor: float) -> np.ndarray:
    """The image with pixels ``factor`` times as large."""
    return zoom(gaussian_filter(pixels, 0.4 * factor), 1 / factor, order=1).astype(np.float32)
