"""The table ``[input]`` of an image reader's card: what is graded, in which images, and how they are prepared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from coread.toml_table import TomlTable
from coread.vision.prepare import FITS, Preparation

GradeKind = Literal["nominal", "ordinal"]
KINDS: tuple[GradeKind, ...] = ("nominal", "ordinal")
MIRROR = "mirror"


@dataclass(frozen=True, slots=True)
class ImageInput:
    """What an image reader takes.

    Attributes:
        feature, site: the box of the scoring system that an image is graded on.
        grades: ``ordinal`` where the grades have an order, else ``nominal``.
        modalities: DICOM modalities that are accepted, such as ``US``; an image that states none is accepted.
        locate: how the place is found in an image; ``whole`` takes all of it.
        views: further views of the image that are averaged; ``mirror`` or none.
        preparation: how an image becomes the network's input.
    """

    feature: str
    site: str
    grades: GradeKind
    modalities: tuple[str, ...]
    locate: str
    views: tuple[str, ...]
    preparation: Preparation


def image_input(table: TomlTable) -> ImageInput:
    """The typed table.

    Raises:
        DefinitionError: a key is missing, unknown or has a value that it cannot have.
    """
    kind = table.text("grades")
    if kind not in KINDS:
        raise table.error("grades", f"expected {' or '.join(KINDS)}, got {kind!r}")
    fit = table.text("fit")
    if fit not in FITS:
        raise table.error("fit", f"expected {' or '.join(FITS)}, got {fit!r}")
    views = table.texts("views", ())
    if set(views) - {MIRROR}:
        raise table.error("views", f"expected [] or [{MIRROR!r}], got {list(views)!r}")
    found = ImageInput(
        feature=table.text("feature"),
        site=table.text("site"),
        grades="ordinal" if kind == "ordinal" else "nominal",
        modalities=table.texts("modalities"),
        locate=table.text("locate", "whole"),
        views=views,
        preparation=Preparation(
            rows=int(table.number("rows")),
            columns=int(table.number("columns")),
            fit=fit,
            border=table.number("border", 0.0),
            low=table.number("low", 0.5),
            high=table.number("high", 99.5),
        ),
    )
    table.done()
    return found
