"""Visits compared from files, and a simulated hand that narrowed by a known amount read twice by the model."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import coread
from coread.errors import InputError
from coread.formats.dx import write_dx
from coread.formats.open import open_study
from coread.formats.reading_json import write_json
from coread.formats.table import write_table
from coread.output import save
from coread.readers import reader
from coread.readers.card import card
from coread.reading import ReaderRef, Reading
from coread.run_compare import Comparison, compare, exams_of, judged, with_dates, write_change
from coread.simulate.hand import SimulatedHand, simulate_hand
from coread.study import Study
from tests.visits import AFTER, BEFORE, JSN, hand

NARROWED = {"MCP 2": 0.35, "PIP 3": 0.3, "MCP 4": 0.4}
MODEL = ReaderRef("model", "hand_svdh", card("hand_svdh").version, card("hand_svdh").sha256)


@pytest.fixture(scope="module")
def simulated() -> tuple[SimulatedHand, SimulatedHand]:
    """One hand before and after three of its joints narrowed."""
    healthy, narrowed = (
        simulate_hand(90_001, side="left", pixel_mm=0.15, plain=True, narrowing=narrowing, marker=None) for narrowing in ({}, NARROWED)
    )
    return healthy, narrowed


@pytest.fixture(scope="module")
def exams(simulated: tuple[SimulatedHand, SimulatedHand], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("exams")
    paths = folder / "first.dcm", folder / "second.dcm"
    for number, (path, made) in enumerate(zip(paths, simulated, strict=True)):
        write_dx(replace(made.study, uid=f"2.25.{number + 1}", patient="S 1"), 0, path)
    return paths


@pytest.fixture(scope="module")
def read_twice(exams: tuple[Path, Path]) -> tuple[tuple[Reading, Reading], tuple[Study, Study]]:
    model = reader("hand_svdh")
    first, second = (open_study(path) for path in exams)
    return (model.read(first), model.read(second)), (first, second)


def test_the_model_sees_the_joints_that_narrowed_and_no_others(
    read_twice: tuple[tuple[Reading, Reading], tuple[Study, Study]], simulated: tuple[SimulatedHand, SimulatedHand]
) -> None:
    found = judged(read_twice[0])
    truth = [{joint.name: joint.grade for joint in made.hands[0].joints.values()} for made in simulated]
    worse = {one.site for one in found.sites if one.whole.direction in ("new", "worse")}
    assert worse == {name for name in truth[0] if truth[1][name] > truth[0][name]} == set(NARROWED)
    assert not any(one.whole.direction == "better" for one in found.sites)
    rise = sum(truth[1].values()) - sum(truth[0].values())
    difference = found.total("hand_left_narrowing").whole.difference
    assert difference is not None
    assert abs(difference - rise) <= 1


def test_the_shipped_card_judges_what_its_model_read(read_twice: tuple[tuple[Reading, Reading], tuple[Study, Study]]) -> None:
    found = judged(read_twice[0])
    assert {one.whole.call for one in found.sites} <= {"worse", "better", "new", "within_error", "unchanged", "untold"}
    assert not any("carries no measured smallest detectable change" in note for note in found.notes)


def test_a_card_without_a_measured_error_calls_nothing_real(
    read_twice: tuple[tuple[Reading, Reading], tuple[Study, Study]], tmp_path: Path
) -> None:
    bare = tmp_path / "bare.toml"
    text = card("hand_svdh").path.read_text(encoding="utf-8").replace('"smallest detectable change, ', '"another figure, ')
    bare.write_text(text, encoding="utf-8")
    by = replace(MODEL, card_sha256=card(bare).sha256)
    found = judged([replace(reading, reader=by) for reading in read_twice[0]], model=bare)
    assert {one.whole.call for one in (*found.sites, *found.totals)} <= {"error_unknown", "unchanged", "untold"}
    assert any("carries no measured smallest detectable change" in note for note in found.notes)
    back = judged([replace(reading, reader=by) for reading in read_twice[0][::-1]], model=bare)
    assert [one.whole.difference for one in back.totals] == [-(one.whole.difference or 0) for one in found.totals]


@pytest.fixture
def measured(tmp_path: Path) -> Callable[[float], Path]:
    """A copy of the shipped card, weights left out, that carries a measured error; made as a hospital would add it."""

    def make(points: float) -> Path:
        source = card("hand_svdh").path
        figure = (
            f'\n[[figures]]\nname = "smallest detectable change, hand_left_narrowing"\nvalue = {points}\nunit = "points"\nn = 40\n'
            'of = "hands read on repeated films"\nkind = "real"\ncommand = "none"\n'
        )
        path = tmp_path / "measured.toml"
        text = source.read_text(encoding="utf-8").replace('"smallest detectable change, ', '"another figure, ')
        path.write_text(text + figure, encoding="utf-8")
        return path

    return make


def test_the_error_of_the_card_judges_the_models_readings(measured: Callable[[float], Path]) -> None:
    path = measured(2.5)
    by = replace(MODEL, card_sha256=card(path).sha256)
    visits = [hand(grades, day=day, reader=by) for day, grades in ((0, BEFORE), (365, AFTER))]
    whole = judged(visits, model=path).total("hand_left_narrowing").whole
    assert (whole.difference, whole.call) == (3, "worse")
    assert whole.error is not None
    assert whole.error.source == f"card of hand_svdh {MODEL.version}: n = 40 hands read on repeated films, real"


def test_the_error_of_another_card_or_for_a_person_is_not_used(measured: Callable[[float], Path]) -> None:
    path = measured(2.5)
    visits = [hand(grades, day=day, reader=MODEL) for day, grades in ((0, BEFORE), (365, AFTER))]
    found = judged(visits, model=path)
    assert found.total("hand_left_narrowing").whole.call == "error_unknown"
    assert any("is not the one that hand_svdh" in note for note in found.notes)
    people = [hand(grades, day=day) for day, grades in ((0, BEFORE), (365, AFTER))]
    assert judged(people, model=path).total("hand_left_narrowing").whole.call == "error_unknown"
    strangers = [replace(visit, reader=ReaderRef("model", "other", "1")) for visit in visits]
    assert any("The card of other 1 is not at hand" in note for note in judged(strangers).notes)


def test_an_error_that_is_given_goes_before_that_of_the_card(measured: Callable[[float], Path]) -> None:
    from coread.change_sdc import DetectableChange

    path = measured(2.5)
    by = replace(MODEL, card_sha256=card(path).sha256)
    visits = [hand(grades, day=day, reader=by) for day, grades in ((0, BEFORE), (365, AFTER))]
    given = [DetectableChange("hand_left_narrowing", 3.0, "--sdc")]
    assert judged(visits, given, path).total("hand_left_narrowing").whole.call == "within_error"


def test_files_of_every_kind_give_the_same_change(tmp_path: Path) -> None:
    before, after = hand(BEFORE, day=0), hand(AFTER, day=365)
    json_files = [write_json(one, tmp_path / f"{i}.json") for i, one in enumerate((before, after))]
    tables = [write_table([one], tmp_path / f"{i}.csv") for i, one in enumerate((before, after))]
    sdc = {"hand_left_narrowing": 2.0, f"site.{JSN}": 1.0}
    ways = [compare(before, after, sdc=sdc), compare(*json_files, sdc=sdc), compare(json_files[0], tables[1], sdc=sdc)]
    assert all([(s.grades, s.whole) for s in way.sites] == [(s.grades, s.whole) for s in ways[0].sites] for way in ways)
    assert ways[0].total("hand_left_narrowing").whole.call == "worse"
    pd.read_csv(tables[0], dtype=str, keep_default_na=False).to_excel(tmp_path / "0.xlsx", index=False)
    ways.append(compare(tmp_path / "0.xlsx", tables[1], sdc=sdc))
    assert [s.whole for s in ways[3].sites] == [s.whole for s in ways[0].sites]
    assert coread.compare is compare
    assert isinstance(ways[0], coread.Change)


def test_reports_in_dicom_give_the_same_change(read_twice: tuple[tuple[Reading, Reading], tuple[Study, Study]], tmp_path: Path) -> None:
    pairs = zip(*read_twice, strict=True)
    reports = [save(one, tmp_path / f"{number}.dcm", study) for number, (one, study) in enumerate(pairs)]
    found, expected = compare(*reports), judged(read_twice[0])
    assert found.patient == "S 1"
    assert found.totals == expected.totals
    assert [(s.grades, s.whole) for s in found.sites] == [(s.grades, s.whole) for s in expected.sites]
    assert exams_of(found.visits, [Path(study.source) for study in read_twice[1]]) != (None, None)


def test_a_folder_is_whole_and_replaces_only_a_comparison(tmp_path: Path) -> None:
    made = Comparison(judged([hand(BEFORE, day=0), hand(AFTER, day=365)]), (None, None), (Path(__file__),))
    files = write_change(made, tmp_path / "out")
    assert [file.name for file in files] == ["change.json", "change.csv", "page.html"]
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["status"] == "compared"
    assert set(record["outputs"]) == {file.name for file in files}
    write_change(made, tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="holds no comparison"):
        write_change(made, tmp_path / "mine")
    assert (tmp_path / "mine" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("suffix", ["json", "csv", "html"])
def test_one_file_by_its_suffix(tmp_path: Path, suffix: str) -> None:
    made = Comparison(judged([hand(BEFORE, day=0), hand(AFTER, day=365)]), (None, None), ())
    (file,) = write_change(made, tmp_path / f"change.{suffix}")
    assert file.stat().st_size > 1000
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    with pytest.raises(InputError, match="does not exist"):
        write_change(made, tmp_path / "absent" / f"change.{suffix}")


def test_exams_are_found_where_they_were_read_or_where_they_are_given(
    exams: tuple[Path, Path], read_twice: tuple[tuple[Reading, Reading], tuple[Study, Study]], tmp_path: Path
) -> None:
    readings = read_twice[0]
    assert [study and study.uid for study in exams_of(readings)] == ["2.25.1", "2.25.2"]
    moved = [replace(one, study=replace(one.study, source=str(tmp_path / "gone.dcm"))) for one in readings]
    assert exams_of(moved) == (None, None)
    assert [study and study.uid for study in exams_of(moved, exams[::-1])] == ["2.25.1", "2.25.2"]
    assert [study and study.uid for study in exams_of(moved, exams[1:])] == [None, "2.25.2"]
    swapped = [replace(one, study=replace(one.study, source=str(path))) for one, path in zip(readings, exams[::-1], strict=True)]
    assert exams_of(swapped) == (None, None)
    with pytest.raises(InputError, match="none of the readings is of"):
        exams_of([hand({}, day=0), hand({}, day=1)], exams[:1])
    sheets = [hand({}, day=0, patient="S 1"), hand({}, day=1, patient="S 1")]
    assert [study and study.uid for study in exams_of(sheets, exams)] == ["2.25.1", "2.25.2"]
    with pytest.raises(InputError, match="is of patient S 1"):
        exams_of([hand({}, day=0), hand({}, day=1)], exams)


def test_dates_that_contradict_the_order_are_told(simulated: tuple[SimulatedHand, SimulatedHand]) -> None:
    made = judged([hand(BEFORE, exam="a"), hand(AFTER, exam="b")])
    late, early = (replace(one.study, date=date) for one, date in zip(simulated, ("2026-03-11", "2025-02-11"), strict=True))
    assert "visit 1 of 2026-03-11, visit 2 of 2025-02-11" in with_dates(made, (late, early)).notes[0]
    for right in ((early, late), (late, None), ()):
        assert with_dates(made, right) == made
