"""The command line: each command parses, calls and prints; refusals are one sentence on standard error and exit 1, Ctrl-C exits 130."""

from __future__ import annotations

import io
import os
import signal
import sys
import traceback

import typer

from coread.cli import (
    agree,
    calibrate,
    check,
    compare,
    correct,
    demo,
    explain,
    interrupt,
    listing,
    pretrain,
    read,
    report,
    sign,
    train,
    validate,
)
from coread.errors import CoreadError
from coread.printable import printable

STOPPED = 130
"""Exit code after Ctrl-C."""
TERMINATED = 143
"""Exit code after SIGTERM."""

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
app.command("agree")(agree.agree)
app.command("report")(report.report)
app.command("correct")(correct.correct)
app.command("sign")(sign.sign)
app.command("compare")(compare.compare)
app.command("validate")(validate.validate)
app.command("calibrate")(calibrate.calibrate)
app.command("train")(train.train)
app.command("pretrain")(pretrain.pretrain)
app.command("explain")(explain.explain)
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
    signal.signal(signal.SIGTERM, _terminated)
    interrupt.listen()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file's name may hold bytes that are no text
    try:
        app()
    except CoreadError as error:
        sys.stderr.write(f"coread: {printable(str(error))}\n")
        sys.exit(1)
    except (KeyboardInterrupt, SystemExit) as end:
        # Typer turns Ctrl-C into an exit with 130, the code that shells know it by, and says nothing.
        if isinstance(end, SystemExit) and end.code not in (STOPPED, TERMINATED) and not interrupt.asked():
            raise
        sys.stderr.write("coread: stopped; what was finished is kept, the same command goes on from there\n")
        sys.exit(TERMINATED if isinstance(end, SystemExit) and end.code == TERMINATED else STOPPED)
    except OSError as error:
        if not _from_echo(error):
            raise
        # What is still to be written goes nowhere, else Python complains of it at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            sys.stderr.write(f"coread: standard output cannot be written: {error.strerror}; free space or send it elsewhere\n")
        sys.exit(1)


def _terminated(number: int, frame: object) -> None:
    """Asked to end, a run clears up as it does after Ctrl-C."""
    sys.exit(TERMINATED)


def _from_echo(error: OSError) -> bool:
    """Whether printing failed rather than work on a file, which has errors of its own."""
    return isinstance(error, BrokenPipeError) or traceback.extract_tb(error.__traceback__)[-1].name == typer.echo.__name__
