"""PNG, JPEG, WebP, TIFF and BMP: plain images, which know neither patient nor size nor side unless a sidecar tells."""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import TiffImagePlugin, UnidentifiedImageError

from coread.errors import InputError
from coread.formats.hush import hushed
from coread.formats.sidecar import Sidecar
from coread.formats.uids import derived_uid
from coread.geometry import Grid
from coread.study import Image, Study

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")
EXTENSIONS = {
    ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG",
    ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF", ".bmp": "BMP",
}  # fmt: skip
SIDE_LETTERS: Mapping[str, str] = {"left": "L", "right": "R", "both": "B"}
MAX_PIXELS = 150_000_000
"""More than any film scanner or detector gives; a larger image is refused before it fills the memory."""
MIN_SIDE = 2
ORIENTATION_TAG = 0x0112
X_RESOLUTION, RESOLUTION_UNIT, NO_UNIT, INCH = 282, 296, 1, 2
"""TIFF 6.0, section 3: the tags, and two of the units."""
TURNS = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
TRANSPOSED = (Pillow.Transpose.TRANSPOSE, Pillow.Transpose.ROTATE_270, Pillow.Transpose.TRANSVERSE, Pillow.Transpose.ROTATE_90)
COLOURED_SHARE = 0.02
COLOUR_CHROMA = 16.0
TINT_CHROMA = 6.0
VIVID_CHROMA = 48.0

# Pillow knows 16 bits with 0 as white in Intel's byte order only; film scanners of old wrote Motorola's.
TiffImagePlugin.OPEN_INFO.setdefault((b"MM", 0, (1,), 1, (16,), ()), ("I;16B", "I;16B"))

Array = npt.NDArray[np.float32]
Colour = Literal["no", "tint", "yes"]


@dataclass(frozen=True, slots=True)
class PlainFile:
    """A plain image file after its header was read: its images (one a page), the hash of its content, and remarks."""

    path: Path
    sha256: str
    images: tuple[Image, ...]
    warnings: tuple[str, ...]


def is_plain(head: bytes) -> bool:
    """Whether the first 16 bytes of a file are those of a PNG, JPEG, WebP, TIFF or BMP."""
    return (
        head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"BM"))
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
    )  # fmt: skip


def open_plain(files: Sequence[Path], sidecars: Sequence[Sidecar | None], source: str) -> Study:
    """One study from plain images and what their sidecars say.

    Args:
        files: the images in the order of the exam.
        sidecars: for each its sidecar or None, study keys already merged in.
        source: file or folder as it was given.

    Raises:
        InputError: an image cannot be read, or sidecars contradict each other; the message names the file.
    """
    read = [read_plain(path, sidecar) for path, sidecar in zip(files, sidecars, strict=True)]
    said: dict[str, Any] = {}
    for key in ("patient", "timepoint_days", "date", "age_years", "sex"):
        values = {getattr(s, key) for s in sidecars if s is not None} - {None}
        if len(values) > 1:
            where = next(s.path for s in sidecars if s is not None and getattr(s, key) is not None)
            raise InputError(f"{where}: {key} differs between the images of this study; state it once")
        said[key] = values.pop() if values else None
    sides = {s.side if s is not None else None for s in sidecars}
    side = next(iter(sides)) if len(sides) == 1 else None
    images = tuple(image for file in read for image in file.images)
    notes = list(dict.fromkeys(note for file in read for note in file.warnings))
    return Study(
        uid=derived_uid("study", *(file.sha256 for file in read)),
        images=images,
        source=source,
        side=side if side == "left" or side == "right" else None,
        side_source="sidecar" if side is not None else None,
        warnings=tuple(notes),
        **said,
    )


def read_plain(path: Path, sidecar: Sidecar | None) -> PlainFile:
    """Reads the header of a plain image (and, where the file holds colour, whether there is any).

    Raises:
        InputError: not an image, cut short, too large, or too small.
    """
    notes: list[str] = []
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    with _opened(path) as image:
        kind = str(image.format)
        expected = EXTENSIONS.get(path.suffix.lower())
        if expected is not None and expected != kind.replace("MPO", "JPEG"):
            notes.append(f"{path.name} is a {kind} file in spite of its name.")
        if _states_resolution(image) and (sidecar is None or sidecar.spacing_mm is None):
            notes.append(f"{path.name} states a print resolution, which says nothing about the size of the hand; it was not used.")
        pages = _pages(image) if kind == "TIFF" else [0]
        if kind in ("PNG", "WEBP") and getattr(image, "n_frames", 1) > 1:
            notes.append(f"{path.name} is an animation; its first picture was taken.")
        images = []
        for number, page in enumerate(pages, 1):
            if page:
                image.seek(page)
            images.append(_image(path, image, sidecar, (page, number if len(pages) > 1 else None)))
    return PlainFile(path, digest, tuple(images), tuple(notes))


