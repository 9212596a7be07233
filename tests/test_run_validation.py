"""A few simulated hands with known narrowing, read by the shipped model."""

import csv
import json
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from coread.cohort import open_cohort
from coread.errors import InputError
from coread.formats.dx import write_dx
from coread.formats.reading_json import read_json
from coread.formats.table import write_table
from coread.readers.card import card
from coread.reading import Reading, StudyRef
from coread.run_validation import Order, validate_model
from coread.scoring import system
from coread.simulate import simulate_hand
from coread.validation import Asked
from coread.validation_pairs import match

NARROWED = (
    {"MCP 2": 0.4, "MCP 4": 0.3, "PIP 3": 0.65},
    {"MCP 1": 0.65, "PIP 2": 0.3, "PIP 4": 0.4},
    {"MCP 3": 0.25, "PIP 5": 0.4, "MCP 5": 0.65},
)
JOINTS = {i.site for i in system("svdh").items if i.feature == "joint_space_narrowing"}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three hands and a file that is no exam; the reference is the truth of the simulator."""
    folder = tmp_path_factory.mktemp("desk") / "cohort"
    folder.mkdir()
    rows, grades = [], []
    for number, narrowing in enumerate(NARROWED):
        exam = simulate_hand(500 + number, side="left", pixel_mm=0.25, plain=True, narrowing=narrowing)
        write_dx(replace(exam.study, age_years=60.0), 0, folder / f"h{number}.dcm")
        rows.append(f"h{number}.dcm,p{number},{'NS'[number % 2]},F,{50 + number}")
        grades += [
            f"h{number}.dcm,truth,svdh,{name},left,joint_space_narrowing,{joint.grade}"
            for name, joint in exam.hand.joints.items()
            if name in JOINTS
        ]
    (folder / "broken.dcm").write_bytes(b"no exam")
    rows.append("broken.dcm,p9,N,M,70")
    (folder / "cohort.csv").write_text("\n".join(["study,patient,centre,sex,age", *rows, ""]))
    (folder / "readings.csv").write_text("\n".join(["study,reader,system,site,side,feature,grade", *grades, ""]))
    return folder


@pytest.fixture(scope="module")
def done(cohort: Path) -> Path:
    """The cohort read and validated."""
    out = cohort.parent / "out"
    validate_model(order(cohort, out, report_card=True))
    return out


def order(cohort: Path, out: Path, **more) -> Order:  # type: ignore[no-untyped-def]
    return Order(model=more.pop("model", "hand_svdh"), cohort=cohort, out=out, simulated=True, command="coread validate", **more)


def measures(out: Path) -> dict[tuple[str, ...], dict[str, str]]:
    with (out / "measures.csv").open(newline="") as file:
        return {(r["column"], r["group"], r["measure"], r["of"]): r for r in csv.DictReader(file)}


def test_simulated_damage_is_read_and_the_broken_file_refused(done: Path) -> None:
    found = measures(done)
    kappa = found["all", "all", "kappa, quadratic weights", "joint space narrowing"]
    assert float(kappa["estimate"]) > 0.8
    assert kappa["patients"] == "3"
    assert kappa["small_group"] == "yes"
    refused = found["all", "all", "studies refused", "all studies"]
    assert (refused["estimate"], refused["cases"]) == ("0.25", "4")
    reasons = (done / "reasons.csv").read_text()
    assert reasons.startswith("what,reason,count\nstudy,")


def test_the_document_says_what_was_done(done: Path, cohort: Path) -> None:
    document = json.loads((done / "validation.json").read_text())
    assert document["schema"] == "coread.validation/1"
    assert document["model"] == {"id": "hand_svdh", "version": card("hand_svdh").version}
    assert document["run"]["simulated"] is True
    assert set(document["run"]["cohort"]) == {"cohort.csv", "readings.csv"}
    assert document["groups"][0]["column"] == "all"
    assert (document["patients"], document["studies"]) == (4, 4)


def test_a_second_run_reads_nothing_again_and_says_the_same(done: Path, cohort: Path) -> None:
    times = {p: p.stat().st_mtime_ns for p in done.rglob("reading.json")}
    before = (done / "measures.csv").read_bytes()
    assert len(times) == 3
    validate_model(order(cohort, done, report_card=True))
    assert {p: p.stat().st_mtime_ns for p in done.rglob("reading.json")} == times
    assert (done / "measures.csv").read_bytes() == before


def test_readings_already_made_give_the_same_figures(done: Path, cohort: Path) -> None:
    out = cohort.parent / "again"
    validate_model(order(cohort, out, readings=done / "readings"))
    assert (out / "measures.csv").read_bytes() == (done / "measures.csv").read_bytes()
    assert (out / "reasons.csv").read_bytes() == (done / "reasons.csv").read_bytes()


def test_a_table_of_readings_by_any_reader(cohort: Path) -> None:
    table, out = cohort.parent / "theirs.csv", cohort.parent / "theirs"
    text = (cohort / "readings.csv").read_text().replace(",truth,", ",model:theirs@3,")
    table.write_text(text)
    validation, _ = validate_model(order(cohort, out, model="theirs", readings=table))
    assert (validation.model, validation.version) == ("theirs", "3")
    assert float(measures(out)["all", "all", "kappa, quadratic weights", "joint space narrowing"]["estimate"]) == 1
    assert [(r.what, r.reason) for r in validation.reasons] == [("study", "no reading of it was given")]


def test_the_figures_are_a_card_s(done: Path, tmp_path: Path) -> None:
    shipped = card("hand_svdh").path
    text = shipped.read_text()
    (tmp_path / "mine.toml").write_text(text[: text.index("[[figures]]")] + (done / "figures.toml").read_text())
    figures = {figure.name: figure for figure in card(tmp_path / "mine.toml").figures}
    kappa = figures["kappa, quadratic weights: joint space narrowing"]
    measured = measures(done)["all", "all", "kappa, quadratic weights", "joint space narrowing"]
    assert kappa.value == pytest.approx(float(measured["estimate"]), abs=1e-4)
    assert (kappa.n, kappa.kind, kappa.level) == (3, "simulated", 0.95)
    assert tomllib.loads((done / "figures.toml").read_text())


def test_a_card_may_name_its_training_centres(done: Path, cohort: Path, tmp_path: Path) -> None:
    text = card("hand_svdh").path.read_text()
    (tmp_path / "mine.toml").write_text(f'training_centres = ["N"]\n{text}')
    validation, _ = validate_model(order(cohort, tmp_path / "out", model=str(tmp_path / "mine.toml"), readings=done / "readings"))
    assert {g.value: g.studies for g in validation.groups if g.column == "internal or external"} == {"internal": 3, "external": 1}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"model": "hand_svd", "readings": None}, "no model 'hand_svd'"),
        ({"model": "theirs"}, "holds no reading by theirs; it holds readings by hand_svdh"),
        ({"readings": Path("absent")}, "absent: there is no such file or folder"),
        ({"split": "test"}, "column split: no study is in 'test'; known: none"),
    ],
)
def test_what_cannot_be_validated(done: Path, cohort: Path, tmp_path: Path, more: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        validate_model(order(cohort, tmp_path / "out", **({"readings": done / "readings"} | more)))


def readings_by_name(done: Path) -> list[Reading]:
    """The model's readings as a table would have them: of a study of the cohort by its name."""
    found = [read_json(path) for path in sorted((done / "readings").rglob("reading.json"))]
    return [replace(r, study=StudyRef(Path(r.study.source).name)) for r in found]


