"""DICOM headers and pixels against the standard's formulas, pydicom's own functions and the programs of dcmtk."""

import re
import subprocess
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.sr.codedict import codes
from pydicom.uid import JPEG2000Lossless, RLELossless, generate_uid

from coread.errors import InputError
from coread.formats.dicom import is_dicom
from coread.formats.dicom_pixels import robust, window
from coread.formats.open import open_study
from coread.study import Study
from tests.formats.radiographs import NAME, SC, code, lut, radiograph, ramp, write

EXAM = Path(str(files("coread").joinpath("examples", "hand.dcm")))

Program = Callable[[str], str]


@pytest.fixture(autouse=True)
def _silence(capfd: pytest.CaptureFixture[str]):
    """Nothing that opens or decodes may write to the terminal."""
    yield
    out, err = capfd.readouterr()
    assert out == ""
    assert err == ""


def opened(tmp_path: Path, dataset: Dataset) -> Study:
    return open_study(write(tmp_path / "image.dcm", dataset))


def pixels(tmp_path: Path, dataset: Dataset) -> np.ndarray:
    return opened(tmp_path, dataset).images[0].pixels


CONVERSIONS = {
    "explicit": ("dcmconv", "+te"),
    "implicit": ("dcmconv", "+ti"),
    "big endian": ("dcmconv", "+tb"),
    "deflated": ("dcmconv", "+td"),
    "run length": ("dcmcrle",),
    "JPEG-LS": ("dcmcjpls", "+el"),
    "JPEG lossless": ("dcmcjpeg", "+el"),
    "JPEG lossless, first-order prediction": ("dcmcjpeg", "+e1"),
}


@pytest.mark.parametrize("conversion", CONVERSIONS)
@pytest.mark.parametrize("kind", ["12 bits", "8 bits", "signed"])
def test_every_transfer_syntax_gives_the_same_pixels(tmp_path: Path, program: Program, conversion: str, kind: str) -> None:
    values = {"12 bits": ramp(), "8 bits": ramp(highest=255).astype(np.uint8), "signed": ramp().astype(np.int16) - 1000}[kind]
    more = {"BitsStored": 16, "HighBit": 15} if kind == "signed" else {}
    first = write(tmp_path / "first.dcm", radiograph(values, **more, WindowCenter=700, WindowWidth=900))
    tool, *options = CONVERSIONS[conversion]
    other = tmp_path / "other.dcm"
    subprocess.run([program(tool), *options, first, other], check=True, capture_output=True)
    assert (
        pydicom.dcmread(other).file_meta.TransferSyntaxUID != pydicom.dcmread(first).file_meta.TransferSyntaxUID or conversion == "explicit"
    )
    np.testing.assert_array_equal(open_study(other).images[0].pixels, open_study(first).images[0].pixels)


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, RLELossless])
def test_pixels_coded_by_pydicom_are_the_same(tmp_path: Path, syntax: pydicom.uid.UID) -> None:
    first = write(tmp_path / "first.dcm", radiograph())
    dataset = pydicom.dcmread(first)
    dataset.compress(syntax, generate_instance_uid=False)
    dataset.save_as(tmp_path / "other.dcm")
    np.testing.assert_array_equal(open_study(tmp_path / "other.dcm").images[0].pixels, open_study(first).images[0].pixels)


@pytest.mark.parametrize(("option", "values"), [("+eb", ramp(highest=255).astype(np.uint8)), ("+ee", ramp())])
def test_lossy_jpeg_is_decoded_as_dcmtk_does(tmp_path: Path, program: Program, option: str, values: np.ndarray) -> None:
    write(tmp_path / "first.dcm", radiograph(values))
    subprocess.run([program("dcmcjpeg"), option, tmp_path / "first.dcm", tmp_path / "lossy.dcm"], check=True, capture_output=True)
    subprocess.run([program("dcmdjpeg"), tmp_path / "lossy.dcm", tmp_path / "plain.dcm"], check=True, capture_output=True)
    ours, theirs = open_study(tmp_path / "lossy.dcm").images[0].pixels, open_study(tmp_path / "plain.dcm").images[0].pixels
    assert ours.std() > 0.1
    np.testing.assert_allclose(ours, theirs, atol=1.5 / values.max())


