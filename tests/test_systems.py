"""Every scoring system, one parametrised test each: what adds up, what is coded, what the papers' examples give."""

from __future__ import annotations

import pytest
from pydicom.sr._concepts_dict import concepts

from coread.scoring import Code, ScoringSystem, system, systems

ALL = pytest.mark.parametrize("system_id", systems())


def all_codes(s: ScoringSystem) -> list[Code]:
    codes = [s.method, *(f.code for f in s.features.values()), *(site.code for site in s.sites)]
    codes += [code for m in s.measurements.values() for code in (m.code, *m.units)]
    return codes + [item.grade_code(grade) for item in s.items for grade in item.grades]


def is_standard(code: Code) -> bool:
    """Whether the code stands in DICOM's own dictionary under the meaning given."""
    return any(
        meaning.casefold() == code.meaning.casefold()
        for entries in concepts[code.scheme].values()
        for value, (meaning, _) in entries.items()
        if value == code.value
    )


@ALL
def test_every_example_gives_its_totals(system_id: str) -> None:
    s = system(system_id)
    assert s.examples
    for example in s.examples:
        scores = s.score(example.grades)
        for name, expected in example.totals.items():
            assert scores[name].value == pytest.approx(expected), (example.name, name)
        for name in example.absent:
            assert name not in scores, (example.name, name)


@ALL
def test_one_example_reaches_every_maximum_and_one_lies_between(system_id: str) -> None:
    s = system(system_id)
    assert any(e.totals and all(v == s.totals[n].maximum for n, v in e.totals.items()) for e in s.examples)
    assert any(0 < v < s.totals[n].maximum for e in s.examples for n, v in e.totals.items())


@ALL
def test_every_grade_is_defined_in_words(system_id: str) -> None:
    for item in system(system_id).items:
        texts = [item.grade_text(grade) for grade in item.grades]
        assert all(len(text) >= 4 for text in texts)
        assert len(set(texts)) == len(texts)


@ALL
def test_every_standard_code_stands_in_the_dictionary_of_dicom(system_id: str) -> None:
    for code in all_codes(system(system_id)):
        assert code.scheme == "99COREAD" or is_standard(code), code


def test_the_dictionary_refuses_an_invented_code_and_a_wrong_meaning() -> None:
    assert is_standard(Code("SCT", "30518006", "Scaphoid"))
    assert not is_standard(Code("SCT", "30518007", "Scaphoid"))
    assert not is_standard(Code("SCT", "30518006", "Lunate"))


def test_one_code_has_one_meaning_across_all_systems() -> None:
    meanings: dict[tuple[str, str], set[str]] = {}
    for system_id in systems():
        for code in all_codes(system(system_id)):
            meanings.setdefault((code.scheme, code.value), set()).add(code.meaning)
            assert len(code.value) <= 16
            assert len(code.meaning) <= 64
    assert {key: found for key, found in meanings.items() if len(found) > 1} == {}


@ALL
def test_one_site_has_one_code_and_one_code_one_site(system_id: str) -> None:
    names: dict[str, str] = {}
    for site in system(system_id).sites:
        assert names.setdefault(site.code.value, site.name) == site.name


@ALL
def test_sources_are_named_papers(system_id: str) -> None:
    s = system(system_id)
    assert all(any(year in source for year in map(str, range(1950, 2030))) for source in s.sources)
    assert s.missing_source.startswith("ours:") or any(char.isdigit() for char in s.missing_source)


@ALL
def test_units_are_the_range_of_the_grades(system_id: str) -> None:
    for item in system(system_id).items:
        assert item.unit.scheme == "UCUM"
        assert item.unit.value == f"{{{item.grades[0]:g}:{item.maximum:g}}}"


