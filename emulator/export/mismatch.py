"""How weights of a technology spread about the values they are programmed to."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.errors import ExportError
from emulator.graph import ScatteringGraph
from emulator.measure.synapses import Floats
from hwmodels import program


@dataclass(frozen=True)
class Spread:
    """The devices of one weight matrix (C, R), in units of the weight.

    A device is normal about `target` with deviation `sigma`, cut at 0; a weight is the first device less the second,
    or a single one, plus `offset`.

    Parameters
    ----------
    target, sigma : (p, C, R)
        Of each of the p devices of a weight.
    offset : float
    """

    target: Floats
    sigma: Floats
    offset: float

    def formula(self, weight: float, column: int, row: int) -> str:
        """A parameter expression: the weight itself, or its devices drawn anew where the parameter ``mm`` is 1."""
        drawn = "".join(
            f"{sign}max(agauss({float(self.target[k, column, row])!r},{float(self.sigma[k, column, row])!r}*sigma,1),0)"
            for k, sign in zip(range(len(self.target)), ("", "-"), strict=False)
        )
        return f"{weight!r}+mm*({drawn}+({self.offset - weight!r}))"


def weight_spread(graph: ScatteringGraph) -> dict[str, Spread]:
    """The devices of every dense layer, from the programming law of the hardware.

    Raises
    ------
    ExportError
        If the hardware states no such law.
    """
    law = graph.hardware.weights
    if law.programming is None or law.g_max is None:
        raise ExportError(
            f"mismatch: hardware {graph.hardware.name!r} has no weights.programming; allowed: a model that has"
        )
    found = {}
    for layer, parameters in graph.network.parameters.items():
        devices = program(law, parameters.weight, graph.seed, f"devices of {layer}")
        unit = devices.w_max / (law.g_max - law.g_min) * (1 if law.differential else 2)
        offset = 0.0 if law.differential else -devices.w_max - unit * law.g_min
        found[layer] = Spread(unit * devices.target, unit * law.programming.sigma(devices.target), offset)
    return found
