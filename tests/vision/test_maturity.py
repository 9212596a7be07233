"""Maturity: geometry of the patches, how joints are joined, and real hands of known age."""

import os
from pathlib import Path

import numpy as np
import pytest

from coread.errors import InputError
from coread.vision import maturity
from coread.vision.maturity import Anchor, Calibration, MaturityReader

CALIBRATION = Calibration(spread=0.05, spread_single=0.09, open_slope=40.0, open_offset=0.0)


def outputs(*ages: float, log_variance: float = -5.0) -> np.ndarray:
    return np.array([[age, log_variance] for age in ages])


def test_bone_age_knows_the_sex_or_holds_both() -> None:
    judged = maturity.Maturity(0.9, 0.8, 0.7, 0.9, ("MCP 2",))
    assert judged.bone_age_months("F") == pytest.approx((148.8, 130.2, 167.4))
    assert judged.bone_age_months("M") == pytest.approx((168.0, 147.0, 189.0))
    value, low, high = judged.bone_age_months()
    assert low == pytest.approx(130.2)
    assert high == pytest.approx(189.0)
    assert low < value < high


def test_joining_joints() -> None:
    names = list(maturity.JOINTS)
    every = maturity.combine(names, outputs(*[0.8] * len(names)), CALIBRATION)
    one = maturity.combine(names[:1], outputs(0.8), CALIBRATION)
    assert every.relative_age == pytest.approx(0.8)
    assert every.high - every.low == pytest.approx(2 * 1.645 * 0.05)
    assert one.high - one.low == pytest.approx(2 * 1.645 * 0.09)
    assert every.open_probability > one.open_probability > 0.5, "one joint alone is less sure"
    ages = (0.6, 0.9, 0.99, 1.0, 1.05, 1.2)
    chances = [maturity.combine(names, outputs(*[age] * len(names)), CALIBRATION).open_probability for age in ages]
    assert chances == sorted(chances, reverse=True)
    assert chances[3] == pytest.approx(0.5)


def test_the_stated_age_counts_and_an_unknown_one_does_not() -> None:
    judged = maturity.Maturity(0.7, 0.8, 0.7, 0.9, ("MCP 2",))
    assert judged.given_age(None) is judged
    assert judged.given_age(45.0).open_probability < 0.001
    assert judged.given_age(9.0).open_probability > 0.999
    assert judged.given_age(maturity.CLOSING_AGE_YEARS).open_probability == pytest.approx(0.7)
    assert judged.given_age(45.0).relative_age == judged.relative_age


def test_a_sure_joint_weighs_more() -> None:
    out = np.array([[0.6, -6.0], [1.0, -2.0]])
    assert maturity.pooled(out) == pytest.approx((0.6 * np.exp(6) + np.exp(2)) / (np.exp(6) + np.exp(2)))


def test_patches_do_not_know_exposure() -> None:
    plane = np.random.default_rng(0).random((120, 120)).astype(np.float32)
    anchor = Anchor((60.0, 60.0), (0.0, -1.0))
    first = maturity.patch(plane, anchor, "MCP", 300.0)
    assert first.shape == (1 + len(maturity.KINDS), maturity.PATCH, maturity.PATCH)
    assert np.allclose(first, maturity.patch(plane * 0.3 + 0.2, anchor, "MCP", 300.0), atol=1e-3)
    assert first[1].min() == 1.0
    assert not first[2:].any()


@pytest.fixture(scope="module")
def reader() -> MaturityReader:
    return MaturityReader()


def test_no_joint_in_the_image_is_no_judgement(reader: MaturityReader) -> None:
    pixels = np.zeros((100, 100), dtype=np.float32)
    assert reader.judge(pixels, {"MCP 2": Anchor((-50.0, 20.0), (0.0, -1.0))}, 80.0) is None
    assert reader.judge(pixels, {"lunate": Anchor((50.0, 50.0), (0.0, -1.0))}, 80.0) is None
    with pytest.raises(InputError, match="positive length"):
        reader.judge(pixels, {}, 0.0)


def test_a_small_child_has_open_plates(reader: MaturityReader) -> None:
    """A hand with points set by hand and a bone age of 24 months."""
    folder = os.environ.get("COREAD_DATA")
    if not folder:
        pytest.skip("needs real images: COREAD_DATA does not name the data folder")
    pd = pytest.importorskip("pandas")
    from PIL import Image

    data = Path(folder)
    points = pd.read_csv(data / "hand_joints" / "keypoints21.csv")
    hand = points[points["image"] == "1402.png"].set_index("joint")
    pixels = np.asarray(Image.open(data / "hand_joints" / "images" / "1402.png").convert("L"), dtype=np.float32) / 255
    size = np.array([pixels.shape[1], pixels.shape[0]])

    def at(name: str) -> np.ndarray:
        return hand.loc[name, ["x", "y"]].to_numpy(dtype=float) * size

    anchors = {}
    for number, finger in ((2, "forefinger"), (3, "middle_finger"), (4, "ring_finger"), (5, "pinky_finger")):
        way = at(f"{finger}2") - at(f"{finger}1")
        axis = tuple(way / np.linalg.norm(way))
        anchors[f"MCP {number}"] = Anchor(tuple(at(f"{finger}1")), axis)
        anchors[f"PIP {number}"] = Anchor(tuple(at(f"{finger}2")), axis)
    judged = reader.judge(pixels, anchors, float(np.linalg.norm(at("middle_finger4") - at("wrist"))))
    assert judged is not None
    assert judged.open_probability > 0.95
    assert judged.high < 1


def test_a_hand_and_its_mirror_image_are_judged_alike(reader: MaturityReader) -> None:
    from scipy import ndimage

    plane = ndimage.gaussian_filter(np.random.default_rng(3).random((240, 300)), 3).astype(np.float32)
    anchors = {"MCP 2": Anchor((90.0, 120.0), (0.1, -0.995)), "PIP 3": Anchor((190.0, 110.0), (-0.2, -0.98))}
    mirrored = {name: Anchor((299.0 - a.center_px[0], a.center_px[1]), (-a.axis[0], a.axis[1])) for name, a in anchors.items()}
    one, other = reader.judge(plane, anchors, 400.0), reader.judge(np.ascontiguousarray(plane[:, ::-1]), mirrored, 400.0)
    assert one is not None
    assert other is not None
    assert other.relative_age == pytest.approx(one.relative_age, abs=1e-4)
    assert other.open_probability == pytest.approx(one.open_probability, abs=1e-3)
