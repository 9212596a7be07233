"""A second family of simulated damage on real radiographs, for testing only: nothing in ``train/`` may import it.

Written apart from any other damage simulator, with other means: thickness carved away by spheres in three dimensions, flesh moved into
bone by gradient-domain blending (Perez et al., ACM Trans Graph 2003;22:313), smooth warps of the cortex and of whole digits. Chance is
drawn once into a record (:func:`draw_second_damage`); :func:`apply_second_damage` draws nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain

import numpy as np

from coread.errors import InputError
from coread.simulate.second_damage_erode import erode
from coread.simulate.second_damage_frame import Array, BoneEnd, Joint, Pixels, bone_end, handedness, own_span
from coread.simulate.second_damage_mimic import MIMICS, mimic
from coread.simulate.second_damage_move import move

EROSION_SITES = (
    *(f"MCP {k}" for k in range(1, 6)),
    *(f"PIP {k}" for k in range(2, 6)),
    *("IP thumb", "metacarpal 1 base", "radius", "ulna", "trapezium-trapezoid", "scaphoid", "lunate"),
)
NARROWING_SITES = (
    *(f"MCP {k}" for k in range(1, 6)),
    *(f"PIP {k}" for k in range(2, 6)),
    *("CMC 3", "CMC 4", "CMC 5", "scaphotrapeziotrapezoid", "capitate-scaphoid-lunate", "radiocarpal"),
)
FINGER_JOINTS = (*(f"MCP {k}" for k in range(1, 6)), *(f"PIP {k}" for k in range(2, 6)), "IP thumb")
_ERODES = ("spheres", "flesh", "dent", "collapse")
_MOVES = ("narrow", "tilt", "fuse", "sublux")
_OFTEN = {"MCP 2": 1.6, "MCP 3": 1.6, "MCP 5": 1.4, "ulna": 1.5, "radiocarpal": 1.4, "capitate-scaphoid-lunate": 1.3, "MCP 1": 0.7}


@dataclass(frozen=True, slots=True)
class Act:
    """One thing done to one site; lengths in widths of the bone at that site.

    Attributes:
        site: where.
        kind: erosion ``spheres``, ``flesh``, ``dent``, ``collapse``; movement ``narrow``, ``tilt``, ``fuse``, ``sublux``; or a mimic.
        end: which bone of the joint, ``proximal`` or ``distal``; wrist bones have one, ``proximal``.
        angle: place on the bone's end, radians: 0 towards the thumb, pi/2 the joint's surface, pi towards the little finger.
        size: radius of an erosion; share of the space lost; offset across; strength of a mimic.
        strength: share of the bone's thickness that an erosion may take, 0..1.
        seed: of the uneven boundary.
    """

    site: str
    kind: str
    end: str
    angle: float
    size: float
    strength: float
    seed: int


@dataclass(frozen=True, slots=True)
class SecondDamage:
    """Everything done to one hand, in plain values; :meth:`to_json` and :meth:`from_json` are inverses."""

    severity: float
    erosions: tuple[Act, ...] = ()
    movements: tuple[Act, ...] = ()
    mimics: tuple[Act, ...] = ()

    def to_json(self) -> str:
        """The record as JSON text."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> SecondDamage:
        """The record from JSON text.

        Raises:
            InputError: not a record of this kind.
        """
        try:
            data = json.loads(text)
            groups = {key: tuple(Act(**act) for act in data[key]) for key in ("erosions", "movements", "mimics")}
            return SecondDamage(float(data["severity"]), **groups)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"second damage: the text holds no record of simulated damage ({error!r}); use SecondDamage.to_json"
            ) from error


@dataclass(frozen=True, slots=True)
class SecondDamaged:
    """A damaged hand and its truth.

    Attributes:
        pixels: float32 (rows, columns), 0..1.
        grades: (site, feature) -> grade for every scored site given, 0 where nothing was done.
        subluxation: site -> offset of the distal bone in widths of the bone, towards the thumb positive.
        ankylosis: fused sites.
        space_left: site -> mean share of the joint space that is left, for moved sites.
        outlines: site -> polygons (n, 2) of (column, row) around what was removed, before blur.
        not_done: acts that the image did not allow (no bone or no space found), one sentence each; their grade stays as without them.
    """

    pixels: Pixels
    grades: Mapping[tuple[str, str], int]
    subluxation: Mapping[str, float]
    ankylosis: tuple[str, ...]
    space_left: Mapping[str, float]
    outlines: Mapping[str, tuple[Array, ...]]
    not_done: tuple[str, ...]


