"""The table of a change, read back with pandas."""

import io

import pandas as pd

from coread.change import change
from coread.change_sdc import DetectableChange
from coread.change_table import change_table
from tests.visits import AFTER, BEFORE, JSN, SITE_ERROR, hand


def test_a_pair_has_one_row_a_score() -> None:
    made = change([hand(BEFORE, day=0), hand(AFTER, day=365)], [SITE_ERROR, DetectableChange("hand_left", 3, "a, trial")])
    table = pd.read_csv(io.StringIO(change_table(made)))
    assert len(table) == len(made.totals) + len(made.sites)
    narrowing = table[table.score == f"site.{JSN}"].set_index("site")
    assert narrowing.loc["MCP 2", ["before", "after", "difference", "call", "sdc"]].tolist() == [0, 2, 2, "new", 1]
    ring = narrowing.loc["PIP 3"]
    assert pd.isna(ring.difference)
    assert ring.reason == "visit 1: a ring lies over it"
    total = table[table.score == "total.hand_left_narrowing"].iloc[0]
    assert (total.before, total.after, total.difference, total.left_out) == (7, 14, 3, 1)
    assert table[table.score == "total.hand_left"].iloc[0].sdc_source == "a, trial"


def test_a_series_has_each_step_and_first_to_last() -> None:
    made = change([hand({("MCP 2", JSN): grade}, day=day) for day, grade in ((0, 0.0), (90, 2.0), (180, 1.0))])
    table = pd.read_csv(io.StringIO(change_table(made)))
    rows = table[(table.score == f"site.{JSN}") & (table.site == "MCP 2")]
    assert rows[["from", "to", "from_day", "to_day", "difference"]].to_numpy().tolist() == [
        [1, 2, 0, 90, 2],
        [2, 3, 90, 180, -1],
        [1, 3, 0, 180, 1],
    ]
