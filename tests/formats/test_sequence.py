"""Sequences from headers: typical protocols of three vendors, and where words and times disagree."""

import pytest

from coread.formats.sequence import contrast_in, sequence_in, sequence_of

WORDS = {
    "t2_tirm_tra_dark-fluid": "FLAIR",
    "Sag CUBE T2 FLAIR": "FLAIR",
    "3D_FLAIR_SENSE": "FLAIR",
    "FLAIR": "FLAIR",
    "t1_mprage_sag_p2_iso": "T1",
    "Ax T1 SE": "T1",
    "Sag BRAVO": "T1",
    "T1W_3D_TFE": "T1",
    "t2_tse_tra": "T2",
    "T2W_TSE": "T2",
    "Ax PD": "PD",
    "ep2d_diff_3scan_trace": "diffusion",
    "SWI_Images": "T2*",
    "t2_fl2d_hemo": "T2*",
    "localizer": "localizer",
    "sub-01_T1w": "T1",
    "sub-01_FLAIR": "FLAIR",
    "AAHead_Scout": "localizer",
    "t2_space_dir": "DIR",
    "TOF_3D": "angiography",
    "hand": None,
    "": None,
}


@pytest.mark.parametrize("text", WORDS)
def test_words(text: str) -> None:
    assert sequence_in(text) == WORDS[text]


@pytest.mark.parametrize(
    ("text", "given"),
    [("t1_se_tra_km", True), ("T1 POST GD", True), ("Ax T1 +C", True), ("T1 pre contrast", False), ("T1 without contrast", False),
     ("t1_mprage", False), ("T1_nativ", False), ("sub-01_ce-gadolinium_T1w", True)],
)  # fmt: skip
def test_contrast(text: str, given: bool) -> None:
    assert contrast_in(text) == given


def facts(echo: float, repetition: float, inversion: float | None = None, words: str = "") -> dict[str, str]:
    said = {"echo_time_ms": f"{echo}", "repetition_time_ms": f"{repetition}", "series_description": words}
    return said | ({} if inversion is None else {"inversion_time_ms": f"{inversion}"})


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (facts(125, 9000, 2500), "FLAIR"),
        (facts(388, 5000, 1800), "FLAIR"),
        (facts(2.26, 2300, 900), "T1"),
        (facts(12, 550), "T1"),
        (facts(4.6, 25), "T1"),
        (facts(100, 4500), "T2"),
        (facts(15, 2500), "PD"),
        (facts(45, 3000), None),
        (facts(9, 2000, 860, "T1 FLAIR"), "T1"),
        ({"acquisition_contrast": "FLUID_ATTENUATED"}, "FLAIR"),
        ({"series_description": "T1", "contrast_agent": "yes"}, "T1 + contrast"),
    ],
)
def test_times_and_codes(given: dict[str, str], name: str | None) -> None:
    assert sequence_of(given) == (name, None)


def test_times_go_before_words_and_it_is_said() -> None:
    name, doubt = sequence_of(facts(100, 4500, words="FLAIR tra"))
    assert name == "T2"
    assert doubt is not None
    assert "calls itself FLAIR" in doubt
