"""From files and folders to studies: what each file is, which belong together, and what is wrong with those that cannot be used."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from coread.errors import InputError
from coread.formats.dicom import DicomFile, is_dicom, is_dicomdir, read_dicom, referenced_files
from coread.formats.dicom_study import study_from
from coread.formats.nifti import is_nifti, open_nifti
from coread.formats.plain import EXTENSIONS, is_plain, open_plain
from coread.formats.sidecar import STUDY_NAME, Sidecar, StudySidecar, merge, read_sidecar, read_study_sidecar
from coread.study import Study

IMAGE_NAMES = frozenset({*EXTENSIONS, ".dcm", ".dicom", ".ima", ".nii", ".jp2", ".j2k", ".gif", ".heic"})
ARCHIVES = (
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
)


@dataclass(frozen=True, slots=True)
class Exam:
    """One exam that was found: its study, or why it cannot be opened.

    Attributes:
        path: the exam's file, or the folder that holds all its files.
        study: the opened study; None where there is an error.
        error: one sentence that names the file; None where there is a study.
    """

    path: Path
    study: Study | None
    error: str | None = None


def open_study(path: str | os.PathLike[str]) -> Study:
    """Opens one exam: a DICOM file, folder or DICOMDIR, a plain image (with its sidecar), or a NIfTI file.

    Headers are read now, pixels when they are first asked for.

    Raises:
        InputError: nothing there, nothing that can be opened, or more than one exam; the message says what to do.
    """
    given = Path(path)
    exams = find_exams(given)
    broken = [exam for exam in exams if exam.error is not None]
    if len(exams) == 1:
        if exams[0].study is None:
            raise InputError(exams[0].error)
        return exams[0].study
    if broken:
        raise InputError(f"{broken[0].error} ({len(exams)} exams or broken files in {given}; give the path of one)")
    raise InputError(f"{given}: holds {len(exams)} exams; give the path of one, such as {exams[0].path}")


def find_exams(path: str | os.PathLike[str]) -> list[Exam]:
    """Finds all exams of a file or folder (with its subfolders); what cannot be opened is an exam with an error.

    DICOM objects are grouped by Study Instance UID. A plain image is one study, unless ``study.toml`` or the key ``group`` of the
    sidecars groups several. Hidden files, sidecars, texts and tables are passed over.

    Raises:
        InputError: the path does not exist, cannot be read, or holds nothing that looks like an exam.
    """
    given = Path(path)
    try:
        if not given.exists():
            raise InputError(f"{given}: there is no such file or folder; check the path")
        if not given.is_dir():
            return _from_file(given)
    except OSError as error:
        raise InputError(f"{given}: cannot be read ({error.strerror}); check its permissions") from error
    refused: list[Exam] = []
    exams = _grouped(given, list(_walk(given, refused)), strict=False)
    exams = sorted([*exams, *refused], key=lambda exam: str(exam.path))
    if not exams:
        raise InputError(f"{given}: holds no exam (DICOM, PNG, JPEG, WebP, TIFF or NIfTI); check the path")
    return exams


def _from_file(path: Path) -> list[Exam]:
    if not path.is_file():
        raise InputError(f"{path}: is neither a file nor a folder; give an exam's file or folder")
    head = _head(path)
    if is_dicom(head) and is_dicomdir(path):
        files = referenced_files(path)
        if not files:
            raise InputError(f"{path}: the DICOMDIR names no files; give the folder that holds the images instead")
        missing = [
            Exam(file, None, f"{file}: is named by {path.name} but is not there; copy the whole disc")
            for file in files
            if not file.is_file()
        ]
        return [*_grouped(path, [file for file in files if file.is_file()], strict=True), *missing]
    return _grouped(path, [path], strict=True)


def _walk(folder: Path, refused: list[Exam]) -> Iterator[Path]:
    """All files below a folder in order, hidden ones passed over; folders that cannot be entered are noted."""

    def note(error: OSError) -> None:
        refused.append(Exam(Path(error.filename), None, f"{error.filename}: cannot be read ({error.strerror}); check its permissions"))

    for parent, folders, files in os.walk(folder, onerror=note):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__MACOSX")
        for name in sorted(files):
            path = Path(parent, name)
            if not name.startswith(".") and name not in ("Thumbs.db", "desktop.ini") and path.is_file():  # neither pipe nor dead link
                yield path


def _grouped(given: Path, files: Iterable[Path], strict: bool) -> list[Exam]:
    """Exams from files; with ``strict`` (files named by the user) one that is no image is an error, else it is passed over."""
    exams: list[Exam] = []
    dicom: dict[str, list[DicomFile]] = {}
    plain: list[Path] = []
    for path in files:
        try:
            head = _head(path)
            if is_dicom(head):
                if strict or not is_dicomdir(path):
                    file = read_dicom(path)
                    dicom.setdefault(file.study, []).append(file)
            elif is_plain(head):
                plain.append(path)
            elif is_nifti(path, head):
                exams.append(Exam(path, open_nifti(path)))
            elif strict or _looks_meant(path, head):
                raise InputError(_what_is_wrong(path, head))
        except InputError as error:
            exams.append(Exam(path, None, str(error)))
    for group in dicom.values():
        if strict or any(file.images for file in group):
            exams.append(_exam([file.path for file in group], given, lambda source, g=group: study_from(g, source)))  # type: ignore[misc]
    exams.extend(_plain_exams(given, plain))
    return exams


def _exam(paths: list[Path], given: Path, build: Callable[[str], Study]) -> Exam:
    where = paths[0] if len(paths) == 1 else Path(os.path.commonpath([str(path.parent) for path in paths]))
    try:
        return Exam(where, build(str(where)))
    except InputError as error:
        return Exam(where, None, str(error))


def _plain_exams(given: Path, files: list[Path]) -> list[Exam]:
    exams: list[Exam] = []
    groups: dict[tuple[Path, str], list[tuple[Path, Sidecar | None]]] = {}
    studies: dict[Path, StudySidecar | InputError | None] = {}
    for path in files:
        folder = path.parent
        if folder not in studies:
            studies[folder] = _study_sidecar(folder)
        try:
            whole = studies[folder]
            if isinstance(whole, InputError):
                raise whole
            beside = path.with_suffix(".toml")
            own = read_sidecar(beside) if beside.name != STUDY_NAME and beside.is_file() else None
            if whole is not None and (whole.images is None or path.name in whole.images):
                shared = whole.study if whole.images is None else whole.images[path.name]
                said = merge(_with(shared, whole.study), own)
                groups.setdefault((folder, STUDY_NAME), []).append((path, said))
            elif own is not None and own.group is not None:
                groups.setdefault((folder, f"group {own.group}"), []).append((path, own))
            else:
                groups[(path, "")] = [(path, own)]
        except InputError as error:
            exams.append(Exam(path, None, str(error)))
    for (folder, name), members in groups.items():
        whole = studies.get(folder) if name == STUDY_NAME else None
        if isinstance(whole, StudySidecar) and whole.images is not None:
            listed = list(whole.images)
            members.sort(key=lambda member: listed.index(member[0].name))
        paths, sidecars = [m[0] for m in members], [m[1] for m in members]
        exams.append(_exam(paths, given, lambda source, p=paths, s=sidecars: open_plain(p, s, source)))  # type: ignore[misc]
    return exams


def _with(image: Sidecar, study: Sidecar) -> Sidecar:
    return merge(study, image)


def _study_sidecar(folder: Path) -> StudySidecar | InputError | None:
    path = folder / STUDY_NAME
    try:
        return read_study_sidecar(path) if path.is_file() else None
    except InputError as error:
        return error


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(512)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error


def _looks_meant(path: Path, head: bytes) -> bool:
    """Whether a file of a folder that is no image was meant as one: by its name, as an archive, or nameless and not text."""
    suffix = path.suffix.lower()
    if suffix in IMAGE_NAMES or path.name.lower().endswith(".nii.gz"):
        return True
    if any(head.startswith(magic) for magic, _ in ARCHIVES):
        return suffix in (".zip", ".7z", ".rar", "")
    return suffix == "" and b"\0" in head


def _what_is_wrong(path: Path, head: bytes) -> str:
    if not head:
        return f"{path}: is empty; copy or export it again"
    for magic, words in ARCHIVES:
        if head.startswith(magic):
            return f"{path}: is {words}; unpack it and give the folder"
    return f"{path}: is not a DICOM, PNG, JPEG, WebP, TIFF or NIfTI file that can be recognised; export the exam again"
