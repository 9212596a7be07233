"""The coded concepts of a Coread SR, as PS3.16 has them, and our own where it has none.

Every standard code stands in the dictionaries that pydicom generates from PS3.16 (a test compares them), but for the four of TID 1501 and
TID 1410 that those dictionaries leave out, which are the ones that highdicom writes.
"""

from __future__ import annotations

from coread.scoring import Code

OWN_SCHEME = "99COREAD"
OWN_SCHEME_NAME = "Coread codes"
OWN_SCHEME_ORGANIZATION = "The Coread authors"


def _dcm(value: str, meaning: str) -> Code:
    return Code("DCM", value, meaning)


def _sct(value: str, meaning: str) -> Code:
    return Code("SCT", value, meaning)


def _own(value: str, meaning: str) -> Code:
    return Code(OWN_SCHEME, value, meaning)


# the report (TID 1500) and what it was made from (TID 1600-1603)
REPORT = _dcm("126000", "Imaging Measurement Report")
LANGUAGE = _dcm("121049", "Language of Content Item and Descendants")
ENGLISH = Code("RFC5646", "en", "English")
PROCEDURE_REPORTED = _dcm("121058", "Procedure reported")
IMAGING_PROCEDURE = _sct("363679005", "Imaging procedure")
RADIOGRAPH_PROCEDURE = Code("LN", "43468-8", "XR unspecified body region")
METHOD = _sct("370129005", "Measurement Method")
MEASUREMENTS = _dcm("126010", "Imaging Measurements")
LIBRARY = _dcm("111028", "Image Library")
LIBRARY_GROUP = _dcm("126200", "Image Library Group")
SOURCE = _sct("260753009", "Source")
MODALITY = _dcm("121139", "Modality")
IMAGE_LATERALITY = _dcm("111027", "Image Laterality")
STUDY_DATE = _dcm("111060", "Study Date")
ROWS = _dcm("110910", "Pixel Data Rows")
COLUMNS = _dcm("110911", "Pixel Data Columns")
HORIZONTAL_SPACING = _dcm("111026", "Horizontal Pixel Spacing")
VERTICAL_SPACING = _dcm("111066", "Vertical Pixel Spacing")

# who made it (TID 1002-1004)
OBSERVER_TYPE = _dcm("121005", "Observer Type")
PERSON = _dcm("121006", "Person")
DEVICE = _dcm("121007", "Device")
PERSON_NAME = _dcm("121008", "Person Observer Name")
PERSON_LOGIN = _dcm("128774", "Person Observer's Login Name")
DEVICE_UID = _dcm("121012", "Device Observer UID")
DEVICE_NAME = _dcm("121013", "Device Observer Name")
DEVICE_MANUFACTURER = _dcm("121014", "Device Observer Manufacturer")
DEVICE_MODEL = _dcm("121015", "Device Observer Model Name")
DEVICE_SERIAL = _dcm("121016", "Device Observer Serial Number")
ALGORITHM_NAME = _dcm("111001", "Algorithm Name")
ALGORITHM_VERSION = _dcm("111003", "Algorithm Version")
TIME_OFFSET = _dcm("128740", "Longitudinal Temporal Offset from Event")

# a measurement group (TID 1501 and TID 1410) and its measurement (TID 300, 310)
GROUP = _dcm("125007", "Measurement Group")
TRACKING_ID = _dcm("112039", "Tracking Identifier")
TRACKING_UID = _dcm("112040", "Tracking Unique Identifier")
FINDING = _dcm("121071", "Finding")
FINDING_SITE = _sct("363698007", "Finding Site")
LATERALITY = _sct("272741003", "Laterality")
SIDES = {"left": _sct("7771000", "Left"), "right": _sct("24028007", "Right")}
PROBABILITY = _dcm("122157", "Probability")
UNCERTAINTY_ABOVE = _sct("371886008", "+, range of upper measurement uncertainty")
UNCERTAINTY_BELOW = _sct("371885007", "-, range of lower measurement uncertainty")
COMMENT = _dcm("121106", "Comment")
SOURCE_OF_MEASUREMENT = _dcm("121112", "Source of Measurement")
IMAGE_REGION = _dcm("111030", "Image Region")
REGION_PURPOSE = _dcm("130400", "Geometric purpose of region")
OUTLINE = _dcm("111041", "Outline")
CENTER = _dcm("111010", "Center")
BOX = _sct("75958009", "Bounded by")

