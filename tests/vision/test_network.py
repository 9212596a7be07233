"""The engine's one home: same numbers for any batch and any number of threads, and errors that say what was wrong."""

from pathlib import Path

import numpy as np
import pytest

from coread.errors import DefinitionError
from coread.vision.landmarks import COARSE, FINE
from coread.vision.network import Network


def test_batch_and_threads_change_nothing() -> None:
    batch = np.random.default_rng(0).random((3, 1, 160, 160)).astype(np.float32)
    whole = Network(COARSE, threads=2).run(batch)[0]
    single = np.concatenate([Network(COARSE, threads=1).run(one[None])[0] for one in batch])
    assert whole.shape == (3, 38, 40, 40)
    np.testing.assert_allclose(whole, single, atol=2e-4)


def test_scale_and_offset_of_the_image_change_nothing() -> None:
    image = np.random.default_rng(1).random((1, 1, 256, 224)).astype(np.float32)
    network = Network(FINE, threads=1)
    np.testing.assert_allclose(network.run(image)[0], network.run(0.3 * image + 0.5)[0], atol=0.02)


def test_weights_fit_the_budget_and_know_themselves() -> None:
    assert COARSE.stat().st_size + FINE.stat().st_size <= 16 * 2**20
    assert Network(COARSE).facts["side"] == "160"
    assert "bias" in Network(FINE).facts["calibration"]


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="weights are missing"):
        Network(tmp_path / "absent.onnx").run(np.zeros((1, 1, 8, 8)))


def test_no_network(tmp_path: Path) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(b"no network at all")
    with pytest.raises(DefinitionError, match="not a network that can be loaded"):
        Network(path).run(np.zeros((1, 1, 8, 8)))


@pytest.mark.parametrize("shape", [(1, 160, 160), (1, 2, 160, 160), (1, 1, 160, 128)])
def test_wrong_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(DefinitionError, match="takes arrays of shape"):
        Network(COARSE).run(np.zeros(shape))
