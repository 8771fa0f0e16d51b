"""Trains of pulses beside IBM's aihwkit: mean and spread of 1,000 devices, constant steps, soft bounds and piecewise steps.

    python -m tests.benchmarks.aihwkit_pulses PYTHON

PYTHON is an interpreter that has aihwkit (1.1.0 and PyTorch 2.10 agree; they need not stand beside brian2). Both get 80
pulses up and 30 down from weight 0. The conversion: ``pulses = 2/dw_min`` on a range of -1 to 1, with the step at weight 0
(`anchor`); their spreads of the ends are relative to the ends, ours to the range.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np

COUNT, UP, DOWN = 1000, 80, 30
COMMON = {"dw_min_dtod": 0.2, "dw_min_std": 0.3, "up_down": 0.0, "up_down_dtod": 0.01, "w_max": 1.0, "w_min": -1.0}
PEER = """
import json, sys, torch
from aihwkit.simulator import configs
from aihwkit.simulator.tiles import AnalogTile
kind, fields, count, up, down = json.loads(sys.argv[1])
config = configs.SingleRPUConfig(device=getattr(configs, kind)(**fields))
config.update.desired_bl, config.update.update_bl_management, config.update.update_management = 1, False, False
tile = AnalogTile(count, 1, config)
tile.set_weights(torch.zeros(count, 1))
tile.set_learning_rate(1.0)
for sign in [-1] * up + [1] * down:
    tile.update(torch.ones(1, 1), 10.0 * sign * torch.ones(1, count))
print(json.dumps(tile.get_weights()[0].ravel().tolist()))
"""
#: their device, its fields, and our law
CASES = {
    "constant steps": (
        "ConstantStepDevice", {"dw_min": 0.002, "w_max_dtod": 0.1, "w_min_dtod": 0.1},
        {"pulses": 1000.0, "bound_spread": 0.05},
    ),
    "soft bounds": (
        "SoftBoundsDevice", {"dw_min": 0.01, "w_max_dtod": 0.1, "w_min_dtod": 0.1, "mult_noise": True},
        {"pulses": 200.0, "bound_spread": 0.05, "shape": "linear", "nonlinearity": 1.0, "anchor": 0.5},
    ),
    "piecewise": (
        "PiecewiseStepDevice",
        {"dw_min": 0.01, "w_max_dtod": 0.0, "w_min_dtod": 0.0, "piecewise_up": [1.5, 1.0, 0.2], "piecewise_down": [0.1, 0.8, 1.2]},
        {"pulses": 200.0, "shape": "table", "up_steps": (1.5, 1.0, 0.2), "down_steps": (0.1, 0.8, 1.2)},
    ),
}  # fmt: skip


def theirs(python: str, kind: str, fields: dict) -> np.ndarray:
    """Weights of the peer's devices."""
    asked = json.dumps([kind, {**COMMON, **fields}, COUNT, UP, DOWN])
    done = subprocess.run([python, "-c", PEER, asked], capture_output=True, text=True, check=True)
    return np.array(json.loads(done.stdout.splitlines()[-1]))


def ours(law: dict) -> np.ndarray:
    """Weights of ours."""
    from emulator import Coincidence, Network, train
    from hwmodels import PulsedUpdate, Weights

    update = PulsedUpdate(write_noise=0.3, step_spread=0.2, asymmetry_spread=0.01, **law)
    port = Coincidence(1.0, Weights(g_max="1 uS", differential=False, update=update), slots=1)
    signs = [1.0] * UP + [-1.0] * DOWN
    samples = iter([(np.ones(1), np.full(COUNT, 1e9 * sign)) for sign in signs])
    network = Network.mlp([np.zeros((COUNT, 1))], loss="mse")
    return train(network, samples, port=port, chunk=len(signs), target="numpy").network.parameters["s1"].weight[:, 0]


def main(python: str) -> None:
    """Print a row for each kind of device; z-scores within 4 are sampling noise."""
    for name, (kind, fields, law) in CASES.items():
        a, b = ours(law), theirs(python, kind, fields)
        mean = (a.mean() - b.mean()) / math.hypot(a.std(), b.std()) * math.sqrt(COUNT)
        spread = (a.std() - b.std()) / (math.hypot(a.std(), b.std()) / math.sqrt(2 * COUNT))
        print(
            f"{name:16} ours {a.mean():.4f} +- {a.std():.4f}   aihwkit {b.mean():.4f} +- {b.std():.4f}   "
            f"z of the mean {mean:+.1f}, of the spread {spread:+.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1])
