"""Plain images and their sidecars."""

import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import skimage
import tifffile
from PIL import Image as Pillow

from coread.errors import InputError
from coread.formats.open import open_study
from coread.formats.plain import colour_of
from coread.formats.sidecar import KEYS, read_sidecar, read_study_sidecar
from tests.formats.radiographs import ramp

GREY = ramp(highest=255).astype(np.uint8)
DEEP = ramp(highest=65535)
SKIMAGE = Path(skimage.__file__).parent / "data"


@pytest.fixture(autouse=True)
def _silence(capfd: pytest.CaptureFixture[str]):
    """Nothing that opens or decodes may write to the terminal."""
    yield
    out, err = capfd.readouterr()
    assert out == ""
    assert err == ""


def saved(path: Path, values: np.ndarray, **options: object) -> Path:
    Pillow.fromarray(values).save(path, **options)
    return path


def read(path: Path) -> np.ndarray:
    image = open_study(path).images[0]
    assert image.pixels.shape == image.shape
    assert image.pixels.dtype == np.float32
    assert not image.pixels.flags.writeable
    return image.pixels


def one_sentence(message: str, path: Path) -> None:
    assert message.startswith(str(path))
    assert "\n" not in message
    assert not re.search(r"\.\s", message.removeprefix(str(path)))


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp", "a.webp"])
def test_lossless_formats_give_the_values_that_were_saved(tmp_path: Path, name: str) -> None:
    options = {"lossless": True} if name.endswith("webp") else {}
    values = np.stack([GREY] * 3, -1) if name.endswith("webp") else GREY
    np.testing.assert_allclose(read(saved(tmp_path / name, values, **options)), GREY / 255, atol=1e-6)


def test_jpeg_is_near(tmp_path: Path) -> None:
    np.testing.assert_allclose(read(saved(tmp_path / "a.jpg", GREY, quality=98)), GREY / 255, atol=0.03)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bits_are_kept(tmp_path: Path, name: str) -> None:
    np.testing.assert_allclose(read(saved(tmp_path / name, DEEP)), DEEP / 65535, atol=1e-7)


@pytest.mark.parametrize(("highest", "bits"), [(900, 10), (4000, 12), (16000, 14), (40000, 16)])
def test_fewer_bits_in_a_sixteen_bit_file_fill_the_range(tmp_path: Path, highest: int, bits: int) -> None:
    values = ramp(highest=highest)
    np.testing.assert_allclose(read(saved(tmp_path / "a.png", values)), values / (2**bits - 1), atol=1e-6)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("kind", ["u1", "u2"])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_tiff_of_either_byte_order_and_polarity(tmp_path: Path, byteorder: str, kind: str, photometric: str) -> None:
    values = GREY if kind == "u1" else DEEP
    tifffile.imwrite(tmp_path / "a.tif", values, byteorder=byteorder, photometric=photometric)
    wanted = values / np.iinfo(values.dtype).max
    np.testing.assert_allclose(read(tmp_path / "a.tif"), 1 - wanted if photometric == "miniswhite" else wanted, atol=1e-6)


def test_a_float_tiff_is_taken_as_it_is_or_spread(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "unit.tif", (DEEP / 70000).astype(np.float32))
    np.testing.assert_allclose(read(tmp_path / "unit.tif"), DEEP / 70000, atol=1e-6)
    tifffile.imwrite(tmp_path / "wide.tif", (DEEP * 3.0 - 7).astype(np.float32))
    np.testing.assert_allclose(read(tmp_path / "wide.tif"), DEEP / 65535, atol=1e-6)


def test_sixteen_bit_colour_tiff(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.stack([DEEP] * 3, -1), photometric="rgb")
    np.testing.assert_allclose(read(tmp_path / "a.tif"), DEEP / 65535, atol=4e-3)


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGBA", "RGB", "CMYK", "YCbCr"])
def test_every_mode_of_a_grey_picture_is_grey(tmp_path: Path, mode: str) -> None:
    picture = Pillow.fromarray(GREY).convert(mode)
    name = "a.tif" if mode in ("CMYK", "YCbCr") else "a.png"
    picture.save(tmp_path / name)
    image = open_study(tmp_path / name).images[0]
    assert image.axes == ("y", "x")
    assert "colour" not in image.facts
    np.testing.assert_allclose(image.pixels, np.asarray(picture.convert("L")) / 255, atol=6e-3)


