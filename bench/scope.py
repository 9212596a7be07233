"""Refusal of what is no hand radiograph, and false refusal of hands. COREAD_DATA=... python bench/scope.py [--network] [--every N]

With ``--network`` the scope network alone; else together with the hand locator, as a reader asks them. Hands are held out of the
scope network's training (every fifth child; hand_dha, hand_shs and wrist_erosion whole). Marked kinds were never met in training.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from coread.stats.proportion import wilson
from coread.vision.scope import MINIMUM_SIDE_PX, ScopeCheck, grey

DATA = Path(os.environ["COREAD_DATA"])
NEW = " (kind never met)"
UNSEEN_PHOTOGRAPHS = (
    "camera.png", "horse.png", "clock_motion.png", "hubble_deep_field.jpg", "retina.jpg", "gravel.png", "grass.png", "cell.png",
    "phantom.png", "microaneurysms.png", "page.png", "text.png", "color.png", "chessboard_GRAY.png", "logo.png",
)  # fmt: skip


def pixels(path: Path) -> np.ndarray:
    image = Image.open(path)
    image = image.convert("RGB") if image.mode in ("P", "RGBA", "LA") else image
    array = np.asarray(image, dtype=np.float32) / 255
    grey = array.ndim == 3 and np.ptp(array[..., :3], axis=2).max() < 0.05
    return array[..., :3].mean(axis=2) if grey else array


def slices(path: Path) -> Iterator[np.ndarray]:
    import nibabel

    volume = np.asarray(nibabel.load(path).dataobj, dtype=np.float32)
    for axis in range(3):
        for share in (0.3, 0.42, 0.5, 0.58, 0.7):
            cut = np.take(volume, int(volume.shape[axis] * share), axis=axis)
            big = np.repeat(np.repeat(cut / max(float(cut.max()), 1e-6), 2, axis=0), 2, axis=1)
            if min(big.shape) >= 160:
                yield big


def drawn(rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Images drawn here, by other code than in training."""
    y, x = np.mgrid[0:300, 0:260].astype(np.float32)
    for k in range(10):
        yield rng.random((300, 260)).astype(np.float32)
        yield np.hypot(x - 130, y - 150 - 5 * k).astype(np.float32) / 300
        yield (0.5 + 0.5 * np.sin(x / (3 + 2 * k)) * np.cos(y / (4 + 3 * k))).astype(np.float32)
        body = np.exp(-(((x - 130) / 80) ** 4) - ((y - 150) / 130) ** 4)
        lungs = sum(np.exp(-(((x - c) / 35) ** 4) - ((y - 140) / 85) ** 4) for c in (80 - k, 180 + k))
        ribs = 0.1 * np.maximum(0, np.sin((y + 0.004 * (x - 130) ** 2) / (5 + 0.2 * k)))
        yield np.asarray(body * (1 - 0.65 * lungs) + ribs * lungs + rng.normal(0, 0.01, x.shape), dtype=np.float32)


def others() -> Iterator[tuple[str, list[np.ndarray]]]:
    import skimage

    knees = (DATA / "knee_kl" / "labels_val.csv").read_text().splitlines()[1:]
    yield "knees, validation part", [pixels(DATA / "knee_kl" / "images" / line.split(",")[0]) for line in knees]
    yield "sacroiliac MRI tiles" + NEW, [pixels(p) for p in sorted((DATA / "sij_sacroiliitis" / "images").iterdir())]
    yield "salivary ultrasound" + NEW, [pixels(p) for p in sorted((DATA / "salivary_us" / "images").iterdir())]
    raw = [*sorted((DATA / "ms_longitudinal").rglob("*.nii.gz")), *sorted((DATA / "ms_lesions" / "mslesseg-P18").glob("[FT]*.nii.gz"))]
    images = [p for p in raw if "mask" not in p.name and "gt" not in p.name and "lesion" not in p.name]
    yield "brain slices of other patients and scanners", [cut for path in images for cut in slices(path)]
    folder = Path(skimage.__file__).parent / "data"
    yield "photographs and pages not trained on", [pixels(folder / name) for name in UNSEEN_PHOTOGRAPHS if (folder / name).exists()]
    yield "drawn: noise, rings, waves, chest-like" + NEW, list(drawn(np.random.default_rng(7)))


def whole_hands() -> Iterator[tuple[str, list[np.ndarray]]]:
    names = sorted(path.name for path in (DATA / "hand_joints" / "images").iterdir())[::5]
    held_out = [pixels(DATA / "hand_joints" / "images" / name) for name in names]
    yield "children held out", held_out
    yield "the same as negatives", [1 - p for p in held_out]
    yield "the same, a quarter turned and mirrored", [np.ascontiguousarray(p.T) for p in held_out]
    yield "the same, fingers only (upper half)", [p[: p.shape[0] // 2] for p in held_out]
    yield "the same, wrist only (lower half)", [p[p.shape[0] // 2 :] for p in held_out]
    yield "hand_dha", [pixels(p) for p in sorted((DATA / "hand_dha" / "images").iterdir())]
    yield "hand_shs", [pixels(p) for p in sorted((DATA / "hand_shs" / "images").iterdir())]
    yield "wrists with rheumatoid arthritis (crops)", [pixels(p) for p in sorted((DATA / "wrist_erosion" / "images").iterdir())]


def say(name: str, what: str, count: int, n: int) -> None:
    share = wilson(count, n)
    print(f"{name}: {what} {count}/{n} = {100 * share.estimate:.1f} % ({100 * share.low:.1f}-{100 * share.high:.1f})", flush=True)


def thinned(images: list[np.ndarray]) -> list[np.ndarray]:
    """Every N-th image of a long list, where ``--every N`` was asked for."""
    every = int(sys.argv[sys.argv.index("--every") + 1]) if "--every" in sys.argv else 1
    return images[::every] if len(images) > 40 else images


def main() -> None:
    check = ScopeCheck(threads=1)
    locate = None
    if "--network" not in sys.argv:
        from coread.vision.landmarks import HandLocator

        locate = HandLocator().locate

    def refused(image: np.ndarray) -> bool:
        early = check.refusal({}, image)
        if early is not None or locate is None:
            return early is not None or check.likeness(grey(image)) < 0.5
        return check.refusal({}, image, locate(grey(image))) is not None

    for name, every in others():
        images = thinned(every)
        say(name, "refused", sum(refused(image) for image in images), len(images))
    for name, every in whole_hands():
        images = thinned(every)
        say(name, "falsely refused", sum(refused(image) for image in images), len(images))
    for side in (80, 120, 160, 240):
        names = sorted(path.name for path in (DATA / "hand_joints" / "images").iterdir())[::20]
        small = []
        for name in names:
            image = Image.open(DATA / "hand_joints" / "images" / name).convert("L")
            image.thumbnail((side * image.width // min(image.size), side * image.height // min(image.size)), Image.Resampling.BOX)
            small.append(np.asarray(image, dtype=np.float32) / 255)
        unlike = sum(float(check.likeness(s)) < 0.5 for s in small)
        say(f"hands shrunk to {side} px along the shorter side", "not taken for hands by the network", unlike, len(small))
    print(f"smaller than {MINIMUM_SIDE_PX} px along the shorter side is refused without looking")


if __name__ == "__main__":
    main()
