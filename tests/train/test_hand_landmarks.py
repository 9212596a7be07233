"""The landmark recipe on simulated hands: it learns, resumes to the same weights and exports what it trained."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from coread.errors import DefinitionError, InputError
from coread.simulate import simulate_hand

torch = pytest.importorskip("torch", reason="torch is not installed: pip install coread[train]")

from coread.train import hand_landmarks  # noqa: E402
from coread.train.hand_calibrate import logistic  # noqa: E402
from coread.train.hand_labels import POINTS13, POINTS21, complete, found_hands, read_hands, with_wrists  # noqa: E402
from coread.train.loop import Watch, fit  # noqa: E402
from coread.train.losses import gaussian_maps, place_loss  # noqa: E402
from coread.train.recipe import RECIPES, Training, build_network  # noqa: E402
from coread.vision.landmarks import HandLocator  # noqa: E402
from coread.vision.network import Network  # noqa: E402

pytestmark = [pytest.mark.train, pytest.mark.slow]
HANDS = 6


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder laid out as the real one, of simulated hands: two with 21 points, the rest with 13."""
    folder = tmp_path_factory.mktemp("cohort") / "hand_joints"
    (folder / "images").mkdir(parents=True)
    images, by_hand, by_model = [], [], []
    for seed in range(HANDS):
        film = simulate_hand(seed, side="left", pixel_mm=0.8, plain=True)
        name = f"{seed}.png"
        Image.fromarray(np.round(film.pixels * 255).astype(np.uint8)).save(folder / "images" / name)
        size = np.array(film.pixels.shape[::-1])
        points = (film.hand.landmarks_px + 0.5) / size
        images.append({"image": name, "bone_age_months": 200})
        for table, joints in ((by_hand, POINTS21),) if seed < 2 else ((by_model, POINTS13),):
            table += [{"image": name, "joint": joint, "x": points[k, 0], "y": points[k, 1]} for joint, k in joints.items()]
    for file, rows in (("images.csv", images), ("keypoints21.csv", by_hand), ("pseudo13.csv", by_model)):
        with (folder / file).open("w", newline="") as out:
            writer = csv.DictWriter(out, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    other = folder.parent / "other"
    (other / "images").mkdir(parents=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 90), dtype=np.uint8)).save(other / "images" / "a.png")
    (other / "labels.csv").write_text("image\na.png\n")
    return folder.parent


def recipe(path: Path, steps: int) -> Path:
    text = (RECIPES / "hand_landmarks.toml").read_text()
    head, coarse = text[: text.index("# Hands with 21 points")], text[text.index("[coarse]") :]
    keep = 'train_keypoints = ["0.png"]\nhold_out_every = 4\nsimulated = 1\n[others]\n"other/labels.csv" = 1\n'
    small = coarse.replace("[48, 96, 128, 144]", "[16, 32, 32, 32]")
    lines = [
        f"steps = {steps}" if line.startswith("steps") else "batch = 2" if line.startswith("batch") else line for line in small.splitlines()
    ]
    path.write_text(head + keep + "\n".join(lines) + "\n")
    return path


def test_trains_resumes_and_exports(cohort: Path, tmp_path: Path) -> None:
    seen: list[str] = []
    plan = recipe(tmp_path / "r.toml", 3)
    whole = hand_landmarks.train(plan, cohort, tmp_path / "whole", say=lambda name, progress: seen.append(f"{name} {progress.step}"))
    assert seen == ["fine 3", "coarse 3"]
    assert Network(whole["fine"]).run(np.zeros((1, 1, 256, 224)))[0].shape == (1, 37, 64, 56)
    again = hand_landmarks.train(plan, cohort, tmp_path / "again")
    assert (tmp_path / "whole" / "fine.safetensors").read_bytes() == (tmp_path / "again" / "fine.safetensors").read_bytes()
    assert set(again) == {"coarse", "fine"}


def test_an_interrupted_run_ends_where_an_unbroken_one_does(tmp_path: Path) -> None:
    def loss(network: torch.nn.Module, rng: np.random.Generator) -> tuple[torch.Tensor, dict[str, float]]:
        x = torch.from_numpy(rng.normal(size=(8, 3))).float()
        return ((network(x)[:, 0] - x.sum(dim=1)) ** 2).mean(), {}

    def network() -> torch.nn.Module:
        torch.manual_seed(0)
        return torch.nn.Linear(3, 1)

    class StopError(Exception):
        pass

    def stop(progress: object) -> None:
        raise StopError

    plan = Training(steps=20, batch=8, rate=0.05, seed=3, warm_up=2)
    unbroken = fit(network(), plan, loss, tmp_path / "a", Watch(every=5))
    with pytest.raises(StopError):
        fit(network(), plan, loss, tmp_path / "b", Watch(every=5, say=stop))
    resumed = fit(network(), plan, loss, tmp_path / "b", Watch(every=5))
    for name, value in unbroken.items():
        torch.testing.assert_close(resumed[name], value)


