"""Agreement of readers: published tables put through readings, simulated readers of known error, symmetry, and what cannot be compared."""

import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest

import coread
from coread.agreement_comparison import ALL, BETWEEN, WITHIN, Comparison, agreement
from coread.agreement_tables import document, tables
from coread.errors import InputError
from coread.report.agreement_page import agreement_page
from coread.scoring import system, systems
from coread.stats.bland_altman import bland_altman
from coread.stats.kappa import cohen_kappa
from coread.stats.resampling import Plan
from tests.score_sheets import left_foot, reading, simulated
from tests.stats.agreement_tables import SHROUT_FLEISS

FAST = Plan(resamples=200)
TOTAL = "foot_left_erosion"


def comparison(found: coread.agreement, kind: str, *readers: str) -> Comparison:
    (made,) = [c for s in found.systems for c in s.comparisons if c.kind == kind and (not readers or c.readers == readers)]
    return made


def total(made: Comparison, name: str, what: str = "status"):
    (one,) = [t for t in made.totals if (t.total, t.what) == (name, what)]
    return one


def pairs_of(a: list[float], b: list[float], site: str = "MTP 1") -> list[coread.Reading]:
    """Two readers who differ in one site of the left foot."""
    return [reading(f"p{i}", who, left_foot({site: v})) for who, values in (("anna", a), ("ben", b)) for i, v in enumerate(values)]


def test_shrout_and_fleiss_as_readings() -> None:
    """Their six subjects and four judges as erosion of one joint: tables 3 and 4 print ICC(2,1) 0.29 and ICC(3,1) 0.71."""
    readings = [
        reading(f"subject {row}", f"judge {judge}", left_foot({"MTP 1": score}))
        for row, scores in enumerate(SHROUT_FLEISS)
        for judge, score in enumerate(scores)
    ]
    found = agreement(readings, plan=FAST)
    everyone = total(comparison(found, ALL), TOTAL)
    assert round(everyone.estimates["icc_2_1"].estimate, 2) == 0.29
    assert round(everyone.estimates["icc_3_1"].estimate, 2) == 0.71
    assert everyone.estimates["icc_2_1"].n == 6
    assert len([c for c in found.systems[0].comparisons if c.kind == BETWEEN]) == 6


def test_limits_and_kappa_are_those_of_the_columns() -> None:
    a, b = [0, 1, 2, 3, 10, 4, 0, 2], [1, 1, 2, 5, 8, 4, 0, 3]
    made = comparison(agreement(pairs_of(a, b), plan=FAST), BETWEEN)
    estimates = total(made, TOTAL).estimates
    limits = bland_altman(np.array(a, float), np.array(b, float))
    assert estimates["bias"] == limits.bias
    assert estimates["limit_low"] == limits.lower
    assert estimates["sdd_95"].estimate == pytest.approx(1.959964 * np.std(np.subtract(a, b), ddof=1))
    assert estimates["sdd_95_mean"].estimate == pytest.approx(estimates["sdd_95"].estimate / math.sqrt(2))
    (site,) = [g for g in made.grades if (g.level, g.name) == ("site", "MTP 1, left")]
    for scheme in ("quadratic", "linear"):
        assert site.estimates[f"kappa_{scheme}"].estimate == pytest.approx(cohen_kappa(np.column_stack([a, b]), scheme).estimate)
    assert site.estimates["exact"].estimate == 4 / 8
    assert site.estimates["within_one"].estimate == 6 / 8


def test_simulated_readers_of_known_error() -> None:
    """Errors of one unit of SD per site make a total's error known: SDD 1.96 sqrt(2) sd, SDC of changes 1.96 sqrt(2) sd as well."""
    random = np.random.default_rng(7)
    sites = ["MTP 1", "MTP 2", "MTP 3", "MTP 4", "MTP 5", "IP hallux"]
    readings = []
    for patient in range(400):
        for day in (0, 365):
            for who in ("anna", "ben"):
                values = {site: 5.0 + random.choice([-1, 1]) for site in sites}
                readings.append(reading(f"p{patient}", who, left_foot(values), day))
    made = comparison(agreement(readings, plan=FAST), BETWEEN)
    sd = math.sqrt(len(sites))
    status, change = total(made, TOTAL), total(made, TOTAL, "change")
    assert len(change.scores) == 400
    for key, estimates, truth in [
        ("sem", status.estimates, sd),
        ("sdd_95", status.estimates, 1.96 * math.sqrt(2) * sd),
        ("sdc_sem_95", status.estimates, 1.96 * math.sqrt(2) * sd),
        ("sdc_95", change.estimates, 1.96 * math.sqrt(2) * sd),
        ("sdc_95_mean", change.estimates, 1.96 * sd),
        ("sdc_80_mean", change.estimates, 1.2816 * sd),
    ]:
        assert estimates[key].estimate == pytest.approx(truth, rel=0.07), key
        assert estimates[key].low < truth < estimates[key].high, key
    assert abs(status.estimates["icc_3_1"].estimate) < 0.1
    # nobody truly changed: the mean of two readers lies beyond its SDC in a twentieth of them, if errors are about normal
    beyond = change.estimates["worse"].estimate + change.estimates["better"].estimate
    assert beyond == pytest.approx(0.05, abs=0.035)


