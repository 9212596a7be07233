"""What holds for every coefficient of agreement and measure of error, stated once."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from coread.stats.alpha import krippendorff_alpha
from coread.stats.estimate import Estimate
from coread.stats.gwet import gwet_ac
from coread.stats.icc import SHROUT_FLEISS, icc
from coread.stats.kappa import cohen_kappa, fleiss_kappa, light_kappa, percent_agreement
from coread.stats.measurement_error import smallest_detectable_change, smallest_detectable_difference, standard_error_of_measurement
from coread.stats.resampling import Plan

Member = Callable[..., Estimate]
WEIGHTED = ("linear", "quadratic")
ALPHAS = ("nominal", "ordinal", "interval", "ratio")
ICCS: dict[str, Member] = {f"icc {form}": partial(icc, form=form) for form in SHROUT_FLEISS}
NOMINAL: dict[str, Member] = {
    "cohen": cohen_kappa,
    "light": light_kappa,
    "fleiss": fleiss_kappa,
    "ac1": gwet_ac,
    "percent": percent_agreement,
    "alpha nominal": partial(krippendorff_alpha, metric="nominal"),
}
ORDERED: dict[str, Member] = {
    **{
        f"{name} {w}": partial(f, weights=w)
        for w in WEIGHTED
        for name, f in (("cohen", cohen_kappa), ("light", light_kappa), ("ac2", gwet_ac), ("percent", percent_agreement))
    },
    "alpha ordinal": partial(krippendorff_alpha, metric="ordinal"),
    "alpha interval": partial(krippendorff_alpha, metric="interval"),
}
RATIO: dict[str, Member] = {"alpha ratio": partial(krippendorff_alpha, metric="ratio")}
ERRORS: dict[str, Member] = {
    **{f"sem {kind}": partial(standard_error_of_measurement, kind=kind) for kind in ("agreement", "consistency", "within")},
    "sdd": smallest_detectable_difference,
    "sdc": smallest_detectable_change,
}
COEFFICIENTS = {**ICCS, **NOMINAL, **ORDERED, **RATIO}
EVERY = {**COEFFICIENTS, **ERRORS}


def each(members: dict[str, Member]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("member", members.values(), ids=members.keys())


def numbers(estimate: Estimate) -> tuple[float | None, ...]:
    return estimate.estimate, estimate.low, estimate.high


@pytest.fixture
def scores() -> np.ndarray:
    """Grades 1-5 of two readers in 40 subjects, who agree as readers do."""
    random = np.random.default_rng(11)
    truth = random.integers(1, 6, 40)
    return np.clip(truth[:, None] + random.choice([-1, 0, 0, 0, 1], (40, 2)), 1, 5).astype(float)


@each(EVERY)
def test_symmetric_in_the_readers(member: Member, scores: np.ndarray) -> None:
    assert numbers(member(scores)) == pytest.approx(numbers(member(scores[:, ::-1])))


@each(EVERY)
def test_the_order_of_subjects_does_not_matter(member: Member, scores: np.ndarray) -> None:
    assert member(scores).estimate == pytest.approx(member(scores[np.random.default_rng(1).permutation(40)]).estimate)


@each(EVERY)
def test_the_estimate_lies_in_its_interval(member: Member, scores: np.ndarray) -> None:
    result = member(scores)
    assert result.low < result.estimate < result.high
    assert result.n == 40
    assert result.undefined == ""


@each({k: v for k, v in EVERY.items() if not k.startswith("alpha")})
def test_a_wider_interval_covers_more(member: Member, scores: np.ndarray) -> None:
    narrow, wide = member(scores, level=0.8), member(scores, level=0.99)
    assert wide.low < narrow.low < narrow.high <= wide.high


@each({**ICCS, **NOMINAL, **ORDERED})
def test_shifted_scores_agree_as_before(member: Member, scores: np.ndarray) -> None:
    assert numbers(member(scores + 7)) == pytest.approx(numbers(member(scores)))


@each(COEFFICIENTS)
def test_stretched_scores_agree_as_before(member: Member, scores: np.ndarray) -> None:
    assert numbers(member(scores * 3)) == pytest.approx(numbers(member(scores)))


@each(ERRORS)
def test_an_error_is_in_the_units_of_the_score(member: Member, scores: np.ndarray) -> None:
    assert numbers(member(scores * 3 + 7)) == pytest.approx(tuple(3 * x for x in numbers(member(scores))))


@each({**ICCS, **NOMINAL, **ORDERED})
def test_reversed_grades_agree_as_before(member: Member, scores: np.ndarray) -> None:
    assert numbers(member(6 - scores)) == pytest.approx(numbers(member(scores)))


@each(NOMINAL)
def test_names_of_grades_do_not_matter(member: Member, scores: np.ndarray) -> None:
    names = np.array([0, 4, 1, 3, 5, 2])
    assert numbers(member(names[scores.astype(int)])) == pytest.approx(numbers(member(scores)))


@each({**ORDERED, **RATIO})
def test_but_they_do_where_grades_are_ordered(member: Member, scores: np.ndarray) -> None:
    names = np.array([0, 4, 1, 3, 5, 2])
    assert member(names[scores.astype(int)]).estimate != pytest.approx(member(scores).estimate)


@each(COEFFICIENTS)
def test_perfect_agreement_is_one(member: Member, scores: np.ndarray) -> None:
    result = member(np.repeat(scores[:, :1], 2, axis=1))
    assert result.estimate == pytest.approx(1)
    assert "no interval" in result.undefined


@each({k: v for k, v in COEFFICIENTS.items() if not k.startswith(("percent", "ac", "icc k", "icc A,k", "icc C,k"))})
def test_chance_agreement_is_none(member: Member) -> None:
    random = np.random.default_rng(2).integers(1, 5, (3000, 2)).astype(float)
    assert abs(member(random).estimate) < 0.06


@each(EVERY)
def test_one_reader_is_refused(member: Member) -> None:
    with pytest.raises(ValueError, match="at least 2 readers, got 1"):
        member([[1.0], [2.0], [3.0]])


@each(EVERY)
def test_a_flat_list_is_refused(member: Member) -> None:
    with pytest.raises(ValueError, match="table of subjects x readers"):
        member([1.0, 2.0, 3.0])


@each({k: v for k, v in EVERY.items() if not k.startswith("alpha")})
def test_a_level_of_95_is_refused(member: Member, scores: np.ndarray) -> None:
    with pytest.raises(ValueError, match="level must lie"):
        member(scores, level=95)


@each({k: v for k, v in EVERY.items() if not k.startswith(("alpha", "ac"))})
def test_a_missing_score_is_refused_or_said(member: Member, scores: np.ndarray) -> None:
    gap = scores.copy()
    gap[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"1 of 40 subjects lack a score \(the first is row 3\)"):
        member(gap)
    assert member(gap, missing="complete").n == 39


@pytest.mark.parametrize("shape", [(0, 2), (1, 2), (2, 2), (9, 3)])
@each(EVERY)
def test_constant_scores_have_a_reason(member: Member, shape: tuple[int, int]) -> None:
    if "cohen" in repr(member) and shape[1] != 2:
        shape = (9, 2)
    result = member(np.full(shape, 2.0))
    assert result.low is None
    assert len(result.undefined) > 10


def test_alpha_resamples_by_its_plan(scores: np.ndarray) -> None:
    narrow, wide = (krippendorff_alpha(scores, plan=Plan(level=level)) for level in (0.8, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high