WINDOWS = {
    "linear": {"WindowCenter": 1500, "WindowWidth": 1800},
    "first of several": {"WindowCenter": [1500, 9], "WindowWidth": [1800, 7]},
    "linear exact": {"WindowCenter": 1500, "WindowWidth": 1800, "VOILUTFunction": "LINEAR_EXACT"},
    "sigmoid": {"WindowCenter": 1500, "WindowWidth": 1800, "VOILUTFunction": "SIGMOID"},
    "rescaled": {"WindowCenter": 900, "WindowWidth": 3000, "RescaleSlope": "1.5", "RescaleIntercept": "-1024"},
    "table": {"VOILUTSequence": [lut(np.linspace(0, 1023, 2048) ** 0.9, 500, 10)]},
    "table, then window": {"VOILUTSequence": [lut(np.arange(4096)[::-1], 0, 12)], "WindowCenter": 5, "WindowWidth": 10},
    "modality table": {"ModalityLUTSequence": [lut(np.sqrt(np.arange(4096)) * 64, 0, 16)], "WindowCenter": 2000, "WindowWidth": 3000},
}


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_tables_and_windows_are_those_of_pydicom(tmp_path: Path, name: str, photometric: str) -> None:
    dataset = radiograph(PhotometricInterpretation=photometric, **WINDOWS[name])
    if name == "modality table":
        dataset.ModalityLUTSequence[0].ModalityLUTType = "US"
    values = apply_modality_lut(dataset_pixels(tmp_path, dataset), dataset)
    theirs = apply_voi_lut(values, dataset, index=0).astype(float)
    if "VOILUTSequence" in dataset:
        highest = (1 << dataset.VOILUTSequence[0].LUTDescriptor[2]) - 1
        low = 0.0
    else:
        low, highest = voi_range(dataset)
    theirs = (theirs - low) / (highest - low)
    theirs = 1 - theirs if photometric == "MONOCHROME1" else theirs
    np.testing.assert_allclose(pixels(tmp_path, dataset), theirs, atol=2e-6)


def dataset_pixels(tmp_path: Path, dataset: Dataset) -> np.ndarray:
    return pydicom.dcmread(write(tmp_path / "theirs.dcm", dataset)).pixel_array


def voi_range(dataset: Dataset) -> tuple[float, float]:
    """The range onto which pydicom spreads a window: that of the stored bits in modality units."""
    slope, intercept = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
    if "ModalityLUTSequence" in dataset:
        return 0.0, float((1 << dataset.ModalityLUTSequence[0].LUTDescriptor[2]) - 1)
    return intercept, 4095 * slope + intercept


@pytest.mark.parametrize("name", ["linear", "sigmoid", "rescaled", "table", "modality table"])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_the_picture_is_the_one_dcmtk_draws(tmp_path: Path, program: Program, name: str, photometric: str) -> None:
    dataset = radiograph(PhotometricInterpretation=photometric, **WINDOWS[name])
    if name == "modality table":
        dataset.ModalityLUTSequence[0].ModalityLUTType = "US"
    path = write(tmp_path / "image.dcm", dataset)
    choice = ["+Wl", "1"] if "VOILUTSequence" in dataset else ["+Wi", "1"]
    function = ["+Wfs"] if name == "sigmoid" else []
    subprocess.run([program("dcm2pnm"), "+op", *choice, *function, path, tmp_path / "theirs.pgm"], check=True, capture_output=True)
    theirs = pgm(tmp_path / "theirs.pgm") / 255
    np.testing.assert_allclose(open_study(path).images[0].pixels, theirs, atol=1.1 / 255)


def pgm(path: Path) -> np.ndarray:
    header = re.match(rb"P5\s+(?:#.*\s+)*(\d+)\s+(\d+)\s+(\d+)\s", path.read_bytes())
    assert header is not None
    columns, rows, highest = (int(n) for n in header.groups())
    assert highest == 255
    return np.frombuffer(path.read_bytes()[header.end() :], np.uint8).reshape(rows, columns).astype(float)


