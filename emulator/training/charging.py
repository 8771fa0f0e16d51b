"""The decay that recharging lines is for ports that learn while waves fly, and what is left of it; see `emulator/laws/THEORY.md`.

On two-way lines a costate is a current. When a sample changes, every line is recharged by ``C (V_new - V_old)``, through the
crossbar whose ports take that current for costate. Over a hold of H steps a port sees ``C dV/H`` beside the costate at rest:
for samples that do not depend on each other a decay of ``C/(2 H)`` times the variance of the states, whatever the rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emulator.graph import ScatteringGraph
from emulator.laws import family_of
from emulator.measure.reference import Reference
from emulator.measure.rest import first_slopes, neuron_values

#: share of a layer's gradient along its own states from which on its decay is warned of
_MATTERS = 0.01


@dataclass(frozen=True)
class Charging:
    """What recharging does to one layer of weights.

    Parameters
    ----------
    layer : str
    charge : float
        C, of the lines behind the layer: mean over its neurons, those that leave a neuron by the square of its slope.
    decay : float
        Gradient along the layer's own states that recharging adds: ``C/H`` times their variance, summed over neurons.
    gradient : float
        That of the loss in the same direction, without its sign.
    """

    layer: str
    charge: float
    decay: float
    gradient: float

    @property
    def share(self) -> float:
        """The decay against the gradient."""
        return self.decay / self.gradient if self.gradient > 0 else float("inf") if self.decay > 0 else 0.0


def charging(graph: ScatteringGraph, exact: Reference, hold: float, left: float = 1.0) -> tuple[Charging, ...]:
    """What recharging does to every layer, on a batch; nothing where lines store no charge.

    Parameters
    ----------
    graph : ScatteringGraph
    exact : Reference
        Of the batch, with costates, at the parameters that learn.
    hold : float
        Steps.
    left : float
        Share of the decay that is left; see `share_left`.
    """
    stored = family_of(graph.law).charges(graph)
    if stored is None:
        return ()
    into, out = stored
    x, s, lam = neuron_values(graph, exact)
    slope = first_slopes(graph, s)
    along = np.abs(np.mean(lam * slope * (s - s.mean(axis=0)), axis=0))
    pull = left / hold * (into * s.var(axis=0) + out * x.var(axis=0))
    each = into + out * np.mean(slope**2, axis=0)
    found = []
    for layer, dense in graph.network.dense.items():
        if not dense.trainable:
            continue
        at = graph.layer_neurons(layer)
        found.append(Charging(layer, float(each[at].mean()), float(pull[at].sum()), float(along[at].sum())))
    return tuple(found)


def share_left(opening: float, ramp: int, lag: float, hold: int) -> float:
    """What a ramp and ports that open by and by leave of the decay.

    Parameters
    ----------
    opening : float
        Power of the time within a hold with which ports open: while the charge flows, for about `lag` steps, they are open by
        ``(opening + 1) (lag/hold)^opening``.
    ramp : int
        Steps of the ramp. Data and lines move together but for the lag, and what moves together cancels, sample against
        sample: ``2 lag/ramp - (lag/ramp)^2`` is left.
    lag : float
        Steps by which the lines follow.
    hold : int
    """
    opened = min(1.0, (opening + 1) * (lag / hold) ** opening) if opening else 1.0
    late = min(1.0, lag / ramp)
    return opened * (2 * late - late**2)


def forewarned(found: tuple[Charging, ...], hold: int) -> str | None:
    """A sentence on the layer whose decay is largest against its gradient, if that matters."""
    if not found or max(one.share for one in found) < _MATTERS:
        return None
    worst = max(found, key=lambda one: one.share)
    return (
        f"the currents that recharge the lines at every new sample act as a decay of the weights along the data, C/H = "
        f"{worst.charge:.3g}/{hold} at layer {worst.layer!r}: {worst.share:.2g} times the loss's own gradient there at first, "
        "and more as that falls; longer holds, data.ramp, training.opening, or lines of less capacitance (backwave tune --for "
        "learning) lessen it"
    )
