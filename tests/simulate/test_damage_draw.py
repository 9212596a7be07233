"""Drawn damage: the same draw again, and the disease's order, symmetry and correlations over many patients."""

from types import SimpleNamespace

import numpy as np
import pytest

from coread.errors import InputError
from coread.simulate.damage_draw import draw_damage, draw_patient
from coread.simulate.damage_record import EROSION_SITES, NARROWING_SITES

JOINTS = [SimpleNamespace(name=n) for n in dict.fromkeys(EROSION_SITES + NARROWING_SITES)]
PATIENTS = 600


@pytest.fixture(scope="module")
def patients():
    """(patients, hands, sites) number of bites, and the same for the share of space lost."""
    random = np.random.default_rng(2)
    bites = np.zeros((PATIENTS, 2, len(EROSION_SITES)))
    lost = np.zeros((PATIENTS, 2, len(NARROWING_SITES)))
    severity = np.zeros(PATIENTS)
    for p in range(PATIENTS):
        for h, record in enumerate(draw_patient(random, JOINTS, JOINTS)):
            severity[p] = record.severity
            for one in record.bites:
                bites[p, h, EROSION_SITES.index(one.site)] += 5 if one.kind == "collapse" else 1
            for one in record.narrowed:
                lost[p, h, NARROWING_SITES.index(one.site)] = one.lost
    return severity, bites, lost


def test_the_same_seed_draws_the_same_damage():
    one, two, three = (draw_damage(np.random.default_rng(seed), JOINTS, 0.6) for seed in (5, 5, 6))
    assert one == two
    assert one != three


def test_no_severity_no_damage_but_variants_and_shams_all_the_same():
    records = [draw_damage(np.random.default_rng(seed), JOINTS, 0.0) for seed in range(60)]
    assert not any(r.bites or r.narrowed or r.subluxed for r in records)
    healthy = np.mean([len(r.mimics) for r in records])
    sick = np.mean([len(draw_damage(np.random.default_rng(seed), JOINTS, 0.9).mimics) for seed in range(60)])
    assert healthy > 3
    assert healthy == pytest.approx(sick, rel=0.2)


def test_wrist_and_second_and_third_mcp_come_first(patients):
    _, bites, _ = patients
    often = dict(zip(EROSION_SITES, (bites > 0).mean(axis=(0, 1)), strict=True))
    first = [often[s] for s in ("MCP 2", "MCP 3", "ulna")]
    assert min(first) > max(often[s] for s in ("PIP 5", "IP thumb", "MCP 4", "metacarpal 1 base"))


def test_severity_both_hands_and_both_features_go_together(patients):
    severity, bites, lost = patients
    bites = np.minimum(bites, 2)
    assert np.corrcoef(severity, bites.sum(axis=(1, 2)))[0, 1] > 0.5
    assert np.corrcoef(severity, lost.sum(axis=(1, 2)))[0, 1] > 0.7
    # the same joint of both hands, beyond what severity explains
    heavy = severity > 0.4
    same = np.corrcoef(bites[heavy, 0].ravel(), bites[heavy, 1].ravel())[0, 1]
    crossed = np.corrcoef(bites[heavy, 0, :5].ravel(), bites[heavy, 1, 5:10].ravel())[0, 1]
    assert same > 0.2
    assert same > crossed + 0.05
    joint = [s for s in EROSION_SITES if s in NARROWING_SITES]
    eroded = bites[heavy][..., [EROSION_SITES.index(s) for s in joint]].ravel()
    narrow = lost[heavy][..., [NARROWING_SITES.index(s) for s in joint]].ravel()
    assert np.corrcoef(eroded, narrow)[0, 1] > 0.2


def test_only_the_given_joints_are_damaged():
    few = [SimpleNamespace(name=n) for n in ("MCP 2", "scaphoid")]
    for seed in range(20):
        record = draw_damage(np.random.default_rng(seed), few, 1.0)
        groups = (record.bites, record.narrowed, record.subluxed, record.osteopenic, record.mimics)
        assert {one.site for group in groups for one in group} <= {"MCP 2", "scaphoid"}


def test_a_severity_out_of_range_is_refused():
    with pytest.raises(InputError, match=r"severity is 1\.5"):
        draw_damage(np.random.default_rng(0), JOINTS, 1.5)
