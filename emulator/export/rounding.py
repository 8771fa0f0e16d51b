"""How large the terms are that make every value of a network: what rounding is measured against.

Where a sample is classified with confidence, costates are small differences of numbers near 1. Their own size then says
nothing of how exact they can be: every sum is exact to a rounding of its terms, and passes on what its terms have already
lost (running error analysis: N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.3).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from emulator.graph import ScatteringGraph
from emulator.graph.coupling import Coupling
from emulator.measure.reference import Reference
from emulator.measure.rest import neuron_values, slopes
from emulator.measure.synapses import Floats, crossbar

#: deviation, relative to the terms that make a value, which is rounding
ROUNDING = 4e-15
#: the same between two-way lines, of the largest terms in a row: a costate is the current that states drive together
ROUNDING_TWO_WAY = 4e-14
#: costates below this share of their terms: a wrong way back could hide in rounding
VANISHING = 1e-12


def vanishing(values: Iterable[Floats], behind: Iterable[Floats]) -> bool:
    """Whether rows of costates are all so small beside their terms that a wrong way back could hide in rounding."""
    pairs = zip(values, behind, strict=True)
    return all(np.abs(row).max(initial=0.0) <= VANISHING * of.max(initial=0.0) for row, of in pairs)


def terms(graph: ScatteringGraph, point: Reference, targets: Floats, kappa: float = 1.0) -> dict[str, Floats]:
    """Magnitude of the terms behind every state, pre-activation, costate and costate of a pre-activation.

    Parameters
    ----------
    graph : ScatteringGraph
    point : Reference
        Of one sample, with its targets.
    targets : (n_out,)
    kappa : float
        What multiplies the gradient of a squared loss.

    Returns
    -------
    dict of signal to (N,)
        ``x``, ``s``, ``lam`` and ``mu`` of every neuron, none below the value's own magnitude.
    """
    x, s, lam = (values[0] for values in neuron_values(graph, point))
    first, second = (np.abs(values) for values in slopes(graph, s, exact=False))
    joined = [(coupling, _magnitudes(graph, coupling)) for coupling in graph.couplings]
    sums, states = np.zeros_like(x), np.abs(x)
    for layer, parameters in graph.network.parameters.items():
        sums[graph.layer_neurons(layer)] += np.abs(parameters.bias)
    for site in graph.sites:
        own = slice(site.start, site.stop)
        for coupling, weight in joined:
            if own.start <= coupling.columns[0] < own.stop:
                given = states[coupling.rows]
                sums[coupling.columns] += given if weight is None else weight @ given
        if site.role != "source":
            states[own] += first[own] * sums[own]
    back, passed = np.zeros_like(x), np.zeros_like(x)
    outputs = graph.layer_neurons(graph.network.output)
    back[outputs] = _load(graph, x[outputs], states[outputs], np.abs(targets), kappa)
    for site in reversed(graph.sites):
        own = slice(site.start, site.stop)
        passed[own] = first[own] * back[own] + second[own] * sums[own] * np.abs(kappa * lam[own])
        for coupling, weight in joined:
            if own.start <= coupling.columns[0] < own.stop:
                given = passed[coupling.columns]
                np.add.at(back, coupling.rows, given if weight is None else given @ weight)
    return {"x": states, "s": sums, "lam": back, "mu": passed}


def _magnitudes(graph: ScatteringGraph, coupling: Coupling) -> Floats | None:
    weight = crossbar(graph, coupling)
    return None if weight is None else np.abs(weight)


def _load(graph: ScatteringGraph, x: Floats, states: Floats, targets: Floats, kappa: float) -> Floats:
    """Terms of the loss's derivative: of a softmax, shares move with the outputs that they are made of."""
    if graph.loss == "mse":
        return np.asarray(kappa * (states + targets))
    shares = np.exp(x - x.max())
    shares /= shares.sum()
    return np.asarray(shares * (1 + 2 * states.max()) + targets)
