"""Every trunk by the name of its file: it says its width, exports, and ONNX says what torch says."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install coread[train]")

from coread.errors import DefinitionError, MissingDependencyError  # noqa: E402
from coread.train.export import LARGEST, export_onnx  # noqa: E402
from coread.train.grade_losses import LOSSES  # noqa: E402
from coread.train.grader import Grader, Whole, descriptors  # noqa: E402
from coread.train.recipe import build_network  # noqa: E402

pytestmark = pytest.mark.train
SMALL = {
    "residual": {"stem": 8, "widths": [8, 16], "blocks": 2, "norm": "group"},
    "monai_densenet": {"init_features": 8, "growth_rate": 4, "block_config": [2, 2]},
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", SMALL)
def test_a_trunk_grades_and_exports(name: str, loss: str, tmp_path: Path) -> None:
    if name.startswith("monai"):
        pytest.importorskip("monai", reason="monai is not installed: pip install monai")
    torch.manual_seed(0)
    grader = Grader(build_network(name, SMALL[name]), loss, 3).eval()
    image = torch.rand((2, 1, 64, 80))
    features = grader.features(image)
    assert features.shape[1] == grader.trunk.width
    looks = descriptors(image, features)
    whole = Whole(grader, looks.mean(dim=0).detach(), torch.eye(looks.shape[1]))
    assert export_onnx(whole, (1, 64, 80), tmp_path / "n.onnx", {}, ("probabilities", "map", "strangeness")) <= LARGEST
    shares, maps, strange = whole(image)
    assert shares.sum(dim=1).tolist() == pytest.approx([1, 1], abs=1e-5)
    assert maps.shape == (2, *features.shape[2:])
    assert strange.shape == (2,)


def test_what_cannot_be_built_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DefinitionError, match=r"network 'resnet' is unknown, there are: .*residual"):
        build_network("resnet", {})
    with pytest.raises(DefinitionError, match="norm must be one of batch, group"):
        build_network("residual", {"norm": "layer"})
    monkeypatch.setitem(__import__("sys").modules, "monai.networks.nets.densenet", None)
    with pytest.raises(MissingDependencyError, match="needs monai"):
        build_network("monai_densenet", {})
