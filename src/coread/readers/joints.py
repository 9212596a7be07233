"""The reader of joints: find the hands, find every site, measure each space, grade it, and sum up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from coread.errors import OutOfScopeError
from coread.printable import printable
from coread.readers import study_ref
from coread.readers.card import Card
from coread.readers.erosions import erosion_findings, suspicions
from coread.readers.rounding import point
from coread.readers.sides import decide_sides
from coread.readers.spaces import measured_spaces, space_findings
from coread.readers.totals import totals_with_intervals
from coread.reading import Evidence, Finding, ReaderRef, Reading, Total, commonest
from coread.scoring import Item, ScoringSystem, system
from coread.study import Image, Study
from coread.vision.damage import DamageGrader, HandView
from coread.vision.landmarks import Hand, HandLocator, Place
from coread.vision.marker import MarkerReader
from coread.vision.maturity import Maturity, MaturityReader, anchors_of_places
from coread.vision.scope import ScopeCheck

NARROWING, EROSION = "joint_space_narrowing", "erosion"
SIDES = ("left", "right")
NO_SPACING = (
    "an image states no pixel size: its widths are per cent of the bone's width, which is less certain than mm; "
    "state the size where it is known (sidecar spacing_mm)"
)
Pixels = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SeenHand:
    """A hand found in one image of a study: its side, what said so, the stated age, and how mature it is (None: could not be judged)."""

    image: int
    side: str
    side_source: str
    hand: Hand
    age_years: float | None
    maturity: Maturity | None
    pixels: Pixels
    spacing_mm: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Seen:
    """The hands of a study, at most one a side, and what a person should know."""

    hands: tuple[SeenHand, ...]
    warnings: tuple[str, ...]


class JointsReader:
    """Reads hand radiographs onto a scoring system of joints, as its card says."""

    def __init__(self, card: Card, threads: int | None = None) -> None:
        """Load the weights that the card names, each checked against its hash; ``threads`` for each network, None: the engine's choice.

        Raises:
            DefinitionError: weights are missing or not those of the card.
        """
        self.card = card
        self.system: ScoringSystem = system(card.system)
        self.locator = HandLocator(card.checked("hand_coarse"), card.checked("hand_fine"), threads)
        self.markers = MarkerReader(card.checked("hand_marker"), threads)
        self.maturity = MaturityReader(card.checked("hand_maturity"), threads)
        self.scope = ScopeCheck(card.checked("hand_scope"), threads)
        self.damage = DamageGrader(card.checked("hand_damage"), threads) if EROSION in card.assesses else None

    def read(self, study: Study) -> Reading:
        """The reading of a study of one or two hands.

        Raises:
            OutOfScopeError: no image of the study is a hand radiograph that can be read; the message says why.
        """
        seen = self._look(study)
        findings = self._findings(seen.hands)
        sources = {hand.side_source for hand in seen.hands}
        return Reading(
            uid=f"2.25.{uuid4().int}",
            reader=ReaderRef("model", self.card.id, self.card.version, self.card.sha256),
            system=self.system.id,
            study=replace(study_ref(study), side_source="anatomy" if "anatomy" in sources else sorted(sources)[0]),
            findings=findings,
            totals=self._totals(findings),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            warnings=(*map(printable, seen.warnings), *self.card.cautions),
        )

    def check(self, study: Study) -> dict[str, Any]:
        """What was found and what a reading would grade, in plain values for a person or a program.

        ``doubt`` stands where a reading would be made, without a single grade.
        """
        try:
            seen = self._look(study)
        except OutOfScopeError as error:
            return {"readable": False, "reason": str(error).removeprefix(f"{study.source}: ")}
        answer: dict[str, Any] = {"readable": True, "patient": study.patient, "images": len(study.images)}
        graded, why = 0, list[str]()
        findings = self._findings(seen.hands)
        for found in seen.hands:
            asked = [f for f in findings if f.feature in self.card.assesses and f.side == found.side]
            narrowing = [f for f in asked if f.feature == NARROWING]
            graded += sum(f.grade is not None for f in asked)
            why += [f.unreadable for f in asked if f.unreadable]
            inside = sum(found.hand.places[f.site].inside for f in narrowing)
            spacing = f"{found.spacing_mm[0]:.3g} mm pixels" if found.spacing_mm else "pixel size unknown"
            answer[f"{found.side} hand"] = (
                f"image {found.image + 1}, certainty {found.hand.score:.2f}, side from {found.side_source}, "
                f"{inside} of {len(narrowing)} joints inside the image, "
                f"{sum(f.grade is not None for f in narrowing)} can be graded, "
                f"{sum(f.grade is not None for f in asked if f.feature == EROSION)} sites for erosion, {spacing}"
            )
        if not graded:
            answer["doubt"] = f"the hand is located, but no joint would be graded: {commonest(why)}"
        elif why:
            answer["not graded"] = commonest(why)
        answer["warnings"] = list(seen.warnings)
        return answer

    def _look(self, study: Study) -> Seen:
        """The best hand of each side over all images.

        Raises:
            OutOfScopeError: every image is refused.
        """
        hands: list[SeenHand] = []
        warnings = list(study.warnings)
        refusals = []
        for index, image in enumerate(study.images):
            refusal = self.scope.refusal(image.facts, image.pixels)
            found = () if refusal else self.locator.locate(image.pixels)
            refusal = refusal or self.scope.refusal(image.facts, image.pixels, found)
            if refusal:
                refusals.append(refusal)
                continue
            seen, doubts = self._sided(study, index, image, found)
            hands += seen
            warnings += doubts
        if not hands:
            raise OutOfScopeError(f"{study.source}: {refusals[0] if refusals else 'the exam holds no image'}")
        if refusals:
            warnings.append(f"{len(refusals)} of {len(study.images)} images were not read: {refusals[0]}")
        chosen = []
        for side in SIDES:
            same = sorted((h for h in hands if h.side == side), key=lambda h: -h.hand.score)
            chosen += same[:1]
            if len(same) > 1:
                warnings.append(f"the {side} hand was found {len(same)} times; image {same[0].image + 1} was read")
        if any(h.spacing_mm is None for h in chosen):
            warnings.append(NO_SPACING)
        return Seen(tuple(chosen), tuple(dict.fromkeys(warnings)))

    def _sided(self, study: Study, index: int, image: Image, found: Iterable[Hand]) -> tuple[list[SeenHand], list[str]]:
        found = list(found)
        pixels = 1 - image.pixels if found[0].inverted else image.pixels
        stated = {"L": "left", "R": "right", "B": "both"}.get(image.facts.get("laterality", "").upper()) or study.side
        sides = decide_sides(
            [h.chirality for h in found], [h.pose.origin_px for h in found], stated, study.side_source or "tag", self.markers.find(pixels)
        )
        spacing = image.grid.spacing_mm if image.grid else None
        seen = [
            SeenHand(
                image=index,
                side=side,
                side_source=sides.source,
                hand=hand,
                age_years=study.age_years,
                maturity=self._judge(pixels, hand, study.age_years),
                pixels=pixels,
                spacing_mm=(spacing[-2], spacing[-1]) if spacing else None,
            )
            for hand, side in zip(found, sides.sides, strict=True)
        ]
        return seen, [*sides.warnings, *(w for hand in found for w in hand.warnings)]

    def _judge(self, pixels: Pixels, hand: Hand, age_years: float | None) -> Maturity | None:
        judged = self.maturity.judge(pixels, anchors_of_places(hand.places, hand.length_px), hand.length_px)
        return judged and judged.given_age(age_years)

    def _immature(self, seen: SeenHand) -> str | None:
        """Why a hand is taken as still growing, with how sure that is; None where it is taken as grown."""
        if seen.maturity is None or seen.maturity.open_probability < self.card.parameters["open_plates"]:
            return None
        sure = f"growth plates seem open ({seen.maturity.open_probability:.0%})"
        if seen.age_years is not None:
            return f"{sure} at the stated age of {seen.age_years:.0f} years"
        return f"{sure}; state the age (sidecar age_years) if the patient is adult"

    def _items(self, side: str, feature: str) -> list[Item]:
        return [i for i in self.system.items if i.side == side and i.feature == feature and i.region == f"hand_{side}"]

    def _findings(self, hands: Sequence[SeenHand]) -> tuple[Finding, ...]:
        """Every item of the hands, in the order of the system, measurements after the grades."""
        findings: list[Finding] = []
        readable: list[list[Item]] = [[] for _ in hands]
        for seen, items in zip(hands, readable, strict=True):
            for feature in self.system.features:
                for item in self._items(seen.side, feature):
                    place = seen.hand.places[item.site]
                    reason = self._why_not(seen, item)
                    if reason is None:
                        items.append(item)
                        continue
                    evidence = Evidence(seen.image, point(place.center_px)) if place.inside else None
                    findings.append(Finding(item.site, item.side, item.feature, unreadable=reason, evidence=evidence))
        narrowing = [[item for item in items if item.feature == NARROWING] for items in readable]
        measured = [measured_spaces(items, one.hand, one.pixels, one.spacing_mm) for items, one in zip(narrowing, hands, strict=True)]
        for seen, items, spaces in zip(hands, narrowing, measured, strict=True):
            findings += space_findings(items, spaces, seen.image, seen.spacing_mm)
        if self.damage is not None:
            views = [
                HandView(one.pixels, self._looked_at(one), one.hand.length_px, one.hand.pose.mirrored, one.side == "right", spaces)
                for one, spaces in zip(hands, measured, strict=True)
            ]
            level = self.damage.calibration.outline
            for seen, items, sites in zip(hands, readable, self.damage.grade(views), strict=True):
                findings += erosion_findings([item for item in items if item.feature == EROSION], sites, seen.image, level)
                findings += suspicions([item for item in items if item.feature == NARROWING], sites, seen.image)
        order = {item.key: i for i, item in enumerate(self.system.items)}
        return tuple(sorted(findings, key=lambda f: order.get((f.site, f.side, f.feature), len(order))))

    def _looked_at(self, seen: SeenHand) -> Mapping[str, Place]:
        """The places that were found surely enough to be looked at."""
        least = self.card.parameters["place_confidence"]
        return {name: place for name, place in seen.hand.places.items() if place.inside and place.confidence >= least}

    def _why_not(self, seen: SeenHand, item: Item) -> str | None:
        place = seen.hand.places[item.site]
        if item.feature not in self.card.assesses:
            return f"not assessed: this model does not grade {item.feature.replace('_', ' ')}"
        if not place.inside:
            return "outside the image"
        column, row = place.center_px
        rows, columns = seen.pixels.shape
        if min(column, row, columns - 1 - column, rows - 1 - row) < 0.5 * place.width_px:
            return "outside the image: cut by its border"
        if place.confidence < self.card.parameters["place_confidence"]:
            return f"not found with enough certainty ({place.confidence:.2f}, needed {self.card.parameters['place_confidence']:.2f})"
        least = self.card.parameters["erosion_hand_length_px"]
        if item.feature == EROSION and seen.hand.length_px < least:
            return f"too coarse for erosions: the hand is {seen.hand.length_px:.0f} pixels long, needed {least:.0f}"
        return self._immature(seen)

    def _totals(self, findings: tuple[Finding, ...]) -> Mapping[str, Total]:
        return totals_with_intervals(findings, self.system, self.card.parameters, self.card.parameters["level"])


def _point(point: tuple[float, float]) -> tuple[float, float]:
    return round(float(point[0]), 2), round(float(point[1]), 2)
