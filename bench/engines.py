"""Inference engines side by side on the shipped hand networks: cold start, warm run, peak memory.

    python bench/engines.py [--threads 2] [--rounds 5]

Each engine runs in a process of its own. Cold = import, load both networks and run each once. Warm = one hand's networks (the
coarse one on two images, the fine one twice), median of 15 runs, best of the rounds. Needs ``openvino`` and ``torch`` beside the
core; one that is absent is named and left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

MODELS = Path(__file__).parents[1] / "src" / "coread" / "models"
CHILD = r"""
import json, resource, sys, time
start = time.perf_counter()
engine, models, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
import numpy as np
random = np.random.default_rng(0).random
inputs = {"hand_coarse": random((2, 1, 160, 160), dtype=np.float32), "hand_fine": random((1, 1, 256, 224), dtype=np.float32)}
runs = {}
if engine == "onnxruntime":
    import onnxruntime
    for name in inputs:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        session = onnxruntime.InferenceSession(f"{models}/{name}.onnx", options, providers=["CPUExecutionProvider"])
        runs[name] = lambda x, s=session: s.run(None, {s.get_inputs()[0].name: x})[0]
elif engine == "openvino":
    sys.modules["openvino_telemetry"] = None
    import openvino
    core = openvino.Core()
    for name in inputs:
        hints = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        compiled = core.compile_model(f"{models}/{name}.onnx", "CPU", hints)
        runs[name] = lambda x, c=compiled: c(x)[0]
else:
    import torch
    from coread.train.hand_landmarks import read_recipe
    from coread.train.recipe import build_network
    torch.set_num_threads(threads)
    recipe = read_recipe()
    for name, plan in (("hand_coarse", recipe.coarse), ("hand_fine", recipe.fine)):
        network = build_network(plan.network, plan.options).eval()
        def run(x, n=network):
            with torch.inference_mode():
                return n(torch.from_numpy(x)).numpy()
        runs[name] = run
out = {name: runs[name](x) for name, x in inputs.items()}
cold = time.perf_counter() - start
times = []
for _ in range(15):
    begin = time.perf_counter()
    runs["hand_coarse"](inputs["hand_coarse"]); runs["hand_fine"](inputs["hand_fine"]); runs["hand_fine"](inputs["hand_fine"])
    times.append(time.perf_counter() - begin)
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"cold": cold, "warm": float(np.median(times)), "memory": memory}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="engines side by side")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    best: dict[str, dict[str, float]] = {}
    for _ in range(chosen.rounds):
        for engine in ("onnxruntime", "openvino", "torch eager"):
            done = subprocess.run(
                [sys.executable, "-W", "ignore", "-c", CHILD, engine.split()[0], str(MODELS), str(chosen.threads)],
                capture_output=True, text=True, check=False, env={**os.environ, "ORT_DISABLE_TELEMETRY": "1"},
            )  # fmt: skip
            if done.returncode:
                print(f"{engine}: left out ({done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'failed'})")
                continue
            got = json.loads(done.stdout.strip().splitlines()[-1])
            old = best.get(engine)
            best[engine] = {k: min(got[k], old[k]) if old else got[k] for k in ("cold", "warm", "memory")}
    base = best["onnxruntime"]
    print(f"{chosen.threads} threads, best of {chosen.rounds} rounds")
    for engine, got in best.items():
        print(
            f"{engine:12s} cold {got['cold']:.2f} s (x{got['cold'] / base['cold']:.2f})   one hand {1000 * got['warm']:.0f} ms "
            f"(x{got['warm'] / base['warm']:.2f})   peak {got['memory']:.0f} MB (x{got['memory'] / base['memory']:.2f})"
        )


if __name__ == "__main__":
    main()
