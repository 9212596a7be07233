"""How the commands print: text for people, or one JSON document for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from coread.printable import printable

if TYPE_CHECKING:
    from coread.stats.estimate import Estimate


def a_path(text: str) -> Path:
    """A path of the command line; whether it can be read is found out when it is read, so that the other exams go on.

    Raises:
        BadParameter: it is empty, which the system takes as the current folder.
    """
    if not text:
        raise typer.BadParameter("the path is empty; name a file or folder")
    return Path(text)


def say(line: str, err: bool = False) -> None:
    """One line on standard output or error; nothing in it steers the terminal."""
    typer.echo(printable(line), err=err)


def say_json(value: Any) -> None:
    """One JSON document on standard output."""
    # A byte of a file name that is no UTF-8 becomes an escape of JSON.
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False).encode("utf-8", "backslashreplace").decode())


def say_table(rows: list[tuple[str, ...]]) -> None:
    """Columns padded to their widest cell; the last one runs free."""
    if not rows:
        return
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    for row in rows:
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        typer.echo("  ".join([*padded, row[-1]]).rstrip())


def estimate_text(value: Estimate) -> str:
    """A figure with its interval, or why it lacks either."""
    if value.estimate is None:
        return f"none: {value.undefined}"
    if value.low is None or value.high is None:
        return f"{value.estimate:.3g}, {value.undefined}"
    return f"{value.estimate:.3g} ({value.low:.3g} to {value.high:.3g})"
