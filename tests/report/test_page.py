"""The page says what the reading says, harms nobody, and asks nothing of the network; judged from the file alone."""

import base64
import io
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from coread.errors import InputError
from coread.reading import Evidence, Finding, ReaderRef, Reading, StudyRef, Total
from coread.reading_signature import signed
from coread.reading_totals import missing_from, with_totals
from coread.report.page import page, write_page
from coread.report.picture import flat, overview, square_around
from coread.report.scene import scene
from coread.report.words import total_words
from coread.scoring import system, systems
from coread.study import Study
from tests.report import examples
from tests.report.markup import outside_references, parse, sheet_of


def test_it_asks_for_nothing_outside(two_hands: tuple[Reading, Study]) -> None:
    html = page(*two_hands)
    assert outside_references(parse(html)) == []


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("<main>", '<main><img src="https://example.org/a.png">'),
        ("<main>", '<main><p onclick="x()"></p>'),
        ("<style>", "<style>@import 'a.css';"),
        ('"use strict";', '"use strict";fetch("x");'),
        ("default-src &#39;none&#39;", "default-src *"),
    ],
)
def test_the_judge_of_outside_requests_catches(one_hand: tuple[Reading, Study], good: str, bad: str) -> None:
    html = page(*one_hand)
    assert outside_references(parse(html.replace(good, bad, 1))) != []


def test_text_from_a_file_stays_text(one_hand: tuple[Reading, Study]) -> None:
    reading, study = one_hand
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
    findings = (*reading.findings, Finding(evil, "left", "erosion", unreadable=evil), Finding("MCP 2", "right", evil, value=1.0, unit=evil))
    reading = replace(
        reading,
        findings=findings,
        warnings=(evil,),
        study=StudyRef(evil, evil, evil, None, evil),
        reader=ReaderRef("model", evil, evil, evil),
        created=evil,
        uid=evil,
    )
    tree = parse(page(reading, replace(study, patient=evil, warnings=(evil,), date=evil, sex=evil)))
    assert outside_references(tree) == []
    assert len(tree.all("script")) == 1
    assert len(tree.all("img")) == 1
    assert tree.one(cls="facts").text.count("<script>alert(1)</script>") >= 1


@pytest.mark.parametrize("which", ["one_hand", "two_hands"])
def test_the_sheet_says_what_the_reading_says(which: str, request: pytest.FixtureRequest) -> None:
    reading, study = request.getfixturevalue(which)
    boxes = sheet_of(parse(page(reading, study)))
    names = {feature.name: key for key, feature in system("svdh").features.items()}
    told = {(site, side, names[feature]): text for (site, side, feature), text in boxes.items()}
    scored = {item.key for item in system("svdh").items}
    for (site, side, feature), text in told.items():
        (finding,) = [f for f in reading.findings if (f.site, f.side, f.feature) == (site, side, feature)] or [None]
        if finding is None:
            assert text == "not scored here"
            assert (site, side, feature) not in scored
        elif finding.grade is not None:
            assert text == f"{finding.grade:g}"
        else:
            assert text == (f"– {examples.NOT_ASSESSED}" if feature == "erosion" else "n")
    assert {(f.site, f.side, f.feature) for f in reading.findings if f.value is None} <= set(told)


def test_totals_stand_with_interval_maximum_and_unreadable_sites(two_hands: tuple[Reading, Study]) -> None:
    reading, study = two_hands
    text = parse(page(reading, study)).one(cls="headline").text
    total = reading.total("hands_narrowing")
    assert (total.maximum, total.sites_unreadable) == (120, 2)
    assert f"Hands, narrowing {total.value:g} of 120 {total.low:g}–{total.high:g}, 90 % 2 sites not readable" in text


def test_a_feature_nobody_assessed_is_one_line(two_hands: tuple[Reading, Study]) -> None:
    lines = parse(page(*two_hands)).one(cls="reasons").all("li")
    assert len(lines) == 2
    assert "Erosion:" in lines[0].text
    assert "not assessed" in lines[0].text
    assert "all 32 sites" in lines[0].text
    assert "CMC 5, left; CMC 5, right" in lines[1].text


