"""The numbers of a run: what goes into a plan's brian2 objects."""

from __future__ import annotations

import numpy as np

from emulator.engine.effects import Effects, check_jitter
from emulator.engine.layout import Layout, biases
from emulator.engine.node_noise import noise_at_start
from emulator.engine.places import per_node
from emulator.engine.plan import SMALLEST
from emulator.engine.programming import programmed
from emulator.graph import ScatteringGraph

#: movements of a band-limited receiver that no longer count
GRAIN = 1e-14


def values_of(
    graph: ScatteringGraph,
    layout: Layout,
    effects: Effects,
    *,
    loaded: bool,
    threshold: float = 0.0,
    resolution: float = 0.0,
    seed: int = 0,
    age: float | None = None,
    w_max: float | None = None,
    weight: np.ndarray | None = None,
) -> dict[str, np.ndarray | float]:
    """Everything but the data.

    Parameters
    ----------
    graph, layout, effects
        What runs.
    loaded : bool
        Whether the load answers (with targets) or is off.
    threshold : float
        Send-on-change threshold `q`.
    resolution : float
        Relative movements below this are not recorded.
    seed : int
        Seed of the run.
    age : float, optional
        Seconds since the weights were programmed.
    w_max : float, optional
        Weight of a device at `g_max`; by default the largest of its layer.
    weight : (S,), optional
        Weights that have moved since; by default those programmed.
    """
    load = np.zeros(layout.neurons)
    load[layout.outputs] = loaded
    held = programmed(graph, layout, age, w_max)
    weight = held.weight if weight is None else weight
    check_jitter(graph, layout, effects)
    values: dict[str, np.ndarray | float] = {
        "bias": biases(graph),
        "load": load,
        "shunt": loaded * layout.shunt,
        "decay": layout.decay,
        "slope": layout.slope,
        "Z": graph.law.impedance * per_node(graph),
        "q": max(threshold, SMALLEST),
        "grain": max(threshold, GRAIN),
        "resolution": resolution,
        "w": weight,
        "w_sigma": held.sigma,
        "w_top": held.top,
        "line_delay": layout.tap_delay - 1.0 - effects.jitter,
        **graph.law.parameters,
        **effects.values,
    }
    if "offset" in values:
        values["inbox"] = values["offset"]
    return values | noise_at_start(effects.noise_poles, effects.values, layout.neurons, seed)
