"""A calibration written as a card and opened again is what it was, whatever its texts hold; figures stand before and after."""

from dataclasses import replace
from pathlib import Path

import pytest

from coread.readers.calibration import Calibration, GradeCalibration, TotalCalibration
from coread.readers.card import card
from coread.report.calibration_card import calibration_card, carried
from coread.report.validation_card import Told
from coread.stats.estimate import Estimate, undefined
from coread.stats.recalibrate import OrdinalCalibration, Temperature
from coread.validation_groups import Group
from coread.validation_measures import AGREEMENT, CALIBRATION, COVERAGE, KAPPA, Measured

PARENT = card("hand_svdh")
BENDS = (None, Temperature(1 / 3, 90), OrdinalCalibration(0.1 + 0.2, -1e-17, 90))
TOLD = Told('the cohort "north" \\ 2', "real", "coread calibrate x 'y \"z\"'")


def group(value: str, score: float) -> Group:
    made = Estimate(score, score - 0.1, score + 0.1, 0.95, 30, "m")
    measures = (
        Measured(AGREEMENT, KAPPA, "joint space narrowing", made, 30, 450),
        Measured(AGREEMENT, "same grade", "joint space narrowing", made, 30, 450),
        Measured(CALIBRATION, "Brier score of any damage", "joint space narrowing", made, 30, 450),
        Measured(CALIBRATION, "Brier score of any damage", "joint space narrowing, MCP", made, 30, 150),
        Measured(CALIBRATION, "calibration slope of any damage", "joint space narrowing", undefined("separated", 30, 0.95, "m"), 30, 450),
        Measured(COVERAGE, "90% interval of the total holds the reference", "hands (as reported)", made, 30, 30),
        Measured(COVERAGE, "90% interval of the total holds the reference", "hands (sites read by both)", made, 30, 30),
    )
    return Group("all", value, 30, 30, False, measures)


def calibration(by: str = "") -> Calibration:
    grades = tuple(
        GradeCalibration("joint_space_narrowing", scale, bend, rule, 1 / 7, 30)  # type: ignore[arg-type]
        for scale, bend, rule in zip(("a", "b", "c"), BENDS, ("middle", "likeliest", "kept"), strict=True)
    )
    totals = tuple(TotalCalibration("hands", g, m, 30) for g, m in ((("F", -0.1), ("M", 1e20)) if by else (("", 2.0),)))
    return Calibration(
        PARENT.id, PARENT.version, PARENT.sha256, TOLD.of, 'Dr "Ä" \\ B', 30, 31, 0.9, by, 5, 7, "calibration", {"cohort.csv": "0f"},
        grades, totals,
    )  # fmt: skip


def written(folder: Path, made: Calibration) -> Path:
    named = replace(PARENT, id="hand_svdh-x", version="0+x", name='N "x"', training_centres=("N", 'S "1"'))
    path = folder / "card.toml"
    path.write_text(calibration_card(named, made, (group("before calibration", 0.5), group("after calibration", 0.7)), TOLD))
    return path


@pytest.mark.parametrize("by", ["", "sex"])
def test_read_back_it_is_what_was_written(tmp_path: Path, by: str) -> None:
    read = card(written(tmp_path, calibration(by)))
    assert read.calibration == calibration(by)
    assert (read.id, read.version, read.name) == ("hand_svdh-x", "0+x", 'N "x"')
    assert read.training_centres == ("N", 'S "1"')
    assert read.cautions[: len(PARENT.cautions)] == PARENT.cautions


def test_figures_of_whole_features_and_totals_before_and_after(tmp_path: Path) -> None:
    figures = [(f.name, f.value) for f in card(written(tmp_path, calibration())).figures]
    assert len(figures) == 6
    assert ("Brier score of any damage: joint space narrowing, after calibration", 0.7) in figures
    assert ("Brier score of any damage: joint space narrowing, before calibration", 0.5) in figures
    assert not any("MCP" in name or "read by both" in name or "same grade" in name for name, _ in figures)
    assert (
        "# calibration slope of any damage: joint space narrowing, after calibration: none, separated"
        in (tmp_path / "card.toml").read_text()
    )
    assert [m.measure for m in carried(group("x", 0.5))].count("90% interval of the total holds the reference") == 1
