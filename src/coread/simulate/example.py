"""The bundled exam: both hands of an adult on one film, with known narrowing and erosions."""

from __future__ import annotations

from coread.simulate.hand import SimulatedHand, simulate_hand
from coread.simulate.record import Erosion

EXAMPLE_SEED = 7
EXAMPLE_BITS = 10
"""Bits stored for a pixel of the bundled file."""


def example_exam() -> SimulatedHand:
    """The exam that ``coread demo`` reads, simulated again: both hands, 0.175 mm pixels, moderate joint damage, mostly left.

    ``bench/make_example.py`` writes it as ``examples/hand.dcm``.
    """
    return simulate_hand(
        EXAMPLE_SEED,
        both=True,
        pixel_mm=0.175,
        plain=True,
        margin_mm=8.0,
        forearm_mm=38.0,
        kvp_energy_kev=35.0,
        photons=5.0e5,
        blur_mm=0.09,
        scatter=0.2,
        latitude=0.3,
        sharpen=0.15,
        curve=1.3,
        gamma=1.1,
        window=(0.0, 0.001),
        collimator=(2.0, 2.0, 2.0, 2.0),
        shutter=0.0,
        marker="L",
        marker_at=(0.06, 0.1),
        marker_turn_deg=3.0,
        hands={
            "left": {
                "narrowing": {"MCP 2": 0.42, "MCP 3": 0.65, "PIP 3": 0.6, "radiocarpal": 0.6, "CMC 3": 0.7},
                "focal": {"MCP 5": (-0.2, 0.4)},
                "erosions": (
                    Erosion("MCP 2", "metacarpal 2", 62.0, 4.5, 2.4),
                    Erosion("MCP 3", "metacarpal 3", 64.0, 3.5, 1.8),
                    Erosion("MCP 3", "proximal phalanx 3", 118.0, 2.8, 1.5),
                    Erosion("PIP 4", "proximal phalanx 4", -60.0, 3.0, 1.5),
                    Erosion("ulna", "ulna", -62.0, 4.5, 2.6),
                    Erosion("scaphoid", "scaphoid", 85.0, 3.6, 2.0),
                ),
            },
            "right": {
                "narrowing": {"MCP 2": 0.7, "PIP 2": 0.45, "capitate-scaphoid-lunate": 0.65},
                "erosions": (
                    Erosion("MCP 5", "metacarpal 5", -62.0, 3.5, 1.8),
                    Erosion("MCP 2", "metacarpal 2", 60.0, 3.0, 1.4),
                ),
            },
        },
    )
