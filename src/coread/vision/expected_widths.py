"""How wide healthy joint spaces of the hand are, and how much they differ.

Widths in mm are those of healthy adults on radiographs: about 1.7 mm at the MCP and 1.15 mm at the PIP joints (on average 1.6 mm over
both in J Rheumatol 2001;28:1825, from its detectable change of 0.11 mm = 7 %; men 15 % above women and falling with age, n = 869,
Acad Radiol 2007;14:594; MCP: Pfeil, J Clin Densitom 2007;10). For the wrist no table of norms was found: typical values of anatomy.
Shares of bone width, spreads and evenness are what `coread.vision.spaces` measures on radiographs of young people without arthritis, at
the places that the landmark networks find: medians over six of the 13 near-adult hands of `hand_joints` (2278, 3168, 8540, 11043,
11450, 14466). ``spread`` is what single joints differ by within a hand, much of it how a joint happened to be turned; it is
wide at the thumb, which is seen from the side, and where bones overlap.
"""

from __future__ import annotations

from dataclasses import dataclass

from coread.errors import InputError


@dataclass(frozen=True, slots=True)
class Expected:
    """What a healthy space of one site is like.

    Attributes:
        mm: mean width.
        share: mean width over the width of the bone (wrist: over the joint's measured extent).
        spread: standard deviation of single joints about their hand's own level, as a share of the width.
        even: usual ratio of minimum to mean.
        even_spread: its standard deviation.
    """

    mm: float
    share: float
    spread: float
    even: float
    even_spread: float


EXPECTED: dict[str, Expected] = {
    "MCP 1": Expected(1.40, 0.075, 0.32, 0.80, 0.15),
    "MCP 2": Expected(1.70, 0.116, 0.08, 0.87, 0.08),
    "MCP 3": Expected(1.70, 0.107, 0.08, 0.90, 0.08),
    "MCP 4": Expected(1.70, 0.104, 0.08, 0.90, 0.08),
    "MCP 5": Expected(1.70, 0.109, 0.17, 0.84, 0.13),
    "PIP 2": Expected(1.15, 0.076, 0.08, 0.87, 0.07),
    "PIP 3": Expected(1.15, 0.070, 0.09, 0.86, 0.08),
    "PIP 4": Expected(1.15, 0.068, 0.09, 0.85, 0.08),
    "PIP 5": Expected(1.15, 0.072, 0.10, 0.83, 0.09),
    "CMC 3": Expected(1.10, 0.133, 0.13, 0.76, 0.15),
    "CMC 4": Expected(1.10, 0.188, 0.18, 0.75, 0.18),
    "CMC 5": Expected(1.10, 0.212, 0.20, 0.80, 0.17),
    "scaphotrapeziotrapezoid": Expected(1.30, 0.200, 0.17, 0.80, 0.15),
    "capitate-scaphoid-lunate": Expected(1.40, 0.103, 0.17, 0.68, 0.18),
    "radiocarpal": Expected(1.90, 0.095, 0.17, 0.78, 0.14),
}


def expected_width(site: str) -> Expected:
    """What a healthy space of this site is like.

    Raises:
        InputError: no norm for this site; the message lists those there are.
    """
    if site not in EXPECTED:
        raise InputError(f"no expected joint space width for the site {site!r}; there are norms for: {', '.join(EXPECTED)}")
    return EXPECTED[site]