def test_what_is_transparent_is_black(tmp_path: Path) -> None:
    alpha = np.full_like(GREY, 255)
    alpha[:20] = 0
    Pillow.fromarray(np.stack([GREY, GREY, GREY, alpha], -1)).save(tmp_path / "a.png")
    given = read(tmp_path / "a.png")
    assert (given[:20] == 0).all()
    np.testing.assert_allclose(given[20:], GREY[20:] / 255, atol=6e-3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_the_orientation_tag_is_followed(tmp_path: Path, name: str, orientation: int) -> None:
    """EXIF 2.3, table 6: which side of the picture the stored row 0 and column 0 are."""
    turn = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.T,
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].T,
        8: lambda a: np.rot90(a),
    }
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    options = {"quality": 100} if name.endswith("jpg") else {"lossless": True} if name.endswith("webp") else {}
    saved(tmp_path / name, GREY, exif=exif, **options)
    np.testing.assert_allclose(read(tmp_path / name), turn[orientation](GREY) / 255, atol=0.02)


def test_pages_of_a_tiff_are_images_and_reduced_copies_are_not(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(GREY)
        writer.write(GREY[::2, ::2], subfiletype=1)
        writer.write(DEEP)
    study = open_study(tmp_path / "a.tif")
    assert [image.frame for image in study.images] == [1, 2]
    np.testing.assert_allclose(study.images[0].pixels, GREY / 255, atol=1e-6)
    np.testing.assert_allclose(study.images[1].pixels, DEEP / 65535, atol=1e-6)


@pytest.mark.parametrize(
    "name", ["astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "retina.jpg", "ihc.png", "hubble_deep_field.jpg"]
)
def test_photographs_are_coloured(name: str) -> None:
    if not (SKIMAGE / name).is_file():
        pytest.skip(f"{name} does not come with this scikit-image")
    image = open_study(SKIMAGE / name).images[0]
    assert image.facts["colour"] == "yes"
    assert image.axes == ("y", "x", "c")
    assert image.pixels.shape == image.shape


@pytest.mark.parametrize("name", ["camera.png", "coins.png", "moon.png", "page.png", "text.png", "brick.png", "cell.png"])
def test_grey_pictures_are_not(name: str) -> None:
    if not (SKIMAGE / name).is_file():
        pytest.skip(f"{name} does not come with this scikit-image")
    image = open_study(SKIMAGE / name).images[0]
    assert "colour" not in image.facts
    assert image.axes == ("y", "x")


def test_an_even_tint_is_no_colour_and_skin_is() -> None:
    grey = np.tile(np.linspace(0, 255, 400), (40, 1))
    blue = np.stack([grey * 0.80, grey * 0.92, grey], -1).astype(np.uint8)
    noisy = np.clip(blue + np.random.default_rng(3).normal(0, 3, blue.shape), 0, 255).astype(np.uint8)
    skin = np.stack([60 + grey * 0.76, 30 + grey * 0.66, 20 + grey * 0.56], -1).clip(0, 255).astype(np.uint8)
    assert colour_of(blue) == "tint"
    assert colour_of(noisy) == "tint"
    assert colour_of(skin) == "yes"
    assert colour_of(np.stack([grey] * 3, -1).astype(np.uint8)) == "no"


def test_a_small_coloured_mark_does_not_make_a_photograph(tmp_path: Path) -> None:
    marked = np.stack([np.kron(GREY, np.ones((4, 4), np.uint8))] * 3, -1)
    marked[:12, :40] = (255, 0, 0)
    assert open_study(saved(tmp_path / "a.png", marked)).images[0].axes == ("y", "x")


def test_no_spacing_is_made_up_from_a_print_resolution(tmp_path: Path) -> None:
    study = open_study(saved(tmp_path / "a.png", GREY, dpi=(300, 300)))
    assert study.images[0].grid is None
    assert any("resolution" in warning for warning in study.warnings)
    assert open_study(saved(tmp_path / "b.png", GREY)).warnings == ()


def test_the_uid_is_that_of_the_content(tmp_path: Path) -> None:
    first = open_study(saved(tmp_path / "a.png", GREY))
    (tmp_path / "elsewhere.png").write_bytes((tmp_path / "a.png").read_bytes())
    assert open_study(tmp_path / "elsewhere.png").uid == first.uid
    assert open_study(saved(tmp_path / "b.png", GREY[::-1])).uid != first.uid
    assert re.fullmatch(r"2\.25\.[1-9]\d{0,38}", first.uid)


def test_a_wrong_extension_is_said_and_opened(tmp_path: Path) -> None:
    saved(tmp_path / "a.png", GREY)
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    study = open_study(tmp_path / "a.jpg")
    assert "PNG" in study.warnings[0]
    np.testing.assert_allclose(study.images[0].pixels, GREY / 255, atol=1e-6)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tif", "a.bmp"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_every_cut_is_one_sentence(tmp_path: Path, name: str, mode: str) -> None:
    Pillow.fromarray(GREY).convert(mode).save(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    cut = tmp_path / f"cut{name[1:]}"
    for share in (0.05, 0.2, 0.5, 0.8, 0.95):
        cut.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(InputError) as caught:
            _ = open_study(cut).images[0].pixels
        one_sentence(str(caught.value), cut)


def png(columns: int, rows: int) -> bytes:
    """A PNG that states a size and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("size", "words"),
    [((20_000, 20_000), "million"), ((13_000, 13_000), "million"), ((1, 1), "only 1 x 1"), ((500, 1), "only 500 x 1"), ((0, 5), ".")],
)
def test_bombs_and_dots_are_refused(tmp_path: Path, size: tuple[int, int], words: str) -> None:
    (tmp_path / "a.png").write_bytes(png(*size))
    with pytest.raises(InputError, match=words) as caught:
        open_study(tmp_path / "a.png")
    one_sentence(str(caught.value), tmp_path / "a.png")


def test_values_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    values = (DEEP / 70000).astype(np.float32)
    values[2, 2] = np.nan
    tifffile.imwrite(tmp_path / "a.tif", values)
    with pytest.raises(InputError, match="not numbers"):
        _ = open_study(tmp_path / "a.tif").images[0].pixels


SIDECAR = """
patient = "P 17"
timepoint_days = 365
date = 2024-03-31
age_years = 61.5
sex = "F"
side = "left"
spacing_mm = [0.1, 0.12]
view = "PA"
body_part = "HAND"
"""


def test_a_sidecar_says_what_the_picture_cannot(tmp_path: Path) -> None:
    saved(tmp_path / "hand.png", GREY, dpi=(300, 300))
    (tmp_path / "hand.toml").write_text(SIDECAR)
    study = open_study(tmp_path / "hand.png")
    assert (study.patient, study.timepoint_days, study.date, study.age_years, study.sex) == ("P 17", 365, "2024-03-31", 61.5, "F")
    assert (study.side, study.side_source) == ("left", "sidecar")
    image = study.images[0]
    assert image.grid.spacing_mm == (0.1, 0.12)
    assert image.grid.source == "sidecar"
    assert {"laterality": "L", "view": "PA", "body_part": "HAND"}.items() <= image.facts.items()
    assert study.warnings == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("spacing = 0.1", "unknown key spacing; did you mean spacing_mm"),
        ("pateint = 'a'", "unknown key pateint; did you mean patient"),
        ("zzz = 1", "unknown key zzz; the keys are"),
        ("spacing_mm = 'a'", "spacing_mm must be a number of mm"),
        ("spacing_mm = -1", "spacing_mm must be a number of mm"),
        ("spacing_mm = nan", "spacing_mm must be a number of mm"),
        ("spacing_mm = [1, 2, 3]", "spacing_mm must be a number of mm"),
        ("side = 'L'", "side must be one of left, right, both"),
        ("sex = 'female'", "sex must be one of F, M, O"),
        ("patient = 17", "patient must be a text"),
        ("patient = 'a\\\\b'", "patient must be a text"),
        ('patient = """a\nb"""', "patient must be a text"),
        ("age_years = 200", "age_years must be a number of years"),
        ("age_years = true", "age_years must be a number of years"),
        ("timepoint_days = -3", "timepoint_days must be a number of days"),
        ("date = '31.3.2024'", "date must be a date such as"),
        ("view = ''", "view must be a text"),
        ("side = left", "not valid TOML"),
    ],
)
def test_a_wrong_sidecar_names_file_and_key(tmp_path: Path, text: str, words: str) -> None:
    saved(tmp_path / "hand.png", GREY)
    (tmp_path / "hand.toml").write_text(text)
    with pytest.raises(InputError, match=re.escape(words)) as caught:
        open_study(tmp_path / "hand.png")
    one_sentence(str(caught.value), tmp_path / "hand.toml")


def test_a_sidecar_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "hand.toml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(InputError, match="UTF-8"):
        read_sidecar(tmp_path / "hand.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("image = 3", "[[image]] tables"),
        ("[[image]]\nside = 'left'", "image 1: the key file is missing"),
        ("[[image]]\nfile = 'no.png'", "image 1: no.png is not a file"),
        ("[[image]]\nfile = '../a.png'", "image 1: ../a.png is not a file"),
        ("[[image]]\nfile = 'a.png'\n[[image]]\nfile = 'a.png'", "image 2: a.png is listed twice"),
        ("[[image]]\nfile = 'a.png'\npatient = 'x'", "image 1: unknown key patient"),
        ("[[image]]\nfile = 'a.png'\nsides = 'left'", "image 1: unknown key sides; did you mean side"),
        ("group = 'x'", "unknown key group"),
    ],
)
def test_a_wrong_study_sidecar_names_the_place(tmp_path: Path, text: str, words: str) -> None:
    saved(tmp_path / "a.png", GREY)
    (tmp_path / "study.toml").write_text(text)
    with pytest.raises(InputError, match=re.escape(words)):
        read_study_sidecar(tmp_path / "study.toml")
    with pytest.raises(InputError, match=re.escape(words)):
        open_study(tmp_path / "a.png")


def test_every_key_stands_in_the_reference() -> None:
    text = (Path(__file__).parents[2] / "docs/reference/sidecar.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    assert sorted(rows) == sorted([*KEYS, "file"])


def test_the_examples_of_the_reference_are_valid(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs/reference/sidecar.md").read_text()
    blocks = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 2
    for name in ("left.png", "right.png"):
        saved(tmp_path / name, GREY)
    (tmp_path / "left.toml").write_text(blocks[0])
    assert open_study(tmp_path / "left.png").side == "left"
    (tmp_path / "left.toml").unlink()
    (tmp_path / "study.toml").write_text(blocks[1])
    study = open_study(tmp_path)
    assert [image.facts["laterality"] for image in study.images] == ["L", "R"]


@pytest.mark.parametrize(
    ("name", "how", "stated"),
    [
        ("a.jpg", {}, False),
        ("a.jpg", {"dpi": (300, 300)}, True),
        ("a.tif", {}, False),
        ("a.tif", {"tiffinfo": {282: 1.0, 283: 1.0, 296: 1}}, False),
        ("a.tif", {"dpi": (300, 300)}, True),
        ("a.png", {}, False),
    ],
)
def test_only_a_stated_print_resolution_is_spoken_of(name: str, how: dict[str, object], stated: bool, tmp_path: Path) -> None:
    said = open_study(saved(tmp_path / name, GREY, **how)).warnings
    assert any("print resolution" in warning for warning in said) is stated
