"""What a cohort is found to be: copies, near copies also mirrored, leaks, and studies that do not open."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason="torch is not installed: pip install coread[train]")

from coread.cohort import open_cohort
from coread.errors import InputError
from coread.scoring import system
from coread.train.cases import Labels, labelled
from coread.train.fingerprint import Fingerprint, fingerprint
from tests.train.cue_cohort import write_cohort

pytestmark = pytest.mark.train
LABELS = Labels(system("omeract_salivary_image"), "parenchyma", "salivary gland")


def seen(folder: Path) -> Fingerprint:
    cohort = open_cohort(folder)
    return fingerprint(cohort, labelled(cohort, LABELS)[0])


def test_a_clean_cohort_has_no_notes(tmp_path: Path) -> None:
    found = seen(write_cohort(tmp_path / "c", 10))
    assert found.notes == ()
    told = found.told(LABELS.grades)
    assert told["patients"] == 10
    assert told["images"] == 20
    assert told["splits"] == {"train": 16, "test": 4}
    assert told["rows"] == {"least": 96.0, "median": 96.0, "most": 96.0}
    assert sum(told["grades"].values()) == 20


def test_copies_mirrored_copies_and_leaks_are_found(tmp_path: Path) -> None:
    folder = write_cohort(tmp_path / "c", 10)
    (folder / "p001-0.png").write_bytes((folder / "p004-1.png").read_bytes())
    pixels = np.asarray(Image.open(folder / "p002-0.png"), dtype=np.float64)
    noisy = pixels[:, ::-1] * 0.9 + np.random.default_rng(0).normal(0, 2, pixels.shape)
    Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(folder / "p007-1.png")
    found = seen(folder)
    names = [case.study for case in found.cases]
    assert [tuple(names[k] for k in pair) for pair in found.copies] == [("p001-0.png", "p004-1.png")]
    assert [tuple(names[k] for k in pair) for pair in found.near] == [("p002-0.png", "p007-1.png")]
    assert found.groups[names.index("p002-1.png")] == found.groups[names.index("p007-0.png")]
    assert any(note.startswith("LEAK: 1 of these pairs stand in two splits") for note in found.notes)


def test_one_broken_file_is_left_out_and_named(tmp_path: Path) -> None:
    folder = write_cohort(tmp_path / "c", 10)
    (folder / "p003-0.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    found = seen(folder)
    assert len(found.cases) == 19
    assert any("p003-0.png" in note and note.startswith("left out") for note in found.notes)


def test_many_broken_files_are_refused_in_one_sentence(tmp_path: Path) -> None:
    folder = write_cohort(tmp_path / "c", 10)
    for k in range(4):
        (folder / f"p00{k}-0.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    with pytest.raises(InputError, match=r"4 of 20 studies cannot be learned from; the first: .*p000-0\.png"):
        seen(folder)
