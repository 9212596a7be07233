"""From path lengths to a displayed radiograph: attenuation, scatter, blur, noise, display curve, marker, collimator.

Linear attenuation coefficients: mass coefficients of Hubbell & Seltzer (NIST tables for cortical bone, soft tissue and
adipose tissue, ICRU-44) at 30 and 40 keV, interpolated log-log, times the ICRU-44 densities. A 50 kVp beam has an
effective energy near 35 keV behind a hand.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, rotate, zoom

from coread.simulate.record import FilmRecord

Image = npt.NDArray[np.float32]

_TABLE = {  # g/cm3; cm2/g at 30 and at 40 keV
    "bone": (1.92, 1.331, 0.6655),
    "soft": (1.06, 0.3790, 0.2688),
    "fat": (0.95, 0.3063, 0.2396),
}


def attenuation_per_mm(material: str, energy_kev: float) -> float:
    """Linear attenuation coefficient of ``bone`` (compact), ``soft`` tissue or ``fat`` in 1/mm, for 25 to 45 keV."""
    density, at_30, at_40 = _TABLE[material]
    power = math.log(energy_kev / 30) / math.log(40 / 30)
    return float(density * at_30 * (at_40 / at_30) ** power / 10)


def _blurred(image: Image, sigma_px: float) -> Image:
    """A wide blur, computed on a coarse copy."""
    factor = max(int(sigma_px / 3), 1)
    if factor == 1:
        out: Image = gaussian_filter(image, sigma_px, mode="nearest")
        return out
    rows, cols = (math.ceil(n / factor) * factor for n in image.shape)
    padded = np.pad(image, ((0, rows - image.shape[0]), (0, cols - image.shape[1])), mode="edge")
    small = padded.reshape(rows // factor, factor, cols // factor, factor).mean(axis=(1, 3))
    small = gaussian_filter(small, sigma_px / factor, mode="nearest")
    out = _linear(image.shape[0], small.shape[0], factor) @ small @ _linear(image.shape[1], small.shape[1], factor).T
    return out


def _linear(n: int, knots: int, factor: int) -> Image:
    """Matrix (n, knots) that interpolates between the centres of blocks of ``factor`` pixels."""
    at = np.clip((np.arange(n) + 0.5) / factor - 0.5, 0, knots - 1)
    low = np.minimum(at.astype(int), max(knots - 2, 0))
    out = np.zeros((n, knots), dtype=np.float32)
    rows = np.arange(n)
    out[rows, low] = 1 - (at - low)
    if knots > 1:
        out[rows, low + 1] += at - low
    return out


def expose(line_integral: Image, film: FilmRecord) -> Image:
    """Quanta per pixel relative to the open field, for the dimensionless integral of attenuation along each ray.

    With no scatter, blur, heel and noise this is exp(-integral) exactly.
    """
    rows, cols = line_integral.shape
    fall, direction = film.heel
    signal: Image = np.exp(-line_integral).astype(np.float32)
    if fall > 0:
        x = np.linspace(-0.5, 0.5, cols, dtype=np.float32) * math.cos(math.radians(direction))
        y = np.linspace(-0.5, 0.5, rows, dtype=np.float32)[:, None] * math.sin(math.radians(direction))
        signal = (signal * (1 + np.float32(fall) * (x + y))).astype(np.float32)
    if film.scatter > 0:
        wide = _blurred(signal, 14.0 / film.pixel_mm)
        signal = ((signal + np.float32(film.scatter) * wide) / np.float32(1 + film.scatter)).astype(np.float32)
    sigma = film.blur_mm / film.pixel_mm
    if sigma > 0.15:
        signal = gaussian_filter(signal, sigma, mode="nearest", truncate=3.0)
    if film.photons > 0:
        quanta = film.photons * film.pixel_mm**2
        noise = np.random.default_rng([film.noise_seed, 3]).standard_normal(signal.shape, dtype=np.float32)
        if sigma > 0.3:
            # the screen blurs the quanta's noise as well, though less than the signal
            noise = gaussian_filter(noise, 0.5 * sigma, mode="wrap", truncate=2.5)
            noise *= np.float32(1 / max(noise[:64, :64].std(), 1e-3)) * np.float32(1 / (1 + sigma))
        electronic = (film.electronic * (film.pixel_mm / 0.1)) ** 2
        signal = signal + (noise * np.sqrt(np.maximum(signal, 0) * quanta + electronic) / quanta).astype(np.float32)
    return np.maximum(signal, 1e-4).astype(np.float32)


def display(signal: Image, film: FilmRecord) -> Image:
    """The displayed picture, 0..1 in 4096 steps, bone bright: log, latitude compression, edge enhancement, window, curve."""
    density = -np.log(signal)
    if film.latitude > 0:
        wide = _blurred(density, 12.0 / film.pixel_mm)
        density = density - np.float32(film.latitude) * (wide - wide.mean())
    if film.sharpen > 0:
        density = density + np.float32(film.sharpen) * (density - _blurred(density, 1.2 / film.pixel_mm))
    sample = density[::5, ::5]
    sample = sample[sample < sample.min() + LEAD / 2 + 1.4] if film.marker else sample
    low = float(np.quantile(sample, 0.004 + film.window[0])) - 0.03
    high = float(np.quantile(sample, 0.9995 - film.window[1])) + 0.02
    out = np.clip((density - low) / max(high - low, 1e-3), 0, 1)
    if film.gamma != 1.0:
        out = out ** np.float32(film.gamma)
    if film.curve > 0.01:
        out = (1 - np.exp(-np.float32(film.curve) * out)) / np.float32(1 - math.exp(-film.curve))
    return (np.rint(out * 4095) / 4095).astype(np.float32)


LEAD = 2.6
"""Attenuation of the lead letter; what lies above it is left out when the window is set."""
_LETTERS = {
    "L": ("10000", "10000", "10000", "10000", "10000", "10000", "11111"),
    "R": ("11110", "10001", "10001", "11110", "10100", "10010", "10001"),
}


def marker(letter: str, pixel_mm: float, turn_deg: float, height_mm: float = 13.0) -> Image:
    """A lead letter as opacity 0..1 on a small array."""
    cells = np.array([[float(c) for c in row] for row in _LETTERS[letter]], dtype=np.float32)
    cells = np.pad(np.kron(cells, np.ones((6, 6), dtype=np.float32)), 12)
    cells = gaussian_filter(cells, 1.6) > 0.45
    factor = height_mm / (42 * pixel_mm)
    big = zoom(cells.astype(np.float32), factor, order=1)
    out: Image = np.clip(rotate(big, turn_deg, order=1, reshape=True), 0, 1).astype(np.float32)
    return out


def add_marker(line_integral: Image, film: FilmRecord) -> None:
    """Lay the lead letter onto the film, in place."""
    if not film.marker:
        return
    stamp = marker(film.marker, film.pixel_mm, film.marker_turn_deg)
    rows, cols = line_integral.shape
    r = int(film.marker_at[1] * rows - stamp.shape[0] / 2)
    c = int(film.marker_at[0] * cols - stamp.shape[1] / 2)
    r, c = max(min(r, rows - stamp.shape[0]), 0), max(min(c, cols - stamp.shape[1]), 0)
    view = line_integral[r : r + stamp.shape[0], c : c + stamp.shape[1]]
    view += np.float32(LEAD) * stamp[: view.shape[0], : view.shape[1]]


def field_mask(shape: tuple[int, int], film: FilmRecord) -> npt.NDArray[np.bool_] | None:
    """True where the collimator lets the beam through; None where there are no edges."""
    if film.collimator is None:
        return None
    left, top, right, bottom = (max(int(v / film.pixel_mm), 0) for v in film.collimator)
    mask = np.zeros(shape, dtype=bool)
    mask[top : shape[0] - bottom, left : shape[1] - right] = True
    return mask
