"""From readings of a made-up hospital to a card, and from that card to readings of an exam and a validation."""

import shutil
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from coread.calibration import Wanted
from coread.errors import CoreadError, DefinitionError, InputError
from coread.formats.dx import write_dx
from coread.formats.reading_json import read_json, write_json
from coread.formats.table import write_table
from coread.readers import reader
from coread.readers.calibrated import recalibrated
from coread.readers.card import card
from coread.reading import ReaderRef, Reading
from coread.run import read_exam
from coread.run_calibrate import Order, calibrate_model
from coread.run_validation import Order as ValidationOrder
from coread.run_validation import validate_model
from coread.simulate import simulate_hand
from coread.stats.recalibrate import OrdinalCalibration
from tests.miscalibrated import hospital

BEND = OrdinalCalibration(2.2, 0.8, 1)
MODEL = card("hand_svdh")


def made_readings(folder: Path, change: Callable[[Reading], Reading] = lambda reading: reading) -> None:
    who = ReaderRef("model", MODEL.id, MODEL.version, MODEL.sha256)
    for study, reading in hospital(40, 1, BEND).made.readings.items():
        (folder / study).mkdir(parents=True)
        write_json(change(replace(reading, uid="2.25.1", reader=who)), folder / study / "reading.json")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort's tables in ``north``, readings of it by the shipped card in ``read``."""
    folder = tmp_path_factory.mktemp("desk")
    here = hospital(40, 1, BEND)
    (folder / "north").mkdir()
    rows = [f"{m.study},{m.patient},{m.sex},N" for m in here.cohort.members]
    (folder / "north" / "cohort.csv").write_text("\n".join(["study,patient,sex,centre", *rows, ""]))
    grades = [f"{r.study.source},truth,svdh,{f.site},{f.side},{f.feature},{f.grade:g}" for r in here.cohort.references for f in r.findings]
    (folder / "north" / "readings.csv").write_text("\n".join(["study,reader,system,site,side,feature,grade", *grades, ""]))
    made_readings(folder / "read")
    return folder


def order(desk: Path, out: Path, **more) -> Order:  # type: ignore[no-untyped-def]
    settings = {"model": "hand_svdh", "cohort": desk / "north", "readings": desk / "read", "simulated": True, "name": "north"} | more
    return Order(out=out, command="coread calibrate hand_svdh north -o card", **settings)


@pytest.fixture(scope="module")
def made(desk: Path) -> Path:
    """The card."""
    _, written = calibrate_model(order(desk, desk / "card"))
    return written[0]


