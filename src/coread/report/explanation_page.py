"""Explanations of an exam as one self-contained HTML page without scripts or outside requests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coread.report.evidence_heat import heat_uri
from coread.report.policy import policy

HERE = Path(__file__).parent
CHANCE = 0.5
"""Correlation with the map of random weights from which a map is marked as saying little of what was learned."""


def explanation_page(document: Mapping[str, Any]) -> str:
    """The HTML of an explanation: for each place its picture with every map over it, and how much of it random weights would show."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    style = "".join((HERE / name).read_text(encoding="utf-8") for name in ("validation.css", "training.css"))
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = environment.from_string((HERE / "explanation.html").read_text(encoding="utf-8"))
    places = [
        {**place, "shown": [{"name": name, "heat": heat_uri(one["map"]), **one} for name, one in place["maps"].items()]}
        for place in document["places"]
    ]
    return template.render(d=document, places=places, chance=CHANCE, style=Markup(style), policy=policy(style))
