"""What a calibration says of grades; that a card's text comes back as it was is in tests/test_run_calibrate.py."""

import numpy as np
import pytest

from coread.readers.calibration import GradeCalibration, grades_by, unrounded
from coread.stats.recalibrate import OrdinalCalibration


def test_the_middle_grade_by_hand() -> None:
    p = np.array([[0.5, 0.3, 0.2], [0.49, 0.02, 0.49], [0.1, 0.2, 0.7], [1.0, 0.0, 0.0]])
    assert grades_by("middle", p).tolist() == [0, 1, 2, 0]
    assert grades_by("likeliest", p).tolist() == [0, 0, 2, 0]


def test_rounded_zeros_can_be_bent_and_still_sum_to_one() -> None:
    p = np.array([[1.0, 0.0, 0.0], [0.3333, 0.3333, 0.3334]])
    lifted = unrounded(p)
    assert (lifted > 0).all()
    assert lifted.sum(axis=1) == pytest.approx([1, 1])
    assert lifted == pytest.approx(p, abs=2e-4)
    bent = GradeCalibration("f", "s", OrdinalCalibration(0.3, 0.0, 9), "middle", 0.9, 9).bent(p)
    assert 0.01 < bent[0, 1] < 0.1
    assert GradeCalibration("f", "s", None, "middle", 0.9, 9).bent(p) is p
