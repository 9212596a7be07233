"""Trains the grader of damage (``models/hand_damage.onnx``) after ``recipes/hand_damage.toml``.

Two stages. First the encoder learns from single sites, drawn so that rare grades come as often as common ones. Then it is held still
and the attention learns to correct its grades from all sites of a patient. Slopes and offsets of the logits are fitted last, on
patients that neither stage saw, at the frequencies in which damage was drawn.

Run as ``python -m coread.train.hand_damage PREPARED OUT.onnx``; PREPARED is made by :mod:`coread.train.hand_damage_data`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize
from torch import Tensor, nn
from torch.nn import functional

from coread.train.export import export_onnx
from coread.train.hand_damage_data import WIDE, Prepared, read_prepared
from coread.train.loop import Progress, Watch, fit
from coread.train.networks.site_grader import BONY, EROSION, NARROWING, SiteGrader
from coread.train.recipe import RECIPES, Training, build_network, read_toml, typed
from coread.vision.damage import FACTS, MAP, PATCH, SITES, DamageCalibration

EVERY = 100
"""Updates between checkpoints."""
Numbers = npt.NDArray[np.float64]


def targets(data: Prepared, rows: npt.NDArray[np.intp]) -> tuple[Tensor, Tensor]:
    """What each threshold should say, (n, 11), and where it is known, (n, 11)."""
    erosion, narrowing = data.erosion[rows][:, None], data.narrowing[rows][:, None]
    wanted = np.concatenate([erosion >= np.arange(1, EROSION + 1), narrowing >= np.arange(1, NARROWING + 1), data.bony[rows] > 0], axis=1)
    known = np.concatenate(
        [np.repeat(erosion >= 0, EROSION, axis=1), np.repeat(narrowing >= 0, NARROWING, axis=1), data.bony[rows] >= 0], axis=1
    )
    return torch.from_numpy(wanted.astype(np.float32)), torch.from_numpy(known.astype(np.float32))


def graded_loss(logits: Tensor, wanted: Tensor, known: Tensor) -> Tensor:
    """Mean cross entropy over the thresholds that are known, (..., 11)."""
    each = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    return (each * known).sum() / known.sum().clamp(min=1)


def evidence_loss(logits: Tensor, mask: Tensor) -> Tensor:
    """Cross entropy of each cell, eroded cells weighing four times, and one minus the soft Dice of the eroded sites."""
    each = functional.binary_cross_entropy_with_logits(logits, mask, reduction="none", pos_weight=torch.tensor(4.0)).mean()
    chance = torch.sigmoid(logits)
    eroded = mask.sum(dim=(1, 2)) > 0.5
    dice = 1 - (2 * (chance * mask).sum(dim=(1, 2)) + 1) / (chance.sum(dim=(1, 2)) + mask.sum(dim=(1, 2)) + 1)
    return each + 0.3 * (dice * eroded).sum() / eroded.sum().clamp(min=1)


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What is done to a batch of patches: drawn once, applied elsewhere; each (n, ...)."""

    matrix: npt.NDArray[np.float32]
    gamma: npt.NDArray[np.float32]
    soft: npt.NDArray[np.float32]
    noise: npt.NDArray[np.float32]
    seed: int


def draw_disturbance(random: np.random.Generator, count: int) -> Disturbance:
    """Turns of about 7 degrees, sizes of about 8 %, shifts of about 5 % of the patch, contrast, blur or sharpening, noise."""
    angle, scale = random.normal(0, 0.12, count), np.exp(random.normal(0, 0.08, count)) * PATCH / WIDE
    matrix = np.zeros((count, 2, 3), dtype=np.float32)
    matrix[:, 0, 0], matrix[:, 0, 1] = scale * np.cos(angle), -scale * np.sin(angle)
    matrix[:, 1, 0], matrix[:, 1, 1] = scale * np.sin(angle), scale * np.cos(angle)
    matrix[:, :, 2] = random.normal(0, 0.06, (count, 2))
    return Disturbance(
        matrix,
        np.exp(random.normal(0, 0.25, count)).astype(np.float32),
        np.clip(random.uniform(-0.5, 1.0, count), -0.25, 1).astype(np.float32),
        (random.uniform(0, 0.05, count) * (random.random(count) < 0.5)).astype(np.float32),
        int(random.integers(2**31)),
    )


