"""What each output of a reading costs, and the SR beside what a user would write it with: highdicom's TID 1500 templates, in one run.

Run: python bench/outputs.py READING.json EXAM        (both from `coread read EXAM -o OUT`)
CPU seconds of one process, medians; the ratio is of the two SR writers over the same findings.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import pydicom
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from coread.formats.open import open_study
from coread.formats.reading_json import read_json, write_json
from coread.formats.sr import write_sr
from coread.formats.table import write_table
from coread.reading import Reading
from coread.report.page import write_page
from coread.report.pdf import write_pdf
from coread.scoring import system
from coread.study import Study

RUNS = 7


def median(name: str, act: Callable[[], object]) -> float:
    seconds = []
    for _ in range(RUNS):
        start = time.process_time()
        act()
        seconds.append(time.process_time() - start)
    middle = statistics.median(seconds)
    print(f"{name:32s} {1000 * middle:8.1f} ms   ({1000 * min(seconds):.1f}-{1000 * max(seconds):.1f}, n = {RUNS}, first with imports)")
    return middle


def with_highdicom(reading: Reading, exam: Path, path: Path) -> None:
    """The graded and measured findings as measurement groups by highdicom's templates: site, laterality, one number each."""
    source = pydicom.dcmread(exam, stop_before_pixels=True)
    scored = system(reading.system)
    groups = []
    for finding in reading.findings:
        number = finding.grade if finding.grade is not None else finding.value
        if number is None:
            continue
        site = scored.site(finding.site, finding.side).code
        feature = (scored.features.get(finding.feature) or scored.measurements[finding.feature]).code
        side = codes.SCT.Left if finding.side == "left" else codes.SCT.Right
        groups.append(
            hd.sr.MeasurementsAndQualitativeEvaluations(
                tracking_identifier=hd.sr.TrackingIdentifier(hd.UID(), finding.label),
                finding_sites=[hd.sr.FindingSite(Code(site.value, site.scheme, site.meaning), laterality=side)],
                measurements=[
                    hd.sr.Measurement(
                        name=Code(feature.value, feature.scheme, feature.meaning),
                        value=number,
                        unit=Code(finding.unit or "1", "UCUM", finding.unit or "1"),
                    )
                ],
            )
        )
    observer = hd.sr.ObserverContext(
        observer_type=codes.DCM.Device, observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(uid=hd.UID())
    )
    report = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_device_context=observer),
        procedure_reported=codes.LN.CTUnspecifiedBodyRegion,
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )
    hd.sr.ComprehensiveSR(
        evidence=[source],
        content=report,
        series_instance_uid=hd.UID(),
        series_number=1,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="bench",
        is_complete=True,
        is_verified=False,
    ).save_as(path)


def main() -> None:
    if len(sys.argv) != 3:
        raise SystemExit("usage: python bench/outputs.py READING.json EXAM")
    reading, study = read_json(sys.argv[1]), open_study(sys.argv[2])
    _ = study.images[0].pixels
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        fresh: Callable[[], tuple[Reading, Study]] = lambda: (replace(reading), study)  # noqa: E731 - a new object, so that nothing is reused
        print(f"{len(reading.findings)} findings, {study.images[0].shape[1]} x {study.images[0].shape[0]} px")
        median("json", lambda: write_json(reading, place / "a.json"))
        median("csv", lambda: write_table([reading], place / "a.csv"))
        median("page", lambda: write_page(fresh()[0], place / "a.html", study))
        median("pdf", lambda: write_pdf(fresh()[0], place / "a.pdf", study))
        ours = median("sr", lambda: write_sr(reading, place / "a.dcm", study))
        theirs = median("sr by highdicom's templates", lambda: with_highdicom(reading, Path(sys.argv[2]), place / "b.dcm"))
    print(f"highdicom / ours: {theirs / ours:.0f}")


if __name__ == "__main__":
    main()
