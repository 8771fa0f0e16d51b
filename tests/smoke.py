"""A small network on every target, against exact backpropagation: ``python -m tests.smoke``, or ``... numpy standalone``."""

from __future__ import annotations

import sys

import brian2
import numpy as np

from emulator import Network, compile_network, reference, settle
from emulator.options import TARGETS


def main() -> None:
    """Settle on each target, and stop where one is wrong."""
    rng = np.random.default_rng(0)
    network = Network.mlp([rng.normal(size=(5, 4)) / 2, rng.normal(size=(3, 5)) / 2], loss="softmax_cross_entropy")
    inputs, labels = rng.normal(size=(4, 4)), rng.integers(0, 3, 4)
    chosen = sys.argv[1:] or TARGETS
    for target in chosen:
        result = settle(compile_network(network), inputs, labels, target=target)
        errors = result.errors(reference(network, inputs, labels))
        if result.status != "settled" or not max(errors["state"], errors["costate"], errors["gradient"]) < 1e-12:
            sys.exit(f"target {target}: {result.status}, {errors}")
    print(f"Python {sys.version.split()[0]}, brian2 {brian2.__version__}: {', '.join(chosen)} are exact")


if __name__ == "__main__":
    main()
