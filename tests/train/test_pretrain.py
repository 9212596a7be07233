"""Learning without labels: images become told apart, the weights start a grader, and the run goes on."""

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="torch is not installed: pip install coread[train]")

from safetensors.torch import load_file  # noqa: E402

from coread.errors import DefinitionError, InputError  # noqa: E402
from coread.train.learn import new_grader  # noqa: E402
from coread.train.order import Reporter  # noqa: E402
from coread.train.plan import read_plan  # noqa: E402
from coread.train.pretrain import PretrainOrder, contrast, pretrain  # noqa: E402
from tests.train.cue_cohort import RECIPE  # noqa: E402

pytestmark = [pytest.mark.train, pytest.mark.slow]


def test_contrast_by_hand() -> None:
    """Two images whose views agree and are orthogonal to the other's: -log(e^5 / (e^5 + 2)) with a temperature of 0.2."""
    views = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    assert float(contrast(views)) == pytest.approx(-math.log(math.exp(5) / (math.exp(5) + 2)), abs=1e-5)
    assert float(contrast(torch.ones((6, 2)) / 2**0.5)) == pytest.approx(math.log(5), abs=1e-5)


def test_it_tells_images_apart_and_starts_a_grader(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for k in range(40):
        y, x = np.mgrid[:96, :112]
        period, angle = 5 + 2 * (k % 8), np.pi * (k // 8) / 5
        waves = 127 + 60 * np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period) + rng.normal(0, 8, y.shape)
        Image.fromarray(np.clip(waves, 0, 255).astype(np.uint8)).save(tmp_path / "images" / f"{k}.png")
    (tmp_path / "images" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (tmp_path / "recipe.toml").write_text(RECIPE)
    lines: list[str] = []
    order = PretrainOrder(str(tmp_path / "recipe.toml"), (tmp_path / "images",), tmp_path / "run", steps=100, batch=20)
    path, notes = pretrain(order, Reporter(say=lines.append))
    losses = [float(line.split("loss ")[1]) for line in lines]
    assert losses[-1] < 0.5 * math.log(2 * 20 - 1)
    assert len(notes) == 1
    assert "broken.png" in notes[0]

    (tmp_path / "started.toml").write_text(RECIPE.replace('name = "residual"', f'name = "residual"\ninit = "{path}"'))
    grader = new_grader(read_plan(tmp_path / "started.toml")[0], 4, tmp_path)
    for name, value in load_file(path).items():
        torch.testing.assert_close(grader.state_dict()[name], value)
    wider = RECIPE.replace('name = "residual"', f'name = "residual"\ninit = "{path}"').replace("[16, 24]", "[32, 48]")
    (tmp_path / "wider.toml").write_text(wider)
    with pytest.raises(DefinitionError, match="take weights of the same network and options"):
        new_grader(read_plan(tmp_path / "wider.toml")[0], 4, tmp_path)


def test_too_few_images_are_one_sentence(tmp_path: Path) -> None:
    Image.fromarray(np.arange(10000, dtype=np.uint8).reshape(100, 100)).save(tmp_path / "one.png")
    (tmp_path / "recipe.toml").write_text(RECIPE)
    with pytest.raises(InputError, match="1 images can be learned from, at least 16 are needed"):
        pretrain(PretrainOrder(str(tmp_path / "recipe.toml"), (tmp_path / "one.png",), tmp_path / "run"))
