"""Explanations of a trained reader: a planted cue is found, gradients add up to the score, random weights give another map."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="torch is not installed: pip install coread[train]")

from coread.errors import DefinitionError  # noqa: E402
from coread.formats.open import open_study  # noqa: E402
from coread.train.explain import METHODS, _direction, _score, blurred, explain, integrated_gradients, load_grader  # noqa: E402
from coread.train.image_reader import train_reader  # noqa: E402
from coread.train.order import Order  # noqa: E402
from coread.vision.evidence_map import map_values  # noqa: E402
from tests.train.cue_cohort import RECIPE, SIZE, patch_image, write_cohort  # noqa: E402

pytestmark = [pytest.mark.train, pytest.mark.slow]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explain")
    write_cohort(folder / "cohort", 100, test=False)
    (folder / "recipe.toml").write_text(RECIPE)
    train_reader(Order(str(folder / "recipe.toml"), folder / "cohort", folder / "run", simulated=True, command="coread train"))
    return folder / "run"


@pytest.mark.parametrize("method", METHODS)
def test_a_planted_cue_is_found_and_random_weights_see_something_else(run: Path, tmp_path: Path, method: str) -> None:
    rng = np.random.default_rng(3)
    near, alike = [], []
    for k in range(12):
        pixels, (column, row) = patch_image(rng, 3)
        path = tmp_path / f"{k}.png"
        Image.fromarray(np.round(pixels * 255).astype(np.uint8)).save(path)
        place = explain(run / "card.toml", open_study(path))["places"][0]
        values = map_values(place["maps"][method]["map"])
        assert values is not None
        peak = np.unravel_index(int(values.argmax()), values.shape)
        found = (np.array(peak) + 0.5) * np.array(SIZE) / values.shape
        near.append(np.hypot(found[0] - row, found[1] - column) < 24)
        alike.append(place["maps"][method]["like_random_weights"])
    assert np.mean(near) > 0.7
    assert abs(np.mean(alike)) < 0.5


def test_integrated_gradients_add_up_to_what_the_score_gains(run: Path) -> None:
    """Completeness (Sundararajan 2017, proposition 1)."""
    grader = load_grader(run / "model.safetensors")
    pixels, _ = patch_image(np.random.default_rng(8), 3)
    image = torch.from_numpy(pixels[::2, ::2].astype(np.float32))[None, None]
    along = _direction(grader, image)
    gained = float((_score(grader, image, along) - _score(grader, blurred(image), along)).detach())
    assert integrated_gradients(grader, image).sum() == pytest.approx(gained, rel=0.05, abs=0.05)


def test_the_command_writes_page_and_maps(run: Path, tmp_path: Path) -> None:
    exam = run.parent / "cohort" / "p000-0.png"
    words = ["explain", str(exam), "-m", str(run / "card.toml"), "-o", str(tmp_path / "out")]
    done = subprocess.run([sys.executable, "-m", "coread", *words], capture_output=True, text=True, check=True)
    assert "correlation with random weights: class activation" in done.stdout
    assert json.loads((tmp_path / "out" / "explanation.json").read_text())["places"][0]["maps"].keys() == set(METHODS)
    page = (tmp_path / "out" / "explanation.html").read_text()
    assert page.count('class="heat"') == 3
    assert "<script" not in page


def test_a_card_without_such_weights_is_one_sentence(run: Path) -> None:
    with pytest.raises(DefinitionError, match=r"names no \[weights\.gradients\]"):
        explain("hand_svdh", open_study(run.parent / "cohort" / "p000-0.png"))
