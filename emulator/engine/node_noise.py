"""Noise of the nodes themselves: one-pole noises that move on at every step, and are there before the first."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from emulator.engine.random import key
from emulator.graph import ScatteringGraph
from hwmodels import rng


def node_noise(graph: ScatteringGraph, seed: int) -> tuple[int, dict[str, float]]:
    """Number of one-pole noises of every node, the band-limited one and those that make up 1/f noise; their numbers by name."""
    noise = graph.hardware.noise
    poles = [noise.node] if noise.node.rms else []
    poles += list(noise.flicker.poles())
    values: dict[str, float] = {}
    for k, pole in enumerate(poles):
        decay, drive = pole.recursion(graph.step)
        stream = key(seed, "node noise", str(k))
        values |= {f"eta_decay{k}": decay, f"eta_drive{k}": drive, f"eta_key{k}": stream}
    return len(poles), values


def noisy(poles: int) -> str:
    """Code that moves the noises of a node on by a step, and adds them to its forward proposal `F`."""
    return "".join(
        f"eta{k} = eta_decay{k}*eta{k} + eta_drive{k}*gauss(eta_key{k}, i, t_in_timesteps)\nF = F + eta{k}\n"
        for k in range(poles)
    )


def noise_at_start(
    poles: int, values: Mapping[str, NDArray[np.float64] | float], neurons: int, seed: int
) -> dict[str, NDArray[np.float64]]:
    """What the noises of all nodes are before the first step: samples of their own, stationary spread."""
    found: dict[str, NDArray[np.float64]] = {}
    for k in range(poles):
        decay, drive = float(values[f"eta_decay{k}"]), float(values[f"eta_drive{k}"])
        stream = rng(seed, "node noise at rest", str(k))
        found[f"eta{k}"] = drive / np.sqrt(1 - decay**2) * stream.standard_normal(neurons)
    return found
