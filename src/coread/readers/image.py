"""The reader of whole images: grades each with one network, says how sure and where, and refuses what is none of its kind.

The network's outputs are probabilities of the grades, an evidence map, and how strange the image is; `coread train` exports such networks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from coread.errors import DefinitionError, OutOfScopeError, nearest
from coread.printable import printable
from coread.readers import study_ref
from coread.readers.card import Card
from coread.readers.image_doubt import doubt_of_card, grades_said
from coread.readers.image_input import MIRROR, ImageInput
from coread.readers.image_place import Place
from coread.readers.image_places import FINDERS
from coread.reading import Evidence, Finding, Interval, ReaderRef, Reading, Total
from coread.scoring import Item, ScoringSystem, system
from coread.study import Image, Study
from coread.vision.evidence_map import map_uri, relief
from coread.vision.network import Network
from coread.vision.prepare import Box, prepare
from coread.vision.scope import MODALITIES, grey

SIDES = {"L": "left", "R": "right"}
LEAST_PX = 32
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judged:
    """One place of one image as the network sees it: probabilities of the grades, evidence map with its box, and how strange it is."""

    image: int
    side: str | None
    side_source: str | None
    probabilities: Floats
    map: Floats
    box_px: Box
    size: tuple[int, int]


class ImageReader:
    """Grades whole images on one feature of a scoring system, as its card says."""

    def __init__(self, card: Card, threads: int | None = None) -> None:
        """Load the network that the card names, checked against its hash; ``threads`` for it, None: the engine's choice.

        Raises:
            DefinitionError: the card lacks what this reader needs, or the weights are missing or not those of the card.
        """
        if card.input is None:
            raise DefinitionError(f"{card.path}: input: missing, an image reader's card says what it takes in [input]")
        self.card = card
        self.input: ImageInput = card.input
        self.system: ScoringSystem = system(card.system)
        self.items = [i for i in self.system.items if (i.feature, i.site) == (self.input.feature, self.input.site)]
        if not self.items:
            raise DefinitionError(f"{card.path}: input: {self.system.id} does not grade {self.input.feature} at {self.input.site!r}")
        if self.input.locate not in FINDERS:
            raise DefinitionError(f"{card.path}: input.locate: unknown finder {self.input.locate!r}{nearest(self.input.locate, FINDERS)}")
        try:
            self.doubt = doubt_of_card(card.parameters, self.input.grades)
            self.scope_limit, self.map_scale = card.parameters["scope_limit"], card.parameters["map_scale"]
        except KeyError as error:
            raise DefinitionError(f"{card.path}: parameters.{error.args[0]}: missing, an image reader needs it") from None
        self.network = Network(card.checked("image"), threads)

    def read(self, study: Study) -> Reading:
        """The reading of a study: one grade for each side that its images show.

        Raises:
            OutOfScopeError: no image of the study is one that this reader was made for; the message says why.
        """
        judged, warnings = self._look(study)
        findings = tuple(self._finding(item, [j for j in judged if j.side == item.side]) for item in self._asked(judged))
        sources = [j.side_source for j in judged if j.side_source]
        return Reading(
            uid=f"2.25.{uuid4().int}",
            reader=ReaderRef("model", self.card.id, self.card.version, self.card.sha256),
            system=self.system.id,
            study=replace(study_ref(study), side_source=sources[0] if sources else study.side_source),
            findings=findings,
            totals=self._totals(findings),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            warnings=(*map(printable, warnings), *self.card.cautions),
        )

    def check(self, study: Study) -> dict[str, Any]:
        """What was found and whether it can be graded, in plain values for a person or a program."""
        try:
            judged, warnings = self._look(study)
        except OutOfScopeError as error:
            return {"readable": False, "reason": str(error).removeprefix(f"{study.source}: ")}
        told = {
            " ".join(part for part in (item.site, item.side) if part): f"{sum(j.side == item.side for j in judged)} images to grade"
            for item in self._asked(judged)
        }
        return {"readable": True, "patient": study.patient, "images": len(study.images), **told, "warnings": list(warnings)}

    def _asked(self, judged: list[Judged]) -> list[Item]:
        sides = {j.side for j in judged}
        return [item for item in self.items if item.side in sides]

    def _look(self, study: Study) -> tuple[list[Judged], tuple[str, ...]]:
        judged: list[Judged] = []
        refusals: list[str] = []
        for index, image in enumerate(study.images):
            found, why = self._judge(study, index, image)
            judged += found
            refusals += why
        if not judged:
            raise OutOfScopeError(f"{study.source}: {refusals[0] if refusals else 'the exam holds no image'}")
        warnings = list(study.warnings)
        if refusals:
            warnings.append(f"{len(refusals)} parts of {len(study.images)} images were not graded: {refusals[0]}")
        return judged, tuple(dict.fromkeys(warnings))

    def _judge(self, study: Study, index: int, image: Image) -> tuple[list[Judged], list[str]]:
        """What an image shows, and why it or parts of it are not graded."""
        refusal = self._refused(image)
        if refusal:
            return [], [refusal]
        pixels = grey(image.pixels)
        places, why = FINDERS[self.input.locate](pixels, image.facts)
        refusals = [] if places else [why]
        judged = []
        for place in places:
            side, source = self._side(study, image, place)
            if side is None and self.items[0].side is not None:
                refusals.append(f'the side of the {self.input.site} is not stated: write side = "left" or "right" into a sidecar')
                continue
            found, strange = self._graded(index, place, (side, source), pixels.shape)
            if strange > self.scope_limit:
                refusals.append(
                    f"this does not look like the images that {self.card.id} was made for "
                    f"(strangeness {strange:.2f}, at most {self.scope_limit:.2f} is graded)"
                )
                continue
            judged.append(found)
        return judged, refusals

    def _refused(self, image: Image) -> str | None:
        """A refusal from what the file states and from its plainest facts."""
        modality = image.facts.get("modality", "").strip().upper()
        if modality and modality not in self.input.modalities:
            words = f" ({MODALITIES[modality]})" if modality in MODALITIES else ""
            return f"the file states modality {modality}{words}, needed is {' or '.join(self.input.modalities)}"
        if set(image.axes) - {"y", "x", "c"}:
            return f"single images are graded, this one has the axes {', '.join(image.axes)}"
        rows, columns = image.shape[image.axes.index("y")], image.shape[image.axes.index("x")]
        if min(rows, columns) < LEAST_PX:
            return f"the image is too small to grade: {columns} x {rows} pixels, needed are {LEAST_PX} along the shorter side"
        pixels = image.pixels
        if not np.isfinite(pixels).all():
            return "the image is broken: it holds values that are no numbers"
        if float(np.ptp(pixels)) < 1e-6:
            return "the image is empty, all of it has the same grey value"
        return None

    def _side(self, study: Study, image: Image, place: Place) -> tuple[str | None, str | None]:
        if self.items[0].side is None:
            return None, None
        if place.side is not None and not place.guessed:
            return place.side, place.side_source
        stated = SIDES.get(image.facts.get("laterality", "").upper())
        if stated:
            return stated, study.side_source or "tag"
        return (study.side, study.side_source) if study.side else (place.side, place.side_source)

    def _graded(self, index: int, place: Place, side: tuple[str | None, str | None], size: tuple[int, ...]) -> tuple[Judged, float]:
        ready = prepare(place.pixels, self.input.preparation)
        planes = [ready.plane, ready.plane[:, ::-1]] if MIRROR in self.input.views else [ready.plane]
        try:
            probabilities, maps, strange = self.network.run(np.stack(planes)[:, None])
        except ValueError as error:
            raise DefinitionError(f"{self.network.path}: is no network of an image reader ({error}); train it again") from error
        left, top, right, bottom = ready.box_px
        box = (left + place.left, top + place.top, right + place.left, bottom + place.top)
        judged = Judged(
            image=index,
            side=side[0],
            side_source=side[1],
            probabilities=probabilities.astype(np.float64).mean(axis=0),
            map=relief(maps[0]),
            box_px=box,
            size=(size[0], size[1]),
        )
        return judged, float(strange[0])

    def _finding(self, item: Item, judged: list[Judged]) -> Finding:
        """The grade of one side, from the mean over its images; the evidence is that of the image that speaks most for it."""
        shares, inside = self.doubt.apply(np.mean([j.probabilities for j in judged], axis=0)[None])
        grade = int(grades_said(shares, self.input.grades)[0])
        held = np.flatnonzero(inside[0])
        low, high = min(int(held[0]), grade), max(int(held[-1]), grade)
        shown = max(judged, key=lambda j: float(j.probabilities[grade]))
        return Finding(
            site=item.site,
            side=item.side,
            feature=item.feature,
            grade=item.grades[grade],
            probabilities=tuple(round(float(p), 6) for p in _summing_to_one(shares[0])),
            interval=Interval(item.grades[grade], item.grades[low], item.grades[high], self.doubt.sets.level),
            evidence=_evidence(shown, self.map_scale),
        )

    def _totals(self, findings: tuple[Finding, ...]) -> Mapping[str, Total]:
        """Totals with the bounds that all grades at their lowest and at their highest would give."""
        keys = [(f.site, f.side, f.feature) for f in findings]
        intervals = [f.interval for f in findings if f.interval is not None]
        spread = ([i.value for i in intervals], [i.low for i in intervals], [i.high for i in intervals])
        middle, low, high = (self.system.score(dict(zip(keys, grades, strict=True))) for grades in spread)
        return {
            name: Total(
                value=score.value,
                maximum=score.maximum,
                low=low[name].value,
                high=high[name].value,
                level=self.doubt.sets.level,
                sites_unreadable=score.sites_unreadable,
            )
            for name, score in middle.items()
        }


def _summing_to_one(shares: Floats) -> Floats:
    rounded = np.round(shares, 6)
    rounded[int(shares.argmax())] += 1.0 - rounded.sum()
    return rounded


def _evidence(judged: Judged, scale: float) -> Evidence:
    """The map over its box, and the place within the image that speaks most for the grade."""
    left, top, right, bottom = judged.box_px
    rows, columns = judged.map.shape
    peak_row, peak_column = np.unravel_index(int(judged.map.argmax()), judged.map.shape)
    x = left + (peak_column + 0.5) * (right - left) / columns
    y = top + (peak_row + 0.5) * (bottom - top) / rows
    inside = (min(max(float(x), 0.0), judged.size[1] - 1.0), min(max(float(y), 0.0), judged.size[0] - 1.0))
    return Evidence(
        image=judged.image,
        center_px=(round(inside[0], 2), round(inside[1], 2)),
        box_px=(round(left, 2), round(top, 2), round(right, 2), round(bottom, 2)),
        map=map_uri(judged.map / scale),
    )
