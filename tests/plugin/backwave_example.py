"""A plug-in with one part of every kind, as its author would write it: entry points name them, nothing else is touched."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emulator.importers import Imported
from emulator.laws import NodeLaw
from emulator.learning import Resistive
from emulator.network import ActivationFunction, Network
from emulator.study.metrics import Metric
from hwmodels import HardwareModel


@dataclass(frozen=True)
class Lagging(NodeLaw):
    """Every node follows what arrives with a lag."""

    share: float = 0.9
    impedance: float = 1.0
    name = "lagging"
    state_update = "x = x + share*(F - x)"
    costate_update = "lam = lam + share*(B - lam)"

    @property
    def parameters(self):
        return {"share": self.share}


SOFTSIGN = ActivationFunction(
    name="softsign",
    phi=lambda s: s / (1 + np.abs(s)),
    dphi=lambda s: 1 / (1 + np.abs(s)) ** 2,
    d2phi=lambda s: -2 * np.sign(s) / (1 + np.abs(s)) ** 3,
    brian2=("s/(1 + abs(s))", "1/(1 + abs(s))**2"),
)
LARGEST = Metric(
    "", "lower", "largest output of a sample", label="largest output", compute=lambda run: np.abs(run.held).max()
)
EDGES = ("edges.txt", lambda graph, path: path.write_text("\n".join(c.name for c in graph.couplings)))


@dataclass(frozen=True)
class Halved(Resistive):
    """A resistive port that takes half of every step."""


def read_widths(path: Path, loss: str | None) -> Imported:
    """A text file with the widths of a perceptron, whose weights are all one number."""
    widths = [int(word) for word in path.read_text().split()]
    weights = [np.full((rows, columns), 0.3) for columns, rows in itertools.pairwise(widths)]
    return Imported(Network.mlp(weights, activations="softsign", loss=loss or "mse"), str(path))


def slow_board() -> HardwareModel:
    """A board with lines of three steps."""
    return HardwareModel.from_dict(
        {"clock": {"node_update_interval": "1 ns"}, "lines": {"delay_forward": {"kind": "constant", "value": "3 ns"}}}
    )
