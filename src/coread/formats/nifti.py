"""NIfTI volumes and single slices: voxels as they are, positions turned from NIfTI's RAS+ to LPS."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt

from coread.errors import InputError
from coread.formats.dicom_pixels import robust
from coread.formats.hush import quiet
from coread.formats.plain import MIN_SIDE
from coread.formats.sequence import contrast_in, sequence_in
from coread.formats.uids import derived_uid
from coread.geometry import FloatArray, Grid
from coread.study import Image, Study

Array = npt.NDArray[np.float32]
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
MM_PER_UNIT = {"mm": 1.0, "meter": 1000.0, "micron": 0.001, "unknown": 1.0}
SECONDS_PER_UNIT = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6, "unknown": 1.0}
MAGIC = (b"n+1\0", b"ni1\0")


def is_nifti(path: Path, head: bytes) -> bool:
    """Whether a file is NIfTI by its magic number, or gzip by content and ``.nii.gz`` by name."""
    return head[344:348] in MAGIC or head[4:8] == b"n+2\0" or (head[:2] == b"\x1f\x8b" and path.name.lower().endswith(".nii.gz"))


def open_nifti(path: Path) -> Study:
    """One study with one image from a NIfTI file.

    A volume keeps its own units, axes ``("z", "y", "x")`` (the file's k, j, i), or ``("t", "z", "y", "x")``. Its grid comes from
    the sform where its code is positive, else from the qform, else only the spacing is known. A single slice is shown as a
    projection: ``("y", "x")``, 0..1 between robust percentiles; where sform or qform are set it is turned so that the patient's
    left is on the right and posterior or inferior is down.

    Raises:
        InputError: damaged, cut short, of a kind that is not one number a voxel, or with more than four axes.
    """
    loaded = nifti_file(path)
    shape = tuple(int(n) for n in loaded.shape)
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    shape = shape + (1,) * (3 - len(shape))
    kind = loaded.get_data_dtype()
    if kind.fields is not None or kind.kind not in "iuf":
        raise InputError(f"{path}: holds {kind} instead of one number a voxel; convert it to a plain NIfTI")
    if len(shape) > 4 or min(shape) < 1:
        raise InputError(f"{path}: has the shape {shape}; a NIfTI with one to four axes (x, y, z, time) is needed")
    needed = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
    data_file = Path(loaded.file_map["image"].filename or path)
    if data_file.suffix != ".gz" and data_file.stat().st_size < loaded.dataobj.offset + needed:
        raise InputError(f"{path}: is cut short ({data_file.stat().st_size} bytes, {needed} of voxels stated); copy it again")
    space, time = loaded.header.get_xyzt_units()
    warnings = [f"{path.name} does not state its unit of length; mm were taken."] if space == "unknown" else []
    affine = RAS_TO_LPS @ np.asarray(loaded.affine, dtype=float)
    affine[:3] *= MM_PER_UNIT.get(space, 1.0)
    placed = int(loaded.header["sform_code"]) > 0 or int(loaded.header["qform_code"]) > 0
    thick = [axis for axis in range(3) if shape[axis] > 1]
    with path.open("rb") as file:
        uid = derived_uid("study", hashlib.file_digest(file, "sha256").hexdigest())
    if len(shape) == 3 and len(thick) <= 2:
        image = _slice(path, shape, affine, placed)
        if not placed:
            warnings.append(f"{path.name} does not state how its slice is turned; left and right may be mirrored.")
    else:
        image = _volume(path, shape, affine, placed)
        if not placed:
            warnings.append(f"{path.name} states no position in the patient; only its spacing was taken.")
    if len(shape) == 4:
        step = float(loaded.header["pixdim"][4]) * SECONDS_PER_UNIT.get(time, 1.0)
        image = replace(image, times_s=tuple(step * number for number in range(shape[3])) if step > 0 else None)
    return Study(uid=uid, images=(image,), source=str(path), warnings=tuple(warnings))


def _volume(path: Path, shape: tuple[int, ...], affine: FloatArray, placed: bool) -> Image:
    grid = Grid.from_affine(affine[:, [2, 1, 0, 3]], "nifti")
    if not placed:
        grid = Grid(grid.spacing_mm, "nifti")
    axes = ("t", "z", "y", "x")[-len(shape) :]
    load = partial(_load_volume, path, shape)
    return Image(axes=axes, shape=shape[::-1], load=load, grid=grid, source=str(path), facts=_facts(path))


def _facts(path: Path) -> dict[str, str]:
    """A NIfTI header names no sequence; the name of its file may."""
    name = path.name.lower().removesuffix(".gz").removesuffix(".nii")
    sequence = sequence_in(name)
    if sequence == "T1" and contrast_in(name):
        sequence = "T1 + contrast"
    return {"format": "NIfTI"} | ({"sequence": sequence} if sequence else {})


def _load_volume(path: Path, shape: tuple[int, ...]) -> Array:
    return np.ascontiguousarray(_voxels(path).reshape(shape, order="F").T)


def _load_slice(path: Path, shape: tuple[int, ...], order: tuple[int, ...], flip_down: bool, flip_across: bool) -> Array:
    pixels = _voxels(path).reshape(shape, order="F").transpose(order)[:, :, 0]
    pixels = pixels[:: -1 if flip_down else 1, :: -1 if flip_across else 1]
    return robust(np.ascontiguousarray(pixels))


def _slice(path: Path, shape: tuple[int, ...], affine: FloatArray, placed: bool) -> Image:
    """A single slice; its rows and columns are chosen as a radiologist looks at it where its place in the patient is known."""
    across, down = ([axis for axis in range(3) if shape[axis] > 1] + [axis for axis in range(3) if shape[axis] == 1])[:2]
    across, down = min(across, down), max(across, down)
    flip_across = flip_down = False
    if placed:
        world = [int(np.argmax(np.abs(affine[:3, axis]))) for axis in (across, down)]
        if world[0] > world[1]:
            across, down, world = down, across, world[::-1]
        flip_across = affine[world[0], across] < 0
        flip_down = (affine[world[1], down] < 0) != (world[1] == 2)
    order = (down, across, 3 - across - down)
    load = partial(_load_slice, path, shape, order, bool(flip_down), bool(flip_across))
    turned = affine.copy()
    for axis, flip in ((across, flip_across), (down, flip_down)):
        if flip:
            turned[:3, 3] += turned[:3, axis] * (shape[axis] - 1)
            turned[:3, axis] *= -1
    whole = Grid.from_affine(turned[:, [down, across, order[2], 3]], "nifti")
    grid = Grid(whole.spacing_mm[:2], "nifti")
    if placed and whole.directions is not None:
        grid = Grid(whole.spacing_mm[:2], "nifti", whole.origin_mm, whole.directions[:2])
    size = (shape[down], shape[across])
    if min(size) < MIN_SIDE:
        raise InputError(f"{path}: is only {size[1]} x {size[0]} pixels; give the whole image")
    return Image(axes=("y", "x"), shape=size, load=load, grid=grid, source=str(path), facts={"format": "NIfTI"})


def _voxels(path: Path) -> Array:
    with _silent():
        try:
            values = nifti_file(path).get_fdata(dtype=np.float32, caching="unchanged")
        except InputError:
            raise
        except MemoryError as error:
            raise InputError(f"{path}: does not fit into memory; read it on a larger machine or in parts") from error
        except Exception as error:
            # gzip, zlib and numpy each raise their own errors on damaged data.
            raise InputError(f"{path}: its voxels are damaged or cut short; copy it again") from error
    if not np.isfinite(values).all():
        raise InputError(f"{path}: holds voxels that are not numbers (NaN or infinite); replace them by a number first")
    return np.asarray(values, dtype=np.float32)


def nifti_file(path: Path) -> Any:
    """The file as nibabel opens it: header now, voxels when asked for.

    Raises:
        InputError: it cannot be read, is damaged, no NIfTI, or its geometry is impossible.
    """
    with _silent():
        try:
            loaded = nibabel.load(path)
        except OSError as error:
            if error.strerror:
                raise InputError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
            raise InputError(f"{path}: the NIfTI file is damaged or cut short; copy it again") from error
        except Exception as error:
            raise InputError(f"{path}: the NIfTI file is damaged or cut short; copy it again") from error
    if not isinstance(loaded, nibabel.Nifti1Pair):
        raise InputError(f"{path}: is a {type(loaded).__name__} file; convert it to NIfTI")
    if not np.isfinite(loaded.affine).all() or (np.linalg.norm(loaded.affine[:3, :3], axis=0) == 0).any():
        raise InputError(f"{path}: its sform or qform holds zeros or numbers that are not finite; correct its geometry")
    return loaded


@contextmanager
def _silent() -> Iterator[None]:
    logger = logging.getLogger("nibabel.global")
    before = logger.disabled
    logger.disabled = True
    try:
        with quiet():
            yield
    finally:
        logger.disabled = before
