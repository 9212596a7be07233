"""``coread pretrain``: images without labels into start weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coread.cli.say import a_path, say
from coread.cli.train import Bar
from coread.errors import MissingDependencyError


def pretrain(
    recipe: Annotated[str, typer.Argument(help="The recipe whose network, input and changes of images are used.")],
    images: Annotated[list[Path], typer.Option("--images", help="A file or folder of images; may be given several times.", parser=a_path)],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the run; one that was begun goes on.", parser=a_path)],
    steps: Annotated[int, typer.Option(help="Updates.", min=1)] = 500,
    batch: Annotated[int, typer.Option(help="Images of an update.", min=2)] = 64,
) -> None:
    """Learn from images without labels (SimCLR) and write weights that a recipe may start from with [network] init."""
    try:
        from coread.train.order import Reporter
        from coread.train.pretrain import PretrainOrder
        from coread.train.pretrain import pretrain as learn
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in ("torch", "onnx", "safetensors"):
            raise MissingDependencyError(f"training needs {error.name}: pip install 'coread[train]'") from None
        raise
    with Bar(False) as bar:
        path, notes = learn(PretrainOrder(recipe, tuple(images), output, steps, batch), Reporter(bar.stage, bar.tick, bar.say))
    for note in notes:
        say(f"note: {note}")
    say(str(path))
