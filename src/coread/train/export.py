"""A trained network as an ONNX file, checked against what it was made from."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from coread.errors import DefinitionError
from coread.vision.network import Network

LARGEST = 1e-3
"""Difference from torch, relative to the largest output, above which an exported network is refused."""


def export_onnx(
    network: nn.Module, shape: tuple[int, ...], path: Path, facts: Mapping[str, object], outputs: tuple[str, ...] = ("maps",)
) -> float:
    """Writes a network and compares the engine's outputs with torch's.

    Args:
        network: in its final state.
        shape: of one input without the batch, which stays free.
        path: ONNX file.
        facts: kept in the file's metadata; values that are no text become JSON.
        outputs: a name for each output; a network with one gives it as it is, else as a tuple.

    Returns:
        The largest difference between the engine and torch over batches of two and five, of any output relative to its largest value.

    Raises:
        DefinitionError: the difference is above ``LARGEST``.
    """
    network = network.eval()
    probe = torch.rand((2, *shape), generator=torch.Generator().manual_seed(0))
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (probe,),
            str(path),
            input_names=["image"],
            output_names=list(outputs),
            dynamic_axes={name: {0: "batch"} for name in ("image", *outputs)},
            opset_version=18,
            dynamo=False,
        )
    write_facts(path, facts)
    engine = Network(path, threads=1)
    difference = 0.0
    for count in (2, 5):
        probe = torch.rand((count, *shape), generator=torch.Generator().manual_seed(count))
        with torch.no_grad():
            out = network(probe)
        for wanted, got in zip(out if isinstance(out, tuple) else (out,), engine.run(probe.numpy()), strict=True):
            largest = max(float(wanted.abs().max()), 1e-9)
            difference = max(difference, float(np.abs(got - wanted.numpy()).max()) / largest)
    if not difference <= LARGEST:
        raise DefinitionError(f"{path}: the exported network differs from the trained one by {difference:.1e} of its largest output")
    return difference


def write_facts(path: Path, facts: Mapping[str, object]) -> None:
    """Adds facts to an ONNX file's metadata; those of the same name are replaced."""
    model = onnx.load(str(path))
    kept = {entry.key: entry.value for entry in model.metadata_props}
    kept |= {key: value if isinstance(value, str) else json.dumps(value) for key, value in facts.items()}
    del model.metadata_props[:]
    for key, value in sorted(kept.items()):
        model.metadata_props.add(key=key, value=value)
    onnx.save(model, str(path))