def test_marks_stand_at_their_place_in_the_image(two_hands: tuple[Reading, Study]) -> None:
    reading, study = two_hands
    tree = parse(page(reading, study))
    found = {}
    for film in tree.all("svg", cls="marks"):
        left, top, width, height = (float(v) for v in film.attrs["viewbox"].split())
        for mark in film.all("a", cls="mark"):
            x, y = (float(v) for v in re.findall(r"[\d.]+", mark.all("g")[0].attrs["transform"]))
            assert left <= x <= left + width
            assert top <= y <= top + height
            found[mark.attrs["data-joint"]] = (x, y)
    assert len(found) == 30
    for finding in reading.findings:
        if finding.feature == "joint_space_narrowing" and finding.evidence and finding.evidence.center_px:
            key = f"site-{finding.site} {finding.side}".lower().replace(" ", "-")
            assert found[key] == pytest.approx(finding.evidence.center_px, abs=0.06)


def test_every_mark_and_box_leads_to_its_joint(two_hands: tuple[Reading, Study]) -> None:
    tree = parse(page(*two_hands))
    ids = [node.attrs["id"] for node in tree.all() if "id" in node.attrs]
    assert len(ids) == len(set(ids))
    links = [node.attrs["href"][1:] for node in tree.all("a")]
    assert len(links) == 1 + 30 + 30
    assert set(links) <= set(ids)


def test_a_joint_tells_its_grade_with_definition_and_doubt(one_hand: tuple[Reading, Study]) -> None:
    reading, study = one_hand
    tree = parse(page(reading, study))
    (finding,) = [f for f in reading.at("MCP 2", "left") if f.feature == "joint_space_narrowing"]
    assert finding.grade == 3
    joint = tree.one("article", id="site-mcp-2-left")
    assert "Grade 3: general narrowing, less than 50 % of the original joint space left, or subluxation." in joint.text
    bars = [float(rect.attrs["width"]) for rect in joint.one("table", cls="chances").all("rect", cls="share")]
    assert bars == pytest.approx([100 * p for p in finding.probabilities], abs=0.06)
    assert len(joint.one("figure", cls="plot").all("polyline", cls="width")) == 1
    assert finding.evidence is not None
    width, expected = (np.array(finding.evidence.profile[name]) for name in ("width", "expected_width"))
    said = (
        f"mean {width.mean():.2g} % of bone width, narrowest {width.min():.2g} % of bone width, expected {expected[0]:.2g} % of bone width."
    )
    assert joint.one("figure", cls="plot").one("svg").attrs["aria-label"] == f"Width along the joint: {said}"
    assert "van der Heijde" in tree.one("section", cls="origin").text


def test_doubt_is_drawn_as_the_line_around_the_grade(one_hand: tuple[Reading, Study]) -> None:
    reading, study = one_hand
    tree = parse(page(reading, study))
    lines = {mark.attrs["data-joint"]: mark.attrs["class"].split()[-1] for mark in tree.all("a", cls="mark")}
    for finding in reading.findings:
        if finding.feature == "joint_space_narrowing" and finding.grade is not None:
            share = finding.probabilities[int(finding.grade)]
            expected = "sure" if share >= 0.8 else "likely" if share >= 0.5 else "unsure"
            assert lines[f"site-{finding.site} {finding.side}".lower().replace(" ", "-")] == expected
    assert set(lines.values()) == {"sure", "likely", "unsure", "out"}


def test_crops_are_the_image_itself_at_native_resolution(one_hand: tuple[Reading, Study]) -> None:
    reading, study = one_hand
    svg = parse(page(reading, study)).one("article", id="site-mcp-3-left").all("svg")[0]
    picture = svg.one("image")
    shown = np.asarray(Pillow.open(io.BytesIO(base64.b64decode(picture.attrs["href"].split(",")[1]))), dtype=float)
    left, top, width, height = (float(picture.attrs[k]) for k in ("x", "y", "width", "height"))
    assert shown.shape == (height, width)
    column, row = round(left + 0.5), round(top + 0.5)
    truth = study.images[0].pixels[row : row + shown.shape[0], column : column + shown.shape[1]]
    right_place = np.corrcoef(shown.ravel(), truth.ravel())[0, 1]
    shifted = study.images[0].pixels[row + 4 : row + 4 + shown.shape[0], column : column + shown.shape[1]]
    assert right_place > 0.99
    assert np.corrcoef(shown.ravel(), shifted.ravel())[0, 1] < right_place - 0.01


def test_without_the_study_the_marks_stand_on_a_blank_field(one_hand: tuple[Reading, Study]) -> None:
    tree = parse(page(one_hand[0], None))
    assert not tree.all("img")
    assert not tree.all("image")
    film = tree.one("svg", cls="marks")
    assert film.attrs["viewbox"] == "-0.5 -0.5 860 1260"
    assert len(film.all("a", cls="mark")) == 15
    assert len(tree.all("article", cls="joint")) == 15


