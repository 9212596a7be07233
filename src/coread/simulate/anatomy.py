"""A whole hand as bones and joints, in mm, from a record: left, seen from its back, fingers up, thumb to the right."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.interpolate import RBFInterpolator

from coread.simulate import carpus
from coread.simulate.bones import HEAD_RADIUS, PART, Bone, block, forearm, head_width, tube
from coread.simulate.joints import Joint, dent, fit, measure, on_pole
from coread.simulate.record import HandRecord
from coread.simulate.shape import CHAINS, JOINT_MM, Skeleton, adult_skeleton

Array = npt.NDArray[np.float64]
FUSION_OVERLAP_MM = 0.3
FOCAL_SPREAD = 0.08
EXTENT = 0.35
"""Half of a finger joint's measured extent as a share of the proximal bone's head width: the central 70 %."""


@dataclass(frozen=True, slots=True)
class Anatomy:
    """Bones by name, joints by name, the 37 landmarks (37, 2) in mm and the skeleton they grew from."""

    bones: dict[str, Bone]
    joints: dict[str, Joint]
    landmarks: Array
    skeleton: Skeleton


def joint_name(ray: int, index: int) -> str:
    """Name of the joint at the base of bone ``index`` (1 = proximal phalanx) of a ray."""
    if ray == 1:
        return ("", "MCP 1", "IP thumb")[index]
    return f"{('', 'MCP', 'PIP', 'DIP')[index]} {ray}"


def bone_name(ray: int, index: int) -> str:
    """Name of bone ``index`` (0 = metacarpal) of a ray; the thumb has no middle phalanx."""
    if ray == 1 and index == 2:
        index = 3
    return f"{PART[index]} {ray}"


def _place(bone: Bone, origin: Array, axis: Array) -> Bone:
    return bone.moved(origin - bone.origin, turn=float(np.arctan2(axis[1], axis[0])))


def _fuse(bones: dict[str, Bone], joint: Joint) -> None:
    for names, end in ((joint.proximal, "distal"), (joint.distal, "proximal")):
        for name in names:
            bones[name] = replace(bones[name], fused=(*bones[name].fused, end))


def _target(record: HandRecord, name: str) -> float:
    left = record.narrowing.get(name, 1.0)
    return -FUSION_OVERLAP_MM if left <= 0 else record.normal_mm[name] * left


def _shift(widths: Array, target: float) -> float:
    """How far to move a bone along the joint's axis for the mean width, contact counted as 0, to be ``target`` mm."""
    plain = target - float(widths.mean())
    if target <= 0:
        return plain
    low, high = plain - target, plain
    for _ in range(40):
        middle = (low + high) / 2
        if float(np.maximum(widths + middle, 0).mean()) < target:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _ray(record: HandRecord, skeleton: Skeleton, ray: int, bones: dict[str, Bone], joints: dict[str, Joint]) -> None:
    chain = CHAINS[ray]
    width_scale = record.scale
    turn_left = 0.0
    point = skeleton.landmarks[chain[0]]
    previous: Bone | None = None
    for i in range(len(chain) - 1):
        name = bone_name(ray, i)
        axis = skeleton.directions[ray][i]
        bone = tube(name, skeleton.lengths[ray][i], width_scale, record.slender, record.cortex)
        if previous is not None:
            joint = joint_name(ray, i)
            offset, angle = record.subluxation.get(joint, (0.0, 0.0))
            turn_left += np.radians(angle)
            c, s = np.cos(turn_left), np.sin(turn_left)
            axis = np.array([[c, -s], [s, c]]) @ axis
            mean_axis = previous.axis + axis
            mean_axis /= np.linalg.norm(mean_axis)
            pivot = 0.0
            if i == 1:
                # the phalanx glides around the round head
                mean_axis, pivot = axis, HEAD_RADIUS * head_width(previous.name, width_scale)
            across = np.array([-mean_axis[1], mean_axis[0]])
            width = head_width(previous.name, width_scale)
            point = previous.origin + previous.axis * (previous.length - pivot) + mean_axis * pivot
            half = max(EXTENT - 0.5 * abs(offset), 0.12) * width
            place = Joint(joint, (previous.name,), (name,), point + 0.5 * offset * width * across, mean_axis, half)
            placed = _place(bone, point + mean_axis * 2.0 + across * offset * width, axis)
            gap = measure(place, {previous.name: previous, name: placed}, shortest=False)
            target = _target(record, joint)
            shift = _shift(gap.widths, target)
            bone = placed.moved(mean_axis * shift)
            if joint in record.focal:
                at, left = record.focal[joint]
                local = float(np.interp(at * half, gap.positions, gap.widths)) + shift
                bone = dent(place, bone, at * half, (1 - left) * max(local, 0), FOCAL_SPREAD * width)
            joints[joint] = replace(place, centre=place.centre + mean_axis * target / 2)
        else:
            bone = _place(bone, point, axis)
        bones[name] = bone
        if previous is not None and record.narrowing.get(joint, 1.0) <= 0:
            _fuse(bones, joints[joint])
            bone = bones[name]
        previous = bone