def test_linear_windows_are_the_examples_of_the_standard() -> None:
    """DICOM PS3.3 C.11.2.1.2.1: c = 2048 w = 4096; c = 2048 w = 1; c = 0 w = 100; c = 0 w = 1."""
    x = np.array([-100, -51, -50, -49, -1, 0, 1, 48, 49, 50, 2047, 2048, 2049, 4094, 4095, 5000], np.float32)
    wide = np.select([x <= 0, x > 4095], [0, 1], (x - 2047.5) / 4095 + 0.5)
    hundred = np.select([x <= -50, x > 49], [0, 1], (x + 0.5) / 99 + 0.5)
    for centre, width, wanted in ((2048, 4096, wide), (2048, 1, x > 2047.5), (0, 100, hundred), (0, 1, x > -0.5)):
        np.testing.assert_allclose(window(x, centre, width), wanted, atol=1e-6)
    assert window(x, 0, 0.5) is None
    assert window(x, 0, 0, "SIGMOID") is None


def test_the_sigmoid_is_the_formula_of_the_standard() -> None:
    """DICOM PS3.3 C.11.2.1.3.1: y = 1 / (1 + exp(-4 (x - c) / w))."""
    x = np.linspace(-500, 500, 101, dtype=np.float32)
    np.testing.assert_allclose(window(x, 20, 300, "SIGMOID"), 1 / (1 + np.exp(-4 * (x - 20) / 300)), atol=1e-6)


def test_monochrome1_and_an_inverse_lut_turn_the_picture_once(tmp_path: Path) -> None:
    shown = {"WindowCenter": 2048, "WindowWidth": 4096}
    plain = pixels(tmp_path, radiograph(**shown))
    for said in (
        {"PhotometricInterpretation": "MONOCHROME1"},
        {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"},
        {"PhotometricInterpretation": "MONOCHROME2", "PresentationLUTShape": "INVERSE"},
    ):
        np.testing.assert_allclose(pixels(tmp_path, radiograph(**shown, **said)), 1 - plain, atol=1e-6)
    study = opened(tmp_path, radiograph(PhotometricInterpretation="MONOCHROME2", PresentationLUTShape="INVERSE"))
    assert any("polarity" in warning for warning in study.warnings)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_without_a_window_the_range_is_robust_and_padding_is_black(tmp_path: Path, photometric: str) -> None:
    values = (1000 + ramp() // 4).astype(np.uint16)
    values[:10] = 4095
    values[40, 40] = 4000
    wanted = (values - np.percentile(values[10:], 0.5)) / np.ptp(np.percentile(values[10:], [0.5, 99.5]))
    wanted = np.clip(wanted, 0, 1) if photometric == "MONOCHROME2" else 1 - np.clip(wanted, 0, 1)
    wanted[:10] = 0
    given = pixels(tmp_path, radiograph(values, PhotometricInterpretation=photometric, PixelPaddingValue=4095))
    np.testing.assert_allclose(given, wanted, atol=1e-5)


def test_a_padding_range_is_padding(tmp_path: Path) -> None:
    values = 500 + ramp() // 2
    values[:5], values[5:9] = 0, 100
    values = values.astype(np.uint16)
    given = pixels(tmp_path, radiograph(values, PixelPaddingValue=0, PixelPaddingRangeLimit=100))
    assert (given[:9] == 0).all()
    np.testing.assert_allclose(given[9:], robust(values[9:].astype(np.float32)), atol=1e-6)


def test_a_window_that_hides_the_whole_picture_is_not_used(tmp_path: Path) -> None:
    np.testing.assert_array_equal(pixels(tmp_path, radiograph(WindowCenter=-5000, WindowWidth=10)), pixels(tmp_path, radiograph()))


def test_an_even_picture_is_black_and_no_division_by_zero(tmp_path: Path) -> None:
    assert (pixels(tmp_path, radiograph(np.full((9, 9), 77, np.uint16))) == 0).all()


def test_overlay_bits_above_the_stored_ones_are_not_seen(tmp_path: Path) -> None:
    marked = ramp() | np.where(np.indices(ramp().shape).sum(0) % 3 == 0, 0x8000, 0).astype(np.uint16)
    np.testing.assert_array_equal(pixels(tmp_path, radiograph(marked)), pixels(tmp_path, radiograph()))


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL", "PALETTE COLOR"])
def test_a_radiograph_in_colour_becomes_grey(tmp_path: Path, photometric: str) -> None:
    grey = ramp(highest=255).astype(np.uint8)
    if photometric == "PALETTE COLOR":
        dataset = radiograph(grey, PhotometricInterpretation=photometric)
        for colour in ("Red", "Green", "Blue"):
            dataset.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [256, 0, 16])
            dataset.add_new(f"{colour}PaletteColorLookupTableData", "OW", (np.arange(256) * 257).astype("<u2").tobytes())
    else:
        three = np.stack([grey] * 3 if photometric == "RGB" else [grey, np.full_like(grey, 128), np.full_like(grey, 128)], axis=-1)
        dataset = radiograph(three, PhotometricInterpretation=photometric, SamplesPerPixel=3, PlanarConfiguration=0)
    study = opened(tmp_path, dataset)
    assert study.images[0].axes == ("y", "x")
    np.testing.assert_allclose(study.images[0].pixels, grey / 255, atol=3e-3)
    assert any("colour" in warning for warning in study.warnings)


def test_a_photograph_keeps_its_colour_and_a_photographed_film_does_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    grey = ramp(highest=255).astype(np.uint8)
    more = {"SOPClassUID": SC, "Modality": "XC", "PhotometricInterpretation": "RGB", "SamplesPerPixel": 3, "PlanarConfiguration": 0}
    coloured = opened(tmp_path, radiograph(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8), **more)).images[0]
    assert coloured.axes == ("y", "x", "c")
    assert coloured.pixels.shape == coloured.shape == (48, 64, 3)
    assert coloured.facts["colour"] == "yes"
    film = opened(tmp_path, radiograph(np.stack([grey * 0.85, grey * 0.92, grey], -1).astype(np.uint8), **more)).images[0]
    assert film.axes == ("y", "x")
    assert film.facts.get("colour") in (None, "tint")