# why there is no number (CID 42)
NOT_ATTEMPTED = _dcm("114007", "Measurement not attempted")
VALUE_UNKNOWN = _dcm("114010", "Value unknown")

# units
NO_UNITS = Code("UCUM", "1", "no units")
PIXELS = Code("UCUM", "{pixels}", "Pixels")
SITES_UNIT = Code("UCUM", "{sites}", "sites")
MILLIMETRE = Code("UCUM", "mm", "mm")
DAYS = Code("UCUM", "d", "day")

# ours, where the standard has no code
STUDY_SOURCE = _own("STUDYSOURCE", "Exam as it was given")
IMAGE_SOURCE = _own("IMAGESOURCE", "Image file as it was given")
SIDE_SOURCE = _own("SIDESOURCE", "What the side was read from")
READER_KIND = _own("READERKIND", "Kind of reader")
PANEL = _own("PANEL", "Panel of readers")
REPEAT = _own("REPEAT", "Repeat number of the same reader")
CREATED = _own("CREATED", "Time of the reading, ISO 8601")
RESEARCH_USE = _own("RESEARCHUSE", "Intended use")
WARNING = _own("WARNING", "Warning")
TOTAL = _own("TOTAL", "Total score")
MAXIMUM = _own("MAXIMUM", "Maximum of the scale")
SITES_UNREADABLE = _own("SITESUNREADABLE", "Number of sites that could not be read")
INTERVAL_VALUE = _own("INTERVALVALUE", "Estimate that the interval belongs to")
INTERVAL_LOW = _own("INTERVALLOW", "Lower bound of the interval")
INTERVAL_HIGH = _own("INTERVALHIGH", "Upper bound of the interval")
INTERVAL_LEVEL = _own("INTERVALLEVEL", "Probability that the interval holds the value")
GRADE = _own("GRADE", "Grade")
LESION = _own("LESION", "Tracking identifier of the lesion")
EVIDENCE_MAP = _own("EVIDENCEMAP", "Name of the evidence map")
LESION_OUTLINE = _own("LESIONOUTLINE", "Outline of a suspected lesion")
WAS = _own("WAS", "What the corrected reading said here")
NO_FINDING = _own("NOFINDING", "No such finding")
SIGNED_BY = _own("SIGNEDBY", "Person who signed")
SIGNED_AT = _own("SIGNEDAT", "Time of the signature, ISO 8601")
SIGNED_SHA256 = _own("SIGNEDSHA256", "SHA-256 of the findings and totals that were signed")

# segments (PS3.3 C.8.20): what they are, and what their image was made from
ABNORMAL_STRUCTURE = _sct("49755003", "Morphologically Abnormal Structure")
ARTIFICIAL_INTELLIGENCE = _dcm("123109", "Artificial Intelligence")
SEGMENTATION = _dcm("113076", "Segmentation")
SOURCE_IMAGE = _dcm("121322", "Source Image for Image Processing Operation")

# modalities of CID 29 that a source image may state
MODALITIES = {
    "CR": _dcm("CR", "Computed Radiography"),
    "DX": _dcm("DX", "Digital Radiography"),
    "RG": _dcm("RG", "Radiographic imaging"),
    "RF": _dcm("RF", "Radiofluoroscopy"),
    "IO": _dcm("IO", "Intra-oral Radiography"),
    "PX": _dcm("PX", "Panoramic X-Ray"),
    "MR": _dcm("MR", "Magnetic Resonance"),
    "CT": _dcm("CT", "Computed Tomography"),
    "US": _dcm("US", "Ultrasound"),
    "XC": _dcm("XC", "External-camera Photography"),
    "OP": _dcm("OP", "Ophthalmic Photography"),
    "NM": _dcm("NM", "Nuclear Medicine"),
    "PT": _dcm("PT", "Positron emission tomography"),
    "OT": _dcm("OT", "Other Modality"),
}
RADIOGRAPHS = frozenset({"CR", "DX", "RG", "RF"})
