"""How far noise keeps the states and costates of two-way lines from rest.

Every arriving wave brings an independent error; the linearised step carries it on for as long as it lasts. The variances
add up over all of the past; they are estimated by sending random signs in place of the errors (the trace estimator of
M. F. Hutchinson, Commun. Stat. Simul. Comput. 18, 1989) with a seed of their own.
"""

from __future__ import annotations

import numpy as np

from emulator.families.bilateral.near_rest import Junctions
from emulator.families.bilateral.scattering import BilateralStep
from emulator.graph import ScatteringGraph
from emulator.measure.rest import OperatingPoint
from emulator.measure.synapses import Floats
from hwmodels import rng

#: vectors of signs, steps that are followed, and share of the whole below which a step's part no longer counts
_SIGNS, _STEPS, _LITTLE = 64, 2000, 1e-4


def wave_noise(graph: ScatteringGraph, point: OperatingPoint, received: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """Standard deviation of every neuron's state and costate, (N,) each.

    Parameters
    ----------
    graph : ScatteringGraph
        Compiled with the bilateral law.
    point : OperatingPoint
        Where it rests.
    received : (L,), (L,)
        Variance of the error of an arriving wave, forward and backward.

    Returns
    -------
    state, costate : (N,)
        The error of the waves in the lines at a neuron, by which its lines' ends differ, is part of it.
    """
    step = BilateralStep(graph, point)
    layout = step.junctions.layout
    count = layout.lines.count
    sigma = np.zeros(layout.ports)
    sigma[:count], sigma[count : 2 * count] = np.sqrt(received[1]), np.sqrt(received[0])
    vectors = np.zeros((step.shape[0], _SIGNS))
    signs = rng(graph.seed, "noise of two-way lines", "signs").choice([-1.0, 1.0], (layout.ports, _SIGNS))
    vectors[: layout.ports] = (layout.pole * sigma)[:, None] * signs
    state, costate = _of_lines(step.junctions, sigma)
    for _ in range(_STEPS):
        held = vectors[: layout.ports]
        parts = [((m @ held) ** 2).mean(axis=1) for m in (step.junctions.state, step.junctions.costate)]
        state, costate = state + parts[0], costate + parts[1]
        if parts[0].max() <= _LITTLE * state.max() and parts[1].max() <= _LITTLE * costate.max():
            break
        vectors = step.carried(vectors)
    return np.sqrt(state), np.sqrt(costate)


def _of_lines(junctions: Junctions, sigma: Floats) -> tuple[Floats, Floats]:
    """Variance of the difference between the ends of a neuron's lines, the largest of each, (N,)."""
    layout = junctions.layout
    at = np.flatnonzero(layout.at_neuron & (layout.lines_of_port > 0))
    both = sigma[at] ** 2 + sigma[layout.partner[at]] ** 2
    state, costate = np.zeros((2, layout.neurons))
    np.maximum.at(state, layout.node[at], both)
    np.maximum.at(costate, layout.node[at], both / layout.impedance[at] ** 2)
    return state, costate