SPACINGS = [
    ({"PixelSpacing": [0.1, 0.2]}, (0.1, 0.2), "pixel spacing"),
    ({"ImagerPixelSpacing": [0.1, 0.2]}, (0.1, 0.2), "imager spacing"),
    ({"PixelSpacing": [0.1, 0.2], "ImagerPixelSpacing": [0.1, 0.2]}, (0.1, 0.2), "imager spacing"),
    ({"PixelSpacing": [0.09, 0.18], "ImagerPixelSpacing": [0.1, 0.2]}, (0.09, 0.18), "pixel spacing"),
    (
        {"ImagerPixelSpacing": [0.11, 0.22], "EstimatedRadiographicMagnificationFactor": "1.1"},
        (0.1, 0.2),
        "imager spacing, magnification corrected",
    ),
    (
        {"PixelSpacing": [0.1, 0.2], "ImagerPixelSpacing": [0.11, 0.22], "EstimatedRadiographicMagnificationFactor": "1.1"},
        (0.1, 0.2),
        "pixel spacing",
    ),
    ({"NominalScannedPixelSpacing": [0.175, 0.175]}, (0.175, 0.175), "nominal scanned pixel spacing"),
    ({"PixelSpacing": [0, 0], "ImagerPixelSpacing": [0.1, 0.2]}, (0.1, 0.2), "imager spacing"),
    ({}, None, None),
]


@pytest.mark.parametrize(("said", "spacing", "source"), SPACINGS)
def test_spacing_and_where_it_is_from(tmp_path: Path, said: dict, spacing: tuple | None, source: str | None) -> None:
    study = opened(tmp_path, radiograph(**said))
    grid = study.images[0].grid
    if spacing is None:
        assert grid is None
        return
    np.testing.assert_allclose(grid.spacing_mm, spacing, rtol=1e-9)
    assert grid.source == source
    assert not grid.in_patient
    assert any("spacing" in warning for warning in study.warnings) == (said.get("PixelSpacing") == [0, 0])


@pytest.mark.parametrize(
    ("said", "side"),
    [
        ({"ImageLaterality": "L"}, "left"),
        ({"Laterality": "R"}, "right"),
        ({"ImageLaterality": "B"}, None),
        ({"ImageLaterality": "U"}, None),
        ({"ImageLaterality": "R", "Laterality": "L"}, "right"),
        ({}, None),
    ],
)
def test_the_side_is_that_of_the_tags(tmp_path: Path, said: dict, side: str | None) -> None:
    study = opened(tmp_path, radiograph(**said))
    assert study.side == side
    assert study.side_source == ("tag" if said.get("ImageLaterality", said.get("Laterality", "U")) != "U" else None)
    assert any("contradicts itself on the side" in w for w in study.warnings) == (len(said) == 2)


