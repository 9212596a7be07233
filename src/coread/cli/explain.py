"""``coread explain``: why a reader of whole images graded as it did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from coread.cli.say import a_path, say, say_json
from coread.errors import InputError, MissingDependencyError, not_written

DOCUMENT, PAGE = "explanation.json", "explanation.html"


def explain(
    exam: Annotated[Path, typer.Argument(help="One exam: a DICOM or image file, or its folder.", parser=a_path)],
    model: Annotated[str, typer.Option("-m", "--model", help="The path of a card that `coread train` wrote.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the page and the maps.", parser=a_path)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show where a reader looked: class activation, integrated gradients, occlusion, each checked against random weights."""
    try:
        from coread.train.explain import explain as explained
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in ("torch", "onnx", "safetensors"):
            raise MissingDependencyError(f"explaining needs {error.name}: pip install 'coread[train]'") from None
        raise
    from coread.formats.open import open_study
    from coread.report.explanation_page import explanation_page

    if output.is_dir() and any(output.iterdir()) and not (output / DOCUMENT).exists():
        raise InputError(f"{output}: holds files that `coread explain` did not write; choose another folder with -o")
    document = explained(model, open_study(exam))
    texts = {DOCUMENT: json.dumps(document, indent=1, ensure_ascii=False), PAGE: explanation_page(document)}
    for name, text in texts.items():
        try:
            output.mkdir(parents=True, exist_ok=True)
            (output / name).write_text(text, encoding="utf-8")
        except OSError as error:
            raise not_written(output / name, error) from None
    if as_json:
        say_json(document)
        return
    for place in document["places"]:
        maps = ", ".join(f"{name} {one['like_random_weights']:.2f}" for name, one in place["maps"].items())
        say(f"{exam}: grade {place['grade']:g}; correlation with random weights: {maps}")
    say(str(output / PAGE))
