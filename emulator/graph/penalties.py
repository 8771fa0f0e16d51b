"""What the penalties of a network are on its substrate: a conductance to ground at a neuron, a pull at a weight.

A squared state adds ``state x`` to a neuron's costate, the current through a conductance to ground. Under a law whose
load has the conductance `kappa`, costates and gradients are those of `kappa` times the objective, penalties included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from emulator.errors import CompileError

if TYPE_CHECKING:
    from emulator.graph import ScatteringGraph


def state_penalties(graph: ScatteringGraph) -> NDArray[np.float64]:
    """Conductance to ground of every neuron, (N,)."""
    shunt = np.zeros(graph.neurons)
    for name, penalty in graph.network.penalties.items():
        if penalty.state:
            shunt[graph.layer_neurons(name)] = _scale(graph) * penalty.conductance
    return shunt


def weight_penalties(graph: ScatteringGraph) -> dict[str, float]:
    """What every dense layer's gradient has of its weights, by layer; 0 without a penalty."""
    penalties = graph.network.penalties
    return {name: _scale(graph) * penalties[name].weight if name in penalties else 0.0 for name in graph.network.dense}


def check_penalties(graph: ScatteringGraph) -> None:
    """Refuse penalties of states that no node holds, or that the law has no place for.

    Raises
    ------
    CompileError
        Naming the layer, and why.
    """
    for name, penalty in graph.network.penalties.items():
        if not penalty.state:
            continue
        site, kind = graph.layer_sites[name]
        if kind == "s":
            raise CompileError(
                f"layer {name!r}: penalty has state {penalty.told}, but its state is the pre-activation inside the "
                f"neurons of {site!r}, which no line holds and no conductance can load; allowed: at {site!r}"
            )
        if graph.law.unshunted:
            raise CompileError(
                f"layer {name!r}: penalty has state {penalty.told}; allowed with law {graph.law.name}: 0, since "
                f"{graph.law.unshunted}"
            )


def _scale(graph: ScatteringGraph) -> float:
    return float(graph.law.parameters.get("kappa", 1.0)) if graph.loss == "mse" else 1.0
