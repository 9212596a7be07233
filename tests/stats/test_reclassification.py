import numpy as np
import pytest

from coread.stats.reclassification import net_reclassification


def moved(up: int, down: int, n: int) -> np.ndarray:
    return np.repeat([1.0, -1.0, 0.0], [up, down, n - up - down])


def test_framingham() -> None:
    """Pencina et al. 2008: of 183 events 29 up and 7 down, of 3081 others 173 up and 174 down; 0.121, z 3.616 with the null variance."""
    new = np.concatenate([moved(29, 7, 183), moved(173, 174, 3081)])
    event = np.arange(len(new)) < 183
    ours = net_reclassification(np.zeros(len(new)), new, event)
    assert round(ours.total.estimate, 3) == 0.121
    assert round(ours.events.estimate, 3) == 0.120
    assert round(ours.nonevents.estimate, 3) == 0.000
    z = ours.total.estimate / np.sqrt((29 + 7) / 183**2 + (173 + 174) / 3081**2)
    assert round(z, 3) == 3.616
    assert 0 < ours.total.low < 0.06


def test_categories_ignore_moves_within() -> None:
    old, new = [0.05, 0.15, 0.30, 0.10, 0.19], [0.09, 0.25, 0.15, 0.12, 0.2]
    event = np.array([True, True, False, False, False])
    ours = net_reclassification(old, new, event, cuts=[0.1, 0.2])
    assert ours.events.estimate == 0.5
    assert ours.nonevents.estimate == pytest.approx(1 / 3 - 1 / 3)
    assert "3 categories" in ours.total.method


def test_exchange_of_models_changes_the_sign() -> None:
    random = np.random.default_rng(1)
    old, new = random.random((2, 80))
    event = random.random(80) < 0.4
    there, back = net_reclassification(old, new, event), net_reclassification(new, old, event)
    assert (there.total.estimate, there.total.low) == pytest.approx((-back.total.estimate, -back.total.high))


def test_without_a_value() -> None:
    assert "there are no events" in net_reclassification([0.1, 0.2], [0.2, 0.1], np.array([False, False])).total.undefined
    assert "moved alike" in net_reclassification([0.1, 0.2], [0.1, 0.2], np.array([False, True])).total.undefined


def test_refuses() -> None:
    with pytest.raises(ValueError, match="same patients"):
        net_reclassification([0.1], [0.1, 0.2], np.array([True]))
    with pytest.raises(ValueError, match="True or False"):
        net_reclassification([0.1], [0.1], [1])
    with pytest.raises(ValueError, match="cuts must ascend"):
        net_reclassification([0.1], [0.1], np.array([True]), cuts=[0.2, 0.1])