def test_side_view_and_region_are_read_from_codes(tmp_path: Path) -> None:
    hand = code(codes.SCT.Hand.value, "SCT", "Hand")
    hand.AnatomicRegionModifierSequence = [code(codes.cid244.Left.value, "SCT", "Left")]
    view = codes.cid4010.PosteroAnterior
    study = opened(tmp_path, radiograph(AnatomicRegionSequence=[hand], ViewCodeSequence=[code(view.value, "SCT", view.meaning)]))
    assert study.side == "left"
    assert study.images[0].facts["laterality"] == "L"
    assert study.images[0].facts["view"] == "PA"
    assert study.images[0].facts["body_part"] == "Hand"


@pytest.mark.parametrize(
    ("name", "word"),
    [("AnteroPosterior", "AP"), ("PosteroAnterior", "PA"), ("LeftLateral", "LL"), ("RightLateral", "RL"),
     ("AnteroPosteriorOblique", "OBLIQUE"), ("LateroMedialOblique", "OBLIQUE"), ("CaudoCranial", "caudo-cranial")],
)  # fmt: skip
def test_view_codes_mean_what_the_code_list_says(tmp_path: Path, name: str, word: str) -> None:
    view = getattr(codes.cid4010, name)
    image = opened(tmp_path, radiograph(ViewCodeSequence=[code(view.value, view.scheme_designator, view.meaning)])).images[0]
    assert image.facts["view"] == word


def test_the_name_never_leaves_the_reader(tmp_path: Path) -> None:
    study = opened(tmp_path, radiograph(OtherPatientNames=NAME, ImageLaterality="L"))
    assert study.patient == "P-17"
    told = repr(study) + repr(study.images[0].load)
    assert "Wunderlich" not in told
    assert "Xaverine" not in told


