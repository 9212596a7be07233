"""Properties that every measure of its kind has, stated once."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coread.stats.auc import auc
from coread.stats.binary import binary_measures
from coread.stats.brier import brier
from coread.stats.calibration import calibration_error
from coread.stats.grading import c_index
from coread.stats.overlap import overlap, surface_dice, surface_distances
from coread.stats.partial_auc import Band, partial_auc
from coread.stats.precision_recall import average_precision

Measure = Callable[[np.ndarray, np.ndarray], float | None]

RANKED: dict[str, Measure] = {
    "auc": lambda t, s: auc(t, s).estimate,
    "auc by patient": lambda t, s: auc(t, s, np.arange(t.size) // 2).estimate,
    "c_index": lambda t, s: c_index(t, s).estimate,
    "partial auc, whole": lambda t, s: partial_auc(t, s, Band(0, 1)).estimate,
    "partial auc": lambda t, s: partial_auc(t, s, Band(0.7, 1.0, corrected=True)).estimate,
    "average precision": lambda t, s: average_precision(t, s).estimate,
}
CALLED: dict[str, Measure] = {
    name: lambda t, s, name=name: getattr(binary_measures(t, s > 0.5), name).estimate  # type: ignore[misc]
    for name in ("sensitivity", "specificity", "ppv", "npv", "accuracy", "balanced_accuracy", "f1")
}
LOSSES: dict[str, Measure] = {
    "brier": lambda t, s: brier(t, s).score.estimate,
    "ece": lambda t, s: calibration_error(t, s, ("width", 5)).plug_in,
}
ALL = RANKED | CALLED | LOSSES


def cases(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = np.tile([0, 1, 0], 20)
    return truth, np.round(np.clip(0.3 * truth + 0.7 * random.random(60), 0, 1), 2)


@pytest.mark.parametrize("name", [n for n in ALL if n != "auc by patient"])
@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_cases_does_not_matter(name: str, seed: int) -> None:
    truth, scores = cases(seed)
    order = np.random.default_rng(seed).permutation(60)
    assert ALL[name](truth[order], scores[order]) == pytest.approx(ALL[name](truth, scores))


@pytest.mark.parametrize("name", RANKED)
def test_only_the_rank_counts(name: str) -> None:
    truth, scores = cases(1)
    assert RANKED[name](truth, np.exp(3 * scores) - 7) == pytest.approx(RANKED[name](truth, scores))


@pytest.mark.parametrize("name", ["auc", "auc by patient", "c_index", "partial auc, whole"])
def test_swapped_labels_give_the_complement(name: str) -> None:
    truth, scores = cases(2)
    value = RANKED[name](truth, scores)
    assert value is not None
    assert RANKED[name](1 - truth, scores) == pytest.approx(1 - value)
    assert RANKED[name](truth, -scores) == pytest.approx(1 - value)


@pytest.mark.parametrize("name", RANKED | CALLED)
def test_perfect_is_one(name: str) -> None:
    truth = np.tile([0, 1], 15)
    assert ALL[name](truth, truth.astype(float)) == pytest.approx(1)


@pytest.mark.parametrize("name", LOSSES)
def test_perfect_is_no_loss(name: str) -> None:
    truth = np.tile([0, 1], 15)
    assert LOSSES[name](truth, truth.astype(float)) == pytest.approx(0)


@pytest.mark.parametrize("name", ALL)
def test_missing_values_and_lengths_are_refused(name: str) -> None:
    truth, scores = cases(0)
    missing = scores.copy()
    missing[3] = np.nan
    if name not in CALLED:
        with pytest.raises(ValueError, match="missing or infinite"):
            ALL[name](truth, missing)
    with pytest.raises(ValueError, match=r"equally long|each of the"):
        ALL[name](truth, scores[:-1])


MASKS: dict[str, Callable[[np.ndarray, np.ndarray, tuple[float, ...]], float]] = {
    "dice": lambda a, b, s: overlap(a, b, s).dice,
    "jaccard": lambda a, b, s: overlap(a, b, s).jaccard,
    "volume_similarity": lambda a, b, s: overlap(a, b, s).volume_similarity,
    "surface_dice": lambda a, b, s: surface_dice(a, b, s, 1.2 * s[0]),
    "hausdorff_mm": lambda a, b, s: surface_distances(a, b, s).hausdorff_mm,
    "hausdorff_95_mm": lambda a, b, s: surface_distances(a, b, s).hausdorff_95_mm,
    "mean_surface_distance_mm": lambda a, b, s: surface_distances(a, b, s).mean_surface_distance_mm,
}


@pytest.mark.parametrize("name", MASKS)
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_masks(name: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    a, b = random.random((2, 5, 6, 4)) < random.random()
    spacing = (1.0, 0.6, 2.5)
    measure, distance = MASKS[name], name.endswith("_mm")
    value = measure(a, b, spacing)
    assert measure(b, a, spacing) == pytest.approx(value)
    assert measure(a[::-1], b[::-1], spacing) == pytest.approx(value)
    assert measure(a.transpose(2, 0, 1), b.transpose(2, 0, 1), (2.5, 1.0, 0.6)) == pytest.approx(value) or name == "surface_dice"
    assert measure(a, b, tuple(3 * s for s in spacing)) == pytest.approx(3 * value if distance else value)
    assert measure(a, a, spacing) == (0 if distance else 1)
    assert value >= 0
    assert distance or value <= 1
