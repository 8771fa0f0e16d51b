"""A network at rest, neuron by neuron: the point around which small waves are followed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emulator.errors import EngineError
from emulator.graph import ScatteringGraph
from emulator.laws import family_of
from emulator.measure.reference import Reference
from emulator.measure.synapses import Floats, crossbar
from emulator.network.activations import activation_function


@dataclass(frozen=True)
class OperatingPoint:
    """A rest of a substrate with N neurons: ``x = F`` and ``lam = B`` at every one of them.

    Parameters
    ----------
    x, s, lam : (N,)
        State, pre-activation and costate of every neuron (`s` of a source is not used).
    loaded : bool
        Whether the output meets its loss; without targets it does not, and no costate arises.
    """

    x: Floats
    s: Floats
    lam: Floats
    loaded: bool = True


def operating_point(graph: ScatteringGraph, reference: Reference, sample: int = 0) -> OperatingPoint:
    """Where a graph rests with one sample of an exact reference; see `emulator.families.base.Family.rest`.

    Raises
    ------
    EngineError
        If there is no such sample.
    """
    return family_of(graph.law).rest(graph, reference, sample)


def exact_point(graph: ScatteringGraph, reference: Reference, sample: int = 0) -> OperatingPoint:
    """One sample of an exact reference: its costates times the conductance of the load.

    Raises
    ------
    EngineError
        If there is no such sample.
    """
    x, s, lam = neuron_values(graph, reference)
    if not 0 <= sample < len(x):
        raise EngineError(f"operating point: sample is {sample!r}; allowed: 0 to {len(x) - 1}")
    conductance = load_conductance(graph)
    return OperatingPoint(x[sample], s[sample], conductance * lam[sample], loaded=bool(reference.costates))


def load_conductance(graph: ScatteringGraph) -> float:
    """By how much costates are larger than those of the loss."""
    return graph.law.load_conductance if graph.loss == "mse" else 1.0


def neuron_values(graph: ScatteringGraph, reference: Reference) -> tuple[Floats, Floats, Floats]:
    """State, pre-activation and costate of every neuron, (B, N) each; costates are 0 without targets."""
    x = np.hstack([reference.states[site.name] for site in graph.sites])
    lam = np.zeros_like(x)
    if reference.costates:
        lam = np.hstack([reference.costates[site.name] for site in graph.sites])
    s = np.zeros_like(x)
    for coupling in graph.couplings:
        weight, given = crossbar(graph, coupling), x[:, coupling.rows]
        s[:, coupling.columns] += given if weight is None else given @ weight.T
    for layer, parameters in graph.network.parameters.items():
        s[:, graph.layer_neurons(layer)] += parameters.bias
    return x, s, lam


def slopes(graph: ScatteringGraph, s: Floats, exact: bool = True) -> tuple[Floats, Floats]:
    """``phi'`` and ``phi''`` of every neuron at pre-activations `s` (..., N); 0 at sources.

    Where a second derivative that is not known need not be `exact`, differences take its place.

    Raises
    ------
    EngineError
        If an activation has no second derivative.
    """
    second = np.zeros_like(s)
    for site in graph.sites:
        if site.role != "source":
            part = slice(site.start, site.stop)
            second[..., part] = activation_function(site.function, site.slope).curvature(s[..., part], exact)
    return first_slopes(graph, s), second


def first_slopes(graph: ScatteringGraph, s: Floats) -> Floats:
    """``phi'`` of every neuron at pre-activations `s` (..., N); 0 at sources."""
    first = np.zeros_like(s)
    for site in graph.sites:
        if site.role != "source":
            part = slice(site.start, site.stop)
            first[..., part] = activation_function(site.function, site.slope).dphi(s[..., part])
    return first


def checked_point(graph: ScatteringGraph, point: Reference | OperatingPoint) -> OperatingPoint:
    """`point` itself, or the rest of the first sample of a reference.

    Raises
    ------
    EngineError
        If an array has another shape than the graph has neurons, or is not finite.
    """
    if isinstance(point, Reference):
        point = operating_point(graph, point)
    for name in ("x", "s", "lam"):
        values = getattr(point, name)
        if np.shape(values) != (graph.neurons,):
            raise EngineError(
                f"operating point: {name} has shape {np.shape(values)}; "
                f"allowed: ({graph.neurons},), one number per neuron"
            )
        if not np.isfinite(values).all():
            neuron = int(np.flatnonzero(~np.isfinite(values))[0])
            raise EngineError(f"operating point: {name}[{neuron}] is {values[neuron]}; allowed: finite numbers")
    return point
