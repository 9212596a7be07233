"""``coread demo``: the bundled exam read, from file to page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coread.cli.read import total_text
from coread.cli.say import a_path, say


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the outputs.", parser=a_path)] = Path("coread-demo"),
) -> None:
    """Read the bundled exam, a simulated hand radiograph, and say where page, SR, table and JSON lie."""
    from importlib.resources import as_file, files

    from coread.output import NAMES
    from coread.readers import reader
    from coread.run import read_exam

    with as_file(files("coread").joinpath("examples", "hand.dcm")) as path:
        outcome = read_exam(path, reader("hand_svdh"), output)
    assert outcome.reading is not None
    say("The bundled exam is a simulated radiograph: no patient. Research use, unverified.")
    for name, total in outcome.reading.totals.items():
        say(f"  {name.replace('_', ' ')}: {total_text(total)}")
    say(f"Read in {outcome.seconds:.1f} s:")
    for kind, name in NAMES.items():
        if (outcome.folder / name).is_file():
            say(f"  {kind:5s} {outcome.folder / name}")
    say(f"Open {outcome.folder / NAMES['page']} in a browser.")
