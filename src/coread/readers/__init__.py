"""Readers: what turns a study into a reading; the only place that joins what vision finds into findings."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from coread.errors import DefinitionError
from coread.printable import printable
from coread.readers.card import Card, card
from coread.reading import ImageRef, Reading, StudyRef
from coread.study import Study


class Reader(Protocol):
    """A model behind a card."""

    card: Card

    def read(self, study: Study) -> Reading:
        """The reading of a study.

        Raises:
            OutOfScopeError: the study is not what the reader was made for.
        """

    def check(self, study: Study) -> dict[str, Any]:
        """What was found and whether it can be read: ``readable``, ``reason`` where not, and facts for a person."""


def reader(name: str | Path, threads: int | None = None) -> Reader:
    """The reader of a shipped card by its id, or of any card by the path of its TOML file.

    Args:
        name: id or path of the card.
        threads: threads for each network; None leaves the choice to the engine.

    Raises:
        InputError: there is no such card.
        DefinitionError: the card, or its weights, are not what they must be.
    """
    chosen = card(name)
    found = _reader(chosen, threads)
    if chosen.calibration is None:
        return found
    from coread.readers.calibrated import CalibratedReader

    return CalibratedReader(found, chosen.calibration)


def _reader(chosen: Card, threads: int | None) -> Reader:
    if chosen.reader == "joints":
        from coread.readers.joints import JointsReader

        return JointsReader(chosen, threads)
    if chosen.reader == "image":
        from coread.readers.image import ImageReader

        return ImageReader(chosen, threads)
    raise DefinitionError(f"{chosen.path}: reader: expected joints or image, got {chosen.reader!r}")


def study_ref(study: Study) -> StudyRef:
    """What a reading keeps of the study: everything but the pixels."""
    return StudyRef(
        source=printable(study.source),
        uid=study.uid,
        patient=study.patient,
        timepoint_days=study.timepoint_days,
        side_source=study.side_source,
        images=tuple(
            ImageRef(
                source=printable(image.source),
                uid=image.uid,
                sop_class=image.sop_class,
                frame=image.frame,
                rows=image.shape[image.axes.index("y")],
                columns=image.shape[image.axes.index("x")],
            )
            for image in study.images
        ),
    )
