"""The segmentation: right pixels along routes that share no code, all kinds of source, and one sentence for what cannot be written."""

from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import numpy.typing as npt
import pydicom
import pytest

from coread.errors import InputError
from coread.formats.open import open_study
from coread.formats.seg import lesion_pixels, outlined, packed, write_seg
from coread.formats.sr import write_sr
from coread.geometry import Grid
from coread.output import write_all
from coread.readers import study_ref
from coread.reading import Evidence, Finding, ReaderRef, Reading, StudyRef
from coread.scoring import system
from coread.simulate import example_exam
from coread.simulate.outline import inside_mask
from coread.study import Image, Study
from tests.formats.sr_examples import CARD_SHA256, reading, study

TRIANGLE = ((10.0, 20.0), (30.0, 20.0), (10.0, 50.0))
Mask = npt.NDArray[np.bool_]


def _frames(path: Path, source_uid: str) -> Mask:
    """What another program makes of it: axes (segment, row, column)."""
    seg = hd.seg.segread(path)
    numbers = list(seg.segment_numbers)
    pixels = seg.get_pixels_by_source_instance([source_uid], segment_numbers=numbers, ignore_spatial_locations=True)
    found: Mask = np.moveaxis(pixels[0], -1, 0).astype(bool)
    return found


def lesion_mask(outlines: Any, shape: tuple[int, int]) -> Mask:
    mask = np.zeros(shape, dtype=bool)
    mask.ravel()[lesion_pixels(outlines, shape)] = True
    return mask


def _one(exam: Study, *outlines: tuple[tuple[float, float], ...], **change: Any) -> Reading:
    """A reading of one erosion with these outlines."""
    finding = Finding("MCP 2", "left", "erosion", grade=2.0, evidence=Evidence(0, (20.0, 30.0), lesions_px=outlines))
    return replace(reading(exam), findings=(finding,), totals={}, **change)


# geometry


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Reading, Study, list[Any]]:
    """The bundled radiograph with the simulator's own erosions as findings, written as SEG and SR."""
    exam = open_study(Path(str(files("coread").joinpath("examples", "hand.dcm"))))
    known = [(hand.side, bite) for hand in example_exam().hands for bite in hand.erosions]
    findings = tuple(
        Finding(
            bite.erosion.site, side, "erosion", grade=1.0, instance=str(number),
            evidence=Evidence(0, bite.centre_px, lesions_px=(tuple((float(x), float(y)) for x, y in bite.polygon_px),)),
        )
        for number, (side, bite) in enumerate(known)
    )  # fmt: skip
    whole = Reading("2.25.5", ReaderRef("model", "m", "1", CARD_SHA256), "svdh", study_ref(exam), findings, {}, "2026-02-01T09:30:00+00:00")
    folder = tmp_path_factory.mktemp("simulated")
    write_seg(whole, folder / "seg.dcm", exam)
    write_sr(whole, folder / "sr.dcm", exam)
    return folder, whole, exam, [bite for _, bite in known]


def test_simulated_erosions_lie_on_the_pixels_that_the_simulator_took_away(simulated: tuple[Path, Reading, Study, list[Any]]) -> None:
    folder, _, exam, bites = simulated
    frames = _frames(folder / "seg.dcm", str(exam.images[0].uid))
    assert len(frames) == len(bites) == 8
    spacing = exam.images[0].grid
    assert spacing is not None
    for frame, bite in zip(frames, bites, strict=True):
        assert (frame == inside_mask(bite.polygon_px, frame.shape)).mean() > 1 - 2e-6  # a centre right on an edge may fall either way
        x, y = bite.polygon_px.T
        area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
        assert frame.sum() == pytest.approx(area, rel=0.05)
        rows, columns = np.nonzero(frame)
        assert inside_mask(bite.polygon_px, frame.shape)[round(rows.mean()), round(columns.mean())]