def test_a_persons_sheet_without_places_has_no_viewer() -> None:
    findings = [Finding(i.site, i.side, i.feature, grade=i.grades[1]) for i in system("svdh").items if i.side == "right"]
    reading = examples.make_reading(findings, reader=ReaderRef("person", "reader A"), warnings=(), study=StudyRef("sheet.csv"))
    tree = parse(page(reading))
    assert not tree.all("svg", cls="marks")
    assert "no id in the file" in tree.one(cls="facts").text
    assert "Reader reader A" in tree.one(cls="facts").text
    assert "Every site of this reading was readable." in tree.one("main").text
    sheet = sheet_of(tree)
    assert set(sheet.values()) == {"1", "not scored here"}
    assert {side for _, side, _ in sheet} == {"right"}


def test_an_immature_hand_shows_where_and_why() -> None:
    findings = [
        Finding(
            i.site,
            i.side,
            i.feature,
            unreadable=examples.NOT_ASSESSED if i.feature == "erosion" else "growth plates open",
            evidence=Evidence(0, (100.0 + 5 * n, 200.0 + 9 * n)),
        )
        for n, i in enumerate(i for i in system("svdh").items if i.region == "hand_left")
    ]
    reading = examples.make_reading(findings, totals={}, warnings=())
    tree = parse(page(reading))
    assert len(tree.all("a", cls="mark")) == 15
    assert "No total" in tree.one("main").text
    assert [li.text for li in tree.one(cls="reasons").all("li")] == [
        f"{examples.NOT_ASSESSED} Erosion: (all 16 sites)",
        "growth plates open Joint space narrowing: (all 15 sites)",
    ]


def test_what_a_cut_hand_lacks_is_said_once_and_leads_nowhere() -> None:
    findings = []
    for n, item in enumerate(i for i in system("svdh").items if i.region == "hand_left"):
        if item.feature == "erosion":
            findings.append(Finding(item.site, "left", "erosion", unreadable=examples.NOT_ASSESSED, evidence=Evidence(0, (50.0, 9.0 * n))))
        elif item.site.startswith("PIP"):
            findings += [
                Finding(item.site, "left", feature, unreadable="outside the image")
                for feature in ("joint_space_narrowing", "joint_space_width")
            ]
        elif item.site.startswith("CMC"):
            reason = f"not found with enough certainty (0.{n}, needed 0.50)"
            findings.append(Finding(item.site, "left", item.feature, unreadable=reason, evidence=Evidence(0, (50.0, 9.0 * n))))
        else:
            findings.append(Finding(item.site, "left", item.feature, grade=0.0, evidence=Evidence(0, (80.0, 9.0 * n))))
    tree = parse(page(examples.make_reading(findings, warnings=())))
    assert [line.text for line in tree.one(cls="reasons").all("li")] == [
        "not assessed: this model does not grade erosion Erosion: (all 16 sites)",
        "outside the image Joint space narrowing: (4 of 15 sites) PIP 2, left; PIP 3, left; PIP 4, left; PIP 5, left",
        "not found with enough certainty Joint space narrowing: (3 of 15 sites) CMC 3, left; CMC 4, left; CMC 5, left",
    ]
    sheet = sheet_of(tree)
    assert sheet["PIP 2", "left", "joint space narrowing"] == sheet["CMC 3", "left", "joint space narrowing"] == "n"
    drawn = {joint.attrs["id"] for joint in tree.all("article", cls="joint")}
    assert len(drawn) == len(tree.all("a", cls="mark")) == 11
    assert {node.attrs["href"][1:] for node in tree.all("a")} == drawn | {"sheet"}


def test_two_images_make_two_films() -> None:
    images = tuple(examples.make_image(examples.draw_hand(600, 420, [(5, 5, 400, mirrored)])) for mirrored in (False, True))
    study = Study("2.25.5", images, "exam", "RA-1", None, "2026-01-02")
    findings = examples.hand_findings("left", 5, 5, 400, image=0) + examples.hand_findings("right", 5, 5, 400, image=1)
    tree = parse(page(examples.make_reading(findings, study), study))
    films = tree.all("figure", cls="film")
    assert len(films) == 2
    assert all(len(film.all("a", cls="mark")) == 15 for film in films)
    assert all(mark.attrs["data-joint"].endswith("-left") for mark in films[0].all("a", cls="mark"))


def test_both_hands_in_one_image_are_cut_apart_between_them(two_hands: tuple[Reading, Study]) -> None:
    films = scene(*two_hands).films
    assert [film.side for film in films] == ["left", "right"]
    assert films[0].width + films[1].width == 1700
    assert films[1].left == films[0].width