def test_readers_swapped() -> None:
    readings = simulated(12, ("anna", "ben"), (0, 365))
    swap = {"anna": "zoe", "ben": "ben"}
    swapped = [replace(r, reader=replace(r.reader, id=swap[r.reader.id])) for r in readings]
    one, other = (comparison(agreement(r, plan=FAST), BETWEEN) for r in (readings, swapped))
    assert other.readers == ("ben", "zoe")
    for a, b in zip(one.totals, other.totals, strict=True):
        for key, estimate in a.estimates.items():
            mirrored = {"limit_low": "limit_high", "limit_high": "limit_low"}.get(key, key)
            sign = -1 if key in ("bias", "limit_low", "limit_high", "slope") else 1
            assert estimate.estimate == pytest.approx(sign * b.estimates[mirrored].estimate), (a.total, key)
    for a, b in zip(one.grades, other.grades, strict=True):
        for key, estimate in a.estimates.items():
            assert estimate.estimate == pytest.approx(b.estimates[key].estimate)
    assert [d.points for d in one.drivers] == [d.points for d in other.drivers]


def test_a_site_that_drives_the_disagreement_comes_first_and_shares_add_up() -> None:
    readings = simulated(15, ("anna",))
    spoilt = []
    for r in readings:
        findings = [
            replace(f, grade=min(5.0, f.grade + 3)) if (f.site, f.side, f.feature) == ("ulna", "left", "erosion") else f for f in r.findings
        ]
        spoilt.append(replace(r, reader=replace(r.reader, id="ben"), findings=tuple(findings)))
    made = comparison(agreement(readings, spoilt, plan=FAST), BETWEEN)
    first = made.drivers[0]
    assert (first.item.site, first.item.side, first.share.estimate) == ("ulna", "left", 1.0)
    assert first.mean_difference < -1
    made = comparison(agreement(simulated(15, ("anna", "ben")), plan=FAST), BETWEEN)
    assert sum(d.share.estimate for d in made.drivers) == pytest.approx(1)
    assert [d.points for d in made.drivers] == sorted((d.points for d in made.drivers), reverse=True)


def test_repeats_by_one_reader_are_compared_with_each_other_only() -> None:
    first = simulated(10, ("anna", "ben"), seed=1)
    again = [replace(r, read=2, uid=r.uid + "1") for r in simulated(10, ("anna",), seed=2)]
    found = agreement(first, again, plan=FAST)
    within = comparison(found, WITHIN)
    assert within.readers == ("anna, read 1", "anna, read 2")
    assert comparison(found, BETWEEN).readers == ("anna", "ben")
    alone = comparison(agreement([r for r in first if r.reader.id == "anna"], again, plan=FAST), WITHIN)
    assert alone.totals[0].estimates == within.totals[0].estimates


def test_perfect_agreement_is_one_and_says_why_it_has_no_interval() -> None:
    readings = simulated(10, ("anna",))
    copies = [replace(r, reader=replace(r.reader, id="ben")) for r in readings]
    made = comparison(agreement(readings, copies, plan=FAST), BETWEEN)
    icc = total(made, "hands").estimates["icc_2_1"]
    assert (icc.estimate, icc.low) == (1.0, None)
    assert "no error" in icc.undefined
    assert made.grades[0].estimates["kappa_quadratic"].estimate == 1.0
    assert "no disagreement" in made.drivers[0].share.undefined


def test_constant_scores_have_a_reason_and_no_number() -> None:
    made = comparison(agreement(pairs_of([2] * 6, [2] * 6), plan=FAST), BETWEEN)
    icc = total(made, TOTAL).estimates["icc_2_1"]
    assert icc.estimate is None
    assert "all scores are the same" in icc.undefined
    (site,) = [g for g in made.grades if g.name == "MTP 1, left"]
    assert "one and the same grade" in site.estimates["kappa_linear"].undefined
    assert site.estimates["exact"].estimate == 1.0


