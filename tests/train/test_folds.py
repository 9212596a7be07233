"""Cross-validation: nobody is judged by a network that saw them, their copies or their centre, nor calibrated by themselves."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install coread[train]")

from coread.errors import InputError
from coread.train.folds import cross_calibrated, fold_names, out_of_fold
from coread.train.plan import read_plan
from tests.train.cue_cohort import RECIPE
from tests.train.test_split import found

pytestmark = pytest.mark.train


def test_folds_hold_whole_patients_of_like_size() -> None:
    cohort = found(40)
    names = fold_names(cohort, range(80), 5, ())
    of_patient: dict[int, set[str]] = {}
    for group, name in zip(cohort.groups, names, strict=True):
        of_patient.setdefault(group, set()).add(name)
    assert all(len(folds) == 1 for folds in of_patient.values())
    assert sorted(set(names)) == [f"fold {k}" for k in range(1, 6)]
    assert max(names.count(f"fold {k}") for k in range(1, 6)) <= 24


def test_nobody_is_judged_by_a_network_that_saw_them(tmp_path) -> None:
    (tmp_path / "r.toml").write_text(RECIPE)
    plan = read_plan(tmp_path / "r.toml")[0]
    cohort = found(30)
    column = ["north" if k < 21 else "south" for k in range(60)]  # patient 10 has images of both centres
    seen: dict[str, set[int]] = {}

    def judge(name: str, learned: list[int], stopped: list[int], held: list[int]) -> np.ndarray:
        used = {cohort.groups[k] for k in (*learned, *stopped)}
        assert not used & {cohort.groups[k] for k in held}
        assert not set(learned) & set(stopped)
        assert len(stopped) > 0
        seen[name] = set(held)
        return np.tile([0.4, 0.3, 0.2, 0.1], (len(held), 1)) + 0.001 * np.array(held)[:, None]

    said = out_of_fold(cohort, plan, list(range(60)), fold_names(cohort, range(60), 0, column), judge)
    np.testing.assert_allclose(said[:, 0], 0.4 + 0.001 * np.arange(60))
    assert seen == {"north": set(range(21)), "south": set(range(21, 60))}


def test_a_fold_is_calibrated_by_the_others() -> None:
    """The answers of one fold are turned round: its own calibration would see that, that of the others cannot."""
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=120)
    right = np.where(truth == 1, 0.8, 0.2)
    names = ["a"] * 60 + ["b"] * 60
    score = np.where(np.arange(120) < 60, right, 1 - right)
    shares, _ = cross_calibrated(truth, np.stack([1 - score, score], axis=1), names, "nominal", 0.9)
    assert shares[:60][truth[:60] == 1, 1].mean() < 0.8
    assert shares[60:][truth[60:] == 1, 1].mean() < 0.2


def test_a_study_without_a_centre_is_one_sentence() -> None:
    with pytest.raises(InputError, match="folds need two values or more and one for each study, got none, north"):
        fold_names(found(2), range(4), 0, ["north", "north", "", "north"])