def test_badges_hide_no_joint_and_no_other_badge(two_hands: tuple[Reading, Study]) -> None:
    for film in scene(*two_hands).films:
        places = np.array([(m.x, m.y) for m in film.marks]) / film.scale
        badges = places + np.array([(m.dx, m.dy) for m in film.marks])
        joint_to_badge = np.hypot(*(places[:, None] - badges[None]).T)
        assert joint_to_badge.min() > 9.0
        between = np.hypot(*(badges[:, None] - badges[None]).T)[np.triu_indices(len(badges), 1)]
        assert between.min() > 18.0


@pytest.mark.parametrize("id", systems())
def test_every_scoring_system_has_its_page(id: str, tmp_path: Path) -> None:
    worst = [Finding(i.site, i.side, i.feature, grade=i.maximum) for i in system(id).items]
    scores = system(id).score({(f.site, f.side, f.feature): f.grade for f in worst})
    totals = {name: Total(score.value, score.maximum) for name, score in scores.items()}
    reading = examples.make_reading(worst, system=id, totals=totals, study=StudyRef("exam"))
    write_page(reading, tmp_path / "page.html")
    tree = parse((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert outside_references(tree) == []
    table = tree.one("table", cls="sheet")
    chips = [chip.text for body in table.all("tbody") for chip in body.all("span", cls="chip")]
    assert sorted(chips) == sorted(f"{i.maximum:g}" for i in system(id).items)
    assert all("s12" in chip.attrs["class"].split() for chip in table.all("span", cls="chip"))


def test_an_unknown_system_is_named(one_hand: tuple[Reading, Study]) -> None:
    with pytest.raises(InputError, match="unknown scoring system 'nosuch'"):
        page(replace(one_hand[0], system="nosuch"))


def test_signed_is_said_and_unsigned_is_said(one_hand: tuple[Reading, Study]) -> None:
    reading, study = one_hand
    assert "Research use, unverified" in parse(page(reading, study)).one("p", cls="banner").text
    said = page(signed(reading, "2.25.8", "Dr <b>B</b>", "2026-03-05T09:00:00+01:00"), study)
    banner = parse(said).one("p", cls="banner").text
    assert "unverified" not in banner
    assert "signed by Dr <b>B</b> on 2026-03-05 09:00 UTC+01:00" in banner
    assert "Research use, unverified" not in said


def test_the_same_reading_gives_the_same_page(one_hand: tuple[Reading, Study]) -> None:
    reading, study = one_hand
    assert page(reading, study) == page(replace(reading), replace(study))


def test_a_large_film_stays_a_small_page() -> None:
    pixels = examples.draw_hand(3520, 4280, [(0, 0, 2100, False), (2150, 0, 2100, True)])
    study = Study("2.25.6", (examples.make_image(pixels),), "exam", "RA-1")
    findings = examples.hand_findings("left", 0, 0, 2100) + examples.hand_findings("right", 2150, 0, 2100)
    assert len(page(examples.make_reading(findings, study), study)) < 3_000_000


def test_it_loads_no_plotting_library(tmp_path: Path) -> None:
    code = """
import sys
from tests.report import examples
from coread.reading_signature import signed
from coread.report.page import write_page
from coread.report.pdf import write_pdf

reading, _ = examples.one_hand()
assert "jinja2" not in sys.modules and "fpdf" not in sys.modules
write_page(reading, sys.argv[1] + "/a.html")
write_pdf(reading, sys.argv[1] + "/a.pdf")
print(*[m for m in ("matplotlib", "pandas", "scipy", "skimage", "pydicom", "torch") if m in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.strip() == ""


def test_colour_volumes_and_raw_units_become_pictures() -> None:
    rng = np.random.default_rng(0)
    photo = examples.make_image(rng.random((20, 30, 3)).astype(np.float32), ("y", "x", "c"))
    assert flat(photo).shape == (20, 30, 3)
    assert overview(flat(photo), (0, 0, 30, 20)).columns == 30
    volume = examples.make_image((rng.random((5, 20, 30)) * 900 - 200).astype(np.float32), ("z", "y", "x"))
    assert flat(volume).shape == (20, 30)
    assert flat(volume).min() == 0
    assert flat(volume).max() == 255
    series = examples.make_image(rng.random((4, 20, 30)).astype(np.float32), ("t", "y", "x"))
    assert np.array_equal(flat(series), (series.pixels[0] * 255).astype(np.uint8))
    empty = examples.make_image(np.full((6, 6), 3000, np.float32))
    assert not flat(empty).any()


def test_a_crop_outside_the_image_is_none() -> None:
    assert square_around([(-50.0, -50.0)], 0.2, 20, (100, 100)) is None
    assert square_around([(float("nan"), 1.0)], 0.2, 20, (100, 100)) is None
    assert square_around([(50.0, 50.0)], 0.0, 20, (100, 100)) == (40, 40, 61, 61)
    assert square_around([(0.0, 0.0)], 0.0, 20, (100, 100)) == (0, 0, 11, 11)


def persons_sheet(study: Study) -> Reading:
    """A person's grades of one hand, without places, and with what the score sheet's reader warns of."""
    grades = tuple(
        Finding(item.site, "left", item.feature, grade=1.0)
        for item in system("svdh").items
        if item.region == "hand_left" and (item.site, item.feature) != ("PIP 3", "erosion")
    )
    reading = with_totals(examples.make_reading(grades, study, reader=ReaderRef("person", "Dr A"), totals={}))
    return replace(reading, warnings=missing_from(reading))


def test_a_persons_sheet_on_its_exam_promises_no_marks_and_speaks_no_jargon(one_hand: tuple[Reading, Study]) -> None:
    study = one_hand[1]
    tree = parse(page(persons_sheet(study), study))
    # The table to copy is kept in a hidden field and read by programs.
    said = tree.one("main").text.replace(tree.one("textarea", id="sheet-csv").text, "")
    assert "0 graded" not in said
    assert "does not say where on it each site lies" in said
    assert not tree.all("div", cls="legend")
    assert not tree.all("input", id="show-zero")
    assert not re.search(r"\b(hand|foot)_(left|right)|\bfeet_|_erosion|_narrowing", said.replace("hand_svdh", ""))
    assert "Left hand, erosion: 1 of 16 sites is unreadable or not scored" in said
    assert "PIP 3 left" in said
    assert said.count("left foot") == 1, "what is absent is said once"


def test_the_side_says_what_it_rests_on(one_hand: tuple[Reading, Study]) -> None:
    reading, study = one_hand
    for source, words in (("anatomy", "by anatomy, no marker could be read"), ("tag", "from the file's tags")):
        told = replace(reading, study=replace(reading.study, side_source=source))
        assert f"left ({words})" in parse(page(told, study)).text


def test_a_per_cent_never_stands_beside_a_mark_for_less(one_hand: tuple[Reading, Study]) -> None:
    """79.6 % is shown as 80 %, so it is drawn as 80 % are."""
    reading, study = one_hand
    sure = Finding("MCP 2", "left", "joint_space_narrowing", grade=0.0, probabilities=(0.796, 0.204, 0.0, 0.0, 0.0))
    doubtful = replace(sure, site="MCP 3", probabilities=(0.794, 0.206, 0.0, 0.0, 0.0))
    boxes = scene(replace(reading, findings=(sure, doubtful)), study).boxes
    assert [boxes[id(f)].doubt for f in (sure, doubtful)] == ["sure", "likely"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("hand_left_erosion", "Left hand, erosion"),
        ("wrist_left_erosion", "Left wrist, erosion"),
        ("mcp_left_erosion", "Left MCP, erosion"),
    ],
)
def test_totals_of_one_sheet_are_named_in_one_way(name: str, words: str) -> None:
    assert total_words(name, system("ramris")) == words


def test_what_was_not_assessed_does_not_cover_the_image() -> None:
    """A person grades one erosion of a reading of narrowing: its mark stands, and none for the erosions that nobody assessed."""
    findings = [
        Finding(
            i.site,
            i.side,
            i.feature,
            grade=2.0 if n == 3 else None,
            unreadable=None if n == 3 else examples.NOT_ASSESSED,
            evidence=Evidence(0, (100.0 + 5 * n, 200.0 + 9 * n)),
        )
        for n, i in enumerate(i for i in system("svdh").items if i.region == "hand_left" and i.feature == "erosion")
    ]
    assert len(parse(page(examples.make_reading(findings, totals={}, warnings=()))).all("a", cls="mark")) == 1


def test_the_page_of_a_corrected_reading_does_not_pass_it_off_as_the_persons_alone() -> None:
    reading, study = examples.corrected_hand()
    assert "Reader Dr Ada Example, correcting 3 findings of an earlier reading" in page(reading, study)
    untouched = replace(reading, findings=tuple(replace(finding, was=None) for finding in reading.findings))
    assert "correcting" not in page(untouched, study).split("</header>")[0]
