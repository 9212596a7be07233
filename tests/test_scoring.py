"""The algebra of scores and the loader: properties that hold for every system, and each check shown to catch something bad."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coread.errors import DefinitionError, InputError
from coread.reading import Finding, ReaderRef, Reading, StudyRef, Total
from coread.reading_totals import missing_from, with_totals
from coread.scoring import Grades, ScoringSystem, load_system, spoken_grades, system, systems

ALL = pytest.mark.parametrize("system_id", systems())


FEW = settings(max_examples=20, deadline=None)


def sheet(s: ScoringSystem, chance: random.Random, missing: bool = False) -> dict:
    return {item.key: chance.choice([*item.grades, None] if missing else item.grades) for item in s.items}


@ALL
def test_every_total_reaches_its_maximum_when_all_is_at_its_worst_and_0_when_nothing_is(system_id: str) -> None:
    s = system(system_id)
    worst = s.score({item.key: item.maximum for item in s.items})
    best = s.score({item.key: item.grades[0] for item in s.items})
    for name, rule in s.totals.items():
        assert worst[name].value == pytest.approx(rule.maximum)
        assert best[name].value == 0
        assert worst[name].sites_unreadable == best[name].sites_unreadable == 0
        assert worst[name].unread_points == 0


@ALL
@FEW
@given(seed=st.integers(0, 2**32))
def test_a_higher_grade_never_lowers_a_total(system_id: str, seed: int) -> None:
    s, chance = system(system_id), random.Random(seed)
    grades = sheet(s, chance)
    item = chance.choice(s.items)
    higher = {**grades, item.key: chance.choice([g for g in item.grades if g >= grades[item.key]])}
    before, after = s.score(grades), s.score(higher)
    assert before.keys() == after.keys() == s.totals.keys()
    assert all(before[name].value <= after[name].value + 1e-9 <= s.totals[name].maximum + 2e-9 for name in before)


@ALL
@FEW
@given(seed=st.integers(0, 2**32))
def test_mirrored_grades_give_mirrored_totals(system_id: str, seed: int) -> None:
    s = system(system_id)
    other = {"left": "right", "right": "left", None: None}
    grades = sheet(s, random.Random(seed), missing=True)
    mirrored = {(site, other[side], feature): grade for (site, side, feature), grade in grades.items()}
    there, back = s.score(grades), s.score(mirrored)
    for name, score in there.items():
        swapped = re.sub("left|right", lambda m: other[m.group()], name)
        assert back[swapped] == score


@ALL
@FEW
@given(seed=st.integers(0, 2**32))
def test_unread_sites_bound_the_total(system_id: str, seed: int) -> None:
    """What a total may still rise by holds the total that a complete sheet gives (sums; a mean is over what was read)."""
    s, chance = system(system_id), random.Random(seed)
    full = sheet(s, chance)
    hidden = {item.key for item in chance.choices(s.items, k=chance.randrange(4))}
    partial = {key: None if key in hidden else grade for key, grade in full.items()}
    complete = s.score(full)
    for name, score in s.score(partial).items():
        assert score.value <= complete[name].value + 1e-9
        assert complete[name].value <= score.value + score.unread_points + 1e-9


@ALL
def test_not_scored_is_never_zero(system_id: str) -> None:
    s = system(system_id)
    assert s.score({}) == {}
    assert s.score({item.key: None for item in s.items}) == {}
    assert s.score({item.key: None for item in s.items}, imaged=s.regions) == {}
    assert {name for line in s.explain_missing({}) for name in line.split(":")[0].split(", ")} == set(s.totals)


@pytest.mark.parametrize("system_id", [i for i in systems() if len(system(i).regions) > 1])
def test_a_total_whose_region_was_not_imaged_is_absent(system_id: str) -> None:
    s = system(system_id)
    full: Grades = {item.key: item.maximum for item in s.items}
    for region in s.regions:
        imaged = [r for r in s.regions if r != region]
        scores = s.score(full, imaged=imaged)
        seen = s.score({key: grade for key, grade in full.items() if s.item(*key).region != region})
        for name, rule in s.totals.items():
            assert (name in scores) == (region not in rule.regions)
        assert seen.keys() == scores.keys()
        assert any(region.replace("_", " ") in line for line in s.explain_missing(full, imaged=imaged))


def test_missing_sites_void_a_total_at_the_number_that_the_rule_says() -> None:
    s = system("svdh")
    rule = s.totals["hand_left_erosion"]
    assert rule.unreadable_allowed == 1  # a tenth of 16, rounded down
    grades: dict = {item.key: 1.0 for item in rule.items}
    keys = list(grades)
    assert s.score(grades)["hand_left_erosion"].value == 16
    one = s.score({**grades, keys[0]: None})["hand_left_erosion"]
    assert (one.value, one.sites_unreadable, one.unread_points) == (15, 1, 5)
    assert "hand_left_erosion" not in s.score({**grades, keys[0]: None, keys[1]: None})
    (line,) = [x for x in s.explain_missing({**grades, keys[0]: None, keys[1]: None}) if x.startswith("hand_left_erosion")]
    assert line == (
        "hand_left_erosion: no total, because 2 of 16 sites are unreadable or not scored and at most 1 may be (MCP 1 left, MCP 2 left)"
    )


def test_a_site_at_its_maximum_is_certain_without_its_second_grade() -> None:
    """Combined ultrasound score: the higher of two grades, so grade 3 on grey-scale settles it without a Doppler grade."""
    s = system("omeract_us_synovitis")
    grades: dict = {item.key: 0.0 for item in s.items if item.region == "hand_left"}
    grades["MCP 2", "left", "grey_scale"] = 3.0
    grades["MCP 2", "left", "power_doppler"] = None
    score = s.score(grades)["hand_left"]
    assert (score.value, score.sites_unreadable) == (3, 0)
    grades["MCP 2", "left", "grey_scale"] = 2.0
    score = s.score(grades)["hand_left"]
    assert (score.value, score.sites_unreadable, score.unread_points) == (2, 1, 1)


def test_messages_name_near_names() -> None:
    s = system("svdh")
    for wrong, says in [
        (("MPC 2", "left", "erosion"), "unknown site 'MPC 2'; did you mean"),
        (("mcp 2", "left", "erosion"), "did you mean MCP 2"),
        (("MCP 2", "up", "erosion"), "site 'MCP 2' has side left or right, got up"),
        (("MCP 2", None, "erosion"), "got no side"),
        (("MCP 2", "left", "errosion"), "unknown feature 'errosion'; did you mean erosion?"),
        (("lunate", "left", "joint_space_narrowing"), "is not scored at lunate; scored there: erosion"),
        (("IP 1", "left", "erosion"), "unknown site 'IP 1'"),
    ]:
        with pytest.raises(InputError, match=re.escape(says)):
            s.item(*wrong)
    with pytest.raises(InputError, match="MCP 2 left erosion is 7, expected 0 to 5 in steps of 1"):
        s.check("MCP 2", "left", "erosion", 7)
    with pytest.raises(InputError, match="is 7, expected"):
        s.score({("MCP 2", "left", "erosion"): 7})
    with pytest.raises(InputError, match="is no grade here"):
        s.item("MCP 2", "left", "erosion").grade_text(1.5)
    with pytest.raises(InputError, match="unknown region 'hand'"):
        s.score({}, imaged=["hand"])
    with pytest.raises(InputError, match=r"unknown scoring system 'mtss'; known: .*svdh"):
        system("mtss")
    assert s.item("MTP 1", "left", "erosion").grade_text(10).startswith("both sides")
    assert spoken_grades((0.0, 1.0)) == "0 or 1"


def reading(*findings: Finding) -> Reading:
    return Reading(
        "2.25.1", ReaderRef("person", "anna"), "svdh", StudyRef("s1"), findings, {"all": Total(1, 448)}, "2026-01-01T00:00:00+00:00"
    )


def test_totals_of_a_reading_come_from_its_grades_alone() -> None:
    s = system("svdh")
    items = [i for i in s.items if i.region == "hand_left" and i.feature == "joint_space_narrowing"]
    findings = [Finding(i.site, i.side, i.feature, grade=1.0) for i in items]
    findings.append(Finding("MCP 2", "left", "joint_space_width", value=1.4, unit="mm"))
    done = with_totals(reading(*findings))
    assert done.totals == {"hand_left_narrowing": Total(15, 60)}  # 15 sites x 1; what it had before is gone
    findings[0] = Finding(items[0].site, "left", "joint_space_narrowing", unreadable="outside the image")
    assert with_totals(reading(*findings)).totals == {"hand_left_narrowing": Total(14, 60, sites_unreadable=1)}
    assert any("MCP 1 left" in line for line in missing_from(reading(*findings)))
    assert with_totals(reading(*findings), imaged=[]).totals == {}
    with pytest.raises(InputError, match="MCP 2 left joint space narrowing was graded twice"):
        with_totals(reading(*findings, findings[1]))


# --- the loader

GOOD = """
name = "Test score"
version = "1"
modality = "radiograph"
method = ["99COREAD", "TEST", "Test score"]
sources = ["A paper 2001"]
[missing]
share_allowed = 0
source = "ours: a test"
[sites]
"here" = ["99COREAD", "HERE", "Here"]
"there" = ["99COREAD", "THERE", "There"]
[features.damage]
name = "damage"
code = ["99COREAD", "DAMAGE", "Damage"]
[features.repair]
name = "repair"
code = ["99COREAD", "REPAIR", "Repair"]
[scales.grade]
code = "TEST"
[scales.grade.grades]
0 = "none"
1 = "some"
3 = "much"
[[items]]
feature = "damage"
region = "place"
sides = ["left", "right"]
scale = "grade"
sites = ["here", "there"]
[[items]]
feature = "repair"
region = "place"
sides = ["left", "right"]
scale = "grade"
sites = ["here"]
[totals]
all = { maximum = 18 }
TOTALS
[[examples]]
name = "one"
source = "by hand"
rest = 0
grades = [["here", "left", "damage", 3]]
totals = { all = 3 }
"""


def load(folder: Path, text: str) -> ScoringSystem:
    path = folder / "test.toml"
    path.write_text(text.replace("TOTALS", ""))
    return load_system(path)


@pytest.mark.parametrize(
    ("total", "value", "maximum"),
    [
        # left: here damage 3 + repair 1, there 1; right: here 0 + 3, there 0
        ("{ maximum = 18 }", 8, 18),
        ("{ combine = 'max', maximum = 12 }", 3 + 1 + 3 + 0, 12),
        ("{ combine = 'max', gather = 'max', maximum = 3 }", 3, 3),
        ("{ combine = 'max', gather = 'count', maximum = 4 }", 3, 4),
        ("{ combine = 'max', gather = 'mean', maximum = 3 }", 7 / 4, 3),
        ("{ features = ['damage'], gather = 'mean', maximum = 3 }", 1, 3),
        ("{ features = ['damage'], sites = ['here'], maximum = 6 }", 3, 6),
        ("{ regions = ['place_left'], maximum = 9 }", 5, 9),
        ("{ combine = 'weighted', weights = { damage = 2, repair = 0.5 }, maximum = 27 }", 2 * 4 + 0.5 * 4, 27),
        ("{ combine = 'weighted', weights = { damage = 1, repair = 1 }, gather = 'max', maximum = 6 }", 4, 6),
    ],
)
def test_combine_then_gather_against_hand_arithmetic(tmp_path: Path, total: str, value: float, maximum: float) -> None:
    s = load(tmp_path, GOOD.replace("TOTALS", f"tried = {total}"))
    grades = {
        ("here", "left", "damage"): 3.0,
        ("here", "left", "repair"): 1.0,
        ("there", "left", "damage"): 1.0,
        ("here", "right", "damage"): 0.0,
        ("here", "right", "repair"): 3.0,
        ("there", "right", "damage"): 0.0,
    }
    score = s.score(grades)["tried"]
    assert score.value == pytest.approx(value)
    assert score.maximum == maximum


def test_a_mean_is_over_the_sites_that_were_read(tmp_path: Path) -> None:
    s = load(tmp_path, GOOD.replace("TOTALS", "tried = { features = ['damage'], gather = 'mean', maximum = 3, unreadable_allowed = 2 }"))
    grades: dict = {(site, side, "damage"): 1.0 for site in ("here", "there") for side in ("left", "right")}
    grades |= {("here", "left", "damage"): 3.0, ("there", "right", "damage"): None}
    score = s.score(grades)["tried"]
    assert score.value == pytest.approx((3 + 1 + 1) / 3)
    assert score.sites_unreadable == 1


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("all = { maximum = 18 }", "all = { maximum = 19 }", "totals.all.maximum: declared 19, but its 6 items reach 18"),
        ("all = { maximum = 18 }", "all = {}", "totals.all.maximum: missing"),
        ("all = { maximum = 18 }", "all = { maximum = 18, gather = 'median' }", "totals.all.gather: expected one of sum, mean, max, count"),
        ("all = { maximum = 18 }", "all = { maximum = 18, combine = 'weighted' }", "totals.all.weights"),
        ("all = { maximum = 18 }", "all = { maximum = 18, weights = { damage = 1 } }", "totals.all.weights"),
        (
            "all = { maximum = 18 }",
            "all = { maximum = 6, combine = 'weighted', weights = { damage = 1 } }",
            "one weight for each of",
        ),
        ("all = { maximum = 18 }", "all = { maximum = 6, combine = 'weighted', weights = { damage = 1, repair = -1 } }", "below 0"),
        ("all = { maximum = 18 }", "all = { maximum = 18, regions = ['plaice_left'] }", "unknown 'plaice_left'; did you mean place_left"),
        ("all = { maximum = 18 }", "all = { maximum = 18, sites = ['where'] }", "totals.all.sites: unknown 'where'"),
        ("all = { maximum = 18 }", "all = { maximum = 18, sites = ['there'], features = ['repair'] }", "takes no item"),
        ("all = { maximum = 18 }", "all = { maximum = 18, unreadable_allowed = 4 }", "expected a whole number from 0 to 3"),
        ("all = { maximum = 18 }", "all = { maximum = 18, minimum = 0 }", "totals.all.minimum: unknown key; did you mean maximum"),
        ('name = "Test score"', 'title = "Test score"', "name: missing"),
        ('name = "Test score"', "name = 3", "name: expected text, got 3"),
        ('name = "Test score"', 'name = " "', "name: expected text, got an empty one"),
        ('version = "1"', 'version = "1"\nyear = 1', "year: unknown key"),
        ('sources = ["A paper 2001"]', "sources = []", "sources: expected a list of texts"),
        ('sources = ["A paper 2001"]', "sources = [1]", "sources: expected a list of texts"),
        ("share_allowed = 0", "share_allowed = 1", "missing.share_allowed: expected a share"),
        ("share_allowed = 0", "share_allowed = nan", "missing.share_allowed: expected a finite number"),
        ("share_allowed = 0", "share_allowed = true", "missing.share_allowed: expected a number, got True"),
        ('["99COREAD", "HERE", "Here"]', '["99COREAD", "HERE"]', "sites.here: expected a code as [scheme, value, meaning]"),
        ('["99COREAD", "HERE", "Here"]', '["99COREAD", "A-CODE-TOO-LONG-FOR-SH", "Here"]', "longer than the 16 characters"),
        ('"here" = ["99COREAD", "HERE", "Here"]', "", "items[0].sites: site 'here' has no code"),
        ('code = "TEST"', 'code = "TEST-TOO-LONG-XX"', "scales.grade.code"),
        ('1 = "some"', '1 = ""', "scales.grade.grades.1: expected text, got an empty one"),
        ('1 = "some"', '4 = "some"', "scales.grade.grades: expected two or more grades in ascending order"),
        ('1 = "some"', 'one = "some"', "scales.grade.grades.one: expected a number"),
        ('scale = "grade"', 'scale = "grades"', "items[0].scale: unknown scale 'grades'; did you mean grade?"),
        ('feature = "damage"', 'feature = "damages"', "items[0].feature: unknown feature 'damages'"),
        ('sides = ["left", "right"]', 'sides = ["l", "r"]', "items[0].sides: expected left and right"),
        ('sites = ["here", "there"]', 'sites = ["here", "here"]', "items[0].sites: here left damage stands twice"),
        ('feature = "repair"\nregion = "place"', 'feature = "repair"\nregion = "elsewhere"', "here lies in two regions"),
        ('["here", "left", "damage", 3]', '["here", "left", "damage", 2]', "here left damage is 2, expected 0 or 1 or 3"),
        ('["here", "left", "damage", 3]', '["where", "left", "damage", 3]', "examples[0].grades"),
        ("totals = { all = 3 }", "totals = { al = 3 }", "unknown total 'al'; did you mean all?"),
        (
            "[totals]",
            '[measurements.width]\nname = "width"\ncode = ["99COREAD", "W", "Width"]\nunits = ["inch"]\ndefinition = "x"\n[totals]',
            "measurements.width.units: unknown unit 'inch'; known: mm",
        ),
        ("[totals]", "[totals", "is not valid TOML"),
        ("[[examples]]", "[examples]", "examples: expected a list of tables"),
    ],
)
def test_the_loader_names_file_and_key(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in GOOD
    with pytest.raises(DefinitionError) as caught:
        load(tmp_path, GOOD.replace(old, new, 1))
    assert says in str(caught.value)
    assert str(caught.value).startswith("test.toml: ")


def test_the_good_system_loads_and_a_missing_file_does_not(tmp_path: Path) -> None:
    s = load(tmp_path, GOOD)
    assert s.id == "test"
    assert s.maximum == 18
    assert s.regions == ("place_left", "place_right")
    assert s.item("here", "left", "damage").grade_code(3).value == "TEST-3"
    with pytest.raises(DefinitionError, match=r"absent\.toml: cannot be read"):
        load_system(tmp_path / "absent.toml")