def _wrist(record: HandRecord, skeleton: Skeleton) -> tuple[dict[str, Bone], RBFInterpolator]:
    k = skeleton.scale
    source = [carpus.ANCHORS[i] for i in carpus.ANCHORS]
    goal = [skeleton.landmarks[i] for i in carpus.ANCHORS]
    # far points hold the forearm straight
    foot = skeleton.landmarks[[0, 4]].mean(axis=0)
    template_foot = np.array([-6.0, 42.0])
    for down in (60.0, 118.0):
        for side in (-10.0, 10.0):
            source.append(tuple(template_foot + np.array([side - 0.03 * down, down])))
            across = np.array([-skeleton.wrist[1], skeleton.wrist[0]])
            goal.append(foot - skeleton.wrist * down * k + across * side * k)
    warp = RBFInterpolator(np.array(source), np.array(goal), kernel="thin_plate_spline", smoothing=1.0)
    bones: dict[str, Bone] = {}
    for name, points in carpus.OUTLINES.items():
        outline = warp(np.array(points))
        depth = carpus.DEPTH_MM[name] * k
        if name in ("radius", "ulna"):
            bones[name] = forearm(name, outline, skeleton.wrist, depth, record.cortex)
        else:
            bones[name] = block(name, outline, depth)
    return bones, warp


def _warped(warp: RBFInterpolator, centre: tuple[float, float], axis: tuple[float, float]) -> tuple[Array, Array]:
    ends = warp(np.array([centre, np.add(centre, np.multiply(axis, 2.0))]))
    direction = ends[1] - ends[0]
    return ends[0], direction / np.linalg.norm(direction)


def _sesamoids(record: HandRecord, bones: dict[str, Bone]) -> None:
    head = bones["metacarpal 1"]
    for number, (along, across, size) in enumerate(((-5.0, -4.6, 2.5), (-4.2, 3.4, 2.2))):
        centre = head.origin + head.axis * (head.length + along * record.scale) + head.across * across * record.scale
        angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        ring = centre + record.scale * size * np.column_stack([np.cos(angle), 0.8 * np.sin(angle)])
        bones[f"sesamoid {number + 1}"] = block(f"sesamoid {number + 1}", ring, 1.7 * record.scale, 0.5)


def _open_plates(bones: dict[str, Bone], scale: float) -> None:
    """A growing hand: open growth plates, carpal bones that do not yet fill their places."""
    for name, bone in bones.items():
        if name in ("radius", "ulna"):
            plates = (bone.length - (10.0 if name == "radius" else 7.0) * scale,)
        elif name in carpus.OUTLINES or name.startswith("sesamoid"):
            middle = bone.outline.mean(axis=0)
            bones[name] = replace(bone, outline=middle + (bone.outline - middle) * 0.88)
            continue
        elif name.startswith("metacarpal") and name != "metacarpal 1":
            plates = (bone.length - 0.10 * bone.length - 1.5 * scale,)
        else:
            plates = (0.07 * bone.length + 2.2 * scale,)
        bones[name] = replace(bone, plates=plates)


def build(record: HandRecord) -> Anatomy:
    """All bones and joints of one left hand, with every joint space set to its target along the joint's axis."""
    skeleton = adult_skeleton(record.weights, record.scale)
    bones, warp = _wrist(record, skeleton)
    joints: dict[str, Joint] = {}
    for ray in CHAINS:
        _ray(record, skeleton, ray, bones, joints)
    for name, (proximal, distal, centre, axis, half) in carpus.SUPPORT.items():
        joint = Joint(name, proximal, distal, *_warped(warp, centre, axis), half * record.scale)
        bones[distal[0]] = fit(joint, bones, distal[0], JOINT_MM["CMC"], soft=3.0)
    for name, (proximal, distal, centre, axis, half) in carpus.JOINTS.items():
        joint = Joint(name, proximal, distal, *_warped(warp, centre, axis), half * record.scale)
        if name == "scaphotrapeziotrapezoid":
            joint = on_pole(joint, bones)
        moving = {"radiocarpal": proximal, "capitate-scaphoid-lunate": proximal}.get(name, distal)
        for bone in moving:
            bones[bone] = fit(joint, bones, bone, _target(record, name))
        gap = measure(joint, bones, shortest=False)
        joints[name] = replace(joint, centre=(gap.proximal.mean(axis=0) + gap.distal.mean(axis=0)) / 2)
        if record.narrowing.get(name, 1.0) <= 0:
            _fuse(bones, joint)
    _sesamoids(record, bones)
    if record.immature:
        _open_plates(bones, record.scale)
    return Anatomy(bones, joints, _landmarks(skeleton, bones), skeleton)


def _landmarks(skeleton: Skeleton, bones: dict[str, Bone]) -> Array:
    out = skeleton.landmarks.copy()
    for ray, chain in CHAINS.items():
        out[chain[0]] = bones[bone_name(ray, 0)].origin
        out[chain[1]] = bones[bone_name(ray, 1)].origin
        for i, landmark in enumerate(chain[2:], start=1):
            bone = bones[bone_name(ray, i)]
            out[landmark] = bone.origin + bone.axis * bone.length
    return out
