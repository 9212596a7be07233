"""Where pixels lie in the patient or on the detector, in mm."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Grid:
    """Spacing, and where known the position, of an image's spatial axes.

    Attributes:
        spacing_mm: distance between neighbouring samples along each spatial axis of the image, in the order of its
            axes: (row, column) = (down, right) for ``("y", "x")``, (slice, row, column) for ``("z", "y", "x")``.
        source: what the spacing was read from: ``pixel spacing``, ``imager spacing``, ``imager spacing, magnification
            corrected``, ``nominal scanned pixel spacing``, ``sidecar``, ``nifti``, ``simulated``.
        origin_mm: LPS position of the centre of the first sample; None for a projection image.
        directions: for each spatial axis in the order of the image's axes, its LPS unit vector; None for a projection.
    """

    spacing_mm: tuple[float, ...]
    source: str
    origin_mm: tuple[float, float, float] | None = None
    directions: tuple[tuple[float, float, float], ...] | None = None

    def __post_init__(self) -> None:
        if not self.spacing_mm or not all(np.isfinite(s) and s > 0 for s in self.spacing_mm):
            raise ValueError(f"spacing_mm must be positive numbers, got {self.spacing_mm}")
        if (self.origin_mm is None) != (self.directions is None):
            raise ValueError("origin_mm and directions are given together or not at all")
        if self.directions is not None and len(self.directions) != len(self.spacing_mm):
            raise ValueError(f"{len(self.spacing_mm)} spacings need as many directions, got {len(self.directions)}")

    @property
    def in_patient(self) -> bool:
        """Whether positions in the patient are known (False for a projection image)."""
        return self.origin_mm is not None

    @property
    def affine(self) -> FloatArray:
        """4 x 4 matrix from (index along each spatial axis, in axis order, 1) to LPS mm; needs three spatial axes.

        Raises:
            ValueError: the grid has no position, or not three axes.
        """
        if self.origin_mm is None or self.directions is None or len(self.spacing_mm) != 3:
            raise ValueError("only a volume with a known position has an affine")
        matrix = np.eye(4)
        matrix[:3, :3] = np.asarray(self.directions, dtype=float).T * np.asarray(self.spacing_mm)
        matrix[:3, 3] = self.origin_mm
        return matrix

    @property
    def letters(self) -> str:
        """For each axis the side of the patient that it runs to: ``SPL`` is slices to the head, rows to the back, columns to the left.

        Raises:
            ValueError: the grid has no position in the patient.
        """
        if self.directions is None:
            raise ValueError("only a grid with a position in the patient runs to its sides")
        ends = ("RL", "AP", "IS")
        directions = np.asarray(self.directions, dtype=float)
        sides = permutations(range(3), len(directions))
        main = max(sides, key=lambda chosen: sum(abs(d[axis]) for d, axis in zip(directions, chosen, strict=True)))
        return "".join(ends[axis][int(d[axis] > 0)] for axis, d in zip(main, self.directions, strict=True))

    @classmethod
    def from_affine(cls, affine: npt.ArrayLike, source: str) -> Grid:
        """The grid of a volume from a 4 x 4 index-to-LPS matrix whose columns follow the order of the image's axes."""
        matrix = np.asarray(affine, dtype=float)
        spacing = np.linalg.norm(matrix[:3, :3], axis=0)
        directions = (matrix[:3, :3] / spacing).T
        x, y, z = matrix[:3, 3]
        return cls(
            spacing_mm=tuple(float(s) for s in spacing),
            source=source,
            origin_mm=(float(x), float(y), float(z)),
            directions=tuple((float(d[0]), float(d[1]), float(d[2])) for d in directions),
        )
