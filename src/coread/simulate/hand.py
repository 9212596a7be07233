"""A simulated radiograph of a hand, or of both, with a truth known by construction."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter

from coread.errors import InputError
from coread.geometry import Grid
from coread.simulate.anatomy import Anatomy, build
from coread.simulate.film import add_marker, attenuation_per_mm, display, expose, field_mask
from coread.simulate.flesh import moved_rods, rods, thickness
from coread.simulate.outline import distance_map
from coread.simulate.paths import Patch, bone_patch
from coread.simulate.record import FilmRecord, HandRecord, Record, draw_film, draw_hand
from coread.simulate.truth import HandTruth, View, bite, hand_truth
from coread.study import Image, Side, Study

Array = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.float32]
MIRROR = np.diag([-1.0, 1.0])


@dataclass(frozen=True, slots=True)
class SimulatedHand:
    """A simulated radiograph and all that is known of it.

    Attributes:
        study: one image, axes ("y", "x"), float32 0..1, bone bright (unless inverted on request), Grid source ``simulated``.
        hands: the truth for each hand on the film.
        record: everything drawn; ``render(record)`` gives the same radiograph again.
        pixel_mm: distance of neighbouring pixels.
    """

    study: Study
    hands: tuple[HandTruth, ...]
    record: Record
    pixel_mm: float

    @property
    def pixels(self) -> Pixels:
        """The radiograph, (rows, columns) float32 0..1."""
        return self.study.images[0].pixels

    @property
    def hand(self) -> HandTruth:
        """The truth of the only, or the first, hand."""
        return self.hands[0]

    def inside(self, point_px: tuple[float, float]) -> bool:
        """Whether a (column, row) point lies on the image."""
        rows, cols = self.study.images[0].shape
        return 0 <= point_px[0] <= cols - 1 and 0 <= point_px[1] <= rows - 1


def simulate_hand(
    seed: int,
    *,
    side: Side | None = None,
    both: bool = False,
    pixel_mm: float = 0.15,
    plain: bool = False,
    hands: Mapping[Side, Mapping[str, Any]] | None = None,
    **options: Any,
) -> SimulatedHand:
    """Draw and render a simulated radiograph of a hand from the back (PA).

    Args:
        seed: decides everything that is not given; the same seed and options give the same pixels.
        side: anatomical side; drawn if not given. Unmirrored, a left hand shows its thumb to the right.
        both: both hands on one film, the left one to the left.
        pixel_mm: pixel distance; 0.6 for a quick coarse picture, 0.1 for work on joint spaces.
        plain: an upright film.
        hands: for each side, values of ``HandRecord`` for that hand only.
        options: values of ``HandRecord`` (``narrowing={"MCP 2": 0.4}``, ``focal``, ``subluxation``, ``erosions``,
            ``immature``, ``scale``, ...) for all hands and of ``FilmRecord`` (``rotation_deg``, ``mirrored``, ``inverted``,
            ``crop``, ``marker``, ``collimator``, ...).

    Returns:
        The study and its truth. What a joint's width means is said in ``truth.JointTruth``.

    Raises:
        InputError: an unknown option, joint or bone, or a pixel distance outside 0.03..2 mm.
    """
    if not 0.03 <= pixel_mm <= 2:
        raise InputError(f"simulate_hand: pixel_mm is {pixel_mm}, expected 0.03 to 2 mm")
    drawn: Side = side or ("left" if np.random.default_rng([seed, 0]).uniform() < 0.5 else "right")
    sides: tuple[Side, ...] = ("left", "right") if both else (drawn,)
    own = {k: options.pop(k) for k in list(options) if k in HandRecord.__dataclass_fields__}
    records = tuple(draw_hand(seed, s, **{**own, **((hands or {}).get(s, {}))}) for s in sides)
    if both:
        # the two hands of one person are alike
        shared = {
            k: getattr(records[0], k) for k in ("scale", "slender", "cortex", "mineral", "flesh") if k not in (hands or {}).get("right", {})
        }
        if "weights" not in own and "weights" not in (hands or {}).get("right", {}):
            shared["weights"] = tuple(0.85 * a + 0.5 * b for a, b in zip(records[0].weights, records[1].weights, strict=True))
        records = (records[0], replace(records[1], **shared))
    return render(Record(draw_film(seed, pixel_mm, sides, plain=plain, **options), records))


def _views(record: Record, built: list[Anatomy]) -> tuple[list[View], tuple[int, int]]:
    """Where each hand lies on the film, and the film's (rows, columns)."""
    film = record.film
    angle = np.radians(film.rotation_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    placed: list[tuple[Array, Array, Array]] = []
    edge = 0.0
    for hand, anatomy in zip(record.hands, built, strict=True):
        own = MIRROR if hand.side == "right" else np.eye(2)
        points = np.vstack([b.outline for n, b in anatomy.bones.items() if n not in ("radius", "ulna")])
        foot = anatomy.landmarks[[3, 7]].mean(axis=0) - anatomy.skeleton.wrist * film.forearm_mm
        points = (
            np.vstack(
                [points, foot, foot + np.array([24.0, 0.0]), foot - np.array([30.0, 0.0]), anatomy.landmarks[[5]] + np.array([12.0, 0.0])]
            )
            @ own.T
        )
        shift = np.array([edge - points[:, 0].min(), 0.0])
        placed.append((own, shift, points + shift))
        edge = float((points + shift)[:, 0].max()) + 26.0
    low = np.min([(p @ turn.T).min(axis=0) for _, _, p in placed], axis=0) - film.margin_mm - 8
    high = np.max([(p @ turn.T).max(axis=0) for _, _, p in placed], axis=0) + film.margin_mm + 8
    foot_down = np.max([(p[-4:] @ turn.T)[:, 1].max() for _, _, p in placed])
    if foot_down > high[1] - film.margin_mm - 8.5:
        # the forearm runs out of the film: no margin below it
        high[1] = foot_down
    views = [View(turn @ own, turn @ shift - low, film.pixel_mm) for own, shift, _ in placed]
    size = np.ceil((high - low) / film.pixel_mm).astype(int)
    return views, (int(size[1]), int(size[0]))


def _erode(patch: Patch, polygon_px: Array, through: float, pixel_mm: float) -> None:
    """Take a bite out of a bone's path lengths, in place."""
    local = polygon_px - [patch.columns.start, patch.rows.start]
    rows, cols = patch.mineral.shape
    c0, r0 = np.maximum(np.floor(local.min(axis=0)).astype(int) - 2, 0)
    c1, r1 = np.minimum(np.ceil(local.max(axis=0)).astype(int) + 3, [cols, rows])
    if c1 - c0 < 2 or r1 - r0 < 2:
        return
    distance, _, _ = distance_map(local - [c0, r0], (int(r1 - r0), int(c1 - c0)))
    edge = np.clip(distance + 0.5, 0, 1)
    gone = through * edge * np.clip(0.55 + distance * pixel_mm / 1.2, 0, 1)
    cut = (slice(r0, r1), slice(c0, c1))
    patch.mineral[cut] *= 1 - gone
    patch.body[cut] *= 1 - gone


def line_integral(record: Record, built: list[Anatomy], views: list[View], shape: tuple[int, int]) -> Pixels:
    """The integral of the attenuation along the ray of every pixel, without marker; dimensionless."""
    film = record.film
    mineral = np.zeros(shape, dtype=np.float32)
    body = np.zeros(shape, dtype=np.float32)
    grain = float(np.clip(1.3 - film.pixel_mm, 0, 1)) if film.pixel_mm < 0.5 else 0.0
    skin = []
    for hand, anatomy, view in zip(record.hands, built, views, strict=True):
        for name, bone in anatomy.bones.items():
            patch = bone_patch(view.bone(bone), film.pixel_mm, shape, hand.texture_seed, hand.mineral, grain)
            if patch is None:
                continue
            for erosion in hand.erosions:
                if erosion.bone == name:
                    _erode(patch, view.px(bite(erosion, anatomy, hand.texture_seed)), erosion.through, film.pixel_mm)
            mineral[patch.rows, patch.columns] += patch.mineral
            body[patch.rows, patch.columns] += patch.body
        skin += moved_rods(rods(anatomy, hand.flesh), view.turn, view.shift)
    whole, lean = thickness(skin, film.pixel_mm, shape)
    soft = np.maximum(whole - body, 0)
    fat = np.minimum(whole - lean, soft)
    soft -= fat
    if film.pixel_mm < 0.5:
        soft *= 1 + np.float32(0.025) * _mottle(shape, film.pixel_mm, record.hands[0].texture_seed)
    energy = film.kvp_energy_kev
    mu = {m: np.float32(attenuation_per_mm(m, energy)) for m in ("bone", "soft", "fat")}
    marrow = np.maximum(body - mineral, 0)
    out: Pixels = mu["bone"] * mineral + mu["soft"] * soft + mu["fat"] * fat + (0.5 * mu["soft"] + 0.5 * mu["fat"]) * marrow
    return out


def _mottle(shape: tuple[int, int], pixel_mm: float, seed: int) -> Pixels:
    """Unevenness of the flesh: noise of a few mm, deviation about 1."""
    step = 1.0
    rows, cols = (int(np.ceil(n * pixel_mm / step)) + 4 for n in shape)
    white = np.random.default_rng([seed, 5]).standard_normal((rows, cols), dtype=np.float32)
    noise = gaussian_filter(white, (5, 2.0)) / 0.07 * 0.6 + gaussian_filter(white[::-1], (1.6, 1.0)) / 0.2 * 0.4
    a = CubicSpline(np.arange(rows), np.eye(rows))(np.arange(shape[0]) * pixel_mm / step + 1).astype(np.float32)
    b = CubicSpline(np.arange(cols), np.eye(cols))(np.arange(shape[1]) * pixel_mm / step + 1).astype(np.float32)
    out: Pixels = a @ noise.astype(np.float32) @ b.T
    return out


def render(record: Record) -> SimulatedHand:
    """Render a record; the same record gives the same pixels."""
    film = record.film
    built = [build(h) for h in record.hands]
    for hand, anatomy in zip(record.hands, built, strict=True):
        for erosion in hand.erosions:
            if erosion.bone not in anatomy.bones:
                raise InputError(f"simulate_hand: an erosion names the bone '{erosion.bone}', which is none of {', '.join(anatomy.bones)}")
    views, shape = _views(record, built)
    integral = line_integral(record, built, views, shape)
    add_marker(integral, film)
    mask = field_mask(shape, film)
    pixels = display(expose(integral, film), film)
    if mask is not None:
        pixels = np.where(mask, pixels, np.float32(film.shutter)).astype(np.float32)
    origin = np.zeros(2, dtype=int)
    if film.crop is not None:
        x0, y0, x1, y1 = film.crop
        c0, c1 = round(x0 * shape[1]), round(x1 * shape[1])
        r0, r1 = round(y0 * shape[0]), round(y1 * shape[0])
        if not (0 <= c0 < c1 <= shape[1] and 0 <= r0 < r1 <= shape[0]):
            raise InputError(
                f"simulate_hand: crop {film.crop} is empty or leaves the film, expected left < right and top < bottom within 0..1"
            )
        pixels = pixels[r0:r1, c0:c1]
        origin = np.array([c0, r0])
    views = [View(v.turn, v.shift - origin * film.pixel_mm, v.pixel_mm) for v in views]
    if film.mirrored:
        pixels = pixels[:, ::-1]
        flip = np.array([(pixels.shape[1] - 1) * film.pixel_mm, 0.0])
        views = [View(MIRROR @ v.turn, MIRROR @ v.shift + flip, v.pixel_mm) for v in views]
    if film.inverted:
        pixels = 1 - pixels
    pixels = np.ascontiguousarray(pixels, dtype=np.float32)
    truths = tuple(hand_truth(h, a, v) for h, a, v in zip(record.hands, built, views, strict=True))
    return SimulatedHand(_study(record, pixels), truths, record, film.pixel_mm)


def _study(record: Record, pixels: Pixels) -> Study:
    digest = hashlib.sha256(repr(record).encode()).digest()
    uid = f"2.25.{int.from_bytes(digest[:14], 'big')}"
    film: FilmRecord = record.film
    side: Side | None = record.hands[0].side if len(record.hands) == 1 else None
    image = Image(
        axes=("y", "x"),
        shape=pixels.shape,
        load=lambda: pixels,
        grid=Grid((film.pixel_mm, film.pixel_mm), "simulated"),
        source="simulated",
        facts={
            "modality": "DX",
            "body_part": "HAND",
            "view": "PA",
            "laterality": {"left": "L", "right": "R", None: "B"}[side],
            "manufacturer": "Coread simulator",
            "kvp": "50",
        },
    )
    return Study(uid=uid, images=(image,), source="simulated", patient="SIMULATED", side=side, side_source="tag" if side else None)