def of_study(reading: Reading, **more: str) -> Reading:
    return replace(reading, study=replace(reading.study, **more))


def of_version(reading: Reading, version: str) -> Reading:
    return replace(reading, reader=replace(reading.reader, version=version))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: [*r, r[0]], r"two readings of h0\.dcm by hand_svdh; keep one"),
        (lambda r: [of_study(r[0], source="h7.dcm"), *r[1:]], r"column study: 'h7\.dcm' is no study of .*cohort\.csv"),
        (lambda r: [of_study(r[0], patient="p2"), *r[1:]], r"h0\.dcm is of patient p2, in cohort\.csv of p0 \(row 2\)"),
        (lambda r: [of_version(r[0], "0.0.1"), *r[1:]], r"of versions 0\.0\.1 .* and 0\.1\.0 .*; validate one version"),
        (lambda r: [], "holds no reading by hand_svdh; it holds readings by nobody"),
    ],
)
def test_bad_readings(done: Path, cohort: Path, change: Callable[[list[Reading]], list[Reading]], said: str) -> None:
    with pytest.raises(InputError, match=said):
        match(open_cohort(cohort), change(readings_by_name(done)), "given.csv", "hand_svdh")


def test_readings_of_another_version_than_the_card(done: Path, cohort: Path, tmp_path: Path) -> None:
    write_table([of_version(r, "0.0.1") for r in readings_by_name(done)], tmp_path / "old.csv")
    with pytest.raises(InputError, match=r"readings by hand_svdh 0\.0\.1, the card is of 0\.1\.0; read the cohort again"):
        validate_model(order(cohort, tmp_path / "out", readings=tmp_path / "old.csv"))


def test_two_reference_readers_need_a_choice(done: Path, cohort: Path, tmp_path: Path) -> None:
    two = tmp_path / "cohort"
    shutil.copytree(cohort, two)
    text = (cohort / "readings.csv").read_text()
    (two / "readings.csv").write_text(text + text.replace(",truth,", ",Dr B,").split("\n", 1)[1])
    with pytest.raises(InputError, match=r"readings\.csv: holds readings by truth, Dr B; say whose are the reference with --reference"):
        validate_model(order(two, tmp_path / "out"))
    validation, _ = validate_model(order(two, tmp_path / "out", asked=Asked(reference="Dr B")))
    assert validation.reference == "Dr B"


def test_a_split_cohort_is_validated_on_its_test_part(done: Path, cohort: Path, tmp_path: Path) -> None:
    split = tmp_path / "cohort"
    shutil.copytree(cohort, split)
    lines = (cohort / "cohort.csv").read_text().splitlines()
    parts = ["split", "test", "train", "test", "train"]
    (split / "cohort.csv").write_text("\n".join(f"{line},{part}" for line, part in zip(lines, parts, strict=True)) + "\n")
    validation, _ = validate_model(order(split, tmp_path / "out"))
    assert validation.studies == 2
    # Readings of the other part are there too, and left alone.
    write_table(readings_by_name(done), tmp_path / "all.csv")
    again, _ = validate_model(order(split, tmp_path / "again", readings=tmp_path / "all.csv"))
    assert (again.studies, again.everything.measures[0].cases) == (2, 2)
    assert "the centre N has studies in several splits" in validation.notes[-1]
    (split / "cohort.csv").write_text((split / "cohort.csv").read_text().replace(",test", ",held out"))
    with pytest.raises(InputError, match="is split into held out, train; say which part to use with --split"):
        validate_model(order(split, tmp_path / "out"))


def test_a_folder_of_someone_else_is_not_written_into(done: Path, cohort: Path, tmp_path: Path) -> None:
    (tmp_path / "measures.csv").write_text("years of work")
    with pytest.raises(InputError, match="holds files that `coread validate` did not write; choose another folder with -o"):
        validate_model(order(cohort, tmp_path, readings=done / "readings"))
    assert (tmp_path / "measures.csv").read_text() == "years of work"
