"""All that a page or a PDF draws of one reading, made once for both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from coread.reading import Reading
from coread.report.closeup import Closeup, closeup, unit_of
from coread.report.films import Film, films
from coread.report.picture import flat
from coread.report.view import Graded, Joint, Shown, drawn_boxes, shown
from coread.scoring import system
from coread.study import Study


@dataclass(frozen=True, slots=True)
class Scene:
    """A reading laid out, with its pictures.

    Attributes:
        view: what the report says.
        films: the images with their marks.
        joints: each joint that has something to show, with the boxes and pictures of its close view.
        boxes: ``id`` of a finding -> its box.
    """

    view: Shown
    films: tuple[Film, ...]
    joints: tuple[tuple[Joint, tuple[Graded, ...], Closeup], ...]
    boxes: Mapping[int, Graded]


def _is_measured(joint: Joint) -> bool:
    return any(finding.value is not None for _, finding in joint.measured)


_last: list[tuple[Reading, Study | None, Scene]] = []


def scene(reading: Reading, study: Study | None) -> Scene:
    """The scene of a reading; the last one is kept, because a page and a PDF of one reading are written in a row.

    Raises:
        InputError: the reading's scoring system is unknown, or an image cannot be decoded.
    """
    for known, of, made in _last[:1]:
        if known is reading and of is study:
            return made
    view = shown(reading, system(reading.system), study)
    pixels = [flat(image) for image in study.images] if study else []
    unit = next((unit for joint in view.joints if (unit := unit_of(joint))), "px")
    made = Scene(
        view=view,
        films=films(reading, pixels, {feature: view.highest[feature] for feature in view.features if feature in view.highest}),
        joints=tuple(
            (joint, boxes, closeup(joint, pixels, unit))
            for joint in view.joints
            if (boxes := drawn_boxes(joint, view)) or _is_measured(joint)
        ),
        boxes={id(box.finding): box for joint in view.joints for box in joint.graded},
    )
    _last[:] = [(reading, study, made)]
    return made