# What the papers say each total can reach, written here apart from the files that are tested against it.
PAPER_MAXIMA = {
    "svdh": {"hands_erosion": 160, "feet_erosion": 120, "hands_narrowing": 120, "feet_narrowing": 48, "all": 448, "hands": 280},
    "sens": {"all": 86},
    "sharp1985": {"all_erosion": 170, "all_narrowing": 144},
    "genant": {"all": 292},
    "larsen": {"all": 160},
    "larsen_scott": {"all": 200},
    "ratingen": {"all": 190},
    "kellgren_lawrence": {"knee_left": 4, "knee_right": 4},
    "ramris": {
        f"hand_{side}_{feature}": maximum
        for side in ("left", "right")
        for feature, maximum in {"erosion": 230, "oedema": 69, "synovitis": 21, "narrowing": 84, "tenosynovitis": 39}.items()
    },
    "omeract_us_synovitis": {"hand_left": 33, "all": 96},
    "gloess": {"all": 132, "mcp": 24},
    "omeract_salivary": {"highest": 3},
    "omeract_salivary_image": {"image": 3},
    "sparcc_sij_inflammation": {"oedema": 48, "intensity": 12, "depth": 12, "all": 72},
    "sparcc_sij_structural": {"fat_metaplasia": 40, "erosion": 40, "backfill": 20, "ankylosis": 20, "all": 120},
    "msasss": {"cervical": 36, "lumbar": 36, "all": 72},
    "icdr": {"eye_left": 4, "eye_right": 4},
    "wrist_erosion": {"wrist_left": 1, "wrist_right": 1},
}
# How many boxes a score sheet has, counted in the papers: items by feature.
PAPER_BOXES = {
    "svdh": {"erosion": 44, "joint_space_narrowing": 42},
    "sens": {"erosion": 44, "joint_space_narrowing": 42},
    "sharp1985": {"erosion": 34, "joint_space_narrowing": 36},
    "genant": {"erosion": 40, "joint_space_narrowing": 38},
    "ratingen": {"joint_surface_destruction": 38},
    "ramris": {
        "erosion": 2 * 23,
        "bone_marrow_oedema": 2 * 23,
        "synovitis": 2 * 7,
        "joint_space_narrowing": 2 * (17 + 4),
        "tenosynovitis": 2 * (6 + 3 + 4),
    },
    "gloess": {"grey_scale": 44, "power_doppler": 44},
    "msasss": {"vertebral_corner": 24},
}


@pytest.mark.parametrize("system_id", PAPER_BOXES)
def test_the_score_sheet_has_the_boxes_of_the_paper(system_id: str) -> None:
    counted: dict[str, int] = {}
    for item in system(system_id).items:
        counted[item.feature] = counted.get(item.feature, 0) + 1
    assert counted == PAPER_BOXES[system_id]


@pytest.mark.parametrize("system_id", PAPER_MAXIMA)
def test_maxima_are_those_of_the_papers(system_id: str) -> None:
    s = system(system_id)
    worst = s.score({item.key: item.maximum for item in s.items})
    for name, maximum in PAPER_MAXIMA[system_id].items():
        assert worst[name].value == maximum == s.totals[name].maximum


def test_no_system_goes_without_its_paper() -> None:
    assert set(PAPER_MAXIMA) == set(systems())


@ALL
def test_left_and_right_have_the_same_sheet(system_id: str) -> None:
    items = system(system_id).items
    left = {(item.site, item.feature, item.scale.key) for item in items if item.side == "left"}
    right = {(item.site, item.feature, item.scale.key) for item in items if item.side == "right"}
    assert left == right


def test_laterality_codes_stand_in_the_dictionary_of_dicom() -> None:
    assert is_standard(Code("SCT", "7771000", "Left"))
    assert is_standard(Code("SCT", "24028007", "Right"))


def test_the_names_that_other_parts_rely_on() -> None:
    """Landmarks, readers and reports know the hand's sites by these names."""
    s = system("svdh")
    fingers = [f"MCP {n}" for n in range(1, 6)] + [f"PIP {n}" for n in range(2, 6)]
    erosion = [*fingers, "IP thumb", "metacarpal 1 base", "radius", "ulna", "trapezium-trapezoid", "scaphoid", "lunate"]
    narrowing = [*fingers, "CMC 3", "CMC 4", "CMC 5", "scaphotrapeziotrapezoid", "capitate-scaphoid-lunate", "radiocarpal"]
    for feature, names in (("erosion", erosion), ("joint_space_narrowing", narrowing)):
        for side in ("left", "right"):
            assert [i.site for i in s.items if i.feature == feature and i.region == f"hand_{side}"] == names
    widths = {"joint_space_width", "minimum_joint_space_width", "subluxation"}
    assert set(s.measurements) == widths | {"suspected_subluxation", "suspected_ankylosis"}
    assert [u.value for u in s.measurements["joint_space_width"].units] == ["mm", "%"]
    assert s.totals["hand_left"].maximum == 140
    assert s.totals["hand_left_erosion"].maximum == 80
    assert s.totals["hand_left_narrowing"].maximum == 60
