"""``coread demo``: the bundled exam read, from file to page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coread.cli.read import total_text


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the outputs.")] = Path("coread-demo"),
) -> None:
    """Read the bundled exam, a simulated hand radiograph, and say where page, SR, table and JSON lie."""
    from importlib.resources import as_file, files

    from coread.output import NAMES
    from coread.readers import reader
    from coread.run import read_exam

    with as_file(files("coread").joinpath("examples", "hand.dcm")) as path:
        outcome = read_exam(path, reader("hand_svdh"), output)
    assert outcome.reading is not None
    typer.echo("The bundled exam is a simulated radiograph: no patient. Research use, unverified.")
    for name, total in outcome.reading.totals.items():
        typer.echo(f"  {name.replace('_', ' ')}: {total_text(total)}")
    typer.echo(f"Read in {outcome.seconds:.1f} s:")
    for kind, name in NAMES.items():
        if (outcome.folder / name).is_file():
            typer.echo(f"  {kind:5s} {outcome.folder / name}")
    typer.echo(f"Open {outcome.folder / NAMES['page']} in a browser.")
