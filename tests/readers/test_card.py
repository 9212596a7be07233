import hashlib
from pathlib import Path

import pytest

from coread.errors import DefinitionError, InputError
from coread.readers.card import card, cards

CARD = """
id = "x"
version = "1"
name = "X"
reader = "joints"
system = "svdh"
assesses = ["joint_space_narrowing"]
training = ["made up"]
not_tested = ["everything"]
[weights.net]
file = "x.onnx"
sha256 = "{sha}"
licence = "Apache-2.0"
trained_on = "nothing"
[parameters]
threshold = 0.5
[[figures]]
name = "error"
value = 1
low = 0.5
high = 1.5
level = 0.95
unit = "%"
n = 3
of = "hands"
kind = "simulated"
command = "python bench/x.py"
"""


def write(folder: Path, text: str) -> Path:
    (folder / "x.onnx").write_bytes(b"weights")
    path = folder / "x.toml"
    path.write_text(text.format(sha=hashlib.sha256(b"weights").hexdigest()))
    return path


def test_a_whole_card(tmp_path: Path) -> None:
    read = card(write(tmp_path, CARD))
    assert (read.id, read.parameters["threshold"], read.figures[0].n) == ("x", 0.5, 3)
    assert read.checked("net") == tmp_path / "x.onnx"


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    read = card(write(tmp_path, CARD))
    (tmp_path / "x.onnx").write_bytes(b"other")
    with pytest.raises(DefinitionError, match="the file was changed"):
        read.checked("net")
    (tmp_path / "x.onnx").unlink()
    with pytest.raises(DefinitionError, match="is missing"):
        read.checked("net")
    with pytest.raises(DefinitionError, match="no weights for 'other'"):
        read.checked("other")


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('version = "1"', "version = 1", "version"),
        ('name = "X"\n', "", "name: missing"),
        ('kind = "simulated"', 'kind = "measured"', r"figures\[0\].kind"),
        ("threshold = 0.5", 'threshold = "0.5"', "parameters.threshold"),
        ("low = 0.5\n", "", r"figures\[0\].high"),
        ("unit = ", "units = ", r"figures\[0\].unit: missing"),
        ("n = 3", "n = 3\nhidden = 1", r"figures\[0\].hidden: unknown key"),
        ('licence = "Apache-2.0"', "", "weights.net.licence"),
        ('training = ["made up"]', 'training = "made up"', "training"),
    ],
)
def test_a_wrong_key_is_named_with_its_file(tmp_path: Path, old: str, new: str, key: str) -> None:
    assert old in CARD
    with pytest.raises(DefinitionError, match=rf"x\.toml: .*{key}"):
        card(write(tmp_path, CARD.replace(old, new)))


def test_no_such_card(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no model 'nothing'"):
        card("nothing")
    with pytest.raises(InputError, match="no such card"):
        card(tmp_path / "absent.toml")
    (tmp_path / "bad.toml").write_text("= 1")
    with pytest.raises(DefinitionError, match="is not valid TOML"):
        card(tmp_path / "bad.toml")


@pytest.mark.parametrize("name", cards())
def test_shipped_cards_hold_together(name: str) -> None:
    from coread.scoring import system

    read = card(name)
    assert read.id == name
    assert set(read.assesses) <= set(system(read.system).features)
    assert read.not_tested
    assert read.figures
    for role in read.weights:
        assert read.checked(role).stat().st_size <= 16 * 2**20