def disturb(wide: Tensor, mask: Tensor, how: Disturbance) -> tuple[Tensor, Tensor]:
    """Patches (n, 1, PATCH, PATCH), standardised, and masks (n, MAP, MAP) from wide cuts (n, WIDE, WIDE) 0..1 and their masks."""
    n = len(wide)
    matrix = torch.from_numpy(how.matrix)
    grid = functional.affine_grid(matrix, [n, 1, PATCH, PATCH], align_corners=True)
    out = functional.grid_sample(wide[:, None], grid, padding_mode="border", align_corners=True)
    low, high = out.amin(dim=(2, 3), keepdim=True), out.amax(dim=(2, 3), keepdim=True)
    out = ((out - low) / (high - low + 1e-4)) ** torch.from_numpy(how.gamma)[:, None, None, None]
    soft = functional.avg_pool2d(out, 3, 1, 1, count_include_pad=False)
    mix = torch.from_numpy(how.soft)[:, None, None, None]
    out = out * (1 - mix) + soft * mix
    noise = torch.randn(out.shape, generator=torch.Generator().manual_seed(how.seed))
    out = out + noise * torch.from_numpy(how.noise)[:, None, None, None]
    out = (out - out.mean(dim=(2, 3), keepdim=True)) / (out.std(dim=(2, 3), keepdim=True) + 1e-4)
    cells = functional.affine_grid(matrix, [n, 1, MAP, MAP], align_corners=False)
    return out, functional.grid_sample(mask[:, None], cells, align_corners=False)[:, 0]


def plain(wide: Tensor) -> Tensor:
    """The patches (n, 1, PATCH, PATCH) in the middle of the wide cuts, standardised, as a reader sees them."""
    edge = (WIDE - PATCH) // 2
    out = wide[:, None, edge : edge + PATCH, edge : edge + PATCH]
    return (out - out.mean(dim=(2, 3), keepdim=True)) / (out.std(dim=(2, 3), keepdim=True, correction=0) + 1e-4)


def rarity(data: Prepared) -> Numbers:
    """How often each site is drawn: the rarer its kind of damage, the oftener, as the power -0.75 of the kind's count."""
    kind = data.erosion + 1 + 10 * (data.narrowing + 1) + 100 * (data.bony.max(axis=1) > 0)
    _, index, counts = np.unique(kind, return_inverse=True, return_counts=True)
    weight = counts[index].astype(float) ** -0.75
    return np.asarray(weight / weight.sum())


def site_batches(data: Prepared, batch: int) -> Callable[[nn.Module, np.random.Generator], tuple[Tensor, Mapping[str, float]]]:
    """The loss of a batch of single sites, for the first stage."""
    chance = np.cumsum(rarity(data))
    flags = torch.eye(len(SITES))

    def loss(network: nn.Module, random: np.random.Generator) -> tuple[Tensor, Mapping[str, float]]:
        assert isinstance(network, nn.Module)
        rows = np.minimum(np.searchsorted(chance, random.random(batch)), len(chance) - 1)
        wide = torch.from_numpy(data.wide[rows].astype(np.float32) / 255)
        mask = torch.from_numpy(data.mask[rows].astype(np.float32) / 255)
        patch, cells = disturb(wide, mask, draw_disturbance(random, batch))
        _, logits, evidence = network(patch, flags[torch.from_numpy(data.site[rows].astype(np.int64))])
        grading = graded_loss(logits, *targets(data, rows))
        shown = evidence_loss(evidence, cells)
        return grading + shown, {"grading": float(grading.detach()), "evidence": float(shown.detach())}

    return loss