@pytest.mark.parametrize(
    ("said", "age"),
    [
        ({"PatientAge": "067Y"}, 67),
        ({"PatientAge": "018M"}, 1.5),
        ({"PatientBirthDate": "19510405"}, 70),
        ({"PatientBirthDate": "20300101"}, None),
        ({"PatientAge": "old"}, None),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_age_is_stated_or_follows_from_the_birth_date(tmp_path: Path, said: dict, age: float | None) -> None:
    study = opened(tmp_path, radiograph(**said))
    assert study.age_years == (pytest.approx(age, abs=0.01) if age is not None else None)
    assert study.sex == "F"
    assert study.date == "2021-04-05"


def test_frames_of_a_film_are_images_and_those_of_a_cine_are_times(tmp_path: Path) -> None:
    frames = np.stack([ramp(), ramp()[::-1], ramp()[:, ::-1]])
    study = opened(tmp_path, radiograph(frames, NumberOfFrames=3, WindowCenter=2048, WindowWidth=4096))
    assert [image.frame for image in study.images] == [1, 2, 3]
    for image, frame in zip(study.images, frames, strict=True):
        np.testing.assert_allclose(image.pixels, frame / 4095, atol=1e-6)
    cine = opened(tmp_path, radiograph(frames, NumberOfFrames=3, Modality="RF", FrameTime=40, WindowCenter=2048, WindowWidth=4096))
    assert len(cine.images) == 1
    assert cine.images[0].axes == ("t", "y", "x")
    assert cine.images[0].times_s == pytest.approx((0, 0.04, 0.08))
    np.testing.assert_allclose(cine.images[0].pixels, frames / 4095, atol=1e-6)


def test_frames_have_their_own_side_and_spacing(tmp_path: Path) -> None:
    dataset = radiograph(np.stack([ramp(), ramp()]), NumberOfFrames=2)
    dataset.PerFrameFunctionalGroupsSequence = [Dataset(), Dataset()]
    for item, side, spacing in zip(dataset.PerFrameFunctionalGroupsSequence, "LR", (0.1, 0.3), strict=True):
        item.FrameAnatomySequence, item.PixelMeasuresSequence = [Dataset()], [Dataset()]
        item.FrameAnatomySequence[0].FrameLaterality = side
        item.PixelMeasuresSequence[0].PixelSpacing = [spacing, spacing]
    study = opened(tmp_path, dataset)
    assert [image.facts["laterality"] for image in study.images] == ["L", "R"]
    assert [image.grid.spacing_mm[0] for image in study.images] == [0.1, 0.3]
    assert study.side is None


def test_a_slice_lies_in_the_patient_as_pydicom_and_the_standard_say(tmp_path: Path) -> None:
    """DICOM PS3.3 C.7.6.2.1.1: position = origin + column * along row * spacing[1] + row * along column * spacing[0]."""
    path = pydicom.data.get_testdata_file("CT_small.dcm", download=False)
    grid = open_study(path).images[0].grid
    dataset = pydicom.dcmread(path)
    along = np.array(dataset.ImageOrientationPatient, float)
    row, column = 17, 45
    wanted = (
        np.array(dataset.ImagePositionPatient, float)
        + column * along[:3] * dataset.PixelSpacing[1]
        + row * along[3:] * dataset.PixelSpacing[0]
    )
    steps = np.array(grid.spacing_mm)[:, None] * np.array(grid.directions)
    np.testing.assert_allclose(np.array(grid.origin_mm) + np.array([row, column]) @ steps, wanted)


def test_every_cut_is_one_sentence(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.dcm", radiograph()).read_bytes()
    end_of_header = len(whole) - ramp().nbytes
    cut = tmp_path / "cut.dcm"
    for length in [*range(1, end_of_header, 7), end_of_header, end_of_header + 1, len(whole) - 2]:
        cut.write_bytes(whole[:length])
        with pytest.raises(InputError) as caught:
            open_study(cut)
        one_sentence(str(caught.value), cut)


@pytest.mark.parametrize("options", [("dcmcrle",), ("dcmcjpls", "+el"), ("dcmcjpeg", "+e1"), ("dcmconv", "+td")])
def test_every_cut_of_coded_pixels_is_one_sentence(tmp_path: Path, program: Program, options: tuple[str, ...]) -> None:
    write(tmp_path / "first.dcm", radiograph())
    tool, *more = options
    subprocess.run([program(tool), *more, tmp_path / "first.dcm", tmp_path / "coded.dcm"], check=True, capture_output=True)
    whole = (tmp_path / "coded.dcm").read_bytes()
    cut = tmp_path / "cut.dcm"
    for share in (0.5, 0.7, 0.9, 0.97, 0.995):
        cut.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(InputError) as caught:
            _ = open_study(cut).images[0].pixels
        one_sentence(str(caught.value), cut)


@pytest.mark.parametrize("options", [("dcmcrle",), ("dcmcjpls", "+el"), ("dcmcjpeg", "+e1"), ("dcmcjpeg", "+ee")])
def test_scrambled_codes_are_an_input_error_or_a_picture_but_never_a_traceback(
    tmp_path: Path, program: Program, options: tuple[str, ...]
) -> None:
    write(tmp_path / "first.dcm", radiograph())
    tool, *more = options
    subprocess.run([program(tool), *more, tmp_path / "first.dcm", tmp_path / "coded.dcm"], check=True, capture_output=True)
    whole = bytearray((tmp_path / "coded.dcm").read_bytes())
    rng = np.random.default_rng(7)
    refused = 0
    for _ in range(12):
        broken = whole.copy()
        for place in rng.integers(len(whole) - 1500, len(whole) - 40, 200):
            broken[place] = int(rng.integers(256))
        (tmp_path / "broken.dcm").write_bytes(broken)
        try:
            picture = open_study(tmp_path / "broken.dcm").images[0].pixels
        except InputError as error:
            refused += 1
            one_sentence(str(error), tmp_path / "broken.dcm")
        else:
            assert picture.shape == (48, 64)
    assert refused > 0


def one_sentence(message: str, path: Path) -> None:
    assert message.startswith(str(path))
    assert "\n" not in message
    assert not re.search(r"\.\s", message.removeprefix(str(path)))
    assert "Error" not in message
    assert "Wunderlich" not in message


@pytest.mark.parametrize(
    "syntax", ["1.2.840.10008.1.2.4.100", "1.2.840.113619.5.2", "1.2.3.4.5.6", "1.2.840.10008.1.2.4.94"]
)  # MPEG-2, a private one, an unknown one, JPIP
def test_a_coding_that_no_codec_knows_is_named(tmp_path: Path, syntax: str) -> None:
    path = write(tmp_path / "film.dcm", radiograph())
    content = path.read_bytes().replace(b"1.2.840.10008.1.2.1\0", syntax.encode().ljust(20, b"\0"), 1)
    if len(syntax) > 20:
        old = b"UI\x14\x001.2.840.10008.1.2.1\0"
        padded = syntax.encode() + b"\0" * (len(syntax) % 2)
        content = path.read_bytes().replace(old, b"UI" + len(padded).to_bytes(2, "little") + padded, 1)
        at = content.index(b"UL\x04\x00") + 4
        length = int.from_bytes(content[at : at + 4], "little") + len(padded) - 20
        content = content[:at] + length.to_bytes(4, "little") + content[at + 4 :]
    path.write_bytes(content)
    with pytest.raises(InputError, match="cannot decode") as caught:
        open_study(path)
    one_sentence(str(caught.value), path)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"Rows": 0}, "pixels"),
        ({"Rows": 1, "Columns": 1}, "only 1 x 1"),
        ({"Rows": 20000, "Columns": 20000}, "million"),
        ({"Rows": 4000}, "bytes"),
        ({"BitsAllocated": None}, "how its pixels are stored"),
        ({"PhotometricInterpretation": None}, "how its pixels are stored"),
    ],
)
def test_impossible_sizes_are_refused(tmp_path: Path, said: dict, words: str) -> None:
    path = write(tmp_path / "odd.dcm", radiograph(**said))
    with pytest.raises(InputError, match=words) as caught:
        open_study(path)
    one_sentence(str(caught.value), path)


