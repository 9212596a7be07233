"""Build the compact shape model of the hand that ``coread.simulate`` ships.

    COREAD_DATA=/path/to/data python bench/make_hand_shape.py

Reads ``hand_dha/shapes37.csv`` (905 sets of 37 landmarks placed by hand on radiographs of the Digital Hand Atlas),
aligns them by generalised Procrustes analysis, drops the sets that lie far off, and keeps the principal modes of
variation. Only the statistics (mean, modes, standard deviations) are written, never an image or a single hand.
"""

import os
from pathlib import Path

import numpy as np

OUT = Path(__file__).parents[1] / "src/coread/simulate/hand_shape.npz"
MODES = 16


def align(shapes: np.ndarray, rounds: int = 12) -> tuple[np.ndarray, np.ndarray]:
    x = shapes - shapes.mean(axis=1, keepdims=True)
    x /= np.sqrt((x**2).sum(axis=(1, 2), keepdims=True))
    mean = x[0]
    for _ in range(rounds):
        u, _, vt = np.linalg.svd(np.einsum("nki,kj->nij", x, mean))
        if (np.linalg.det(u @ vt) < 0).any():
            raise SystemExit("a set of landmarks is a mirror image of the others")
        x = x @ (u @ vt)
        mean = x.mean(axis=0)
        mean /= np.linalg.norm(mean)
    return x, mean


def main() -> None:
    table = np.genfromtxt(Path(os.environ["COREAD_DATA"]) / "hand_dha/shapes37.csv", delimiter=",", skip_header=1)
    x, _ = align(table[:, 1:].reshape(-1, 37, 2))
    distance = np.sqrt(((x - np.median(x, axis=0)) ** 2).sum(axis=(1, 2)))
    keep = distance < np.quantile(distance, 0.98)
    x, mean = align(x[keep])
    # middle finger upwards, base of the third metacarpal (15) at the origin, from there to the tip (28) = 1
    axis = mean[28] - mean[15]
    length = np.linalg.norm(axis)
    turn = np.array([[-axis[1], axis[0]], [-axis[0], -axis[1]]]) / length
    mean = (mean - mean[15]) @ turn.T / length
    x = x @ turn.T / length
    flat = (x - x.mean(axis=0)).reshape(len(x), -1)
    _, s, vt = np.linalg.svd(flat, full_matrices=False)
    variance = s**2 / (len(x) - 1)
    np.savez_compressed(
        OUT,
        mean=mean.astype(np.float32),
        modes=vt[:MODES].reshape(MODES, 37, 2).astype(np.float32),
        deviation=np.sqrt(variance[:MODES]).astype(np.float32),
    )
    print(
        f"{len(table)} sets read, {keep.sum()} kept; {MODES} modes hold {variance[:MODES].sum() / variance.sum():.3f} of the variance; "
        f"{OUT.stat().st_size} bytes"
    )
    print(mean[[15, 28, 20, 36]].round(3))


if __name__ == "__main__":
    main()
