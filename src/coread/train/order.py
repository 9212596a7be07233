"""What to train, and who is told how far it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from coread.train.learn import Told
from coread.train.loop import Progress


@dataclass(frozen=True, slots=True)
class Order:
    """What to train.

    Attributes:
        recipe: a shipped recipe by its stem, or the path of a recipe or plan.
        cohort: folder of the cohort.
        out: folder of the run.
        plan_only: stop after fingerprint and plan.
        folds: folds of patients that the figures come from; 0 holds one part out.
        leave_out: column of ``cohort.csv`` whose values are the folds, such as ``centre``; empty for none.
        init: weights to start from, in place of the recipe's.
        simulated: whether the images are simulated; the card's figures say so.
        command: the command line, for the card.
    """

    recipe: str
    cohort: Path
    out: Path
    plan_only: bool = False
    simulated: bool = False
    command: str = ""
    folds: int = 0
    leave_out: str = ""
    init: Path | None = None

    @property
    def crossed(self) -> bool:
        """Whether the figures come from folds."""
        return bool(self.folds or self.leave_out)


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who is told how far a training is: the name of a stage with its steps, each step done, and lines to read."""

    stage: Callable[[str, int], None] = lambda _name, _count: None
    tick: Callable[[int], None] = lambda _done: None
    say: Callable[[str], None] = lambda _line: None


def told_by(reporter: Reporter) -> Told:
    """The reporter as the learning tells it."""
    started = [False]

    def tick(done: int, count: int) -> None:
        if not started[0]:
            started[0] = True
            reporter.stage("learning", count)
        reporter.tick(done)

    def say(progress: Progress) -> None:
        error = f", validation error {progress.figures['validation']:.4f}" if "validation" in progress.figures else ""
        reporter.say(f"update {progress.step}: loss {progress.loss:.4f}{error}")

    return Told(tick, say)
