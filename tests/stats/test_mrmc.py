import numpy as np
import pytest

from coread.stats.auc import compare_aucs
from coread.stats.mrmc import DESIGNS, MrmcComponents, dorfman_berbaum_metz, obuchowski_rockette
from tests.stats.golden_numbers import golden, study

PUBLISHED = golden("mrmc")
METHODS = {"or": obuchowski_rockette, "dbm": dorfman_berbaum_metz}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("name", ["van_dyke", "franken"])
def test_published_analyses(name: str, design: str, method: str) -> None:
    expected = PUBLISHED[name][method][design]
    found = METHODS[method](*study(name), design=design)
    assert found.test is not None
    figures = {
        "f": found.test.f,
        "df": found.test.df_denominator,
        "p": found.test.p_value,
        "difference": found.differences[0].estimate,
        "standard_error": found.differences[0].standard_error,
        "low": found.differences[0].low,
        "high": found.differences[0].high,
        "treatment_low": [t.low for t in found.treatments],
        "treatment_high": [t.high for t in found.treatments],
    }
    assert set(expected) <= set(figures)
    for key, (value, digits) in expected.items():
        assert figures[key] == pytest.approx(value, abs=0.51 * 10**-digits), key
    assert found.differences[0].p_value == pytest.approx(found.test.p_value, abs=1e-9)


@pytest.mark.parametrize("name", ["van_dyke", "franken", "kundel_computed_radiography"])
def test_both_methods_are_one_where_readers_and_cases_are_random(name: str) -> None:
    truth, ratings = study(name)
    first, second = obuchowski_rockette(truth, ratings), dorfman_berbaum_metz(truth, ratings)
    assert first.test is not None
    assert second.test is not None
    for key in ("f", "df_denominator", "p_value"):
        assert getattr(second.test, key) == pytest.approx(getattr(first.test, key))
    for key in MrmcComponents.__dataclass_fields__:
        assert getattr(second.components, key) == pytest.approx(getattr(first.components, key), abs=1e-12)
    assert [(t.low, t.high) for t in first.treatments] == [pytest.approx((t.low, t.high)) for t in second.treatments]


@pytest.mark.parametrize("name", ["van_dyke", "franken"])
def test_published_components_and_aucs(name: str) -> None:
    expected = PUBLISHED[name]
    for method in METHODS.values():
        found = method(*study(name))
        assert found.auc == pytest.approx(np.array(expected["auc"]), abs=0.51e-8)
        for component, value in expected["components"].items():
            assert getattr(found.components, component) == pytest.approx(value, abs=0.51e-8), component


def test_one_reader_is_the_paired_comparison() -> None:
    truth, ratings = study("van_dyke")
    found = obuchowski_rockette(truth, ratings[:, :1], design="fixed readers", covariance="delong")
    delong = compare_aucs(truth, ratings[:, 0]).differences[0]
    assert found.differences[0].p_value == pytest.approx(delong.p_value)
    assert found.differences[0].low == pytest.approx(delong.low)


def test_delong_covariances_are_near_the_jackknife() -> None:
    jackknife, delong = (obuchowski_rockette(*study("van_dyke"), covariance=c) for c in ("jackknife", "delong"))
    assert jackknife.test is not None
    assert delong.test is not None
    assert delong.test.p_value == pytest.approx(jackknife.test.p_value, rel=0.02)


def test_order_of_readers_and_cases_does_not_matter() -> None:
    truth, ratings = study("franken")
    random = np.random.default_rng(4)
    cases, readers = random.permutation(truth.size), random.permutation(ratings.shape[1])
    for method in METHODS.values():
        first, second = method(truth, ratings), method(truth[cases], ratings[:, readers][:, :, cases])
        assert first.test is not None
        assert second.test is not None
        assert second.test.p_value == pytest.approx(first.test.p_value)
        assert second.treatments[0].low == pytest.approx(first.treatments[0].low)


def test_one_treatment_has_a_mean_and_no_test() -> None:
    truth, ratings = study("van_dyke")
    for method in METHODS.values():
        found, both = method(truth, ratings[:1]), method(truth, ratings)
        assert found.test is None
        assert found.treatments[0].low == pytest.approx(both.treatments[0].low)


def test_three_treatments_without_a_difference_reject_in_about_5_percent() -> None:
    random = np.random.default_rng(7)
    truth = np.repeat([0, 1], 30)
    rejected = 0
    for _ in range(300):
        case, reader = random.standard_normal(60), 0.3 * random.standard_normal((1, 4, 1))
        scores = 1.2 * truth * (1 + reader) + 0.7 * case + 0.7 * random.standard_normal((3, 4, 60))
        found = obuchowski_rockette(truth, scores)
        assert found.test is not None
        rejected += found.test.p_value < 0.05
    assert 0.015 < rejected / 300 < 0.09


@pytest.mark.parametrize(
    ("shape", "design", "said"),
    [((2, 1, 4), DESIGNS[0], "one reader"), ((2, 2, 5), DESIGNS[0], "4 cases"), ((2, 2, 4), "all", "design must be")],
)
def test_refuses(shape: tuple[int, int, int], design: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        obuchowski_rockette([0, 0, 1, 1], np.arange(np.prod(shape)).reshape(shape), design=design)  # type: ignore[arg-type]


def test_refuses_missing_and_constant() -> None:
    ratings = np.ones((2, 2, 4))
    with pytest.raises(ValueError, match="no variance"):
        obuchowski_rockette([0, 0, 1, 1], ratings)
    ratings[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="missing"):
        dorfman_berbaum_metz([0, 0, 1, 1], ratings)
    with pytest.raises(ValueError, match="two positive and two negative"):
        obuchowski_rockette([0, 0, 0, 1], np.ones((2, 2, 4)))
