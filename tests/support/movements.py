"""Movements of neurons that nothing has to do with a network."""

from __future__ import annotations

import numpy as np


def random_movements(
    samples: int, count: int, hold: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Of `count` neurons: where samples end and half a band about it, (B, N) each, where they were before, and movements."""
    rng = np.random.default_rng(5)
    end, band, before = rng.normal(size=(samples, count)), np.full((samples, count), 1.5), rng.normal(size=count)
    where = np.array([(t, n) for t in range(samples * hold) for n in range(count) if rng.random() < 0.4])
    return end, band, before, {"step": where[:, 0], "neuron": where[:, 1], "x": rng.normal(size=len(where))}
