"""An importer: what reads the files of an ending."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from emulator.importers import Imported
from emulator.network import Network


def read_widths(path: Path, loss: str | None) -> Imported:
    """A text file with the widths of a perceptron, whose weights are all one number."""
    widths = [int(word) for word in path.read_text().split()]
    weights = [np.full((rows, columns), 0.3) for columns, rows in itertools.pairwise(widths)]
    return Imported(Network.mlp(weights, activations="softsign", loss=loss or "mse"), str(path))
