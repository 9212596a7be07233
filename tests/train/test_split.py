"""Parts of a cohort: patients stay whole, grades are spread, copies of test images leave, too few are told."""

from collections import Counter

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install coread[train]")

from coread.errors import InputError
from coread.train.cases import Case
from coread.train.fingerprint import Fingerprint
from coread.train.plan import Plan, read_plan
from coread.train.split import CALIBRATION, LEFT_OUT, TRAINING, VALIDATION, check_parts, parts
from tests.train.cue_cohort import RECIPE

pytestmark = pytest.mark.train


def found(patients: int, split: str = "", near: tuple[tuple[int, int], ...] = ()) -> Fingerprint:
    rng = np.random.default_rng(1)
    cases = []
    for k in range(2 * patients):
        shares = tuple(float(g == (0 if rng.random() < 0.6 else int(rng.integers(4)))) for g in range(4))
        cases.append(Case(f"{k}.png", f"p{k // 2}", "", split, shares if sum(shares) == 1 else (1.0, 0.0, 0.0, 0.0)))
    return Fingerprint(tuple(cases), (), tuple(k // 2 for k in range(2 * patients)), (), near, ())


@pytest.fixture
def plan(tmp_path) -> Plan:
    (tmp_path / "r.toml").write_text(RECIPE)
    return read_plan(tmp_path / "r.toml")[0]


def test_patients_stay_whole_and_shares_are_met(plan: Plan) -> None:
    cohort = found(100)
    part = parts(cohort, plan)
    of_patient: dict[int, set[str]] = {}
    for group, name in zip(cohort.groups, part, strict=True):
        of_patient.setdefault(group, set()).add(name)
    assert all(len(names) == 1 for names in of_patient.values())
    counts = Counter(part)
    assert counts[VALIDATION] == pytest.approx(0.15 * 200, abs=6)
    assert counts[CALIBRATION] == pytest.approx(0.2 * 200, abs=6)
    assert parts(cohort, plan) == part


def test_a_copy_of_a_test_image_is_left_out(plan: Plan) -> None:
    cohort = found(40, near=((3, 10),))
    cases = list(cohort.cases)
    for k in (10, 11):
        cases[k] = Case(cases[k].study, cases[k].patient, "", "test", cases[k].shares)
    part = parts(Fingerprint(tuple(cases), (), cohort.groups, (), cohort.near, ()), plan)
    assert part[3] == LEFT_OUT
    assert (part[10], part[11]) == ("test", "test")


def test_what_the_cohort_says_stands(plan: Plan) -> None:
    cohort = found(30)
    cases = tuple(Case(c.study, c.patient, "", "val" if k // 2 < 5 else "train", c.shares) for k, c in enumerate(cohort.cases))
    part = parts(Fingerprint(cases, (), cohort.groups, (), (), ()), plan)
    assert [k for k, name in enumerate(part) if name == VALIDATION] == list(range(10))
    assert CALIBRATION in part


def test_too_few_to_calibrate_is_one_sentence(plan: Plan) -> None:
    cohort = found(25)
    with pytest.raises(InputError, match=r"held out for calibration, sets of level 0\.9 need 9"):
        check_parts(cohort, parts(cohort, plan), plan)


def test_a_grade_that_nobody_learns_is_told(plan: Plan) -> None:
    cohort = found(100)
    cases = tuple(Case(c.study, c.patient, "", "", (1.0, 0.0, 0.0, 0.0) if c.grade == 3 else c.shares) for c in cohort.cases)
    cohort = Fingerprint(cases, (), cohort.groups, (), (), ())
    part = parts(cohort, plan)
    assert any("no case of the training part has the grade 3" in note for note in check_parts(cohort, part, plan))
    assert TRAINING in part