def test_the_mask_lies_where_the_outline_in_the_sr_lies(simulated: tuple[Path, Reading, Study, list[Any]]) -> None:
    """The SR counts from the corner of the first pixel, the SEG in whole pixels: both must tell the same place."""
    folder, whole, exam, _ = simulated
    frames = _frames(folder / "seg.dcm", str(exam.images[0].uid))
    segments = hd.seg.segread(folder / "seg.dcm").SegmentSequence
    groups = hd.sr.srread(folder / "sr.dcm").content.get_planar_roi_measurement_groups()
    assert len(groups) == len(frames) == len(whole.findings)
    for frame, segment, group in zip(frames, segments, groups, strict=True):
        assert (segment.TrackingID, segment.TrackingUID) == (group.tracking_identifier, group.tracking_uid)
        (drawn,) = [i.value for i in group[0].ContentSequence if getattr(i, "ValueType", "") == "SCOORD" and _name(i) == "LESIONOUTLINE"]
        corners = drawn[:-1] - 0.5
        rows, columns = np.nonzero(frame)
        assert columns.min() >= corners[:, 0].min() - 1e-3
        assert columns.max() <= corners[:, 0].max() + 1e-3
        assert rows.min() - corners[:, 1].min() == pytest.approx(0.5, abs=0.5001)
        assert corners[:, 1].max() - rows.max() == pytest.approx(0.5, abs=0.5001)


def _name(item: Any) -> str:
    return str(item.ConceptNameCodeSequence[0].CodeValue)


def test_a_lesion_painted_on_the_source_is_the_segment(tmp_path: Path) -> None:
    """Pixels darkened by another program inside a known shape are those that the segment holds: neither moved nor mirrored."""
    from PIL import Image as Pillow
    from PIL import ImageDraw

    exam = study()
    shape = (300, 240)
    painted = Pillow.new("L", (shape[1] * 8, shape[0] * 8), 255)
    ImageDraw.Draw(painted).polygon([((x + 0.5) * 8, (y + 0.5) * 8) for x, y in TRIANGLE], fill=0)
    pixels = np.asarray(painted.resize((shape[1], shape[0]), Pillow.Resampling.BOX)) / 255
    write_seg(_one(exam, TRIANGLE), tmp_path / "seg.dcm", exam)
    (frame,) = _frames(tmp_path / "seg.dcm", str(exam.images[0].uid))
    assert pixels[frame].mean() < 0.15
    assert pixels[~frame].mean() > 0.999
    for wrong in (frame[::-1], frame[:, ::-1], np.roll(frame, 3, axis=0), np.roll(frame, 3, axis=1)):
        assert pixels[wrong].mean() > 0.15, "the judge would not see a moved or mirrored segment"


