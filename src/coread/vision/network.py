"""The one home of the inference engine: an ONNX file in, arrays out.

ONNX Runtime before 1.29 writes nothing and opens no connection; ``ORT_DISABLE_TELEMETRY`` keeps that so should a later one be
installed. Which engine and why: ``bench/engines.py``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from coread.errors import DefinitionError

FloatArray = npt.NDArray[np.float32]


class Network:
    """A network read from an ONNX file; loaded when it first runs.

    Args:
        path: the ONNX file.
        threads: threads of one run; None leaves the choice to the engine.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        self.path = Path(path)
        self.threads = threads
        self._session: Any = None

    def _load(self) -> Any:
        if self._session is not None:
            return self._session
        if not self.path.is_file():
            raise DefinitionError(f"{self.path}: the weights are missing; reinstall coread or name another file in the card")
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # Idle threads that spin between two runs would take the cores from the rest of the reading.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if self.threads is not None:
            options.intra_op_num_threads = self.threads
        try:
            self._session = onnxruntime.InferenceSession(str(self.path), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise DefinitionError(f"{self.path}: not a network that can be loaded ({type(error).__name__}: {error})") from error
        return self._session

    @property
    def facts(self) -> Mapping[str, str]:
        """What the file says about itself (its ONNX metadata)."""
        return dict(self._load().get_modelmeta().custom_metadata_map)

    def run(self, array: npt.NDArray[Any]) -> tuple[FloatArray, ...]:
        """The outputs for one batch.

        Args:
            array: the network's one input, with the batch first.

        Raises:
            DefinitionError: the file is missing, is no network, or does not take such an array.
        """
        session = self._load()
        entry = session.get_inputs()[0]
        batch = np.ascontiguousarray(array, dtype=np.float32)
        if len(entry.shape) != batch.ndim or any(isinstance(n, int) and n != m for n, m in zip(entry.shape, batch.shape, strict=True)):
            raise DefinitionError(f"{self.path.name}: takes arrays of shape {entry.shape}, got {list(batch.shape)}")
        return tuple(np.asarray(out, dtype=np.float32) for out in session.run(None, {entry.name: batch}))