@dataclass(frozen=True, slots=True)
class Told:
    """All sites of all patients as the second stage takes them, patients in rows, (patients, most sites, ...), and absence of sites."""

    token: Tensor
    local: Tensor
    told: Tensor
    absent: Tensor
    rows: npt.NDArray[np.intp]


def told_of(network: SiteGrader, data: Prepared, disturbed: int | None = None) -> Told:
    """What the encoder says of every site; with a seed, of patches that were disturbed a little."""
    tokens, locals_ = [], []
    network.eval()
    flags = torch.eye(len(SITES))
    with torch.no_grad():
        for start in range(0, len(data.site), 256):
            rows = slice(start, min(start + 256, len(data.site)))
            wide = torch.from_numpy(data.wide[rows].astype(np.float32) / 255)
            if disturbed is None:
                patch = plain(wide)
            else:
                how = draw_disturbance(np.random.default_rng([disturbed, start]), len(wide))
                patch, _ = disturb(wide, torch.zeros((len(wide), MAP, MAP)), how)
            token, local, _ = network.encoder(patch, flags[torch.from_numpy(data.site[rows].astype(np.int64))])
            tokens.append(token)
            locals_.append(local)
    token, local = torch.cat(tokens), torch.cat(locals_)
    patients = [np.flatnonzero(data.patient == p) for p in np.unique(data.patient)]
    most = max(len(p) for p in patients)
    rows_of = np.full((len(patients), most), -1, dtype=np.intp)
    for i, rows_here in enumerate(patients):
        rows_of[i, : len(rows_here)] = rows_here
    here = torch.from_numpy(np.maximum(rows_of, 0))
    numbers = torch.cat(
        [
            flags[torch.from_numpy(data.site.astype(np.int64))],
            torch.from_numpy(data.right.astype(np.float32))[:, None],
            torch.from_numpy(data.facts),
        ],
        dim=1,
    )
    return Told(token[here], local[here], numbers[here], torch.from_numpy((rows_of < 0) * np.float32(1e4)), rows_of)


def patient_batches(
    data: Prepared, views: list[Told], batch: int
) -> Callable[[nn.Module, np.random.Generator], tuple[Tensor, Mapping[str, float]]]:
    """The loss of a batch of patients, for the second stage; facts and single sites are left out at random."""

    def loss(network: nn.Module, random: np.random.Generator) -> tuple[Tensor, Mapping[str, float]]:
        view = views[int(random.integers(len(views)))]
        chosen = random.integers(len(view.rows), size=batch)
        pick = torch.from_numpy(chosen)
        rows = view.rows[chosen]
        told = view.told[pick].clone()
        unmeasured = torch.from_numpy(random.random(rows.shape) < 0.1)
        told[:, :, -FACTS:][unmeasured] = 0.0
        gone = (random.random(rows.shape) < random.choice([0.0, 0.1, 0.5], size=(batch, 1))) & (rows >= 0)
        absent = torch.maximum(view.absent[pick], torch.from_numpy(gone * np.float32(1e4)))
        # A patient keeps at least one site.
        absent[:, 0] = view.absent[pick][:, 0]
        logits = network(view.token[pick], view.local[pick], told, absent)
        seen = absent.numpy() < 1
        wanted, known = targets(data, rows[seen])
        value = graded_loss(logits[torch.from_numpy(seen)], wanted, known)
        return value, {}

    return loss


def logits_of(network: SiteGrader, view: Told, count: int) -> npt.NDArray[np.float64]:
    """Final logits of every site, (count, 11), each patient seen as a whole."""
    out = np.zeros((count, EROSION + NARROWING + BONY))
    network.eval()
    with torch.no_grad():
        for start in range(0, len(view.rows), 64):
            part = slice(start, start + 64)
            logits = network.context(view.token[part], view.local[part], view.told[part], view.absent[part]).numpy()
            here = view.rows[part]
            out[here[here >= 0]] = logits[here >= 0]
    return out


