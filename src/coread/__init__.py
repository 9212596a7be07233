"""Coread, the open second reader for autoimmune disease.

The public names; each is imported when it is first asked for, so that ``import coread`` loads no heavy library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coread.agreement_comparison import agreement
    from coread.change import Change
    from coread.errors import CoreadError, DefinitionError, InputError, MissingDependencyError, OutOfScopeError
    from coread.formats.open import Exam, find_exams, open_study
    from coread.formats.table import open_readings
    from coread.geometry import Grid
    from coread.output import save
    from coread.readers import reader
    from coread.readers.card import card, cards
    from coread.reading import Evidence, Finding, Interval, Reading, Total
    from coread.run import read_exam
    from coread.run_compare import compare
    from coread.scoring import system, systems
    from coread.study import Image, Study

__version__ = "0.1.0"

_HOMES = {
    "Change": "change",
    "CoreadError": "errors",
    "DefinitionError": "errors",
    "InputError": "errors",
    "MissingDependencyError": "errors",
    "OutOfScopeError": "errors",
    "Exam": "formats.open",
    "find_exams": "formats.open",
    "open_study": "formats.open",
    "open_readings": "formats.table",
    "Grid": "geometry",
    "save": "output",
    "Evidence": "reading",
    "Finding": "reading",
    "Interval": "reading",
    "Reading": "reading",
    "Total": "reading",
    "reader": "readers",
    "agreement": "agreement_comparison",
    "card": "readers.card",
    "cards": "readers.card",
    "read_exam": "run",
    "compare": "run_compare",
    "system": "scoring",
    "systems": "scoring",
    "Image": "study",
    "Study": "study",
}

__all__ = [
    "Change",
    "CoreadError",
    "DefinitionError",
    "Evidence",
    "Exam",
    "Finding",
    "Grid",
    "Image",
    "InputError",
    "Interval",
    "MissingDependencyError",
    "OutOfScopeError",
    "Reading",
    "Study",
    "Total",
    "__version__",
    "agreement",
    "card",
    "cards",
    "compare",
    "find_exams",
    "open_readings",
    "open_study",
    "read_exam",
    "reader",
    "save",
    "system",
    "systems",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'coread' has no attribute {name!r}")
    value = getattr(import_module(f"coread.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
