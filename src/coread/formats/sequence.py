"""Which MR sequence a series is, by what its header states in codes, words and times, or by the name of its file."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

CONTRASTS: Mapping[str, str] = {
    "FLUID_ATTENUATED": "FLAIR", "T1": "T1", "T2": "T2", "T2_STAR": "T2*", "PROTON_DENSITY": "PD", "STIR": "STIR", "DIFFUSION": "diffusion",
    "PERFUSION": "perfusion", "TOF": "angiography",
}  # fmt: skip
"""DICOM PS3.3 C.8.13.3 (Acquisition Contrast of enhanced MR) in the words used here."""
WORDS: tuple[tuple[str, str], ...] = (
    ("FLAIR", r"flair|dark.?fluid|fluid.?att"),
    ("DIR", r"(?<![a-z])dir(?![a-z])|double.?inv"),
    ("STIR", r"stir(?![a-z])"),
    ("diffusion", r"diff|dwi|dti|(?<![a-z])adc|trace(?![a-z])"),
    ("perfusion", r"perf(?![o])|dsc(?![a-z])|(?<![a-z])asl(?![a-z])"),
    ("angiography", r"(?<![a-z])tof|angio"),
    ("T2*", r"t2.?(\*|star)|(?<![a-z])swi|swan|venobold|haemo|hemo"),
    ("T1", r"(?<![a-z0-9])t1|mp.?rage|mp2rage|bravo|spgr"),
    ("T2", r"(?<![a-z0-9])t2"),
    ("PD", r"(?<![a-z])pd(?![a-z])|proton.?dens"),
    ("localizer", r"locali[sz]er|scout|survey|3.?plane"),
)
POST = re.compile(r"(?<![a-z])(gd|gado\w*|post|ce|km|contrast|enhanced)(?![a-z])|\+ ?c(?![a-z])|(?<![a-z])c ?\+")
PRE = re.compile(r"(?<![a-z])(pre|without|non|w/?o|ohne|nativ\w*|no)(?![a-z])")
NO_AGENT = frozenset({"", "NO", "NONE", "N", "OHNE", "WITHOUT"})
ENHANCED: Mapping[str, tuple[str, ...]] = {
    "echo_time_ms": ("EffectiveEchoTime", "EchoTime"),
    "repetition_time_ms": ("RepetitionTime",),
    "inversion_time_ms": ("InversionTimes", "InversionTime"),
    "slice_thickness_mm": ("SliceThickness",),
    "b_value": ("DiffusionBValue",),
}
PLAIN: Mapping[str, tuple[str, ...]] = {
    "series_number": ("SeriesNumber",),
    "series_description": ("SeriesDescription",),
    "protocol": ("ProtocolName",),
    "sequence_name": ("PulseSequenceName", "SequenceName"),
    "acquisition_contrast": ("AcquisitionContrast",),
    "temporal_position": ("TemporalPositionIndex", "TemporalPositionIdentifier"),
    "acquisition_number": ("AcquisitionNumber",),
    "acquisition_time": ("FrameAcquisitionDateTime", "AcquisitionTime"),
    "frame_of_reference_uid": ("FrameOfReferenceUID",),
    "slices_stated": ("ImagesInAcquisition",),
}


def section_facts(dataset: Dataset) -> dict[str, str]:
    """What one slice states of its sequence, place in the series and time, as text; only what is stated.

    Args:
        dataset: the attributes of one frame, functional groups merged (`dicom_facts.merged`).
    """
    facts: dict[str, str] = {}
    for fact, keywords in {**PLAIN, **ENHANCED}.items():
        for keyword in keywords:
            text = _text(dataset.get(keyword), fact in ENHANCED)
            if text:
                facts[fact] = text
                break
    kind = dataset.get("FrameType") or dataset.get("ImageType")
    if kind is not None and not isinstance(kind, str):
        facts["image_kind"] = "\\".join(str(part) for part in list(kind)[2:])
    if _has_contrast(dataset, facts):
        facts["contrast_agent"] = "yes"
    return facts


def sequence_of(facts: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The sequence that a header tells (``FLAIR``, ``T1``, ``T1 + contrast``, ``T2``, ``PD``, ...), and a doubt where it is at odds.

    A code goes before everything. Words (description, protocol, sequence name) and times are held against each other; where they
    tell two of FLAIR, T1, T2 and PD apart, the times are taken, for words are typed by people and copied from other protocols.
    A T1-weighted FLAIR is a T1.
    """
    coded = CONTRASTS.get(facts.get("acquisition_contrast", "").upper())
    text = " ".join(facts.get(key, "") for key in ("series_description", "protocol", "sequence_name"))
    said, timed = sequence_in(text), _by_times(facts)
    name = coded or said or timed
    doubt = None
    if coded is None and said in ("FLAIR", "T1", "T2", "PD") and timed is not None and timed != said:
        name = timed
        if (said, timed) != ("FLAIR", "T1"):
            doubt = f"calls itself {said}, but its echo, repetition and inversion times are those of {timed}, which was taken"
    if name == "T1" and facts.get("contrast_agent") == "yes":
        name = "T1 + contrast"
    return name, doubt


def sequence_in(text: str) -> str | None:
    """The sequence that a series description or the name of a file tells; None where it names none."""
    lowered = re.sub(r"_", " ", text.lower())
    return next((name for name, pattern in WORDS if re.search(pattern, lowered)), None)


def contrast_in(text: str) -> bool:
    """Whether words tell that contrast agent was given."""
    lowered = re.sub(r"[_-]", " ", text.lower())
    return bool(POST.search(lowered)) and not PRE.search(lowered)


def _by_times(facts: Mapping[str, str]) -> str | None:
    """FLAIR, T1, T2 or PD from echo, repetition and inversion time in ms; None where they are not stated or fit none of them.

    The bounds lie between the ranges of clinical protocols at 1.5 and 3 T; gradient echoes with a long echo (T2*) are left to the words.
    """
    echo, repetition, inversion = (_number(facts.get(f"{name}_time_ms")) for name in ("echo", "repetition", "inversion"))
    if echo is None:
        return None
    if inversion is not None and inversion >= 1500:
        return "FLAIR" if echo >= 60 else None
    if echo <= 35 and ((repetition is not None and repetition <= 1200) or (inversion is not None and 400 <= inversion <= 1400)):
        return "T1" if echo <= 25 else None
    if repetition is not None and repetition >= 1800 and inversion is None:
        return "T2" if echo >= 60 else "PD" if echo <= 35 else None
    return None


def _has_contrast(dataset: Dataset, facts: Mapping[str, str]) -> bool:
    agent = str(dataset.get("ContrastBolusAgent") or "").strip().upper()
    coded = bool(dataset.get("ContrastBolusAgentSequence")) or bool(dataset.get("ContrastBolusUsageSequence"))
    words = " ".join(facts.get(key, "") for key in ("series_description", "protocol"))
    return agent not in NO_AGENT or coded or contrast_in(words)


def _text(value: Any, number: bool) -> str:
    if value is None or value == "":
        return ""
    if not isinstance(value, str) and hasattr(value, "__iter__"):
        value = next(iter(value), "")
    if not number:
        return str(value).strip()
    found = _number(value)
    return "" if found is None else f"{found:g}"


def _number(value: Any) -> float | None:
    try:
        number = float(np.float64(value)) if value is not None else math.nan
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
