"""The four losses of grades: their probabilities by hand, and that each is least at the truth."""

import math

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install coread[train]")

from coread.train.grade_losses import LOSSES, above, grade_loss, outputs_of, probabilities_of  # noqa: E402

pytestmark = pytest.mark.train


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_coral_and_corn_by_hand() -> None:
    logits = torch.tensor([[1.0, -0.5]])
    first, second = sigmoid(1.0), sigmoid(-0.5)
    coral = probabilities_of("coral", logits)[0].tolist()
    assert coral == pytest.approx([1 - first, first - second, second], abs=1e-5)
    corn = probabilities_of("corn", logits)[0].tolist()
    assert corn == pytest.approx([1 - first, first * (1 - second), first * second], abs=1e-5)


def test_corn_asks_each_question_only_of_those_it_concerns() -> None:
    """Shi, Cao & Raschka 2023, equation 6: task j is learned from the cases with grade > j - 1."""
    logits = torch.tensor([[0.3, -1.2], [0.7, 0.4]])
    truth = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    wanted = (-math.log(1 - sigmoid(0.3)) - math.log(sigmoid(0.7)) - math.log(sigmoid(0.4))) / 2
    assert float(grade_loss("corn", logits, truth, torch.ones(2))) == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("grade", range(4))
def test_descent_leads_to_the_truth(loss: str, grade: int) -> None:
    truth = torch.zeros((1, 4))
    truth[0, grade] = 1
    logits = torch.zeros((1, outputs_of(loss, 4)), requires_grad=True)
    optimiser = torch.optim.Adam([logits], lr=0.2)
    for _ in range(200):
        optimiser.zero_grad()
        grade_loss(loss, logits, truth, torch.ones(1)).backward()
        optimiser.step()
    shares = probabilities_of(loss, logits.detach())[0]
    assert float(shares.sum()) == pytest.approx(1, abs=1e-5)
    assert int(shares.argmax()) == grade


def test_opinions_of_two_readers_meet_between() -> None:
    split = torch.tensor([[0.0, 0.5, 0.5, 0.0]])
    assert above(split)[0].tolist() == pytest.approx([1.0, 0.5, 0.0])
    logits = torch.zeros((1, 3), requires_grad=True)
    optimiser = torch.optim.Adam([logits], lr=0.2)
    for _ in range(300):
        optimiser.zero_grad()
        grade_loss("coral", logits, split, torch.ones(1)).backward()
        optimiser.step()
    assert probabilities_of("coral", logits.detach())[0].tolist() == pytest.approx([0, 0.5, 0.5, 0], abs=0.02)