def _states_resolution(image: Pillow.Image) -> bool:
    """Whether the file itself states dots per length; Pillow gives 1 dpi for a TIFF without, and JFIF's unit 0 is a mere ratio."""
    if image.format == "TIFF":
        tags = cast("Any", image).tag_v2
        return X_RESOLUTION in tags and tags.get(RESOLUTION_UNIT, INCH) != NO_UNIT
    return bool(image.info.get("dpi"))


def _image(path: Path, image: Pillow.Image, sidecar: Sidecar | None, where: tuple[int, int | None]) -> Image:
    page, frame = where
    columns, rows = image.size
    _check_size(path, rows, columns)
    turn = _turn(image)
    if turn in TRANSPOSED:
        rows, columns = columns, rows
    facts: dict[str, str] = {"format": str(image.format)}
    axes: tuple[str, ...] = ("y", "x")
    shape: tuple[int, ...] = (rows, columns)
    if image.mode not in ("1", "L", "LA", "I", "F") and not image.mode.startswith("I;"):
        colour = colour_of(_thumbnail(image))
        if colour != "no":
            facts["colour"] = colour
        if colour == "yes":
            axes, shape = ("y", "x", "c"), (rows, columns, 3)
    grid = None
    if sidecar is not None:
        stated = {"laterality": SIDE_LETTERS.get(sidecar.side or ""), "view": sidecar.view, "body_part": sidecar.body_part}
        facts.update({key: value for key, value in stated.items() if value is not None})
        if sidecar.spacing_mm is not None:
            grid = Grid(sidecar.spacing_mm, "sidecar")
    coloured = axes[-1] == "c"
    load = partial(_pixels, path, page, coloured, turn)
    return Image(axes=axes, shape=shape, load=load, grid=grid, source=str(path), frame=frame, facts=facts)


