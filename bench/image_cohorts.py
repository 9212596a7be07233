"""The sets of docs/data.md as cohort folders that `coread train` and `coread validate` take: tables, sidecars, and links to the images.

COREAD_DATA=DATA python bench/image_cohorts.py {salivary,wrist} COHORT
"""

import csv
import os
import sys
from pathlib import Path

SALIVARY, WRIST = "salivary", "wrist"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, table: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)


def main() -> None:
    which, out = sys.argv[1], Path(sys.argv[2])
    data = Path(os.environ["COREAD_DATA"]) / {SALIVARY: "salivary_us", WRIST: "wrist_erosion"}[which]
    out.mkdir(parents=True, exist_ok=True)
    cohort, readings = [], []
    for row in rows(data / "labels.csv"):
        image = row["image"]
        link = out / image
        if not link.exists():
            link.symlink_to((data / "images" / image).resolve())
        if which == SALIVARY:
            facts = {"centre": row["centre"], "sex": row["sex"], "age": row["age"], "gland": row["gland"]}
            box = {
                "system": "omeract_salivary_image",
                "site": "salivary gland",
                "side": "",
                "feature": "parenchyma",
                "grade": row["omeract"],
            }
        else:
            facts = {"visit": row["visit"]}
            link.with_suffix(".toml").write_text(f'side = "{row["side"]}"\n', encoding="utf-8")
            box = {"system": "wrist_erosion", "site": "wrist", "side": row["side"], "feature": "erosion", "grade": row["label"]}
        cohort.append({"study": image, "patient": row["patient"], **facts})
        readings.append({"study": image, "reader": "reference", **box})
    write(out / "cohort.csv", cohort)
    write(out / "readings.csv", readings)
    print(f"{len(cohort)} studies of {len({row['patient'] for row in cohort})} patients -> {out}")


if __name__ == "__main__":
    main()
