"""The PDF says what the page says, on A4, the banner on every page; judged by poppler's tools."""

import re
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from coread.reading import Finding, ReaderRef, Reading, StudyRef, Total
from coread.reading_signature import signed
from coread.report.paper import Paper, in_font
from coread.report.pdf import write_pdf
from coread.scoring import system, systems
from coread.study import Study
from tests.programs import program
from tests.report import examples


def pages_of(path: Path) -> list[str]:
    """The text of each page as poppler reads it."""
    done = subprocess.run([program("pdftotext"), "-layout", path, "-"], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split("\f")[:-1]


def facts_of(path: Path) -> dict[str, str]:
    """What poppler says of the file."""
    done = subprocess.run([program("pdfinfo"), path], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return {name: text.strip() for name, _, text in (line.partition(":") for line in done.stdout.splitlines())}


def pixels_of(path: Path, page: int, folder: Path, dpi: int = 60) -> np.ndarray:
    subprocess.run([program("pdftoppm"), "-r", str(dpi), "-f", str(page), "-l", str(page), "-singlefile", path, folder / "p"], check=True)
    return np.asarray(Pillow.open(folder / "p.ppm"))


@pytest.fixture(scope="module")
def pdf(one_hand: tuple[Reading, Study], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pdf") / "page.pdf"
    write_pdf(one_hand[0], path, one_hand[1])
    return path


def test_a4_with_banner_and_number_on_every_page(pdf: Path) -> None:
    facts = facts_of(pdf)
    assert facts["Page size"].endswith("(A4)")
    assert facts["Title"] == "Sharp/van der Heijde score, RA-0042"
    pages = pages_of(pdf)
    assert len(pages) == int(facts["Pages"]) == 4
    for number, text in enumerate(pages, 1):
        assert text.lstrip().startswith("Research use, unverified")
        assert "patient RA-0042" in text
        assert re.search(rf"{number} ?/ ?4\n", text)


def test_the_numbers_of_the_pages_can_be_seen(pdf: Path, tmp_path: Path) -> None:
    for page in (1, 4):
        foot = pixels_of(pdf, page, tmp_path)[-30:, -100:]
        assert foot.min() < 140


def test_the_first_page_holds_image_sheet_totals_and_reasons(pdf: Path, one_hand: tuple[Reading, Study], tmp_path: Path) -> None:
    reading, _ = one_hand
    first = pages_of(pdf)[0]
    total = reading.total("hand_left_narrowing")
    assert f"{total.value:g} ({total.low:g}–{total.high:g}, 90 %) of 60; 1 not readable, counted as nothing" in first
    assert "Erosion: not assessed: this model does not grade erosion (all 16 sites)" in first
    assert "Joint space narrowing: the bones overlap (1 of 15 sites)" in first
    assert "CMC 5, left" in first
    assert "No pixel spacing" in first
    for item in system("svdh").items:
        if item.region == "hand_left":
            assert item.site in first
    assert (pixels_of(pdf, 1, tmp_path)[200:500, 50:150].max(axis=2) < 60).mean() > 0.2


def test_grades_of_the_sheet_stand_in_their_rows(pdf: Path, one_hand: tuple[Reading, Study]) -> None:
    first = pages_of(pdf)[0]
    for finding in one_hand[0].findings:
        if finding.feature == "joint_space_narrowing" and finding.grade is not None:
            rows = [line for line in first.splitlines() if re.search(rf"\b{re.escape(finding.site)}\b", line)]
            assert any(re.search(rf"{re.escape(finding.site)}\s.*\b{finding.grade:g}\b", row) for row in rows), finding.label


def test_every_joint_has_its_definition_and_measurements(pdf: Path, one_hand: tuple[Reading, Study]) -> None:
    words = " ".join(" ".join(pages_of(pdf)).split())
    for finding in one_hand[0].findings:
        if finding.feature == "joint_space_narrowing":
            assert f"{finding.site}, left" in words
    assert words.count("Grade 0: normal joint space") == 8
    assert words.count("Minimum width") == 14
    assert "3f3f3f3f" in words
    assert "2026-03-04T10:20:30+00:00" in words
    assert "van der Heijde D. How to read radiographs" in words


def test_the_same_reading_gives_the_same_bytes(one_hand: tuple[Reading, Study], tmp_path: Path) -> None:
    reading, study = one_hand
    write_pdf(reading, tmp_path / "a.pdf", study)
    time.sleep(1.1)
    write_pdf(replace(reading), tmp_path / "b.pdf", replace(study))
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    write_pdf(replace(reading, created="2026-03-05T10:20:30+00:00"), tmp_path / "c.pdf", study)
    assert (tmp_path / "a.pdf").read_bytes() != (tmp_path / "c.pdf").read_bytes()


def test_both_hands_and_no_study(two_hands: tuple[Reading, Study], tmp_path: Path) -> None:
    reading, study = two_hands
    write_pdf(reading, tmp_path / "two.pdf", study)
    write_pdf(reading, tmp_path / "bare.pdf", None)
    for name in ("two", "bare"):
        whole = " ".join(" ".join(pages_of(tmp_path / f"{name}.pdf")).split())
        assert f"Hands, narrowing {reading.total('hands_narrowing').value:g}" in whole
        assert "radiocarpal, right" in whole
    assert (tmp_path / "bare.pdf").stat().st_size < 0.4 * (tmp_path / "two.pdf").stat().st_size


def test_signs_that_the_font_lacks_are_told_not_guessed(one_hand: tuple[Reading, Study], tmp_path: Path) -> None:
    reading = replace(one_hand[0], study=StudyRef("Łódź/手.png", patient="张 Müller–7 € \u0065\u0301\n\t"))
    write_pdf(reading, tmp_path / "a.pdf")
    pages = pages_of(tmp_path / "a.pdf")
    assert "[U+5F20] Müller–7 € é" in pages[0]
    assert "[U+0141]ód[U+017A]/[U+624B].png" in pages[-1]
    assert "stands as its Unicode number" in pages[-1]
    assert in_font("−1") == "-1"
    assert in_font("plain") == "plain"


def test_nothing_is_noted_where_every_sign_is_there(pdf: Path) -> None:
    assert "Unicode" not in pages_of(pdf)[-1]


def test_a_signed_reading_says_so(one_hand: tuple[Reading, Study], tmp_path: Path) -> None:
    reading, study = one_hand
    person = replace(reading, reader=ReaderRef("person", "reader A"))
    write_pdf(signed(person, "2.25.8", "Dr B", "2026-03-05T09:00:00+01:00"), tmp_path / "a.pdf", study)
    pages = pages_of(tmp_path / "a.pdf")
    assert all(text.lstrip().startswith("Signed reading: signed by Dr B on 2026-03-05 09:00 UTC+01:00") for text in pages)
    assert "unverified" not in "".join(pages)


@pytest.mark.parametrize("id", systems())
def test_every_scoring_system_fits_its_paper(id: str, tmp_path: Path) -> None:
    worst = [
        Finding(i.site, i.side, i.feature, grade=i.maximum, probabilities=(0.0,) * (len(i.grades) - 1) + (1.0,)) for i in system(id).items
    ]
    totals = {name: Total(rule.maximum, rule.maximum) for name, rule in system(id).totals.items()}
    write_pdf(examples.make_reading(worst, system=id, totals=totals, study=StudyRef("exam"), created="not a date"), tmp_path / "a.pdf")
    pages = pages_of(tmp_path / "a.pdf")
    whole = " ".join(" ".join(pages).split())
    for site in {item.site for item in system(id).items}:
        assert site in whole
    for number, text in enumerate(pages, 1):
        assert re.search(rf"{number} ?/ ?{len(pages)}\n", text)


def test_no_text_leaves_the_paper(two_hands: tuple[Reading, Study], tmp_path: Path) -> None:
    long = "a word " * 60 + "x" * 300
    reading = replace(two_hands[0], warnings=(long,), study=StudyRef(long, patient="P" * 120), reader=ReaderRef("model", "m" * 90, "1"))
    write_pdf(reading, tmp_path / "a.pdf", two_hands[1])
    assert _outside(tmp_path / "a.pdf") == []


def test_the_judge_of_the_paper_catches_a_line_that_runs_out(tmp_path: Path) -> None:
    paper = Paper("banner", "foot", "title", "2026-03-04T10:20:30+00:00")
    paper.text(150, 100, "this line is far too long to end inside the paper at this size", 12)
    (tmp_path / "a.pdf").write_bytes(paper.finish())
    assert _outside(tmp_path / "a.pdf") != []


def _outside(path: Path) -> list[str]:
    """Words that poppler finds past the margins of their page."""
    done = subprocess.run([program("pdftotext"), "-bbox", path, "-"], capture_output=True, text=True, check=True).stdout
    boxes = re.findall(r'<word xMin="([-\d.]+)" yMin="([-\d.]+)" xMax="([-\d.]+)" yMax="([-\d.]+)">([^<]*)<', done)
    assert boxes
    return [
        word for left, top, right, bottom, word in boxes if float(left) < 30 or float(right) > 565 or float(top) < 20 or float(bottom) > 830
    ]


def test_a_name_without_end_is_laid_out_in_time() -> None:
    """A reader's name of 100,000 characters once took hours, each line measured from every end."""
    paper = Paper("banner", "foot", "title", "2026-01-01T00:00:00+00:00")
    name = "x" * 50_000 + "é€" * 25_000
    start = time.process_time()
    lines = paper.lines(f"Dr {name}", 70, 9.5)
    clipped = paper.clipped(name, 70, 9.5)
    assert time.process_time() - start < 2
    assert "".join(lines) == f"Dr{name}"
    assert all(0 < paper.width(line) <= 70 for line in lines)
    assert min(paper.width(line) for line in lines[1:-1]) > 60
    assert clipped[:-1] == name[: len(clipped) - 1]
    assert 65 < paper.width(clipped) <= 70