def test_the_fine_network_learns(cohort: Path, tmp_path: Path) -> None:
    plan = hand_landmarks.read_recipe(recipe(tmp_path / "r.toml", 40))
    hands, held = hand_landmarks.split_hands(plan, cohort)
    assert len(hands) + len(held) == HANDS - 1
    assert "1.png" not in {hand.name for hand in hands + held}
    torch.manual_seed(0)
    network = build_network(plan.fine.network, plan.fine.options)
    losses: list[float] = []
    draw = hand_landmarks.fine_draw(plan, hands, True)
    fit(
        network,
        Training(steps=30, batch=2, rate=4e-3, seed=2, warm_up=3),
        draw,
        tmp_path / "run",
        Watch(every=10, say=lambda p: losses.append(p.loss)),
    )
    assert losses[-1] < losses[0] - 0.2


def test_given_points_stay_and_the_rest_follows(cohort: Path) -> None:
    hands = read_hands(cohort, frozenset({"1.png"}))
    for hand in hands:
        film = simulate_hand(int(Path(hand.name).stem), side="left", pixel_mm=0.8, plain=True)
        given = sorted((POINTS21 if hand.source == "keypoints21" else POINTS13).values())
        gap = np.linalg.norm(hand.points_px - film.hand.landmarks_px, axis=1) / hand.pose.length_px
        assert gap[given].max() < 0.003
        assert gap.max() < 0.09
        assert (hand.deviation[given] < 0.01).all()


def test_wrists_by_eye_replace_what_the_fingers_suggest(cohort: Path) -> None:
    hands = read_hands(cohort, frozenset({"1.png"}))
    out = with_wrists(hands, {hands[0].name: [[0.5, 0.5]] * 13}, others=False)
    assert np.isfinite(out[0].deviation[:13]).all()
    assert np.isinf(out[1].deviation[:13]).all()
    np.testing.assert_allclose(out[0].points_px[0], np.array(hands[0].levels[0].shape[::-1]) / 2 - 0.5)


def test_hands_without_labels_are_found(cohort: Path, tmp_path: Path) -> None:
    folder = tmp_path / "hand_joints"
    shutil.copytree(cohort / "hand_joints", folder)
    with (folder / "pseudo13.csv").open() as file:
        rows = [row for row in file if not row.startswith("5.png")]
    (folder / "pseudo13.csv").write_text("".join(rows))
    found = found_hands(tmp_path, [], HandLocator(threads=1), least_score=0.3, least_confidence=0.5)
    assert [hand.name for hand in found] == ["5.png"]


def test_complete_needs_three_points() -> None:
    with pytest.raises(InputError, match="three or more"):
        complete({20: (1.0, 2.0)}, 0.01)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("steps = 3", "", "key 'steps' is missing"),
        ("steps = 3", "steps = 'many'", "'steps' must be int"),
        ("steps = 3", "steps = 3\nspeed = 1", "unknown key 'speed'"),
        ('network = "heatmap_unet"', "network = [", "not a recipe that can be read"),
    ],
)
def test_bad_recipe_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = recipe(tmp_path / "r.toml", 3)
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(DefinitionError, match=said):
        hand_landmarks.read_recipe(path)


def test_unknown_network_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"there are: .*heatmap_unet"):
        build_network("resnet_900", {})
    with pytest.raises(DefinitionError, match="does not take these options"):
        build_network("heatmap_unet", {"outputs": 3})


def test_place_loss_is_least_at_the_truth() -> None:
    points, doubt, weight = torch.tensor([[[12.3, 7.6]]]), torch.full((1, 1), 1.3), torch.ones((1, 1))
    at = torch.log(gaussian_maps(points, doubt, (20, 24)) + 1e-9)
    beside = torch.log(gaussian_maps(points + 2, doubt, (20, 24)) + 1e-9)
    assert place_loss(at, points, doubt, weight, 0 * weight) < place_loss(beside, points, doubt, weight, 0 * weight)


def test_logistic_regression_finds_the_coefficients() -> None:
    rng = np.random.default_rng(0)
    features = np.column_stack([np.ones(40000), rng.normal(size=40000)])
    outcomes = (rng.random(40000) < 1 / (1 + np.exp(-features @ np.array([0.5, -1.2])))).astype(float)
    np.testing.assert_allclose(logistic(features, outcomes), [0.5, -1.2], atol=0.05)
