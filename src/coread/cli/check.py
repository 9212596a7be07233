"""``coread check``: what an exam is, and whether it can be read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from coread.cli.say import a_path, say, say_json
from coread.errors import InputError

if TYPE_CHECKING:
    from coread.formats.open import Exam
    from coread.study import Study


def check(
    exam: Annotated[list[Path], typer.Argument(help="DICOM or image files, or folders of them.", parser=a_path)],
    model: Annotated[str, typer.Option("-m", "--model", help="A model of `coread list models`, or the path of a card.")] = "hand_svdh",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what was found in each exam, whether the model can read it, and why not."""
    from coread.readers import reader

    chosen = reader(model)
    answers: list[dict[str, Any]] = []
    for path in exam:
        for found in _found(path):
            answer: dict[str, Any] = {"exam": str(found.path), "readable": False}
            if found.study is None:
                answer["reason"] = found.error
            else:
                try:
                    answer |= chosen.check(found.study)
                except InputError as error:
                    answer["reason"] = str(error)
                answer |= _volumes(found.study)
            answers.append(answer)
            if not as_json:
                _print(answer)
    if as_json:
        say_json(answers)
    if not all(a["readable"] for a in answers):
        raise typer.Exit(1)


def _volumes(study: Study) -> dict[str, Any]:
    """What volumes an exam holds, and what was said when they were put together; nothing for an exam without sections."""
    from coread.study_volume import volume_in_words

    volumes = [volume_in_words(image) for image in study.images if image.is_volume]
    single = sum("no_volume" in image.facts for image in study.images)
    if not volumes and not single:
        return {}
    return {"volumes": volumes, "warnings": list(study.warnings)}


def _found(path: Path) -> list[Exam]:
    """The exams at a path; a path that cannot be opened is an exam with an error, so that the others are still checked."""
    from coread.formats.open import Exam, find_exams

    try:
        return find_exams(path)
    except InputError as error:
        return [Exam(path, None, str(error))]


def _verdict(answer: dict[str, Any]) -> str:
    if answer["readable"]:
        return str(answer.get("doubt", "can be read"))
    reason = answer["reason"].removeprefix(answer["exam"] + ": ")
    return reason if reason.startswith("cannot be read") else f"cannot be read: {reason}"


def _print(answer: dict[str, Any]) -> None:
    say(f"{answer['exam']}: {_verdict(answer)}")
    for key, value in answer.items():
        if key in ("exam", "readable", "reason", "doubt") or value in (None, [], ()):
            continue
        if isinstance(value, list):
            for line in value:
                say(f"  {key.rstrip('s')}: {line}")
        else:
            say(f"  {key}: {value}")