def test_pixels_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    dataset = radiograph(SOPClassUID="1.2.840.10008.5.1.4.1.1.1", BitsAllocated=32, BitsStored=None, HighBit=None, PixelRepresentation=None)
    values = ramp().astype("<f4")
    values[3, 3] = np.nan
    del dataset.PixelData
    dataset.FloatPixelData = values.tobytes()
    path = write(tmp_path / "nan.dcm", dataset)
    with pytest.raises(InputError, match="not numbers"):
        _ = open_study(path).images[0].pixels


def test_files_without_preamble_and_without_meta_open(tmp_path: Path) -> None:
    wanted = pixels(tmp_path, radiograph())
    whole = (tmp_path / "image.dcm").read_bytes()
    (tmp_path / "bare.dcm").write_bytes(whole[132:])
    np.testing.assert_array_equal(open_study(tmp_path / "bare.dcm").images[0].pixels, wanted)
    for implicit, little in ((True, True), (False, True), (False, False)):
        dataset = radiograph(ramp() if little else ramp().byteswap())
        path = tmp_path / "none.dcm"
        dataset.save_as(path, implicit_vr=implicit, little_endian=little)
        assert is_dicom(path.read_bytes()[:512])
        np.testing.assert_array_equal(open_study(path).images[0].pixels, wanted)


@pytest.mark.parametrize("path", sorted(Path(pydicom.data.__file__).parent.glob("test_files/*.dcm")), ids=lambda p: p.stem)
def test_the_files_that_come_with_pydicom_open_or_are_refused_in_one_sentence(path: Path) -> None:
    try:
        study = open_study(path)
        for image in study.images:
            assert image.pixels.shape == image.shape
            assert image.pixels.dtype == np.float32
            assert np.isfinite(image.pixels).all()
    except InputError as error:
        one_sentence(str(error), path)
        assert path.stem in REFUSED
    else:
        assert path.stem not in REFUSED
        assert study.images


REFUSED = {
    # objects that are no images: plans, structures, reports, doses, segmentations, a waveform
    "ExplVR_BigEndNoMeta", "ExplVR_LitEndNoMeta", "rtplan", "rtplan_truncated", "rtstruct", "reportsi", "reportsi_with_empty_number_tags",
    "test-SR", "rtdose", "rtdose_1frame", "rtdose_expb", "rtdose_expb_1frame", "rtdose_rle", "rtdose_rle_1frame", "badVR", "liver_1frame",
    "liver_expb_1frame", "waveform_ecg", "empty_charset_LEI",
    # headers of images without their pixels, and damaged ones
    "UN_sequence", "priv_SQ", "nested_priv_SQ", "no_meta", "no_meta_group_length", "meta_missing_tsyntax", "MR_truncated",
    # a JPEG 2000 stream cut by a delimiter inside it
    "JPEG2000-embedded-sequence-delimiter",
}  # fmt: skip


def test_a_new_study_uid_for_an_object_that_states_none(tmp_path: Path) -> None:
    one = opened(tmp_path, radiograph(StudyInstanceUID=None, SOPInstanceUID=generate_uid()))
    two = opened(tmp_path, radiograph(StudyInstanceUID=None, SOPInstanceUID=generate_uid()))
    assert one.uid.startswith("2.25.")
    assert one.uid != two.uid


