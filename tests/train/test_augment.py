"""Changes of images: chance is drawn once, the record is exact and can be replayed."""

import json
from dataclasses import asdict

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install coread[train]")

from coread.train.augment import Augmentation, Change, changed, draw_change  # noqa: E402

pytestmark = pytest.mark.train
STRONG = Augmentation(mirror=True, turn_deg=20, zoom=0.2, shift=0.1, noise=0.1, speckle=0.2, bias=0.3, blur=1.5)
STILL = Change(False, 0.0, 1.0, (0.0, 0.0), 1.0, 1.0, 0.0, 0.0, (0.0,) * 16, 0.0, 0)


def images(n: int = 3) -> "torch.Tensor":
    return torch.from_numpy(np.random.default_rng(0).random((n, 40, 60)).astype(np.float32))


def spot(row: int, column: int) -> "torch.Tensor":
    plane = torch.zeros((1, 60, 100))
    plane[0, row - 1 : row + 2, column - 1 : column + 2] = 1
    return plane


def place(plane: "torch.Tensor") -> tuple[float, float]:
    rows, columns = np.mgrid[:60, :100]
    weight = plane.numpy()[0]
    return float((rows * weight).sum() / weight.sum()), float((columns * weight).sum() / weight.sum())


def test_the_record_replays_after_a_trip_through_json() -> None:
    drawn = [draw_change(np.random.default_rng(k), STRONG) for k in range(3)]
    again = [Change(**{k: tuple(v) if isinstance(v, list) else v for k, v in json.loads(json.dumps(asdict(c))).items()}) for c in drawn]
    torch.testing.assert_close(changed(images(), drawn), changed(images(), again), rtol=0, atol=0)
    assert not torch.allclose(changed(images(), drawn), images())


def test_no_change_is_no_change() -> None:
    torch.testing.assert_close(changed(images(), [STILL] * 3), images(), rtol=0, atol=1e-5)


def test_nothing_is_mirrored_unless_the_recipe_says_so() -> None:
    rng = np.random.default_rng(0)
    assert not any(draw_change(rng, Augmentation()).mirror for _ in range(200))
    assert any(draw_change(rng, Augmentation(mirror=True)).mirror for _ in range(200))


def test_a_turn_is_a_turn_where_rows_and_columns_differ() -> None:
    """A spot right of the middle of an image wider than high: turned by 90 degrees it lies as far above or below."""
    turned = changed(spot(30, 70), [Change(**{**asdict(STILL), "turn_deg": 90.0})])
    row, column = place(turned)
    assert column == pytest.approx(49.5, abs=1)
    assert abs(row - 29.5) == pytest.approx(20.5, abs=1)


def test_mirror_shift_and_zoom_move_a_spot_as_they_say() -> None:
    row, column = place(changed(spot(20, 30), [Change(**{**asdict(STILL), "mirror": True})]))
    assert (row, column) == pytest.approx((20, 69), abs=0.5)
    row, column = place(changed(spot(20, 30), [Change(**{**asdict(STILL), "zoom": 1.5})]))
    assert (row, column) == pytest.approx((29.5 + 1.5 * (20 - 29.5), 49.5 + 1.5 * (30 - 49.5)), abs=0.7)