def test_a_missing_visit_is_named_and_left_out() -> None:
    readings = simulated(8, ("anna", "ben"), (0, 365))
    some = [r for r in readings if not (r.reader.id == "ben" and r.study.source == "p3 day 365")]
    found = agreement(some, plan=FAST)
    assert any(note.startswith("ben did not read exam p3 day 365") for note in found.systems[0].notes)
    change = total(comparison(found, BETWEEN), "hands", "change")
    assert (len(change.scores), change.left_out) == (7, 1)
    assert "p3" not in change.patients.tolist()
    assert any(note.startswith("change: patients left out because") and ": 1 of 8 (" in note for note in comparison(found, BETWEEN).notes)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda rs: [r for r in rs if r.reader.id == "anna"], "one reader only, anna"),
        (lambda rs: [*rs, rs[0]], r"p0 day 0: stands twice under svdh for anna, read 1"),
        (lambda rs: [replace(rs[0], study=replace(rs[0].study, patient="p9")), *rs[1:]], "is of patient p9 in one reading and of p0"),
        (lambda rs: [replace(rs[0], study=replace(rs[0].study, timepoint_days=9)), *rs[1:]], "its timepoint is 9 in one reading and 0"),
        (lambda rs: [r for r in rs if (r.reader.id == "anna") == (r.study.patient == "p0")], "no exam was read by two readers"),
        (lambda rs: [], "no reading was given"),
    ],
)
def test_what_cannot_be_compared_is_told(spoil, said: str) -> None:
    with pytest.raises(InputError, match=said):
        agreement(spoil(simulated(3, ("anna", "ben"))), plan=FAST)


def test_a_patient_in_two_systems() -> None:
    one, other = (lambda *key: 0.0), (lambda *key: 1.0 if key[0] == "MCP 2" else 0.0)
    readings = [reading(f"p{i}", who, other, of="svdh") for i in range(3) for who in ("anna", "ben")]
    readings += [reading("p9", "anna", one, of="svdh"), reading("p9", "ben", one, of="larsen")]
    found = agreement(readings, plan=FAST)
    assert [s.system for s in found.systems] == ["svdh", "larsen"]
    assert not found.systems[1].comparisons
    assert any("no two readers used one system for patient p9 (p9: svdh by anna; larsen by ben)" in n for n in found.systems[0].notes)


def test_studies_named_differently_meet_by_patient_and_timepoint() -> None:
    readings = simulated(6, ("anna", "ben"), (0, 365))
    renamed = [replace(r, study=replace(r.study, source=f"{r.reader.id}/{r.study.source}")) for r in readings]
    made, plain = agreement(renamed, plan=FAST), agreement(readings, plan=FAST)
    assert "matched by patient and timepoint" in made.systems[0].notes[0]
    assert comparison(made, BETWEEN).totals[0].estimates == comparison(plain, BETWEEN).totals[0].estimates


def test_no_number_without_its_reason() -> None:
    """Whatever is left out, every estimate has a number and an interval, or says why not."""
    random = np.random.default_rng(5)
    readings = simulated(5, ("anna", "ben", "cleo"), (0, 90, 365))
    holes = [replace(r, findings=tuple(f for f in r.findings if random.random() < 0.7)) for r in readings if random.random() < 0.8]
    from coread.reading_totals import with_totals

    found = agreement([with_totals(r) for r in holes], plan=FAST)
    estimates = [e for s in found.systems for c in s.comparisons for t in (*c.totals, *c.grades) for e in t.estimates.values()]
    estimates += [d.share for s in found.systems for c in s.comparisons for d in c.drivers]
    assert len(estimates) > 500
    assert all((e.low is None) == bool(e.undefined) for e in estimates)
    assert any("graded by some of them and not by all" in note for s in found.systems for c in s.comparisons for note in c.notes)


@pytest.mark.parametrize("name", systems())
def test_every_system_few_patients_and_holes(name: str) -> None:
    """Three patients, grades at random, a third of the boxes and a seventh of the readings missing: tables, JSON and page are made."""
    random = np.random.default_rng(3)
    items = system(name).items
    readings = []
    for who in ("anna", "ben", "cleo"):
        for patient, day, read in itertools.product(range(3), (0, 365), (1, 2)):
            if random.random() < 0.86:
                grades = {item.key: float(random.choice(item.grades)) for item in items if random.random() < 0.67}
                readings.append(reading(f"p{patient}", who, lambda *key, grades=grades: grades.get(key), day, read, name))
    found = agreement(readings, plan=Plan(resamples=100))
    json.dumps(document(found), allow_nan=False)
    assert "nan" not in [cell for text in tables(found).values() for cell in text.casefold().replace("\n", ",").split(",")]
    assert agreement_page(found).endswith("</html>")
