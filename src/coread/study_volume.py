"""A volume in words: its sequence, voxels, plane and how much of the patient it covers."""

from __future__ import annotations

import numpy as np

from coread.geometry import Grid
from coread.study import Image

PLANES = ("sagittal", "coronal", "axial")
ENDS = ("right-left", "front-back", "foot-head")
OBLIQUE_DEG = 2.0
"""Below this a plane is called straight: a positioning error, not an oblique stack."""
THICK_MM = 5.5
"""Slices from this distance on hide lesions of a few mm: partial volume makes them faint or absent."""


def volume_in_words(image: Image) -> str:
    """One line for a person: ``FLAIR, 0.94 x 0.94 x 3 mm, axial, 48 slices, covers ...``.

    Raises:
        ValueError: the image is no volume.
    """
    if not image.is_volume:
        raise ValueError(f"{image.source}: has the axes {image.axes}, not those of a volume")
    slices, rows, columns = image.shape[-3:]
    name = image.facts.get("sequence") or image.facts.get("modality") or "volume of an unstated sequence"
    words = [name]
    if image.axes[0] == "t":
        words.append(f"{image.shape[0]} volumes in time")
    if image.grid is None:
        return ", ".join([*words, f"{columns} x {rows} x {slices} voxels", "spacing unknown"])
    across, down, apart = image.grid.spacing_mm[::-1]
    words.append(f"{down:.3g} x {across:.3g} x {apart:.3g} mm")
    if not image.grid.in_patient:
        return ", ".join([*words, f"{columns} x {rows} x {slices} voxels", "position in the patient unknown"])
    covered = coverage_mm(image)
    words += [plane_in_words(image.grid), f"{slices} slices"]
    words.append(f"covers {' x '.join(f'{mm:.0f}' for mm in covered)} mm ({' x '.join(ENDS)})")
    if max(image.grid.spacing_mm) >= THICK_MM:
        words.append(f"voxels {max(image.grid.spacing_mm):.3g} mm thick: small lesions may be missed")
    return ", ".join(words)


def plane_in_words(grid: Grid) -> str:
    """``axial``, ``coronal`` or ``sagittal``, and by how many degrees it is oblique: the plane of a volume's thickest direction.

    Where no spacing stands out by a tenth, the plane of the first axis, which is that of the slices.

    Raises:
        ValueError: the grid has no position in the patient.
    """
    if grid.directions is None:
        raise ValueError("only a grid with a position in the patient has a plane")
    thick = int(np.argmax(grid.spacing_mm))
    through = thick if grid.spacing_mm[thick] > 1.1 * float(np.median(grid.spacing_mm)) else 0
    normal = np.abs(np.asarray(grid.directions[through], dtype=float))
    main = int(np.argmax(normal))
    angle = float(np.degrees(np.arccos(min(1.0, normal[main]))))
    return PLANES[main] if angle < OBLIQUE_DEG else f"{PLANES[main]}, oblique by {angle:.0f} degrees"


def coverage_mm(image: Image) -> tuple[float, float, float]:
    """Extent of a volume along the patient's right-left, front-back and foot-head directions, voxel edges included.

    The extent of each axis counts towards the direction that it mostly runs along.

    Raises:
        ValueError: the grid has no position in the patient.
    """
    if image.grid is None:
        raise ValueError("only an image with a position in the patient covers a part of it")
    order = {letter: axis for axis, pair in enumerate(("RL", "AP", "IS")) for letter in pair}
    covered = [0.0, 0.0, 0.0]
    for letter, count, spacing in zip(image.grid.letters, image.shape[-3:], image.grid.spacing_mm, strict=True):
        covered[order[letter]] = count * spacing
    return covered[0], covered[1], covered[2]