@pytest.mark.parametrize(("relationship", "sign"), [("LIN", 1), ("LOG", 1), ("LOG", -1)])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_detector_values_are_shown_with_bone_bright(tmp_path: Path, relationship: str, sign: int, photometric: str) -> None:
    """What absorbs more is brighter, whether the detector counts photons (LIN, Beer-Lambert) or their logarithm."""
    thickness = ramp(highest=4000).astype(float) / 1000
    counts = 4000 * np.exp(-thickness)
    stored = counts if relationship == "LIN" else 1000 * np.log(counts) / np.log(4000) if sign == 1 else 1000 * thickness
    dataset = radiograph(
        np.rint(stored).astype(np.uint16),
        PhotometricInterpretation=photometric,
        PresentationIntentType="FOR PROCESSING",
        PixelIntensityRelationship=relationship,
        PixelIntensityRelationshipSign=sign,
    )
    study = opened(tmp_path, dataset)
    assert any("for processing" in warning for warning in study.warnings)
    shown = study.images[0].pixels
    inside = (shown > 0) & (shown < 1)
    assert np.corrcoef(shown[inside], thickness[inside])[0, 1] > 0.999


def test_a_value_that_breaks_its_type_costs_that_value_alone(tmp_path: Path) -> None:
    """A decimal comma in a decimal string, as some devices write it."""
    path = write(tmp_path / "comma.dcm", radiograph(KVP="50.5", XRayTubeCurrent="17", ImagerPixelSpacing=["0.150", "0.150"]))
    content = path.read_bytes()
    path.write_bytes(content.replace(b"50.5", b"50,5").replace(b"0.150\\0.150", b"0,150\\0,150"))
    study = open_study(path)
    assert study.images[0].grid is None
    assert "kvp" not in study.images[0].facts
    assert sorted(study.warnings) == [
        "comma.dcm has a value of ImagerPixelSpacing that cannot be read; it was not used.",
        "comma.dcm has a value of KVP that cannot be read; it was not used.",
    ]
    np.testing.assert_array_equal(study.images[0].pixels, pixels(tmp_path, radiograph()))


@pytest.mark.parametrize(
    "change", [(b"JFIF\0\x01", b"JFIF\0\x04"), (b"\x00\x30\x00\x40\x01", b"\x00\x04\x00\x40\x01"), (b"\xff\xc4", b"\x40\xc4")]
)
@pytest.mark.parametrize("option", ["+ee", "+e1"])
def test_a_damaged_jpeg_header_is_refused_and_does_not_end_the_process(
    tmp_path: Path, program: Program, option: str, change: tuple[bytes, bytes]
) -> None:
    """GDCM calls abort() on an unknown JFIF revision, another height, and a marker that is none."""
    write(tmp_path / "first.dcm", radiograph())
    subprocess.run([program("dcmcjpeg"), option, tmp_path / "first.dcm", tmp_path / "coded.dcm"], check=True, capture_output=True)
    whole = (tmp_path / "coded.dcm").read_bytes()
    header, frame = whole[: (start := whole.index(b"\xff\xd8\xff"))], whole[start:]
    assert change[0] in frame
    (tmp_path / "broken.dcm").write_bytes(header + frame.replace(*change, 1))
    with pytest.raises(InputError, match="damaged") as caught:
        _ = open_study(tmp_path / "broken.dcm").images[0].pixels
    one_sentence(str(caught.value), tmp_path / "broken.dcm")


def test_an_object_of_fewer_frames_than_it_states_or_without_rows_is_refused_at_once(tmp_path: Path) -> None:
    whole = pydicom.dcmread(EXAM)
    assert whole.file_meta.TransferSyntaxUID.is_encapsulated
    whole.NumberOfFrames = 99_999
    whole.save_as(tmp_path / "frames.dcm")
    with pytest.raises(InputError, match=r"frames.dcm: states 99999 frames and holds 1;"):
        open_study(tmp_path / "frames.dcm")
    del whole.Rows, whole.NumberOfFrames
    whole.save_as(tmp_path / "rows.dcm")
    with pytest.raises(InputError, match=r"rows.dcm: does not state how many rows its image has"):
        open_study(tmp_path / "rows.dcm")