@pytest.fixture(scope="module")
def exam(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exam") / "hand.dcm"
    hand = simulate_hand(501, side="left", pixel_mm=0.25, plain=True, narrowing={"MCP 2": 0.4, "PIP 3": 0.65})
    write_dx(replace(hand.study, age_years=60.0), 0, path)
    return path


def test_the_card_says_what_was_fitted_on_whom_and_from_what(made: Path, desk: Path) -> None:
    done, _ = calibrate_model(order(desk, desk / "again"))
    read = card(made)
    assert read.calibration == done.calibration
    assert (read.id, read.version) == ("hand_svdh-north", f"{MODEL.version}+calibrated.{MODEL.sha256[:12]}")
    assert (read.weights, read.parameters, read.assesses) == (MODEL.weights, MODEL.parameters, MODEL.assesses)
    assert read.not_tested[: len(MODEL.not_tested)] == MODEL.not_tested
    assert f"calibrated locally on 40 patients (40 studies) of the cohort north from hand_svdh {MODEL.version}" in read.cautions[-1]
    assert {figure.kind for figure in read.figures} == {"simulated"}
    named = {figure.name: figure for figure in read.figures}
    after = named["90% interval of the total holds the reference: hand_left_narrowing (as reported), after calibration"]
    before = named["90% interval of the total holds the reference: hand_left_narrowing (as reported), before calibration"]
    assert before.value < after.value
    assert after.n == 40
    assert after.low is not None
    assert "without the patient's fold" in after.of


def test_an_exam_is_read_by_the_new_card(made: Path, exam: Path, tmp_path: Path) -> None:
    calibrated = reader(made)
    outcome = read_exam(exam, calibrated, tmp_path / "out", ("json", "csv", "sr", "page"))
    plain = reader("hand_svdh")
    from coread.formats.open import open_study

    theirs = plain.read(open_study(exam))
    ours = read_json(tmp_path / "out" / "reading.json")
    assert outcome.reading is not None
    assert ours.reader == ReaderRef("model", "hand_svdh-north", card(made).version, card(made).sha256)
    assert any("calibrated locally on 40 patients" in warning for warning in ours.warnings)
    expected = recalibrated(theirs, calibrated.card.calibration, MODEL.parameters)  # type: ignore[arg-type]
    assert [f.probabilities for f in ours.findings] == [f.probabilities for f in expected.findings]
    assert ours.totals == expected.totals
    bent = "joint_space_narrowing"  # the cohort had grades of no other feature
    graded = [(a, b) for a, b in zip(ours.findings, theirs.findings, strict=True) if a.probabilities and a.feature == bent]
    assert graded
    assert all(a.probabilities != b.probabilities for a, b in graded)
    assert all(a.evidence == b.evidence for a, b in graded)
    total = ours.total("hand_left_narrowing")
    assert total.low is not None
    assert total.level == 0.9
    assert total.value == sum(f.grade or 0 for f, _ in graded)


def test_the_new_card_is_validated_like_any_other(made: Path, desk: Path, exam: Path, tmp_path: Path) -> None:
    cohort = tmp_path / "cohort"
    cohort.mkdir()
    shutil.copy(exam, cohort / "hand.dcm")
    (cohort / "cohort.csv").write_text("study,patient\nhand.dcm,p1\n")
    (cohort / "readings.csv").write_text(
        "study,reader,system,site,side,feature,grade\nhand.dcm,truth,svdh,MCP 2,left,joint_space_narrowing,3\n"
    )
    validation, _ = validate_model(ValidationOrder(str(made), cohort, tmp_path / "out"))
    assert (validation.model, validation.version) == ("hand_svdh-north", card(made).version)
    assert not any("these very patients" in note for note in validation.notes)


def test_validating_on_the_patients_of_the_calibration_is_called_that(made: Path, desk: Path, tmp_path: Path) -> None:
    own = card(made)
    for path in sorted((desk / "read").rglob("reading.json")):
        (tmp_path / "read" / path.parent.name).mkdir(parents=True)
        mine = replace(read_json(path), reader=ReaderRef("model", own.id, own.version, own.sha256))
        write_json(mine, tmp_path / "read" / path.parent.name / "reading.json")
    validation, _ = validate_model(ValidationOrder(str(made), desk / "north", tmp_path / "out", readings=tmp_path / "read"))
    assert validation.notes[0].startswith("the card was calibrated on these very patients")


def test_intervals_by_sex_are_those_of_the_exam_s_sex(desk: Path, exam: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="20 patients of sex F have a reference reading, and intervals of 90% need 30"):
        calibrate_model(order(desk, tmp_path / "card", wanted=Wanted(by="sex")))


@pytest.mark.parametrize(
    ("more", "error", "said"),
    [
        ({"model": "hand_svd"}, InputError, "no model 'hand_svd'"),
        ({"model": "absent.toml"}, InputError, r"absent\.toml: no such card"),
        ({"readings": Path("absent")}, InputError, "absent: there is no such file or folder"),
        ({"cohort": Path("absent")}, InputError, r"absent/cohort\.csv: there is no such file"),
        ({"split": "test"}, InputError, "column split: no study is in 'test'"),
        ({"name": "!?"}, InputError, "'!\\?' holds no letter or digit .*; name the hospital with --name"),
        ({"wanted": Wanted(reference="Dr B")}, InputError, "column reader: no reading under svdh by 'Dr B'"),
    ],
)
def test_what_cannot_be_calibrated(desk: Path, tmp_path: Path, more: dict[str, object], error: type[CoreadError], said: str) -> None:
    with pytest.raises(error, match=said):
        calibrate_model(order(desk, tmp_path / "card", **more))
    assert not (tmp_path / "card" / "card.toml").exists()


def test_too_few_patients_are_refused_before_anything_is_read(desk: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    few.mkdir()
    for name in ("cohort.csv", "readings.csv"):
        head, *lines = (desk / "north" / name).read_text().splitlines()
        kept = [line for line in lines if line.split("v0")[0] in {f"p{n}" for n in range(12)}]
        (few / name).write_text("\n".join([head, *kept]) + "\n")
    for number in range(12):
        (few / f"p{number}v0.dcm").write_bytes(b"never opened")
    with pytest.raises(InputError, match=r"few: 12 patients have a reference reading, and intervals of 90% need 30: .*; add 18 or more"):
        calibrate_model(order(few.parent, tmp_path / "card", cohort=few, readings=None, model="hand_svdh"))


def test_exams_that_are_missing_are_named(desk: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cohort\.csv: .*row 2, column study: .*p0v0\.dcm does not exist"):
        calibrate_model(order(desk, tmp_path / "card", readings=None))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: replace(r, reader=replace(r.reader, id="other")), "holds no reading by hand_svdh; it holds readings by other"),
        (lambda r: replace(r, reader=replace(r.reader, version="0.0.9")), r"holds readings by hand_svdh 0\.0\.9, the card is of"),
        (lambda r: replace(r, reader=replace(r.reader, card_sha256="f" * 64)), r"made by another card of hand_svdh \(sha256 ffffffffffff"),
        (lambda r: replace(r, study=replace(r.study, source="p0v0.dcm")), "two readings of p0v0.dcm by hand_svdh; keep one"),
    ],
)
def test_readings_by_another_model_or_twice(desk: Path, tmp_path: Path, change: Callable[[Reading], Reading], said: str) -> None:
    made_readings(tmp_path / "read", change)
    with pytest.raises(InputError, match=said):
        calibrate_model(order(desk, tmp_path / "card", readings=tmp_path / "read"))


