"""``coread read``: exams to outputs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from coread.cli import interrupt
from coread.cli.progress import Progress
from coread.cli.say import a_path, say, say_json
from coread.reading import Reading, Total, commonest
from coread.reading_totals import grades_of
from coread.scoring import system

ALL_KINDS = "json,csv,sr,seg,page,pdf"
PARTS = ("", "_erosion", "_narrowing")


def read(
    exam: Annotated[list[Path], typer.Argument(help="DICOM or image files, or folders of them.", parser=a_path)],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the outputs, one folder an exam.", parser=a_path)],
    model: Annotated[str, typer.Option("-m", "--model", help="A model of `coread list models`, or the path of a card.")] = "hand_svdh",
    write: Annotated[str, typer.Option(help="Outputs to write, out of json,csv,sr,seg,page,pdf.")] = ALL_KINDS,
    again: Annotated[bool, typer.Option("--again", help="Read again what was already read.")] = False,
    jobs: Annotated[int, typer.Option(help="Exams read at the same time; 0: one a processor.", min=0)] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read exams and write page, DICOM SR, table and JSON for each. Goes on past a bad exam, and on where it was stopped."""
    from coread.run_pool import Helpers

    # Where the paths alone tell that there is work for several, the others start before this process loads what it needs itself.
    expected = _jobs(jobs, len(exam))
    early = Helpers(expected - 1, "coread.run_helper") if expected > 1 else None
    from coread.output import parse_kinds
    from coread.readers import reader
    from coread.run import exams_for, read_exams

    kinds = parse_kinds(write)
    exams = exams_for(exam, output)
    jobs = _jobs(jobs, len(exams))
    chosen = reader(model, threads=1 if early or jobs > 1 else None)
    outcomes = []
    with Progress(len(exams), silent=as_json) as step:
        for found, outcome in zip(exams, read_exams(exams, chosen, output, kinds, again, early or jobs), strict=True):
            interrupt.stop_if_asked()
            outcomes.append(outcome)
            step(outcome.exam)
            if as_json:
                continue
            for warning in found.study.warnings if found.study else ():
                say(f"{outcome.exam}: warning: {warning}", err=True)
            if outcome.status == "read" and outcome.reading is not None:
                say(f"{outcome.exam}: {summary(outcome.reading)} -> {outcome.folder}")
                if write != ALL_KINDS and "seg" in kinds and not _outlines(outcome.reading):
                    say("  no SEG: the reading outlines nothing")
            elif outcome.status == "kept":
                say(f"{outcome.exam}: already read -> {outcome.folder}")
            else:
                say(f"{outcome.exam}: refused: {_without_path(outcome.reason or '', outcome.exam)}", err=True)
    refused = sum(o.status == "refused" for o in outcomes)
    if as_json:
        say_json(
            [
                {"exam": o.exam, "folder": str(o.folder), "status": o.status, "reason": o.reason, "seconds": round(o.seconds, 3)}
                for o in outcomes
            ]
        )
    elif len(outcomes) > 1:
        done = sum(o.status == "read" for o in outcomes)
        say(f"{done} read, {len(outcomes) - done - refused} already there, {refused} refused -> {output}")
    if refused:
        raise typer.Exit(1)


def _outlines(reading: Reading) -> bool:
    return any(finding.evidence is not None and finding.evidence.lesions_px for finding in reading.findings)


def _jobs(asked: int, exams: int) -> int:
    """How many exams are read at the same time: never more than there are exams or processors; unasked, each has three to read."""
    processors = os.cpu_count() or 1
    return max(1, min(processors, asked or exams // 3, exams))


def summary(reading: Reading) -> str:
    """The headline of a reading in one line: totals of both hands, else of each, and of what was read why there is none."""
    said = [f"{name.replace('_', ' ')} {total_text(reading.totals[name])}" for part in PARTS for name in _shown(reading, part)]
    lacking = _lacking(reading)
    if not reading.totals or lacking:
        asked = [f.unreadable for f in reading.findings if f.unreadable and not f.unreadable.startswith("not assessed")]
        said.append(f"no total, {lacking or 'too many sites unreadable'}: {commonest(asked) or 'none was assessed'}")
    return ", ".join(said) or next(f"{name.replace('_', ' ')} {total_text(total)}" for name, total in reading.totals.items())


def _shown(reading: Reading, part: str) -> list[str]:
    both, each = f"hands{part}", [f"hand_left{part}", f"hand_right{part}"]
    return [both] if both in reading.totals else [name for name in each if name in reading.totals]


def _lacking(reading: Reading) -> str:
    """How many sites of each imaged hand lack a grade that was asked for, and how many may; empty where every hand has its totals."""
    scale, grades = system(reading.system), grades_of(reading)
    imaged = {scale.item(*key).region for key in grades}
    refused = {f.feature for f in reading.findings if not (f.unreadable or "").startswith("not assessed")}
    names = [f"hand_{side}{part}" for part in PARTS[1:] for side in ("left", "right")]
    rules = {name: scale.totals[name] for name in names if name in scale.totals and name not in reading.totals}
    return "; ".join(
        f"{name.replace('_', ' ')}: {len(rule.unreadable(grades))} of {len(rule.sites)} sites lack a grade, "
        f"at most {rule.unreadable_allowed} may"
        for name, rule in rules.items()
        if imaged.issuperset(rule.regions) and refused.intersection(item.feature for item in rule.items)
    )


def total_text(total: Total) -> str:
    """A total with its interval and maximum in words."""
    bounds = f" ({total.low:g}-{total.high:g}, {total.level:.0%})" if total.low is not None and total.level is not None else ""
    missing = f", {total.sites_unreadable} unreadable" if total.sites_unreadable else ""
    return f"{total.value:g}{bounds} of {total.maximum:g}{missing}"


def _without_path(reason: str, exam: str) -> str:
    return reason.removeprefix(f"{exam}: ")