def calibration(logits: Numbers, data: Prepared, outline: float) -> DamageCalibration:
    """Slope and offsets of each group of thresholds with the least cross entropy (ordinal Platt scaling)."""
    wanted, known = (t.numpy().astype(float) for t in targets(data, np.arange(len(logits))))
    parts = []
    for start, size in ((0, EROSION), (EROSION, NARROWING), (EROSION + NARROWING, BONY)):
        x, y, w = (a[:, start : start + size] for a in (logits, wanted, known))

        def cost(v: Numbers, x: Numbers = x, y: Numbers = y, w: Numbers = w) -> float:
            odds = np.exp(v[0]) * x + v[1:]
            return float((w * (np.logaddexp(0, odds) - y * odds)).sum() / w.sum() + 1e-4 * (v @ v))

        best = minimize(cost, np.zeros(size + 1), method="BFGS").x
        parts.append((float(np.exp(best[0])), *(float(b) for b in best[1:])))
    return DamageCalibration(parts[0], parts[1], parts[2], outline)


def outline_level(network: SiteGrader, data: Prepared) -> float:
    """The probability at which outlines of eroded sites overlap best with the truth (mean Dice)."""
    rows = np.flatnonzero(data.mask.reshape(len(data.mask), -1).max(axis=1) > 127)[:1500]
    edge = (WIDE - PATCH) // 4
    flags = torch.eye(len(SITES))
    with torch.no_grad():
        wide = torch.from_numpy(data.wide[rows].astype(np.float32) / 255)
        _, _, evidence = network.encoder(plain(wide), flags[torch.from_numpy(data.site[rows].astype(np.int64))])
    chance = torch.sigmoid(evidence).numpy()
    truth = data.mask[rows][:, edge : edge + MAP, edge : edge + MAP] > 127
    levels = np.arange(0.2, 0.9, 0.05)
    dice = []
    for level in levels:
        seen = chance > level
        dice.append(float(np.mean(2 * (seen & truth).sum((1, 2)) / np.maximum(seen.sum((1, 2)) + truth.sum((1, 2)), 1))))
    return float(levels[int(np.argmax(dice))])


def train(prepared: Path, out: Path, say: Callable[[str, Progress], None] = lambda *_: None) -> None:
    """Both stages, calibration and export; a run that was stopped goes on from its checkpoints beside ``out``."""
    recipe = read_toml(RECIPES / "hand_damage.toml")
    data, held = read_prepared(prepared, "train"), read_prepared(prepared, "validation")
    plans = {key: typed(Training, recipe[key], f"hand_damage.toml: {key}") for key in ("sites", "patients")}
    torch.manual_seed(plans["sites"].seed)
    network = build_network(recipe["network"], recipe["options"])
    assert isinstance(network, SiteGrader)
    runs = out.with_suffix(".run")
    mean = fit(
        network.encoder, plans["sites"], site_batches(data, plans["sites"].batch), runs / "sites", Watch(EVERY, lambda p: say("sites", p))
    )
    network.encoder.load_state_dict(dict(mean))
    views = [told_of(network, data, seed) for seed in (None, 1, 2)]
    plan = plans["patients"]
    mean = fit(
        network.context, plan, patient_batches(data, views, plan.batch), runs / "patients", Watch(EVERY, lambda p: say("patients", p))
    )
    network.context.load_state_dict(dict(mean))
    kept = calibration(logits_of(network, told_of(network, held), len(held.site)), held, outline_level(network, held))
    export_onnx(network, (2, PATCH, PATCH), out, {"calibration": asdict(kept), "sites": list(SITES)}, ("grades", "evidence"))


def main() -> None:
    """Command: PREPARED OUT."""

    def say(stage: str, at: Progress) -> None:
        print(stage, at.step, round(at.loss, 4), dict(at.figures), flush=True)  # noqa: T201

    train(Path(sys.argv[1]), Path(sys.argv[2]), say)


if __name__ == "__main__":
    main()
