"""Digits learned by coincident pulses beside IBM's aihwkit: accuracy and drift over asymmetry and step size, five seeds.

    python -m tests.benchmarks.aihwkit_digits PYTHON                all twelve cells (some twenty minutes of one core)
    python -m tests.benchmarks.aihwkit_digits PYTHON 0.2 0.005 3    one of them: asymmetry, step, number of seeds

PYTHON is an interpreter that has aihwkit (1.1.0; it need not stand beside brian2). Both learn 1,437 digits for five epochs at a
rate that falls from 0.05 along half a cosine, one sample after another in the same order, from the same random weights of 64-32-10 (tanh, softmax, biases in
devices too), with trains of at most 31 pulses and update management of chances and of lengths; the other 360 digits are the
test, in exact numbers. Devices are single ones from -1 to 1 with constant steps that vary by 30 % from pulse to pulse. The
conversion: ``dw_min = dw (1 + a)``, ``up_down = 2 a/(1 + a)``, and ``learning rate = rate (1 + a)``, since their trains count in
`dw_min` and ours in mean steps. *Drift* is the mean change of a weight over the training. The difference of the accuracies has
its standard error beside it: where seeds scatter by 8 points, five of each tell it to no better than 5, a hundred to 1.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from emulator import Coincidence, Network, train
from emulator.learning import RateSchedule
from hwmodels import PulsedUpdate, Weights

ASYMMETRIES, STEPS, SEEDS = (0.0, 0.05, 0.2, 0.5), (0.001, 0.005, 0.02), 5
EPOCHS, TRAINED, RATE, NOISE = 5, 1437, 0.05, 0.3
PEER = """
import sys, numpy as np, torch
from aihwkit.simulator.configs import ConstantStepDevice, SingleRPUConfig
from aihwkit.simulator.tiles import AnalogTile
torch.set_num_threads(1)
folder, a, dw, rate, noise = sys.argv[1], *(float(v) for v in sys.argv[2:6])
for path in sys.argv[6:]:
    given = np.load(path)
    device = ConstantStepDevice(dw_min=dw*(1 + a), up_down=2*a/(1 + a), w_max=1.0, w_min=-1.0, dw_min_std=noise,
        dw_min_dtod=0.0, up_down_dtod=0.0, w_max_dtod=0.0, w_min_dtod=0.0)
    config = SingleRPUConfig(device=device)
    config.update.desired_bl, config.update.update_bl_management, config.update.update_management = 31, True, True
    tiles = []
    for name in ("first", "second"):
        start = given[name]
        tile = AnalogTile(start.shape[0], start.shape[1] + 1, config)
        tile.set_weights(torch.tensor(np.pad(start, ((0, 0), (0, 1))), dtype=torch.float32))
        tiles.append(tile)
    one = torch.ones(1, 1)
    for x, label, factor in zip(torch.tensor(given["x"], dtype=torch.float32), given["y"].tolist(), given["factors"].tolist()):
        w1, w2 = (tile.get_weights()[0] for tile in tiles)
        into = torch.cat([x[None], one], 1)
        hidden = torch.cat([torch.tanh(into @ w1.T), one], 1)
        error = torch.softmax(hidden @ w2.T, 1)
        error[0, label] -= 1
        back = (error @ w2)[:, :-1]*(1 - hidden[:, :-1]**2)
        for tile in tiles:
            tile.set_learning_rate(rate*(1 + a)*factor)
        tiles[0].update(into, back)
        tiles[1].update(hidden, error)
    w1, w2 = (tile.get_weights()[0].numpy() for tile in tiles)
    np.savez(path.replace(".npz", ".out.npz"), w1=w1, w2=w2)
