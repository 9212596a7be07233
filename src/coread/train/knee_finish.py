"""The last steps of the Kellgren-Lawrence reader: scope check, export, and calibration on the patients held out of learning.

Prints the numbers that the card keeps. Everything is measured on the exported network, fed as the reader feeds it.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from safetensors.torch import load_file

from coread.readers.image_doubt import fit_doubt
from coread.train.export import export_onnx
from coread.train.images import Images
from coread.train.knee_grades import grey, held_out
from coread.train.knee_model import KneeGrader, KneeWhole, knee_grader, scope_descriptors
from coread.train.loop import CHECKPOINT
from coread.train.model_files import OUTPUTS, said_by_model
from coread.train.networks.efficientnet_lite import EfficientNetLite, freeze
from coread.train.recipe import RECIPES, build_network, read_toml
from coread.train.scope_check import fit_scope, limit_of
from coread.vision.prepare import Preparation, prepare

HOW = Preparation(rows=224, columns=224, fit="stretch")
# So many knees teach the scope check, evenly over those that were learned from.
SCOPE_KNEES = 2000
LEVEL, PASSED, MAP_QUANTILE = 0.9, 0.995, 0.95


def squares(data: Path, table: pd.DataFrame) -> npt.NDArray[np.float16]:
    """Knees as the reader feeds them, (n, 224, 224) in 0..1."""
    folder = data / "knee_kl" / "images"
    return np.stack([prepare(grey(folder / name).astype(np.float32) / np.float32(255), HOW).plane for name in table["image"]]).astype(
        np.float16
    )


def descriptors_of(grader: KneeGrader, planes: npt.NDArray[np.float16], size: int = 32) -> npt.NDArray[np.float64]:
    """What the scope check sees of knees, (n, d)."""
    found = []
    with torch.no_grad():
        for start in range(0, len(planes), size):
            image = torch.from_numpy(planes[start : start + size].astype(np.float32))[:, None]
            found.append(scope_descriptors(image, grader.features(image)).double().numpy())
    return np.concatenate(found)


def finish(data: Path, weights: Path, out: Path) -> dict[str, Any]:
    """Writes the model and gives the card's parameters."""
    recipe = read_toml(RECIPES / "knee_kl.toml")
    network = build_network(recipe["network"], recipe["options"])
    assert isinstance(network, EfficientNetLite)
    freeze(network)
    network.load_state_dict({name[5:]: value for name, value in load_file(weights).items() if name.startswith("mean.")})
    grader = knee_grader(network)
    table = pd.read_csv(data / "knee_kl" / "labels_train.csv")
    kept = held_out(table["patient"].to_numpy(str), recipe["hold_out_every"])
    learned, tuned = table[~kept], table[kept]
    planes = squares(data, learned.iloc[:: max(1, len(learned) // SCOPE_KNEES)])
    scope = fit_scope(descriptors_of(grader, planes))
    export_onnx(KneeWhole(grader, *scope), (1, HOW.rows, HOW.columns), out, {"coread": "image reader", "id": "knee_kl"}, OUTPUTS)
    held = squares(data, tuned)
    said = said_by_model(out, Images(held, np.arange(len(held))), True)
    doubt = fit_doubt(tuned["kellgren_lawrence"].to_numpy(), said.probabilities, "ordinal", LEVEL)
    peaks = said.maps.reshape(len(said.maps), -1).max(axis=1)
    return {
        **doubt.parameters(),
        "scope_limit": limit_of(said.strangeness, PASSED),
        "map_scale": float(np.quantile(peaks, MAP_QUANTILE)),
        "sha256": hashlib.sha256(out.read_bytes()).hexdigest(),
    }


if __name__ == "__main__":
    for _key, _value in finish(Path(sys.argv[1]), Path(sys.argv[2]) / CHECKPOINT, Path(sys.argv[3])).items():
        pass
