"""A damage record is plain values: it goes through JSON unchanged, and what is none is refused."""

from types import SimpleNamespace

import numpy as np
import pytest

from coread.errors import InputError
from coread.scoring import system
from coread.simulate.damage_draw import draw_damage
from coread.simulate.damage_record import EROSION_SITES, NARROWING_SITES, DamageRecord

JOINTS = [SimpleNamespace(name=n) for n in dict.fromkeys(EROSION_SITES + NARROWING_SITES)]


@pytest.mark.parametrize("seed", range(5))
def test_json_gives_the_record_back(seed):
    record = draw_damage(np.random.default_rng(seed), JOINTS, 0.9)
    assert record.bites
    assert record.narrowed
    assert record.mimics
    assert DamageRecord.from_json(record.to_json()) == record


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"severity": 1}', DamageRecord(0.5).to_json().replace("seed", "sead")])
def test_other_text_is_refused(text):
    with pytest.raises(InputError, match="damage record"):
        DamageRecord.from_json(text)


def test_the_sites_are_those_of_the_score():
    hand = {(i.feature, i.site) for i in system("svdh").items if i.region.startswith("hand")}
    assert {s for f, s in hand if f == "erosion"} == set(EROSION_SITES)
    assert {s for f, s in hand if f == "joint_space_narrowing"} == set(NARROWING_SITES)
