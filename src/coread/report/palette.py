"""Colours of the grades, made so that nobody needs to see colour to read them.

Twelve steps from pale yellow to deep purple whose lightness falls without a turn, evenly spaced in CIELAB, so that
their order survives protanopia, deuteranopia, tritanopia and a grey printer. Grade 0 is hollow. The page and the PDF
always write the grade's number inside the mark as well.
"""

from __future__ import annotations

STEPS: tuple[str, ...] = (
    "#FFF3B0", "#FFE082", "#FDCD52", "#F8B23E", "#F2933B", "#E97944",
    "#DD6251", "#C9415A", "#B63A6B", "#A03177", "#812A7E", "#55217F",
)  # fmt: skip
HOLLOW = "#FFFFFF"
DARK_INK = "#0E1216"
LIGHT_INK = "#FFFFFF"
FIRST_LIGHT_INK = 8


def step_of(grade: float, highest: float) -> int:
    """Step 0 (hollow, nothing found) to 12 (the worst grade) for a grade out of ``highest``; any grade above 0 is at least 1."""
    if highest <= 0 or grade <= 0:
        return 0
    return max(1, min(len(STEPS), round(grade / highest * len(STEPS))))


def fill_of(step: int) -> str:
    """Fill colour of a step, as ``#RRGGBB``."""
    return HOLLOW if step == 0 else STEPS[step - 1]


def ink_of(step: int) -> str:
    """Colour of the number written on a step, at least 4.5 : 1 against its fill."""
    return LIGHT_INK if step >= FIRST_LIGHT_INK else DARK_INK


def rgb(colour: str) -> tuple[int, int, int]:
    """``#RRGGBB`` as three numbers 0..255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def css() -> str:
    """The steps as CSS classes ``s0`` .. ``s12`` that set ``--fill`` and ``--ink``."""
    return "\n".join(f".s{step}{{--fill:{fill_of(step)};--ink:{ink_of(step)}}}" for step in range(len(STEPS) + 1))
