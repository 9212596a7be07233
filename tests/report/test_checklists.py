import csv
import io

import pytest

from coread.report.checklists import CHECKLISTS, Facts, answers, checklist, checklists_csv, filled
from coread.validation import Validation, validate
from coread.validation_pairs import Made
from tests.made_up import make_up, read_by

FACTS = Facts("a model", ("some hands",), ("feet",), "everything", "coread 1", "over patients")


@pytest.fixture(scope="module")
def validation() -> Validation:
    few = make_up(12, centre=lambda n: "NS"[n % 2])
    return validate(few.cohort, Made("m", "1", read_by(few, lambda member, grade: grade), {}))


@pytest.mark.parametrize("name", CHECKLISTS)
def test_every_answer_that_an_item_asks_for_exists(name: str, validation: Validation) -> None:
    known = answers(validation, FACTS)
    *_, items = checklist(name)
    assert {item.answer for item in items if item.answer} <= known.keys()
    assert all(item.person for item in items if not item.answer)


def test_tripod_ai_has_its_27_items() -> None:
    *_, items = checklist("tripod_ai")
    assert [item.number for item in items] == [str(number) for number in range(1, 28)]


def test_claim_has_its_44_items_under_the_numbers_of_the_2024_update() -> None:
    """Some that moved between 2020 and 2024: sample size was 19 and is 21, external data 32 and 33, failure analysis 37 and 39."""
    *_, items = checklist("claim_2024")
    assert [item.number for item in items] == [str(number) for number in range(1, 45)]
    about = {int(item.number): item.about for item in items}
    for number, word in ((13, "acquired"), (17, "annotation of the test set"), (18, "variability"), (20, "disjoint"), (21, "sample size"),
                         (27, "ensembles"), (33, "external"), (34, "registration"), (39, "failure"), (44, "funding")):  # fmt: skip
        assert word in about[number]


def test_an_item_without_an_answer_here_is_for_a_person(validation: Validation) -> None:
    rows = {(r["checklist"], r["item"]): r for r in csv.DictReader(io.StringIO(checklists_csv(filled(validation, FACTS))))}
    ethics, performance = rows["TRIPOD+AI", "17"], rows["TRIPOD+AI", "23"]
    assert (ethics["state"], ethics["filled_in"]) == ("for a person", "")
    assert performance["state"] == "filled in"
    assert "kappa, quadratic weights, joint space narrowing: 1, 12 patients" in performance["filled_in"]
    # There is no scanner in this cohort: an answer that these data do not have leaves its item to a person.
    scanner = next(row for row in filled(validation, FACTS) if row.item.answer == "scanner")
    assert scanner.state == "for a person"
