"""One exam of one patient, opened but not yet read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from coread.geometry import Grid

Side = Literal["left", "right"]
AXES = ("t", "z", "y", "x", "c")


@dataclass(frozen=True, slots=True)
class Part:
    """One slice of a volume as the object that it came from: file, SOP instance, and its frame (from 1) in a multi-frame object."""

    source: str
    uid: str | None = None
    sop_class: str | None = None
    frame: int | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """One image of a study; its pixels are loaded when first asked for and then kept.

    Pixels of a projection image (radiograph) are float32 in 0..1 as they are meant to be displayed: modality and VOI
    LUT applied, MONOCHROME1 turned round, so that a larger number is always a denser, brighter structure. Pixels of
    a volume are float32 in the modality's own units. Colour is kept on axis ``c``.

    Attributes:
        axes: named axes of ``pixels`` in order, out of t, z, y, x, c.
        shape: the shape that ``pixels`` will have.
        load: reads the pixels; called once.
        grid: spacing and position of the spatial axes; None where the file does not tell.
        source: file that the image came from, as it was given.
        uid: SOP Instance UID; None for a plain image, and for a volume out of several objects, which ``parts`` name.
        sop_class: SOP Class UID; None for a plain image.
        frame: number of the frame inside a multi-frame object, from 1; None for a single frame.
        times_s: time of each sample along t; None where there is no t.
        facts: acquisition facts as text (``modality``, ``body_part``, ``view``, ``laterality``, ``manufacturer``,
            ``model``, ``kvp``, ...), only those that the file states.
        parts: the objects that a volume was joined from, in the order of z (with a t: of t, then z); empty for all else.
    """

    axes: tuple[str, ...]
    shape: tuple[int, ...]
    load: Callable[[], npt.NDArray[np.float32]]
    grid: Grid | None = None
    source: str = ""
    uid: str | None = None
    sop_class: str | None = None
    frame: int | None = None
    times_s: tuple[float, ...] | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()
    _kept: list[npt.NDArray[np.float32]] = field(default_factory=list, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(set(self.axes)) != len(self.axes) or not set(self.axes) <= set(AXES):
            raise ValueError(f"axes must be distinct names out of {AXES}, got {self.axes}")
        if len(self.axes) != len(self.shape):
            raise ValueError(f"axes {self.axes} do not fit the shape {self.shape}")

    @property
    def files(self) -> tuple[str, ...]:
        """The files that hold the pixels, each once."""
        return tuple(dict.fromkeys(part.source for part in self.parts)) or ((self.source,) if self.source else ())

    @property
    def is_volume(self) -> bool:
        """Whether it has three spatial axes, of one time or of several."""
        return self.axes[-3:] == ("z", "y", "x")

    @property
    def pixels(self) -> npt.NDArray[np.float32]:
        """The pixels, read-only, in the order of ``axes``.

        Raises:
            InputError: the file cannot be decoded.
        """
        if not self._kept:
            pixels = self.load()
            pixels.flags.writeable = False
            self._kept.append(pixels)
        return self._kept[0]


@dataclass(frozen=True, slots=True)
class Study:
    """One exam of one patient.

    Attributes:
        uid: Study Instance UID, or a UID made from the content of a plain image.
        images: the images in the order of the exam.
        source: file or folder as it was given.
        patient: patient's id as it stands in the file, never the name; None where there is none.
        timepoint_days: days from the patient's first exam; None where it is not known.
        date: study date, ISO 8601, where the file states it.
        side: the side imaged where one side is stated for the whole study; None for both sides or not stated.
        side_source: ``tag``, ``sidecar``, or None; a reader may find more (``marker``, ``anatomy``).
        age_years: age at the exam; None where it is not stated.
        sex: ``F``, ``M``, ``O`` or None.
        warnings: what a person should know about how the exam was opened, one sentence each.
    """

    uid: str
    images: tuple[Image, ...]
    source: str
    patient: str | None = None
    timepoint_days: float | None = None
    date: str | None = None
    side: Side | None = None
    side_source: str | None = None
    age_years: float | None = None
    sex: str | None = None
    warnings: tuple[str, ...] = ()
