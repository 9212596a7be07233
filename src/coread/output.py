"""A reading into files: one format by the suffix of a path, or all of them into a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from coread.errors import InputError
from coread.output_target import refuse_target, sources_of
from coread.readers import study_ref
from coread.reading import Reading
from coread.study import Study
from coread.whole_file import whole_file

NAMES = {"json": "reading.json", "csv": "readings.csv", "sr": "sr.dcm", "seg": "seg.dcm", "page": "page.html", "pdf": "page.pdf"}
"""Kind of output -> its file; a study of several images has one ``segN.dcm`` for each image with outlines, one without outlines none."""
SUFFIXES = {".json": "json", ".csv": "csv", ".dcm": "sr", ".html": "page", ".pdf": "pdf"}


def parse_kinds(text: str) -> tuple[str, ...]:
    """The kinds of output in a text like ``json,sr``, in our order.

    Raises:
        InputError: a kind is unknown, or there is none.
    """
    asked = [word.strip() for word in text.split(",") if word.strip()]
    unknown = [word for word in asked if word not in NAMES]
    if unknown or not asked:
        raise InputError(f"--write {text!r}: use one or more of {','.join(NAMES)}, with commas between them")
    return tuple(kind for kind in NAMES if kind in asked)


def save(reading: Reading, path: str | Path, study: Study | None = None, inputs: Iterable[str | Path] = ()) -> Path:
    """Write a reading as the suffix of the path says: .json, .csv, .dcm (SR), .html (page) or .pdf.

    Args:
        reading: what is written.
        path: the file to write; an existing one is replaced as a whole or not at all, and only where Coread wrote it.
        study: the study that was read; an SR needs it, page and PDF show its pixels.
        inputs: further files that the reading was made from, such as a score sheet; none of them is ever written over.

    Raises:
        InputError: the suffix says nothing, the folder does not exist, an SR has no DICOM image to refer to, or the path is an input
            or a file that Coread did not write.
    """
    target = Path(path)
    kind = SUFFIXES.get(target.suffix.lower())
    if kind is None:
        raise InputError(f"{target}: cannot tell the format from the suffix; use one of {', '.join(SUFFIXES)}")
    if not target.parent.is_dir():
        raise InputError(f"{target}: the folder {target.parent} does not exist; make it first")
    if kind == "sr" and study is None:
        raise InputError(f"{target}: a DICOM SR refers to the images that were read: give the study as well (--exam on the command line)")
    used = [*inputs, *sources_of(reading, study)]
    refuse_target(target, kind, used, _table(reading) if kind == "csv" else None)
    if kind == "sr" and study is not None:

        def beside(index: int) -> Path:
            capture = target.with_name(f"{target.stem}.image{index + 1}.dcm")
            refuse_target(capture, "capture", used)
            return capture

        reading, study, _ = _with_dicom_images(reading, study, beside)
    with whole_file(target) as part:
        _writer(kind)(reading, part, study)
    return target


def with_images(reading: Reading, study: Study) -> Reading:
    """The reading with the exam that it was made from, the one rule for every command that is given both.

    A reading that names its exam stays as it is. A person's score sheet, which names none, is bound to the exam; where that states no
    patient, nothing shows that the two belong together, and a warning says so.

    Raises:
        InputError: the exam is another one than was read, or of another patient.
    """
    said = reading.study
    if said.patient and study.patient and said.patient != study.patient:
        raise InputError(
            f"{study.source}: is of patient {study.patient}, the reading is of patient {said.patient}: give the exam that was read"
        )
    if said.uid is not None:
        if (said.uid, len(said.images)) != (study.uid, len(study.images)):
            raise InputError(f"{study.source}: is study {study.uid}, the reading is of {said.uid}: give the exam that was read")
        for ref, image in zip(said.images, study.images, strict=True):
            if ref.uid and image.uid and (ref.uid, ref.frame) != (image.uid, image.frame):
                raise InputError(f"{study.source}: holds image {image.uid}, the reading is of {ref.uid}: give the exam that was read")
        return reading
    if reading.signature is not None and study.patient and not said.patient:
        raise InputError(
            f"{study.source}: is of patient {study.patient}, the reading was signed without one: sign it again with the exam (--exam)"
        )
    if said.patient and not study.patient and reading.signature is None:
        doubt = f"the exam states no patient: that it is of patient {said.patient}, as the score sheet says, cannot be checked"
        reading = replace(reading, warnings=tuple(dict.fromkeys((*reading.warnings, doubt))))
    timepoint = study.timepoint_days if said.timepoint_days is None else said.timepoint_days
    return replace(reading, study=replace(study_ref(study), patient=study.patient or said.patient, timepoint_days=timepoint))


def write_all(reading: Reading, folder: Path, study: Study | None, kinds: Iterable[str]) -> tuple[Reading, dict[str, list[str]]]:
    """Write the outputs asked for into an existing folder.

    A plain image has no DICOM object for the SR to refer to, so a Secondary Capture of it is written first; the
    reading that is returned, and that all other outputs carry, refers to it.

    Returns:
        The reading as written, and for each kind the names of its files; ``seg`` has none where nothing is outlined.
    """
    from coread.formats.seg import outlined

    written: dict[str, list[str]] = {}
    wanted = tuple(kinds)
    outlines = outlined(reading) if "seg" in wanted else {}
    if study is None and ("sr" in wanted or outlines):
        raise InputError(f"{folder}: SR and SEG refer to the images that were read: give the study as well")
    if study is not None and ("sr" in wanted or outlines):
        single = len(study.images) == 1
        reading, study, captures = _with_dicom_images(
            reading, study, lambda index: folder / ("image.dcm" if single else f"image{index + 1}.dcm")
        )
        written["secondary_capture"] = [path.name for path in captures]
    for kind in wanted:
        if kind == "seg":
            written[kind] = [_write_seg(reading, folder, study, index) for index in outlines if study is not None]
        else:
            _writer(kind)(reading, folder / NAMES[kind], study)
            written[kind] = [NAMES[kind]]
    return reading, written


def _write_seg(reading: Reading, folder: Path, study: Study, index: int) -> str:
    from coread.formats.seg import write_seg

    name = NAMES["seg"] if len(study.images) == 1 else f"seg{index + 1}.dcm"
    write_seg(reading, folder / name, study, index)
    return name


def _with_dicom_images(reading: Reading, study: Study, place: Callable[[int], Path]) -> tuple[Reading, Study, list[Path]]:
    """Reading and study whose plain images are Secondary Captures, written to ``place(index)``, and where those lie."""
    if all(image.uid is not None for image in study.images):
        return reading, study, []
    from coread.formats.secondary_capture import write_secondary_capture

    images, refs, written = [], [], []
    for index, (image, ref) in enumerate(zip(study.images, reading.study.images, strict=True)):
        if image.uid is None:
            path = place(index)
            capture = write_secondary_capture(study, index, path)
            facts = {**image.facts, "series_uid": capture.series_uid}
            image = replace(image, uid=capture.uid, sop_class=capture.sop_class, frame=None, facts=facts)
            ref = replace(ref, uid=capture.uid, sop_class=capture.sop_class, frame=None)
            written.append(path)
        images.append(image)
        refs.append(ref)
    study = replace(study, images=tuple(images))
    return replace(reading, study=replace(reading.study, images=tuple(refs))), study, written


def _table(reading: Reading) -> str:
    from coread.formats.table import table_text

    return table_text([reading])


def _writer(kind: str) -> Callable[[Reading, Path, Study | None], object]:
    if kind == "json":
        from coread.formats.reading_json import write_json

        return lambda reading, path, study: write_json(reading, path)
    if kind == "csv":
        from coread.formats.table import write_table

        return lambda reading, path, study: write_table([reading], path)
    if kind == "sr":
        from coread.formats.sr import write_sr

        def write(reading: Reading, path: Path, study: Study | None) -> None:
            if study is None:
                raise InputError(f"{path}: a DICOM SR refers to the images that were read: give the study as well")
            write_sr(reading, path, study)

        return write
    if kind == "page":
        from coread.report.page import write_page

        return write_page
    from coread.report.pdf import write_pdf

    return write_pdf
