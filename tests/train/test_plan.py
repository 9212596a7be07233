"""Recipes and plans: what a recipe leaves out follows from the cohort, a plan says it all, and faults name file and key."""

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install coread[train]")

from coread.errors import DefinitionError, InputError
from coread.train.plan import plan_toml, read_plan, recipes
from tests.train.cue_cohort import RECIPE

pytestmark = pytest.mark.train


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return path


def test_a_plan_comes_back_from_its_toml(tmp_path: Path) -> None:
    plan, _ = read_plan(written(tmp_path, RECIPE))
    plan = replace(plan, cautions=('says "so"', "ü"), network=replace(plan.network, options={"widths": [16, 24], "norm": "group"}))
    assert read_plan(written(tmp_path, plan_toml(plan, ("a comment",))))[0] == plan


@pytest.mark.parametrize("name", recipes())
def test_shipped_recipes_are_recipes(name: str) -> None:
    plan, path = read_plan(name)
    assert (plan.id, path.stem) == (name, name)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('loss = "coral"', 'loss = "hinge"', r"recipe.toml \[learning\]: 'loss' must be one of nominal, soft, coral, corn"),
        ("epochs = 40", "epochs = -1", r"\[learning\]: epochs must be from 0"),
        ("epochs = 40", 'epochs = "many"', "'epochs' must be int, got 'many'"),
        ("batch = 16", "bach = 16", "unknown key 'bach'"),
        ("[network]", "[netwrok]", "unknown key 'netwrok'; did you mean network"),
        ('licence = "none"', "", "'licence' must be a text"),
        ('training = ["Drawn images."]', 'training = "Drawn images."', "'training' must be a list of texts"),
    ],
)
def test_faults_name_file_and_key(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        read_plan(written(tmp_path, RECIPE.replace(old, new)))


def test_an_unknown_recipe_names_those_there_are() -> None:
    with pytest.raises(InputError, match="no recipe 'kneekl'"):
        read_plan("kneekl")