def test_masks_by_hand() -> None:
    square = ((0.5, 0.5), (2.5, 0.5), (2.5, 1.5), (0.5, 1.5))
    assert lesion_mask([square], (3, 4)).astype(int).tolist() == [[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    both = lesion_mask([square, ((1.5, 0.6), (3.4, 0.6), (3.4, 2.4), (1.5, 2.4))], (3, 4))
    assert both.astype(int).tolist() == [[0, 0, 0, 0], [0, 1, 1, 1], [0, 0, 1, 1]]
    assert lesion_mask([((2.2, 1.2), (2.4, 1.2), (2.3, 1.4))], (3, 4)).nonzero() == (np.array([1]), np.array([2]))
    assert lesion_mask([((-5.0, -5.0), (1.4, -5.0), (1.4, 1.4), (-5.0, 1.4))], (3, 4)).sum() == 4


def test_bits_are_packed_as_pydicom_unpacks_them() -> None:
    draw = np.random.default_rng(3)
    for shape in ((5, 3), (8, 8), (7, 11), (1, 1)):
        frames = draw.random((5, *shape)) < 0.5
        data = packed([np.flatnonzero(frame) for frame in frames], frames[0].size)
        assert len(data) % 2 == 0
        bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[: frames.size]
        assert (bits.reshape(frames.shape) == frames).all()


# what is written


def test_each_finding_is_a_segment_with_its_codes(tmp_path: Path) -> None:
    exam = study(images=2)
    whole = reading(exam)
    by_image = outlined(whole)
    assert set(by_image) == {0, 1}
    for index, findings in by_image.items():
        write_seg(whole, tmp_path / f"{index}.dcm", exam, index)
        seg = hd.seg.segread(tmp_path / f"{index}.dcm")
        assert seg.segmentation_type.value == "BINARY"
        assert seg.segmented_property_categories == [hd.sr.CodedConcept("49755003", "SCT", "Morphologically Abnormal Structure")]
        assert "FrameOfReferenceUID" not in seg
        assert [uids for _, _, uids in seg.get_source_image_uids()] == [exam.images[index].uid]
        for number, finding in enumerate(findings, start=1):
            segment = seg.get_segment_description(number)
            site = system("svdh").site(finding.site, finding.side)
            assert segment.algorithm_type.value == "AUTOMATIC"
            assert segment.algorithm_identification.name == "hand_svdh"
            assert segment.segmented_property_type.value == "JSN"
            (region,) = segment.anatomic_regions
            assert (region.scheme_designator, region.value) == (site.code.scheme, site.code.value)
            assert region.AnatomicRegionModifierSequence[0].CodeMeaning.lower() == finding.side
            assert segment.tracking_id == finding.label


def test_who_drew_is_said(tmp_path: Path) -> None:
    exam = study()
    for basis, kind, name in ((None, "MANUAL", None), ("2.25.4", "SEMIAUTOMATIC", "Coread")):
        write_seg(_one(exam, TRIANGLE, reader=ReaderRef("person", "Dr A"), basis=basis), tmp_path / "seg.dcm", exam)
        ds = pydicom.dcmread(tmp_path / "seg.dcm")
        assert (ds.SegmentSequence[0].SegmentAlgorithmType, ds.SegmentSequence[0].get("SegmentAlgorithmName")) == (kind, name)
        assert ds.ContentCreatorName == "Dr A"
        assert ds.SeriesDescription == "Coread: outlines, svdh"
    write_seg(_one(exam, TRIANGLE), tmp_path / "seg.dcm", exam)
    assert pydicom.dcmread(tmp_path / "seg.dcm").SeriesDescription == "Research use, unverified: outlines, svdh"


def test_the_same_reading_gives_the_same_object(tmp_path: Path) -> None:
    exam = study()
    for name in ("a", "b"):
        write_seg(_one(exam, TRIANGLE), tmp_path / name, exam)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_frame_of_a_multi_frame_source_is_named(tmp_path: Path) -> None:
    exam = study()
    exam = replace(exam, images=(replace(exam.images[0], frame=3),))
    whole = replace(_one(exam, TRIANGLE), study=study_ref(exam))
    write_seg(whole, tmp_path / "seg.dcm", exam)
    derived = pydicom.dcmread(tmp_path / "seg.dcm").PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0]
    assert derived.SourceImageSequence[0].ReferencedFrameNumber == 3


def test_a_plain_image_gets_its_secondary_capture_and_nothing_outlined_gives_no_file(tmp_path: Path) -> None:
    pixels = np.linspace(0, 1, 80 * 60, dtype=np.float32).reshape(80, 60)
    plain = Study("2.25.6", (Image(("y", "x"), (80, 60), lambda: pixels.copy(), source="hand.png"),), "hand.png")
    bare = replace(_one(study(), TRIANGLE), study=StudyRef("hand.png", images=study_ref(plain).images))
    whole, written = write_all(bare, tmp_path, plain, ("seg",))
    assert written == {"secondary_capture": ["image.dcm"], "seg": ["seg.dcm"]}
    source = pydicom.dcmread(tmp_path / "image.dcm")
    assert _frames(tmp_path / "seg.dcm", source.SOPInstanceUID)[0].sum() == lesion_mask([TRIANGLE], (80, 60)).sum() > 0
    assert whole.study.images[0].uid == source.SOPInstanceUID
    (tmp_path / "none").mkdir()
    nothing = replace(bare, findings=(replace(bare.findings[0], evidence=None),))
    assert write_all(nothing, tmp_path / "none", plain, ("seg",))[1] == {"seg": []}
    assert not list((tmp_path / "none").iterdir())


def _plain(exam: Study) -> Study:
    return replace(exam, images=(replace(exam.images[0], uid=None, sop_class=None),))


def _volume(exam: Study) -> Study:
    grid = Grid((0.1, 0.1), "pixel spacing", (0.0, 0.0, 0.0), ((0.0, 1.0, 0.0), (1.0, 0.0, 0.0)))
    return replace(exam, images=(replace(exam.images[0], grid=grid),))


@pytest.mark.parametrize(
    ("exam_of", "outlines", "said"),
    [
        (lambda e: e, (), "nothing is outlined on this image"),
        (lambda e: e, (((-9.0, -9.0), (-8.0, -9.0), (-8.0, -8.0)),), "lies outside the image of 240 x 300 pixels"),
        (_volume, (TRIANGLE,), "only the outlines on a single picture"),
        (lambda e: replace(e, uid="2.25.9"), (TRIANGLE,), "the reading speaks of 2.25.1001"),
        (_plain, (TRIANGLE,), "write it as a Secondary Capture first"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_refused(tmp_path: Path, exam_of: Callable[[Study], Study], outlines: Any, said: str) -> None:
    whole = _one(study(), *outlines)
    with pytest.raises(InputError, match=said):
        write_seg(whole, tmp_path / "seg.dcm", exam_of(study()))
    assert not list(tmp_path.iterdir())
