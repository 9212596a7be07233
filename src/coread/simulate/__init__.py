"""Phantoms and simulated damage with a truth known by construction."""

from coread.simulate.hand import SimulatedHand, render, simulate_hand
from coread.simulate.record import JOINTS, Erosion, FilmRecord, HandRecord, Record
from coread.simulate.truth import ErosionTruth, HandTruth, JointTruth, narrowing_grade

__all__ = [
    "JOINTS",
    "Erosion",
    "ErosionTruth",
    "FilmRecord",
    "HandRecord",
    "HandTruth",
    "JointTruth",
    "Record",
    "SimulatedHand",
    "narrowing_grade",
    "render",
    "simulate_hand",
]
