from dataclasses import replace

import numpy as np
import pytest

from coread.simulate.film import add_marker, attenuation_per_mm, display, expose, field_mask
from coread.simulate.record import FilmRecord

CLEAN = FilmRecord(pixel_mm=0.1, photons=0, blur_mm=0, scatter=0, heel=(0.0, 0.0), latitude=0, sharpen=0, curve=0, gamma=1.0)


@pytest.mark.parametrize(
    ("material", "energy", "expected"),
    # NIST mass attenuation coefficients times density, cm2/g * g/cm3 / 10
    [("bone", 30, 1.331 * 1.92 / 10), ("bone", 40, 0.6655 * 1.92 / 10), ("soft", 30, 0.3790 * 1.06 / 10), ("fat", 40, 0.2396 * 0.95 / 10)],
)
def test_coefficients_at_the_tables_energies(material, energy, expected):
    assert attenuation_per_mm(material, energy) == pytest.approx(expected, rel=1e-12)


def test_bone_stops_more_than_soft_tissue_and_that_more_than_fat():
    for energy in (30, 33, 36, 40):
        assert attenuation_per_mm("bone", energy) > 4 * attenuation_per_mm("soft", energy)
        assert attenuation_per_mm("soft", energy) > attenuation_per_mm("fat", energy) > 0


def test_clean_exposure_is_beer_lambert():
    thickness = np.linspace(0, 60, 64, dtype=np.float32).reshape(8, 8)
    mu = attenuation_per_mm("soft", 35)
    assert np.allclose(expose(np.float32(mu) * thickness, CLEAN), np.exp(-mu * thickness), rtol=1e-5)


def test_quantum_noise_has_the_counts_variance():
    film = replace(CLEAN, photons=2.0e5, electronic=0.0)
    flat = np.full((400, 400), 0.7, dtype=np.float32)
    signal = expose(flat, film)
    expected = np.exp(-0.7) / (2.0e5 * 0.01)
    assert float(signal.mean()) == pytest.approx(np.exp(-0.7), rel=1e-3)
    assert float(signal.var()) == pytest.approx(expected, rel=0.03)


def test_scatter_brightens_what_lies_behind_bone_and_keeps_the_mean():
    integral = np.zeros((300, 300), dtype=np.float32)
    integral[100:200, 100:200] = 2.0
    clean, scattered = expose(integral, CLEAN), expose(integral, replace(CLEAN, scatter=0.3))
    assert scattered[150, 150] > clean[150, 150] * 1.1
    assert float(scattered.mean()) == pytest.approx(float(clean.mean()), rel=0.03)


def test_display_keeps_the_order_and_fills_the_range():
    signal = np.exp(-np.linspace(0, 2, 10000, dtype=np.float32)).reshape(100, 100)
    for curve, gamma in ((0, 1.0), (2.0, 1.0), (1.0, 1.3)):
        shown = display(signal, replace(CLEAN, curve=curve, gamma=gamma)).ravel()
        assert (np.diff(shown) >= 0).all()
        assert shown[0] < 0.06
        assert shown[-1] > 0.94
        assert np.allclose(shown * 4095, np.rint(shown * 4095), atol=1e-3)


def test_marker_is_a_readable_letter():
    integral = np.zeros((600, 600), dtype=np.float32)
    add_marker(integral, replace(CLEAN, marker="L", marker_at=(0.5, 0.5)))
    rows, cols = np.nonzero(integral > 1)
    assert 10 < (np.ptp(rows) + 1) * 0.1 < 16
    # an L has its weight at the left and at the bottom
    assert cols.mean() < (cols.min() + cols.max()) / 2
    assert rows.mean() > (rows.min() + rows.max()) / 2


def test_a_marker_beyond_the_border_is_kept_on_the_film():
    integral = np.zeros((200, 300), dtype=np.float32)
    add_marker(integral, replace(CLEAN, marker="R", marker_at=(0.999, 0.001)))
    assert (integral > 1).sum() > 100


def test_collimator():
    mask = field_mask((100, 200), replace(CLEAN, collimator=(1.0, 2.0, 3.0, 0.0)))
    assert mask is not None
    assert mask.sum() == (100 - 20) * (200 - 10 - 30)
    assert field_mask((100, 200), CLEAN) is None
