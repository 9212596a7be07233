"""Phantoms and simulated damage with a truth known by construction."""

from coread.simulate.example import EXAMPLE_BITS, example_exam
from coread.simulate.hand import SimulatedHand, render, simulate_hand
from coread.simulate.record import JOINTS, Erosion, FilmRecord, HandRecord, Record
from coread.simulate.truth import ErosionTruth, HandTruth, JointTruth, narrowing_grade

__all__ = [
    "EXAMPLE_BITS",
    "JOINTS",
    "Erosion",
    "ErosionTruth",
    "FilmRecord",
    "HandRecord",
    "HandTruth",
    "JointTruth",
    "Record",
    "SimulatedHand",
    "example_exam",
    "narrowing_grade",
    "render",
    "simulate_hand",
]
