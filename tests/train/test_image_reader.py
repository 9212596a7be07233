"""`coread train` as a whole, on drawn images whose truth is known: it learns, goes on after a kill, its reader reads and is validated."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="torch is not installed: pip install coread[train]")

from safetensors import SafetensorError  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from coread.cohort import open_cohort  # noqa: E402
from coread.errors import DefinitionError, InputError, OutOfScopeError  # noqa: E402
from coread.formats.open import open_study  # noqa: E402
from coread.readers import reader  # noqa: E402
from coread.run_validation import Order as Validating  # noqa: E402
from coread.run_validation import validate_model  # noqa: E402
from coread.train import export, loop  # noqa: E402
from coread.train.image_reader import train_reader  # noqa: E402
from coread.train.order import Order  # noqa: E402
from coread.train.plan import read_plan  # noqa: E402
from coread.vision.evidence_map import map_values  # noqa: E402
from tests.train.cue_cohort import RECIPE, patch_image, write_cohort  # noqa: E402

pytestmark = [pytest.mark.train, pytest.mark.slow]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    write_cohort(folder / "cohort", 100)
    (folder / "recipe.toml").write_text(RECIPE)
    (folder / "short.toml").write_text(RECIPE.replace("epochs = 40", "epochs = 6"))
    return folder


@pytest.fixture(scope="module")
def run(work: Path) -> Path:
    train_reader(Order(str(work / "recipe.toml"), work / "cohort", work / "run", simulated=True, command="coread train"))
    return work / "run"


def weights(run: Path) -> str:
    return hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest()


def command(work: Path, recipe: str, out: str) -> list[str]:
    words = ["train", str(work / recipe), "--cohort", str(work / "cohort"), "-o", str(work / out)]
    return [sys.executable, "-m", "coread", *words]


def test_it_learned_and_its_card_says_so(run: Path) -> None:
    document = json.loads((run / "training.json").read_text())
    figures = {figure["name"]: figure for figure in document["figures"]}
    assert figures["kappa, quadratic weights"]["value"] > 0.75
    assert figures["drawn images refused (noise, tubes, pages, ramps; simulated)"]["value"] > 0.9
    made = reader(run / "card.toml")
    assert {figure.kind for figure in made.card.figures} == {"simulated"}
    assert made.card.training_centres == ("south", "north") or made.card.training_centres == ("north", "south")


def test_nobody_is_in_two_parts(run: Path) -> None:
    rows = [line.split(",") for line in (run / "split.csv").read_text().splitlines()[1:]]
    parts: dict[str, set[str]] = {}
    for row in rows:
        parts.setdefault(row[1], set()).add(row[-1])
    assert all(len(names) == 1 for names in parts.values())
    assert {name for names in parts.values() for name in names} == {"training", "validation", "calibration", "test"}


def test_validate_takes_it_at_once(run: Path, work: Path) -> None:
    validation, _ = validate_model(Validating(str(run / "card.toml"), work / "cohort", work / "validation", simulated=True))
    kappa = next(m.value.estimate for m in validation.everything.measures if m.measure == "kappa, quadratic weights")
    held = next(m.value.estimate for m in validation.everything.measures if m.measure.endswith("of the grade holds the reference"))
    assert validation.patients == 20
    assert kappa is not None
    assert kappa > 0.75
    assert held is not None
    assert held > 0.8


def test_the_evidence_map_finds_a_planted_cue_and_random_weights_do_not(run: Path, tmp_path: Path) -> None:
    made = reader(run / "card.toml")
    rng = np.random.default_rng(99)
    near, shuffled_maps = [], []
    for k in range(24):
        pixels, (column, row) = patch_image(rng, 3)
        path = tmp_path / f"{k}.png"
        Image.fromarray(np.round(pixels * 255).astype(np.uint8)).save(path)
        try:
            finding = made.read(open_study(path)).findings[0]
        except OutOfScopeError:
            continue
        evidence = finding.evidence
        assert evidence is not None
        assert evidence.center_px is not None
        values = map_values(evidence.map)
        assert values is not None
        near.append(np.hypot(evidence.center_px[0] - column, evidence.center_px[1] - row) < 24)
        shuffled_maps.append((values, pixels))
    # By chance a place lies so near in about one image of six.
    assert len(near) > 18
    assert np.mean(near) > 0.75

    from coread.train.grader import Grader
    from coread.train.recipe import build_network
    from coread.vision.evidence_map import relief
    from coread.vision.prepare import prepare

    torch.manual_seed(5)
    random = Grader(build_network("residual", {"stem": 8, "widths": [16, 24], "blocks": 1}), "coral", 4).eval()
    alike = []
    for values, pixels in shuffled_maps:
        plane = torch.from_numpy(prepare(pixels.astype(np.float32), made.input.preparation).plane)[None, None]
        with torch.no_grad():
            features = random.features(plane)
            other = relief(random.evidence(features, random.judged(features))[0].numpy())
        alike.append(np.corrcoef(values.ravel(), other.ravel())[0, 1])
    assert abs(float(np.nanmean(alike))) < 0.5


def test_strange_images_are_refused(run: Path, tmp_path: Path) -> None:
    made = reader(run / "card.toml")
    y, x = np.mgrid[:96, :112]
    Image.fromarray((127 + 127 * np.sin(x / 3) * np.sin(y / 5)).astype(np.uint8)).save(tmp_path / "waves.png")
    with pytest.raises(OutOfScopeError, match="does not look like the images that patches was made for"):
        made.read(open_study(tmp_path / "waves.png"))
    assert made.check(open_study(tmp_path / "waves.png"))["readable"] is False


def test_the_same_command_again_gives_the_same_and_another_plan_is_refused(run: Path, work: Path) -> None:
    before = weights(run)
    train_reader(Order(str(work / "recipe.toml"), work / "cohort", run, simulated=True, command="coread train"))
    assert weights(run) == before
    with pytest.raises(InputError, match="a training by another plan or of another cohort"):
        train_reader(Order(str(work / "short.toml"), work / "cohort", run))
    train_reader(Order(str(work / "recipe.toml"), work / "cohort", run, plan_only=True))


def test_a_killed_run_goes_on_to_the_same_weights(work: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(command(work, "short.toml", "whole"), check=True, capture_output=True, env=environment)
    killed = subprocess.Popen(command(work, "short.toml", "killed"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    checkpoint = work / "killed" / "training" / "checkpoint.safetensors"
    until = time.monotonic() + 60
    while not checkpoint.exists() and time.monotonic() < until:
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert checkpoint.exists()
    subprocess.run(command(work, "short.toml", "killed"), check=True, capture_output=True, env=environment)
    assert weights(work / "killed") == weights(work / "whole")


def test_an_export_that_differs_from_torch_is_refused(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Off(export.Network):
        def run(self, array):  # type: ignore[no-untyped-def]
            return tuple(out + np.float32(0.01) for out in super().run(array))

    monkeypatch.setattr(export, "Network", Off)
    with pytest.raises(DefinitionError, match="the exported network differs from the trained one"):
        train_reader(Order(str(work / "short.toml"), work / "cohort", work / "differs"))


def test_a_full_disk_is_one_sentence_and_the_run_goes_on_when_there_is_room(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = work / "full"
    written: list[Path] = []

    def full(tensors: object, path: Path, metadata: object = None) -> None:
        written.append(path)
        if len(written) > 3:
            raise SafetensorError("I/O error: No space left on device (os error 28)")
        save_file(tensors, path, metadata=metadata)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_file", full)
        with pytest.raises(
            InputError, match=r"safetensors: cannot be written: .*No space left on device.*goes on from the last checkpoint"
        ):
            train_reader(Order(str(work / "short.toml"), work / "cohort", out))
    assert not list((out / "training").glob(".*.part"))
    assert (out / "training" / "checkpoint.safetensors").is_file()
    train_reader(Order(str(work / "short.toml"), work / "cohort", out))
    assert (out / "card.toml").is_file()


def test_a_foreign_folder_and_a_label_out_of_range_are_one_sentence(work: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="holds files that `coread train` did not write"):
        train_reader(Order(str(work / "short.toml"), work / "cohort", tmp_path))
    shutil.copytree(work / "cohort", tmp_path / "cohort")
    table = tmp_path / "cohort" / "readings.csv"
    lines = table.read_text().splitlines()
    lines[3] = lines[3].rsplit(",", 1)[0] + ",7"
    table.write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match=r"readings\.csv: row 4"):
        open_cohort(tmp_path / "cohort")


def test_leaving_a_centre_out_makes_a_reader_and_a_table_of_folds(work: Path) -> None:
    out = work / "centres"
    outcome = train_reader(Order(str(work / "short.toml"), work / "cohort", out, simulated=True, command="x", leave_out="centre"))
    rows = [line.split(",") for line in (out / "folds.csv").read_text().splitlines()]
    assert len(rows) == 1 + 160  # the test part is not among them
    assert {row[2] for row in rows[1:]} == {"north", "south"}
    assert all(sum(map(float, row[4:])) == pytest.approx(1, abs=1e-4) for row in rows[1:])
    assert {figure.n for figure in outcome.figures if figure.name == "same grade"} == {160}
    card = reader(out / "card.toml").card
    assert "each by networks and a calibration without its centre" in card.figures[0].of


def test_two_processes_learn_what_one_does(work: Path) -> None:
    text = RECIPE.replace("epochs = 40", "epochs = 4").replace("blocks = 1", 'blocks = 1, norm = "group"') + "dropout = 0.0\n"
    (work / "two.toml").write_text(text)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", *command(work, "two.toml", "two")[1:]]
    subprocess.run(torchrun, check=True, capture_output=True, env=environment, timeout=120)
    subprocess.run(command(work, "two.toml", "one"), check=True, capture_output=True, env=environment)
    curves = [(work / name / "training" / "curve.csv").read_text().splitlines()[1:] for name in ("one", "two")]
    one, two = (np.array([float(line.split(",")[2]) for line in lines]) for lines in curves)
    np.testing.assert_allclose(one, two, rtol=1e-3)


def test_the_recipe_of_the_docs_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "train.md").read_text()
    (tmp_path / "gland.toml").write_text(page.split("```toml\n")[1].split("```")[0])
    assert read_plan(tmp_path / "gland.toml")[0].learning.loss == "coral"