def draw_propensity(random: np.random.Generator) -> dict[str, float]:
    """How prone each site of one patient is to damage, times the usual of the site: give it to both hands to correlate them."""
    sites = dict.fromkeys((*EROSION_SITES, *NARROWING_SITES))
    patient = random.normal(0, 0.4)
    return {site: float(_OFTEN.get(site, 1.0) * math.exp(patient + random.normal(0, 0.8))) for site in sites}


def draw_second_damage(
    random: np.random.Generator, joints: Sequence[Joint], severity: float, propensity: Mapping[str, float] | None = None
) -> SecondDamage:
    """Draw the damage of one hand.

    Args:
        random: chance.
        joints: the places of the hand; those that are not scored are passed over.
        severity: 0 (no damage, mimics only) to 1 (most sites damaged).
        propensity: of the patient's sites, from :func:`draw_propensity`; None draws one for this hand alone.

    Raises:
        InputError: severity outside 0..1.
    """
    if not 0 <= severity <= 1:
        raise InputError(f"second damage: severity must lie in 0..1, got {severity}")
    prone = draw_propensity(random) if propensity is None else propensity
    names = {joint.name for joint in joints}
    erosions: list[Act] = []
    movements: list[Act] = []
    mimics: list[Act] = []
    for site in (s for s in EROSION_SITES if s in names):
        chance = 1 - math.exp(-0.9 * severity * prone[site])
        if random.uniform() < chance:
            many = 1 + int(random.poisson(0.9 * severity))
            erosions += [_draw_erosion(random, site, severity) for _ in range(many)]
        elif random.uniform() < 0.25:
            mimics.append(_act(random, site, str(random.choice(MIMICS)), size=float(random.uniform(0.3, 1.0))))
    for site in (s for s in NARROWING_SITES if s in names):
        if random.uniform() < 1 - math.exp(-0.9 * severity * prone[site]):
            movements.append(_draw_movement(random, site, severity))
    return SecondDamage(float(severity), tuple(erosions), tuple(movements), tuple(mimics))


def draw_second_pair(
    random: np.random.Generator, left: Sequence[Joint], right: Sequence[Joint], severity: float
) -> tuple[SecondDamage, SecondDamage]:
    """Both hands of one patient: the same proneness of each site, other lesions."""
    prone = draw_propensity(random)
    return draw_second_damage(random, left, severity, prone), draw_second_damage(random, right, severity, prone)


def _act(random: np.random.Generator, site: str, kind: str, size: float, strength: float = 1.0) -> Act:
    end = "distal" if site in FINGER_JOINTS and random.uniform() < 0.35 else "proximal"
    return Act(site, kind, end, float(random.uniform(0, math.pi)), size, strength, int(random.integers(2**31)))


def _draw_erosion(random: np.random.Generator, site: str, severity: float) -> Act:
    kind = str(random.choice(_ERODES, p=(0.42, 0.28, 0.24 - 0.06 * severity, 0.06 + 0.06 * severity)))
    size = float(np.clip(random.lognormal(math.log(0.15 + 0.10 * severity), 0.45), 0.07, 0.55))
    return _act(random, site, kind, size, float(random.uniform(0.55, 1.0)))


def _draw_movement(random: np.random.Generator, site: str, severity: float) -> Act:
    share = (0.62, 0.16, 0.04 + 0.06 * severity, 0.18 - 0.06 * severity) if site in FINGER_JOINTS else (0.85, 0.0, 0.15, 0.0)
    kind = str(random.choice(_MOVES, p=share))
    sizes = {
        "narrow": random.beta(1.2 + 1.5 * severity, 1.6),
        "tilt": random.uniform(0.3, 0.95),
        "fuse": 1.0,
        "sublux": random.uniform(0.1, 0.45),
    }
    return _act(random, site, kind, float(sizes[kind]))


