"""The command line: each command parses, calls and prints; refusals are one sentence on standard error and exit 1, Ctrl-C exits 130."""

from __future__ import annotations

import os
import sys

import typer

from coread.cli import check, correct, demo, listing, read, report, sign
from coread.errors import CoreadError

STOPPED = 130
"""Exit code after Ctrl-C."""

app = typer.Typer(
    name="coread",
    help="The open second reader for autoimmune disease. Research use; every result is unverified until a person signs it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("list")(listing.listing)
app.command("check")(check.check)
app.command("read")(read.read)
app.command("report")(report.report)
app.command("correct")(correct.correct)
app.command("sign")(sign.sign)
app.command("demo")(demo.demo)


def _version(asked: bool) -> None:
    if asked:
        from coread import __version__

        typer.echo(f"coread {__version__}")
        raise typer.Exit


@app.callback()
def _root(version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version and exit.")) -> None:
    """Options of the whole program."""


def main() -> None:
    """Run the command line; what `coread` and ``python -m coread`` call."""
    try:
        app()
    except CoreadError as error:
        sys.stderr.write(f"coread: {error}\n")
        sys.exit(1)
    except (KeyboardInterrupt, SystemExit) as end:
        # Typer turns Ctrl-C into an exit with 130, the code that shells know it by, and says nothing.
        if isinstance(end, SystemExit) and end.code != STOPPED:
            raise
        sys.stderr.write("coread: stopped; what was finished is kept, the same command goes on from there\n")
        sys.exit(STOPPED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