def test_a_cohort_without_reference_and_a_patient_in_two_parts(desk: Path, tmp_path: Path) -> None:
    for name in ("bare", "twice"):
        shutil.copytree(desk / "north", tmp_path / name)
    (tmp_path / "bare" / "readings.csv").unlink()
    with pytest.raises(InputError, match=r"readings\.csv: there is no such file; it holds the reference readings"):
        calibrate_model(order(desk, tmp_path / "card", cohort=tmp_path / "bare"))
    table = tmp_path / "twice" / "cohort.csv"
    lines = table.read_text().splitlines()
    lines = [f"{lines[0]},split", *(f"{line},calibration" for line in lines[1:]), "p0v1.dcm,p0,F,N,test"]
    table.write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match=r"row 42, column split: patient p0 is in test here and in calibration in row 2"):
        calibrate_model(order(desk, tmp_path / "card", cohort=tmp_path / "twice"))


def test_of_a_split_cohort_the_test_part_is_left_alone(desk: Path, tmp_path: Path) -> None:
    shutil.copytree(desk / "north", tmp_path / "split")
    table = tmp_path / "split" / "cohort.csv"
    lines = table.read_text().splitlines()
    table.write_text(
        "\n".join([f"{lines[0]},split", *(f"{line},{'test' if n < 8 else 'calibration'}" for n, line in enumerate(lines[1:]))])
    )
    done, _ = calibrate_model(order(desk, tmp_path / "card", cohort=tmp_path / "split"))
    assert done.calibration.patients == 32
    assert done.calibration.split == "calibration"
    table.write_text(table.read_text().replace("calibration", "train"))
    with pytest.raises(InputError, match="is split into test, train; say which part to use with --split"):
        calibrate_model(order(desk, tmp_path / "other", cohort=tmp_path / "split"))


