"""``coread sign``: a reading signed by a person."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coread.cli.correct import say_missing, say_revision


def sign(
    reading: Annotated[Path, typer.Argument(help="The reading to sign: reading.json or an SR (.dcm).")],
    reader: Annotated[str, typer.Option("--reader", help="Name of the person who signs.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the outputs, or one file: .html, .pdf, .dcm, .csv, .json.")],
    exam: Annotated[Path | None, typer.Option("--exam", help="The exam that was read, where it lies elsewhere now.")] = None,
    write: Annotated[str | None, typer.Option(help="Outputs in the folder, out of json,csv,sr,seg,page,pdf.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Sign a reading: a signed copy with your name and the time, which is refused once its findings were altered."""
    from coread.output import parse_kinds
    from coread.run_person import sign as signed
    from coread.run_person import write_revision

    kinds = parse_kinds(write) if write is not None else None
    revision = signed(reading, reader, exam)
    files = write_revision(revision, output, kinds)
    if as_json:
        say_revision(revision, files)
        return
    signature = revision.reading.signature
    assert signature is not None
    typer.echo(f"{output}: signed by {signature.by} on {signature.at}")
    say_missing(revision, files)
