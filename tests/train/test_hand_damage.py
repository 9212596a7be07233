"""The recipe of the damage grader on a few simulated hands: what it learns from is what was painted, and it learns, exports and resumes."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install coread[train]")

from coread.errors import InputError  # noqa: E402
from coread.train import hand_damage  # noqa: E402
from coread.train.hand_damage import Disturbance, disturb, plain, rarity, targets  # noqa: E402
from coread.train.hand_damage_data import (  # noqa: E402
    WIDE,
    Prepared,
    damaged_patient,
    joined,
    mirrored,
    read_prepared,
    simulated_hand,
    split_of,
)
from coread.train.recipe import RECIPES, read_toml  # noqa: E402
from coread.vision.damage import EROSION_SITES, MAP, NARROWING_SITES, PATCH, SITES, DamageGrader, HandView  # noqa: E402

pytestmark = [pytest.mark.train, pytest.mark.slow]


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    hands = [simulated_hand(seed) for seed in (5000, 5001)]
    pair = (mirrored(hands[0]) if hands[0].mirrored else hands[0], hands[1] if hands[1].mirrored else mirrored(hands[1]))
    return joined([damaged_patient(pair, seed) for seed in (3, 4)])


def test_rows_are_the_sites_of_both_hands(prepared: Prepared) -> None:
    assert set(prepared.right) == {0, 1}
    erodes = np.isin(prepared.site, [SITES.index(s) for s in EROSION_SITES])
    narrows = np.isin(prepared.site, [SITES.index(s) for s in NARROWING_SITES])
    assert ((prepared.erosion >= 0) == erodes).all()
    assert ((prepared.narrowing >= 0) == narrows).all()
    assert ((prepared.bony >= 0).all(axis=1) == narrows).all()


def test_what_is_eroded_is_outlined_and_nothing_else(prepared: Prepared) -> None:
    shown = prepared.mask.reshape(len(prepared.mask), -1).max(axis=1) > 127
    eroded = prepared.erosion > 0
    assert eroded.sum() > 3
    assert shown[eroded].mean() > 0.9
    assert not shown[prepared.erosion == 0].any()


def test_the_same_seed_paints_the_same(prepared: Prepared) -> None:
    hands = [simulated_hand(seed) for seed in (5000, 5001)]
    pair = (mirrored(hands[0]) if hands[0].mirrored else hands[0], hands[1] if hands[1].mirrored else mirrored(hands[1]))
    again = damaged_patient(pair, 3)
    rows = prepared.patient == 3
    for field in fields(Prepared):
        assert np.array_equal(getattr(again, field.name), getattr(prepared, field.name)[rows]), field.name


def test_parts_do_not_meet_and_mature_hands_are_kept_out() -> None:
    names = [f"{number}.png" for number in range(1400, 3000)]
    parts = {name: split_of(name, 190.0, False) for name in names}
    assert set(parts.values()) == {"train", "validation", "test"}
    assert 0.15 < np.mean([p == "test" for p in parts.values()]) < 0.25
    assert all(split_of(name, 190.0, True) is None for name in names)
    assert all(split_of(name, 100.0, False) is None for name in names)
    young = {name: split_of(name, 130.0, False) for name in names}
    assert all(young[n] is None for n in names if parts[n] != "train"), "a young hand of a part for testing is not learned from"


def test_targets_are_thresholds(prepared: Prepared) -> None:
    rows = np.arange(len(prepared.site))
    wanted, known = targets(prepared, rows)
    erodes = prepared.erosion >= 0
    assert (wanted[erodes, :5].sum(dim=1).numpy() == prepared.erosion[erodes]).all()
    assert known[~erodes, :5].sum() == 0
    assert rarity(prepared).sum() == pytest.approx(1)


def test_no_disturbance_is_what_a_reader_sees(prepared: Prepared) -> None:
    wide = torch.from_numpy(prepared.wide[:6].astype(np.float32) / 255)
    scale = (PATCH - 1) / (WIDE - 1)
    matrix = np.tile(np.array([[scale, 0, 0], [0, scale, 0]], dtype=np.float32), (6, 1, 1))
    one, nought = np.ones(6, dtype=np.float32), np.zeros(6, dtype=np.float32)
    patch, mask = disturb(wide, torch.from_numpy(prepared.mask[:6].astype(np.float32)), Disturbance(matrix, one, nought, nought, 0))
    assert torch.allclose(patch, plain(wide), atol=2e-2)
    assert mask.shape == (6, MAP, MAP)


def test_it_learns_exports_and_resumes(prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for split in ("train", "validation"):
        np.savez(tmp_path / f"{split}_0.npz", **{f.name: getattr(prepared, f.name) for f in fields(Prepared)})
    recipe = dict(read_toml(RECIPES / "hand_damage.toml"))
    recipe["options"] = {**recipe["options"], "widths": [8, 8, 16], "token": 16, "layers": 1}
    recipe["sites"] = {**recipe["sites"], "steps": 60, "batch": 24}
    recipe["patients"] = {**recipe["patients"], "steps": 30, "batch": 2}
    monkeypatch.setattr(hand_damage, "read_toml", lambda _: recipe)
    losses: dict[str, list[float]] = {"sites": [], "patients": []}
    torch.set_num_threads(1)
    out = tmp_path / "grader.onnx"
    monkeypatch.setattr(hand_damage, "EVERY", 20)
    hand_damage.train(tmp_path, out, lambda stage, at: losses[stage].append(at.loss))
    assert losses["sites"][-1] < losses["sites"][0]
    grader = DamageGrader(out, threads=1)
    assert 0 < grader.calibration.outline < 1
    hand = simulated_hand(5000)
    places = {n: p for n, p in hand.places.items() if p.inside}
    (found,) = grader.grade([HandView(hand.pixels, places, hand.length_px, hand.mirrored, False, {})])
    assert set(found) <= set(SITES)
    for site, damage in found.items():
        assert sum(damage.erosion or (1.0,)) == pytest.approx(1)
        assert bool(damage.narrowing) == (site in NARROWING_SITES)
        assert damage.evidence.shape == (MAP, MAP)
    first = out.read_bytes()
    out.unlink()
    hand_damage.train(tmp_path, out, lambda *_: None)
    assert out.read_bytes() == first, "a finished run that goes on gives the same file"


def test_a_folder_without_the_part_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no part 'train'"):
        read_prepared(tmp_path, "train")