def test_a_table_of_readings_gives_a_card_with_intervals_alone(desk: Path, tmp_path: Path) -> None:
    write_table([replace(read_json(p), warnings=()) for p in sorted((desk / "read").rglob("reading.json"))], tmp_path / "read.csv")
    done, (path, _) = calibrate_model(order(desk, tmp_path / "card", readings=tmp_path / "read.csv"))
    assert not card(path).calibration.grades  # type: ignore[union-attr]
    assert done.calibration.totals


def test_a_name_becomes_an_id_that_every_format_can_hold(desk: Path, tmp_path: Path) -> None:
    _, (path, _) = calibrate_model(order(desk, tmp_path / "card", name="Ärztehaus Süd (2)"))
    assert card(path).id == "hand_svdh-arztehaus_sud_2"


def test_a_card_is_not_calibrated_twice(made: Path, desk: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is itself a local calibration of hand_svdh; calibrate hand_svdh anew"):
        calibrate_model(order(desk, tmp_path / "card", model=str(made)))


def test_a_folder_of_someone_else_is_not_written_into(desk: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="holds files that `coread calibrate` did not write"):
        calibrate_model(order(desk, tmp_path))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (f'parent_sha256 = "{MODEL.sha256}"', f'parent_sha256 = "{"0" * 64}"', r"was calibrated for hand_svdh .* \(sha256 000000000000…\)"),
        ('parent = "hand_svdh"', 'parent = "hand_sdvh"', "calibration.parent: no model 'hand_sdvh'"),
        ('parent = "hand_svdh"', 'parent = "gone.toml"', r"calibration.parent: .*gone\.toml: no such card"),
        ("level = 0.9\n", "level = 9\n", "calibration.level: expected a number between 0 and 1, got 9"),
        ('method = "ordinal"', 'method = "magic"', r"method: expected as is, temperature or ordinal, got 'magic'"),
        ('rule = "middle"', 'rule = "best"', "rule: expected middle, likeliest, kept, got 'best'"),
        ('by = ""', 'by = "age"', "calibration.by: expected sex or scanner, got 'age'"),
        ("slope = ", "slope = -", "slope: expected a number above 0"),
        ("margin = ", "margins = ", "margin: missing"),
        ("folds = 5", "folds = 5\nwhatever = 1", "calibration.whatever: unknown key"),
    ],
)
def test_a_bad_card_is_named_with_its_key(made: Path, tmp_path: Path, old: str, new: str, said: str) -> None:
    text = made.read_text()
    assert old in text
    (tmp_path / "card.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(DefinitionError, match=said):
        card(tmp_path / "card.toml")


def test_the_parent_may_be_a_card_of_one_s_own(desk: Path, tmp_path: Path) -> None:
    """Found from the new card's folder, so that both may be moved together."""
    own = tmp_path / "models"
    shutil.copytree(MODEL.path.parent, own)
    (own / "mine.toml").write_text(MODEL.path.read_text().replace('id = "hand_svdh"', 'id = "mine"', 1) + "\n")
    parent = card(own / "mine.toml")
    who = ReaderRef("model", "mine", parent.version, parent.sha256)
    made_readings(tmp_path / "read", lambda reading: replace(reading, reader=who))
    _, (path, _) = calibrate_model(order(desk, tmp_path / "card", model=str(own / "mine.toml"), readings=tmp_path / "read"))
    assert tomllib.loads(path.read_text())["calibration"]["parent"] == "../models/mine.toml"
    shutil.move(tmp_path / "models", tmp_path / "moved" / "models")
    shutil.move(tmp_path / "card", tmp_path / "moved" / "card")
    assert card(tmp_path / "moved" / "card" / "card.toml").checked("hand_fine").is_file()
