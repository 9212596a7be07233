import numpy as np
import pytest

from coread.stats.detection import ANY_OVERLAP, Matches, MatchRule, detection, froc, froc_sensitivity, match_lesions

SPACING = (1.0, 1.0)


def masks(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    image = np.zeros((30, 30), dtype=bool)
    for top, bottom, left, right in boxes:
        image[top:bottom, left:right] = True
    return image


TRUTH = masks((2, 8, 2, 8), (12, 16, 12, 16), (22, 26, 2, 6))
# the first split in two, the second hit by one voxel, the third missed, one false
SPLIT = masks((2, 8, 2, 4), (2, 8, 5, 8), (15, 18, 15, 18), (20, 22, 20, 22))


def counts(found: Matches) -> tuple[int, int, int, int]:
    return int(found.found.sum()), int((~found.found).sum()), int(found.real.sum()), int((~found.real).sum())


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (ANY_OVERLAP, (2, 1, 3, 1)),
        (MatchRule("overlap", 1), (2, 1, 2, 2)),
        (MatchRule("overlap", 2), (1, 2, 1, 3)),
        (MatchRule("iou", 0.4), (1, 2, 1, 3)),
        (MatchRule("iou", 0.3, one_to_one=False), (1, 2, 2, 2)),
        (MatchRule("iou", 0.6), (0, 3, 0, 4)),
        (MatchRule("distance", 4.3), (2, 1, 2, 2)),
        (MatchRule("distance", 1.6), (1, 2, 1, 3)),
    ],
)
def test_rules_counted_by_hand(rule: MatchRule, expected: tuple[int, int, int, int]) -> None:
    assert counts(match_lesions(TRUTH, SPLIT, SPACING, rule)) == expected


def test_most_matches_come_before_the_best_match() -> None:
    # the long prediction overlaps both lesions, the first one better; the small one touches only the first: greedy would lose a pair
    truth = masks((0, 4, 0, 4), (0, 4, 8, 12))
    prediction = masks((0, 3, 2, 9), (3, 6, 0, 1))
    found = match_lesions(truth, prediction, SPACING, MatchRule("overlap", 1))
    assert counts(found) == (2, 0, 2, 0)
    assert found.pairs.tolist() == [[0, 1], [1, 0]]


def test_distance_is_in_mm() -> None:
    a, b = masks((4, 6, 4, 6)), masks((4, 6, 7, 9))
    assert counts(match_lesions(a, b, (1.0, 1.0), MatchRule("distance", 3.0)))[0] == 1
    assert counts(match_lesions(a, b, (1.0, 1.1), MatchRule("distance", 3.0)))[0] == 0


def test_corners_join_unless_told_otherwise() -> None:
    image = masks((2, 4, 2, 4), (4, 6, 4, 6))
    assert match_lesions(image, image, SPACING, ANY_OVERLAP).found.size == 1
    assert match_lesions(image, image, SPACING, MatchRule("overlap", 1, faces_only=True)).found.size == 2


def test_pooled_over_exams() -> None:
    exams = [match_lesions(TRUTH, SPLIT, SPACING, ANY_OVERLAP), match_lesions(TRUTH, TRUTH, SPACING, ANY_OVERLAP)]
    found = detection(exams)
    assert found.sensitivity.estimate == pytest.approx(5 / 6)
    assert found.precision.estimate == pytest.approx(6 / 7)
    assert found.f1.estimate == pytest.approx(2 * (5 / 6) * (6 / 7) / (5 / 6 + 6 / 7))
    assert found.false_per_exam == 0.5
    same_patient = detection(exams, ["a", "a"])
    assert same_patient.sensitivity.low is None
    assert "one patient" in same_patient.sensitivity.undefined


def test_exams_without_lesions() -> None:
    nothing = np.zeros((30, 30), dtype=bool)
    found = detection([match_lesions(nothing, SPLIT, SPACING, ANY_OVERLAP), match_lesions(nothing, nothing, SPACING, ANY_OVERLAP)])
    assert found.sensitivity.undefined == "no reference lesion"
    assert (found.precision.estimate, found.false_per_exam) == (0.0, 2.0)
    assert found.f1.undefined == "no reference lesion"


def test_froc_by_hand() -> None:
    # exam 0: lesions 0 and 1; exam 1: lesion 0, never called; exam 2: none
    curve = froc([0.9, 0.8, 0.8, 0.7, 0.6, 0.5], [0, -1, 0, 1, -1, -1], [0, 0, 0, 0, 2, 1], lesions=3, exams=3)
    assert curve.threshold.tolist() == [0.9, 0.8, 0.7, 0.6, 0.5]
    assert curve.sensitivity == pytest.approx(np.array([1, 1, 2, 2, 2]) / 3)
    assert curve.false_per_exam == pytest.approx(np.array([0, 1, 1, 2, 3]) / 3)
    assert froc_sensitivity(curve, 0.0) == pytest.approx(1 / 3)
    assert froc_sensitivity(curve, 0.5) == pytest.approx(2 / 3)
    assert froc_sensitivity(froc([0.5], [-1], [0], 1, 1), 0.5) == 0.0
    assert froc([], [], [], 2, 5).sensitivity.size == 0


def test_refuses() -> None:
    with pytest.raises(ValueError, match="no rule iou"):
        MatchRule("iou", 0.0)
    with pytest.raises(ValueError, match="one shape"):
        match_lesions(TRUTH, TRUTH[:5], SPACING, ANY_OVERLAP)
    with pytest.raises(ValueError, match="at least one exam"):
        detection([])
    with pytest.raises(ValueError, match="only 1 are said to exist"):
        froc([0.5, 0.4], [0, 1], [0, 0], 1, 1)
    with pytest.raises(ValueError, match="equally long"):
        froc([0.5], [0, 1], [0, 0], 1, 1)
    with pytest.raises(ValueError, match="exam numbers"):
        froc([0.5], [0], [3], 1, 1)
    with pytest.raises(ValueError, match="at least 0"):
        froc_sensitivity(froc([0.5], [0], [0], 1, 1), -1)