"""


def given(seed: int) -> dict[str, np.ndarray]:
    """Samples in the order in which both see them, and the weights both start from."""
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = images[order] / 16, labels[order]
    draw = np.random.default_rng(seed)
    first, second = draw.normal(size=(32, 64)) / 8, draw.normal(size=(10, 32)) / 6
    seen = np.concatenate([draw.permutation(TRAINED) for _ in range(EPOCHS)])
    return {
        "x": images[seen], "y": labels[seen], "first": first, "second": second, "test_x": images[TRAINED:],
        "test_y": labels[TRAINED:], "factors": RateSchedule(decay=len(seen)).factors(0, len(seen)),
    }  # fmt: skip


def judged(data: dict[str, np.ndarray], w1: np.ndarray, w2: np.ndarray) -> tuple[float, float]:
    """Test accuracy (%), and mean change of a weight, of weights with the biases as their last column."""
    hidden = np.tanh(data["test_x"] @ w1[:, :-1].T + w1[:, -1])
    right = np.argmax(hidden @ w2[:, :-1].T + w2[:, -1], axis=1) == data["test_y"]
    moved = [(w1[:, :-1] - data["first"]).ravel(), (w2[:, :-1] - data["second"]).ravel()]
    return 100 * float(right.mean()), float(np.concatenate(moved).mean())


def theirs(python: str, cell: tuple[float, float], all_data: list[dict[str, np.ndarray]]) -> list[tuple[float, float]]:
    """Accuracy and drift of the peer, by seed."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / f"{k}.npz") for k in range(len(all_data))]
        for path, data in zip(paths, all_data, strict=True):
            np.savez(path, **data)
        numbers = [repr(v) for v in (*cell, RATE, NOISE)]
        subprocess.run([python, "-c", PEER, folder, *numbers, *paths], check=True, capture_output=True, text=True)
        found = [np.load(path.replace(".npz", ".out.npz")) for path in paths]
        return [judged(data, one["w1"], one["w2"]) for data, one in zip(all_data, found, strict=True)]


def ours(cell: tuple[float, float], seed: int, data: dict[str, np.ndarray]) -> tuple[float, float]:
    """Accuracy and drift of ours."""
    update = PulsedUpdate(pulses=2 / cell[1], asymmetry=cell[0], write_noise=NOISE)
    port = Coincidence(RATE, Weights(g_max="1 uS", differential=False, update=update))
    network = Network.mlp([data["first"], data["second"]], activations="tanh", loss="softmax_cross_entropy")
    samples = iter(zip(data["x"], data["y"], strict=True))
    how = {"seed": seed, "hardware_seed": seed, "rate_schedule": RateSchedule(decay=len(data["x"]))}
    found = train(network, samples, port=port, target="standalone", **how).network.parameters
    held = [np.column_stack([found[name].weight, found[name].bias]) for name in ("s1", "s2")]
    return judged(data, *held)


def main(python: str, cells: list[tuple[float, float]], seeds: int) -> None:
    """Print a row for each cell: means and standard deviations over seeds."""
    for cell in cells:
        all_data = [given(seed) for seed in range(seeds)]
        a = np.array([ours(cell, seed, data) for seed, data in enumerate(all_data)])
        b = np.array(theirs(python, cell, all_data))
        shown = [f"{v.mean(axis=0)[0]:5.1f} +- {v.std(axis=0, ddof=1)[0] if seeds > 1 else 0:4.1f} %, drift "
                 f"{v.mean(axis=0)[1]:+.4f} +- {v.std(axis=0, ddof=1)[1] if seeds > 1 else 0:.4f}" for v in (a, b)]  # fmt: skip
        off = b.mean(axis=0)[1]
        error = np.sqrt((a.var(axis=0, ddof=1) + b.var(axis=0, ddof=1))[0] / seeds) if seeds > 1 else 0.0
        print(
            f"a = {cell[0]:<5g} dw = {cell[1]:<6g} ours {shown[0]}   aihwkit {shown[1]}   "
            f"accuracy {a.mean(axis=0)[0] - b.mean(axis=0)[0]:+.1f} +- {error:.1f} points, drift {100 * (a.mean(axis=0)[1] / off - 1):+.0f} %",
            flush=True,
        )


if __name__ == "__main__":
    one = [(float(sys.argv[2]), float(sys.argv[3]))] if len(sys.argv) > 3 else None
    every = [(a, dw) for a in ASYMMETRIES for dw in STEPS]
    main(sys.argv[1], one or every, int(sys.argv[4]) if len(sys.argv) > 4 else SEEDS)