def _end(image: Pixels, site: str, places: Mapping[str, Joint], hand: float) -> BoneEnd | None:
    end = bone_end(image, places[site], hand, site in FINGER_JOINTS)
    return end and replace(end, span=own_span(site, places[site], places))


def _check(record: SecondDamage, joints: Sequence[Joint]) -> None:
    names = {joint.name for joint in joints}
    groups: Iterable[tuple[Sequence[Act], Sequence[str], str]] = (
        (record.erosions, _ERODES, "erosion"),
        (record.movements, _MOVES, "movement"),
        (record.mimics, MIMICS, "mimic"),
    )
    for acts, kinds, group in groups:
        for act in acts:
            if act.site not in names:
                raise InputError(f"second damage: the record names the site '{act.site}', which is not among the joints given")
            if act.kind not in kinds:
                raise InputError(f"second damage: '{act.kind}' at {act.site} is no {group}, expected one of {', '.join(kinds)}")


def apply_second_damage(pixels: Pixels, joints: Sequence[Joint], record: SecondDamage) -> SecondDamaged:
    """Damage a radiograph as a record says; the grades come from what was removed or moved, not from what was asked for.

    Args:
        pixels: (rows, columns) in 0..1, bone bright, as displayed. A display is close to linear in log-attenuation between its ends, so
            thickness is taken as proportional to the brightness above the flesh beside the bone.
        joints: the places of one hand.
        record: what to do.

    Raises:
        InputError: pixels that are no plane of finite numbers, or a record that does not fit.
    """
    image = np.array(pixels, dtype=np.float32)
    if image.ndim != 2 or not np.isfinite(image).all():
        raise InputError(f"second damage: pixels must be rows and columns of finite numbers, got shape {image.shape}")
    _check(record, joints)
    places = {joint.name: joint for joint in joints}
    hand = handedness(places)
    wanted = dict.fromkeys(act.site for act in chain(record.erosions, record.movements, record.mimics))
    ends: dict[str, BoneEnd | None] = {site: _end(image, site, places, hand) for site in wanted}
    grades: dict[tuple[str, str], int] = {(s, "erosion"): 0 for s in EROSION_SITES if s in places}
    grades |= {(s, "joint_space_narrowing"): 0 for s in NARROWING_SITES if s in places}
    outlines: dict[str, tuple[Array, ...]] = {}
    not_done: list[str] = []
    for site in dict.fromkeys(act.site for act in record.erosions):
        end = ends[site]
        if end is None:
            not_done.append(f"{site}: no bone was found, nothing was eroded")
            continue
        grades[site, "erosion"], outlines[site] = erode(image, end, [act for act in record.erosions if act.site == site])
        if not outlines[site]:
            not_done.append(f"{site}: the loss was too small for a grade, nothing was eroded")
    left: dict[str, float] = {}
    shifted: dict[str, float] = {}
    fused: list[str] = []
    for act in sorted(record.movements, key=lambda a: (a.site[:3] != "MCP", a.site)):
        end = ends[act.site]
        done = move(image, end, act, places) if end is not None and end.space is not None else None
        if done is None:
            not_done.append(f"{act.site}: no joint space was found, nothing was moved")
            continue
        grades[act.site, "joint_space_narrowing"] = done.grade
        left[act.site] = done.left
        if act.kind == "sublux":
            shifted[act.site] = done.offset
        if act.kind == "fuse":
            fused.append(act.site)
        outlines = {site: tuple(done.carry(p) for p in polygons) for site, polygons in outlines.items()}
        places = done.carry_joints(places)
        ends = {site: e and e.moved(places[site].center_px) for site, e in ends.items()}
    for act in record.mimics:
        end = ends[act.site]
        if end is None:
            not_done.append(f"{act.site}: no bone was found, nothing was mimicked")
        else:
            mimic(image, end, act)
    return SecondDamaged(np.clip(image, 0, 1), grades, shifted, tuple(fused), left, outlines, tuple(not_done))