def colour_of(rgb: npt.NDArray[np.uint8]) -> Colour:
    """Whether an 8-bit RGB image is grey, evenly tinted (a film on a light box, a sepia print), or coloured.

    Chroma is the distance from grey in the Cb-Cr plane of ITU-R BT.601 (0..128). A tint is a chroma that follows from the
    brightness alone and is no skin tone; an image whose chroma scatters about that is coloured.
    """
    values = rgb.reshape(-1, 3).astype(np.float32)
    grey = values @ np.array([0.299, 0.587, 0.114], np.float32)
    chroma = np.stack([(values[:, 2] - grey) * np.float32(0.564), (values[:, 0] - grey) * np.float32(0.713)], axis=1)
    strength = np.hypot(chroma[:, 0], chroma[:, 1])
    if (strength > TINT_CHROMA).mean() <= COLOURED_SHARE:
        return "no"
    bins = np.minimum(grey.astype(np.int64) // 16, 15)
    rest = np.zeros_like(strength)
    for level in np.unique(bins):
        inside = bins == level
        off = chroma[inside] - np.median(chroma[inside], axis=0)
        rest[inside] = np.hypot(off[:, 0], off[:, 1])
    if (rest > COLOUR_CHROMA).mean() > COLOURED_SHARE:
        return "yes"
    strong = chroma[strength > COLOUR_CHROMA]
    if len(strong) > 0.05 * len(chroma):
        blue, red = np.median(strong, axis=0)
        one_hue = float(np.hypot(*strong.mean(axis=0))) >= 0.9 * float(np.hypot(strong[:, 0], strong[:, 1]).mean())
        skin = red > 0 and blue < 0 and red > 0.6 * -blue
        if skin or not one_hue or float(np.hypot(blue, red)) > VIVID_CHROMA:
            return "yes"
    return "tint" if (strength > COLOUR_CHROMA / 2).mean() > COLOURED_SHARE else "no"


@contextmanager
def _opened(path: Path, page: int = 0) -> Iterator[Pillow.Image]:
    """Opens an image; everything that Pillow raises or warns of becomes one InputError or silence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            # Given the open file rather than its name, Pillow does not map it into memory, which goes wrong for turned TIFFs.
            with (
                path.open("rb") as file,
                Pillow.open(file, formats=FORMATS) as image,
                hushed() if image.format == "TIFF" else nullcontext(),
            ):
                if page:
                    image.seek(page)
                yield image
        except InputError:
            raise
        except Pillow.DecompressionBombError as error:
            raise InputError(f"{path}: has more than {MAX_PIXELS // 1_000_000} million pixels; give it at a smaller size") from error
        except UnidentifiedImageError as error:
            raise InputError(f"{path}: is not a PNG, JPEG, WebP, TIFF or BMP that can be read; export the image again") from error
        except MemoryError as error:
            raise InputError(f"{path}: does not fit into memory; give it at a smaller size") from error
        except OSError as error:
            if error.errno is not None and error.strerror:
                raise InputError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
            raise InputError(f"{path}: is damaged or cut short; export the image again") from error
        except Exception as error:
            # Pillow's plugins raise struct.error, SyntaxError, ValueError, IndexError, ... on damaged files.
            raise InputError(f"{path}: is damaged or cut short; export the image again") from error


def _check_size(path: Path, rows: int, columns: int) -> None:
    if min(rows, columns) < MIN_SIDE:
        raise InputError(f"{path}: is only {columns} x {rows} pixels; give the whole radiograph")
    if rows * columns > MAX_PIXELS:
        raise InputError(f"{path}: has {columns} x {rows} pixels, more than {MAX_PIXELS // 1_000_000} million; give it at a smaller size")


def _pages(image: Pillow.Image) -> list[int]:
    """The full pages of a TIFF: reduced copies and masks (bits 0 and 2 of NewSubfileType) are passed over."""
    pages = []
    for page in range(getattr(image, "n_frames", 1)):
        image.seek(page)
        if not int(cast("Any", image).tag_v2.get(254, 0)) & 0b101:
            pages.append(page)
    image.seek(pages[0] if pages else 0)
    return pages or [0]


def _thumbnail(image: Pillow.Image) -> npt.NDArray[np.uint8]:
    """About 256 x 256 pixels of an image, RGB; decodes it, at a lower resolution where the format can."""
    image.draft("RGB", (256, 256))
    step = max(1, math.isqrt(image.width * image.height // 65536))
    small = image.reduce(step) if image.mode in ("RGB", "YCbCr", "CMYK") else image
    return np.asarray(_on_black(small).convert("RGB"))


def _on_black(image: Pillow.Image) -> Pillow.Image:
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        whole = image.convert("RGBA")
        return Pillow.alpha_composite(Pillow.new("RGBA", whole.size, (0, 0, 0, 255)), whole).convert("RGB")
    return image


def _turn(image: Pillow.Image) -> Pillow.Transpose | None:
    """How a picture has to be turned after its EXIF orientation (EXIF 2.3, 4.6.4 A); Pillow turns a TIFF itself."""
    if image.format == "TIFF" or (image.format == "PNG" and "exif" not in image.info):  # for a PNG without, Pillow would decode it all
        return None
    return TURNS.get(image.getexif().get(ORIENTATION_TAG, 1))


def _pixels(path: Path, page: int, coloured: bool, turn: Pillow.Transpose | None) -> Array:
    with _opened(path, page) as image:
        turned = image if turn is None else image.transpose(turn)
        inverse = image.format == "TIFF" and cast("Any", image).tag_v2.get(262) == 0 and image.mode not in ("1", "L")
        if turned.mode in ("F", "I") or turned.mode.startswith("I;"):
            pixels = _scaled(path, np.asarray(turned))
        elif turned.mode in ("1", "L"):
            pixels = np.asarray(turned.convert("L")).astype(np.float32) / np.float32(255)
        else:
            rgb = np.asarray(_on_black(turned).convert("RGB"))
            if coloured:
                pixels = rgb.astype(np.float32) / np.float32(255)
            else:
                pixels = np.clip(rgb.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32) / np.float32(255), 0, 1)
    return 1 - pixels if inverse else pixels


def _scaled(path: Path, values: npt.NDArray[Any]) -> Array:
    """Whole numbers by the smallest of 8, 10, 12, 14, 16 bits that holds them; others from least to greatest unless within 0..1."""
    result = values.astype(np.float32)
    if not np.isfinite(result).all():
        raise InputError(f"{path}: holds pixels that are not numbers (NaN or infinite); export the image again")
    low, high = float(result.min()), float(result.max())
    if values.dtype.kind in "ui" and low >= 0 and high < 65536:
        bits = next(b for b in (8, 10, 12, 14, 16) if high < 1 << b)
        return result / np.float32((1 << bits) - 1)
    if low >= 0 and high <= 1:
        return result
    return (result - np.float32(low)) / np.float32(max(high - low, 1e-30))
