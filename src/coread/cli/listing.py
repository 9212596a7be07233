"""``coread list``: the scoring systems, the models and the recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coread.cli.say import say_json, say_table
from coread.errors import InputError


def listing(
    what: Annotated[str | None, typer.Argument(help="systems, models or recipes; systems and models without it.")] = None,
    template: Annotated[str | None, typer.Option(help="Print an empty score sheet (CSV) for this system.", metavar="SYSTEM")] = None,
    wide: Annotated[bool, typer.Option("--wide", help="The score sheet with one row a reading and a column a box.")] = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the score sheet to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the scoring systems, models and recipes, with sources and licences."""
    if template is not None:
        from coread.formats.table import write_score_sheet

        text = write_score_sheet(template, output, wide)
        typer.echo(f"{output}: an empty score sheet for {template}" if output else text, nl=output is not None)
        return
    if what not in (None, "systems", "models", "recipes"):
        raise InputError(f"list {what!r}: use systems, models, recipes, or nothing for systems and models")
    from coread.readers.card import card, cards
    from coread.scoring import system, systems

    found: dict[str, list[dict[str, object]]] = {}
    if what in (None, "systems"):
        found["systems"] = [
            {"id": s.id, "name": s.name, "maximum": s.maximum, "items": len(s.items), "sources": list(s.sources)}
            for s in map(system, systems())
        ]
    if what in (None, "models"):
        found["models"] = [
            {
                "id": c.id,
                "version": c.version,
                "name": c.name,
                "system": c.system,
                "assesses": list(c.assesses),
                "licences": {w.role: w.licence for w in c.weights.values()},
            }
            for c in map(card, cards())
        ]
    if what == "recipes":
        found["recipes"] = _recipes()
    if as_json:
        say_json(found)
        return
    if "systems" in found:
        lines: list[tuple[str, ...]] = [("SYSTEM", "MAXIMUM", "NAME", "SOURCE")]
        lines += [(str(s["id"]), f"{s['maximum']:g}" if s["maximum"] else "-", str(s["name"]), s["sources"][0]) for s in found["systems"]]  # type: ignore[index]
        say_table(lines)
    if "recipes" in found:
        recipes: list[tuple[str, ...]] = [("RECIPE", "SYSTEM", "NAME", "LICENCE OF THE WEIGHTS")]
        recipes += [(str(r["id"]), str(r["system"]), str(r["name"]), str(r["licence"])) for r in found["recipes"]]
        say_table(recipes)
    if "models" in found:
        if "systems" in found:
            typer.echo()
        rows: list[tuple[str, ...]] = [("MODEL", "VERSION", "SYSTEM", "NAME", "LICENCE OF THE WEIGHTS")]
        for m in found["models"]:
            licences = "; ".join(dict.fromkeys(m["licences"].values()))  # type: ignore[attr-defined]
            rows.append((str(m["id"]), str(m["version"]), str(m["system"]), str(m["name"]), licences))
        say_table(rows)


def _recipes() -> list[dict[str, object]]:
    """The shipped recipes of `coread train`, from their files: training itself would cost a heavy library."""
    import tomllib
    from importlib.resources import files

    found: list[dict[str, object]] = []
    for path in sorted(files("coread").joinpath("train", "recipes").iterdir(), key=lambda path: path.name):
        table = tomllib.loads(path.read_text(encoding="utf-8")) if path.name.endswith(".toml") else {}
        if "task" in table:
            found.append({"id": table["id"], "system": table["task"]["system"], "name": table["name"], "licence": table["licence"]})
    return found
